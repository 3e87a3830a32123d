// SPDX-License-Identifier: AGPL-3.0-or-later
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"

void links_neighbour_up(struct agent *agent, uint32_t neighbour)
{
	agent->neighbours[neighbour].measure_ms =
		agent->now_ms + prng_roughly(&agent->prng, AGENT_MEASURE_FIRST_MS);
	agent->links_stale = true;
}

void links_measured(struct agent *agent, const struct event *event)
{
	struct neighbour *neighbour = &agent->neighbours[event->measured.neighbour];
	uint32_t kbit = event->measured.kbit;

	ensure(event->measured.neighbour < LIMITS_NEIGHBOURS_MAX);

	agent->measuring = false;
	/* Another one may have its number by now. */
	if (!neighbour->measuring)
		return;
	neighbour->measuring = false;
	neighbour->measure_ms =
		agent->now_ms +
		prng_roughly(&agent->prng, kbit > 0 ? AGENT_MEASURE_MS : AGENT_MEASURE_RETRY_MS);
	if (kbit == 0)
		return;
	neighbour->kbit = kbit < RECORD_KBIT_MAX ? kbit : RECORD_KBIT_MAX;
	agent->links_stale = true;
}

static void write_links(struct agent *agent)
{
	agent->links_stale = false;
	agent->links_next_ms = agent->now_ms + AGENT_LINKS_MS;
	agent->links[0] = '\0';
	for (uint32_t i = 0; i < agent->neighbours_end; i++) {
		const struct neighbour *neighbour = &agent->neighbours[i];

		if (neighbour->up && neighbour->kbit > 0)
			record_add_link(agent->links, neighbour->name, neighbour->kbit);
	}
}

/* During an upgrade the links have better to do. */
static void measure(struct agent *agent, uint32_t number)
{
	struct neighbour *neighbour = &agent->neighbours[number];
	struct action *action = NULL;

	if (!agent_active(agent))
		action = agent_act(agent, ACTION_MEASURE);
	if (action == NULL) {
		neighbour->measure_ms =
			agent->now_ms + prng_roughly(&agent->prng, AGENT_MEASURE_RETRY_MS);
		return;
	}
	action->measure.neighbour = number;
	neighbour->measuring = true;
	agent->measuring = true;
}

void links_think(struct agent *agent)
{
	for (uint32_t i = 0; i < agent->neighbours_end && !agent->measuring; i++) {
		const struct neighbour *neighbour = &agent->neighbours[i];

		if (neighbour->up && neighbour->name[0] != '\0' &&
			agent_is_due(agent, neighbour->measure_ms))
			measure(agent, i);
	}
	if (agent->links_stale && agent_is_due(agent, agent->links_next_ms))
		write_links(agent);
}
