/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GOSSIP_STORE_H
#define GOSSIP_STORE_H

/*
 * The state of one shared-state data type that is not ours to judge: merged and aged by
 * shared-state's own rules (docs/gossip.md, "Merge" and "Ageing"). Our own types (lockstep_*) do
 * not live here: their newer value wins whatever its TTL.
 *
 * Owns its entries' memory; bounded by LIMITS_SLICE_ENTRIES_MAX and LIMITS_SLICE_SIZE, so that the
 * state always fits into one message: a stranger's entry for which there is no room is not taken.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "gossip/slice.h"

struct store_entry;

struct store {
	struct store_entry **entries; /* owned; sorted by key bytes */
	uint32_t entry_count;
	uint32_t capacity;
	uint32_t message; /* number of the message merged last: of two equal keys the first wins */
	size_t bytes;     /* what all entries take when written, with a comma each */
};

void store_init(struct store *store); /* a store of zeros is an empty one, too */
void store_free(struct store *store);

/*
 * Merges one message's entries. `hostname` is this node's own name, `remote` tells that the sender
 * is not this machine. True if anything significant changed (data, or a new key). An entry that
 * store_put() set is not overwritten by a remote one, whatever its TTL.
 */
bool store_merge(
	struct store *store, const char *bytes, size_t size, const char *hostname, bool remote);

/* Sets an entry of our own, with a TTL of at least `ttl_s` and above the highest that was seen for
 * the key, so that plain peers take it. If there is no room, the entries that end first make it.
 * True if the data is news. `data` is one sound JSON value; key and author as in slice.h. */
bool store_put(struct store *store, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size);

/* Ages all entries by whole seconds and drops those at the end of their time. */
void store_age(struct store *store, uint32_t seconds);

/* The whole state as a message's data. */
void store_write(const struct store *store, struct text *text);

#endif
