// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/world.h"

enum {
	CUT_S_MAX = 60,
	PARTITION_S_MAX = 90,
	DARK_S_MAX = 90,
	JUMP_MS_MAX = 60000,
};

static uint32_t any(struct world *world, uint32_t below)
{
	return prng_below(&world->prng, below);
}

/* Links come back by chance: more of them are down, sooner one is up again. */
static void shake_links(struct world *world)
{
	for (uint32_t i = 0; i < world->graph.link_count; i++) {
		struct link *link = &world->links[i];

		if (!link->up[0] || !link->up[1]) {
			if (any(world, CUT_S_MAX / 2) == 0)
				link->up[0] = link->up[1] = true;
			continue;
		}
		if (any(world, world->graph.link_count) != 0 ||
			!world_strikes(world, world->options.cut * 4))
			continue;
		link->up[any(world, 2)] = false;
		if (!world_strikes(world, world->options.one_way))
			link->up[0] = link->up[1] = false;
	}
}

static void shake_sides(struct world *world)
{
	if (world->partitioned) {
		if (any(world, PARTITION_S_MAX / 2) == 0) {
			world->partitioned = false;
			trace_say(world, NULL, "sim", "the mesh is whole again");
		}
		return;
	}
	if (!world_strikes(world, world->options.partition))
		return;
	world->partitioned = true;
	for (uint32_t i = 0; i < world->node_count; i++)
		world->side[i] = any(world, 2);
	/* Sides that hang together are the likelier ones. */
	for (uint32_t i = 0; i < world->graph.link_count; i++) {
		if (any(world, 3) != 0)
			world->side[world->links[i].b] = world->side[world->links[i].a];
	}
	trace_say(world, NULL, "sim", "the mesh falls in two");
}

static void shake_node(struct world *world, struct node *node)
{
	const struct options *options = &world->options;

	if (!node->powered)
		return;
	if (world_strikes(world, options->power_cut)) {
		trace_symbol(node, '!');
		trace_say(world, node, "sim", "power is lost");
		board_reboot(world, node, (1 + any(world, DARK_S_MAX)) * WORLD_S);
	} else if (world_strikes(world, options->restart) && node->agent != NULL) {
		trace_symbol(node, '~');
		trace_say(world, node, "sim", "the daemon restarts");
		node_stop_daemon(node);
		node_start_daemon(world, node);
	} else if (world_strikes(world, options->clock_jump) && node->agent != NULL) {
		trace_symbol(node, 'j');
		world->jumped_us = world->now_us;
		node->clock_base_ms += any(world, JUMP_MS_MAX);
		node->wake_us = world->now_us; /* what was due is due now */
		node_wake(world, node);
	} else if (world_strikes(world, options->leaves) && any(world, 200) == 0) {
		trace_symbol(node, '.');
		trace_say(world, node, "sim", "it leaves for ever");
		board_power_off(world, node);
		node->gone = true;
	}
}

void chaos_second(struct world *world)
{
	uint32_t number = any(world, world->node_count);

	shake_links(world);
	shake_sides(world);
	shake_node(world, &world->nodes[number]);
	if (world_strikes(world, world->options.forger))
		operator_forge(world);
}

/* Who is gone may have been the only way to others: those are a mesh of their own now. */
void chaos_find_apart(struct world *world)
{
	uint32_t first = 0;
	bool more = true;

	for (uint32_t i = 0; i < world->node_count; i++)
		world->nodes[i].apart = true;
	while (first + 1 < world->node_count && world->nodes[first].gone)
		first++;
	world->nodes[first].apart = false;
	while (more) {
		more = false;
		for (uint32_t i = 0; i < world->graph.link_count; i++) {
			struct node *a = &world->nodes[world->links[i].a];
			struct node *b = &world->nodes[world->links[i].b];

			if (a->gone || b->gone || a->apart == b->apart)
				continue;
			a->apart = b->apart = false;
			more = true;
		}
	}
}

void chaos_end(struct world *world)
{
	world->chaos = false;
	world->partitioned = false;
	for (uint32_t i = 0; i < world->graph.link_count; i++)
		world->links[i].up[0] = world->links[i].up[1] = true;
	for (uint32_t i = 0; i < world->node_count; i++) {
		struct node *node = &world->nodes[i];

		node->refuses_images = false;
		node->forgets_confirm = false;
		node->serves_wrong_chunks = false;
		if (!node->powered && !node->gone) {
			node->powered = true;
			(void)world_plan(world, 1 * WORLD_S, HAPPENS_BOOT, i);
		}
	}
	trace_say(world, NULL, "sim", "peace: nothing breaks any more");
}
