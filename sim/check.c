// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "core/state.h"
#include "sim/world.h"

void check_breach(struct world *world, const char *invariant, const char *format, ...)
{
	va_list arguments;
	int size;

	if (world->breach[0] != '\0')
		return;
	size = snprintf(world->breach, sizeof(world->breach), "%s at %.3f s: ", invariant,
		(double)world->now_us / 1000000.0);
	va_start(arguments, format);
	vsnprintf(world->breach + size, sizeof(world->breach) - (size_t)size, format, arguments);
	va_end(arguments);
	trace_say(world, NULL, "BREACH", "%s", world->breach);
}

/* ---- orders that really were given ---- */

static const struct world_order *find_order(const struct world *world, const uint8_t *id)
{
	for (uint32_t i = 0; i < world->order_count; i++) {
		if (memcmp(world->orders[i].id, id, BYTES_HASH_SIZE) == 0 &&
			world->orders[i].trusted)
			return &world->orders[i];
	}
	return NULL;
}

static const struct world_order *find_start(
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

/* ---- I1, I2, I3: at the flash ---- */

static void check_image(struct world *world, struct node *node)
{
	const struct disk *disk = &node->disk;

	for (uint32_t i = 0; i < WORLD_CHUNKS; i++) {
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
}

/* How many of the wave must be seen scheduled before one of them flashes. */
static uint32_t needed_of(const struct order_start *start, uint32_t count)
{
	uint32_t quorum = (count * start->quorum_percent + 99) / 100;

	return quorum > count / 2 + 1 ? quorum : count / 2 + 1;
}

static uint32_t count_wave(const struct order_start *start, uint32_t wave)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < start->participant_count; i++)
		count += start->participants[i].wave == wave;
	return count;
}

/* Nodes of both waves that remember where they were scheduled. */
static uint32_t count_shared(const struct world *world, const struct order_start *a,
	uint32_t a_wave, const struct order_start *b, uint32_t b_wave)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < world->node_count; i++) {
		const struct node *node = &world->nodes[i];
		uint32_t in_a = order_find_participant(a, node->name);
		uint32_t in_b = order_find_participant(b, node->name);

		count += !node->forgot && in_a != UINT32_MAX && in_b != UINT32_MAX &&
			 a->participants[in_a].wave == a_wave &&
			 b->participants[in_b].wave == b_wave;
	}
	return count;
}

/* Would some node have to be scheduled in both? None is, in one epoch. Two operators in a mesh that
 * is divided can name nodes that have nothing to do with each other: nobody can know of both. */
static bool exclude_each_other(const struct world *world, const struct order_start *a,
	uint32_t a_wave, const struct order_start *b, uint32_t b_wave)
{
	uint32_t in_a = count_wave(a, a_wave), in_b = count_wave(b, b_wave);

	return needed_of(a, in_a) + needed_of(b, in_b) >
	       in_a + in_b - count_shared(world, a, a_wave, b, b_wave);
}

static void check_one_release(
	struct world *world, struct node *node, const struct world_order *start, uint32_t wave)
{
	uint64_t epoch = start->order.epoch;
	bool is_new = true;

	for (uint32_t i = 0; i < world->flashed_count; i++) {
		const struct world_order *other = world->flashed[i].start;

		if (other->order.epoch != epoch)
			continue;
		is_new = is_new && (other != start || world->flashed[i].wave != wave);
		if (world->flashed[i].release != node->disk.release &&
			exclude_each_other(world, &start->order.start, wave, &other->order.start,
				world->flashed[i].wave))
			check_breach(world, "I3",
				"%s flashes release %" PRIu32 " in epoch %" PRIu64
				", another node flashed %" PRIu32,
				node->name, node->disk.release, epoch, world->flashed[i].release);
	}
	if (!is_new)
		return;
	ensure(world->flashed_count < WORLD_ORDERS_MAX);
	world->flashed[world->flashed_count].start = start;
	world->flashed[world->flashed_count].wave = wave;
	world->flashed[world->flashed_count].release = node->disk.release;
	world->flashed_count++;
}

static void check_schedule(
	struct world *world, struct node *node, uint64_t epoch, uint32_t window_s)
{
	char hex[BYTES_HASH_TEXT_SIZE + 1] = "";
	const struct world_order *schedule = NULL, *start = NULL;
	uint8_t id[BYTES_HASH_SIZE];
	uint32_t index;
	uint64_t due_us;

