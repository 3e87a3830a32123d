/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

/* What all commands share: reading options, saying what went wrong. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options that every command knows. */
struct options {
	const char *word;   /* the command's own */
	const char *usage;  /* its help */
	const char *socket; /* the control socket */
	const char *url;    /* of another node; NULL: the control socket */
	bool json;
	int argc;
	char **argv;
	int next;
};

/* argv[0] is the command's word. */
void options_init(struct options *options, const char *usage, int argc, char **argv);

/*
 * The next option or argument in `*option`; --json, --socket, --url and --help are dealt with on
 * the way. False at the end; then, and after options_value() failed, `*status` is -1 to go on, or
 * the exit status.
 */
bool options_next(struct options *options, const char **option, int *status);

/* The value of the option that came last; NULL after having complained. */
const char *options_value(struct options *options, const char *option, int *status);

/* Complains about the use and returns CLI_USAGE. */
int options_wrong(const struct options *options, const char *what, const char *argument);

/* One line on stderr, or one JSON document on stdout; returns CLI_FAILED. */
__attribute__((format(printf, 3, 4))) int options_fail(
	const struct options *options, const char *reason, const char *format, ...);

/* "90", "90s", "5m", "2h" in milliseconds; false for anything else and beyond a week. */
bool options_duration(const char *text, uint64_t *ms);

/* "HH:MM" as milliseconds from now, today or tomorrow. */
bool options_time_of_day(const char *text, uint64_t *ms);

/* Prints text that came from elsewhere: no control characters reach the terminal. */
void options_print_safe(const char *text);

/* A comma-separated list of names, one after the other: returns the rest, NULL at the end. False
 * in *ok for what is no name. */
const char *options_name(const char *list, char *name, size_t capacity, bool *ok);

#endif
