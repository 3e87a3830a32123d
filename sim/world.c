// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "sim/meshes.h"
#include "sim/plain.h"

enum {
	LAST_PATIENCE_S = 1800,
	OPERATOR_S = 100, /* until he begins */
	WAVE_S = 300,     /* his patience with nodes that do not become ready, and with the flash */
	LATE_S_MAX = 300,
};

/* ---- setting up ---- */

/* Low byte first: the same seed is the same run on every machine. */
static void key_from(struct usign_secret *key, uint8_t kind, uint64_t seed, uint32_t number)
{
	uint8_t bytes[USIGN_SEED_SIZE] = { kind };

	for (uint32_t i = 0; i < sizeof(number); i++)
		bytes[4 + i] = (uint8_t)(number >> 8 * i);
	for (uint32_t i = 0; i < sizeof(seed); i++)
		bytes[8 + i] = (uint8_t)(seed >> 8 * i);
	usign_from_seed(key, bytes);
}

static void trust(struct keyring *ring, const struct usign_secret *secret)
{
	struct usign_public key;

	usign_public_of(&key, secret);
	ensure(keyring_add(ring, &key));
}

static void make_node(struct world *world, uint32_t number)
{
	const struct options *options = &world->options;
	struct node *node = &world->nodes[number];
	struct agent_setup *setup = &node->setup;

	node->number = number;
	prng_init(&node->prng, prng_next(world_prng(world)));
	snprintf(node->name, sizeof(node->name), "node-%" PRIu32, number);
	text_set(setup->name, sizeof(setup->name), node->name);
	text_set(setup->mesh, sizeof(setup->mesh), "sim");
	snprintf(setup->address, sizeof(setup->address), "%s:8430", node->name);
	node->board = prng_below(world_prng(world), options->boards);
	snprintf(setup->board, sizeof(setup->board), "board,%" PRIu32, node->board);
	text_set(setup->compat_version, sizeof(setup->compat_version), "1.0");
	key_from(&setup->node_key, 9, options->seed, number);
	for (uint32_t i = 0; i < 2; i++) {
		trust(&setup->release_keys, &world->release_keys[i]);
		trust(&setup->operator_keys, &world->operator_keys[i]);
	}
	setup->release_threshold = 2;
	node->boot = 1;
	node->wake_us = node->planned_us = UINT64_MAX;
	node->slots = world_strikes(world, options->single_slot) ? 1 : 2;
	node->running = node->stable = 1;
	node->fate = (struct firmware_fate){ true, true, true, true };
	node->serves_wrong_chunks = world_strikes(world, options->wrong_chunks);
	node->refuses_images = world_strikes(world, options->check_fails);
	node->late = world_strikes(world, options->late);
	/* The first and the last are never plain: two at least can be upgraded. */
	if (world_strikes(world, options->plain) && number > 0 && number + 1 < options->nodes) {
		node->plain = calloc(1, sizeof(*node->plain));
		ensure(node->plain != NULL);
	}
	node->clock_ppm = (int32_t)prng_below(world_prng(world), 2 * options->drift_ppm + 1) -
			  (int32_t)options->drift_ppm;
}

static uint32_t add_peer(struct node *node, uint32_t other, uint32_t link)
{
	node->peers = realloc(node->peers, (node->peer_count + 1) * sizeof(*node->peers));
	ensure(node->peers != NULL);
	node->peers[node->peer_count] = (struct peer){ .node = other, .link = link };
	return node->peer_count++;
}

static void make_links(struct world *world)
{
	const struct graph *graph = &world->graph;

	world->links = calloc(graph->link_count + 1, sizeof(*world->links));
	ensure(world->links != NULL);
	for (uint32_t i = 0; i < graph->link_count; i++) {
		uint32_t a = graph->links[i].a, b = graph->links[i].b;
		uint32_t at_a = add_peer(&world->nodes[a], b, i);
		uint32_t at_b = add_peer(&world->nodes[b], a, i);

		world->nodes[a].peers[at_a].number = at_b;
		world->nodes[b].peers[at_b].number = at_a;
		world->links[i] = (struct link){ .a = a, .b = b, .up = { true, true } };
	}
}

