// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flash/flasher.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEN(word) word word word word word word word word word word
#define PROBE FLASHER_VERB_PROBE
#define REMAINING FLASHER_VERB_REMAINING

/* What an executable said and how it ended, and what we make of it. */
static struct answer_case {
	const char *name;
	enum flasher_verb verb;
	int status;
	const char *output;
	bool ok;
	const char *message; /* a part of it; "" for none at all */
	int64_t remaining_ms;
} answer_cases[] = {
	{ "check: silent and fine", FLASHER_VERB_CHECK, 0, "", true, "", -1 },
	{ "check: fine, with a word", FLASHER_VERB_CHECK, 0, "{\"message\":\"looks good\"}", true,
		"looks good", -1 },
	{ "check: refused, with a reason", FLASHER_VERB_CHECK, 1, "{\"message\":\"wrong board\"}",
		false, "wrong board", -1 },
	{ "check: refused in silence", FLASHER_VERB_CHECK, 1, "", false,
		"the flasher's check ended with status 1", -1 },
	{ "check: refused in plain text", FLASHER_VERB_CHECK, 3, "Image check failed\n", false,
		"the flasher's check ended with status 3", -1 },
	{ "check: fine in plain text", FLASHER_VERB_CHECK, 0, "Image check ok\n", true, "", -1 },
	{ "check: message is a number", FLASHER_VERB_CHECK, 1, "{\"message\":5}", false,
		"check ended with status 1", -1 },
	{ "check: message too long", FLASHER_VERB_CHECK, 1,
		"{\"message\":\"" TEN("0123456789abcdef") "\"}", false, "check ended with", -1 },
	{ "check: message that moves the cursor", FLASHER_VERB_CHECK, 1,
		"{\"message\":\"\\u001b[2Jgone\"}", false, "check ended with status 1", -1 },
	{ "flash: could not be run", FLASHER_VERB_FLASH, 255, "", false,
		"the flasher's flash ended with status 255", -1 },
	{ "confirm: ended by a signal", FLASHER_VERB_CONFIRM, 139, "", false,
		"the flasher's confirm ended with status 139", -1 },
	{ "revert: fine", FLASHER_VERB_REVERT, 0, "", true, "", -1 },

	{ "remaining: ten minutes", REMAINING, 0, "{\"remaining_s\":600}", true, "", 600000 },
	{ "remaining: none left", REMAINING, 0, "{\"remaining_s\":0}", true, "", 0 },
	{ "remaining: no window", REMAINING, 0, "{\"remaining_s\":-1}", true, "", -1 },
	{ "remaining: nothing said of it", REMAINING, 0, "{}", true, "", -1 },
	{ "remaining: longest", REMAINING, 0, "{\"remaining_s\":172800}", true, "", 172800000 },
	{ "remaining: beyond belief", REMAINING, 0, "{\"remaining_s\":172801}", true, "", -1 },
	{ "remaining: beyond 64 bits", REMAINING, 0, "{\"remaining_s\":99999999999999999999}", true,
		"", -1 },
	{ "remaining: as text", REMAINING, 0, "{\"remaining_s\":\"600\"}", true, "", -1 },
	{ "remaining: no JSON", REMAINING, 0, "600\n", false, "status 0, but its answer", -1 },
	{ "remaining: silent", REMAINING, 0, "", false, "status 0, but its answer", -1 },
	{ "remaining: failed", REMAINING, 1, "{\"remaining_s\":600}", false,
		"the flasher's remaining ended with status 1", 600000 },

	{ "probe: the least", PROBE, 0, "{\"slots\":1}", true, "", -1 },
	{ "probe: line end behind it", PROBE, 0, "{\"slots\":1}\n", true, "", -1 },
	{ "probe: members of tomorrow", PROBE, 0, "{\"slots\":2,\"colour\":\"red\"}", true, "",
		-1 },
	{ "probe: with a window", PROBE, 0, "{\"slots\":2,\"remaining_s\":5}", true, "", 5000 },
	{ "probe: silent", PROBE, 0, "", false, "but its answer", -1 },
	{ "probe: two objects", PROBE, 0, "{\"slots\":1}{\"slots\":2}", false, "but its answer",
		-1 },
	{ "probe: a list", PROBE, 0, "[{\"slots\":1}]", false, "but its answer", -1 },
	{ "probe: not UTF-8", PROBE, 0, "{\"slots\":1,\"board\":\"\xff\"}", false, "but its answer",
		-1 },
	{ "probe: no slots", PROBE, 0, "{}", false, "but its answer slots is missing", -1 },
	{ "probe: no slot at all", PROBE, 0, "{\"slots\":0}", false, "but its answer slots", -1 },
	{ "probe: three slots", PROBE, 0, "{\"slots\":3}", false, "but its answer slots", -1 },
	{ "probe: slots as text", PROBE, 0, "{\"slots\":\"2\"}", false, "but its answer slots",
		-1 },
	{ "probe: board too long", PROBE, 0, "{\"slots\":1,\"board\":\"" TEN("0123456") "\"}",
		false, "but its answer board", -1 },
	{ "probe: board is a number", PROBE, 0, "{\"slots\":1,\"board\":1}", false,
		"but its answer board", -1 },
	{ "probe: board of two lines", PROBE, 0, "{\"slots\":1,\"board\":\"a\\nb\"}", false,
		"but its answer board", -1 },
	{ "probe: version too long", PROBE, 0,
		"{\"slots\":1,\"version\":\"" TEN("0123456789abc") "\"}", false,
		"but its answer version", -1 },
	{ "probe: version that colours", PROBE, 0, "{\"slots\":1,\"version\":\"\\u001b[1m\"}",
		false, "but its answer board", -1 },
	{ "probe: trial is a number", PROBE, 0, "{\"slots\":1,\"trial\":1}", false,
		"but its answer trial", -1 },
	{ "probe: fell back is text", PROBE, 0, "{\"slots\":1,\"fell_back\":\"no\"}", false,
		"but its answer fell_back", -1 },
	{ "probe: failed, whatever it says", PROBE, 1, "{\"slots\":1}", false,
		"the flasher's probe ended with status 1", -1 },
};

