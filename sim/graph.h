/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_GRAPH_H
#define SIM_GRAPH_H

/* Who hears whom: the shapes of meshes. Every node has at most LIMITS_NEIGHBOURS_MAX neighbours. */
#include <stdint.h>

#include "base/prng.h"
#include "sim/options.h"

struct graph_link {
	uint32_t a, b;
};

struct graph {
	uint32_t link_count;
	struct graph_link *links; /* owned */
};

/* Connected, whatever the shape. */
void graph_make(struct graph *graph, enum options_shape shape, uint32_t nodes, struct prng *prng);
/* A node that is as many hops away as any. */
uint32_t graph_farthest(const struct graph *graph, uint32_t nodes, uint32_t from);
void graph_free(struct graph *graph);

#endif
