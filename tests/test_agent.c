// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/notice.h"
#include "gossip/slice.h"
#include "world.h"

enum {
	COUNTDOWN_MS = 3000,
	WINDOW_S = 60,
	PATIENCE_MS = 120000,
};

#define assert_upgraded(world, nodes) assert_all(world, nodes, STATE_UPDATED, "Demo 2.0", __LINE__)
#define assert_stayed(world, nodes, state) assert_all(world, nodes, state, "Demo 1.0", __LINE__)

static void assert_all(
	struct world *world, uint32_t nodes, enum node_state state, const char *version, int line)
{
	for (uint32_t i = 0; i < nodes; i++) {
		if (!world_is_up(world, i))
			continue;
		if (world_state(world, i) != state || strcmp(world_version(world, i), version) != 0)
			fail_msg("line %d: %s is in %s (%s) with %s", line, world_name(world, i),
				state_name(world_state(world, i)),
				reason_word(world_reason(world, i)), world_version(world, i));
	}
}

/* A grid of 3×3 with two boards, started, and a release 2. */
static struct world *grid9(uint64_t seed)
{
	struct world *world = world_new(9, seed);

	world_grid(world, 3);
	for (uint32_t i = 1; i < 9; i += 2)
		world_set_board(world, i, 1);
	assert_int_equal(world_release(world, UINT32_MAX, false), 2);
	world_start(world);
	return world;
}

static struct world *chain(uint32_t nodes, uint64_t seed)
{
	struct world *world = world_new(nodes, seed);

	world_chain(world);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	return world;
}

static void start(struct world *world, const struct world_start *start_order)
{
	assert_int_equal(world_start_upgrade(world, 0, start_order), REASON_NONE);
}

/* A second upgrade right after, with an operator's confirm: whatever happened, nothing sticks. */
static void assert_next_upgrade_works(struct world *world, uint32_t nodes)
{
	uint32_t release = world_release(world, UINT32_MAX, false);
	char version[32];

	snprintf(version, sizeof(version), "Demo %u.0", release);
	for (uint32_t i = 0; i < nodes; i++) {
		memset(world_faults(world, i), 0, sizeof(struct world_faults));
		if (!world_is_up(world, i))
			world_power(world, i, true);
	}
	world_run(world, 15000);
	/* The source learns of the new directory when its daemon starts. */
	world_restart_daemon(world, 0);
	world_run(world, 10000);
	start(world, &(struct world_start){ .release = release, .confirm = ORDER_CONFIRM_AUTO });
	if (!world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS))
		assert_all(world, nodes, STATE_UPGRADE_READY, "ready for the next", __LINE__);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	if (!world_until_state(world, STATE_UPDATED, PATIENCE_MS))
		assert_all(world, nodes, STATE_UPDATED, version, __LINE__);
	assert_all(world, nodes, STATE_UPDATED, version, __LINE__);
}

static void test_whole_upgrade_two_boards(void **state)
{
	struct world *world = grid9(1);
	uint64_t first_ms = UINT64_MAX, last_ms = 0;

	(void)state;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 4, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPGRADE_SCHEDULED, 1000));
	assert_true(world_until_state(world, STATE_FLASHING, COUNTDOWN_MS + 1000));
	for (uint32_t i = 0; i < 9; i++) {
		uint64_t at_ms = world_flashed_ms(world, i);

		first_ms = at_ms < first_ms ? at_ms : first_ms;
		last_ms = at_ms > last_ms ? at_ms : last_ms;
	}
	/* Nothing drifts here and every hop's delay is known: what is left is rounding. */
	assert_in_range(last_ms - first_ms, 0, 10);
	assert_true(world_until_state(world, STATE_CONFIRMATION_PENDING, 10000));
	world_run(world, 20000);
	assert_all(world, 9, STATE_CONFIRMATION_PENDING, "Demo 2.0", __LINE__);
	assert_int_equal(world_confirm(world, 8, 0, NULL), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPDATED, 5000));
	assert_upgraded(world, 9);
	for (uint32_t i = 0; i < 9; i++)
		assert_in_range(world_journal_writes(world, i), 5, 12);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

static void test_automatic_confirmation(void **state)
{
	struct world *world = grid9(2);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
	assert_upgraded(world, 9);
	world_free(world);
}

static void test_two_waves(void **state)
{
	struct world *world = chain(6, 3);

	(void)state;
	start(world, &(struct world_start){
			     .release = 2, .second_wave_from = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, 45000);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(
			world_state(world, i), i < 2 ? STATE_UPDATED : STATE_UPGRADE_READY);
		assert_string_equal(world_version(world, i), i < 2 ? "Demo 2.0" : "Demo 1.0");
	}
	assert_int_equal(
		world_schedule(world, 0, 0, COUNTDOWN_MS + 1, WINDOW_S), REASON_ALREADY_SCHEDULED);
	assert_int_equal(
		world_schedule(world, 0, 2, COUNTDOWN_MS + 1, WINDOW_S), REASON_UNKNOWN_WAVE);
	assert_int_equal(world_schedule(world, 0, 1, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
	assert_upgraded(world, 6);
	world_free(world);
}

/* Aborted in each state before the flash; then the next start works (#1126, #1156 upstream). */
static void test_abort_while_downloading(void **state)
{
	struct world *world = grid9(4);

	(void)state;
	start(world, &(struct world_start){ .release = 2 });
	world_run(world, 40);
	assert_int_equal(world_abort(world, 8), REASON_UNKNOWN_UPGRADE);
	assert_int_equal(world_abort(world, 0), REASON_NONE);
	assert_true(world_until_state(world, STATE_ABORTED, 2000));
	assert_stayed(world, 9, STATE_ABORTED);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

static void test_abort_while_ready(void **state)
{
	struct world *world = grid9(5);

	(void)state;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_abort(world, 8), REASON_NONE);
	assert_true(world_until_state(world, STATE_ABORTED, 1000));
	assert_stayed(world, 9, STATE_ABORTED);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_OPERATOR);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

static void test_abort_while_scheduled(void **state)
{
	struct world *world = grid9(6);

	(void)state;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPGRADE_SCHEDULED, 1000));
	assert_int_equal(world_abort(world, 4), REASON_NONE);
	assert_true(world_until_state(world, STATE_ABORTED, 1000));
	world_run(world, 60000);
	assert_stayed(world, 9, STATE_ABORTED);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(world_flash_count(world, i), 0);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

static void test_abort_is_too_late_while_flashing(void **state)
{
	struct world *world = grid9(7);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_FLASHING, COUNTDOWN_MS + 1000));
	assert_int_equal(world_abort(world, 4), REASON_TOO_LATE);
	world_run(world, 5000);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
	assert_upgraded(world, 9);
	world_free(world);
}

