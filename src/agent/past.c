// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/node.h"

const struct book_order *agent_orders(const struct agent *agent)
{
	return book_start(&agent->book);
}

uint32_t agent_hear(const struct agent *agent, uint32_t change, agent_heard *heard, void *context)
{
	const struct roster_entry *entry = NULL;

	while ((entry = roster_next(&agent->roster, entry, change)) != NULL) {
		const struct record *record = &entry->notice->record;
		const uint8_t *key = life_seat_key(agent, (uint16_t)entry->seat);

		if (key != NULL && bytes_same_32(entry->notice->key.key, key) &&
			upgrade_is_of(&agent->outlook.question, record))
			heard(context, entry->seat, record->state, record->reason);
	}
	return agent->roster.change;
}
