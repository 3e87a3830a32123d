// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/timer.h"

#include <stdlib.h>

#include <event2/event.h>

struct event_base *timer_new_base(void)
{
	/* As EVENT_BASE_FLAG_PRECISE_TIMER, and without a configuration of its own. */
	return setenv("EVENT_PRECISE_TIMER", "1", 1) == 0 ? event_base_new() : NULL;
}

bool timer_start(struct event *timer, uint32_t ms)
{
	const struct timeval after = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return event_add(timer, &after) == 0;
}

void timer_free(struct event *event)
{
	if (event != NULL)
		event_free(event);
}
