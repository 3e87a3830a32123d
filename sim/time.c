// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What happens when, and in which order. Each node has a queue of its own. Within one microsecond
 * first comes what happens alone, then one node after the other by their numbers, and for each of
 * them what was planned by whom, by number, and in the order in which he planned it. Who acts draws
 * from his own numbers. So nothing depends on what another node did less than a packet's way ago,
 * and several threads may share the nodes for that long: the result is the same to the byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "sim/plain.h"
#include "sim/world.h"

enum {
	WORLD_PLANS = (1 << 24) - 1, /* its number among those who plan, above all nodes */
	PLANNER_SHIFT = 40,
	SHARED_MIN = 4, /* fewer nodes are not worth waking anybody */
};

static _Thread_local struct world_lane *here;

struct world_lane *world_lane(const struct world *world)
{
	(void)world;
	return here;
}

uint64_t world_now_us(const struct world *world)
{
	return world_lane(world)->now_us;
}

struct prng *world_prng(struct world *world)
{
	struct node *actor = world_lane(world)->actor;

	return actor != NULL ? &actor->prng : &world->prng;
}

struct node *world_act(struct world *world, struct node *actor)
{
	struct node *before = world_lane(world)->actor;

	world_lane(world)->actor = actor;
	return before;
}

bool world_strikes(struct world *world, uint32_t chance)
{
	/* Drawn also for what never strikes: to turn a fault off changes nothing else by itself. */
	return world->chaos && prng_below(world_prng(world), 1000) < chance;
}

/* ---- plans ---- */

static uint64_t next_order(struct world *world, struct node *actor)
{
	uint64_t planner = actor != NULL ? actor->number : WORLD_PLANS;

	return planner << PLANNER_SHIFT | (actor != NULL ? actor->planned++ : world->planned++);
}

static void put(struct world *world, const struct queue_item *item)
{
	const struct happening *happening = item->what;

	if (happening->kind >= HAPPENS_ALONE) {
		queue_put(&world->alone, item);
		return;
	}
	queue_put(&world->nodes[happening->node].queue, item);
	if (item->at_us < calendar_at_us(&world->calendar, happening->node))
		calendar_set(&world->calendar, happening->node, item->at_us);
}

static void post(struct world_lane *lane, const struct queue_item *item)
{
	if (lane->outbox_count == lane->outbox_capacity) {
		lane->outbox_capacity = lane->outbox_capacity == 0 ? 64 : lane->outbox_capacity * 2;
		lane->outbox =
			realloc(lane->outbox, lane->outbox_capacity * sizeof(lane->outbox[0]));
		ensure(lane->outbox != NULL);
	}
	lane->outbox[lane->outbox_count++] = *item;
}

struct happening *world_plan(
	struct world *world, uint64_t after_us, enum happening_kind kind, uint32_t node)
{
	struct world_lane *lane = world_lane(world);
	struct happening *happening = calloc(1, sizeof(*happening));
	struct queue_item item = { lane->now_us + after_us, next_order(world, lane->actor),
		happening };

	ensure(happening != NULL);
	happening->kind = kind;
	happening->node = node;
	happening->boot = node < world->node_count ? world->nodes[node].boot : 0;
	if (!lane->in_window)
		put(world, &item);
	else if (kind < HAPPENS_ALONE && node == lane->actor->number)
		queue_put(&lane->actor->queue, &item);
	else
		post(lane, &item);
	return happening;
}

/* ---- what happens ---- */

static void wake(struct world *world, struct node *node)
{
	const struct event tick = { .kind = EVENT_TICK };

	if (world_now_us(world) < node->planned_us)
		return; /* an older one */
	node->planned_us = UINT64_MAX;
	if (node->wake_us <= world_now_us(world))
		node_step(world, node, &tick);
	else
		node_wake(world, node);
}

