/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_NOTICE_H
#define AGENT_NOTICE_H

/* A record with the envelope in which it travels, and the key that signed it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record.h"
#include "release/usign.h"

/* What a node said of itself, as it came: only the envelope carries the signature. It never
 * changes.
 */
struct notice {
	/* What is looked at most lies together. */
	uint32_t hash; /* of the name */
	uint32_t envelope_size;
	uint64_t digest; /* of name and age */
	struct usign_public key;
	struct record record;
	/* {"record":…,"key":…,"signature":…}; behind it the record's version, message and links,
	 * each with a terminator: people ask for them, rules do not. */
	char envelope[];
};

size_t notice_size(const struct notice *notice); /* bytes, all of it */

/* The record with all that is shown of it. */
void notice_tell(const struct notice *notice, struct record_whole *record);

struct notice_offer {
	const char *mesh;
	const char *name; /* the gossip key */
	const char *envelope;
	size_t envelope_size;
	int64_t ttl_s;
	const uint8_t *pinned; /* the only key that may sign for this name; NULL if any may */
	uint32_t from;         /* neighbour; LIMITS_NEIGHBOURS_MAX or more if it came from none */
	uint64_t now_ms;
};

/* Reads an envelope. Nothing of it is interpreted before its signature was verified. NULL if it is
 * not sound, or there is no memory; `problem` says which. */
struct notice *notice_open(const struct notice_offer *offer, char *problem, size_t capacity);

/* Is it just this that is offered, byte by byte? */
bool notice_is_same(const struct notice *notice, const struct notice_offer *offer);

/* This node's own. NULL if there is no memory. */
struct notice *notice_sign(
	const struct record_whole *record, const char *mesh, const struct usign_secret *secret);

void notice_free(struct notice *notice); /* NULL is fine */

/* Of a name. */
uint64_t notice_hash(const char *name);

#endif
