/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_PROGRAM_H
#define LIMEAPP_PROGRAM_H

/* Runs a program to its end, without a shell, and gathers what it prints on standard output. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROGRAM_OUTPUT_SIZE = 65536,
	PROGRAM_NOT_THERE = 127, /* the exit status if it could not be run, as in a shell */
};

struct program {
	const char *const *arguments; /* [0] is the path; NULL ends */
	uint64_t end_ms;              /* clock_now_ms(): then it is ended, with all that it began */
	int status;                   /* how it ended: its exit status */
	size_t size;
	char output[PROGRAM_OUTPUT_SIZE + 1]; /* with a terminator */
};

/* False if it was killed, took too long or printed too much, or there was no process for it. */
__attribute__((warn_unused_result)) bool program_run(struct program *program);

#endif
