// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/machine.h"

/*
 * The whole table once more, written by hand from the design and not from the code: a row for each
 * state, a column for each signal, in the order of the enums. '.' is no transition; a letter is the
 * state that is reached when the guard has no objection; '!' is a refusal that the guard always
 * has.
 *
 *   U UPDATED  V UPGRADE_AVAILABLE  D DOWNLOADING  R UPGRADE_READY  S UPGRADE_SCHEDULED  F FLASHING
 *   P CONFIRMATION_PENDING  B REVERTED  A ABORTED  E DOWNLOAD_ERROR  C UPGRADE_CHECK_FAILED
 *   I INTERNAL_ERROR
 */
static const char letters[] = "UVDRSFPBAECI";

static const struct {
	enum node_state state;
	const char *row;
} expected[] = {
	/* columns: NEWER START REFUSE FETCH_FAIL FETCH_AGAIN IMAGE_READY SCHEDULE COUNTDOWN_OVER
	 * HOLD_OVER ABORT SUPERSEDE FLASH_FAILED BOOTED_NEW BOOTED_OLD RESUME CONFIRM GO_BACK
	 * REJOIN FAULT */
	{ STATE_UPDATED, "VD................I" },
	{ STATE_UPGRADE_AVAILABLE, ".D................I" },
	{ STATE_DOWNLOADING, ".DCE.R..AAA.......I" },
	{ STATE_UPGRADE_READY, ".D....S..AA.......I" },
	{ STATE_UPGRADE_SCHEDULED, ".!.....FAA........I" },
	{ STATE_FLASHING, ".!.......!.IPBD...I" },
	{ STATE_CONFIRMATION_PENDING, ".!.......!...B.UB.I" },
	{ STATE_REVERTED, ".D................I" },
	{ STATE_ABORTED, ".D...............DI" },
	{ STATE_DOWNLOAD_ERROR, ".DC.D...AAA.......I" },
	{ STATE_UPGRADE_CHECK_FAILED, ".D.......AA.......I" },
	{ STATE_INTERNAL_ERROR, ".D.......AA.PB....." },
};

/* Facts under which no guard objects, but for those that always do. */
static struct machine_facts willing(enum signal signal)
{
	struct machine_facts facts = {
		.supersedes = true,
		.committed = true,
		.past_flash_seen = false,
		.healthy = true,
		.confirm_auto = true,
		.wave_complete = true,
		.wave_healthy = true,
		.confirmed_seen = true,
		.catch_up = true,
	};

	(void)signal;
	return facts;
}

static void test_every_state_and_signal(void **state)
{
	(void)state;
	assert_int_equal(sizeof(expected) / sizeof(expected[0]), STATE_COUNT);
	for (unsigned s = 0; s < STATE_COUNT; s++) {
		assert_int_equal(expected[s].state, s);
		assert_int_equal(strlen(expected[s].row), SIGNAL_COUNT);
		for (unsigned signal = 0; signal < SIGNAL_COUNT; signal++) {
			struct machine_facts facts = willing((enum signal)signal);
			enum node_state next = STATE_COUNT;
			enum reason reason =
				machine_ask((enum node_state)s, (enum signal)signal, &facts, &next);
			char letter = expected[s].row[signal];

			if (letter == '.') {
				assert_int_equal(reason, REASON_WRONG_STATE);
				assert_int_equal(next, STATE_COUNT);
			} else if (letter == '!') {
				assert_int_not_equal(reason, REASON_NONE);
				assert_int_not_equal(reason, REASON_WRONG_STATE);
				assert_int_equal(next, STATE_COUNT);
			} else {
				assert_int_equal(reason, REASON_NONE);
				assert_int_equal(next, strchr(letters, letter) - letters);
			}
		}
	}
}

static void test_no_row_stands_twice(void **state)
{
	size_t count;
	const struct machine_row *rows = machine_rows(&count);

	(void)state;
	for (size_t a = 0; a < count; a++) {
		for (size_t b = a + 1; b < count; b++)
			assert_false(
				rows[a].from == rows[b].from && rows[a].signal == rows[b].signal);
		assert_true(rows[a].guard == GUARD_NONE ||
			    machine_guard_sentence(rows[a].guard)[0] != '\0');
	}
}

/* Errors are never sticky: from every state in which nothing is under way a start leads on. */
static void test_a_start_works_after_every_end(void **state)
{
	static const enum node_state ends[] = { STATE_UPDATED, STATE_UPGRADE_AVAILABLE,
		STATE_REVERTED, STATE_ABORTED, STATE_UPGRADE_CHECK_FAILED, STATE_INTERNAL_ERROR };
	static const struct machine_facts nothing;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		enum node_state next = STATE_COUNT;

		assert_int_equal(machine_ask(ends[i], SIGNAL_START, &nothing, &next), REASON_NONE);
		assert_int_equal(next, STATE_DOWNLOADING);
	}
}

