// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/queue.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

void queue_init(struct queue *queue)
{
	memset(queue, 0, sizeof(*queue));
}

void queue_free(struct queue *queue)
{
	free(queue->items);
	queue_init(queue);
}

static bool comes_before(const struct queue_item *a, const struct queue_item *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void queue_put(struct queue *queue, const struct queue_item *item)
{
	size_t at = queue->count++;

	if (at == queue->capacity) {
		queue->capacity = queue->capacity == 0 ? 16 : queue->capacity * 2;
		queue->items = realloc(queue->items, queue->capacity * sizeof(queue->items[0]));
		ensure(queue->items != NULL);
	}
	while (at > 0 && comes_before(item, &queue->items[(at - 1) / 2])) {
		queue->items[at] = queue->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	queue->items[at] = *item;
}

uint64_t queue_first_us(const struct queue *queue)
{
	return queue->count > 0 ? queue->items[0].at_us : QUEUE_NEVER;
}

void *queue_take(struct queue *queue)
{
	struct queue_item last;
	size_t at = 0;
	void *what;

	if (queue->count == 0)
		return NULL;
	what = queue->items[0].what;
	last = queue->items[--queue->count];
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < queue->count &&
			comes_before(&queue->items[child + 1], &queue->items[child]))
			child++;
		if (child >= queue->count || !comes_before(&queue->items[child], &last))
			break;
		queue->items[at] = queue->items[child];
		at = child;
	}
	queue->items[at] = last;
	return what;
}
