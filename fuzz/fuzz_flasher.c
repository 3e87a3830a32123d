// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * What a flasher prints is what the tools of a board print, and those see the image. The first byte
 * of the input is the verb, the second the exit status; what follows is what it prints on standard
 * output, and after a NUL on standard error. A status beyond 'p' is one of a program that closes
 * its output before it ends, and one beyond 'x' of one that a signal ended.
 *
 * No program runs: this takes in the file that runs them, with other calls in the place of those
 * for processes, and holds their ends of the pipes itself.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "faults.h"
#include "flash/flasher.h"
#include "io/timer.h"

enum { PRETENDED_PID = 7, TURNS_MAX = 40, STATUS_SIGNAL = 'x', STATUS_LINGERS = 'p' };

static int its_ends[2]; /* of the pipes: output, lines */
static uint32_t pipes;
static char its_status; /* of the input */
static bool lingers;

static int make_pipe(int fds[2], int flags)
{
	if (pipe2(fds, flags) != 0)
		return -1;
	its_ends[pipes] = dup(fds[1]);
	assert(its_ends[pipes] >= 0);
	pipes++;
	return 0;
}

static pid_t wait_for(pid_t pid, int *how)
{
	if (lingers) {
		lingers = false;
		return 0;
	}
	if (how != NULL)
		*how = its_status >= STATUS_SIGNAL ? SIGSEGV : (uint8_t)(its_status - '0') << 8;
	return pid;
}

#define pipe2 make_pipe
#define fork() PRETENDED_PID
#define waitpid(pid, how, flags) wait_for(pid, how)
#define kill(pid, number) ((void)(pid), 0)
#define setpgid(pid, group) 0

#include "io/command.c" /* NOLINT: see above */

struct run {
	enum flasher_verb verb;
	uint32_t over;
};

static void on_printed(void *context, const char *line)
{
	(void)context;
	/* It goes into the log as it is if it is printable; it must have an end. */
	assert(strlen(line) <= COMMAND_LINE_SIZE && strchr(line, '\n') == NULL);
	(void)text_is_printable(line, COMMAND_LINE_SIZE);
}

static void check_answer(enum flasher_verb verb, int result, const char *output, size_t size)
{
	struct flasher_answer answer;
	char *exact = fuzz_copy(output, size);

	memset(&answer, 0x5a, sizeof(answer));
	flasher_read(&answer, verb, result, exact, size);
	free(exact);
	/* All of it goes into the node's record, sound or not: then it must be "". */
	assert(text_is_printable(answer.message, LIMITS_MESSAGE_SIZE));
	assert(text_is_printable(answer.board, LIMITS_BOARD_SIZE));
	assert(text_is_printable(answer.version, LIMITS_VERSION_SIZE));
	assert(text_is_printable(answer.boot_id, LIMITS_NAME_SIZE));
	assert(!answer.ok || result == 0);
	assert(!answer.ok || verb != FLASHER_VERB_PROBE || answer.slots == 1 || answer.slots == 2);
	assert(answer.remaining_ms >= -1);
}

static void on_ended(void *context, int result, const char *output, size_t size)
{
	struct run *run = context;

	assert(size <= COMMAND_OUTPUT_SIZE && output[size] == '\0');
	run->over++;
	check_answer(run->verb, result, output, size);
}

static void turn(struct event_base *base)
{
	faults_wait();
	faults_on();
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	faults_off();
}

static void close_ends(void)
{
	for (uint32_t i = 0; i < pipes; i++) {
		if (its_ends[i] >= 0)
			close(its_ends[i]);
		its_ends[i] = -1;
	}
}

static void print(struct event_base *base, const struct run *run, const uint8_t *bytes, size_t size)
{
	int at = 0;

	while (size > 0 && run->over == 0) {
		const uint8_t *end = memchr(bytes, '\0', size);
		size_t piece = end != NULL ? (size_t)(end - bytes) : size;

		if (piece > 4096)
			piece = 4096;
		if (piece > 0) {
			ssize_t written = write(its_ends[at], bytes, piece);

			assert(written == (ssize_t)piece);
		}
		turn(base);
		if (end == bytes + piece) {
			piece++;
			at = 1;
		}
		bytes += piece;
		size -= piece;
	}
}

static void run_it(enum flasher_verb verb, const uint8_t *bytes, size_t size)
{
	struct event_base *base = timer_new_base();
	struct run run = { .verb = verb };
	struct command_request request = {
		.arguments = { "/flasher", flasher_verb_word(verb) },
		.environment = { "HOME=/here" },
		.deadline_ms = flasher_deadline_ms(verb),
		.line = on_printed,
		.over = on_ended,
		.context = &run,
	};
	struct command *command;

	assert(base != NULL);
	pipes = 0;
	lingers = its_status >= STATUS_LINGERS;
	faults_on();
	command = command_run(base, &request);
	faults_off();
	assert(command != NULL || faults_happened());
	if (command != NULL) {
		print(base, &run, bytes, size);
		close_ends();
		for (int i = 0; i < TURNS_MAX && run.over == 0; i++)
			turn(base);
		if (run.over == 0)
			command_cancel(command);
	}
	close_ends();
	event_base_free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	enum flasher_verb verb;

	faults_plan(&bytes, &size);
	if (size < 2)
		return 0;
	verb = (enum flasher_verb)(bytes[0] % FLASHER_VERB_COUNT);
	its_status = (char)bytes[1];
	/* Every byte, with a NUL in it or not, and as the pipes would cut it. */
	check_answer(verb, its_status - '0', (const char *)bytes + 2, size - 2);
	run_it(verb, bytes + 2, size - 2);
	return 0;
}
