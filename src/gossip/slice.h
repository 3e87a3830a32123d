/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GOSSIP_SLICE_H
#define GOSSIP_SLICE_H

/*
 * The data of a shared-state message: a list of entries (docs/gossip.md, "Data"). Read entry by
 * entry where it lies, without a tree in memory; values are passed on byte for byte.
 *
 * Reading follows shared-state-async, oddities included: what is not a slice counts as an empty
 * one; a bad entry ends the reading, with what came before it kept; unknown members are ignored;
 * xint64 wins over xstr64; trailing NULs and a leading BOM are fine. Different from it: the number
 * of entries is bounded, and an entry that is nested deeper than LIMITS_SLICE_DEPTH, has a key or
 * an author that is too long, or a number too large for a double, is passed over.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "gossip/scan.h"

enum {
	SLICE_KEY_SIZE = 255,
	SLICE_AUTHOR_SIZE = 255,
	SLICE_DIGEST_SIZE = 344, /* 64 numbers of 4 bytes, in base64 */
};

struct slice_entry {
	char key[SLICE_KEY_SIZE + 1];       /* decoded; cut at a NUL, as upstream does */
	char author[SLICE_AUTHOR_SIZE + 1]; /* decoded */
	int64_t ttl_s;
	const char *data; /* one JSON value in the message's own bytes */
	size_t data_size;
};

struct slice_reader {
	struct scan scan; /* of the entries not yet read; private */
	uint32_t entry_count;
	bool stopped; /* by a bad entry or at the end */
	bool bad;     /* the message was not a slice, or an entry was bad */
	bool has_digest;
	/* The member `lockstep` that our own messages have beside the list */
	char digest[SLICE_DIGEST_SIZE + 1];
};

/* `bytes` must live as long as the reader and its entries. */
void slice_reader_init(struct slice_reader *reader, const char *bytes, size_t size);
__attribute__((warn_unused_result)) bool slice_reader_next(
	struct slice_reader *reader, struct slice_entry *entry);

/* Writing: begin, entry…, end. An entry's data may also be written between its own begin and end.
 * Compact JSON. `data` is one JSON value, written as it is; so are the bytes of key and author,
 * UTF-8 or not. */
void slice_write_begin(struct text *text);
void slice_write_entry(struct text *text, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size);
void slice_write_entry_begin(struct text *text, const char *key, const char *author, int64_t ttl_s);
void slice_write_entry_end(struct text *text);
void slice_write_end(struct text *text);

#endif
