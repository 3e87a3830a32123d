// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

#include "io/command.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum {
	PATIENCE_MS = 60000, /* far above what anything here takes */
	SOON_MS = 50,
	LINES_MAX = 4,
};

/* What became of one command. */
struct outcome {
	struct event_base *base;
	uint32_t calls;
	int status;
	size_t size;
	char output[COMMAND_OUTPUT_SIZE + 1];
	uint32_t line_count;
	char lines[LINES_MAX][COMMAND_LINE_SIZE + 1];
};

static void on_line(void *context, const char *line)
{
	struct outcome *outcome = context;

	assert_in_range(outcome->line_count, 0, LINES_MAX - 1);
	assert_in_range(strlen(line), 1, COMMAND_LINE_SIZE);
	memcpy(outcome->lines[outcome->line_count++], line, strlen(line) + 1);
}

static void on_over(void *context, int status, const char *output, size_t size)
{
	struct outcome *outcome = context;

	outcome->calls++;
	outcome->status = status;
	outcome->size = size;
	assert_in_range(size, 0, COMMAND_OUTPUT_SIZE);
	memcpy(outcome->output, output, size + 1);
	(void)event_base_loopbreak(outcome->base);
}

static struct outcome *begin(void)
{
	struct outcome *outcome = calloc(1, sizeof(*outcome));

	assert_non_null(outcome);
	outcome->base = event_base_new();
	assert_non_null(outcome->base);
	return outcome;
}

static void end(struct outcome *outcome)
{
	event_base_free(outcome->base);
	free(outcome);
}

/* Runs a command to its end; a script if `script`, which is not what the tested code would do. */
static void run(struct outcome *outcome, const char *script, uint32_t deadline_ms)
{
	struct command_request request = {
		.arguments = { "/bin/sh", "-c", script },
		.environment = { "GREETING=hello", "HOME=/nowhere" },
		.deadline_ms = deadline_ms,
		.line = on_line,
		.over = on_over,
		.context = outcome,
	};

	assert_non_null(command_run(outcome->base, &request));
	memset(&request, 0x5a, sizeof(request)); /* it has its own copy */
	assert_int_not_equal(event_base_dispatch(outcome->base), -1);
	assert_int_equal(outcome->calls, 1);
}

static struct status_case {
	const char *name;
	const char *script;
	int status;
	const char *output;
} status_cases[] = {
	{ "status: fine", "exit 0", 0, "" },
	{ "status: refused", "echo no; exit 1", 1, "no\n" },
	{ "status: highest", "exit 254", 254, "" },
	{ "status: ended by a signal", "kill -TERM $$", 128 + SIGTERM, "" },
	{ "status: killed by somebody else", "echo half; kill -KILL $$", 128 + SIGKILL, "half\n" },
	{ "status: closed its output and went on", "exec >&-; sleep 0.1; exit 7", 7, "" },
	{ "output: of several writes", "echo a; sleep 0.02; echo b", 0, "a\nb\n" },
	{ "output: with NUL", "printf 'a\\0b'", 0, "a" },
	{ "environment: ours goes on", "echo $GREETING $OURS", 0, "hello there\n" },
	{ "environment: theirs goes first", "echo $HOME", 0, "/nowhere\n" },
	{ "input: there is none", "cat; read x || echo none", 0, "none\n" },
	{ "descriptors: none of ours", "ls /proc/self/fd | tr '\\n' ' '", 0, "0 1 2 3 " },
	{ "signals: a broken pipe ends it", "sh -c 'kill -PIPE $$'; echo $?", 0, "141\n" },
};

static void test_status(void **state)
{
	const struct status_case *c = *state;
	struct outcome *outcome = begin();
	int leaked = open("/dev/null", O_RDONLY); /* as a careless parent would hand it on */

	assert_true(leaked >= 0);
	assert_int_equal(setenv("OURS", "there", 1), 0);
	run(outcome, c->script, PATIENCE_MS);
	close(leaked);
	assert_int_equal(outcome->status, c->status);
	assert_string_equal(outcome->output, c->output);
	assert_int_equal(outcome->line_count, 0);
	end(outcome);
}

