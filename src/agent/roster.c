// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/roster.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

enum {
	ROOM_STEP = 16, /* room is a multiple of it, and grows by about an eighth */
	INDEX_SIZE = sizeof(uint16_t) + sizeof(uint32_t) + 1, /* for each entry: a place in the log,
								 and 5/4 cells */
};

static_assert((int)LIMITS_PARTICIPANTS_MAX < (int)ROSTER_NO_SEAT, "a seat has 16 bits");
static_assert((int)LIMITS_NODES_MAX < UINT16_MAX, "an entry's number has 16 bits");
static_assert((int)LIMITS_NODES_MAX % ROOM_STEP == 0, "the last room is a multiple, too");

void roster_init(struct roster *roster)
{
	memset(roster, 0, sizeof(*roster));
}

void roster_free(struct roster *roster)
{
	for (uint32_t i = 0; i < roster->count; i++)
		notice_free(roster->entries[i].notice);
	free(roster->entries);
	roster_init(roster);
}

/* ---- by name ---- */

/*
 * Cells are probed one after the other, from where the hash belongs: in the upper half of one is
 * the end of the hash, in the lower the number of the entry, from 1 on; 0 is an empty one.
 */
static uint32_t cell_count(const struct roster *roster)
{
	return roster->room / 4 * 5;
}

static uint32_t home_of(const struct roster *roster, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * cell_count(roster) >> 32);
}

/* The next cell, round and round. */
static uint32_t step_on(const struct roster *roster, uint32_t cell)
{
	return cell + 1 < cell_count(roster) ? cell + 1 : 0;
}

static void set_cell(struct roster *roster, uint32_t number)
{
	uint32_t hash = roster->entries[number].notice->hash, cell = home_of(roster, hash);

	while (roster->cells[cell] != 0)
		cell = step_on(roster, cell);
	roster->cells[cell] = hash << 16 | (number + 1);
}

struct roster_entry *roster_find(const struct roster *roster, const char *name)
{
	uint32_t hash = (uint32_t)notice_hash(name), cell = home_of(roster, hash), value;
	struct roster_entry *entry;

	if (roster->count == 0)
		return NULL;
	while ((value = roster->cells[cell]) != 0) {
		entry = &roster->entries[(value & UINT16_MAX) - 1];
		if (value >> 16 == (hash & UINT16_MAX) &&
			strcmp(entry->notice->record.name, name) == 0)
			return entry;
		cell = step_on(roster, cell);
	}
	return NULL;
}

/* ---- by change ---- */

struct roster_entry *roster_newest(const struct roster *roster)
{
	return &roster->entries[roster->newest];
}

/* How many changes ago it came; the end of that number. */
static uint16_t age_of(const struct roster *roster, const struct roster_entry *entry)
{
	return (uint16_t)(roster->change - entry->change);
}

/* Where the log tells of it. */
static uint16_t *told_at(const struct roster *roster, const struct roster_entry *entry)
{
	return &roster->log[(roster->change - age_of(roster, entry)) % roster->room];
}

bool roster_changed(const struct roster *roster, const struct roster_entry *entry, uint32_t change)
{
	uint32_t span = roster->change - change;

	return span > UINT16_MAX || age_of(roster, entry) < span;
}

struct roster_entry *roster_next(
	const struct roster *roster, const struct roster_entry *entry, uint32_t change)
{
	uint32_t span = roster->change - change, number;

	if (span <= roster->room) {
		if (entry != NULL)
			span = age_of(roster, entry);
		while (span > 0) {
			change = roster->change - --span;
			number = roster->log[change % roster->room];
			/* What has changed again since comes later. */
			if (number < roster->count &&
				roster->entries[number].change == (uint16_t)change)
				return &roster->entries[number];
		}
		return NULL;
	}
	/* The log has lost some of them: all are looked at. */
	number = entry != NULL ? (uint32_t)(entry - roster->entries) + 1 : 0;
	while (number < roster->count && !roster_changed(roster, &roster->entries[number], change))
		number++;
	return number < roster->count ? &roster->entries[number] : NULL;
}

/*
 * Cells and log anew. A record that has been the newest of its name for 65,536 changes seems to be
 * a younger one: it may push that out of the log, which digests then tell.
 */
static void index_all(struct roster *roster)
{
	memset(roster->cells, 0, cell_count(roster) * sizeof(roster->cells[0]));
	for (uint32_t i = 0; i < roster->count; i++) {
		set_cell(roster, i);
		if (age_of(roster, &roster->entries[i]) < roster->room)
			*told_at(roster, &roster->entries[i]) = (uint16_t)i;
	}
}

