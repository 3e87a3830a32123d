/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

/*
 * What will happen, in the order of time, and within one microsecond in an order that the caller
 * gives. A heap: both calls cost a logarithm. Ends the program when there is no memory.
 */
#include <stddef.h>
#include <stdint.h>

#define QUEUE_NEVER UINT64_MAX

struct queue_item {
	uint64_t at_us;
	uint64_t order; /* no two items have the same moment and order */
	void *what;     /* the caller's */
};

struct queue {
	struct queue_item *items;
	size_t count, capacity;
};

void queue_init(struct queue *queue);
void queue_free(struct queue *queue); /* not what the items point to */

void queue_put(struct queue *queue, const struct queue_item *item);
uint64_t queue_first_us(const struct queue *queue); /* QUEUE_NEVER if it is empty */
void *queue_take(struct queue *queue);              /* what comes first; NULL if it is empty */

#endif
