// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "cli/commands.h"
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

	while ((rest = options_name(rest, name, sizeof(name), &ok)) != NULL) {
		strcat(names, ok ? name : "!");
		strcat(names, " ");
	}
	assert_string_equal(names, c->names);
}

#define ARGUMENTS_MAX 6

/* What a command line means, up to its first own option or argument. */
static struct line_case {
	const char *name;
	const char *arguments[ARGUMENTS_MAX];
	const char *next; /* NULL for none */
	int status;       /* then */
	const char *socket;
	const char *url;
	bool json;
} line_cases[] = {
	{ "line: nothing", { NULL }, NULL, -1, "/run/test.sock", NULL, false },
	{ "line: JSON", { "--json" }, NULL, -1, "/run/test.sock", NULL, true },
	{ "line: an own option", { "--force" }, "--force", -1, "/run/test.sock", NULL, false },
	{ "line: JSON behind it", { "--force", "--json" }, "--force", -1, "/run/test.sock", NULL,
		true },
	{ "line: socket", { "--socket", "/a" }, NULL, -1, "/a", NULL, false },
	{ "line: the last socket counts", { "--socket", "/a", "--socket", "/b", "x" }, "x", -1,
		"/b", NULL, false },
	{ "line: URL", { "--url", "http://a", "x" }, "x", -1, "/run/test.sock", "http://a", false },
	{ "line: help", { "--help" }, NULL, CLI_DONE, "/run/test.sock", NULL, false },
	{ "line: help before the rest", { "--json", "--help", "x" }, NULL, CLI_DONE,
		"/run/test.sock", NULL, true },
	{ "line: socket without value", { "--socket" }, NULL, CLI_USAGE, NULL, NULL, false },
	{ "line: URL without value", { "--json", "--url" }, NULL, CLI_USAGE, "/run/test.sock", NULL,
		true },
};

static void test_line(void **state)
{
	const struct line_case *c = *state;
	char words[ARGUMENTS_MAX][32], command[] = "status";
	char *arguments[ARGUMENTS_MAX + 2] = { command };
	struct options options;
	const char *next = NULL;
	int count = 1, status = 77;

	for (; count <= ARGUMENTS_MAX && c->arguments[count - 1] != NULL; count++) {
		strcpy(words[count - 1], c->arguments[count - 1]);
		arguments[count] = words[count - 1];
	}
	assert_int_equal(setenv("LOCKSTEP_SOCKET", "/run/test.sock", 1), 0);
	options_init(&options, "", count, arguments);
	assert_int_equal(options_next(&options, &next, &status), c->next != NULL);
	if (c->next != NULL)
		assert_string_equal(next, c->next);
	assert_int_equal(status, c->status);
	assert_int_equal(options.json, c->json);
	if (c->socket != NULL)
		assert_string_equal(options.socket, c->socket);
	if (c->url != NULL)
		assert_string_equal(options.url, c->url);
	else
		assert_null(options.url);
}

static void test_the_usual_socket(void **state)
{
	char command[] = "status", *arguments[] = { command, NULL };
	struct options options;

	(void)state;
	assert_int_equal(setenv("LOCKSTEP_SOCKET", "", 1), 0);
	options_init(&options, "", 1, arguments);
	assert_string_equal(options.socket, "/var/run/lockstep.sock");
	assert_int_equal(unsetenv("LOCKSTEP_SOCKET"), 0);
	options_init(&options, "", 1, arguments);
	assert_string_equal(options.socket, "/var/run/lockstep.sock");
}

static void test_a_value(void **state)
{
	char command[] = "start", option[] = "--at", value[] = "--json";
	char *arguments[] = { command, option, value, NULL };
	struct options options;
	const char *next;
	int status = 77;

	(void)state;
	options_init(&options, "usage\n", 3, arguments);
	assert_true(options_next(&options, &next, &status));
	assert_string_equal(options_value(&options, next, &status), "--json");
	assert_false(options_next(&options, &next, &status));
	assert_int_equal(status, -1);
	assert_null(options_value(&options, "--at", &status));
	assert_int_equal(status, CLI_USAGE);
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
		cmocka_unit_test(test_a_value),
	};
	static struct CMUnitTest tests[COUNT(duration_cases) + COUNT(time_cases) +
				       COUNT(list_cases) + COUNT(line_cases) + COUNT(others)];
	size_t count = 0;

	ADD(duration_cases, test_duration);
	ADD(time_cases, test_time_of_day);
	ADD(list_cases, test_list);
	ADD(line_cases, test_line);
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
