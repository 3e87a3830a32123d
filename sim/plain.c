// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/plain.h"

#include <stdlib.h>
#include <string.h>

#include "agent/roster.h"
#include "base/ensure.h"

enum {
	ROUND_S = 30,         /* upstream's own interval */
	DELAYED_ACKS_MS = 90, /* what its small writes wait for in each exchange */
	INFLATE_S_MAX = 600,  /* what a wrong clock or a stranger adds to a TTL */
	DISCOVER_S = 30,      /* src/io/neighbours.h */
	OUTBID_TTL_S_MAX = ROSTER_TTL_MAX_S + ROSTER_OUTBID_S,
};

static const char *const types[PLAIN_TYPES] = { "lockstep_nodes", "lockstep_orders" };

static struct store *store_of(struct node *node, const char *type)
{
	for (uint32_t i = 0; i < PLAIN_TYPES; i++) {
		if (strcmp(types[i], type) == 0)
			return &node->plain->stores[i];
	}
	return NULL;
}

/* ---- its life ---- */

static void plan_round(struct world *world, struct node *node)
{
	uint64_t passed_us = world_now_us(world) - node->plain->since_us;

	(void)world_plan(world, ROUND_S * WORLD_S - passed_us % (ROUND_S * WORLD_S), HAPPENS_PLAIN,
		node->number);
}

void plain_start(struct world *world, struct node *node)
{
	struct plain *plain = node->plain;

	ensure(!plain->up);
	plain->up = true;
	for (uint32_t i = 0; i < PLAIN_TYPES; i++)
		store_init(&plain->stores[i]);
	/* Every node's seconds begin at another moment. */
	plain->since_us = world_now_us(world) - prng_below(world_prng(world), ROUND_S * WORLD_S);
	if (plain->since_us > world_now_us(world))
		plain->since_us = 0;
	plain->aged_us = world_now_us(world);
	plain->cursor = 0;
	trace_symbol(node, 'p');
	plan_round(world, node);
}

void plain_stop(struct node *node)
{
	for (uint32_t i = 0; i < PLAIN_TYPES && node->plain->up; i++)
		store_free(&node->plain->stores[i]);
	node->plain->up = false;
}

static void age(struct world *world, struct plain *plain)
{
	uint64_t seconds = (world_now_us(world) - plain->aged_us) / WORLD_S;

	plain->aged_us += seconds * WORLD_S;
	for (uint32_t i = 0; i < PLAIN_TYPES && seconds > 0; i++)
		store_age(&plain->stores[i], (uint32_t)seconds);
}

/* ---- what it says and hears ---- */

/* The same document as upstream writes it, or at least with other blanks than ours: always the same
 * ones, whatever blanks were in what it read. */
static char *with_other_blanks(const char *data, size_t size, size_t *written)
{
	char *copy = malloc(2 * size + 1);
	bool in_string = false;

	ensure(copy != NULL);
	*written = 0;
	for (size_t i = 0; i < size; i++) {
		if (!in_string && (data[i] == ' ' || data[i] == '\n'))
			continue;
		copy[(*written)++] = data[i];
		if (in_string && data[i] == '\\' && i + 1 < size)
			copy[(*written)++] = data[++i];
		else if (data[i] == '"')
			in_string = !in_string;
		else if (!in_string && (data[i] == ':' || data[i] == ','))
			copy[(*written)++] = data[i] == ':' ? ' ' : '\n';
	}
	copy[*written] = '\0';
	return copy;
}

/* The same entries with longer TTLs, but for those of more than `most_s`. Frees `bytes`. */
static char *with_other_ttls(char *bytes, size_t *size, int64_t more_s, int64_t most_s)
{
	/* An entry is longer than what its TTL can grow by. */
	size_t capacity = 2 * *size + 1;
	char *data = malloc(capacity);
	struct slice_reader reader;
	struct slice_entry entry;
	struct text text;

	ensure(data != NULL);
	text_init(&text, data, capacity);
	slice_write_begin(&text);
	slice_reader_init(&reader, bytes, *size);
	while (slice_reader_next(&reader, &entry)) {
		if (entry.ttl_s > most_s)
			continue;
		if (entry.ttl_s < INT64_MAX - more_s)
			entry.ttl_s += more_s;
		slice_write_entry(
			&text, entry.key, entry.author, entry.ttl_s, entry.data, entry.data_size);
	}
	slice_write_end(&text);
	ensure(!text_cut(&text));
	*size = text.size;
	free(bytes);
	return data;
}

