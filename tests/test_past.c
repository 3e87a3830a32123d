// SPDX-License-Identifier: AGPL-3.0-or-later
/* What history is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/book.h"
#include "agent/notice.h"
#include "base/words.h"
#include "gossip/slice.h"
#include "world.h"

enum {
	NODES = 3,
	STEPS_MAX = 32,
	PATIENCE_MS = 120000,
	VIEW_SIZE = 65536,
	HERE = 1, /* whose eyes these are */
};

/* What one node has heard, as the daemon takes it: after every step, and anew after a boot. */
struct ear {
	struct agent *agent; /* of this life of its daemon */
	uint32_t change;
	uint32_t counts[NODES];
	enum node_state states[NODES][STEPS_MAX];
	enum reason reasons[NODES];
	enum upgrade_phase phases[STEPS_MAX];
	uint32_t phase_count;
	uint64_t looked_ms;
};

static void on_heard(void *context, uint32_t seat, enum node_state state, enum reason reason)
{
	struct ear *ear = context;
	uint32_t count;

	assert_in_range(seat, 0, NODES - 1);
	count = ear->counts[seat];
	ear->reasons[seat] = reason;
	if (count > 0 && ear->states[seat][count - 1] == state)
		return;
	assert_in_range(count, 0, STEPS_MAX - 1);
	ear->states[seat][ear->counts[seat]++] = state;
}

static void hear_nothing(void *context, uint32_t seat, enum node_state state, enum reason reason)
{
	(void)context;
	(void)reason;
	fail_msg("seat %u says %s, and that is no news", seat, state_name(state));
}

/* It is what GET /v1/mesh says. */
static void look(struct ear *ear, uint64_t now_ms)
{
	static char view[VIEW_SIZE];
	char expected[64] = "\"upgrade\":null";
	enum upgrade_phase phase = PHASE_OPEN;
	bool known = agent_phase(ear->agent, &phase);
	struct text text;

	if (known)
		snprintf(expected, sizeof(expected), "\"phase\":\"%s\"",
			words_at(phase_words, phase));
	text_init(&text, view, sizeof(view));
	agent_view_mesh(ear->agent, now_ms, &text);
	assert_false(text_cut(&text));
	assert_non_null(strstr(view, expected));
	if (!known || (ear->phase_count > 0 && ear->phases[ear->phase_count - 1] == phase))
		return;
	assert_in_range(ear->phase_count, 0, STEPS_MAX - 1);
	ear->phases[ear->phase_count++] = phase;
}

/* Between two steps of the world. Always false: it goes on until the time is over. */
static bool listen(struct world *world, const void *context)
{
	struct ear *ear = *(struct ear *const *)context;

	if (ear->agent != world_agent(world, HERE)) {
		ear->agent = world_agent(world, HERE);
		ear->change = 0;
		return false; /* it has not made a step yet */
	}
	if (ear->agent == NULL)
		return false;
	ear->change = agent_hear(ear->agent, ear->change, on_heard, ear);
	assert_int_equal(agent_hear(ear->agent, ear->change, hear_nothing, NULL), ear->change);
	look(ear, world_now(world));
	return false;
}

static void run(struct world *world, struct ear *ear, uint64_t ms)
{
	(void)world_until(world, listen, &ear, ms);
}

static struct world *chain3(uint64_t seed)
{
	struct world *world = world_new(NODES, seed);

	world_chain(world);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	return world;
}

static void start(struct world *world)
{
	assert_int_equal(
		world_start_upgrade(world, 0, &(struct world_start){ .release = 2 }), REASON_NONE);
}

/* ---- tests ---- */

/* All that a node says before it is dark, and after. */
static void test_states_of_a_whole_upgrade(void **state)
{
	static const enum node_state way[] = { STATE_DOWNLOADING, STATE_UPGRADE_READY,
		STATE_UPGRADE_SCHEDULED, STATE_FLASHING, STATE_CONFIRMATION_PENDING,
		STATE_UPDATED };
	static const enum upgrade_phase phases[] = { PHASE_OPEN, PHASE_SCHEDULED, PHASE_FLASHING,
		PHASE_CONFIRMING, PHASE_CONFIRMED };
	struct world *world = chain3(1);
	struct ear ear = { 0 };

	(void)state;
	run(world, &ear, 1000);
	for (uint32_t i = 0; i < NODES; i++)
		assert_int_equal(ear.counts[i], 0); /* they are of no upgrade */
	start(world);
	run(world, &ear, 20000);
	assert_int_equal(world_schedule(world, 0, 0, 20000, 600), REASON_NONE);
	run(world, &ear, 50000);
	assert_int_equal(world_confirm(world, 2, 0, NULL), REASON_NONE);
	run(world, &ear, 20000);
	assert_int_equal(ear.counts[HERE], sizeof(way) / sizeof(way[0]));
	for (uint32_t i = 0; i < NODES; i++) {
		size_t at = 0;

		/* Of others it may miss what lasts no longer than an exchange. */
		for (uint32_t j = 0; j < ear.counts[i]; j++, at++) {
			while (at < sizeof(way) / sizeof(way[0]) && way[at] != ear.states[i][j])
				at++;
		}
		assert_int_equal(at, sizeof(way) / sizeof(way[0]));
		assert_in_range(ear.counts[i], 3, sizeof(way) / sizeof(way[0]));
		assert_int_equal(ear.states[i][ear.counts[i] - 1], STATE_UPDATED);
		assert_int_equal(ear.reasons[i], REASON_NONE);
	}
	assert_int_equal(ear.phase_count, sizeof(phases) / sizeof(phases[0]));
	assert_memory_equal(ear.phases, phases, sizeof(phases));
	world_free(world);
}

