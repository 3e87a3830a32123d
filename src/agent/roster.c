// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/text.h"

enum {
	/* A record's text escaped, two blobs and the member names. */
	ENVELOPE_SIZE_MAX = LIMITS_RECORD_SIZE * 6 + 512,
};

void roster_init(struct roster *roster)
{
	memset(roster, 0, sizeof(*roster));
}

static void free_entry(struct roster_entry *entry)
{
	free(entry->envelope);
	free(entry);
}

void roster_free(struct roster *roster)
{
	for (uint32_t i = 0; i < roster->count; i++)
		free_entry(roster->entries[i]);
	free(roster->entries);
	memset(roster, 0, sizeof(*roster));
}

/* Where `name` is, or would be. */
static uint32_t position_of(const struct roster *roster, const char *name, bool *found)
{
	uint32_t low = 0, high = roster->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(roster->entries[middle]->record.name, name);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = false;
	return low;
}

struct roster_entry *roster_find(const struct roster *roster, const char *name)
{
	bool found;
	uint32_t position = position_of(roster, name, &found);

	return found ? roster->entries[position] : NULL;
}

/* Room for one more entry, for this name. NULL if there is none. */
static struct roster_entry *add_entry(struct roster *roster, const char *name)
{
	bool found;
	uint32_t position = position_of(roster, name, &found);
	struct roster_entry **entries, *entry;

	ensure(!found);
	if (roster->count == LIMITS_NODES_MAX)
		return NULL;
	entries = realloc(roster->entries, (roster->count + 1) * sizeof(struct roster_entry *));
	if (entries == NULL)
		return NULL;
	roster->entries = entries;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	memmove(&roster->entries[position + 1], &roster->entries[position],
		(roster->count - position) * sizeof(struct roster_entry *));
	roster->entries[position] = entry;
	roster->count++;
	return entry;
}

bool roster_open(const struct roster_offer *offer, struct record *record, struct usign_public *key,
	char *problem, size_t capacity)
{
	struct json_reader reader;
	struct json_object *envelope = json_parse(&reader, offer->envelope, offer->envelope_size);
	char key_blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1];
	char signature_blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_signature signature;
	size_t text_size = 0;
	const char *text = json_get_string_view(&reader, envelope, "record", &text_size);
	bool ok = false;

	json_get_string(&reader, envelope, "key", key_blob, sizeof(key_blob));
	json_get_string(&reader, envelope, "signature", signature_blob, sizeof(signature_blob));
	if (json_ok(&reader) && text_size > LIMITS_RECORD_SIZE)
		json_fail(&reader, "record", "is too long");
	if (!json_ok(&reader)) {
		json_explain(&reader, problem, capacity);
	} else if (!usign_public_from_blob(key, key_blob)) {
		text_set(problem, capacity, "key is not a usign key");
	} else if (offer->pinned != NULL && !bytes_same_32(key->key, offer->pinned)) {
		text_set(problem, capacity, "key is not the one that the start order pins");
	} else if (!usign_signature_from_blob(&signature, signature_blob) ||
		   !usign_verify(key, &signature, text, text_size)) {
		text_set(problem, capacity, "signature does not fit");
	} else if (record_decode(record, text, text_size, offer->mesh, problem, capacity)) {
		ok = strcmp(record->name, offer->name) == 0;
		if (!ok)
			text_set(problem, capacity, "name is not the one it was sent under");
	}
	json_free(envelope);
	return ok;
}

static uint64_t expiry_of(const struct roster_offer *offer)
{
	int64_t ttl_s = offer->ttl_s;

	if (ttl_s < 1)
		ttl_s = 1;
	if (ttl_s > ROSTER_TTL_MAX_S)
		ttl_s = ROSTER_TTL_MAX_S;
	return offer->now_ms + (uint64_t)ttl_s * 1000;
}

bool roster_is_same(const struct roster_entry *entry, const struct roster_offer *offer)
{
	return entry->envelope_size == offer->envelope_size &&
	       memcmp(entry->envelope, offer->envelope, offer->envelope_size) == 0;
}

/* Replaces what the entry holds, or makes a new one. The envelope is copied first: nothing is lost
 * without memory. */
static struct roster_entry *put(struct roster *roster, struct roster_entry *entry,
	const char *envelope, size_t size, const struct record *record,
	const struct usign_public *key)
{
	char *copy = malloc(size);

	if (copy != NULL && entry == NULL)
		entry = add_entry(roster, record->name);
	if (copy == NULL || entry == NULL) {
		free(copy);
		return NULL;
	}
	memcpy(copy, envelope, size);
	free(entry->envelope);
	entry->envelope = copy;
	entry->envelope_size = size;
	entry->record = *record;
	entry->key = *key;
	entry->change = ++roster->change;
	return entry;
}

