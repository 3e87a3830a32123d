/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_PLAIN_H
#define SIM_PLAIN_H

/*
 * A node that runs shared-state-async and no Lockstep: it says no hello, exchanges each type with
 * each neighbour every 30 s, one after the other, always with all that it has, merges and ages by
 * shared-state's own rules (src/gossip/store.h), and writes other blanks than it read. It takes no
 * part in an upgrade; orders and records pass through it. Lockstep's types are registered there.
 */
#include "gossip/store.h"
#include "sim/world.h"

enum { PLAIN_TYPES = 2 };

struct plain {
	bool up;
	struct store stores[PLAIN_TYPES];
	uint64_t since_us; /* its seconds begin then */
	uint64_t aged_us;  /* and were counted up to then */
	uint32_t cursor;   /* in the round under way */
};

void plain_start(struct world *world, struct node *node);
void plain_stop(struct node *node);

/* The next exchange of a round, or the next round. */
void plain_turn(struct world *world, struct node *node);

void plain_merge(struct world *world, struct node *node, const struct happening *push);
/* All that it has of a type; to be freed. */
char *plain_slice(struct world *world, struct node *node, const char *type, size_t *size);

/* A Lockstep node's discover program has run: which plain peers are there? */
void plain_discover(struct world *world, struct node *node);

/* Nobody outbids what a stranger pinned for ages: peace begins without it, and what was under way
 * then does not bring it back. */
void plain_unpin(struct world *world);

#endif