static void test_reason_comes_along(void **state)
{
	struct world *world = chain3(2);
	struct ear ear = { 0 };

	(void)state;
	world_faults(world, 2)->check_fails = true;
	run(world, &ear, 1000);
	start(world);
	run(world, &ear, 20000);
	assert_int_equal(ear.states[2][ear.counts[2] - 1], STATE_UPGRADE_CHECK_FAILED);
	assert_int_equal(ear.reasons[2], REASON_FLASHER_CHECK);
	assert_int_equal(world_abort(world, 1), REASON_NONE);
	run(world, &ear, 10000);
	assert_int_equal(ear.phases[ear.phase_count - 1], PHASE_ABORTED);
	assert_int_equal(ear.reasons[0], REASON_OPERATOR);
	/* Another upgrade is another story. */
	assert_int_equal(world_start_upgrade(world, HERE, &(struct world_start){ .release = 2 }),
		REASON_NONE);
	memset(ear.counts, 0, sizeof(ear.counts));
	(void)agent_hear(ear.agent, 0, on_heard, &ear);
	assert_int_equal(ear.counts[HERE], 1);
	assert_int_equal(ear.counts[0] + ear.counts[2], 0);
	world_free(world);
}

static void test_orders_as_they_came(void **state)
{
	static const enum order_kind kinds[] = { ORDER_START, ORDER_SCHEDULE, ORDER_ABORT };
	struct world *world = chain3(3);
	const struct book_order *slot;
	size_t count = 0;

	(void)state;
	assert_null(agent_orders(world_agent(world, HERE)));
	start(world);
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	assert_int_equal(world_schedule(world, 0, 0, 60000, 600), REASON_NONE);
	world_run(world, 1000);
	assert_int_equal(world_abort(world, 2), REASON_NONE);
	world_run(world, 1000);
	for (slot = agent_orders(world_agent(world, HERE)); slot != NULL; slot = slot->next) {
		assert_in_range(count, 0, 2);
		assert_int_equal(slot->order.kind, kinds[count++]);
	}
	assert_int_equal(count, 3);
	world_free(world);
}

/* Somebody took the name before it was known whose it is. */
static void test_only_the_pinned_key_is_heard(void **state)
{
	const uint8_t seed[USIGN_SEED_SIZE] = { 9 };
	struct record_whole whole = { .record.incarnation = 1,
		.record.epoch = 1,
		.record.upgrade = { 0, 0, 0, 0, 0, 0, 0, 1 },
		.record.state = STATE_UPDATED,
		.record.flashed = true };
	struct world *world = world_new(NODES, 4);
	struct usign_secret secret;
	struct ear ear = { 0 };
	struct notice *notice;
	char slice[4096];
	struct text text;

	(void)state;
	world_link(world, 0, 1);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	usign_from_seed(&secret, seed);
	text_set(whole.record.name, sizeof(whole.record.name), world_name(world, 2));
	notice = notice_sign(&whole, "world", &secret);
	text_init(&text, slice, sizeof(slice));
	slice_write_begin(&text);
	slice_write_entry(&text, whole.record.name, whole.record.name, 600, notice->envelope,
		notice->envelope_size);
	slice_write_end(&text);
	notice_free(notice);
	world_inject(world, HERE, "lockstep_nodes", slice, 0);
	run(world, &ear, 1000);
	start(world);
	run(world, &ear, 20000);
	(void)agent_hear(ear.agent, 0, on_heard, &ear); /* as for every new start */
	assert_true(ear.counts[0] > 0 && ear.counts[1] > 0);
	assert_int_equal(ear.counts[2], 0);
	assert_int_equal(ear.phase_count, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_of_a_whole_upgrade),
		cmocka_unit_test(test_reason_comes_along),
		cmocka_unit_test(test_orders_as_they_came),
		cmocka_unit_test(test_only_the_pinned_key_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
