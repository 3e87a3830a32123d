/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_TIMER_H
#define IO_TIMER_H

/* What libevent's events, timers and others, are asked most often. */
#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

/* A loop whose times go to the microsecond, for all nodes are to flash at once. NULL without
 * memory. */
struct event_base *timer_new_base(void);

/* Runs out after so long, anew if it runs already. False without memory. */
bool timer_start(struct event *timer, uint32_t ms);

void timer_free(struct event *event); /* NULL is fine */

#endif
