// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/roster.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

enum {
	SIZE_AT_FIRST = 16,
};

static_assert((int)LIMITS_PARTICIPANTS_MAX < (int)ROSTER_NO_SEAT, "a seat has 16 bits");

void roster_init(struct roster *roster)
{
	memset(roster, 0, sizeof(*roster));
}

void roster_free(struct roster *roster)
{
	for (uint32_t i = 0; i < roster->size; i++)
		notice_free(roster->places[i].notice);
	free(roster->places);
	free(roster->log);
	roster_init(roster);
}

/* ---- the table ---- */

/* Where the name is, or where it belongs. */
static uint32_t place_of(const struct roster *roster, const char *name, uint32_t hash)
{
	for (uint32_t place = hash;; place++) {
		const struct notice *notice;

		place &= roster->size - 1;
		notice = roster->places[place].notice;
		if (notice == NULL ||
			(notice->hash == hash && strcmp(notice->record.name, name) == 0))
			return place;
	}
}

struct roster_entry *roster_find(const struct roster *roster, const char *name)
{
	struct roster_entry *entry;

	if (roster->count == 0)
		return NULL;
	entry = &roster->places[place_of(roster, name, (uint32_t)notice_hash(name))];
	return entry->notice != NULL ? entry : NULL;
}

struct roster_entry *roster_newest(const struct roster *roster)
{
	return &roster->places[roster->newest];
}

struct roster_entry *roster_next(
	const struct roster *roster, const struct roster_entry *entry, uint32_t change)
{
	uint32_t from = entry != NULL ? entry->change : change;

	if (roster->change - change > roster->size) {
		/* The log has lost some of them: all are looked at. */
		uint32_t place = entry != NULL ? (uint32_t)(entry - roster->places) + 1 : 0;

		while (place < roster->size && roster->places[place].notice == NULL)
			place++;
		return place < roster->size ? &roster->places[place] : NULL;
	}
	while (from != roster->change) {
		struct roster_entry *next =
			&roster->places[roster->log[++from & (roster->size - 1)]];

		/* What has changed again since comes later. */
		if (next->notice != NULL && next->change == from)
			return next;
	}
	return NULL;
}

/* An entry into its place in a table that has none of this name. */
static void settle(struct roster *roster, const struct roster_entry *entry)
{
	uint32_t place = place_of(roster, entry->notice->record.name, entry->notice->hash);

	roster->places[place] = *entry;
	if (roster->change - entry->change < roster->size)
		roster->log[entry->change & (roster->size - 1)] = place;
	if (roster->change == entry->change)
		roster->newest = place;
}

/* Room for one more. False if there is none. */
static bool make_room(struct roster *roster)
{
	struct roster old = *roster;
	uint32_t size = old.size > 0 ? old.size * 2 : SIZE_AT_FIRST;

	if (old.count == LIMITS_NODES_MAX)
		return false;
	if ((old.count + 1) * 4 <= old.size * 3)
		return true;
	roster->places = calloc(size, sizeof(struct roster_entry));
	roster->log = calloc(size, sizeof(uint32_t));
	if (roster->places == NULL || roster->log == NULL) {
		free(roster->places);
		free(roster->log);
		*roster = old;
		return false;
	}
	roster->size = size;
	for (uint32_t i = 0; i < old.size; i++) {
		if (old.places[i].notice != NULL)
			settle(roster, &old.places[i]);
	}
	free(old.places);
	free(old.log);
	return true;
}

uint32_t roster_sender(uint32_t from)
{
	return from < LIMITS_NEIGHBOURS_MAX ? 1u << from : 0;
}

uint32_t roster_part(const struct notice *notice)
{
	return notice->hash % ROSTER_PARTS;
}

static void subtract(struct roster *roster, const struct notice *notice)
{
	roster->digest -= notice->digest;
	roster->parts[roster_part(notice)] -= (uint32_t)notice->digest;
}

/* Takes the notice over; false, and it still is the caller's, if there is no room. */
static bool put(struct roster *roster, const struct roster_entry *known, struct notice *notice)
{
	struct roster_entry entry = { .seat = ROSTER_NO_SEAT };

	if (known == NULL && !make_room(roster))
		return false;
	if (known == NULL) {
		roster->count++;
	} else {
		entry = *known;
		subtract(roster, entry.notice);
	}
	entry.notice = notice;
	entry.change = ++roster->change;
	roster->digest += notice->digest;
	roster->parts[roster_part(notice)] += (uint32_t)notice->digest;
	notice = known != NULL ? known->notice : NULL;
	settle(roster, &entry);
	notice_free(notice);
	return true;
}

