/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_ROSTER_H
#define AGENT_ROSTER_H

/*
 * All records that a node knows, its own among them, sorted by name. Each keeps the envelope as it
 * came, because only that carries the signature. Owns its memory; bounded by LIMITS_NODES_MAX.
 *
 * A name belongs to the key that was first heard with it, until its record expires, unless a start
 * order pins another one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record.h"
#include "release/usign.h"

enum {
	ROSTER_TTL_S = 2400,     /* of a fresh record, as shared-state's types have it */
	ROSTER_TTL_MAX_S = 7200, /* what we believe of a peer's TTL */
	ROSTER_OUTBID_S = 3,     /* plain peers count whole seconds, each from another moment on */
};

struct roster_entry {
	char *envelope; /* {"record":…,"key":…,"signature":…}, `envelope_size` bytes */
	size_t envelope_size;
	uint64_t expires_ms;
	uint64_t seen_ms; /* when this record came */
	uint64_t change;  /* the roster's change counter when it came */
	uint32_t from;    /* neighbour that it came from; UINT32_MAX if from none */
	bool moved;       /* a newer record came since the name was first heard: it is alive */
	struct record record;
	struct usign_public key;
};

struct roster {
	struct roster_entry **entries;
	uint32_t count;
	uint64_t change; /* grows with every piece of news */
};

enum roster_news {
	ROSTER_SAME = 0, /* known already */
	ROSTER_NEWS,     /* taken */
	ROSTER_OLDER,    /* we have a newer one */
	ROSTER_REFUSED,  /* not a valid record of this name; `problem` says why */
};

void roster_init(struct roster *roster);
void roster_free(struct roster *roster);

struct roster_entry *roster_find(const struct roster *roster, const char *name);

struct roster_offer {
	const char *mesh;
	const char *name; /* the gossip key */
	const char *envelope;
	size_t envelope_size;
	int64_t ttl_s;
	const uint8_t *pinned; /* the only key that may sign for this name; NULL if any may */
	uint32_t from;
	uint64_t now_ms;
};

/* Is it what the entry holds, byte by byte? */
bool roster_is_same(const struct roster_entry *entry, const struct roster_offer *offer);

/* A record from outside. Nothing of it is interpreted before its signature was verified. */
enum roster_news roster_take(
	struct roster *roster, const struct roster_offer *offer, char *problem, size_t capacity);

/* Reads and verifies an envelope without taking it. False if it is not sound. */
__attribute__((warn_unused_result)) bool roster_open(const struct roster_offer *offer,
	struct record *record, struct usign_public *key, char *problem, size_t capacity);

/* This node's own record: signs and puts it. False if there is no memory. */
bool roster_put_own(struct roster *roster, const struct record *record, const char *mesh,
	const struct usign_secret *secret, uint64_t now_ms);

/* Drops what has expired, but for the names that `keep` wants. Returns when to call again. */
uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context);

/* Order-independent fingerprint of who is known and how new. */
uint64_t roster_digest(const struct roster *roster);

#endif
