// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/timer.h"

#include <stddef.h>

#include <event2/event.h>

struct event_base *timer_new_base(void)
{
	struct event_config *event_config = event_config_new();
	struct event_base *base = NULL;

	if (event_config == NULL)
		return NULL;
	(void)event_config_set_flag(event_config, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(event_config);
	event_config_free(event_config);
	return base;
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
