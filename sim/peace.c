// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/ensure.h"
#include "base/text.h"
#include "core/state.h"
#include "sim/world.h"

enum {
	READY_S_MAX = 120, /* from the start until everybody has his image, in peace */
	FLASH_S_MAX = 120, /* from the end of the countdown until everybody keeps it */
	PLAIN_WAYS = 3, /* … and as long as news needs so often, if plain peers are on its way */
};

static uint32_t more_s(const struct world *world)
{
	return world->options.plain > 0 ? PLAIN_WAYS * bound_news_s(world) : 0;
}

/* For ever, or it never took part. */
static bool is_out(const struct node *node)
{
	return node->gone || node->plain != NULL;
}

/* Where a node stands, by its own word. */
struct standing {
	bool present; /* it is there, and so is a way to it */
	uint64_t epoch, highest_epoch;
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];
	char reason[LIMITS_REASON_SIZE + 1];
	bool flashed;
	uint32_t wave;
	enum node_state state;
};

static void find_standing(struct world *world, struct node *node, struct standing *standing)
{
	memset(standing, 0, sizeof(*standing));
	standing->present = !is_out(node) && !node->apart;
	if (node->agent == NULL)
		return;
	standing->epoch = node_status_number(world, node, "epoch");
	standing->highest_epoch = node_status_number(world, node, "highest_epoch");
	standing->wave = (uint32_t)node_status_number(world, node, "wave");
	(void)node_status(world, node, "upgrade", standing->upgrade, sizeof(standing->upgrade));
	(void)node_status(world, node, "reason", standing->reason, sizeof(standing->reason));
	standing->flashed = node_status_true(world, node, "flashed");
	standing->state = agent_state(node->agent);
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

/* A state in which a node may end without the new release, if it says why. */
static bool is_excuse(enum node_state state)
{
	return state == STATE_REVERTED || state == STATE_ABORTED || state == STATE_INTERNAL_ERROR ||
	       state == STATE_UPGRADE_CHECK_FAILED || state == STATE_DOWNLOAD_ERROR;
}

static void check_own_word(
	struct world *world, const struct node *node, const struct standing *standing)
{
	const char *state = state_name(standing->state);

	if (is_excuse(standing->state) && standing->reason[0] == '\0')
		check_breach(world, "I4", "%s is in %s without a reason", node->name, state);
	if (standing->state == STATE_UPGRADE_SCHEDULED || standing->state == STATE_FLASHING ||
		standing->state == STATE_CONFIRMATION_PENDING)
		check_breach(world, "I4", "%s is still in %s", node->name, state);
	if (node->trial)
		check_breach(world, "I5", "%s is still on trial", node->name);
}

/* Who lacks an image asks until he has it; somebody in reach has had it for long. */
static void check_fetched(
	struct world *world, const struct node *node, const struct standing *standings)
{
	const struct standing *standing = &standings[node->number];
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	const struct world_order *start = NULL;

	if ((standing->state != STATE_DOWNLOADING && standing->state != STATE_DOWNLOAD_ERROR) ||
		!standing->present)
		return;
	if (bytes_from_hex(upgrade, sizeof(upgrade), standing->upgrade))
		start = check_find_start(world, standing->epoch, upgrade);
	if (start == NULL || start->release == 0 ||
		start->posted_us + (READY_S_MAX + more_s(world)) * WORLD_S > world_now_us(world))
		return;
	for (uint32_t i = 0; i < world->node_count; i++) {
		if (standings[i].present && world->nodes[i].offers == start->release &&
			!world->nodes[i].served_wrong)
			check_breach(world, "liveness", "%s is in %s, and %s has the release",
				node->name, state_name(standing->state), world->nodes[i].name);
	}
}

/* ---- what the others say of it ---- */

static const char *string(struct json_object *row, const char *name)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(row, name, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* A board that is bricked is never told to run what ended it. */
static void check_bricked(struct world *world, const struct node *viewer, struct json_object *row,
	const struct node *node)
{
	if (strcmp(string(row, "state"), state_name(STATE_UPDATED)) == 0 &&
		strcmp(string(row, "version"), world->releases[node->bricked].version) == 0)
		check_breach(world, "I4", "%s takes %s, which is bricked, for updated",
			viewer->name, node->name);
}

static void check_row(struct world *world, const struct node *viewer, struct json_object *row,
	const struct node *node, const struct standing *standing)
{
	if (strcmp(string(row, "version"), world->releases[node->running].version) != 0)
		check_breach(
			world, "I4", "%s does not know what %s runs", viewer->name, node->name);
	else if (strcmp(string(row, "state"), state_name(standing->state)) != 0)
		check_breach(world, "I4", "%s does not know that %s is in %s", viewer->name,
			node->name, state_name(standing->state));
	else if (is_excuse(standing->state) && strcmp(string(row, "reason"), standing->reason) != 0)
		check_breach(world, "I4", "%s does not know why %s is in %s", viewer->name,
			node->name, state_name(standing->state));
}

/* Does this node's view tell the truth about everybody? */
static void check_view(struct world *world, struct node *viewer, const struct standing *standings)
{
	struct json_object *view = node_view(world, viewer), *rows = NULL;
	uint32_t told = 0, present = 0;

	ensure(view != NULL);
	(void)json_object_object_get_ex(view, "nodes", &rows);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		uint32_t number;

		if (sscanf(string(row, "name"), "node-%" SCNu32, &number) != 1 ||
			number >= world->node_count)
			continue;
		if (world->nodes[number].bricked != 0)
			check_bricked(world, viewer, row, &world->nodes[number]);
		if (!standings[number].present)
			continue;
		told++;
		check_row(world, viewer, row, &world->nodes[number], &standings[number]);
	}
	for (uint32_t i = 0; i < world->node_count; i++)
		present += standings[i].present;
	if (told != present)
		check_breach(world, "I4", "%s knows %" PRIu32 " of %" PRIu32 " nodes", viewer->name,
			told, present);
	json_object_put(view);
}

/* ---- who stayed behind ---- */

/* True if an order that this node knows keeps it from following. */
static bool is_held_back(struct world *world, struct node *node, const struct world_order *start)
{
	for (uint32_t i = 0; i < world->order_count; i++) {
		const struct world_order *order = &world->orders[i];

		if (!order->trusted || order->order.epoch != start->order.epoch ||
			memcmp(order->order.upgrade, start->order.upgrade, ORDER_UPGRADE_SIZE) != 0)
			continue;
		if (order->order.kind == ORDER_ABORT && check_knows(world, node, order))
			return true;
		if (order->order.kind == ORDER_CONFIRM &&
			order_is_without(&order->order.confirm, node->name))
			return true;
	}
	return false;
}

/* `node` is in the wave of one that confirmed `start`: it runs the same, or says why not. */
static void check_behind(struct world *world, struct node *node, const struct standing *standing,
	const struct world_order *start, const struct standing *confirmed)
{
	bool gave_up = strcmp(standing->reason, reason_word(REASON_NOT_EVERYONE_SCHEDULED)) == 0 ||
		       strcmp(standing->reason, reason_word(REASON_COUNTDOWN_LOST)) == 0;

	if (!standing->present || standing->highest_epoch > confirmed->epoch)
		return;
	if (standing->epoch != confirmed->epoch)
		check_breach(world, "I4", "%s is not in the upgrade of epoch %" PRIu64, node->name,
			confirmed->epoch);
	else if (strcmp(standing->upgrade, confirmed->upgrade) != 0)
		return;
	else if (node->running != start->release && !is_excuse(standing->state))
		check_breach(world, "I4", "%s is left in %s with another release, and says no why",
			node->name, state_name(standing->state));
	else if (standing->state == STATE_ABORTED && gave_up && start->order.start.catch_up &&
		 !is_held_back(world, node, start))
		check_breach(world, "I4", "%s gave up (%s), may catch up and does not", node->name,
			standing->reason);
}

static void check_together(struct world *world, struct standing *standings, uint32_t number)
{
	const struct standing *confirmed = &standings[number];
	const struct world_order *start;
	uint8_t upgrade[ORDER_UPGRADE_SIZE];

	if (!confirmed->present || confirmed->state != STATE_UPDATED || !confirmed->flashed ||
		!bytes_from_hex(upgrade, sizeof(upgrade), confirmed->upgrade))
		return;
	start = check_find_start(world, confirmed->epoch, upgrade);
	for (uint32_t i = 0; start != NULL && i < start->order.start.participant_count; i++) {
		const struct order_participant *participant = &start->order.start.participants[i];
		uint32_t other;

		if (participant->wave == confirmed->wave &&
			sscanf(participant->name, "node-%" SCNu32, &other) == 1)
			check_behind(
				world, &world->nodes[other], &standings[other], start, confirmed);
	}
}

/* ---- after peace ---- */

void peace_check(struct world *world)
{
	struct standing *standings = calloc(world->node_count, sizeof(*standings));
	bool split = is_mixed(world) && world->options.split_firmware > 0;

	ensure(standings != NULL);
	for (uint32_t i = 0; i < world->node_count; i++) {
		struct node *node = &world->nodes[i];

		find_standing(world, node, &standings[i]);
		if (is_out(node))
			continue;
		if (node->agent == NULL)
			check_breach(world, "I7", "%s does not come back", node->name);
		else
			check_own_word(world, node, &standings[i]);
	}
	for (uint32_t i = 0; i < world->node_count && world->breach[0] == '\0' && !split; i++) {
		if (!standings[i].present)
			continue;
		check_fetched(world, &world->nodes[i], standings);
		check_view(world, &world->nodes[i], standings);
		check_together(world, standings, i);
	}
	free(standings);
}

/* ---- one more upgrade ---- */

static bool is_due(const struct world *world, uint64_t since_us, uint64_t after_us)
{
	return world_now_us(world) >= since_us + after_us &&
	       world_now_us(world) < since_us + after_us + WORLD_S;
}

static void check_ready(struct world *world, const struct world_order *start)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		struct node *node = &world->nodes[i];
		enum node_state state;

		if (node->gone || node->apart || node->agent == NULL)
			continue;
		state = agent_state(node->agent);
		if (node_status_number(world, node, "epoch") != start->order.epoch ||
			state == STATE_DOWNLOADING || state == STATE_DOWNLOAD_ERROR)
			check_breach(world, "liveness", "%s is in %s %d s after the start",
				node->name, state_name(state), READY_S_MAX + (int)more_s(world));
	}
}

