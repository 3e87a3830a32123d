// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/graph.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "base/limits.h"

enum {
	PLACE_MAX = 1 << 20, /* a place is two numbers below that */
	NEAR_WANTED = 3,     /* links that a new node looks for */
};

static void add_link(struct graph *graph, uint32_t *degrees, uint32_t a, uint32_t b)
{
	if (degrees[a] == LIMITS_NEIGHBOURS_MAX || degrees[b] == LIMITS_NEIGHBOURS_MAX)
		return;
	degrees[a]++;
	degrees[b]++;
	graph->links[graph->link_count++] = (struct graph_link){ a, b };
}

static uint32_t root_of(uint32_t nodes)
{
	uint32_t root = 1;

	while ((root + 1) * (root + 1) <= nodes)
		root++;
	return root;
}

static uint64_t distance(const uint32_t (*places)[2], uint32_t a, uint32_t b)
{
	int64_t x = (int64_t)places[a][0] - places[b][0], y = (int64_t)places[a][1] - places[b][1];

	return (uint64_t)(x * x + y * y);
}

/* Every node links to the nearest of those before it: connected, and as uneven as a village. */
static void scatter(struct graph *graph, uint32_t *degrees, uint32_t nodes, struct prng *prng)
{
	uint32_t(*places)[2] = calloc(nodes, sizeof(*places));

	ensure(places != NULL);
	for (uint32_t i = 0; i < nodes; i++) {
		uint32_t wanted = i < NEAR_WANTED ? i : 1 + prng_below(prng, NEAR_WANTED);
		bool *taken = calloc(nodes, sizeof(*taken));

		ensure(taken != NULL);
		places[i][0] = prng_below(prng, PLACE_MAX);
		places[i][1] = prng_below(prng, PLACE_MAX);
		for (uint32_t link = 0; link < wanted; link++) {
			uint32_t best = UINT32_MAX;

			for (uint32_t j = 0; j < i; j++) {
				if (!taken[j] && degrees[j] < LIMITS_NEIGHBOURS_MAX &&
					(best == UINT32_MAX ||
						distance(places, i, j) < distance(places, i, best)))
					best = j;
			}
			if (best == UINT32_MAX)
				break;
			taken[best] = true;
			add_link(graph, degrees, best, i);
		}
		free(taken);
	}
	free(places);
}

void graph_make(struct graph *graph, enum options_shape shape, uint32_t nodes, struct prng *prng)
{
	uint32_t columns = root_of(nodes), *degrees = calloc(nodes, sizeof(*degrees));

	graph->link_count = 0;
	graph->links = calloc((size_t)nodes * NEAR_WANTED, sizeof(*graph->links));
	ensure(graph->links != NULL && degrees != NULL);
	if (shape == SHAPE_GEOMETRIC)
		scatter(graph, degrees, nodes, prng);
	for (uint32_t i = 1; i < nodes && shape != SHAPE_GEOMETRIC; i++) {
		if (shape == SHAPE_TREE)
			add_link(graph, degrees, (i - 1) / 2, i);
		if (shape == SHAPE_CHAIN || (shape == SHAPE_GRID && i % columns != 0))
			add_link(graph, degrees, i - 1, i);
		if (shape == SHAPE_GRID && i >= columns)
			add_link(graph, degrees, i - columns, i);
	}
	free(degrees);
}

uint32_t graph_farthest(const struct graph *graph, uint32_t nodes, uint32_t from)
{
	uint32_t *hops = calloc(nodes, sizeof(*hops)), farthest = from;
	bool more = true;

	ensure(hops != NULL);
	hops[from] = 1;
	for (uint32_t round = 1; more; round++) {
		more = false;
		for (uint32_t i = 0; i < graph->link_count; i++) {
			for (uint32_t end = 0; end < 2; end++) {
				uint32_t a = end ? graph->links[i].b : graph->links[i].a;
				uint32_t b = end ? graph->links[i].a : graph->links[i].b;

				if (hops[a] != round || hops[b] != 0)
					continue;
				hops[b] = round + 1;
				farthest = b;
				more = true;
			}
		}
	}
	free(hops);
	return farthest;
}

void graph_free(struct graph *graph)
{
	free(graph->links);
	graph->links = NULL;
}