static void test_one_board_without_image(void **state)
{
	struct world *world = world_new(4, 8);

	(void)state;
	world_chain(world);
	world_set_board(world, 2, 1);
	world_release(world, 1, false);
	world_start(world);
	start(world, &(struct world_start){ .release = 2 });
	world_run(world, 10000);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(world_state(world, i),
			i == 2 ? STATE_UPGRADE_CHECK_FAILED : STATE_UPGRADE_READY);
	assert_int_equal(world_reason(world, 2), REASON_NO_IMAGE_FOR_BOARD);
	/* Scheduled all the same: nobody flashes, and everybody says why. */
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, 30000);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(world_flash_count(world, i), 0);
		if (i != 2)
			assert_int_equal(world_reason(world, i), REASON_NOT_EVERYONE_SCHEDULED);
	}
	assert_next_upgrade_works(world, 4);
	world_free(world);
}

static void test_forged_release(void **state)
{
	struct world *world = world_new(3, 9);

	(void)state;
	world_chain(world);
	world_release(world, UINT32_MAX, true);
	world_start(world);
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_CHECK_FAILED, 60000));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(world_reason(world, i), REASON_TOO_FEW_SIGNATURES);
	assert_next_upgrade_works(world, 3);
	world_free(world);
}

static void test_forged_order(void **state)
{
	struct world *world = chain(3, 10);

	(void)state;
	assert_int_equal(world_start_upgrade(world, 0,
				 &(struct world_start){ .release = 2, .untrusted_key = true }),
		REASON_UNTRUSTED_KEY);
	world_run(world, 5000);
	assert_stayed(world, 3, STATE_UPDATED);
	world_free(world);
}

static void test_replayed_orders(void **state)
{
	struct world *world = chain(3, 11);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
	assert_int_equal(world_replay(world, 2, 0), REASON_ALREADY_KNOWN);
	assert_int_equal(world_replay(world, 2, 1), REASON_ALREADY_KNOWN);
	assert_next_upgrade_works(world, 3);
	assert_int_equal(world_replay(world, 2, 0), REASON_OLD_EPOCH);
	assert_int_equal(world_replay(world, 2, 1), REASON_OLD_EPOCH);
	world_power(world, 1, false);
	world_power(world, 1, true);
	world_run(world, 10000);
	assert_int_equal(world_replay(world, 1, 0), REASON_OLD_EPOCH);
	assert_all(world, 3, STATE_UPDATED, "Demo 3.0", __LINE__);
	world_free(world);
}

static void test_wrong_chunks_of_a_neighbour(void **state)
{
	struct world *world = grid9(12);

	(void)state;
	for (uint32_t i = 1; i < 9; i++)
		world_set_board(world, i, 0);
	world_faults(world, 1)->wrong_chunks = true;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_free(world);
}

static void test_flasher_refuses_the_image(void **state)
{
	struct world *world = chain(3, 13);

	(void)state;
	world_faults(world, 1)->check_fails = true;
	start(world, &(struct world_start){ .release = 2 });
	world_run(world, 10000);
	assert_int_equal(world_state(world, 1), STATE_UPGRADE_CHECK_FAILED);
	assert_int_equal(world_reason(world, 1), REASON_FLASHER_CHECK);
	assert_int_equal(world_abort(world, 0), REASON_NONE);
	assert_true(world_until_state(world, STATE_ABORTED, 1000));
	assert_next_upgrade_works(world, 3);
	world_free(world);
}

static void test_dead_node_at_schedule(void **state)
{
	struct world *world = grid9(14);

	(void)state;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_power(world, 7, false);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_ABORTED, 20000));
	for (uint32_t i = 0; i < 9; i++) {
		assert_int_equal(world_flash_count(world, i), 0);
		if (i != 7)
			assert_int_equal(world_reason(world, i), REASON_NOT_EVERYONE_SCHEDULED);
	}
	world_power(world, 7, true);
	world_run(world, 60000);
	assert_stayed(world, 9, STATE_ABORTED);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

