// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

enum {
	SLOTS_AT_FIRST = 16,
};

void roster_init(struct roster *roster)
{
	memset(roster, 0, sizeof(*roster));
}

void roster_free(struct roster *roster)
{
	while (roster->oldest != NULL) {
		struct roster_entry *entry = roster->oldest;

		roster->oldest = entry->newer;
		notice_free(entry->notice);
		free(entry);
	}
	free(roster->slots);
	roster_init(roster);
}

/* Where the name is, or where it belongs. */
static struct roster_entry **slot_of(const struct roster *roster, const char *name, uint32_t hash)
{
	for (uint32_t at = hash;; at++) {
		struct roster_entry **slot = &roster->slots[at & (roster->slot_count - 1)];

		if (*slot == NULL ||
			((*slot)->notice->hash == hash &&
				strcmp((*slot)->notice->record.name, name) == 0))
			return slot;
	}
}

struct roster_entry *roster_find(const struct roster *roster, const char *name)
{
	return roster->count > 0 ? *slot_of(roster, name, (uint32_t)notice_hash(name)) : NULL;
}

static void fill_slots(struct roster *roster)
{
	memset(roster->slots, 0, roster->slot_count * sizeof(struct roster_entry *));
	for (struct roster_entry *entry = roster->oldest; entry != NULL; entry = entry->newer)
		*slot_of(roster, entry->notice->record.name, entry->notice->hash) = entry;
}

/* At most half of the slots are taken. False if there is no memory for more. */
static bool make_slots(struct roster *roster)
{
	uint32_t slot_count = roster->slot_count > 0 ? roster->slot_count * 2 : SLOTS_AT_FIRST;
	struct roster_entry **slots;

	if (roster->count * 2 < roster->slot_count)
		return true;
	slots = realloc(roster->slots, slot_count * sizeof(struct roster_entry *));
	if (slots == NULL)
		return false;
	roster->slots = slots;
	roster->slot_count = slot_count;
	fill_slots(roster);
	return true;
}

static void append(struct roster *roster, struct roster_entry *entry)
{
	entry->older = roster->newest;
	entry->newer = NULL;
	if (roster->newest != NULL)
		roster->newest->newer = entry;
	else
		roster->oldest = entry;
	roster->newest = entry;
}

static void unlink_entry(struct roster *roster, struct roster_entry *entry)
{
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		roster->oldest = entry->newer;
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		roster->newest = entry->older;
}

/* A new entry with this notice. NULL if there is no room for it. */
static struct roster_entry *add_entry(struct roster *roster, struct notice *notice)
{
	struct roster_entry *entry;

	if (roster->count == LIMITS_NODES_MAX || !make_slots(roster))
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->notice = notice;
	entry->seat = UINT32_MAX;
	*slot_of(roster, notice->record.name, notice->hash) = entry;
	roster->count++;
	return entry;
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
static bool put(struct roster *roster, struct roster_entry *entry, struct notice *notice)
{
	if (entry == NULL) {
		entry = add_entry(roster, notice);
		if (entry == NULL)
			return false;
	} else {
		unlink_entry(roster, entry);
		subtract(roster, entry->notice);
		notice_free(entry->notice);
		entry->notice = notice;
	}
	roster->digest += notice->digest;
	roster->parts[roster_part(notice)] += (uint32_t)notice->digest;
	append(roster, entry);
	entry->change = ++roster->change;
	return true;
}

/* ---- what comes ---- */

static uint64_t expiry_of(const struct notice_offer *offer)
{
	int64_t ttl_s = offer->ttl_s;

	if (ttl_s < 1)
		ttl_s = 1;
	if (ttl_s > ROSTER_TTL_MAX_S)
		ttl_s = ROSTER_TTL_MAX_S;
	return offer->now_ms + (uint64_t)ttl_s * 1000;
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
	uint64_t expires_ms = expiry_of(offer);
	enum roster_news news = ROSTER_SAME;
	struct notice *notice;
	bool known = entry != NULL, rekeyed;
	int age = 1;

	if (known && roster_is_same(entry, offer)) {
		entry->had |= sender;
		if (expires_ms > entry->expires_ms)
			entry->expires_ms = expires_ms;
		return ROSTER_SAME;
	}
	notice = notice_open(offer, problem, capacity);
	if (notice == NULL)
		return ROSTER_REFUSED;
	rekeyed = known && !bytes_same_32(entry->notice->key.key, notice->key.key);
	if (known && !rekeyed)
		age = record_compare_age(&notice->record, &entry->notice->record);
	if (rekeyed && offer->pinned == NULL) {
		text_set(problem, capacity, "name belongs to another key");
		news = ROSTER_REFUSED;
	} else if (age < 0) {
		/* A plain peer keeps what has the larger TTL: outlive the older copy. */
		entry->had &= ~sender;
		if (expires_ms >= entry->expires_ms)
			entry->expires_ms = expires_ms + 1000;
		news = ROSTER_OLDER;
	} else if (age > 0 && !put(roster, entry, notice)) {
		text_set(problem, capacity, "there is no room for more nodes");
		news = ROSTER_REFUSED;
	} else if (age > 0) {
		entry = roster->newest;
		entry->moved = known && !rekeyed;
		entry->expires_ms = expires_ms;
		entry->seen_ms = offer->now_ms;
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
	struct roster_entry *entry;

	if (notice == NULL || !put(roster, roster_find(roster, record->name), notice)) {
		notice_free(notice);
		return false;
	}
	entry = roster->newest;
	if (entry->expires_ms < now_ms + (uint64_t)ROSTER_TTL_S * 1000)
		entry->expires_ms = now_ms + (uint64_t)ROSTER_TTL_S * 1000;
	entry->seen_ms = now_ms;
	entry->had = 0;
	entry->moved = true;
	return true;
}

static void drop(struct roster *roster, struct roster_entry *entry)
{
	unlink_entry(roster, entry);
	subtract(roster, entry->notice);
	roster->count--;
	notice_free(entry->notice);
	free(entry);
}

uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context)
{
	uint64_t next_ms = UINT64_MAX;
	bool dropped = false;

	for (struct roster_entry *entry = roster->oldest, *newer; entry != NULL; entry = newer) {
		newer = entry->newer;
		if (entry->expires_ms > now_ms) {
			if (entry->expires_ms < next_ms)
				next_ms = entry->expires_ms;
		} else if (!keep(context, entry->notice->record.name)) {
			/* Its slot and those after it are found anew: this is rare. */
			dropped = true;
			drop(roster, entry);
		}
	}
	if (dropped)
		fill_slots(roster);
	return next_ms;
}
