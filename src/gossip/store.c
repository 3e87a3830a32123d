// SPDX-License-Identifier: AGPL-3.0-or-later
#include "gossip/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "gossip/same.h"

struct store_entry {
	int64_t ttl_s;
	int64_t seen_ttl_s; /* the highest that anybody offered for the key, aged as well */
	uint32_t message;   /* the message that it was met in last */
	bool mine;          /* set by store_put() */
	size_t written;     /* bytes that it takes in a message */
	const char *author; /* in `bytes`, as is data */
	const char *data;
	size_t data_size;
	char bytes[]; /* key, NUL, author, NUL, data */
};

enum { STORE_FRAME_SIZE = sizeof("{\"stateSlice\":[]}") - 1 };

void store_init(struct store *store)
{
	*store = (struct store){ 0 };
}

void store_free(struct store *store)
{
	for (uint32_t i = 0; i < store->entry_count; i++)
		free(store->entries[i]);
	free(store->entries);
	store_init(store);
}

/* With a comma. A TTL may shrink and grow while an entry lies here: it counts with the longest it
 * can have. */
static size_t written_size(const struct slice_entry *entry)
{
	struct text text;

	text_init(&text, NULL, 0);
	slice_write_entry(
		&text, entry->key, entry->author, INT64_MIN, entry->data, entry->data_size);
	return text.size + 1;
}

/* NULL if there is no memory: the entry is then not taken, and the next exchange brings it again.
 */
static struct store_entry *make_entry(
	const struct slice_entry *from, size_t written, uint32_t message, bool mine)
{
	size_t key_size = strlen(from->key) + 1, author_size = strlen(from->author) + 1;
	struct store_entry *entry =
		malloc(sizeof(*entry) + key_size + author_size + from->data_size);

	if (entry == NULL)
		return NULL;
	*entry = (struct store_entry){
		.ttl_s = from->ttl_s,
		.seen_ttl_s = from->ttl_s,
		.message = message,
		.mine = mine,
		.written = written,
		.author = entry->bytes + key_size,
		.data = entry->bytes + key_size + author_size,
		.data_size = from->data_size,
	};
	memcpy(entry->bytes, from->key, key_size);
	memcpy(entry->bytes + key_size, from->author, author_size);
	memcpy(entry->bytes + key_size + author_size, from->data, from->data_size);
	return entry;
}

