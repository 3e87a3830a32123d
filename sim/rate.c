// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * How long what is sent keeps the links busy, where they have a rate: one thing after the other in
 * each direction, but short things between the packets of long ones, with the headers of IPv6 and
 * TCP, and an acknowledgement for each second packet on the way back. A chunk counts as one of 64
 * KiB, however small the pretended images are.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "sim/world.h"

enum {
	PACKET_DATA = 1428, /* of 1514 bytes on Ethernet, with TCP's timestamps */
	PACKET_HEADERS = 86,
	PACKETS_PER_ACK = 2,
	SHORT_BYTES = 4 * PACKET_DATA,
	BITS = 8,
};

static uint64_t packets_of(uint64_t bytes)
{
	return (bytes + PACKET_DATA - 1) / PACKET_DATA;
}

/* Until it is through, from `from_us` on. */
static uint64_t pass(struct world *world, struct node *node, const struct peer *peer,
	uint64_t bytes, uint64_t from_us)
{
	struct link *link = &world->links[peer->link];
	uint64_t *free_us = &link->free_us[link->a != node->number];
	uint64_t us = bytes * BITS * 1000 / world->options.rate_kbit;

	if (*free_us < from_us)
		*free_us = from_us;
	*free_us += us;
	node->sent_bytes += bytes;
	/* Between the packets of what is long. */
	return bytes < SHORT_BYTES ? from_us + us : *free_us;
}

static uint64_t send(struct world *world, struct node *node, const struct peer *peer,
	uint64_t bytes, uint64_t from_us)
{
	struct node *other = &world->nodes[peer->node];
	uint64_t packets = packets_of(bytes);

	(void)pass(world, other, &other->peers[peer->number],
		(packets + PACKETS_PER_ACK - 1) / PACKETS_PER_ACK * PACKET_HEADERS, from_us);
	return pass(world, node, peer, bytes + packets * PACKET_HEADERS, from_us);
}

uint64_t rate_send_us(
	struct world *world, struct node *node, const struct peer *peer, uint64_t bytes)
{
	uint64_t now_us = world_now_us(world);

	return world->options.rate_kbit > 0 ? send(world, node, peer, bytes, now_us) - now_us : 0;
}

/* Breadth first from the far end: the peer that is one hop nearer to it, for each node. */
static const struct peer **find_ways(const struct world *world, uint32_t to)
{
	const struct peer **ways = calloc(world->node_count, sizeof(const struct peer *));
	uint32_t *found = calloc(world->node_count, sizeof(*found)), count = 1;

	ensure(ways != NULL && found != NULL);
	found[0] = to;
	for (uint32_t i = 0; i < count; i++) {
		const struct node *node = &world->nodes[found[i]];

		for (uint32_t j = 0; j < node->peer_count; j++) {
			const struct peer *peer = &node->peers[j];

			if (peer->node == to || ways[peer->node] != NULL ||
				!net_can_connect(world, node, peer))
				continue;
			ways[peer->node] = &world->nodes[peer->node].peers[peer->number];
			found[count++] = peer->node;
		}
	}
	free(found);
	return ways;
}

uint64_t rate_send_far_us(struct world *world, struct node *node, uint32_t to, uint64_t bytes)
{
	uint64_t now_us = world_now_us(world), through_us = now_us;
	const struct peer **ways;

	if (world->options.rate_kbit == 0 || to == node->number)
		return 0;
	ways = find_ways(world, to);
	/* Packets follow each other: the last one is held up where the most is before it. */
	for (uint32_t at = node->number; ways[at] != NULL; at = ways[at]->node) {
		uint64_t us = send(world, &world->nodes[at], ways[at], bytes, now_us);

		through_us = us > through_us ? us : through_us;
	}
	free(ways);
	return through_us - now_us;
}

void rate_note_ready(struct world *world, struct node *node)
{
	struct world_spread *spread = &world->spread;

	if (world->options.rate_kbit == 0 || node->has_been_ready)
		return;
	node->has_been_ready = true;
	spread->us = world_now_us(world) - world->orders[0].posted_us;
	spread->bytes = 0;
	for (uint32_t i = 0; i < world->node_count; i++)
		spread->bytes += world->nodes[i].sent_bytes - world->nodes[i].sent_before;
}

void rate_begin(struct world *world)
{
	for (uint32_t i = 0; i < world->node_count; i++)
		world->nodes[i].sent_before = world->nodes[i].sent_bytes;
}