/* Every guard, by the facts it asks about. */
static const struct guard_case {
	const char *name;
	enum node_state state;
	enum signal signal;
	struct machine_facts facts;
	enum reason reason;
} guard_cases[] = {
	{ "start: while another is open", STATE_DOWNLOADING, SIGNAL_START, { 0 },
		REASON_ALREADY_STARTED },
	{ "start: one that supersedes", STATE_UPGRADE_READY, SIGNAL_START, { .supersedes = true },
		REASON_NONE },
	{ "start: never while scheduled", STATE_UPGRADE_SCHEDULED, SIGNAL_START,
		{ .supersedes = true }, REASON_ALREADY_SCHEDULED },
	{ "commit: nobody seen", STATE_UPGRADE_SCHEDULED, SIGNAL_COUNTDOWN_OVER, { 0 },
		REASON_WAITING_FOR_PARTICIPANTS },
	{ "commit: everybody seen", STATE_UPGRADE_SCHEDULED, SIGNAL_COUNTDOWN_OVER,
		{ .committed = true }, REASON_NONE },
	{ "commit: somebody is past", STATE_UPGRADE_SCHEDULED, SIGNAL_COUNTDOWN_OVER,
		{ .past_flash_seen = true }, REASON_NONE },
	{ "hold over: nobody is past", STATE_UPGRADE_SCHEDULED, SIGNAL_HOLD_OVER, { 0 },
		REASON_NONE },
	{ "hold over: somebody is past", STATE_UPGRADE_SCHEDULED, SIGNAL_HOLD_OVER,
		{ .past_flash_seen = true }, REASON_WAITING_FOR_PARTICIPANTS },
	{ "abort: while flashing", STATE_FLASHING, SIGNAL_ABORT, { 0 }, REASON_TOO_LATE },
	{ "abort: on trial", STATE_CONFIRMATION_PENDING, SIGNAL_ABORT, { 0 }, REASON_TOO_LATE },
	{ "confirm: not healthy, nobody asked", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM, { 0 },
		REASON_WAITING_FOR_HEALTH },
	{ "confirm: healthy, operator must", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .healthy = true, .wave_healthy = true, .wave_complete = true },
		REASON_WAITING_FOR_OPERATOR },
	{ "confirm: automatic, wave healthy", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .healthy = true, .wave_healthy = true, .confirm_auto = true }, REASON_NONE },
	{ "confirm: automatic, wave not healthy", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .healthy = true, .confirm_auto = true }, REASON_WAITING_FOR_PARTICIPANTS },
	{ "confirm: ordered, complete", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .confirm_ordered = true, .wave_complete = true }, REASON_NONE },
	{ "confirm: ordered, somebody missing", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .confirm_ordered = true, .healthy = true }, REASON_PARTICIPANTS_MISSING },
	{ "confirm: ordered without this node", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .confirm_ordered = true,
			.wave_complete = true,
			.named_without = true,
			.confirmed_seen = true,
			.healthy = true },
		REASON_OPERATOR },
	{ "confirm: healthy, another confirmed", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .healthy = true, .confirmed_seen = true }, REASON_NONE },
	{ "confirm: not healthy, another confirmed", STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM,
		{ .confirmed_seen = true }, REASON_WAITING_FOR_HEALTH },
	{ "rejoin: confirmed and allowed", STATE_ABORTED, SIGNAL_REJOIN,
		{ .confirmed_seen = true, .catch_up = true }, REASON_NONE },
	{ "rejoin: not allowed", STATE_ABORTED, SIGNAL_REJOIN, { .confirmed_seen = true },
		REASON_WRONG_STATE },
	{ "rejoin: named away", STATE_ABORTED, SIGNAL_REJOIN,
		{ .catch_up = true, .confirmed_seen = true, .named_without = true },
		REASON_WRONG_STATE },
	{ "rejoin: nobody confirmed", STATE_ABORTED, SIGNAL_REJOIN, { .catch_up = true },
		REASON_WRONG_STATE },
};
enum { GUARD_CASES = sizeof(guard_cases) / sizeof(guard_cases[0]) };

static void test_guard(void **state)
{
	const struct guard_case *c = *state;
	enum node_state next = STATE_COUNT;

	assert_int_equal(machine_ask(c->state, c->signal, &c->facts, &next), c->reason);
	assert_int_equal(next == STATE_COUNT, c->reason != REASON_NONE);
}

static void test_state_names(void **state)
{
	enum node_state found = STATE_COUNT;

	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++) {
		assert_true(state_from_name(&found, state_name((enum node_state)i)));
		assert_int_equal(found, i);
	}
	assert_false(state_from_name(&found, "CONFIRMED"));
	assert_false(state_from_name(&found, ""));
	assert_int_equal(found, STATE_COUNT - 1);
}

int main(void)
{
	struct CMUnitTest tests[GUARD_CASES + 4] = {
		[GUARD_CASES] = cmocka_unit_test(test_every_state_and_signal),
		[GUARD_CASES + 1] = cmocka_unit_test(test_no_row_stands_twice),
		[GUARD_CASES + 2] = cmocka_unit_test(test_a_start_works_after_every_end),
		[GUARD_CASES + 3] = cmocka_unit_test(test_state_names),
	};

	for (size_t i = 0; i < GUARD_CASES; i++) {
		tests[i].name = guard_cases[i].name;
		tests[i].test_func = test_guard;
		tests[i].initial_state = (void *)(uintptr_t)&guard_cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