/* Where the key is, or where it belongs. */
static uint32_t find_place(const struct store *store, const char *key, bool *known)
{
	uint32_t low = 0, high = store->entry_count;

	*known = false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(store->entries[middle]->bytes, key);

		if (order == 0) {
			*known = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* `old_size` is what leaves to make room. */
static bool has_room(const struct store *store, size_t old_size, size_t new_size)
{
	return store->bytes - old_size + new_size + STORE_FRAME_SIZE <= LIMITS_SLICE_SIZE &&
	       (old_size > 0 || store->entry_count < LIMITS_SLICE_ENTRIES_MAX);
}

/* Moves what is `at` and after it, so that an entry can be put there. */
static bool make_place(struct store *store, uint32_t at)
{
	if (store->entry_count == store->capacity) {
		uint32_t capacity = store->capacity > 0 ? store->capacity * 2 : 16;
		struct store_entry **grown =
			realloc(store->entries, capacity * sizeof(struct store_entry *));

		if (grown == NULL)
			return false;
		store->entries = grown;
		store->capacity = capacity;
	}
	memmove(store->entries + at + 1, store->entries + at,
		(store->entry_count - at) * sizeof(struct store_entry *));
	store->entry_count++;
	return true;
}

static void drop(struct store *store, uint32_t at)
{
	store->bytes -= store->entries[at]->written;
	free(store->entries[at]);
	store->entry_count--;
	memmove(store->entries + at, store->entries + at + 1,
		(store->entry_count - at) * sizeof(struct store_entry *));
}

/* True if the entry was taken. */
static bool set(
	struct store *store, uint32_t at, bool known, const struct slice_entry *from, bool mine)
{
	struct store_entry *old = known ? store->entries[at] : NULL;
	size_t old_size = old != NULL ? old->written : 0, written = written_size(from);
	struct store_entry *entry;

	if (!has_room(store, old_size, written))
		return false;
	entry = make_entry(from, written, store->message, mine);
	if (entry == NULL || (old == NULL && !make_place(store, at))) {
		free(entry);
		return false;
	}
	if (old != NULL && old->seen_ttl_s > entry->seen_ttl_s)
		entry->seen_ttl_s = old->seen_ttl_s;
	store->bytes = store->bytes - old_size + written;
	store->entries[at] = entry;
	free(old);
	return true;
}

static bool same_data(const struct store_entry *known, const char *data, size_t data_size)
{
	return same_value(known->data, known->data_size, data, data_size);
}

static bool merge_entry(
	struct store *store, const struct slice_entry *offered, const char *hostname, bool remote)
{
	bool is_known, news;
	uint32_t at = find_place(store, offered->key, &is_known);
	struct store_entry *known;

	if (!is_known)
		return set(store, at, false, offered, false);
	known = store->entries[at];
	if (known->message == store->message)
		return false;
	known->message = store->message;
	if (offered->ttl_s > known->seen_ttl_s)
		known->seen_ttl_s = offered->ttl_s;

	if (remote && known->mine)
		return false;
	if (remote && offered->ttl_s > known->ttl_s && strcmp(known->author, hostname) == 0)
		return false;
	if (offered->ttl_s < known->ttl_s)
		return false;
	news = !same_data(known, offered->data, offered->data_size);
	return set(store, at, true, offered, false) && news;
}

bool store_merge(
	struct store *store, const char *bytes, size_t size, const char *hostname, bool remote)
{
	struct slice_reader reader;
	struct slice_entry entry;
	bool news = false;

	store->message++;
	slice_reader_init(&reader, bytes, size);
	while (slice_reader_next(&reader, &entry)) {
		if (merge_entry(store, &entry, hostname, remote))
			news = true;
	}
	return news;
}

/* Makes room by dropping what ends first, but never `but`. */
static bool drop_shortest(struct store *store, const char *but)
{
	uint32_t shortest = UINT32_MAX;

	for (uint32_t i = 0; i < store->entry_count; i++) {
		if (strcmp(store->entries[i]->bytes, but) != 0 &&
			(shortest == UINT32_MAX ||
				store->entries[i]->ttl_s < store->entries[shortest]->ttl_s))
			shortest = i;
	}
	if (shortest == UINT32_MAX)
		return false;
	drop(store, shortest);
	return true;
}

bool store_put(struct store *store, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size)
{
	struct slice_entry entry = { .ttl_s = ttl_s, .data = data, .data_size = data_size };
	bool known, news;
	uint32_t at = find_place(store, key, &known);
	bool fits = text_copy(entry.key, sizeof(entry.key), key) &&
		    text_copy(entry.author, sizeof(entry.author), author);
	size_t old_size = known ? store->entries[at]->written : 0;

	ensure(fits);
	news = !known || !same_data(store->entries[at], data, data_size);
	if (known && store->entries[at]->seen_ttl_s >= ttl_s) {
		entry.ttl_s = store->entries[at]->seen_ttl_s;
		if (entry.ttl_s < INT64_MAX)
			entry.ttl_s++;
	}
	while (!has_room(store, old_size, written_size(&entry))) {
		if (!drop_shortest(store, key))
			return false;
		at = find_place(store, key, &known);
	}
	return set(store, at, known, &entry, true) && news;
}

void store_age(struct store *store, uint32_t seconds)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < store->entry_count; i++) {
		struct store_entry *entry = store->entries[i];

		if (entry->ttl_s <= (int64_t)seconds) {
			store->bytes -= entry->written;
			free(entry);
			continue;
		}
		entry->ttl_s -= seconds;
		entry->seen_ttl_s -= seconds;
		store->entries[kept++] = entry;
	}
	store->entry_count = kept;
}

void store_write(const struct store *store, struct text *text)
{
	slice_write_begin(text);
	for (uint32_t i = 0; i < store->entry_count; i++) {
		const struct store_entry *entry = store->entries[i];

		slice_write_entry(text, entry->bytes, entry->author, entry->ttl_s, entry->data,
			entry->data_size);
	}
	slice_write_end(text);
}