static void test_dead_node_within_the_quorum(void **state)
{
	struct world *world = grid9(15);

	(void)state;
	start(world, &(struct world_start){
			     .release = 2, .confirm = ORDER_CONFIRM_AUTO, .quorum_percent = 80 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_power(world, 8, false);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
	assert_upgraded(world, 9);
	/* The one that was off catches up by itself: its neighbours lost the image at the reboot,
	 * but the operator's directory still has it. */
	world_power(world, 8, true);
	world_run(world, 10000);
	assert_true(world_until_state(world, STATE_UPDATED, 60000));
	assert_upgraded(world, 9);
	world_free(world);
}

/* One is back although others have confirmed: a latecomer follows those, and does not waver. */
static void test_latecomer_follows_who_confirmed(void **state)
{
	struct world *world = grid9(34);
	uint32_t writes;

	(void)state;
	world_faults(world, 5)->forgets_confirm = true;
	start(world, &(struct world_start){
			     .release = 2, .confirm = ORDER_CONFIRM_AUTO, .quorum_percent = 60 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_power(world, 8, false);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + WINDOW_S * 1000 + 20000);
	assert_int_equal(world_state(world, 5), STATE_REVERTED);
	writes = world_journal_writes(world, 8);
	world_power(world, 8, true);
	world_run(world, 120000);
	assert_int_equal(world_state(world, 8), STATE_UPDATED);
	assert_string_equal(world_version(world, 8), "Demo 2.0");
	assert_in_range(world_journal_writes(world, 8) - writes, 1, 12);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

/* Who was named away stays where he is: to flash what he may not keep would be in vain. */
static void test_latecomer_that_was_named_away_stays(void **state)
{
	struct world *world = grid9(35);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .quorum_percent = 60 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_power(world, 8, false);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 20000);
	assert_int_equal(world_confirm(world, 0, 0, "node9"), REASON_NONE);
	world_run(world, 10000);
	world_power(world, 8, true);
	world_run(world, 120000);
	assert_int_equal(world_flash_count(world, 8), 0);
	assert_int_equal(world_state(world, 8), STATE_ABORTED);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

/* It gave up alone, an operator aborts there, and only then it sees that the others went on. */
static void test_latecomer_that_took_an_abort_stays(void **state)
{
	struct world *world = chain(5, 36);

	(void)state;
	start(world, &(struct world_start){
			     .release = 2, .confirm = ORDER_CONFIRM_AUTO, .quorum_percent = 60 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPGRADE_SCHEDULED, 1000));
	world_power(world, 4, false);
	world_link_set(world, 3, 4, false);
	world_power(world, 4, true);
	world_run(world, COUNTDOWN_MS + WINDOW_S * 1000);
	assert_int_equal(world_state(world, 0), STATE_UPDATED);
	assert_int_equal(world_state(world, 4), STATE_ABORTED);
	assert_int_equal(world_abort(world, 4), REASON_NONE);
	world_link_set(world, 3, 4, true);
	world_run(world, 120000);
	assert_int_equal(world_flash_count(world, 4), 0);
	assert_int_equal(world_state(world, 4), STATE_ABORTED);
	assert_next_upgrade_works(world, 5);
	world_free(world);
}

static void test_link_cut_in_the_countdown(void **state)
{
	struct world *world = chain(5, 16);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, 20); /* the far end has not heard of it */
	world_link_set(world, 2, 3, false);
	world_run(world, COUNTDOWN_MS + 20000);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(world_flash_count(world, i), 0);
	world_link_set(world, 2, 3, true);
	world_run(world, 20000);
	assert_stayed(world, 5, STATE_ABORTED);
	assert_next_upgrade_works(world, 5);
	world_free(world);
}

static void test_cut_after_everyone_was_scheduled(void **state)
{
	struct world *world = chain(5, 17);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPGRADE_SCHEDULED, 1000));
	world_run(world, 500);
	world_link_set(world, 2, 3, false);
	world_run(world, COUNTDOWN_MS + 5000);
	world_link_set(world, 2, 3, true);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
	assert_upgraded(world, 5);
	world_free(world);
}

/* Tells the last of a chain of five, in the middle of a countdown, that all of it is left: what a
 * plain peer's copy says, which does not age, or a message that was long on its way. */
static void assert_countdown_ends_in_time(uint32_t rtt_ms)
{
	struct world *world = chain(5, 18);
	char *message = malloc(65536), *hops, *rest;
	struct text text;

	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPGRADE_SCHEDULED, 1000));
	world_run(world, COUNTDOWN_MS / 2);
	text_init(&text, message, 65536);
	agent_answer(world_agent(world, 4), world_now(world), "lockstep_orders", "", 0, &text);
	hops = strstr(message, "\"hops\":4,\"remaining_ms\":");
	assert_non_null(hops);
	rest = strdup(strchr(hops, '}'));
	snprintf(hops, 64, "\"hops\":0,\"remaining_ms\":%u", (unsigned)COUNTDOWN_MS);
	memmove(hops + strlen(hops), rest, strlen(rest) + 1);
	world_inject(world, 4, "lockstep_orders", message, rtt_ms);
	world_run(world, COUNTDOWN_MS / 2 + 1000);
	assert_true(world_flashed_ms(world, 4) > 0);
	assert_true(world_flashed_ms(world, 4) < world_flashed_ms(world, 0) + 500);
	assert_true(world_flashed_ms(world, 4) + 500 > world_flashed_ms(world, 0));
	free(rest);
	free(message);
	world_free(world);
}

/* However often it comes, and from however near: a countdown is over when it would be if it had
 * come without a delay. */
static void test_countdown_that_does_not_age(void **state)
{
	(void)state;
	assert_countdown_ends_in_time(0);
}

/* The way that a message took counts once, also if it says more than can be left. */
static void test_countdown_that_was_long_on_its_way(void **state)
{
	(void)state;
	assert_countdown_ends_in_time(COUNTDOWN_MS / 2 * 2 / 5);
}

static void test_one_that_never_boots_brings_all_back(void **state)
{
	struct world *world = grid9(18);

	(void)state;
	world_faults(world, 5)->never_boots = true;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, 20), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_REVERTED, 60000));
	assert_stayed(world, 9, STATE_REVERTED);
	assert_int_equal(world_reason(world, 5), REASON_BOOT_FAILED);
	assert_int_equal(world_reason(world, 0), REASON_WAVE_REVERTED);
	world_run(world, 60000);
	assert_stayed(world, 9, STATE_REVERTED);
	assert_next_upgrade_works(world, 9);
	world_free(world);
}

