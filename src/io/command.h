/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_COMMAND_H
#define IO_COMMAND_H

/*
 * Runs an executable, without a shell, in a process group of its own. What it prints on standard
 * output is gathered, to a bound; standard error is handed on line by line. It ends by its
 * deadline.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct command;

enum {
	COMMAND_ARGUMENTS_MAX = 6,
	COMMAND_ENVIRONMENT_MAX = 16,
	COMMAND_OUTPUT_SIZE = 16384,
	COMMAND_LINE_SIZE = 255,
};

struct command_request {
	uint32_t deadline_ms;                          /* then its group gets SIGKILL */
	void (*line)(void *context, const char *line); /* of standard error; may be NULL */
	/* Once, from the loop. `status` is the exit status, 128 + signal, or 255 if it could not be
	 * run or was ended by the deadline. `output` has a terminator. */
	void (*over)(void *context, int status, const char *output, size_t size);
	void *context;
	const char *arguments[COMMAND_ARGUMENTS_MAX + 1]; /* [0] is the path; NULL ends */
	const char
		*environment[COMMAND_ENVIRONMENT_MAX + 1]; /* "NAME=value" beside ours; NULL ends */
};

/* Copies what it needs. NULL if it could not be started; then `over` is not called. */
struct command *command_run(struct event_base *base, const struct command_request *request);

/* Ends its process group and forgets it; `over` is not called. */
void command_cancel(struct command *command);

#endif
