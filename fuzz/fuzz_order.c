// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: an order, posted or by gossip. He has no operator's key, but an operator may
 * be careless, and whoever has the key of one mesh is a stranger to the next. The input is an
 * order's text a line, with the placeholders of fuzz_fill(); each is really signed with the
 * operator's key, except after a first 's', and posted, except after a first 'g', which makes it
 * come by gossip. What is taken must be written as it was read.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "core/order.h"
#include "faults.h"

enum { NOW_MS = 1000 };

struct state {
	struct agent *agent;
	struct actions *actions;
	uint8_t start_id[BYTES_HASH_SIZE];
};

static void check_order(const char *text, size_t size)
{
	char problem[LIMITS_MESSAGE_SIZE + 1];
	char *buffer, *again;
	struct order order;
	size_t written;
	enum reason first;

	faults_on();
	first = order_decode(&order, text, size, FUZZ_MESH, problem, sizeof(problem));
	faults_off();
	if (first != REASON_NONE)
		return;
	buffer = malloc(2 * LIMITS_ORDER_SIZE);
	again = malloc(2 * LIMITS_ORDER_SIZE);
	assert(buffer != NULL && again != NULL);
	written = order_encode(&order, buffer, 2 * LIMITS_ORDER_SIZE);
	order_free(&order);
	/* A text without what may be missing can grow beyond the limit. */
	if (written > 0) {
		enum reason reason =
			order_decode(&order, buffer, written, FUZZ_MESH, problem, sizeof(problem));

		assert(reason == REASON_NONE);
		assert(order_encode(&order, again, 2 * LIMITS_ORDER_SIZE) == written);
		assert(memcmp(buffer, again, written) == 0);
		order_free(&order);
	}
	free(buffer);
	free(again);
}

static const struct action *find_action(const struct actions *actions, enum action_kind kind)
{
	for (uint32_t i = 0; i < actions->count; i++) {
		if (actions->list[i].kind == kind)
			return &actions->list[i];
	}
	return NULL;
}

static void post(struct state *state, enum fuzz_key key, const char *text, size_t size)
{
	struct event event = { .kind = EVENT_ORDER };
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	const struct action *answer;

	fuzz_sign(blob, key, text, size);
	event.order.request = 7;
	event.order.order = text;
	event.order.order_size = size;
	event.order.signature = blob;
	faults_on();
	(void)agent_step(state->agent, NOW_MS, &event, state->actions);
	faults_off();
	answer = find_action(state->actions, ACTION_ANSWER);
	assert(answer != NULL && answer->answer.request == 7);
	if (answer->answer.reason == REASON_NONE || answer->answer.reason == REASON_ALREADY_KNOWN) {
		assert(key == FUZZ_OPERATOR);
		if (strstr(text, "\"start\"") != NULL && strstr(text, "participants") != NULL)
			memcpy(state->start_id, answer->answer.id, BYTES_HASH_SIZE);
	}
}

static void gossip(struct state *state, enum fuzz_key key, const char *text, size_t size)
{
	struct event event = { .kind = EVENT_SLICE };
	char *slice = fuzz_order_slice(key, text, size, 4000, &event.slice.data_size);

	event.slice.type = "lockstep_orders";
	event.slice.data = slice;
	event.slice.neighbour = 1;
	event.slice.remote = true;
	event.slice.rtt_ms = 10;
	faults_on();
	(void)agent_step(state->agent, NOW_MS, &event, state->actions);
	faults_off();
	free(slice);
}

static void take_line(struct state *state, const char *line, size_t size)
{
	enum fuzz_key key = FUZZ_OPERATOR;
	bool posted = true;
	size_t filled_size;
	char *filled, *exact;

	for (; size > 0 && (*line == 's' || *line == 'g'); line++, size--) {
		if (*line == 's')
			key = FUZZ_STRANGER;
		else
			posted = false;
	}
	filled = fuzz_fill(line, size, state->start_id, &filled_size);
	exact = fuzz_copy(filled, filled_size);
	check_order(exact, filled_size);
	free(exact);
	if (posted)
		post(state, key, filled, filled_size);
	else
		gossip(state, key, filled, filled_size);
	free(filled);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct state state = { .agent = calloc(1, agent_size()) };
	struct agent_setup *setup = fuzz_setup();
	const char *line;

	faults_plan(&bytes, &size);
	line = (const char *)bytes;
	state.actions = malloc(sizeof(*state.actions));
	assert(state.agent != NULL && state.actions != NULL);
	agent_init(state.agent, setup, NOW_MS);
	free(setup);
	while (size > 0) {
		const char *end = memchr(line, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - line) : size;

		take_line(&state, line, line_size);
		line_size += end != NULL;
		line += line_size;
		size -= line_size;
	}
	fuzz_check_agent(state.agent, NOW_MS);
	agent_close(state.agent);
	free(state.agent);
	free(state.actions);
	return 0;
}
