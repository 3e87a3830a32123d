/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_ROSTER_H
#define AGENT_ROSTER_H

/*
 * All records that a node knows, its own among them. Owns its memory; bounded by LIMITS_NODES_MAX.
 * Finding one, and what came since, costs the same in a mesh of ten and of a thousand: a hash table
 * by name, and a log of the places that changed last.
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
	ROSTER_NO_SEAT = UINT16_MAX,
	ROSTER_MARKS = INT16_MAX,
	ROSTER_TTL_S = 2400,     /* of a fresh record, as shared-state's types have it */
	ROSTER_TTL_MAX_S = 7200, /* what we believe of a peer's TTL */
	ROSTER_OUTBID_S = 3,     /* plain peers count whole seconds, each from another moment on */
};

/* One record. In a large mesh most of the memory goes here: 24 bytes, or 20. */
struct roster_entry {
	struct notice *notice; /* owned */
	uint32_t had;          /* neighbours that sent the same: bit N is neighbour N */
	uint32_t seen_s;       /* of the agent's clock: when this record came */
	uint16_t lasts_s;      /* it expires so long after that */
	uint16_t change;       /* the end of the roster's change counter when it came */
	uint32_t seat : 16;    /* which participant it is (life.c); ROSTER_NO_SEAT if none */
	uint32_t marks : 15;   /* what it counts for there (core/upgrade.h) */
	uint32_t moved : 1;    /* a newer record came since the name was first heard: it is alive */
};

struct roster {
	struct roster_entry *entries; /* and with them, in one piece of memory, … */
	uint32_t *cells;              /* … where each name is, by its hash … */
	uint16_t *log;  /* … and at a change counter modulo `room`: the entry that changed then */
	uint32_t room;  /* for entries */
	uint32_t count; /* of records */
	uint32_t change;              /* grows with every piece of news */
	uint32_t gone;                /* records that expired, ever */
	uint32_t newest;              /* the entry that changed last */
	uint64_t digest;              /* the sum over all notices: who is known, and how new */
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

/* What was taken last; there is one. Entries move when one more is taken. */
struct roster_entry *roster_newest(const struct roster *roster);

/* The next entry after this one that changed after `change`; NULL begins, and ends. Oldest first,
 * if the log reaches back so far; else a few that are older may be among them. */
struct roster_entry *roster_next(
	const struct roster *roster, const struct roster_entry *entry, uint32_t change);

/* Is it one of these? What changed long before may seem to have. */
bool roster_changed(const struct roster *roster, const struct roster_entry *entry, uint32_t change);

struct roster_entry *roster_find(const struct roster *roster, const char *name);

uint32_t roster_expires_s(const struct roster_entry *entry);

/* It expires at this time at the earliest; but no record outlives its author's last word by more
 * than 18 hours. */
void roster_extend(struct roster_entry *entry, uint32_t expires_s);

/* A record from outside. `entry` is what the name has now (roster_find). After NEWS it is
 * roster_newest(). */
enum roster_news roster_take(struct roster *roster, struct roster_entry *entry,
	const struct notice_offer *offer, char *problem, size_t capacity);

/* This node's own record: signs and puts it. False if there is no memory. */
bool roster_put_own(struct roster *roster, const struct record_whole *record, const char *mesh,
	const struct usign_secret *secret, uint64_t now_ms);

/* Drops what has expired, but for the names that `keep` wants. Returns when to call again. */
uint64_t roster_expire(struct roster *roster, uint64_t now_ms,
	bool (*keep)(const void *context, const char *name), const void *context);

#endif