/* Each argument arrives as one, whatever a shell would have made of it. */
static void test_never_a_shell(void **state)
{
	static const char hostile[] = "a b; touch /tmp/x $(id) `id` '\" * \\ \n| exit 3 #";
	struct outcome *outcome = begin();
	struct command_request request = {
		.arguments = { "/usr/bin/printf", "%s|", hostile, "-n", "", "*" },
		.deadline_ms = PATIENCE_MS,
		.over = on_over,
		.context = outcome,
	};

	(void)state;
	assert_non_null(command_run(outcome->base, &request));
	assert_int_not_equal(event_base_dispatch(outcome->base), -1);
	assert_int_equal(outcome->status, 0);
	outcome->output[sizeof(hostile) - 1] = '\0';
	assert_string_equal(outcome->output, hostile);
	assert_string_equal(outcome->output + sizeof(hostile), "-n||*|");
	end(outcome);
}

static struct start_case {
	const char *name;
	const char *path;
} start_cases[] = {
	{ "start: nothing there", "/no/such/program" },
	{ "start: a word is not looked for in PATH", "true" },
	{ "start: a command line is no path", "/bin/true --help" },
	{ "start: a directory", "/" },
	{ "start: not executable", "/etc/passwd" },
};

static void test_start(void **state)
{
	const struct start_case *c = *state;
	struct outcome *outcome = begin();
	struct command_request request = {
		.arguments = { c->path },
		.deadline_ms = PATIENCE_MS,
		.over = on_over,
		.context = outcome,
	};

	assert_non_null(command_run(outcome->base, &request));
	assert_int_not_equal(event_base_dispatch(outcome->base), -1);
	assert_int_equal(outcome->calls, 1);
	assert_int_equal(outcome->status, 255);
	assert_int_equal(outcome->size, 0);
	end(outcome);
}

static struct bound_case {
	const char *name;
	const char *script;
	size_t size;
} bound_cases[] = {
	{ "bound: one byte less", "head -c 16383 /dev/zero", COMMAND_OUTPUT_SIZE - 1 },
	{ "bound: just as much", "head -c 16384 /dev/zero", COMMAND_OUTPUT_SIZE },
	{ "bound: one byte more", "head -c 16385 /dev/zero", COMMAND_OUTPUT_SIZE },
	{ "bound: a flood, read to its end", "head -c 3000000 /dev/zero && exit 0; exit 9",
		COMMAND_OUTPUT_SIZE },
};

static void test_bound(void **state)
{
	const struct bound_case *c = *state;
	struct outcome *outcome = begin();

	run(outcome, c->script, PATIENCE_MS);
	assert_int_equal(outcome->status, 0);
	assert_int_equal(outcome->size, c->size);
	end(outcome);
}

static struct line_case {
	const char *name;
	const char *script;
	uint32_t count;
	const char *first;
	const char *last;
} line_cases[] = {
	{ "lines: two", "echo one >&2; echo two >&2", 2, "one", "two" },
	{ "lines: empty ones are left out", "printf '\\n\\nx\\n\\n' >&2", 1, "x", "x" },
	{ "lines: the last without an end", "printf 'one\\ntwo' >&2", 2, "one", "two" },
	{ "lines: in pieces", "printf o >&2; sleep 0.02; echo ne >&2", 1, "one", "one" },
	{ "lines: output is not among them", "echo out; echo err >&2", 1, "err", "err" },
};

static void test_line(void **state)
{
	const struct line_case *c = *state;
	struct outcome *outcome = begin();

	run(outcome, c->script, PATIENCE_MS);
	assert_int_equal(outcome->line_count, c->count);
	assert_string_equal(outcome->lines[0], c->first);
	assert_string_equal(outcome->lines[c->count - 1], c->last);
	end(outcome);
}

static void test_a_long_line_is_cut(void **state)
{
	struct outcome *outcome = begin();

	(void)state;
	run(outcome, "head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2; echo next >&2",
		PATIENCE_MS);
	assert_int_equal(outcome->line_count, 2);
	assert_int_equal(strlen(outcome->lines[0]), COMMAND_LINE_SIZE);
	assert_string_equal(outcome->lines[1], "next");
	end(outcome);
}

