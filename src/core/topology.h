/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_TOPOLOGY_H
#define CORE_TOPOLOGY_H

/*
 * The mesh as a graph of nodes and measured links: whose loss would cut others off, and how long
 * images take to reach everybody. Nodes are numbers from 0 on; what they are called is the
 * caller's business.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topology_link {
	uint32_t a, b;       /* a < b */
	uint32_t kbit;       /* per second; at least 1 */
	uint64_t load_bytes; /* what topology_spread() sends over it */
};

struct topology_node {
	uint32_t group;  /* which nodes hang together */
	uint32_t parent; /* the link towards the source; UINT32_MAX if there is none */
};

/* Memory of the caller's, which fills all but link_count. */
struct topology {
	uint32_t node_count;
	uint32_t link_count;
	uint32_t link_capacity;
	struct topology_link *links; /* link_capacity of them */
	struct topology_node *nodes; /* node_count of them */
};

/* A link that both ends measured counts once, with what the slower of them saw. Left out if it
 * leads nowhere, or if there is no room for it. */
void topology_add_link(struct topology *topology, uint32_t a, uint32_t b, uint32_t kbit);

/* How many nodes that `from` reaches now it would not reach any more without `without`, which does
 * not count itself. */
uint32_t topology_count_cut_off(struct topology *topology, uint32_t from, uint32_t without);

/*
 * How images spread from `source`: over the fastest way to each node, each image once over each
 * link. topology_begin_spread() finds those ways and sorts the links, the fastest first;
 * topology_carry() takes `bytes` of one image to the nodes that want it, and returns how many of
 * them no link leads to; topology_duration_ms() is the time that the busiest link needs.
 */
void topology_begin_spread(struct topology *topology, uint32_t source);
uint32_t topology_carry(struct topology *topology, uint32_t source, uint64_t bytes,
	bool (*wants)(const void *context, uint32_t node), const void *context);
uint64_t topology_duration_ms(const struct topology *topology);

#endif