/* ---- what comes ---- */

static uint32_t expiry_of(const struct notice_offer *offer)
{
	int64_t ttl_s = offer->ttl_s;

	if (ttl_s < 1)
		ttl_s = 1;
	if (ttl_s > ROSTER_TTL_MAX_S)
		ttl_s = ROSTER_TTL_MAX_S;
	return (uint32_t)(offer->now_ms / 1000 + (uint64_t)ttl_s);
}

bool roster_is_same(const struct roster_entry *entry, const struct notice_offer *offer)
{
	const struct notice *notice = entry->notice;

	return notice->envelope_size == offer->envelope_size &&
	       memcmp(notice->envelope, offer->envelope, offer->envelope_size) == 0;
}

enum roster_news roster_take(struct roster *roster, struct roster_entry *entry,
	const struct notice_offer *offer, char *problem, size_t capacity)
{
	uint32_t sender = roster_sender(offer->from);
	uint32_t expires_s = expiry_of(offer);
	enum roster_news news = ROSTER_SAME;
	struct notice *notice;
	bool known = entry != NULL, rekeyed;
	int age = 1;

	if (known && roster_is_same(entry, offer)) {
		entry->had |= sender;
		if (expires_s > entry->expires_s)
			entry->expires_s = expires_s;
		return ROSTER_SAME;
	}
	notice = notice_open(offer, problem, capacity);
	rekeyed =
		known && notice != NULL && !bytes_same_32(entry->notice->key.key, notice->key.key);
	if (rekeyed && offer->pinned == NULL)
		text_set(problem, capacity, "name belongs to another key");
	if (notice == NULL || (rekeyed && offer->pinned == NULL)) {
		news = ROSTER_REFUSED;
		age = -1;
	} else if (known && !rekeyed) {
		age = record_compare_age(&notice->record, &entry->notice->record);
		news = age < 0 ? ROSTER_OLDER : ROSTER_SAME;
	}
	if (age < 0 && known) {
		/* A plain peer keeps what has the larger TTL, senseless or older: outlive it. But a
		 * name that nobody renews goes to the other key in the end. */
		entry->had &= ~sender;
		if (expires_s >= entry->expires_s &&
			!(rekeyed && offer->now_ms / 1000 >= entry->seen_s + ROSTER_TTL_S))
			entry->expires_s = expires_s + ROSTER_OUTBID_S;
	} else if (age > 0 && !put(roster, entry, notice)) {
		text_set(problem, capacity, "there is no room for more nodes");
		news = ROSTER_REFUSED;
	} else if (age > 0) {
		entry = roster_newest(roster);
		entry->moved = known && !rekeyed;
		entry->expires_s = expires_s;
		entry->seen_s = (uint32_t)(offer->now_ms / 1000);
		entry->had = sender;
		return ROSTER_NEWS;
	}
	notice_free(notice);
	return news;
}

bool roster_put_own(struct roster *roster, const struct record *record, const char *mesh,
	const struct usign_secret *secret, uint64_t now_ms)
{
	struct notice *notice = notice_sign(record, mesh, secret);
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	struct roster_entry *entry;

	if (notice == NULL || !put(roster, roster_find(roster, record->name), notice)) {
		notice_free(notice);
		return false;
	}
	entry = roster_newest(roster);
	if (entry->expires_s < now_s + ROSTER_TTL_S)
		entry->expires_s = now_s + ROSTER_TTL_S;
	entry->seen_s = now_s;
	entry->had = 0;
	entry->moved = true;
	return true;
}

static void drop(struct roster *roster, uint32_t place)
{
	struct roster_entry entry = roster->places[place];

	subtract(roster, entry.notice);
	notice_free(entry.notice);
	roster->count--;
	/* Those behind it may belong further to the front. */
	roster->places[place].notice = NULL;
	for (;;) {
		place = (place + 1) & (roster->size - 1);
		entry = roster->places[place];
		if (entry.notice == NULL)
			break;
		roster->places[place].notice = NULL;
		settle(roster, &entry);
	}
}

uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context)
{
	uint32_t next_s = UINT32_MAX;

	for (uint32_t place = 0; place < roster->size;) {
		const struct roster_entry *entry = &roster->places[place];

		if (entry->notice == NULL) {
			place++;
		} else if (entry->expires_s > now_ms / 1000) {
			if (entry->expires_s < next_s)
				next_s = entry->expires_s;
			place++;
		} else if (keep(context, entry->notice->record.name)) {
			place++;
		} else {
			drop(roster, place);
		}
	}
	return next_s < UINT32_MAX ? (uint64_t)next_s * 1000 : UINT64_MAX;
}