/* It ended before we looked: its last words, which say why, are heard all the same. */
static void test_last_words(void **state)
{
	struct outcome *outcome = begin();
	struct command_request request = {
		.arguments = { "/bin/sh", "-c",
			"head -c 2000 /dev/zero | tr '\\0' x >&2; echo >&2; "
			"echo it is broken >&2; exit 1" },
		.deadline_ms = PATIENCE_MS,
		.line = on_line,
		.over = on_over,
		.context = outcome,
	};
	siginfo_t info;

	(void)state;
	assert_non_null(command_run(outcome->base, &request));
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	assert_int_not_equal(event_base_dispatch(outcome->base), -1);
	assert_int_equal(outcome->status, 1);
	assert_int_equal(outcome->line_count, 2);
	assert_string_equal(outcome->lines[1], "it is broken");
	end(outcome);
}

/* No process of this group is left. Orphans become our children, so that we see them go. */
static void assert_gone(pid_t group)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		(void)waitpid(-group, NULL, WNOHANG);
		if (kill(-group, 0) != 0) {
			assert_int_equal(errno, ESRCH);
			return;
		}
		usleep(10000);
	}
	fail_msg("something of group %d is still there", (int)group);
}

static struct deadline_case {
	const char *name;
	const char *script;
} deadline_cases[] = {
	{ "deadline: it sleeps", "echo $$; exec sleep 600" },
	{ "deadline: its child sleeps", "echo $$; sleep 600 & sleep 600" },
	{ "deadline: it does not want to go",
		"trap '' TERM INT HUP; echo $$; sleep 600; sleep 600" },
	{ "deadline: silent, with its output closed", "echo $$; exec >&- 2>&-; sleep 600" },
	{ "deadline: it ended, and its child holds the output", "echo $$; sleep 600 & exit 0" },
};

static void test_deadline(void **state)
{
	const struct deadline_case *c = *state;
	struct outcome *outcome = begin();

	/* Late enough that the number was printed on any machine but one that stands still. */
	run(outcome, c->script, 1000);
	assert_int_equal(outcome->status, 255);
	assert_in_range(atoi(outcome->output), 2, INT32_MAX);
	assert_gone(atoi(outcome->output));
	end(outcome);
}

/* What it left behind has no business any more, and nobody waits for it. */
static void test_leftovers_are_ended(void **state)
{
	struct outcome *outcome = begin();

	(void)state;
	run(outcome, "echo $$; sleep 600 >&- 2>&- & exit 0", PATIENCE_MS);
	assert_int_equal(outcome->status, 0);
	assert_gone(atoi(outcome->output));
	end(outcome);
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	struct outcome *outcome = context;

	(void)fd;
	(void)what;
	(void)event_base_loopbreak(outcome->base);
}

static void test_cancel(void **state)
{
	const struct timeval soon = { .tv_usec = SOON_MS * 1000 };
	struct outcome *outcome = begin();
	struct command_request request = {
		.arguments = { "/bin/sh", "-c", "exec sleep 600" },
		.deadline_ms = PATIENCE_MS,
		.over = on_over,
		.context = outcome,
	};
	struct command *command = command_run(outcome->base, &request);

	(void)state;
	assert_non_null(command);
	assert_int_equal(
		event_base_once(outcome->base, -1, EV_TIMEOUT, on_soon, outcome, &soon), 0);
	assert_int_not_equal(event_base_dispatch(outcome->base), -1);
	command_cancel(command);
	/* No events are left, no child is, and nobody was called. */
	assert_int_equal(event_base_dispatch(outcome->base), 1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(outcome->calls, 0);
	end(outcome);
}

#define ADD(cases, function)                                                                       \
	for (size_t i = 0; i < COUNT(cases); i++)                                                  \
		tests[count++] = (struct CMUnitTest)                                               \
		{                                                                                  \
			.name = (cases)[i].name, .test_func = (function),                          \
			.initial_state = &(cases)[i]                                               \
		}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_never_a_shell),
		cmocka_unit_test(test_a_long_line_is_cut),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_leftovers_are_ended),
		cmocka_unit_test(test_cancel),
	};
	static struct CMUnitTest tests[COUNT(status_cases) + COUNT(start_cases) +
				       COUNT(bound_cases) + COUNT(line_cases) +
				       COUNT(deadline_cases) + COUNT(others)];
	size_t count = 0;

	/* qemu does not know the call; dev/world makes it for whom it starts. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 && errno != EINVAL)
		return 1;
	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	ADD(status_cases, test_status);
	ADD(start_cases, test_start);
	ADD(bound_cases, test_bound);
	ADD(line_cases, test_line);
	ADD(deadline_cases, test_deadline);
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
