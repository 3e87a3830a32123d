// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdlib.h>
#include <string.h>

#include "agent/roster.h"
#include "base/ensure.h"
#include "gossip/slice.h"
#include "sim/plain.h"

enum {
	JUNK_TTL_S = 7000, /* much more than a fresh record has */
};

/* What he makes of entries that he wrote down. */
enum lie {
	LIE_OLD = 0, /* as they were: what was true once, and the TTLs of that time */
	LIE_PINNED,  /* with a TTL that nobody can outbid */
	LIE_LONG,    /* with one that can just be outbid */
	LIE_OVER,    /* with none, or less */
	LIE_SWAPPED, /* under each other's keys */
	LIE_GARBAGE, /* sound JSON that means nothing, under good keys */
	LIE_CUT,     /* half of the message */
	LIE_COUNT,
};

static const char *const types[] = { "lockstep_nodes", "lockstep_orders" };

static void write_down(struct world *world, struct node *node, uint32_t slot)
{
	uint32_t type = prng_below(world_prng(world), sizeof(types) / sizeof(types[0]));
	uint64_t now_ms = node_clock_ms(world, node);
	struct text text;

	text_init(&text, NULL, 0);
	agent_answer(node->agent, now_ms, types[type], "", 0, &text);
	free(world->overheard[slot].data);
	world->overheard[slot].type = type;
	world->overheard[slot].size = text.size;
	world->overheard[slot].data = malloc(text.size + 1);
	ensure(world->overheard[slot].data != NULL);
	text_init(&text, world->overheard[slot].data, text.size + 1);
	agent_answer(node->agent, now_ms, types[type], "", 0, &text);
}

static int64_t ttl_of(enum lie lie, int64_t ttl_s)
{
	switch (lie) {
	case LIE_PINNED:
		return INT64_MAX;
	case LIE_LONG:
		return ROSTER_TTL_MAX_S;
	case LIE_OVER:
		return ttl_s % 2 == 0 ? 0 : -ttl_s;
	case LIE_GARBAGE:
	case LIE_SWAPPED:
		return JUNK_TTL_S;
	default:
		return ttl_s;
	}
}

static void write_lies(struct text *text, enum lie lie, const char *data, size_t size)
{
	static const char *const garbage[] = { "null", "{}", "\"\"", "{\"record\":1}", "[1e9]" };
	struct slice_entry entry, before = { .data = "null", .data_size = 4 };
	struct slice_reader reader;

	slice_write_begin(text);
	slice_reader_init(&reader, data, size);
	for (uint32_t i = 0; slice_reader_next(&reader, &entry); i++) {
		const char *value = entry.data;
		size_t value_size = entry.data_size;

		if (lie == LIE_GARBAGE) {
			value = garbage[i % (sizeof(garbage) / sizeof(garbage[0]))];
			value_size = strlen(value);
		} else if (lie == LIE_SWAPPED) {
			value = before.data;
			value_size = before.data_size;
		}
		slice_write_entry(
			text, entry.key, entry.author, ttl_of(lie, entry.ttl_s), value, value_size);
		before = entry;
	}
	slice_write_end(text);
}

static void tell_lies(struct world *world, struct node *node, uint32_t slot)
{
	enum lie lie = (enum lie)prng_below(world_prng(world), LIE_COUNT);
	struct happening push = { .type = types[world->overheard[slot].type] };
	const char *data = world->overheard[slot].data;
	size_t size = world->overheard[slot].size;
	struct text text;

	text_init(&text, NULL, 0);
	write_lies(&text, lie, data, size);
	push.data_size = text.size;
	push.data = malloc(text.size + 1);
	ensure(push.data != NULL);
	text_init(&text, push.data, text.size + 1);
	write_lies(&text, lie, data, size);
	if (lie == LIE_CUT)
		push.data_size /= 2;
	trace_say(world, node, "sim", "a stranger writes into its %s", push.type);
	if (node->plain != NULL) {
		plain_merge(world, node, &push);
	} else {
		struct event event = { .kind = EVENT_SLICE };

		event.slice.type = push.type;
		event.slice.data = push.data;
		event.slice.data_size = push.data_size;
		event.slice.neighbour = AGENT_PEER_NONE;
		event.slice.remote = true;
		node_step(world, node, &event);
	}
	free(push.data);
}

void stranger_meddle(struct world *world)
{
	struct node *node = &world->nodes[prng_below(world_prng(world), world->node_count)];
	uint32_t slot = prng_below(world_prng(world), WORLD_OVERHEARD_MAX);

	if (!node_runs(node))
		return;
	if (world->overheard[slot].data != NULL && prng_below(world_prng(world), 3) != 0)
		tell_lies(world, node, slot);
	else if (node->agent != NULL)
		write_down(world, node, slot);
}

void stranger_forget(struct world *world)
{
	for (uint32_t i = 0; i < WORLD_OVERHEARD_MAX; i++)
		free(world->overheard[i].data);
}
