/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

/*
 * What all commands share: their options, and how they end when something is wrong. A command that
 * cannot go on says so and ends the process, so that what follows reads as if all went well.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum {
	OPTIONS_WORDS_MAX = 2,
	OPTIONS_LIST_MAX = LIMITS_IMAGES_MAX,
};

/* The exit status of the program. */
enum {
	CLI_DONE = 0,
	CLI_FAILED = 1, /* refused or failed; the reason is on stderr in one line */
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3, /* no daemon answers */
};

struct options;

struct command {
	const char *word;
	const char *usage;   /* how to call it, but for "Usage: lockstep "; more is in help/ */
	uint16_t known;      /* its bit in the table of options */
	uint16_t word_count; /* it takes at most so many words that are no options */
	int (*run)(const struct options *options);
};

/* The bits. */
enum {
	OPTIONS_OF_STATUS = 1 << 0,
	OPTIONS_OF_CHECK = 1 << 1,
	OPTIONS_OF_START = 1 << 2,
	OPTIONS_OF_SCHEDULE = 1 << 3,
	OPTIONS_OF_CONFIRM = 1 << 4,
	OPTIONS_OF_ABORT = 1 << 5,
	OPTIONS_OF_LOG = 1 << 6,
	OPTIONS_OF_RELEASE = 1 << 7,
	OPTIONS_OF_KEY = 1 << 8,
	OPTIONS_OF_DAEMON = 1 << 9,
	OPTIONS_OF_ALL = OPTIONS_OF_DAEMON - 1, /* but for the daemon */
};

/* Values of options that may be given again and again. */
struct options_list {
	uint32_t count;
	const char *values[OPTIONS_LIST_MAX];
};

/* What a command was called with; what was not given is NULL, false or the default. */
struct options {
	const struct command *command;
	/* all commands */
	const char *socket; /* the control socket */
	const char *url;    /* of another node; NULL: the control socket */
	bool json;
	/* some commands */
	bool watch, force, force_board, generate, syslog, debug;
	bool allow_single_slot, allow_downgrade, no_catch_up, dry_run, seen;
	const char *key, *mesh, *participants, *confirm, *policy, *without, *reason;
	const char *version, *out, *info_url, *trust, *config;
	uint64_t sequence, threshold, quorum, wave; /* 0: not given */
	uint64_t hold_ms, countdown_ms, confirm_window_ms;
	const char *words[OPTIONS_WORDS_MAX];
	uint32_t word_count;
	struct options_list list; /* --image or --wave */
};

/* argv[0] is the command's word. Ends the process with the usage if something is wrong. `*options`
 * must live until the end: options_fail() looks into it. */
void options_read(
	struct options *options, const struct command *command, int argc, char *const *argv);

/* How to call it, and what there is to know: help/ lies beside the program's directory, or where
 * programs have their data. */
void options_help(const struct command *command);

/* One line on stderr, or one JSON document on stdout; ends with CLI_FAILED, or with CLI_NO_DAEMON
 * if that is the reason. `reason` NULL: the use was wrong; in words, with the usage, CLI_USAGE. */
__attribute__((format(printf, 2, 3))) _Noreturn void options_fail(
	const char *reason, const char *format, ...);

/* Memory that is all zero. Ends the process if there is none. */
void *options_allocate(size_t size);

/* Prints text that came from elsewhere: no control characters reach the terminal. */
void options_print_safe(const char *text);

/* "90", "90s", "5m", "2h" in milliseconds; false for anything else and beyond a week. */
bool options_duration(const char *text, uint64_t *ms);

/* "HH:MM" as milliseconds from now, today or tomorrow. */
bool options_time_of_day(const char *text, uint64_t *ms);

/* A comma-separated list of names, one after the other: returns the rest, NULL at the end. False
 * in *ok for what is no name. */
const char *options_name(const char *list, char name[static LIMITS_NAME_SIZE + 1], bool *ok);

/* The same, but fails for what is no name. */
const char *options_next_name(const char *list, char name[static LIMITS_NAME_SIZE + 1]);

#endif
