// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/lanes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/ensure.h"

enum {
	CACHE_LINE = 64,
	LOOKS_AWAKE = 4000, /* some 20 to 80 microseconds: what waking somebody costs */
	WAKE_MIN = 8,       /* shorter lists are done before anybody is awake */
	/* Parts of the state; above them is the number of the list */
	JOINED_MASK = 0xff, /* threads that are at work on it */
	OPEN = 0x100,       /* others may join in */
	LIST = 0x200,
};

/* The part of the list with which a lane begins. */
struct part {
	_Alignas(CACHE_LINE) _Atomic uint32_t next; /* that nobody took yet */
	uint32_t end;
};

struct lane {
	struct lanes *lanes;
	uint32_t number;
	pthread_t thread;
};

struct lanes {
	struct part parts[LANES_MAX];
	_Alignas(CACHE_LINE) _Atomic uint64_t state;
	_Atomic bool over;
	_Atomic uint32_t sleepers; /* threads that wait for a list */
	_Atomic bool waits;        /* lane 0 sleeps until all have left it */
	pthread_mutex_t mutex;
	pthread_cond_t wanted, left;
	uint32_t count;
	lanes_task task;
	void *context;
	struct lane lanes[LANES_MAX];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* First its own part, then what the others have not come to in theirs. */
static void work(struct lanes *lanes, uint32_t number)
{
	for (uint32_t i = 0; i < lanes->count; i++) {
		struct part *part = &lanes->parts[(number + i) % lanes->count];
		uint32_t item;

		while ((item = atomic_fetch_add_explicit(&part->next, 1, memory_order_relaxed)) <
			part->end)
			lanes->task(lanes->context, number, item);
	}
}

/* ---- those who join in ---- */

static bool is_news(struct lanes *lanes, uint64_t seen)
{
	uint64_t state = atomic_load(&lanes->state);

	return ((state & OPEN) != 0 && state / LIST != seen) || atomic_load(&lanes->over);
}

static void wait_for_list(struct lanes *lanes, uint64_t seen)
{
	for (uint32_t i = 0; i < LOOKS_AWAKE; i++) {
		if (is_news(lanes, seen))
			return;
		relax();
	}
	(void)pthread_mutex_lock(&lanes->mutex);
	atomic_fetch_add(&lanes->sleepers, 1);
	while (!is_news(lanes, seen))
		(void)pthread_cond_wait(&lanes->wanted, &lanes->mutex);
	atomic_fetch_sub(&lanes->sleepers, 1);
	(void)pthread_mutex_unlock(&lanes->mutex);
}

static void leave(struct lanes *lanes)
{
	uint64_t state = atomic_fetch_sub(&lanes->state, 1) - 1;

	if ((state & (OPEN | JOINED_MASK)) != 0 || !atomic_load(&lanes->waits))
		return;
	(void)pthread_mutex_lock(&lanes->mutex);
	(void)pthread_cond_signal(&lanes->left);
	(void)pthread_mutex_unlock(&lanes->mutex);
}

static void *live(void *argument)
{
	const struct lane *lane = argument;
	struct lanes *lanes = lane->lanes;
	uint64_t seen = 0;

	for (;;) {
		uint64_t state;

		wait_for_list(lanes, seen);
		if (atomic_load(&lanes->over))
			return NULL;
		state = atomic_load(&lanes->state);
		if ((state & OPEN) == 0 ||
			!atomic_compare_exchange_strong(&lanes->state, &state, state + 1))
			continue;
		seen = state / LIST;
		work(lanes, lane->number);
		leave(lanes);
	}
}

/* ---- who calls ---- */

static void wake(struct lanes *lanes)
{
	(void)pthread_mutex_lock(&lanes->mutex);
	(void)pthread_cond_broadcast(&lanes->wanted);
	(void)pthread_mutex_unlock(&lanes->mutex);
}

/* Nobody joins in any more, and who did has done his last item. */
static void wait_until_left(struct lanes *lanes)
{
	for (uint32_t i = 0; i < LOOKS_AWAKE; i++) {
		if ((atomic_load(&lanes->state) & JOINED_MASK) == 0)
			return;
		relax();
	}
	(void)pthread_mutex_lock(&lanes->mutex);
	atomic_store(&lanes->waits, true);
	while ((atomic_load(&lanes->state) & JOINED_MASK) != 0)
		(void)pthread_cond_wait(&lanes->left, &lanes->mutex);
	atomic_store(&lanes->waits, false);
	(void)pthread_mutex_unlock(&lanes->mutex);
}

void lanes_share(struct lanes *lanes, uint32_t count)
{
	uint64_t list = atomic_load(&lanes->state) / LIST + 1;

	for (uint32_t i = 0; i < lanes->count; i++) {
		struct part *part = &lanes->parts[i];

		atomic_store_explicit(&part->next, (uint32_t)((uint64_t)count * i / lanes->count),
			memory_order_relaxed);
		part->end = (uint32_t)((uint64_t)count * (i + 1) / lanes->count);
	}
	atomic_store(&lanes->state, list * LIST | OPEN);
	if (count >= WAKE_MIN && atomic_load(&lanes->sleepers) > 0)
		wake(lanes);
	work(lanes, 0);
	atomic_fetch_and(&lanes->state, ~(uint64_t)OPEN);
	wait_until_left(lanes);
}

/* ---- their life ---- */

struct lanes *lanes_open(uint32_t count, lanes_task task, void *context)
{
	struct lanes *lanes = aligned_alloc(CACHE_LINE, sizeof(*lanes));

	ensure(lanes != NULL && count >= 1 && count <= LANES_MAX);
	*lanes = (struct lanes){ .count = count, .task = task, .context = context };
	ensure(pthread_mutex_init(&lanes->mutex, NULL) == 0 &&
		pthread_cond_init(&lanes->wanted, NULL) == 0 &&
		pthread_cond_init(&lanes->left, NULL) == 0);
	for (uint32_t i = 1; i < count; i++) {
		struct lane *lane = &lanes->lanes[i];

		*lane = (struct lane){ .lanes = lanes, .number = i };
		ensure(pthread_create(&lane->thread, NULL, live, lane) == 0);
	}
	return lanes;
}

void lanes_close(struct lanes *lanes)
{
	if (lanes == NULL)
		return;
	atomic_store(&lanes->over, true);
	wake(lanes);
	for (uint32_t i = 1; i < lanes->count; i++)
		(void)pthread_join(lanes->lanes[i].thread, NULL);
	(void)pthread_cond_destroy(&lanes->wanted);
	(void)pthread_cond_destroy(&lanes->left);
	(void)pthread_mutex_destroy(&lanes->mutex);
	free(lanes);
}