static void test_operator_keeps_it_without_the_one(void **state)
{
	struct world *world = grid9(19);

	(void)state;
	world_faults(world, 5)->never_boots = true;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 15000);
	assert_int_equal(world_confirm(world, 0, 0, NULL), REASON_PARTICIPANTS_MISSING);
	assert_int_equal(world_confirm(world, 0, 0, "node6"), REASON_NONE);
	world_run(world, 5000);
	for (uint32_t i = 0; i < 9; i++) {
		assert_int_equal(world_state(world, i), i == 5 ? STATE_REVERTED : STATE_UPDATED);
		assert_string_equal(world_version(world, i), i == 5 ? "Demo 1.0" : "Demo 2.0");
	}
	world_free(world);
}

static void test_one_without_mesh_brings_all_back(void **state)
{
	struct world *world = chain(4, 20);

	(void)state;
	world_faults(world, 2)->no_mesh = true;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, 20), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_REVERTED, 60000));
	assert_stayed(world, 4, STATE_REVERTED);
	assert_next_upgrade_works(world, 4);
	world_free(world);
}

static void test_unhealthy_one_brings_all_back(void **state)
{
	struct world *world = chain(4, 21);

	(void)state;
	world_faults(world, 3)->unhealthy = true;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, 20), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_REVERTED, 60000));
	assert_stayed(world, 4, STATE_REVERTED);
	assert_next_upgrade_works(world, 4);
	world_free(world);
}

static void test_flasher_that_forgets_to_confirm(void **state)
{
	struct world *world = chain(3, 22);

	(void)state;
	world_faults(world, 1)->forgets_confirm = true;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, 20), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 45000);
	/* The board went back whatever its flasher said, and nobody believes otherwise. */
	assert_int_equal(world_state(world, 1), STATE_REVERTED);
	assert_string_equal(world_version(world, 1), "Demo 1.0");
	assert_next_upgrade_works(world, 3);
	world_free(world);
}

static void test_flash_that_fails(void **state)
{
	struct world *world = chain(3, 23);

	(void)state;
	world_faults(world, 1)->flash_fails = true;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, 20), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 45000);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(
			world_state(world, i), i == 1 ? STATE_INTERNAL_ERROR : STATE_REVERTED);
		assert_string_equal(world_version(world, i), "Demo 1.0");
	}
	assert_int_equal(world_reason(world, 1), REASON_FLASHER_FAILED);
	assert_next_upgrade_works(world, 3);
	world_free(world);
}

/* Power is lost at each journal write of one node in turn; the mesh ends in one release. */
static void test_power_cut_at_each_journal_write(void **state)
{
	(void)state;
	for (uint32_t cut = 1; cut <= 8; cut++) {
		for (uint32_t node = 0; node < 3; node++) {
			struct world *world = chain(3, 100 + cut);
			bool new_firmware;

			start(world, &(struct world_start){
					     .release = 2, .confirm = ORDER_CONFIRM_AUTO });
			world_faults(world, node)->cut_at_journal = cut;
			world_run(world, 30000);
			if (world_state(world, 0) == STATE_UPGRADE_READY)
				(void)world_schedule(world, 0, 0, COUNTDOWN_MS, 30);
			world_run(world, 100000);
			new_firmware = strcmp(world_version(world, 0), "Demo 2.0") == 0;
			for (uint32_t i = 0; i < 3; i++) {
				enum node_state ended = world_state(world, i);

				if ((strcmp(world_version(world, i), "Demo 2.0") == 0) !=
						new_firmware ||
					ended == STATE_CONFIRMATION_PENDING ||
					ended == STATE_FLASHING)
					fail_msg("cut %u of node%u: node%u ends in %s (%s) with %s",
						cut, node + 1, i + 1, state_name(ended),
						reason_word(world_reason(world, i)),
						world_version(world, i));
			}
			assert_next_upgrade_works(world, 3);
			world_free(world);
		}
	}
}

static void test_power_cut_in_the_flash(void **state)
{
	struct world *world = chain(4, 24);

	(void)state;
	world_faults(world, 3)->cut_flash = true;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	/* The journal resumes it, and the operator's directory has the image again. */
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000 + 30000));
	assert_upgraded(world, 4);
	assert_int_equal(world_flash_count(world, 3), 2);
	world_free(world);
}

static void test_daemon_restarts_in_every_state(void **state)
{
	static const enum node_state states[] = { STATE_UPDATED, STATE_DOWNLOADING,
		STATE_UPGRADE_READY, STATE_UPGRADE_SCHEDULED, STATE_FLASHING,
		STATE_CONFIRMATION_PENDING };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct world *world = chain(4, 200 + i);
		bool restarted = false;

		start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
		if (states[i] == STATE_UPDATED) {
			world_restart_daemon(world, 2);
			restarted = true;
		}
		for (uint32_t ms = 0; ms < 60000; ms += 10) {
			world_run(world, 10);
			if (!restarted && world_is_up(world, 2) &&
				world_state(world, 2) == states[i]) {
				world_restart_daemon(world, 2);
				restarted = true;
			}
			if (ms == 20000)
				assert_int_equal(
					world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S),
					REASON_NONE);
		}
		assert_true(restarted);
		if (!world_until_state(world, STATE_UPDATED, 60000))
			fail_msg("restarted in %s: node3 is in %s", state_name(states[i]),
				state_name(world_state(world, 2)));
		assert_upgraded(world, 4);
		world_free(world);
	}
}

static void test_two_operators_at_once(void **state)
{
	struct world *world = chain(6, 25);

	(void)state;
	world_release(world, UINT32_MAX, false);
	assert_int_equal(world_start_upgrade(world, 0,
				 &(struct world_start){
					 .release = 2, .epoch = 1, .upgrade = "00000000000000bb" }),
		REASON_NONE);
	assert_int_equal(world_start_upgrade(world, 5,
				 &(struct world_start){
					 .release = 3, .epoch = 1, .upgrade = "00000000000000aa" }),
		REASON_NONE);
	world_run(world, 30000);
	/* The lower id won everywhere: the last start of the two. */
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 3, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPGRADE_SCHEDULED, 1000));
	assert_int_equal(world_start_upgrade(world, 2,
				 &(struct world_start){
					 .release = 2, .epoch = 1, .upgrade = "0000000000000001" }),
		REASON_ALREADY_SCHEDULED);
	world_free(world);
}

