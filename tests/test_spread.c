// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

/* One agent without its world: steps when it asks to, and all its exchanges succeed at once. */
struct lone {
	struct agent *agent;
	uint64_t now_ms, wake_ms;
	uint32_t exchanges[2][3]; /* by neighbour and type */
	struct actions *actions;
};

enum { LONE_HOST = 20, LONE_PLAIN = 21 };

static void lone_step(struct lone *lone, const struct event *event)
{
	static const char *const types[] = { "lockstep_nodes", "lockstep_orders",
		"mesh_wide_upgrade" };
	struct event overs[8];
	uint32_t count = 0;
	struct text text;

	lone->wake_ms = agent_step(lone->agent, lone->now_ms, event, lone->actions);
	for (uint32_t i = 0; i < lone->actions->count; i++) {
		const struct action *action = &lone->actions->list[i];
		uint32_t neighbour = action->exchange.neighbour;

		if (action->kind != ACTION_EXCHANGE || neighbour < LONE_HOST)
			continue;
		text_init(&text, NULL, 0);
		agent_slice_for(lone->agent, lone->now_ms, neighbour, action->exchange.type, &text);
		for (uint32_t type = 0; type < 3; type++)
			lone->exchanges[neighbour - LONE_HOST][type] +=
				strcmp(action->exchange.type, types[type]) == 0;
		assert_true(count < 8);
		overs[count] = (struct event){ .kind = EVENT_EXCHANGE_OVER };
		overs[count].exchange_over.ok = true;
		overs[count].exchange_over.neighbour = neighbour;
		overs[count++].exchange_over.type = action->exchange.type;
	}
	for (uint32_t i = 0; i < count; i++)
		lone_step(lone, &overs[i]);
}

static void lone_run(struct lone *lone, uint64_t ms)
{
	static const struct event tick = { .kind = EVENT_TICK };
	uint64_t end_ms = lone->now_ms + ms;

	while (lone->now_ms < end_ms) {
		lone->now_ms = lone->wake_ms > lone->now_ms ? lone->wake_ms : lone->now_ms + 1;
		lone_step(lone, &tick);
	}
}

static void lone_meet(struct lone *lone, uint32_t neighbour)
{
	struct event event = { .kind = EVENT_NEIGHBOUR_UP };

	event.neighbour_up.neighbour = neighbour;
	event.neighbour_up.host = neighbour == LONE_HOST;
	lone_step(lone, &event);
}

static uint32_t sum_of(const uint32_t counts[static 3])
{
	return counts[0] + counts[1] + counts[2];
}

static void test_idle_host_is_left_in_peace(void **state)
{
	struct world *world = world_new(1, 34);
	struct lone lone = { 0 };
	uint32_t *host = lone.exchanges[0], before;

	(void)state;
	world_start(world);
	lone.agent = world_agent(world, 0);
	lone.now_ms = world_now(world);
	lone.actions = malloc(sizeof(*lone.actions));
	assert_non_null(lone.actions);
	lone_meet(&lone, LONE_PLAIN);
	lone_run(&lone, 100000);
	memset(lone.exchanges, 0, sizeof(lone.exchanges));
	lone_run(&lone, 100000);
	assert_in_range(sum_of(lone.exchanges[1]), 6, 15); /* a peer asks it for each type */

	lone_meet(&lone, LONE_HOST);
	before = sum_of(lone.exchanges[1]);
	lone_run(&lone, 1210000);
	assert_int_equal(sum_of(lone.exchanges[1]), before); /* a guest leaves that to its host */
	assert_in_range(sum_of(host), 38, 44);
	assert_in_range(host[0], 19, 21);
	assert_in_range(host[1], 9, 12);
	assert_in_range(host[2], 9, 11);

	/* Its hook told of an order. */
	before = host[1];
	lone_meet(&lone, LONE_HOST);
	lone_run(&lone, 100);
	assert_int_equal(host[1], before + 1);
	free(lone.actions);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_host_is_left_in_peace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
