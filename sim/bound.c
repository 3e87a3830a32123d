// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * How long it may take until every node that can boot is in one release or says why it is not, once
 * nothing breaks any more and nobody orders anything: docs/simulator.md has the sum, this its
 * terms.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "sim/world.h"

enum {
	DARK_S = 90,   /* who lost his power last has it again after so long (chaos.c) */
	RETRY_S = 50,  /* the longest pause after failed exchanges, and the one under way */
	HELLO_S = 6,   /* a hop: the next hello tells that there is news, and it comes */
	PLAIN_S = 40,  /* a hop from or to a plain peer: a round of either, or a look around */
	RESUME_S = 30, /* a daemon that restarts in a flash waits for the board, then goes on */
	BOOT_S = 8,    /* flash and boot (board.c) */
	EARLY_MS = 3000,
	EARLY_HOP_MS =
		250,  /* each hop takes a packet that was lost for a long way there and back */
	FETCH_S = 60, /* release and image, with a source or two that do not answer */
};

static uint32_t link_s(const struct world *world, const struct graph_link *link)
{
	bool plain = world->nodes[link->a].plain != NULL || world->nodes[link->b].plain != NULL;

	return plain ? PLAIN_S : HELLO_S;
}

/* When each node has heard what this one says, 0 for itself and those that are out of reach. */
static void spread(const struct world *world, uint32_t from, uint32_t *at_s)
{
	bool more = true;

	for (uint32_t i = 0; i < world->node_count; i++)
		at_s[i] = UINT32_MAX;
	at_s[from] = 0;
	while (more) {
		more = false;
		for (uint32_t i = 0; i < 2 * world->graph.link_count; i++) {
			const struct graph_link *link = &world->graph.links[i / 2];
			uint32_t a = i % 2 ? link->b : link->a, b = i % 2 ? link->a : link->b;

			if (world->nodes[a].gone || world->nodes[b].gone || at_s[a] == UINT32_MAX ||
				at_s[a] + link_s(world, link) >= at_s[b])
				continue;
			at_s[b] = at_s[a] + link_s(world, link);
			more = true;
		}
	}
	for (uint32_t i = 0; i < world->node_count; i++)
		at_s[i] = at_s[i] == UINT32_MAX ? 0 : at_s[i];
}

/* From whoever is farthest from a node that is there, to whoever is farthest from him. */
uint32_t bound_news_s(const struct world *world)
{
	uint32_t *at_s = calloc(world->node_count, sizeof(*at_s)), from = 0, widest_s = 0;

	ensure(at_s != NULL);
	while (from + 1 < world->node_count &&
		(world->nodes[from].gone || world->nodes[from].apart))
		from++;
	for (uint32_t sweep = 0; sweep < 2; sweep++) {
		spread(world, from, at_s);
		for (uint32_t i = 0; i < world->node_count; i++)
			from = at_s[i] > at_s[from] ? i : from;
		widest_s = at_s[from];
	}
	free(at_s);
	return widest_s;
}

uint32_t bound_settled_s(const struct world *world)
{
	const struct options *options = &world->options;
	uint32_t news_s = RETRY_S + bound_news_s(world);
	uint32_t flash_s = options->countdown_s + options->hold_s + RESUME_S + FETCH_S + BOOT_S;
	uint32_t catch_up_s = FETCH_S + BOOT_S + options->window_s;

	return DARK_S + news_s + flash_s + options->window_s + catch_up_s + BOOT_S + news_s;
}

uint32_t bound_early_ms(const struct world *world)
{
	const struct options *options = &world->options;

	return EARLY_MS + (options->loss + options->delay > 0
					  ? bound_news_s(world) / HELLO_S * EARLY_HOP_MS
					  : 0);
}
