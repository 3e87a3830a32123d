// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/topology.h"

#include <stdlib.h>

#include "base/ensure.h"

enum {
	NONE = UINT32_MAX,
};

void topology_add_link(struct topology *topology, uint32_t a, uint32_t b, uint32_t kbit)
{
	uint32_t low = a < b ? a : b, high = a < b ? b : a;

	if (low == high || high >= topology->node_count || kbit == 0)
		return;
	for (uint32_t i = 0; i < topology->link_count; i++) {
		struct topology_link *link = &topology->links[i];

		if (link->a == low && link->b == high) {
			link->kbit = link->kbit < kbit ? link->kbit : kbit;
			return;
		}
	}
	if (topology->link_count < topology->link_capacity)
		topology->links[topology->link_count++] =
			(struct topology_link){ .a = low, .b = high, .kbit = kbit };
}

/* ---- who hangs together ---- */

static void part(struct topology *topology)
{
	for (uint32_t i = 0; i < topology->node_count; i++)
		topology->nodes[i].group = i;
}

/* Every group is named by one of its nodes, whose own entry is itself. */
static uint32_t group_of(struct topology *topology, uint32_t node)
{
	struct topology_node *nodes = topology->nodes;

	ensure(node < topology->node_count);
	while (nodes[node].group != node) {
		nodes[node].group = nodes[nodes[node].group].group;
		node = nodes[node].group;
	}
	return node;
}

/* False if they were together already. */
static bool join(struct topology *topology, const struct topology_link *link)
{
	uint32_t a = group_of(topology, link->a), b = group_of(topology, link->b);

	topology->nodes[a].group = b;
	return a != b;
}

static uint32_t count_reached(struct topology *topology, uint32_t from, uint32_t without)
{
	uint32_t count = 0;

	part(topology);
	for (uint32_t i = 0; i < topology->link_count; i++) {
		const struct topology_link *link = &topology->links[i];

		if (link->a != without && link->b != without)
			(void)join(topology, link);
	}
	for (uint32_t i = 0; i < topology->node_count; i++)
		count += group_of(topology, i) == group_of(topology, from);
	return count;
}

uint32_t topology_count_cut_off(struct topology *topology, uint32_t from, uint32_t without)
{
	uint32_t all = count_reached(topology, from, NONE);
	bool reached = group_of(topology, without) == group_of(topology, from);

	if (!reached || without == from)
		return 0;
	return all - 1 - count_reached(topology, from, without);
}

/* ---- how images spread ---- */

static int faster_first(const void *a, const void *b)
{
	const struct topology_link *one = a, *other = b;

	return (one->kbit < other->kbit) - (one->kbit > other->kbit);
}

/* Turns the tree of the links that are used so that all of it points to `source`. */
static void hang_from(struct topology *topology, uint32_t source)
{
	bool more = true;

	for (uint32_t i = 0; i < topology->node_count; i++)
		topology->nodes[i].parent = NONE;
	while (more) {
		more = false;
		for (uint32_t i = 0; i < topology->link_count; i++) {
			const struct topology_link *link = &topology->links[i];
			bool a_hangs = link->a == source || topology->nodes[link->a].parent != NONE;
			bool b_hangs = link->b == source || topology->nodes[link->b].parent != NONE;

			if (link->load_bytes == 0 || a_hangs == b_hangs)
				continue;
			topology->nodes[a_hangs ? link->b : link->a].parent = i;
			more = true;
		}
	}
}

void topology_begin_spread(struct topology *topology, uint32_t source)
{
	ensure(source < topology->node_count);

	if (topology->link_count > 0)
		qsort(topology->links, topology->link_count, sizeof(topology->links[0]),
			faster_first);
	/* The tree of the fastest links has the fastest way to each node (Kruskal). */
	part(topology);
	for (uint32_t i = 0; i < topology->link_count; i++)
		topology->links[i].load_bytes = join(topology, &topology->links[i]);
	hang_from(topology, source);
	for (uint32_t i = 0; i < topology->link_count; i++)
		topology->links[i].load_bytes = 0;
}

uint32_t topology_carry(struct topology *topology, uint32_t source, uint64_t bytes,
	bool (*wants)(const void *context, uint32_t node), const void *context)
{
	uint32_t unreached = 0;

	/* Whoever has this image is in the source's group. */
	part(topology);
	for (uint32_t i = 0; i < topology->node_count; i++) {
		uint32_t node = i;

		if (!wants(context, i))
			continue;
		while (topology->nodes[node].group != source &&
			topology->nodes[node].parent != NONE) {
			struct topology_link *link = &topology->links[topology->nodes[node].parent];

			link->load_bytes += bytes;
			topology->nodes[node].group = source;
			node = link->a == node ? link->b : link->a;
		}
		unreached += topology->nodes[node].group != source;
	}
	return unreached;
}

uint64_t topology_duration_ms(const struct topology *topology)
{
	uint64_t longest_ms = 0;

	for (uint32_t i = 0; i < topology->link_count; i++) {
		const struct topology_link *link = &topology->links[i];
		uint64_t ms = link->load_bytes * 8 / link->kbit;

		if (ms > longest_ms)
			longest_ms = ms;
	}
	return longest_ms;
}