void world_open(struct world *world, const struct options *options)
{
	memset(world, 0, sizeof(*world));
	world->options = *options;
	prng_init(&world->prng, options->seed ^ UINT64_C(0x10c5));
	world->chaos = true;
	world->node_count = options->nodes;
	world->nodes = calloc(options->nodes, sizeof(*world->nodes));
	world->side = calloc(options->nodes, sizeof(*world->side));
	world->releases = calloc(WORLD_RELEASES_MAX, sizeof(*world->releases));
	world->orders = calloc(WORLD_ORDERS_MAX, sizeof(*world->orders));
	ensure(world->nodes != NULL && world->side != NULL && world->releases != NULL &&
		world->orders != NULL);
	time_open(world);
	for (uint32_t i = 0; i < 2; i++) {
		key_from(&world->release_keys[i], 1, options->seed, i);
		key_from(&world->operator_keys[i], 2, options->seed, i);
	}
	key_from(&world->stranger_key, 3, options->seed, 0);
	(void)releases_make(world, true);
	if (options->shape < SHAPE_FIRST_MESH)
		graph_make(&world->graph, (enum options_shape)options->shape, options->nodes,
			world_prng(world));
	else
		meshes_make(&world->graph, options);
	for (uint32_t i = 0; i < options->nodes; i++)
		make_node(world, i);
	make_links(world);
	for (uint32_t i = 0; i < options->nodes; i++) {
		struct node *node = &world->nodes[i];
		uint64_t after_us = prng_below(world_prng(world), 2000) * WORLD_US;

		if (node->late)
			after_us += prng_below(world_prng(world), LATE_S_MAX) * WORLD_S;
		node->powered = true;
		(void)world_plan(world, after_us, HAPPENS_BOOT, i);
	}
	world_plan(world, WORLD_S, HAPPENS_CHAOS, 0)->boot = 0;
	world->operator_count = options->operators;
	for (uint32_t i = 0; i < options->operators; i++) {
		uint32_t at = prng_below(world_prng(world), options->nodes);

		if (options->duel && i > 0)
			at = graph_farthest(
				&world->graph, options->nodes, world->operators[0].node);
		operator_begin(world, i, at, 8);
	}
}

void world_close(struct world *world)
{
	time_close(world);
	stranger_forget(world);
	for (uint32_t i = 0; i < world->node_count; i++) {
		node_stop_daemon(&world->nodes[i]);
		free(world->nodes[i].plain);
		free(world->nodes[i].journal);
		free(world->nodes[i].peers);
		free(world->nodes[i].symbols);
	}
	for (uint32_t i = 0; i < world->order_count; i++) {
		order_free(&world->orders[i].order);
		free(world->orders[i].text);
	}
	for (uint32_t i = 0; i < WORLD_RELEASES_MAX; i++)
		free(world->releases[i].manifest);
	free(world->nodes);
	free(world->side);
	free(world->releases);
	free(world->orders);
	free(world->links);
	graph_free(&world->graph);
}

uint64_t world_flash_spread_us(const struct world *world)
{
	uint64_t first_us = UINT64_MAX, last_us = 0;

	for (uint32_t i = 0; i < world->node_count; i++) {
		const struct node *node = &world->nodes[i];

		if (node->flashes == 0 || node->flashed_us < world->scheduled_us)
			continue;
		first_us = node->flashed_us < first_us ? node->flashed_us : first_us;
		last_us = node->flashed_us > last_us ? node->flashed_us : last_us;
	}
	return last_us > first_us ? last_us - first_us : 0;
}

/* ---- a run ---- */

/* Two halves that cannot hear each other cannot be upgraded as one. */
static bool is_split(const struct world *world)
{
	for (uint32_t i = 1; i < world->node_count; i++) {
		if (world->releases[world->nodes[i].running].foreign !=
			world->releases[world->nodes[0].running].foreign)
			return true;
	}
	return false;
}