	if (node_status(world, node, "order", hex, sizeof(hex)) &&
		bytes_from_hex(id, sizeof(id), hex))
		schedule = find_order(world, id);
	if (schedule == NULL || schedule->order.kind != ORDER_SCHEDULE ||
		schedule->order.epoch != epoch) {
		check_breach(world, "I2", "%s flashes without a schedule", node->name);
		return;
	}
	start = find_order(world, schedule->order.schedule.start_id);
	index = start != NULL ? order_find_participant(&start->order.start, node->name)
			      : UINT32_MAX;
	if (start == NULL || index == UINT32_MAX ||
		start->order.start.participants[index].wave != schedule->order.schedule.wave ||
		start->release != node->disk.release)
		check_breach(world, "I2", "%s flashes what no start names it for", node->name);
	else
		check_one_release(world, node, start, schedule->order.schedule.wave);
	due_us = schedule->posted_us + schedule->order.schedule.countdown_ms * WORLD_US;
	/* A clock that jumps ahead takes its node with it, and those that hear its countdown. */
	if (world->now_us + bound_early_ms(world) * WORLD_US < due_us &&
		world->jumped_us < schedule->posted_us)
		check_breach(world, "I2", "%s flashes %.1f s early", node->name,
			(double)(due_us - world->now_us) / 1000000.0);
	if (window_s != schedule->order.schedule.confirm_window_s)
		check_breach(world, "I5", "%s arms a window of %" PRIu32 " s, ordered are %" PRIu32,
			node->name, window_s, schedule->order.schedule.confirm_window_s);
}

void check_flash(struct world *world, struct node *node, uint32_t window_s)
{
	uint64_t epoch = node_status_number(world, node, "epoch");

	check_image(world, node);
	check_schedule(world, node, epoch, window_s);
	node->flashes++;
	node->flashed_us = world->now_us;
	if (world->flash_first_us == 0)
		world->flash_first_us = world->now_us;
	world->flash_last_us = world->now_us;
}

/* ---- I2: what stays must have been wanted ---- */

void check_confirm(struct world *world, struct node *node)
{
	char hex[ORDER_UPGRADE_TEXT_SIZE + 1] = "";
	uint64_t epoch = node_status_number(world, node, "epoch");
	uint8_t upgrade[ORDER_UPGRADE_SIZE] = { 0 };
	const struct world_order *start;

	(void)node_status(world, node, "upgrade", hex, sizeof(hex));
	(void)!bytes_from_hex(upgrade, sizeof(upgrade), hex);
	start = find_start(world, epoch, upgrade);
	if (start == NULL) {
		check_breach(world, "I2", "%s keeps firmware of no upgrade", node->name);
		return;
	}
	if (start->order.start.confirm == ORDER_CONFIRM_AUTO)
		return;
	for (uint32_t i = 0; i < world->order_count; i++) {
		const struct world_order *order = &world->orders[i];

		if (order->trusted && order->order.kind == ORDER_CONFIRM &&
			order->order.epoch == epoch &&
			memcmp(order->order.upgrade, upgrade, ORDER_UPGRADE_SIZE) == 0)
			return;
	}
	check_breach(world, "I2", "%s keeps its firmware and nobody said so", node->name);
}

/* ---- I7: the journal ---- */

void check_journal(struct world *world, struct node *node, const struct action *action)
{
	static const char name[] = "\"epoch\":";
	const char *at =
		memmem(action->journal.bytes, action->journal.size, name, sizeof(name) - 1);
	uint64_t epoch = at != NULL ? strtoull(at + sizeof(name) - 1, NULL, 10) : 0;

	if (node->journal_was_lost)
		node->epoch_kept = 0;
	node->journal_was_lost = false;
	if (epoch < node->epoch_kept)
		check_breach(world, "I7", "%s writes epoch %" PRIu64 " over %" PRIu64, node->name,
			epoch, node->epoch_kept);
	node->epoch_kept = epoch;
}

void check_boot(struct world *world, struct node *node)
{
	uint64_t epoch;

	if (node->agent == NULL || node->journal_was_lost)
		return;
	epoch = node_status_number(world, node, "highest_epoch");
	if (epoch < node->epoch_kept)
		check_breach(world, "I7",
			"%s woke with epoch %" PRIu64 " and knew %" PRIu64 " before", node->name,
			epoch, node->epoch_kept);
}

/* ---- I4, I6: once faults stop ---- */

/* For ever, or it never took part. */
static bool is_out(const struct node *node)
{
	return node->gone || node->plain != NULL;
}

static bool is_mixed(const struct world *world)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < world->node_count; i++) {
		const struct node *node = &world->nodes[i];

		if (is_out(node))
			continue;
		if (first == 0)
			first = node->running;
		if (node->running != first)
			return true;
	}
	return false;
}

/* What this node's view says of the other, to be freed; NULL if nothing. */
static char *row_of(struct world *world, struct node *viewer, const struct node *node)
{
	char *view, name[32], *at, *end;
	struct text text;
	size_t size;

	text_init(&text, NULL, 0);
	agent_view_mesh(viewer->agent, node_clock_ms(world, viewer), &text);
	size = text.size + 1;
	view = malloc(size);
	ensure(view != NULL);
	text_init(&text, view, size);
	agent_view_mesh(viewer->agent, node_clock_ms(world, viewer), &text);
	snprintf(name, sizeof(name), "\"name\":\"%s\"", node->name);
	at = strstr(view, name);
	end = at != NULL ? strstr(at + 1, "\"name\":") : NULL;
	if (end != NULL)
		*end = '\0';
	if (at != NULL)
		memmove(view, at, strlen(at) + 1);
	else
		free(view);
	return at != NULL ? view : NULL;
}

