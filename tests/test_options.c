// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "cli/options.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DAY_MS UINT64_C(86400000)

static struct duration_case {
	const char *name;
	const char *text;
	bool ok;
	uint64_t ms;
} duration_cases[] = {
	{ "duration: seconds", "90", true, 90000 },
	{ "duration: seconds with s", "90s", true, 90000 },
	{ "duration: minutes", "10m", true, 600000 },
	{ "duration: hours", "2h", true, 7200000 },
	{ "duration: none", "0", true, 0 },
	{ "duration: a week in seconds", "604800", true, 7 * DAY_MS },
	{ "duration: a week in minutes", "10080m", true, 7 * DAY_MS },
	{ "duration: a week in hours", "168h", true, 7 * DAY_MS },
	{ "refused: a second more", "604801", false, 0 },
	{ "refused: a minute more", "10081m", false, 0 },
	{ "refused: an hour more", "169h", false, 0 },
	{ "refused: beyond 64 bits", "99999999999999999999h", false, 0 },
	{ "refused: what wraps around in hours", "5124095576030432h", false, 0 },
	{ "refused: nothing", "", false, 0 },
	{ "refused: only a unit", "m", false, 0 },
	{ "refused: negative", "-5m", false, 0 },
	{ "refused: plus", "+5m", false, 0 },
	{ "refused: blank before", " 5m", false, 0 },
	{ "refused: blank between", "5 m", false, 0 },
	{ "refused: blank behind", "5m ", false, 0 },
	{ "refused: days", "1d", false, 0 },
	{ "refused: milliseconds", "500ms", false, 0 },
	{ "refused: capital unit", "5M", false, 0 },
	{ "refused: two units", "1h30m", false, 0 },
	{ "refused: fraction", "1.5h", false, 0 },
	{ "refused: hexadecimal", "0x10", false, 0 },
	{ "refused: leading zero", "010", false, 0 },
	{ "refused: word", "soon", false, 0 },
};

static void test_duration(void **state)
{
	const struct duration_case *c = *state;
	uint64_t ms = 77;

	assert_int_equal(options_duration(c->text, &ms), c->ok);
	assert_true(ms == (c->ok ? c->ms : 77));
}

static struct time_case {
	const char *name;
	const char *text;
	bool ok;
} time_cases[] = {
	{ "time: midnight", "00:00", true },
	{ "time: early", "03:30", true },
	{ "time: last minute", "23:59", true },
	{ "refused: hour 24", "24:00", false },
	{ "refused: minute 60", "12:60", false },
	{ "refused: nothing", "", false },
	{ "refused: only hours", "12", false },
	{ "refused: no minutes", "12:", false },
	{ "refused: no hours", ":30", false },
	{ "refused: seconds", "12:30:10", false },
	{ "refused: three digits", "12:300", false },
	{ "refused: something behind", "12:30pm", false },
	{ "refused: negative hour", "-1:30", false },
	{ "refused: negative midnight", "-0:30", false },
	{ "refused: plus", "+1:30", false },
	{ "refused: blank before", " 1:30", false },
	{ "refused: blank inside", "12: 3", false },
	{ "refused: a word", "noon", false },
};

/* What time it is now is not known here, but it comes again within a day. */
static void test_time_of_day(void **state)
{
	const struct time_case *c = *state;
	uint64_t ms = 77;

	assert_int_equal(options_time_of_day(c->text, &ms), c->ok);
	if (c->ok)
		assert_in_range(ms, 1000, DAY_MS);
	else
		assert_true(ms == 77);
}

static struct list_case {
	const char *name;
	const char *list;
	const char *names; /* those that are read, each with a blank; "!" for what is no name */
} list_cases[] = {
	{ "list: nothing", "", "" },
	{ "list: one", "alpha", "alpha " },
	{ "list: three", "alpha,beta,gamma-2.x", "alpha beta gamma-2.x " },
	{ "list: empty one between", "alpha,,beta", "alpha ! beta " },
	{ "list: begins with a comma", ",alpha", "! alpha " },
	{ "list: blank behind the comma", "alpha, beta", "alpha ! " },
	{ "list: an option", "--json", "! " },
	{ "list: leads elsewhere", "../alpha", "! " },
	{ "list: a name too long",
		"0123456789012345678901234567890123456789012345678901234567890123,a", "! a " },
	{ "list: the longest name",
		"012345678901234567890123456789012345678901234567890123456789012",
		"012345678901234567890123456789012345678901234567890123456789012 " },
};

static void test_list(void **state)
{
	const struct list_case *c = *state;
	char name[LIMITS_NAME_SIZE + 1], names[256] = "";
	const char *rest = c->list;
	bool ok = true;

	while ((rest = options_name(rest, name, &ok)) != NULL) {
		strcat(names, ok ? name : "!");
		strcat(names, " ");
	}
	assert_string_equal(names, c->names);
}

#define ARGUMENTS_MAX 6

static const struct command command = {
	.word = "start",
	.usage = "start\n",
	.known = OPTIONS_OF_START,
	.word_count = 1,
};