static void test_scheduled_one_beats_the_lower_id(void **state)
{
	struct world *world = chain(4, 26);

	(void)state;
	world_link_set(world, 1, 2, false);
	world_run(world, 5000);
	assert_int_equal(world_start_upgrade(world, 3,
				 &(struct world_start){
					 .release = 2, .epoch = 1, .upgrade = "00000000000000aa" }),
		REASON_NONE);
	assert_int_equal(world_start_upgrade(world, 0,
				 &(struct world_start){ .release = 2,
					 .epoch = 1,
					 .upgrade = "00000000000000bb",
					 .confirm = ORDER_CONFIRM_AUTO }),
		REASON_NONE);
	world_run(world, 5000);
	assert_int_equal(world_schedule(world, 0, 0, 60000, WINDOW_S), REASON_NONE);
	world_run(world, 1000);
	world_link_set(world, 1, 2, true);
	world_run(world, 60000);
	assert_true(world_until_state(world, STATE_UPDATED, 60000));
	assert_upgraded(world, 4);
	world_free(world);
}

static void test_forged_record_changes_nothing(void **state)
{
	struct world *world = chain(3, 27);
	char *before = malloc(65536), *after = malloc(65536), *slice = malloc(65536);
	struct text text;
	char *at;

	(void)state;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_run(world, 2000);
	text_init(&text, slice, 65536);
	agent_answer(world_agent(world, 2), world_now(world), "lockstep_nodes", "", 0, &text);
	text_init(&text, before, 65536);
	agent_view_mesh(world_agent(world, 0), world_now(world), &text);
	/* node3's record, with a word of node2 changed in it. */
	at = strstr(slice, "UPGRADE_READY");
	assert_non_null(at);
	memcpy(at, "UPGRADE_REVDY", strlen("UPGRADE_REVDY"));
	at = strstr(slice, "sequence\\\":");
	assert_non_null(at);
	at[strlen("sequence\\\":")] = '9';
	world_inject(world, 0, "lockstep_nodes", slice, 0);
	text_init(&text, after, 65536);
	agent_view_mesh(world_agent(world, 0), world_now(world), &text);
	assert_string_equal(before, after);
	free(before);
	free(after);
	free(slice);
	world_free(world);
}

/* A plain peer that was given senseless data under our name keeps it until we offer more. */
static void test_outbids_what_others_say_of_it(void **state)
{
	struct world *world = chain(2, 27);
	char *slice = malloc(65536), wanted[96];
	struct text text;
	const char *at;

	(void)state;
	world_run(world, 5000);
	snprintf(slice, 65536,
		"{\"stateSlice\":[{\"key\":\"%s\",\"value\":{\"mAuthor\":\"x\",\"mTtl\":5000,"
		"\"mData\":null}}]}",
		world_name(world, 0));
	world_inject(world, 0, "lockstep_nodes", slice, 0);
	text_init(&text, slice, 65536);
	agent_answer(world_agent(world, 0), world_now(world), "lockstep_nodes", "", 0, &text);
	snprintf(wanted, sizeof(wanted), "\"mAuthor\":\"%s\"", world_name(world, 0));
	at = strstr(slice, wanted);
	assert_non_null(at);
	at = strstr(at, "xint64\":");
	assert_non_null(at);
	assert_in_range(strtoul(at + strlen("xint64\":"), NULL, 10), 5003, 5004);
	free(slice);
	world_free(world);
}

static const char nobody[] = "{\"stateSlice\":[]}";

/* What node `from` opens an exchange with `to` with; `answer` is what that one says. */
static void talk(struct world *world, uint32_t from, uint32_t to, const char *type, char *message,
	char *answer)
{
	struct text text;

	text_init(&text, message, 65536);
	agent_slice_for(world_agent(world, from), world_now(world), to, type, &text);
	text_init(&text, answer, 65536);
	agent_answer(
		world_agent(world, to), world_now(world), type, message, strlen(message), &text);
}

/* A node hears twice, some time apart, that a neighbour knows something else: the next exchange
 * asks.
 */
static void doubt(struct world *world, uint32_t node, uint32_t neighbour)
{
	struct event event = { .kind = EVENT_NEIGHBOUR_UP };
	struct actions *actions = malloc(sizeof(*actions));

	assert_non_null(actions);
	event.neighbour_up.neighbour = neighbour;
	text_set(event.neighbour_up.name, sizeof(event.neighbour_up.name),
		world_name(world, neighbour));
	event.neighbour_up.has_digest = true;
	event.neighbour_up.digest = agent_digest(world_agent(world, node)) + 1;
	for (uint64_t ms = 1; ms <= 30001; ms += 3000)
		(void)agent_step(world_agent(world, node), world_now(world) + ms, &event, actions);
	free(actions);
}

static size_t entries_of(const char *message)
{
	size_t count = 0;

	while ((message = strstr(message, "\"mAuthor\"")) != NULL) {
		count++;
		message++;
	}
	return count;
}

/* Who brings news wants nothing back; who asks gets the parts that differ; a plain peer gets all.
 */
