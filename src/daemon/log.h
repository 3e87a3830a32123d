/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

/* What happened: on stderr or to syslog, and the last of it in memory for GET /v1/log. */
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum {
	LOG_ENTRIES_MAX = 256,
	LOG_CODE_SIZE = 31,
	LOG_TEXT_SIZE = 319,
};

enum log_level {
	LOG_LEVEL_DEBUG = 0,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
};

struct log_entry {
	uint64_t ms;    /* monotonic */
	int64_t unix_s; /* as far as the wall clock can be believed */
	enum log_level level;
	char code[LOG_CODE_SIZE + 1];
	char text[LOG_TEXT_SIZE + 1];
};

struct log {
	bool to_syslog;
	enum log_level least; /* what is below is not even kept */
	uint64_t count;       /* ever written */
	struct log_entry entries[LOG_ENTRIES_MAX];
};

void log_init(struct log *log, bool to_syslog, enum log_level least);
__attribute__((format(printf, 4, 5))) void log_write(
	struct log *log, enum log_level level, const char *code, const char *format, ...);

/* {"entries":[…]}, oldest first. */
void log_view(const struct log *log, struct text *text);

#endif
