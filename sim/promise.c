// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "sim/world.h"

/* What follows `name` there; NULL if it is not there. */
static const char *journal_member(const char *bytes, size_t size, const char *name)
{
	const char *at = bytes != NULL ? memmem(bytes, size, name, strlen(name)) : NULL;

	return at != NULL ? at + strlen(name) : NULL;
}

static uint64_t journal_number(const char *bytes, size_t size, const char *name)
{
	const char *at = journal_member(bytes, size, name);

	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static enum node_state journal_state(const char *bytes, size_t size)
{
	const char *at = journal_member(bytes, size, "\"state\":\"");
	enum node_state state = STATE_UPDATED;

	while (at != NULL && state < STATE_COUNT) {
		size_t length = strlen(state_name(state));

		if (strncmp(at, state_name(state), length) == 0 && at[length] == '"')
			break;
		state = (enum node_state)(state + 1);
	}
	return state;
}

void promise_written(struct world *world, struct node *node, const struct action *action)
{
	const char *bytes = action->journal.bytes;
	size_t size = action->journal.size;
	struct promise now = {
		.epoch = journal_number(bytes, size, "\"epoch\":"),
		.floor = journal_number(bytes, size, "\"release_sequence\":"),
		.joined = node_status_number(world, node, "epoch"),
		.state = journal_state(bytes, size),
	};

	if (node->journal_was_lost)
		memset(&node->kept, 0, sizeof(node->kept));
	node->journal_was_lost = false;
	if (now.epoch < node->kept.epoch)
		check_breach(world, "I7", "%s writes epoch %" PRIu64 " over %" PRIu64, node->name,
			now.epoch, node->kept.epoch);
	if (now.floor < node->kept.floor)
		check_breach(world, "I7", "%s writes release %" PRIu64 " over %" PRIu64, node->name,
			now.floor, node->kept.floor);
	if (node->floor < now.floor)
		node->floor = (uint32_t)now.floor;
	node->kept = now;
}

void promise_before_boot(struct node *node)
{
	node->at_boot = node->kept;
	node->remembers = !node->journal_was_lost;
}

/* By what the board did, may a node go on in this state that its journal left in the other? */
static bool may_go_on(const struct node *node, enum node_state before, enum node_state after)
{
	if (node->trial)
		return after == STATE_CONFIRMATION_PENDING || after == STATE_REVERTED;
	switch (before) {
	case STATE_DOWNLOADING:
	case STATE_DOWNLOAD_ERROR:
	case STATE_UPGRADE_READY:
	case STATE_UPGRADE_SCHEDULED:
		return after == STATE_DOWNLOADING;
	case STATE_FLASHING:
		if (node->slots < 2)
			return after != STATE_UPDATED;
		/* Updated: it was confirmed while the disk was full. */
		return node->fell_back ? after == STATE_REVERTED
				       : after == STATE_FLASHING || after == STATE_DOWNLOADING ||
						 (after == STATE_UPDATED && node->running > 1);
	case STATE_CONFIRMATION_PENDING:
		if (node->slots < 2)
			return after == STATE_CONFIRMATION_PENDING || after == STATE_INTERNAL_ERROR;
		return after == STATE_REVERTED || (!node->fell_back && after == STATE_UPDATED);
	default:
		return after == before;
	}
}

void promise_check_boot(struct world *world, struct node *node)
{
	const struct promise *before = &node->at_boot;
	enum node_state state;
	uint64_t epoch, floor;

	if (node->agent == NULL || !node->remembers)
		return;
	state = agent_state(node->agent);
	epoch = node_status_number(world, node, "highest_epoch");
	if (epoch < before->epoch)
		check_breach(world, "I7",
			"%s woke with epoch %" PRIu64 " and knew %" PRIu64 " before", node->name,
			epoch, before->epoch);
	epoch = node_status_number(world, node, "epoch");
	if (epoch != before->joined)
		check_breach(world, "I7",
			"%s woke in the upgrade of epoch %" PRIu64 " and was in that of %" PRIu64,
			node->name, epoch, before->joined);
	floor = node_status_number(world, node, "release_sequence");
	if (floor < node->floor)
		check_breach(world, "I7", "%s woke with release %" PRIu64 " and kept %" PRIu32,
			node->name, floor, node->floor);
	if (!may_go_on(node, before->state, state))
		check_breach(world, "I7", "%s woke in %s and was in %s", node->name,
			state_name(state), state_name(before->state));
}

void promise_check_taken(struct world *world, struct node *node, const struct world_order *order)
{
	if (node->journal_was_lost || node->journal == NULL)
		return;
	if (memmem(node->journal, node->journal_size, order->blob, strlen(order->blob)) == NULL)
		check_breach(
			world, "I7", "%s took an order that its journal does not hold", node->name);
}
