// SPDX-License-Identifier: AGPL-3.0-or-later
#include "swarm/chunkmap.h"

#include <assert.h>

#include "base/ensure.h"

static_assert(LIMITS_CHUNKS_MAX % 8 == 0, "the largest map fills its last byte");

static uint8_t bit_of(uint32_t chunk)
{
	return (uint8_t)(1u << (chunk % 8));
}

void chunkmap_init(struct chunkmap *map, uint32_t chunk_count)
{
	ensure(chunk_count > 0 && chunk_count <= LIMITS_CHUNKS_MAX);

	*map = (struct chunkmap){ .chunk_count = chunk_count };
}

bool chunkmap_has(const struct chunkmap *map, uint32_t chunk)
{
	ensure(chunk < map->chunk_count);

	return (map->bits[chunk / 8] & bit_of(chunk)) != 0;
}

bool chunkmap_add(struct chunkmap *map, uint32_t chunk)
{
	if (chunkmap_has(map, chunk))
		return false;

	map->bits[chunk / 8] |= bit_of(chunk);
	map->held_count++;
	return true;
}

bool chunkmap_complete(const struct chunkmap *map)
{
	return map->held_count == map->chunk_count;
}

size_t chunkmap_wire_size(uint32_t chunk_count)
{
	return (chunk_count + 7) / 8;
}

enum chunkmap_error chunkmap_decode(
	struct chunkmap *map, uint32_t chunk_count, const uint8_t *wire, size_t wire_size)
{
	struct chunkmap decoded;

	chunkmap_init(&decoded, chunk_count);
	if (wire_size != chunkmap_wire_size(chunk_count))
		return CHUNKMAP_BAD_SIZE;

	for (uint32_t chunk = 0; chunk < wire_size * 8; chunk++) {
		if ((wire[chunk / 8] & bit_of(chunk)) == 0)
			continue;
		/* A peer that lies about its padding is not a peer we keep half a map from. */
		if (chunk >= chunk_count)
			return CHUNKMAP_BAD_PADDING;
		chunkmap_add(&decoded, chunk);
	}

	*map = decoded;
	return CHUNKMAP_OK;
}