static void happen_to(struct world *world, struct node *node, const struct happening *happening)
{
	switch (happening->kind) {
	case HAPPENS_EVENT:
		if (net_arrived(world, node, happening))
			node_step(world, node, &happening->event);
		break;
	case HAPPENS_WAKE:
		wake(world, node);
		break;
	case HAPPENS_HELLO:
		if (node->agent != NULL)
			net_hello(world, node);
		break;
	case HAPPENS_WRITE:
		net_write(world, node, happening);
		break;
	case HAPPENS_PUSH:
		net_pushed(world, happening);
		break;
	case HAPPENS_SERVE:
		net_served(world, happening);
		break;
	case HAPPENS_BOOT:
		if (node->powered && !node_runs(node) && !node->gone)
			board_boot(world, node);
		break;
	case HAPPENS_REBOOT:
		board_flashed(world, node);
		break;
	case HAPPENS_REVERT:
		board_reverted(world, node);
		break;
	case HAPPENS_WINDOW:
		board_window_over(world, node, happening->peer_boot);
		break;
	case HAPPENS_PLAIN:
		plain_turn(world, node);
		break;
	case HAPPENS_DISCOVER:
		plain_discover(world, node);
		break;
	case HAPPENS_CUT:
		if (world->chaos && node->powered)
			chaos_cut(world, node);
		break;
	default:
		ensure(false);
	}
}

static void happen(struct world *world, struct happening *happening)
{
	struct node *node = &world->nodes[happening->node];

	world_lane(world)->events++;
	switch (happening->kind) {
	case HAPPENS_CHAOS:
		if (!world->chaos)
			break;
		chaos_second(world);
		world_plan(world, WORLD_S, HAPPENS_CHAOS, 0)->boot = 0;
		break;
	case HAPPENS_OPERATOR:
		operator_look(world, happening->node);
		break;
	case HAPPENS_DIVIDE:
		if (world->chaos)
			chaos_divide(world);
		break;
	default:
		if (happening->boot != 0 && happening->boot != node->boot)
			break;
		(void)world_act(world, node);
		happen_to(world, node, happening);
		(void)world_act(world, NULL);
	}
	free(happening->data);
	free(happening);
}

/* ---- windows ---- */

/* All that a node does in the window. */
static void do_window(void *context, uint32_t number, uint32_t item)
{
	struct world *world = context;
	struct world_lane *lane = world->lanes[number];
	struct node *node = &world->nodes[world->due[item]];
	uint64_t at_us;

	here = lane;
	while ((at_us = queue_first_us(&node->queue)) < world->window_end_us) {
		lane->now_us = at_us;
		happen(world, queue_take(&node->queue));
	}
}

static void take_breach(struct world *world)
{
	const struct world_lane *first = NULL;

	for (uint32_t i = 0; i < world->lane_count; i++) {
		const struct world_lane *lane = world->lanes[i];

		if (lane->breach[0] != '\0' &&
			(first == NULL || lane->breach_us < first->breach_us ||
				(lane->breach_us == first->breach_us &&
					lane->breach_node < first->breach_node)))
			first = lane;
	}
	if (first != NULL)
		memcpy(world->breach, first->breach, sizeof(world->breach));
}

static void empty_outbox(struct world *world, struct world_lane *lane)
{
	for (size_t i = 0; i < lane->outbox_count; i++) {
		ensure(lane->outbox[i].at_us >= world->window_end_us);
		put(world, &lane->outbox[i]);
	}
	lane->outbox_count = 0;
}

/* From the next moment of any node on, until one of them can learn what another did in it. */
static void pass_window(struct world *world, uint64_t end_us)
{
	uint64_t window_end_us = calendar_first_us(&world->calendar) + world->window_us;
	uint32_t count;

	world->window_end_us = window_end_us < end_us ? window_end_us : end_us;
	count = calendar_collect(&world->calendar, world->window_end_us, world->due);
	for (uint32_t i = 0; i < world->lane_count; i++)
		world->lanes[i]->in_window = true;
	if (count >= SHARED_MIN)
		lanes_share(world->threads, count);
	for (uint32_t i = 0; i < count && count < SHARED_MIN; i++)
		do_window(world, 0, i);
	for (uint32_t i = 0; i < count; i++)
		calendar_set(&world->calendar, world->due[i],
			queue_first_us(&world->nodes[world->due[i]].queue));
	for (uint32_t i = 0; i < world->lane_count; i++) {
		world->lanes[i]->in_window = false;
		empty_outbox(world, world->lanes[i]);
	}
	take_breach(world);
}

