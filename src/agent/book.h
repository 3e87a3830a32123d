/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_BOOK_H
#define AGENT_BOOK_H

/*
 * The orders of one upgrade, as they were signed: the start order first, then what followed. They
 * are kept until another start takes the place, so that whoever was away learns what happened.
 * Owns its memory; bounded by LIMITS_ORDERS_MAX.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "core/order.h"
#include "release/usign.h"

enum {
	BOOK_TTL_S = 2400,
	BOOK_HOPS_ENTRY = 0,
	BOOK_HOPS_MAX = 254,
	BOOK_PUSH_ERROR_MS = 10000, /* how wrong a countdown can be that was not asked for */
	BOOK_CORRECTION_MS = 20,    /* a countdown that changes by more is news */
};

struct book_order {
	struct book_order *next; /* in the book, that came later */
	uint64_t change;         /* the book's change counter when it came */
	uint32_t had;            /* neighbours that sent it: bit N is neighbour N */
	bool posted;             /* by an operator, at this node, in this life of the daemon */
	int64_t ttl_floor_s;     /* plain peers know it with this TTL; we must not offer less */

	/* Of a schedule: when it is due here, as the entry node counts. */
	bool countdown_known;
	uint8_t hops;          /* between the node where it was posted and us */
	uint32_t error_ms;     /* how wrong the deadline may have been … */
	uint64_t estimated_ms; /* … then; a second later a millisecond more */
	uint64_t deadline_ms;
	uint64_t came_ms;

	uint8_t id[BYTES_HASH_SIZE];
	struct order order;
	struct usign_signature signature;
};

struct book {
	struct book_order *start; /* and what followed; NULL if there is none */
	uint64_t change;          /* grows with every piece of news */
	uint32_t count;
};

void book_init(struct book *book);
void book_clear(struct book *book); /* forgets all orders; the change counter goes on */

/* Takes over the memory of `order`; a start takes the place of all that was there. NULL, and
 * nothing has changed, if the book is full or there is no memory. */
struct book_order *book_add(struct book *book, const struct order *order,
	const struct usign_signature *signature, uint64_t now_ms);

struct book_order *book_find(const struct book *book, const uint8_t id[static BYTES_HASH_SIZE]);
struct book_order *book_start(const struct book *book); /* NULL if there is none */
struct book_order *book_abort(const struct book *book);
struct book_order *book_schedule(const struct book *book, uint32_t wave);
bool book_is_scheduled(const struct book *book); /* any wave */

/* The waves that were scheduled; the highest of them, or UINT32_MAX. */
uint32_t book_last_wave(const struct book *book);

/* Confirm order number `nth` (0…) for a wave; NULL if there are not so many. */
struct book_order *book_confirm(const struct book *book, uint32_t wave, uint32_t nth);

/* `{"order":…,"signature":…`, as the order travels and is kept: the caller goes on and closes. */
void book_write_order(const struct book_order *slot, struct text *text);

uint64_t book_digest(const struct book *book);

#endif