static void check_kept(struct world *world, const struct world_order *schedule)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		struct node *node = &world->nodes[i];
		enum node_state state;

		if (node->gone || node->apart || node->agent == NULL)
			continue;
		state = agent_state(node->agent);
		if (state == STATE_UPGRADE_READY || state == STATE_UPGRADE_SCHEDULED ||
			state == STATE_FLASHING || state == STATE_CONFIRMATION_PENDING)
			check_breach(world, "liveness",
				"%s is in %s %d s after the end of the countdown, %.0f s after the "
				"schedule",
				node->name, state_name(state), FLASH_S_MAX + (int)more_s(world),
				(double)(world_now_us(world) - schedule->posted_us) / 1000000.0);
	}
}

void peace_check_pace(struct world *world, uint64_t since_us)
{
	for (uint32_t i = world->order_count; i > 0; i--) {
		const struct world_order *order = &world->orders[i - 1];

		if (order->posted_us < since_us)
			return;
		if (order->order.kind == ORDER_SCHEDULE &&
			is_due(world, order->posted_us,
				order->order.schedule.countdown_ms * WORLD_US +
					(FLASH_S_MAX + more_s(world)) * WORLD_S))
			check_kept(world, order);
		if (order->order.kind != ORDER_START)
			continue;
		if (is_due(world, order->posted_us, (READY_S_MAX + more_s(world)) * WORLD_S))
			check_ready(world, order);
		return;
	}
}

void peace_check_next(struct world *world, uint32_t release)
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
