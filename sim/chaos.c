// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/plain.h"
#include "sim/world.h"

enum {
	CUT_S_MAX = 60,
	PARTITION_S_MAX = 90,
	DARK_S_MAX = 90,
	JUMP_MS_MAX = 60000,
	LEAP_MS_MAX = 6 * 3600 * 1000,
	FULL_S_MAX = 120,
	TIGHT_MS = 2000, /* before the end of a countdown: the last records are on their way */
	TRIAL_S_MAX = 60,
	BOOT_CUT_MS_MAX = 3000,
};

static uint32_t any(struct world *world, uint32_t below)
{
	return prng_below(world_prng(world), below);
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

void chaos_divide(struct world *world)
{
	if (world->partitioned)
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

static void shake_sides(struct world *world)
{
	if (world->partitioned) {
		if (any(world, PARTITION_S_MAX / 2) == 0) {
			world->partitioned = false;
			trace_say(world, NULL, "sim", "the mesh is whole again");
		}
		return;
	}
	if (world_strikes(world, world->options.partition))
		chaos_divide(world);
}

/* ---- what waits for its moment ---- */

/* Half of them at the very end, when everybody has yet to be seen by everybody. */
void chaos_scheduled(struct world *world, const struct order_schedule *schedule)
{
	uint32_t after_ms = schedule->countdown_ms;

	world->trial_met = false;
	if (!world_strikes(world, world->options.partition_countdown))
		return;
	if (any(world, 2) == 0)
		after_ms = any(world, after_ms + world->options.hold_s * 1000);
	else
		after_ms -= any(world, after_ms < TIGHT_MS ? after_ms : TIGHT_MS);
	world_plan(world, after_ms * WORLD_US, HAPPENS_DIVIDE, 0)->boot = 0;
}

void chaos_trial(struct world *world, uint32_t window_s)
{
	if (!world->trial_met && world_strikes(world, world->options.partition_window))
		world_plan(world,
			any(world, window_s < TRIAL_S_MAX ? window_s : TRIAL_S_MAX) * WORLD_S,
			HAPPENS_DIVIDE, 0)
			->boot = 0;
	world->trial_met = true;
}

void chaos_boot(struct world *world, struct node *node)
{
	if (world_strikes(world, world->options.boot_cut))
		(void)world_plan(
			world, any(world, BOOT_CUT_MS_MAX) * WORLD_US, HAPPENS_CUT, node->number);
}

void chaos_cut(struct world *world, struct node *node)
{
	trace_symbol(node, '!');
	trace_say(world, node, "sim", "power is lost");
	board_reboot(world, node, (1 + any(world, DARK_S_MAX)) * WORLD_S);
}

/* ---- what comes at any time ---- */

static void jump(struct world *world, struct node *node, uint32_t most_ms)
{
	trace_symbol(node, 'j');
	world->jumped_us = world_now_us(world);
	node->clock_base_ms += any(world, most_ms);
	node->wake_us = world_now_us(world); /* what was due is due now */
	node_wake(world, node);
}

static void shake_node(struct world *world, struct node *node)
{
	const struct options *options = &world->options;

	if (!node->powered)
		return;
	if (world_strikes(world, options->power_cut)) {
		chaos_cut(world, node);
	} else if (world_strikes(world, options->restart) && node_runs(node)) {
		trace_symbol(node, '~');
		trace_say(world, node, "sim", "the daemon restarts");
		node_stop_daemon(node);
		node_start_daemon(world, node);
	} else if (world_strikes(world, options->clock_jump) && node->agent != NULL) {
		jump(world, node, JUMP_MS_MAX);
	} else if (world_strikes(world, options->clock_leap) && node->agent != NULL) {
		trace_say(world, node, "sim", "its clock leaps");
		jump(world, node, LEAP_MS_MAX);
	} else if (world_strikes(world, options->disk_full)) {
		trace_say(world, node, "sim", "its disk is full");
		node->full_until_us = world_now_us(world) + (1 + any(world, FULL_S_MAX)) * WORLD_S;
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
	if (world_strikes(world, world->options.meddler))
		stranger_meddle(world);
}

/* Who is gone may have been the only way to others: those are a mesh of their own now. */
void chaos_find_apart(struct world *world)
{
	uint32_t first = 0;
	bool more = true;

	for (uint32_t i = 0; i < world->node_count; i++)
		world->nodes[i].apart = true;
	while (first + 1 < world->node_count &&
		(world->nodes[first].gone || world->nodes[first].plain != NULL))
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
		node->full_until_us = 0;
		if (!node->powered && !node->gone) {
			node->powered = true;
			(void)world_plan(world, 1 * WORLD_S, HAPPENS_BOOT, i);
		}
	}
	plain_unpin(world);
	trace_say(world, NULL, "sim", "peace: nothing breaks any more");
}