/* What somebody gives it who knows the mesh: a schedule goes from end to end and its answers come
 * back, over so many hops at most; through plain peers everything needs longer. */
static void give_time(struct world *world)
{
	struct options *options = &world->options;
	uint32_t news_s = bound_news_s(world);
	uint32_t enough_s = 2 + world->node_count * options->latency_ms / 40;

	if (options->countdown_s < enough_s)
		options->countdown_s = enough_s;
	if (options->plain > 0 && options->countdown_s < 2 * news_s)
		options->countdown_s = 2 * news_s;
	if (options->plain > 0 && options->window_s < 3 * news_s)
		options->window_s = 3 * news_s;
}

static void run_next_upgrade(struct world *world)
{
	uint64_t since_us = world_now_us(world);
	uint32_t node = 0, patience_s;

	while (node < world->node_count &&
		(world->nodes[node].gone || world->nodes[node].plain != NULL))
		node++;
	if (node == world->node_count || is_split(world))
		return;
	world->options.waves = 1;
	world->options.auto_confirm = 1;
	world->options.quorum = 100;
	world->options.best_effort = 0;
	give_time(world);
	operator_begin(world, 0, node, 1);
	patience_s = LAST_PATIENCE_S + world->options.countdown_s + world->options.window_s +
		     (world->options.plain > 0 ? 4 * bound_news_s(world) : 0);
	for (uint32_t i = 0; i < patience_s && !operator_is_done(&world->operators[0]); i++) {
		world_pass(world, WORLD_S);
		peace_check_pace(world, since_us);
	}
	world_pass(world, 30 * WORLD_S);
	if (world->breach[0] == '\0')
		peace_check_next(world, world->operators[0].release);
}

/* What they have begun, or one more upgrade. */
static void let_operators_end(struct world *world)
{
	const struct options *options = &world->options;
	uint32_t rest_s =
		OPERATOR_S + options->waves * (WAVE_S + options->countdown_s + options->hold_s +
						      options->window_s);
	bool done = false;

	for (uint32_t i = 0; i < world->operator_count; i++)
		world->operators[i].upgrades = 1;
	while (!done && rest_s-- > 0 && world->breach[0] == '\0') {
		world_pass(world, WORLD_S);
		done = true;
		for (uint32_t i = 0; i < world->operator_count; i++)
			done = done && operator_is_done(&world->operators[i]);
	}
}

bool world_run(struct world *world)
{
	world_pass(world, world->options.chaos_s * WORLD_S);
	chaos_end(world);
	/* Where operators go away, they do so now at the latest: what they began ends without them.
	 */
	if (world->options.operator_leaves == 0)
		let_operators_end(world);
	for (uint32_t i = 0; i < world->operator_count; i++)
		operator_stop(&world->operators[i]);
	chaos_find_apart(world);
	world_pass(world, bound_settled_s(world) * WORLD_S);
	if (world->breach[0] == '\0')
		peace_check(world);
	if (world->breach[0] == '\0')
		run_next_upgrade(world);
	return world->breach[0] == '\0';
}

static bool knows_all(struct world *world)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		if (world->nodes[i].agent == NULL ||
			agent_digest(world->nodes[i].agent) != agent_digest(world->nodes[0].agent))
			return false;
	}
	return true;
}

bool world_run_once(struct world *world)
{
	uint32_t release = world->release_count + 1, waited_s = 0;

	for (uint32_t i = 0; i < world->operator_count; i++)
		operator_stop(&world->operators[i]);
	while (world->breach[0] == '\0' && waited_s++ < LAST_PATIENCE_S && !knows_all(world))
		world_pass(world, WORLD_S);
	operator_begin(world, 0, 0, 1);
	while (world->breach[0] == '\0' && waited_s++ < LAST_PATIENCE_S &&
		!operator_is_done(&world->operators[0]))
		world_pass(world, WORLD_S);
	if (world->breach[0] == '\0')
		peace_check_next(world, release);
	return world->breach[0] == '\0';
}
