/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SWARM_CHUNKMAP_H
#define SWARM_CHUNKMAP_H

/*
 * Which chunks of one image a node holds.
 *
 * Chunks are numbered from 0. A chunkmap is a plain value: it owns no memory, does no I/O, and is
 * copied with `=`. Its wire form is `bits`, least significant bit first, cut to the fewest whole
 * bytes; the unused bits of the last byte are zero.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum {
	CHUNKMAP_BYTES_MAX = LIMITS_CHUNKS_MAX / 8,
};

enum chunkmap_error {
	CHUNKMAP_OK = 0,
	CHUNKMAP_BAD_SIZE,    /* not the number of bytes that this chunk count needs */
	CHUNKMAP_BAD_PADDING, /* a bit is set past the last chunk */
};

struct chunkmap {
	uint32_t chunk_count;             /* 1..LIMITS_CHUNKS_MAX, fixed by chunkmap_init */
	uint32_t held_count;              /* how many bits of `bits` are set */
	uint8_t bits[CHUNKMAP_BYTES_MAX]; /* zero past `chunk_count` */
};

/* Holds nothing yet. The caller has checked 1 <= chunk_count <= LIMITS_CHUNKS_MAX. */
void chunkmap_init(struct chunkmap *map, uint32_t chunk_count);

/* Records that `chunk` is held. Returns true if that is news. */
bool chunkmap_add(struct chunkmap *map, uint32_t chunk);

bool chunkmap_has(const struct chunkmap *map, uint32_t chunk);
bool chunkmap_complete(const struct chunkmap *map);

/* Bytes that the wire form of `chunk_count` chunks takes. */
size_t chunkmap_wire_size(uint32_t chunk_count);

/* Reads a peer's untrusted bytes. On error `*map` is left as it was. */
__attribute__((warn_unused_result)) enum chunkmap_error chunkmap_decode(
	struct chunkmap *map, uint32_t chunk_count, const uint8_t *wire, size_t wire_size);

#endif
