// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/measure.h"

#include <stdio.h>

#include "io/clock.h"

enum {
	DEADLINE_MS = 30000,
};

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	struct event event = { .kind = EVENT_MEASURED };
	uint64_t took_ms = clock_now_ms() - token / LIMITS_NEIGHBOURS_MAX;

	event.measured.neighbour = token % LIMITS_NEIGHBOURS_MAX;
	/* Bits in a millisecond are kbit in a second. */
	if (result->outcome == HTTP_CAME)
		event.measured.kbit = (uint32_t)(result->size * 8 / (took_ms > 0 ? took_ms : 1));
	node_step(context, &event);
}

void measure_run(struct node *node, const struct action *action, const char *base)
{
	struct event event = { .kind = EVENT_MEASURED };
	uint32_t neighbour = action->measure.neighbour;
	char url[LIMITS_URL_SIZE + 1];
	const struct http_fetch fetch = {
		.url = url,
		.size = MEASURE_SIZE,
		.deadline_ms = DEADLINE_MS,
		.group = MEASURE_FETCH_GROUP,
		.done = on_done,
		.context = node,
		.token = clock_now_ms() * LIMITS_NEIGHBOURS_MAX + neighbour,
	};

	if (base != NULL) {
		snprintf(url, sizeof(url), "%s/v1/probe", base);
		if (http_client_get(node->client, &fetch))
			return;
	}
	event.measured.neighbour = neighbour;
	node_step_later(node, &event);
}