static void test_answers_only_what_is_news(void **state)
{
	static const char type[] = "lockstep_nodes";
	struct world *world = chain(3, 31);
	char *message = malloc(65536), *answer = malloc(65536), *at;
	struct text text;

	(void)state;
	/* Long enough for the links to be measured, and told to all. */
	world_run(world, 60000);
	doubt(world, 0, 1);
	talk(world, 0, 1, type, message, answer);
	/* With the roster's digest, in parts. */
	at = strstr(message, "[],\"lockstep\":\"");
	assert_non_null(at);
	at += strlen("[],\"lockstep\":\"");
	assert_int_equal(strcspn(at, "\""), 344);
	assert_string_equal(answer, nobody);

	/* One part is another: those records of it are told, at most all three. */
	for (size_t i = 0; i < 344 - 2; i++) {
		char before = at[i];
		size_t entries;

		at[i] = before == 'A' ? 'B' : 'A';
		text_init(&text, answer, 65536);
		agent_answer(world_agent(world, 1), world_now(world), type, message,
			strlen(message), &text);
		entries = entries_of(answer);
		assert_in_range(entries, 0, 2);
		at[i] = before;
	}
	/* All parts are. */
	memset(at, 'A', 340);
	text_init(&text, answer, 65536);
	agent_answer(
		world_agent(world, 1), world_now(world), type, message, strlen(message), &text);
	assert_int_equal(entries_of(answer), 3);

	/* Nothing is wanted; and what is no digest counts as that. */
	text_init(&text, answer, 65536);
	at[0] = '"';
	at[1] = '}';
	at[2] = '\0';
	agent_answer(
		world_agent(world, 1), world_now(world), type, message, strlen(message), &text);
	assert_string_equal(answer, nobody);
	/* A plain peer says nothing of it. */
	text_init(&text, answer, 65536);
	agent_answer(world_agent(world, 1), world_now(world), type, nobody, strlen(nobody), &text);
	assert_int_equal(entries_of(answer), 3);
	free(message);
	free(answer);
	world_free(world);
}

enum { STRANGERS = 400 };

/* What `count` strangers from `first` on say of themselves, for the `sequence`th time. */
static void strangers_say(char *slice, uint32_t first, uint32_t count, uint64_t sequence)
{
	const uint8_t seed[USIGN_SEED_SIZE] = { 9 };
	struct usign_secret secret;
	struct text text;

	usign_from_seed(&secret, seed);
	text_init(&text, slice, 65536);
	slice_write_begin(&text);
	for (uint32_t i = first; i < first + count; i++) {
		struct record_whole whole = { .record = {
						      .incarnation = 1, .sequence = sequence } };
		struct record *record = &whole.record;
		struct notice *notice;

		snprintf(record->name, sizeof(record->name), "stranger-%u", i);
		notice = notice_sign(&whole, "world", &secret);
		slice_write_entry(&text, record->name, record->name, 600, notice->envelope,
			notice->envelope_size);
		notice_free(notice);
	}
	slice_write_end(&text);
	assert_false(text_cut(&text));
}

/* A step of node 0 outside its world: how often does it ask a neighbour for what differs? */
static uint32_t asks_in_step(struct world *world, uint64_t now_ms, const struct event *event)
{
	static struct actions actions;
	static char message[LIMITS_SLICE_SIZE];
	struct event over = { .kind = EVENT_EXCHANGE_OVER };
	uint32_t asks = 0;
	struct text text;

	(void)agent_step(world_agent(world, 0), now_ms, event, &actions);
	for (uint32_t i = 0; i < actions.count; i++) {
		const struct action *action = &actions.list[i];

		if (action->kind != ACTION_EXCHANGE ||
			strcmp(action->exchange.type, "lockstep_nodes") != 0)
			continue;
		text_init(&text, message, sizeof(message));
		agent_slice_for(world_agent(world, 0), now_ms, action->exchange.neighbour,
			action->exchange.type, &text);
		asks += strstr(message, "\"lockstep\":\"\"") == NULL;
		over.exchange_over.neighbour = action->exchange.neighbour;
		over.exchange_over.type = action->exchange.type;
		over.exchange_over.ok = true;
	}
	if (over.exchange_over.ok)
		asks += asks_in_step(world, now_ms, &over);
	return asks;
}

/* Where many speak one after the other, two neighbours never know the same at one moment. */
static void test_a_digest_between_two_pushes_says_nothing(void **state)
{
	struct world *world = chain(2, 37);
	char *slice = malloc(65536);
	struct event tick = { .kind = EVENT_TICK };
	struct event news = { .kind = EVENT_SLICE,
		.slice = { .type = "lockstep_nodes",
			.data = slice,
			.neighbour = AGENT_PEER_NONE,
			.remote = true } };
	struct event hello = { .kind = EVENT_NEIGHBOUR_UP,
		.neighbour_up = { .neighbour = 1, .has_digest = true, .digest = 1 } };
	uint32_t asked = 0;
	uint64_t now_ms;

	(void)state;
	text_set(hello.neighbour_up.name, sizeof(hello.neighbour_up.name), world_name(world, 1));
	world_run(world, 20000);
	for (uint32_t i = 0; i < STRANGERS; i += 40) {
		strangers_say(slice, i, 40, 1);
		world_inject(world, 0, "lockstep_nodes", slice, 0);
	}
	world_run(world, 60000);
	now_ms = world_now(world);
	/* The gap between pushes is 130 ms where so many speak, or 500 where nothing happens. */
	for (uint32_t ms = 0; ms < 4000; ms += 50) {
		if (ms % 350 == 0) {
			strangers_say(slice, 1, 1, 2 + ms);
			news.slice.data_size = strlen(slice);
			asked += asks_in_step(world, now_ms + ms, &news);
		}
		if (ms % 1000 == 100)
			asked += asks_in_step(world, now_ms + ms, &hello);
		asked += asks_in_step(world, now_ms + ms, &tick);
	}
	assert_int_equal(asked, 0);
	/* Then it is over, and they differ still. */
	for (uint32_t ms = 4000; ms < 8000; ms += 50)
		asked += asks_in_step(world, now_ms + ms, &tick);
	assert_int_equal(asked, 1);
	free(slice);
	world_free(world);
}

