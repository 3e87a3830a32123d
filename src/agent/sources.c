// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"

const struct order_start *sources_start(const struct agent *agent)
{
	const struct book_order *start = book_start(&agent->book);

	ensure(start != NULL);
	return &start->order.start;
}

uint32_t sources_neighbour_named(const struct agent *agent, const char *name)
{
	for (uint32_t i = 0; i < agent->neighbours_end; i++) {
		if (agent->neighbours[i].up && strcmp(agent->neighbours[i].name, name) == 0)
			return i;
	}
	return AGENT_PEER_NONE;
}

/* A neighbour of another board has no use for our image: it is not asked, unless it has them all.
 */
bool sources_neighbour_may_help(const struct agent *agent, uint32_t neighbour)
{
	const struct roster_entry *entry;

	if (!agent->neighbours[neighbour].up || agent->neighbours[neighbour].host)
		return false;
	entry = roster_find(&agent->roster, agent->neighbours[neighbour].name);
	return entry == NULL || entry->notice->record.source ||
	       strcmp(entry->notice->record.board, agent->setup.board) == 0;
}

bool sources_has_whole_image(const struct agent *agent, const struct record *record)
{
	const struct order *order = &book_start(&agent->book)->order;

	return record->source ||
	       (record->epoch == order->epoch &&
		       memcmp(record->upgrade, order->upgrade, ORDER_UPGRADE_SIZE) == 0 &&
		       strcmp(record->board, agent->setup.board) == 0 &&
		       (record->state == STATE_UPGRADE_READY ||
			       record->state == STATE_UPGRADE_SCHEDULED));
}

/* Round and round. */
static const struct roster_entry *next_of(
	const struct roster *roster, const struct roster_entry *entry)
{
	entry = roster_next(roster, entry, 0);
	return entry != NULL ? entry : roster_next(roster, NULL, 0);
}

/*
 * Nodes further away that can give the whole image: up to AGENT_FAR_MAX of them, from a random
 * place on, so that not everybody asks the same one. Sources first.
 */
void sources_choose_far(struct agent *agent, char names[AGENT_FAR_MAX][LIMITS_NAME_SIZE + 1])
{
	const struct roster *roster = &agent->roster;
	const struct roster_entry *entry = NULL;
	uint32_t chosen = 0;

	memset(names, 0, AGENT_FAR_MAX * sizeof(names[0]));
	for (uint32_t i = roster->count > 0 ? prng_below(&agent->prng, roster->count) : 0; i > 0;
		i--)
		entry = next_of(roster, entry);
	for (uint32_t sources = 0; sources < 2; sources++) {
		for (uint32_t i = 0; i < roster->count && chosen < AGENT_FAR_MAX; i++) {
			const struct record *record;

			entry = next_of(roster, entry);
			record = &entry->notice->record;
			if (record->source != (sources == 0) || record->address[0] == '\0' ||
				strcmp(record->name, agent->setup.name) == 0 ||
				sources_neighbour_named(agent, record->name) != AGENT_PEER_NONE ||
				!sources_has_whole_image(agent, record))
				continue;
			text_set(names[chosen++], LIMITS_NAME_SIZE + 1, record->name);
		}
	}
}

static bool far_source(const struct agent *agent, const char *name, struct agent_source *source)
{
	const struct roster_entry *entry = roster_find(&agent->roster, name);

	if (entry == NULL || entry->notice->record.address[0] == '\0')
		return false;
	snprintf(source->url, sizeof(source->url), "http://%s", entry->notice->record.address);
	return true;
}

/* URL peers: those that the image names, then the release's own places. */
bool sources_url(const struct agent *agent, uint32_t index, struct agent_source *source)
{
	const struct image *image = &agent->download.image;
	const struct order_start *start = sources_start(agent);
	int size;

	if (index < image->url_count) {
		text_set(source->url, sizeof(source->url), image->urls[index]);
		return true;
	}
	index -= image->url_count;
	if (index >= start->url_count)
		return false;
	size = snprintf(source->url, sizeof(source->url), "%s%s", start->urls[index], image->file);
	return (size_t)size < sizeof(source->url);
}

bool sources_peer(const struct agent *agent, uint32_t peer, struct agent_source *source)
{
	source->peer = peer;
	source->url[0] = '\0';
	if (peer <= AGENT_PEER_LOCAL)
		return true;
	if (peer < AGENT_PEER_FAR + AGENT_FAR_MAX)
		return far_source(agent, agent->download.far_names[peer - AGENT_PEER_FAR], source);
	return sources_url(agent, peer - AGENT_PEER_URL, source);
}

/* In the order of nearness: the directory here, neighbours, nodes further away, URLs. */
bool sources_release(struct agent *agent, uint32_t cursor, struct agent_source *source)
{
	const struct order_start *start = sources_start(agent);
	uint32_t peer = cursor == 0 ? AGENT_PEER_LOCAL : cursor;

	if (cursor > 0 && cursor <= LIMITS_NEIGHBOURS_MAX)
		peer = cursor - 1;
	if (peer < LIMITS_NEIGHBOURS_MAX &&
		(!agent->neighbours[peer].up || agent->neighbours[peer].host))
		return false;
	if (peer == AGENT_PEER_FAR)
		sources_choose_far(agent, agent->download.far_names);
	if (peer < AGENT_PEER_URL)
		return sources_peer(agent, peer, source);
	if (peer - AGENT_PEER_URL >= start->url_count)
		return false;
	source->peer = peer;
	text_set(source->url, sizeof(source->url), start->urls[peer - AGENT_PEER_URL]);
	return true;
}

void sources_describe(const struct agent *agent, uint32_t peer, char *text, size_t capacity)
{
	const char *name = "the directory on this machine";
	struct agent_source source;

	if (peer < LIMITS_NEIGHBOURS_MAX) {
		name = agent->neighbours[peer].name;
		if (name[0] == '\0') {
			snprintf(text, capacity, "neighbour %" PRIu32, peer);
			return;
		}
	} else if (peer >= AGENT_PEER_FAR && peer < AGENT_PEER_FAR + AGENT_FAR_MAX) {
		name = agent->download.far_names[peer - AGENT_PEER_FAR];
	} else if (peer != AGENT_PEER_LOCAL && sources_peer(agent, peer, &source)) {
		name = source.url;
	}
	text_set(text, capacity, name);
}