static bool drop_at(struct roster *roster, uint32_t position)
{
	free_entry(roster->entries[position]);
	roster->count--;
	memmove(&roster->entries[position], &roster->entries[position + 1],
		(roster->count - position) * sizeof(struct roster_entry *));
	return true;
}

enum roster_news roster_take(
	struct roster *roster, const struct roster_offer *offer, char *problem, size_t capacity)
{
	struct roster_entry *entry = roster_find(roster, offer->name);
	uint64_t expires_ms = expiry_of(offer);
	struct record record;
	struct usign_public key;
	enum roster_news news = ROSTER_REFUSED;
	bool known, rekeyed = false;
	int age = -1;

	if (entry != NULL && roster_is_same(entry, offer)) {
		if (expires_ms > entry->expires_ms)
			entry->expires_ms = expires_ms;
		return ROSTER_SAME;
	}
	if (offer->envelope_size > ENVELOPE_SIZE_MAX) {
		text_set(problem, capacity, "record is too long");
	} else if (roster_open(offer, &record, &key, problem, capacity)) {
		rekeyed = entry != NULL && !bytes_same_32(entry->key.key, key.key);
		if (rekeyed && offer->pinned == NULL) {
			text_set(problem, capacity, "name belongs to another key");
		} else {
			news = ROSTER_OLDER;
			age = entry != NULL && !rekeyed
				      ? record_compare_age(&record, &entry->record)
				      : 1;
		}
	}
	if (age == 0)
		return ROSTER_SAME;
	if (age < 0) {
		/* A plain peer keeps what has the larger TTL, senseless or older: outlive it. */
		if (entry != NULL && expires_ms >= entry->expires_ms)
			entry->expires_ms = expires_ms + (uint64_t)ROSTER_OUTBID_S * 1000;
		return news;
	}
	known = entry != NULL;
	entry = put(roster, entry, offer->envelope, offer->envelope_size, &record, &key);
	if (entry == NULL) {
		text_set(problem, capacity,
			!known && roster->count == LIMITS_NODES_MAX
				? "there is no room for more nodes"
				: "there is no memory for it");
		return ROSTER_REFUSED;
	}
	entry->moved = known && !rekeyed;
	entry->expires_ms = expires_ms;
	entry->seen_ms = offer->now_ms;
	entry->from = offer->from;
	return ROSTER_NEWS;
}

bool roster_put_own(struct roster *roster, const struct record *record, const char *mesh,
	const struct usign_secret *secret, uint64_t now_ms)
{
	char signed_text[LIMITS_RECORD_SIZE + 1];
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char envelope[LIMITS_RECORD_SIZE * 2 + 512];
	size_t size = record_encode(record, mesh, signed_text);
	struct roster_entry *entry = roster_find(roster, record->name);
	struct usign_signature signature;
	struct usign_public key;
	struct text text;

	usign_public_of(&key, secret);
	usign_sign(&signature, secret, signed_text, size);
	text_init(&text, envelope, sizeof(envelope));
	text_begin_object(&text);
	text_add_member_text(&text, "record", signed_text, size);
	usign_public_to_blob(blob, &key);
	text_add_member_string(&text, "key", blob);
	usign_signature_to_blob(blob, &signature);
	text_add_member_string(&text, "signature", blob);
	text_end_object(&text);
	/* Our own text holds printable characters only: quotes and backslashes double, no more. */
	ensure(!text_cut(&text));

	entry = put(roster, entry, envelope, text.size, record, &key);
	if (entry == NULL)
		return false;
	if (entry->expires_ms < now_ms + (uint64_t)ROSTER_TTL_S * 1000)
		entry->expires_ms = now_ms + (uint64_t)ROSTER_TTL_S * 1000;
	entry->seen_ms = now_ms;
	entry->from = UINT32_MAX;
	entry->moved = true;
	return true;
}

uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context)
{
	uint64_t next_ms = UINT64_MAX;

	for (uint32_t i = 0; i < roster->count;) {
		struct roster_entry *entry = roster->entries[i];

		if (entry->expires_ms > now_ms) {
			if (entry->expires_ms < next_ms)
				next_ms = entry->expires_ms;
			i++;
		} else if (keep(context, entry->record.name)) {
			i++;
		} else {
			drop_at(roster, i);
		}
	}
	return next_ms;
}

uint64_t roster_digest(const struct roster *roster)
{
	uint64_t digest = 0;

	for (uint32_t i = 0; i < roster->count; i++) {
		const struct record *record = &roster->entries[i]->record;
		uint64_t hash = UINT64_C(0xcbf29ce484222325);

		for (const char *c = record->name; *c != '\0'; c++)
			hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
		hash = prng_mix(hash ^ prng_mix(record->incarnation));
		digest += prng_mix(hash ^ prng_mix(record->sequence + 1));
	}
	return digest;
}