/* A neighbour that knows all orders hears of those that still count down, and of nothing else. */
static void test_countdown_is_always_answered(void **state)
{
	static const char type[] = "lockstep_orders";
	struct world *world = chain(2, 29);
	char *message = malloc(65536), *answer = malloc(65536);

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	talk(world, 0, 1, type, message, answer);
	assert_string_equal(answer, nobody);
	assert_int_equal(world_schedule(world, 0, 0, 30000, WINDOW_S), REASON_NONE);
	world_run(world, 2000);
	talk(world, 1, 0, type, message, answer);
	assert_int_equal(entries_of(answer), 1);
	assert_non_null(strstr(answer, "\"remaining_ms\":"));
	free(answer);
	free(message);
	world_free(world);
}

static void upgrade_with_one_slot(struct world *world)
{
	start(world,
		&(struct world_start){
			.release = 2, .allow_single_slot = true, .confirm = ORDER_CONFIRM_AUTO });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_UPDATED, WINDOW_S * 1000));
}

static void test_single_slot_must_be_allowed(void **state)
{
	struct world *world = world_new(3, 28);

	(void)state;
	world_chain(world);
	world_set_slots(world, 1, 1);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	start(world, &(struct world_start){ .release = 2 });
	world_run(world, 5000);
	assert_int_equal(world_state(world, 1), STATE_UPGRADE_CHECK_FAILED);
	assert_int_equal(world_reason(world, 1), REASON_SINGLE_SLOT);
	upgrade_with_one_slot(world);
	assert_upgraded(world, 3);
	world_free(world);
}

/* A board with one slot runs what it flashed: only the version tells whether it did. */
static struct world *upgraded_with_one_slot(uint64_t seed, bool mislabelled)
{
	struct world *world = world_new(3, seed);

	world_chain(world);
	world_set_slots(world, 1, 1);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	world_faults(world, 1)->mislabelled = mislabelled;
	upgrade_with_one_slot(world);
	assert_int_equal(world_flash_count(world, 1), 1);
	return world;
}

static void test_flashes_once_what_it_runs_already(void **state)
{
	struct world *world = upgraded_with_one_slot(38, false);

	(void)state;
	/* It hears of the upgrade as if for the first time. */
	world_lose_journal(world, 1);
	world_run(world, 10000);
	assert_true(world_until_state(world, STATE_UPDATED, PATIENCE_MS));
	world_run(world, PATIENCE_MS);
	assert_upgraded(world, 3);
	assert_int_equal(world_flash_count(world, 1), 2);
	world_free(world);
}

static void test_mislabelled_firmware_is_flashed_once(void **state)
{
	struct world *world = upgraded_with_one_slot(39, true);

	(void)state;
	world_run(world, PATIENCE_MS);
	assert_int_equal(world_state(world, 1), STATE_UPDATED);
	assert_int_equal(world_flash_count(world, 1), 1);
	world_free(world);
}

static void test_journal_that_cannot_be_written(void **state)
{
	struct world *world = chain(3, 29);

	(void)state;
	world_faults(world, 1)->journal_fails = true;
	start(world, &(struct world_start){ .release = 2 });
	world_run(world, 10000);
	assert_int_equal(world_state(world, 1), STATE_INTERNAL_ERROR);
	assert_int_equal(world_reason(world, 1), REASON_JOURNAL_FAILED);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, 30000);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(world_flash_count(world, i), 0);
	assert_next_upgrade_works(world, 3);
	world_free(world);
}

/* On trial nobody may stay behind because he cannot write down what happens. */
static void test_journal_that_cannot_be_written_on_trial(void **state)
{
	(void)state;
	for (unsigned boot_written = 0; boot_written < 2; boot_written++) {
		struct world *world = chain(3, 33 + boot_written);

		start(world, &(struct world_start){ .release = 2 });
		assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
		assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
		assert_true(world_until_state(world, STATE_FLASHING, COUNTDOWN_MS + 1000));
		world_faults(world, 1)->journal_fails = boot_written == 0;
		assert_true(world_until_state(world, STATE_CONFIRMATION_PENDING, 10000));
		world_faults(world, 1)->journal_fails = true;
		world_run(world, 5000);
		assert_int_equal(world_confirm(world, 0, 0, NULL), REASON_NONE);
		assert_true(world_until_state(world, STATE_UPDATED, 5000));
		/* What the journal missed shows from what runs, also where nobody else tells. */
		for (uint32_t i = 0; i < 3; i++)
			world_power(world, i, false);
		world_run(world, 1000);
		world_power(world, 1, true);
		world_run(world, 10000);
		assert_int_equal(world_state(world, 1), STATE_UPDATED);
		world_power(world, 0, true);
		world_power(world, 2, true);
		world_run(world, WINDOW_S * 1000);
		assert_upgraded(world, 3);
		assert_next_upgrade_works(world, 3);
		world_free(world);
	}
}

/* A board takes so long over its flash that it is given up and another upgrade begins; then it
 * boots the firmware all the same. Nobody waits for that any more. */
static void test_flash_that_comes_too_late(void **state)
{
	struct world *world = chain(3, 35);

	(void)state;
	(void)world_release(world, UINT32_MAX, false);
	world_restart_daemon(world, 0);
	world_faults(world, 1)->slow_flash = true;
	start(world, &(struct world_start){ .release = 2 });
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + WORLD_SLOW_FLASH_MS - 30000);
	assert_int_equal(world_state(world, 0), STATE_REVERTED);
	assert_int_equal(world_state(world, 1), STATE_INTERNAL_ERROR);
	start(world, &(struct world_start){ .release = 3 });
	world_run(world, 25000);
	assert_stayed(world, 3, STATE_UPGRADE_READY);
	world_run(world, 20000);
	assert_int_equal(world_state(world, 0), STATE_UPGRADE_READY);
	assert_int_equal(world_state(world, 1), STATE_REVERTED);
	assert_string_equal(world_version(world, 1), "Demo 1.0");
	assert_next_upgrade_works(world, 3);
	world_free(world);
}

