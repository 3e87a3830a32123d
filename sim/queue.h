/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

/*
 * What will happen, in the order of time; what was put in first comes first within one microsecond.
 * A heap: both calls cost a logarithm. Ends the program when there is no memory.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue_item {
	uint64_t at_us;
	uint64_t order; /* set by queue_put() */
	void *what;     /* the caller's */
};

struct queue {
	struct queue_item *items;
	size_t count, capacity;
	uint64_t next_order;
};

void queue_init(struct queue *queue);
void queue_free(struct queue *queue); /* not what the items point to */

void queue_put(struct queue *queue, uint64_t at_us, void *what);
const struct queue_item *queue_first(const struct queue *queue); /* NULL if it is empty */
void *queue_take(struct queue *queue);                           /* what comes first */

#endif
