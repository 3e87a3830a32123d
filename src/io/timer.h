/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_TIMER_H
#define IO_TIMER_H

/* What libevent's events, timers and others, are asked most often. */
#include <stdbool.h>
#include <stdint.h>

struct event;

/* Runs out after so long, anew if it runs already. False without memory. */
bool timer_start(struct event *timer, uint32_t ms);

void timer_free(struct event *event); /* NULL is fine */

#endif
