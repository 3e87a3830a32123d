// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the chunk maps that he serves, for an image of which we know how many chunks
 * it has, in which order maps and chunks of several peers come, and when peers come and go. The
 * first two bytes are the chunk count. Then each piece of the input has a size and a peer's map in
 * wire form, which the planner gets, and what it asks for then is answered by the size; the largest
 * sizes are what else may happen.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"
#include "swarm/chunkmap.h"
#include "swarm/planner.h"

enum {
	PEERS = 3,
	ASKS_MAX = 16,
	/* Sizes that are none. */
	PEER_DOWN = 250,
	PEER_UP,
	PEERS_UP, /* more than there is room for */
	MAP_STALE,
	TIME_PASSES,
	NO_ANSWERS, /* to what is asked for */
};

static void answer_asks(struct planner *planner, uint64_t *now_ms, uint8_t how)
{
	for (int i = 0; i < ASKS_MAX; i++) {
		struct planner_ask ask = planner_next(planner, *now_ms);

		if (ask.kind == PLANNER_ASK_NOTHING) {
			uint64_t next_ms = planner_next_ms(planner, *now_ms);

			if (next_ms == UINT64_MAX)
				return;
			assert(next_ms >= *now_ms);
			*now_ms = next_ms;
			return;
		}
		assert(ask.peer < PEERS);
		if (ask.kind == PLANNER_ASK_MAP) {
			planner_map_over(planner, ask.peer, NULL, *now_ms);
			continue;
		}
		assert(ask.chunk < planner->held.chunk_count);
		(void)planner_chunk_over(
			planner, ask.peer, ask.chunk, (enum planner_outcome)(how % 4), *now_ms);
		how = (uint8_t)(how / 4 + i);
	}
}

static void decode(
	struct planner *planner, uint32_t peer, const uint8_t *wire, size_t size, uint64_t *now_ms)
{
	uint8_t *exact = fuzz_copy(wire, size);
	uint32_t count = planner->held.chunk_count, held = 0;
	struct chunkmap map;

	chunkmap_init(&map, count);
	if (chunkmap_decode(&map, count, exact, size) == CHUNKMAP_OK) {
		assert(size == chunkmap_wire_size(count));
		for (uint32_t i = 0; i < count; i++)
			held += chunkmap_has(&map, i);
		assert(held == map.held_count && chunkmap_complete(&map) == (held == count));
		assert(memcmp(map.bits, exact, size) == 0);
		planner_map_over(planner, peer, &map, *now_ms);
	} else {
		assert(map.held_count == 0);
		planner_map_over(planner, peer, NULL, *now_ms);
	}
	free(exact);
	answer_asks(planner, now_ms, (uint8_t)size);
}

/* What else may happen with a peer. */
static void happen(struct planner *planner, size_t what, uint32_t peer, uint64_t *now_ms)
{
	bool up;

	switch (what) {
	case PEER_DOWN:
		planner_peer_down(planner, peer);
		break;
	case PEER_UP:
		(void)planner_peer_up(planner, peer, (enum planner_rank)(peer % 3));
		break;
	case PEERS_UP:
		for (uint32_t i = 0; i <= PLANNER_PEERS_MAX; i++) {
			up = planner_peer_up(planner, PEERS + i, PLANNER_NEIGHBOUR);
			assert(up || planner->peer_count == PLANNER_PEERS_MAX);
		}
		for (uint32_t i = 0; i <= PLANNER_PEERS_MAX; i++)
			planner_peer_down(planner, PEERS + i);
		break;
	case MAP_STALE:
		planner_map_stale(planner, peer, *now_ms);
		break;
	case TIME_PASSES:
		*now_ms += 2 * PLANNER_CHUNK_DEADLINE_MS;
		break;
	case NO_ANSWERS:
		for (int i = 0; i < ASKS_MAX; i++)
			(void)planner_next(planner, *now_ms);
		break;
	default:
		break;
	}
	assert(!planner_banned(planner, UINT32_MAX));
	(void)planner_has_source(planner);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct planner *planner = malloc(sizeof(*planner));
	struct fuzz fuzz;
	uint64_t now_ms = 1000;
	uint32_t count, peer = 0;

	faults_plan(&bytes, &size);
	assert(planner != NULL);
	fuzz_begin(&fuzz, bytes, size);
	count = 1 + (uint32_t)(fuzz_byte(&fuzz) << 8 | fuzz_byte(&fuzz)) % LIMITS_CHUNKS_MAX;
	planner_init(planner, count, 1);
	for (uint32_t i = 0; i < PEERS; i++)
		(void)planner_peer_up(planner, i, (enum planner_rank)i);
	answer_asks(planner, &now_ms, 0);
	while (fuzz_left(&fuzz) > 0) {
		size_t left = fuzz_left(&fuzz), wire_size = fuzz_byte(&fuzz);
		const uint8_t *wire;

		if (wire_size >= PEER_DOWN) {
			happen(planner, wire_size, peer++ % PEERS, &now_ms);
			continue;
		}
		/* Mostly the size that is right. */
		if (wire_size >= 16)
			wire_size = chunkmap_wire_size(count);
		wire = fuzz_bytes(&fuzz, &wire_size);
		decode(planner, peer++ % PEERS, wire, wire_size, &now_ms);
		assert(fuzz_left(&fuzz) < left);
	}
	free(planner);
	return 0;
}
