// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "core/state.h"
#include "sim/world.h"

enum {
	LATE_MS = 2000, /* what may add to a countdown, where no packet is lost, late or replayed */
};

/* NULL if something was broken before. */
static char *room_for_breach(struct world *world)
{
	struct world_lane *lane = world_lane(world);

	if (!lane->in_window)
		return world->breach[0] == '\0' ? world->breach : NULL;
	/* What it does here may be earlier than what it did to another node before. */
	if (lane->breach[0] != '\0' && (lane->breach_us < lane->now_us ||
					       (lane->breach_us == lane->now_us &&
						       lane->breach_node <= lane->actor->number)))
		return NULL;
	lane->breach_us = lane->now_us;
	lane->breach_node = lane->actor->number;
	return lane->breach;
}

void check_breach(struct world *world, const char *invariant, const char *format, ...)
{
	char *breach = room_for_breach(world);
	va_list arguments;
	int size;

	if (breach == NULL)
		return;
	size = snprintf(breach, WORLD_BREACH_SIZE, "%s at %.3f s: ", invariant,
		(double)world_now_us(world) / 1000000.0);
	va_start(arguments, format);
	vsnprintf(breach + size, WORLD_BREACH_SIZE - (size_t)size, format, arguments);
	va_end(arguments);
	trace_say(world, NULL, "BREACH", "%s", breach);
}

/* ---- orders that really were given ---- */

static struct world_order *find_order(struct world *world, const uint8_t *id)
{
	for (uint32_t i = 0; i < world->order_count; i++) {
		if (memcmp(world->orders[i].id, id, BYTES_HASH_SIZE) == 0 &&
			world->orders[i].trusted)
			return &world->orders[i];
	}
	return NULL;
}

/* The schedule that the node says it follows; NULL if it follows none that was given. */
static struct world_order *find_schedule(struct world *world, struct node *node)
{
	char hex[BYTES_HASH_TEXT_SIZE + 1] = "";
	uint8_t id[BYTES_HASH_SIZE];
	struct world_order *schedule = NULL;

	if (node_status(world, node, "order", hex, sizeof(hex)) &&
		bytes_from_hex(id, sizeof(id), hex))
		schedule = find_order(world, id);
	return schedule != NULL && schedule->order.kind == ORDER_SCHEDULE ? schedule : NULL;
}

const struct world_order *check_find_start(
	const struct world *world, uint64_t epoch, const uint8_t *upgrade)
{
	for (uint32_t i = 0; i < world->order_count; i++) {
		const struct world_order *order = &world->orders[i];

		if (order->trusted && order->order.kind == ORDER_START &&
			order->order.epoch == epoch &&
			memcmp(order->order.upgrade, upgrade, ORDER_UPGRADE_SIZE) == 0)
			return order;
	}
	return NULL;
}

bool check_knows(struct world *world, struct node *node, const struct world_order *order)
{
	uint64_t now_ms = node_clock_ms(world, node);
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	struct text text;
	char *orders;
	bool found;

	text_init(&text, NULL, 0);
	agent_answer(node->agent, now_ms, "lockstep_orders", "", 0, &text);
	orders = malloc(text.size + 1);
	ensure(orders != NULL);
	text_init(&text, orders, text.size + 1);
	agent_answer(node->agent, now_ms, "lockstep_orders", "", 0, &text);
	bytes_to_hex(hex, order->id, BYTES_HASH_SIZE);
	found = strstr(orders, hex) != NULL;
	free(orders);
	return found;
}

/* Of the start's wave, as the order asks for it, and always more than half. */
static uint32_t needed_of(const struct world_order *start, uint32_t wave)
{
	const struct order_start *body = &start->order.start;
	uint32_t participants = 0, quorum;

	for (uint32_t i = 0; i < body->participant_count; i++)
		participants += body->participants[i].wave == wave;
	quorum = (participants * body->quorum_percent + 99) / 100;
	return quorum > participants / 2 ? quorum : participants / 2 + 1;
}

/* ---- I1 to I5, I7: at the flash ---- */