/* One thing that happens to one node. */
static void pass_one(struct world *world)
{
	uint32_t number = calendar_first(&world->calendar);
	struct queue *queue = &world->nodes[number].queue;
	struct happening *happening;

	world_lane(world)->now_us = queue_first_us(queue);
	happening = queue_take(queue);
	calendar_set(&world->calendar, number, queue_first_us(queue));
	happen(world, happening);
}

void world_pass(struct world *world, uint64_t us)
{
	struct world_lane *lane = world_lane(world);
	uint64_t end_us = lane->now_us + us;

	while (world->breach[0] == '\0') {
		uint64_t alone_us = queue_first_us(&world->alone);
		uint64_t first_us = calendar_first_us(&world->calendar);

		if (alone_us > end_us && first_us > end_us)
			break;
		if (alone_us <= first_us) {
			lane->now_us = alone_us;
			happen(world, queue_take(&world->alone));
		} else if (world->threads != NULL) {
			pass_window(world, alone_us <= end_us ? alone_us : end_us + 1);
		} else {
			pass_one(world);
		}
	}
	if (world->breach[0] == '\0')
		lane->now_us = end_us;
}

uint64_t world_events(const struct world *world)
{
	uint64_t events = 0;

	for (uint32_t i = 0; i < world->lane_count; i++)
		events += world->lanes[i]->events;
	return events;
}

/* ---- lanes ---- */

static void add_lane(struct world *world)
{
	struct world_lane *lane = calloc(1, sizeof(*lane));

	ensure(lane != NULL);
	lane->actions = malloc(sizeof(*lane->actions));
	lane->scratch = malloc(WORLD_SLICE_CAPACITY);
	ensure(lane->actions != NULL && lane->scratch != NULL);
	world->lanes[world->lane_count++] = lane;
}

/* Power that is lost in the middle of a step, and a radio that comes back in one, are seen by
 * others at once; what is told must be told in order; and an acknowledgement takes its time of a
 * link that is its receiver's. */
static bool is_shareable(const struct world *world)
{
	const struct options *options = &world->options;

	return options->rate_kbit == 0 && options->power_cut == 0 && options->journal_cut == 0 &&
	       options->flash_cut == 0 && options->cut_before_flash == 0 && options->no_mesh == 0 &&
	       world->log == NULL;
}

void time_share(struct world *world, uint32_t lanes)
{
	ensure(world->threads == NULL && lanes <= LANES_MAX);
	if (lanes < 2 || !is_shareable(world))
		return;
	world->window_us = net_soonest_us(world);
	if (world->window_us > board_soonest_us())
		world->window_us = board_soonest_us();
	world->due = calloc(world->node_count, sizeof(*world->due));
	ensure(world->due != NULL);
	while (world->lane_count < lanes)
		add_lane(world);
	world->threads = lanes_open(lanes, do_window, world);
}

void time_open(struct world *world)
{
	ensure(world->node_count < WORLD_PLANS);
	add_lane(world);
	here = world->lanes[0];
	queue_init(&world->alone);
	for (uint32_t i = 0; i < world->node_count; i++)
		queue_init(&world->nodes[i].queue);
	calendar_init(&world->calendar, world->node_count);
}

static void forget(struct queue *queue)
{
	struct happening *happening;

	while ((happening = queue_take(queue)) != NULL) {
		free(happening->data);
		free(happening);
	}
	queue_free(queue);
}

void time_close(struct world *world)
{
	lanes_close(world->threads);
	forget(&world->alone);
	for (uint32_t i = 0; i < world->node_count; i++)
		forget(&world->nodes[i].queue);
	for (uint32_t i = 0; i < world->lane_count; i++) {
		free(world->lanes[i]->actions);
		free(world->lanes[i]->scratch);
		free(world->lanes[i]->outbox);
		free(world->lanes[i]);
	}
	free(world->due);
	calendar_free(&world->calendar);
}