/* What a command line means. */
static struct line_case {
	const char *name;
	const char *arguments[ARGUMENTS_MAX];
	const char *socket;
	const char *url;
	const char *key;
	const char *word; /* NULL for none */
	bool json, dry_run;
} line_cases[] = {
	{ "line: nothing", { NULL }, "/run/test.sock", NULL, NULL, NULL, false, false },
	{ "line: JSON", { "--json" }, "/run/test.sock", NULL, NULL, NULL, true, false },
	{ "line: a word", { "x" }, "/run/test.sock", NULL, NULL, "x", false, false },
	{ "line: a flag, and JSON behind it", { "--dry-run", "--json" }, "/run/test.sock", NULL,
		NULL, NULL, true, true },
	{ "line: a word between", { "--key", "k", "x", "--json" }, "/run/test.sock", NULL, "k", "x",
		true, false },
	{ "line: socket", { "--socket", "/a" }, "/a", NULL, NULL, NULL, false, false },
	{ "line: the last socket counts", { "--socket", "/a", "--socket", "/b", "x" }, "/b", NULL,
		NULL, "x", false, false },
	{ "line: URL", { "--url", "http://a", "x" }, "/run/test.sock", "http://a", NULL, "x", false,
		false },
	{ "line: a value like an option", { "--key", "--json" }, "/run/test.sock", NULL, "--json",
		NULL, false, false },
};

/* Copies of a case's arguments, behind the command's word. */
static int make_arguments(const char *const *from, char words[][32], char **arguments)
{
	int count = 1;

	strcpy(words[0], "start");
	for (; count <= ARGUMENTS_MAX && from[count - 1] != NULL; count++)
		strcpy(words[count], from[count - 1]);
	for (int i = 0; i < count; i++)
		arguments[i] = words[i];
	return count;
}

static void assert_same(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_true(a == b);
	else
		assert_string_equal(a, b);
}

static void test_line(void **state)
{
	const struct line_case *c = *state;
	char words[ARGUMENTS_MAX + 1][32], *arguments[ARGUMENTS_MAX + 1];
	int count = make_arguments(c->arguments, words, arguments);
	struct options options;

	assert_int_equal(setenv("LOCKSTEP_SOCKET", "/run/test.sock", 1), 0);
	options_read(&options, &command, count, arguments);
	assert_same(options.socket, c->socket);
	assert_same(options.url, c->url);
	assert_same(options.key, c->key);
	assert_int_equal(options.json, c->json);
	assert_int_equal(options.dry_run, c->dry_run);
	assert_int_equal(options.word_count, c->word != NULL);
	assert_same(options.words[0], c->word);
}

/* Command lines that end the process. */
static struct end_case {
	const char *name;
	const char *arguments[ARGUMENTS_MAX];
	int status;
} end_cases[] = {
	{ "end: help", { "--help" }, CLI_DONE },
	{ "end: help before the rest", { "--json", "--help", "--nonsense" }, CLI_DONE },
	{ "end: socket without value", { "--socket" }, CLI_USAGE },
	{ "end: URL without value", { "--json", "--url" }, CLI_USAGE },
	{ "end: an unknown option", { "--nonsense" }, CLI_USAGE },
	{ "end: an option of another command", { "--without", "node1" }, CLI_USAGE },
	{ "end: the beginning of an option", { "--dry" }, CLI_USAGE },
	{ "end: a word too many", { "a", "b" }, CLI_USAGE },
	{ "end: an empty word", { "" }, CLI_USAGE },
	{ "end: a number that is none", { "--quorum", "half" }, CLI_USAGE },
	{ "end: a number that is zero", { "--quorum", "0" }, CLI_USAGE },
	{ "end: a time that is none", { "--hold", "soon" }, CLI_USAGE },
};

static void test_end(void **state)
{
	const struct end_case *c = *state;
	char words[ARGUMENTS_MAX + 1][32], *arguments[ARGUMENTS_MAX + 1];
	int count = make_arguments(c->arguments, words, arguments), status = -1;
	struct options options;
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		options_read(&options, &command, count, arguments);
		_exit(99);
	}
	assert_true(child > 0);
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), c->status);
}

static void test_the_usual_socket(void **state)
{
	char word[] = "start", *arguments[] = { word, NULL };
	struct options options;

	(void)state;
	assert_int_equal(setenv("LOCKSTEP_SOCKET", "", 1), 0);
	options_read(&options, &command, 1, arguments);
	assert_string_equal(options.socket, "/var/run/lockstep.sock");
	assert_int_equal(unsetenv("LOCKSTEP_SOCKET"), 0);
	options_read(&options, &command, 1, arguments);
	assert_string_equal(options.socket, "/var/run/lockstep.sock");
}

/* What is given again and again is kept in its order, up to a bound. */
static void test_a_list(void **state)
{
	char word[] = "start", option[] = "--wave", value[] = "node1", last[] = "node2";
	char *arguments[2 * OPTIONS_LIST_MAX + 1] = { word };
	struct options options;

	(void)state;
	for (int i = 0; i < OPTIONS_LIST_MAX; i++) {
		arguments[2 * i + 1] = option;
		arguments[2 * i + 2] = i + 1 < OPTIONS_LIST_MAX ? value : last;
	}
	options_read(&options, &command, 2 * OPTIONS_LIST_MAX + 1, arguments);
	assert_int_equal(options.list.count, OPTIONS_LIST_MAX);
	assert_string_equal(options.list.values[0], "node1");
	assert_string_equal(options.list.values[OPTIONS_LIST_MAX - 1], "node2");
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
		cmocka_unit_test(test_the_usual_socket),
		cmocka_unit_test(test_a_list),
	};
	static struct CMUnitTest tests[COUNT(duration_cases) + COUNT(time_cases) +
				       COUNT(list_cases) + COUNT(line_cases) + COUNT(end_cases) +
				       COUNT(others)];
	size_t count = 0;

	ADD(duration_cases, test_duration);
	ADD(time_cases, test_time_of_day);
	ADD(list_cases, test_list);
	ADD(line_cases, test_line);
	ADD(end_cases, test_end);
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