void plain_merge(struct world *world, struct node *node, const struct happening *push)
{
	struct store *store = store_of(node, push->type);
	size_t size;
	char *data;

	if (store == NULL)
		return;
	age(world, node->plain);
	data = with_other_blanks(push->data, push->data_size, &size);
	if (!world->chaos)
		data = with_other_ttls(data, &size, 0, OUTBID_TTL_S_MAX);
	(void)store_merge(store, data, size, node->name, true);
	free(data);
}

static char *write_store(const struct store *store, size_t *size)
{
	struct text text;
	char *data;

	text_init(&text, NULL, 0);
	store_write(store, &text);
	*size = text.size;
	data = malloc(*size + 1);
	ensure(data != NULL);
	text_init(&text, data, *size + 1);
	store_write(store, &text);
	return data;
}

char *plain_slice(struct world *world, struct node *node, const char *type, size_t *size)
{
	const struct store *store = store_of(node, type);
	char *data;

	ensure(store != NULL);
	age(world, node->plain);
	data = write_store(store, size);
	if (world_strikes(world, world->options.plain_inflates))
		data = with_other_ttls(
			data, size, 1 + prng_below(world_prng(world), INFLATE_S_MAX), INT64_MAX);
	return data;
}

/* ---- its rounds ---- */

/* False if nobody is there, which costs no time. */
static bool exchange(struct world *world, struct node *node, uint32_t number, const char *type)
{
	struct peer *peer = &node->peers[number];
	uint64_t handshake_us, data_us = 0;
	struct happening *push;

	if (!net_can_connect(world, node, peer))
		return false;
	if (net_transfer_us(world, 2, &handshake_us) && net_transfer_us(world, 3, &data_us)) {
		push = world_plan(world, handshake_us + data_us, HAPPENS_PUSH, peer->node);
		push->boot = 0;
		push->peer = peer->number;
		push->peer_boot = node->boot;
		push->rtt_ms = (uint32_t)(handshake_us / WORLD_US);
		push->type = type;
		push->data = plain_slice(world, node, type, &push->data_size);
	}
	(void)world_plan(world, handshake_us + 2 * data_us + DELAYED_ACKS_MS * WORLD_US,
		HAPPENS_PLAIN, node->number);
	return true;
}

void plain_turn(struct world *world, struct node *node)
{
	struct plain *plain = node->plain;

	while (plain->up && plain->cursor < PLAIN_TYPES * node->peer_count) {
		uint32_t at = plain->cursor++;

		if (exchange(world, node, at % node->peer_count, types[at / node->peer_count]))
			return;
	}
	plain->cursor = 0;
	if (plain->up)
		plan_round(world, node);
}

/* ---- its neighbours ---- */

void plain_discover(struct world *world, struct node *node)
{
	bool any = false;

	for (uint32_t i = 0; i < node->peer_count && node->agent != NULL; i++) {
		struct peer *peer = &node->peers[i];
		struct event event = { .kind = EVENT_NEIGHBOUR_UP };

		if (world->nodes[peer->node].plain == NULL)
			continue;
		any = true;
		event.neighbour_up.neighbour = i;
		if (!net_can_connect(world, node, peer)) {
			if (!peer->heard.now)
				continue;
			event = (struct event){ .kind = EVENT_NEIGHBOUR_DOWN };
			event.neighbour_down.neighbour = i;
		}
		peer->heard =
			(struct heard){ event.kind == EVENT_NEIGHBOUR_UP, world_now_us(world) };
		node_step(world, node, &event);
	}
	if (any && node->agent != NULL)
		(void)world_plan(world, DISCOVER_S * WORLD_S, HAPPENS_DISCOVER, node->number);
}

/* ---- peace ---- */

void plain_unpin(struct world *world)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		struct plain *plain = world->nodes[i].plain;

		for (uint32_t type = 0; type < PLAIN_TYPES && plain != NULL && plain->up; type++) {
			size_t size;
			char *kept = write_store(&plain->stores[type], &size);

			kept = with_other_ttls(kept, &size, 0, OUTBID_TTL_S_MAX);
			store_free(&plain->stores[type]);
			(void)store_merge(
				&plain->stores[type], kept, size, world->nodes[i].name, true);
			free(kept);
		}
	}
}