static void assert_view_has(struct world *world, uint32_t node, const char *words, bool expected)
{
	static char view[65536];
	struct text text;

	text_init(&text, view, sizeof(view));
	agent_view_mesh(world_agent(world, node), world_now(world), &text);
	assert_false(text_cut(&text));
	assert_true((strstr(view, words) != NULL) == expected);
}

static void test_links_are_measured_and_told(void **state)
{
	struct world *world = chain(3, 31);

	(void)state;
	world_run(world, 60000);
	assert_view_has(world, 0, "\"links\":{\"node2\":20000}", true);
	assert_view_has(world, 0, "\"links\":{\"node1\":20000,\"node3\":20000}", true);
	assert_int_equal(world_measure_count(world, 0), 1);
	assert_int_equal(world_measure_count(world, 1), 2);
	/* Rarely, and what is gone is no link any more. */
	world_run(world, 1800000);
	assert_int_equal(world_measure_count(world, 0), 1);
	world_link_set(world, 1, 2, false);
	world_run(world, 60000);
	assert_view_has(world, 0, "\"links\":{\"node1\":20000}", true);
	/* It comes back as it was, and is measured anew. */
	world_link_set(world, 1, 2, true);
	world_run(world, 15000);
	assert_view_has(world, 0, "\"links\":{\"node1\":20000,\"node3\":20000}", true);
	world_run(world, 3600000);
	assert_in_range(world_measure_count(world, 1), 4, 6);
	world_free(world);
}

static void test_links_are_left_alone_in_an_upgrade(void **state)
{
	struct world *world = chain(3, 32);
	uint32_t before;

	(void)state;
	start(world, &(struct world_start){ .release = 2, .confirm = ORDER_CONFIRM_AUTO });
	before = world_measure_count(world, 1);
	world_run(world, 300000);
	assert_int_equal(world_measure_count(world, 1), before);
	assert_view_has(world, 0, "\"links\":{}", true);
	world_abort(world, 0);
	world_run(world, 900000);
	assert_true(world_measure_count(world, 1) > before);
	world_free(world);
}

static void test_link_that_cannot_be_measured(void **state)
{
	struct world *world = chain(2, 33);

	(void)state;
	world_faults(world, 0)->no_measure = true;
	world_run(world, 200000);
	assert_in_range(world_measure_count(world, 0), 2, 6);
	assert_view_has(world, 1, "\"links\":{}", true);
	assert_view_has(world, 1, "\"links\":{\"node1\":20000}", true);
	world_faults(world, 0)->no_measure = false;
	world_run(world, 120000);
	assert_view_has(world, 1, "\"links\":{\"node2\":20000}", true);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_upgrade_two_boards),
		cmocka_unit_test(test_automatic_confirmation),
		cmocka_unit_test(test_two_waves),
		cmocka_unit_test(test_abort_while_downloading),
		cmocka_unit_test(test_abort_while_ready),
		cmocka_unit_test(test_abort_while_scheduled),
		cmocka_unit_test(test_abort_is_too_late_while_flashing),
		cmocka_unit_test(test_one_board_without_image),
		cmocka_unit_test(test_forged_release),
		cmocka_unit_test(test_forged_order),
		cmocka_unit_test(test_replayed_orders),
		cmocka_unit_test(test_wrong_chunks_of_a_neighbour),
		cmocka_unit_test(test_flasher_refuses_the_image),
		cmocka_unit_test(test_dead_node_at_schedule),
		cmocka_unit_test(test_dead_node_within_the_quorum),
		cmocka_unit_test(test_latecomer_follows_who_confirmed),
		cmocka_unit_test(test_latecomer_that_was_named_away_stays),
		cmocka_unit_test(test_latecomer_that_took_an_abort_stays),
		cmocka_unit_test(test_link_cut_in_the_countdown),
		cmocka_unit_test(test_cut_after_everyone_was_scheduled),
		cmocka_unit_test(test_countdown_that_does_not_age),
		cmocka_unit_test(test_countdown_that_was_long_on_its_way),
		cmocka_unit_test(test_one_that_never_boots_brings_all_back),
		cmocka_unit_test(test_operator_keeps_it_without_the_one),
		cmocka_unit_test(test_one_without_mesh_brings_all_back),
		cmocka_unit_test(test_unhealthy_one_brings_all_back),
		cmocka_unit_test(test_flasher_that_forgets_to_confirm),
		cmocka_unit_test(test_flash_that_fails),
		cmocka_unit_test(test_power_cut_at_each_journal_write),
		cmocka_unit_test(test_power_cut_in_the_flash),
		cmocka_unit_test(test_daemon_restarts_in_every_state),
		cmocka_unit_test(test_two_operators_at_once),
		cmocka_unit_test(test_scheduled_one_beats_the_lower_id),
		cmocka_unit_test(test_forged_record_changes_nothing),
		cmocka_unit_test(test_outbids_what_others_say_of_it),
		cmocka_unit_test(test_answers_only_what_is_news),
		cmocka_unit_test(test_a_digest_between_two_pushes_says_nothing),
		cmocka_unit_test(test_countdown_is_always_answered),
		cmocka_unit_test(test_single_slot_must_be_allowed),
		cmocka_unit_test(test_flashes_once_what_it_runs_already),
		cmocka_unit_test(test_mislabelled_firmware_is_flashed_once),
		cmocka_unit_test(test_journal_that_cannot_be_written),
		cmocka_unit_test(test_journal_that_cannot_be_written_on_trial),
		cmocka_unit_test(test_flash_that_comes_too_late),
		cmocka_unit_test(test_links_are_measured_and_told),
		cmocka_unit_test(test_links_are_left_alone_in_an_upgrade),
		cmocka_unit_test(test_link_that_cannot_be_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
