// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "io/clock.h"

static const char *const level_words[] = { "debug", "info", "warning", "error" };
static const int priorities[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

void log_init(struct log *log, bool to_syslog, enum log_level least)
{
	/* The entries are left alone: memory that is never touched costs nothing. */
	log->to_syslog = to_syslog;
	log->least = least;
	log->count = 0;
	if (to_syslog)
		openlog("lockstep", LOG_PID, LOG_DAEMON);
}

void log_write(struct log *log, enum log_level level, const char *code, const char *format, ...)
{
	struct log_entry *entry = &log->entries[log->count % LOG_ENTRIES_MAX];
	va_list arguments;

	if (level < log->least)
		return;
	entry->ms = clock_now_ms();
	entry->unix_s = (int64_t)clock_unix_s();
	entry->level = level;
	text_set(entry->code, sizeof(entry->code), code);
	va_start(arguments, format);
	vsnprintf(entry->text, sizeof(entry->text), format, arguments);
	va_end(arguments);
	log->count++;
	if (log->to_syslog)
		syslog(priorities[level], "%s: %s", entry->code, entry->text);
	else
		fprintf(stderr, "%" PRIu64 ".%03u %-7s %s: %s\n", entry->ms / 1000,
			(unsigned)(entry->ms % 1000), level_words[level], entry->code, entry->text);
}

void log_view(const struct log *log, struct text *text)
{
	uint64_t begin = log->count > LOG_ENTRIES_MAX ? log->count - LOG_ENTRIES_MAX : 0;

	text_add(text, "{\"entries\":[");
	for (uint64_t i = begin; i < log->count; i++) {
		const struct log_entry *entry = &log->entries[i % LOG_ENTRIES_MAX];
		char stamp[CLOCK_STAMP_SIZE + 1];

		clock_stamp(stamp, (time_t)entry->unix_s);
		text_begin_object(text);
		text_add_member_u64(text, "ms", entry->ms);
		text_add_member_string(text, "time", stamp);
		text_add_member_string(text, "level", level_words[entry->level]);
		text_add_member_string(text, "code", entry->code);
		text_add_member_string(text, "text", entry->text);
		text_end_object(text);
	}
	text_end_list(text);
	text_end_object(text);
}