/* Room for one more. False if there is none. */
static bool make_room(struct roster *roster)
{
	struct roster old = *roster;

	if (old.count < old.room)
		return true;
	if (old.room == LIMITS_NODES_MAX)
		return false;
	roster->room += (old.room / 128 + 1) * ROOM_STEP;
	if (roster->room > LIMITS_NODES_MAX)
		roster->room = LIMITS_NODES_MAX;
	roster->entries = calloc(roster->room, sizeof(struct roster_entry) + INDEX_SIZE);
	if (roster->entries == NULL) {
		*roster = old;
		return false;
	}
	roster->cells = (uint32_t *)(roster->entries + roster->room);
	roster->log = (uint16_t *)(roster->cells + cell_count(roster));
	for (uint32_t i = 0; i < old.count; i++)
		roster->entries[i] = old.entries[i];
	index_all(roster);
	free(old.entries);
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
static bool put(struct roster *roster, struct roster_entry *entry, struct notice *notice)
{
	bool known = entry != NULL;

	if (known) {
		subtract(roster, entry->notice);
		notice_free(entry->notice);
	} else if (make_room(roster)) {
		entry = &roster->entries[roster->count];
		*entry = (struct roster_entry){ .seat = ROSTER_NO_SEAT };
	} else {
		return false;
	}
	roster->newest = (uint32_t)(entry - roster->entries);
	entry->notice = notice;
	entry->change = (uint16_t)++roster->change;
	*told_at(roster, entry) = (uint16_t)roster->newest;
	roster->digest += notice->digest;
	roster->parts[roster_part(notice)] += (uint32_t)notice->digest;
	if (!known)
		set_cell(roster, roster->count++);
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

uint32_t roster_expires_s(const struct roster_entry *entry)
{
	return entry->seen_s + entry->lasts_s;
}

void roster_extend(struct roster_entry *entry, uint32_t expires_s)
{
	uint32_t lasts_s = expires_s - entry->seen_s;

	if (expires_s > roster_expires_s(entry))
		entry->lasts_s = (uint16_t)(lasts_s < UINT16_MAX ? lasts_s : UINT16_MAX);
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

	if (known && notice_is_same(entry->notice, offer)) {
		entry->had |= sender;
		roster_extend(entry, expires_s);
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
		if (expires_s >= roster_expires_s(entry) &&
			!(rekeyed && offer->now_ms / 1000 >= entry->seen_s + ROSTER_TTL_S))
			roster_extend(entry, expires_s + ROSTER_OUTBID_S);
	} else if (age > 0 && !put(roster, entry, notice)) {
		text_set(problem, capacity, "there is no room for more nodes");
		news = ROSTER_REFUSED;
	} else if (age > 0) {
		entry = roster_newest(roster);
		entry->moved = known && !rekeyed;
		entry->seen_s = (uint32_t)(offer->now_ms / 1000);
		entry->lasts_s = (uint16_t)(expires_s - entry->seen_s);
		entry->had = sender;
		return ROSTER_NEWS;
	}
	notice_free(notice);
	return news;
}

bool roster_put_own(struct roster *roster, const struct record_whole *record, const char *mesh,
	const struct usign_secret *secret, uint64_t now_ms)
{
	struct notice *notice = notice_sign(record, mesh, secret);
	uint32_t now_s = (uint32_t)(now_ms / 1000), expires_s;
	struct roster_entry *entry;

	if (notice == NULL || !put(roster, roster_find(roster, record->record.name), notice)) {
		notice_free(notice);
		return false;
	}
	entry = roster_newest(roster);
	expires_s = roster_expires_s(entry);
	entry->seen_s = now_s;
	entry->lasts_s = ROSTER_TTL_S;
	roster_extend(entry, expires_s);
	entry->had = 0;
	entry->moved = true;
	return true;
}

uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context)
{
	uint32_t next_s = UINT32_MAX, number = 0, count = roster->count;

	while (number < roster->count) {
		struct roster_entry *entry = &roster->entries[number];
		uint32_t expires_s = roster_expires_s(entry);

		if (expires_s > now_ms / 1000) {
			if (expires_s < next_s)
				next_s = expires_s;
		} else if (!keep(context, entry->notice->record.name)) {
			/* The last one takes its place. */
			subtract(roster, entry->notice);
			notice_free(entry->notice);
			*entry = roster->entries[--roster->count];
			continue;
		}
		number++;
	}
	if (roster->count < count)
		index_all(roster);
	roster->gone += count - roster->count;
	return next_s < UINT32_MAX ? (uint64_t)next_s * 1000 : UINT64_MAX;
}
