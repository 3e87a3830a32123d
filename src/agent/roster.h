/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_ROSTER_H
#define AGENT_ROSTER_H

/*
 * All records that a node knows, its own among them, in the order in which they came. Owns its
 * memory; bounded by LIMITS_NODES_MAX. Finding one, and what came since, costs the same in a mesh of
 * ten and of a thousand.
 *
 * A name belongs to the key that was first heard with it, until its record expires, unless a start
 * order pins another one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/notice.h"

enum {
	ROSTER_PARTS = 64,
	ROSTER_TTL_S = 2400,     /* of a fresh record, as shared-state's types have it */
	ROSTER_TTL_MAX_S = 7200, /* what we believe of a peer's TTL */
};

struct roster_entry {
	struct roster_entry *older; /* NULL if none came before it */
	struct roster_entry *newer;
	struct notice *notice; /* owned */
	uint64_t expires_ms;
	uint64_t seen_ms; /* when this record came */
	uint64_t change;  /* the roster's change counter when it came */
	uint32_t had;     /* neighbours that sent the same: bit N is neighbour N */
	uint32_t seat;    /* which participant it is (life.c); UINT32_MAX if none */
	uint16_t marks;   /* what it counts for there (core/upgrade.h) */
	bool moved;       /* a newer record came since the name was first heard: it is alive */
};

struct roster {
	struct roster_entry **slots; /* by the hash of the name; `slot_count` is a power of two */
	uint32_t slot_count;
	uint32_t count;
	struct roster_entry *oldest;
	struct roster_entry *newest; /* what was taken last */
	uint64_t change;             /* grows with every piece of news */
	uint64_t digest; /* the sum over all notices: who is known, and how new */
	uint32_t parts[ROSTER_PARTS]; /* the same by roster_part() */
};

enum roster_news {
	ROSTER_SAME = 0, /* known already */
	ROSTER_NEWS,     /* taken */
	ROSTER_OLDER,    /* we have a newer one */
	ROSTER_REFUSED,  /* not a valid record of this name; `problem` says why */
};

void roster_init(struct roster *roster);
void roster_free(struct roster *roster);

/* The bit of a neighbour; none if it is none. */
uint32_t roster_sender(uint32_t from);

/* Where a notice counts. */
uint32_t roster_part(const struct notice *notice);

struct roster_entry *roster_find(const struct roster *roster, const char *name);

/* Is it what the entry holds, byte by byte? */
bool roster_is_same(const struct roster_entry *entry, const struct notice_offer *offer);

/* A record from outside. `entry` is what the name has now (roster_find). After NEWS it is
 * roster->newest. */
enum roster_news roster_take(struct roster *roster, struct roster_entry *entry,
	const struct notice_offer *offer, char *problem, size_t capacity);

/* This node's own record: signs and puts it. False if there is no memory. */
bool roster_put_own(struct roster *roster, const struct record *record, const char *mesh,
	const struct usign_secret *secret, uint64_t now_ms);

/* Drops what has expired, but for the names that `keep` wants. Returns when to call again. */
uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context);

#endif