static struct flasher_answer read_answer(enum flasher_verb verb, int status, const char *output)
{
	struct flasher_answer answer;
	size_t size = strlen(output);
	char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, output, size);
	memset(&answer, 0x5a, sizeof(answer));
	flasher_read(&answer, verb, status, copy, size);
	free(copy);
	return answer;
}

static void test_answer(void **state)
{
	const struct answer_case *c = *state;
	struct flasher_answer answer = read_answer(c->verb, c->status, c->output);

	assert_int_equal(answer.ok, c->ok);
	assert_non_null(strstr(answer.message, c->message));
	assert_int_equal(answer.message[0] == '\0', c->message[0] == '\0');
	assert_true(answer.remaining_ms == c->remaining_ms);
	assert_in_range(strlen(answer.message), 0, LIMITS_MESSAGE_SIZE);
}

static void test_all_that_a_probe_says(void **state)
{
	struct flasher_answer answer = read_answer(PROBE, 0,
		"{\"board\":\"demo,alpha\",\"version\":\"Demo 1.0\",\"boot_id\":\"b-1\","
		"\"slots\":2,\"trial\":true,\"fell_back\":true,\"remaining_s\":30,"
		"\"message\":\"on trial\"}");

	(void)state;
	assert_true(answer.ok);
	assert_string_equal(answer.board, "demo,alpha");
	assert_string_equal(answer.version, "Demo 1.0");
	assert_string_equal(answer.boot_id, "b-1");
	assert_int_equal(answer.slots, 2);
	assert_true(answer.trial);
	assert_true(answer.fell_back);
	assert_true(answer.remaining_ms == 30000);
	assert_string_equal(answer.message, "on trial");
}

/* What a failed probe says of the board is not believed. */
static void test_a_failed_probe_says_nothing(void **state)
{
	struct flasher_answer answer =
		read_answer(PROBE, 1, "{\"board\":\"demo,alpha\",\"slots\":2,\"trial\":true}");

	(void)state;
	assert_false(answer.ok);
	assert_string_equal(answer.board, "");
	assert_int_equal(answer.slots, 0);
	assert_false(answer.trial);
}

static void test_an_unsound_probe_says_nothing(void **state)
{
	struct flasher_answer answer = read_answer(
		PROBE, 0, "{\"slots\":2,\"board\":\"a\\nb\",\"version\":\"1\",\"boot_id\":\"b\"}");

	(void)state;
	assert_false(answer.ok);
	assert_string_equal(answer.board, "");
	assert_string_equal(answer.version, "");
	assert_string_equal(answer.boot_id, "");
}

static void test_other_verbs_do_not_probe(void **state)
{
	struct flasher_answer answer =
		read_answer(FLASHER_VERB_CHECK, 0, "{\"board\":\"demo,alpha\",\"trial\":true}");

	(void)state;
	assert_true(answer.ok);
	assert_string_equal(answer.board, "");
	assert_false(answer.trial);
}

/* A script of somebody else's is started with these words: they never change. */
static void test_words_and_deadlines(void **state)
{
	static const char *const words[FLASHER_VERB_COUNT] = { "probe", "check", "flash", "confirm",
		"revert", "remaining" };

	(void)state;
	for (int verb = 0; verb < FLASHER_VERB_COUNT; verb++) {
		assert_string_equal(flasher_verb_word((enum flasher_verb)verb), words[verb]);
		assert_in_range(
			flasher_deadline_ms((enum flasher_verb)verb), 10000, 15 * 60 * 1000);
	}
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_all_that_a_probe_says),
		cmocka_unit_test(test_a_failed_probe_says_nothing),
		cmocka_unit_test(test_an_unsound_probe_says_nothing),
		cmocka_unit_test(test_other_verbs_do_not_probe),
		cmocka_unit_test(test_words_and_deadlines),
	};
	static struct CMUnitTest tests[COUNT(answer_cases) + COUNT(others)];

	for (size_t i = 0; i < COUNT(answer_cases); i++)
		tests[i] = (struct CMUnitTest){ .name = answer_cases[i].name,
			.test_func = test_answer,
			.initial_state = &answer_cases[i] };
	memcpy(tests + COUNT(answer_cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