/* Is it the truth? */
static void check_told(struct world *world, struct node *viewer, struct node *node)
{
	char *row = row_of(world, viewer, node);

	if (row == NULL)
		check_breach(world, "I4", "%s does not know %s", viewer->name, node->name);
	else if (strstr(row, world->releases[node->running].version) == NULL)
		check_breach(
			world, "I4", "%s does not know what %s runs", viewer->name, node->name);
	else if (strstr(row, state_name(agent_state(node->agent))) == NULL)
		check_breach(world, "I4", "%s does not know that %s is in %s", viewer->name,
			node->name, state_name(agent_state(node->agent)));
	free(row);
}

/* A board that is bricked is never told to run what ended it. */
static void check_bricked(struct world *world, struct node *viewer, const struct node *node)
{
	char updated[64];
	char *row = row_of(world, viewer, node);

	snprintf(updated, sizeof(updated), "\"state\":\"%s\"", state_name(STATE_UPDATED));
	if (row != NULL && strstr(row, updated) != NULL &&
		strstr(row, world->releases[node->bricked].version) != NULL)
		check_breach(world, "I4", "%s takes %s, which is bricked, for updated",
			viewer->name, node->name);
	free(row);
}

static bool is_settled(enum node_state state)
{
	return state != STATE_UPGRADE_SCHEDULED && state != STATE_FLASHING &&
	       state != STATE_CONFIRMATION_PENDING;
}

/* The start that the node follows, and its wave in it; NULL if none names it. */
static const struct world_order *start_of(struct world *world, struct node *node, uint32_t *wave)
{
	char hex[ORDER_UPGRADE_TEXT_SIZE + 1] = "";
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	const struct world_order *start = NULL;
	uint32_t index;

	if (node_status(world, node, "upgrade", hex, sizeof(hex)) &&
		bytes_from_hex(upgrade, sizeof(upgrade), hex))
		start = find_start(world, node_status_number(world, node, "epoch"), upgrade);
	if (start == NULL)
		return NULL;
	index = order_find_participant(&start->order.start, node->name);
	if (index == UINT32_MAX)
		return NULL;
	*wave = start->order.start.participants[index].wave;
	return start;
}

/* Others of its wave have confirmed the new release: then it runs that, or has a state that says
 * why not. */
static void check_left_behind(struct world *world, struct node *node)
{
	uint32_t wave, other_wave;
	const struct world_order *start = start_of(world, node, &wave);

	if (start == NULL || agent_state(node->agent) != STATE_UPDATED ||
		node->running == start->release)
		return;
	for (uint32_t i = 0; i < world->node_count; i++) {
		struct node *other = &world->nodes[i];

		if (!is_out(other) && other->agent != NULL &&
			agent_state(other->agent) == STATE_UPDATED &&
			other->running == start->release &&
			start_of(world, other, &other_wave) == start && other_wave == wave)
			check_breach(world, "I4", "%s was left behind by %s and says nothing of it",
				node->name, other->name);
	}
}

/* Who does not run the release that others of its upgrade confirmed says why. */
static void check_reason(struct world *world, struct node *node)
{
	char reason[LIMITS_REASON_SIZE + 1] = "";
	enum node_state state = agent_state(node->agent);

	(void)node_status(world, node, "reason", reason, sizeof(reason));
	if ((state == STATE_REVERTED || state == STATE_ABORTED || state == STATE_INTERNAL_ERROR ||
		    state == STATE_UPGRADE_CHECK_FAILED || state == STATE_DOWNLOAD_ERROR) &&
		reason[0] == '\0')
		check_breach(
			world, "I4", "%s is in %s without a reason", node->name, state_name(state));
	if (!is_settled(state))
		check_breach(world, "I4", "%s is still in %s", node->name, state_name(state));
	if (node->trial)
		check_breach(world, "I5", "%s is still on trial", node->name);
}

void check_peace(struct world *world)
{
	struct node *viewer = NULL;

	for (uint32_t i = 0; i < world->node_count && world->breach[0] == '\0'; i++) {
		struct node *node = &world->nodes[i];

		if (is_out(node))
			continue;
		if (node->agent == NULL) {
			check_breach(world, "I7", "%s does not come back", node->name);
			return;
		}
		check_reason(world, node);
		check_left_behind(world, node);
		if (viewer == NULL)
			viewer = node;
		if (!node->apart && (!is_mixed(world) || world->options.split_firmware == 0))
			check_told(world, viewer, node);
	}
	for (uint32_t i = 0; i < world->node_count && viewer != NULL; i++) {
		if (world->nodes[i].bricked != 0)
			check_bricked(world, viewer, &world->nodes[i]);
	}
}

void check_next(struct world *world, uint32_t release)
{
	for (uint32_t i = 0; i < world->node_count && world->breach[0] == '\0'; i++) {
		struct node *node = &world->nodes[i];

		if (is_out(node) || node->apart)
			continue;
		if (node->agent == NULL || node->running != release || node->trial ||
			agent_state(node->agent) != STATE_UPDATED)
			check_breach(world, "I6", "%s runs %s in %s, the next upgrade was to %s",
				node->name, world->releases[node->running].version,
				node->agent != NULL ? state_name(agent_state(node->agent))
						    : "nothing",
				world->releases[release].version);
	}
}