static void check_image(struct world *world, struct node *node)
{
	const struct disk *disk = &node->disk;

	for (uint32_t i = 0; i < world->options.chunks; i++) {
		if (!disk->held[i])
			check_breach(world, "I1",
				"%s flashes an image of which chunk %" PRIu32 " is missing",
				node->name, i);
	}
	if (!disk->open || disk->release == 0 || disk->bad)
		check_breach(world, "I1", "%s flashes what no release names", node->name);
	else if (!world->releases[disk->release].trusted)
		check_breach(
			world, "I1", "%s flashes a release that too few keys signed", node->name);
	else if (disk->board != node->board)
		check_breach(world, "I1", "%s flashes the image of another board", node->name);
	/* No operator here allows a downgrade, and a release's number is its sequence. */
	else if (disk->release < node->floor)
		check_breach(world, "I1", "%s flashes release %" PRIu32 " and kept %" PRIu32,
			node->name, disk->release, node->floor);
}

static bool is_of_wave(const struct world_order *start, uint32_t index, uint32_t wave)
{
	return start->order.start.participants[index].wave == wave;
}

/*
 * Must somebody be counted for both? Two operators that each saw another part of the mesh may have
 * named so different nodes that each has his majority; no rule of the nodes can see that. Who lost
 * his journal can be counted for both.
 */
static bool must_meet(struct world *world, const struct world_order *a, const struct world_order *b)
{
	const struct world_order *start_a = find_order(world, a->order.schedule.start_id);
	const struct world_order *start_b = find_order(world, b->order.schedule.start_id);
	uint32_t wave_a = a->order.schedule.wave, wave_b = b->order.schedule.wave, all = 0;

	ensure(start_a != NULL && start_b != NULL);
	for (uint32_t i = 0; i < start_a->order.start.participant_count; i++)
		all += is_of_wave(start_a, i, wave_a);
	for (uint32_t i = 0; i < start_b->order.start.participant_count; i++) {
		const char *name = start_b->order.start.participants[i].name;
		uint32_t in_a = order_find_participant(&start_a->order.start, name), number;

		all += is_of_wave(start_b, i, wave_b) &&
		       (in_a == UINT32_MAX || !is_of_wave(start_a, in_a, wave_a) ||
			       (sscanf(name, "node-%" SCNu32, &number) == 1 &&
				       world->nodes[number].forgot));
	}
	return needed_of(start_a, wave_a) + needed_of(start_b, wave_b) > all;
}

static void check_one_release(
	struct world *world, struct node *node, const struct world_order *schedule)
{
	const struct world_order *start = find_order(world, schedule->order.schedule.start_id);

	for (uint32_t i = 0; i < world->order_count; i++) {
		const struct world_order *other = &world->orders[i], *other_start;

		if (other->past == 0 || other->order.epoch != schedule->order.epoch)
			continue;
		other_start = find_order(world, other->order.schedule.start_id);
		if (other_start->release != start->release && must_meet(world, other, schedule))
			check_breach(world, "I3",
				"%s flashes release %" PRIu32 " in epoch %" PRIu64
				", another node flashed %" PRIu32,
				node->name, start->release, schedule->order.epoch,
				other_start->release);
	}
}

static void check_schedule(struct world *world, struct node *node, const struct world_order *start,
	const struct world_order *schedule, uint32_t window_s)
{
	const struct order_schedule *body = &schedule->order.schedule;
	uint32_t index = order_find_participant(&start->order.start, node->name);
	uint64_t due_us = schedule->posted_us + body->countdown_ms * WORLD_US;

	if (index == UINT32_MAX || start->order.start.participants[index].wave != body->wave ||
		start->release != node->disk.release)
		check_breach(world, "I2", "%s flashes what no start names it for", node->name);
	/* A clock that jumps ahead takes its node with it, and those that hear its countdown. */
	if (world_now_us(world) + bound_early_ms(world) * WORLD_US < due_us &&
		world->jumped_us < schedule->posted_us)
		check_breach(world, "I2", "%s flashes %.1f s early", node->name,
			(double)(due_us - world_now_us(world)) / 1000000.0);
	if (window_s != body->confirm_window_s)
		check_breach(world, "I5", "%s arms a window of %" PRIu32 " s, ordered are %" PRIu32,
			node->name, window_s, body->confirm_window_s);
}

/* The commit rule, by what was true and not by what the node saw of it. */
static void check_commit(struct world *world, struct node *node, const struct world_order *start,
	const struct world_order *schedule)
{
	uint32_t needed = needed_of(start, schedule->order.schedule.wave);

	if (schedule->scheduled < needed && schedule->past == 0)
		check_breach(world, "I4",
			"%s flashes first, and only %" PRIu32 " of the needed %" PRIu32
			" were ever scheduled",
			node->name, schedule->scheduled, needed);
}

/* Who began his flash before the abort came goes through with it, also after a loss of power. */
static void check_abort(struct world *world, struct node *node, const struct world_order *start)
{
	for (uint32_t i = 0; i < world->order_count; i++) {
		const struct world_order *order = &world->orders[i];

		if (order->trusted && order->order.kind == ORDER_ABORT &&
			order->order.epoch == start->order.epoch &&
			node->flash_epoch != start->order.epoch &&
			memcmp(order->order.upgrade, start->order.upgrade, ORDER_UPGRADE_SIZE) ==
				0 &&
			check_knows(world, node, order))
			check_breach(
				world, "I2", "%s flashes what it knows to be aborted", node->name);
	}
}

void check_flash(struct world *world, struct node *node, uint32_t window_s)
{
	uint64_t epoch = node_status_number(world, node, "epoch");
	struct world_order *schedule = find_schedule(world, node);
	const struct world_order *start = NULL;

	check_image(world, node);
	if (schedule != NULL && schedule->order.epoch == epoch)
		start = find_order(world, schedule->order.schedule.start_id);
	if (start == NULL) {
		check_breach(world, "I2", "%s flashes without a schedule", node->name);
		return;
	}
	check_schedule(world, node, start, schedule, window_s);
	check_abort(world, node, start);
	check_one_release(world, node, schedule);
	check_commit(world, node, start, schedule);
	if (node->kept.state != STATE_FLASHING || node->kept.epoch < epoch)
		check_breach(world, "I7", "%s flashes before its journal says so", node->name);
	schedule->past++;
	node->flashed_for = schedule;
	node->flash_epoch = epoch;
	node->flashes++;
	node->flashed_us = world_now_us(world);
}

void check_revert(struct world *world, struct node *node)
{
	if (node->kept.state != STATE_REVERTED)
		check_breach(world, "I7", "%s goes back before its journal says so", node->name);
}

/* ---- I2, I4: what stays must have been wanted ---- */

/* True if an operator's confirm asks for it. */
static bool is_confirmed(const struct world *world, const struct world_order *start)
{
	for (uint32_t i = 0; i < world->order_count; i++) {
		const struct world_order *order = &world->orders[i];

		if (order->trusted && order->order.kind == ORDER_CONFIRM &&
			order->order.epoch == start->order.epoch &&
			memcmp(order->order.upgrade, start->order.upgrade, ORDER_UPGRADE_SIZE) == 0)
			return true;
	}
	return false;
}

void check_confirm(struct world *world, struct node *node)
{
	char hex[ORDER_UPGRADE_TEXT_SIZE + 1] = "";
	uint64_t epoch = node_status_number(world, node, "epoch");
	uint8_t upgrade[ORDER_UPGRADE_SIZE] = { 0 };
	struct world_order *schedule = find_schedule(world, node);
	const struct world_order *start;
	bool ordered;

	(void)node_status(world, node, "upgrade", hex, sizeof(hex));
	(void)!bytes_from_hex(upgrade, sizeof(upgrade), hex);
	start = check_find_start(world, epoch, upgrade);
	if (start == NULL) {
		check_breach(world, "I2", "%s keeps firmware of no upgrade", node->name);
		return;
	}
	ordered = is_confirmed(world, start);
	if (start->order.start.confirm != ORDER_CONFIRM_AUTO && !ordered)
		check_breach(world, "I2", "%s keeps its firmware and nobody said so", node->name);
	if (schedule == NULL)
		return;
	/* Before the first one keeps it by itself, the wave has run it and was healthy. */
	if (!ordered && schedule->kept == 0 &&
		schedule->ran < needed_of(start, schedule->order.schedule.wave))
		check_breach(world, "I4",
			"%s keeps its firmware, and only %" PRIu32 " of the needed %" PRIu32
			" ever ran it in health",
			node->name, schedule->ran, needed_of(start, schedule->order.schedule.wave));
	schedule->kept++;
}

/* ---- at every change of state ---- */

/* Nothing held the countdown up that could not be measured: then it is as it was ordered. */
static void check_countdown(
	struct world *world, struct node *node, const struct world_order *schedule)
{
	const struct options *options = &world->options;
	uint64_t left_ms, due_us;
	static const char name[] = "\"countdown_ms\":";
	char *view, *at, id[BYTES_HASH_TEXT_SIZE + 1];

	/* A plain peer's copy does not age at all. */
	if (options->loss > 0 || options->delay > 0 || options->replay > 0 || options->plain > 0)
		return;
	view = node_view_text(world, node);
	/* Who is late for his own wave's shows the next wave's. */
	bytes_to_hex(id, schedule->id, BYTES_HASH_SIZE);
	at = strstr(view, "\"schedule\":\"");
	if (at != NULL && strncmp(at + strlen("\"schedule\":\""), id, BYTES_HASH_TEXT_SIZE) != 0)
		at = NULL;
	if (at != NULL)
		at = strstr(at, name);
	left_ms = at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
	due_us = schedule->posted_us + schedule->order.schedule.countdown_ms * WORLD_US;
	if (world_now_us(world) + left_ms * WORLD_US > due_us + LATE_MS * WORLD_US && left_ms > 0)
		check_breach(world, "I2", "%s counts down to %.1f s after the ordered moment",
			node->name,
			(double)(world_now_us(world) + left_ms * WORLD_US - due_us) / 1000000.0);
	free(view);
}

/* Disks here keep what they are given: only what neighbours served can be wrong in an image. */
static void check_refusal(struct world *world, struct node *node)
{
	char reason[LIMITS_REASON_SIZE + 1] = "";

	if (node->state == STATE_UPGRADE_CHECK_FAILED &&
		node_status(world, node, "reason", reason, sizeof(reason)) &&
		strcmp(reason, reason_word(REASON_HASH_MISMATCH)) == 0)
		check_breach(
			world, "liveness", "%s is stopped by what a neighbour served", node->name);
}

void check_state(struct world *world, struct node *node)
{
	struct world_order *schedule = NULL;

	check_refusal(world, node);
	if (node->state == STATE_UPDATED && node->trial)
		check_breach(world, "I5", "%s calls itself updated and is on trial", node->name);
	if (node->state == STATE_UPGRADE_SCHEDULED)
		schedule = find_schedule(world, node);
	if (schedule != NULL) {
		check_countdown(world, node, schedule);
		schedule->scheduled += node->scheduled_for != schedule;
		node->scheduled_for = schedule;
	}
	/* Also where the journal that would name the schedule is lost. */
	if (node->state == STATE_CONFIRMATION_PENDING && node->flashed_for != NULL) {
		node->flashed_for->ran += node->fate.is_healthy;
		node->flashed_for = NULL;
	}
}

void check_state_done(struct world *world, struct node *node)
{
	uint64_t epoch = node_status_number(world, node, "highest_epoch");

	if (node->state == STATE_UPDATED && node_status_true(world, node, "flashed"))
		node->floor = node->running;
	if (node->state == STATE_REVERTED && node->trial)
		check_breach(world, "I5", "%s calls itself reverted and is on trial", node->name);
	/* Who could not write his journal steps out, and says so. */
	if (!node->journal_was_lost && node->state != STATE_INTERNAL_ERROR &&
		epoch > node->kept.epoch)
		check_breach(world, "I7", "%s goes by epoch %" PRIu64 ", its journal by %" PRIu64,
			node->name, epoch, node->kept.epoch);
}

void check_window(struct world *world, struct node *node)
{
	/* The node ends it a second before, and says why; a clock that is slower than any cannot.
	 */
	if (node->agent != NULL && agent_state(node->agent) == STATE_CONFIRMATION_PENDING &&
		(uint64_t)node->window_s * world->options.drift_ppm < 900000)
		check_breach(world, "I5", "%s is on trial until its board ends it", node->name);
}
