// SPDX-License-Identifier: AGPL-3.0-or-later
#include "swarm/planner.h"

#include <string.h>

#include "base/ensure.h"

static struct planner_peer *find_peer(struct planner *planner, uint32_t id)
{
	for (uint32_t i = 0; i < planner->peer_count; i++)
		if (planner->peers[i].id == id)
			return &planner->peers[i];
	return NULL;
}

static bool is_awake(const struct planner_peer *peer, uint64_t now_ms)
{
	return !peer->banned && peer->pause_until_ms <= now_ms;
}

static bool holds(const struct planner_peer *peer, uint32_t chunk)
{
	if (peer->rank == PLANNER_URL)
		return true;
	return peer->map_known && chunkmap_has(&peer->map, chunk);
}

/* Does `map` have a chunk that we lack? */
static bool has_news(const struct planner *planner, const struct chunkmap *map)
{
	for (size_t i = 0; i < chunkmap_wire_size(planner->held.chunk_count); i++)
		if ((map->bits[i] & ~planner->held.bits[i]) != 0)
			return true;
	return false;
}

static void pause_peer(struct planner_peer *peer, uint64_t now_ms)
{
	uint64_t pause_ms = PLANNER_PAUSE_MIN_MS;

	for (uint32_t i = 0; i < peer->failure_count && pause_ms < PLANNER_PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > PLANNER_PAUSE_MAX_MS)
		pause_ms = PLANNER_PAUSE_MAX_MS;
	/* Several requests that fail together are one failure. */
	if (peer->pause_until_ms > now_ms)
		return;
	peer->pause_until_ms = now_ms + pause_ms;
	peer->failure_count++;
}

static void land_flight(struct planner *planner, uint32_t index)
{
	struct planner_peer *peer = find_peer(planner, planner->flights[index].peer);

	ensure(peer != NULL && peer->in_flight > 0);
	peer->in_flight--;
	planner->flights[index] = planner->flights[--planner->flight_count];
}

static void land_all_flights_of(struct planner *planner, uint32_t peer)
{
	for (uint32_t i = planner->flight_count; i > 0; i--)
		if (planner->flights[i - 1].peer == peer)
			land_flight(planner, i - 1);
}

static void expire(struct planner *planner, uint64_t now_ms)
{
	for (uint32_t i = planner->flight_count; i > 0; i--) {
		const struct planner_flight *flight = &planner->flights[i - 1];

		if (flight->deadline_ms > now_ms)
			continue;
		pause_peer(find_peer(planner, flight->peer), now_ms);
		land_flight(planner, i - 1);
	}
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		struct planner_peer *peer = &planner->peers[i];

		if (peer->map_asked && peer->map_next_ms <= now_ms) {
			peer->map_asked = false;
			pause_peer(peer, now_ms);
		}
	}
}

static bool wants_map(const struct planner_peer *peer)
{
	return !peer->banned && peer->rank != PLANNER_URL && !peer->map_asked &&
	       !(peer->map_known && chunkmap_complete(&peer->map));
}

static struct planner_peer *next_map(struct planner *planner, uint64_t now_ms)
{
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		struct planner_peer *peer = &planner->peers[i];

		if (wants_map(peer) && is_awake(peer, now_ms) && peer->map_next_ms <= now_ms)
			return peer;
	}
	return NULL;
}

/* A neighbour that is awake and has not told its map yet may hold anything. */
static bool awaits_neighbour_map(const struct planner *planner, uint64_t now_ms)
{
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		const struct planner_peer *peer = &planner->peers[i];

		if (peer->rank == PLANNER_NEIGHBOUR && is_awake(peer, now_ms) && !peer->map_known)
			return true;
	}
	return false;
}

/* How many neighbours can give `chunk` now or as soon as they are less busy. */
static uint32_t count_neighbours(const struct planner *planner, uint32_t chunk, uint64_t now_ms)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < planner->peer_count; i++) {
		const struct planner_peer *peer = &planner->peers[i];

		if (peer->rank == PLANNER_NEIGHBOUR && is_awake(peer, now_ms) && holds(peer, chunk))
			count++;
	}
	return count;
}

/* The least busy peer of the nearest rank that holds `chunk`; NULL if all of that rank are busy. */
static struct planner_peer *pick_peer(struct planner *planner, uint32_t chunk, uint64_t now_ms)
{
	struct planner_peer *best = NULL;
	uint32_t start = prng_below(&planner->prng, planner->peer_count);

	for (uint32_t i = 0; i < planner->peer_count; i++) {
		struct planner_peer *peer = &planner->peers[(start + i) % planner->peer_count];

		if (!is_awake(peer, now_ms) || !holds(peer, chunk))
			continue;
		if (best == NULL || peer->rank < best->rank ||
			(peer->rank == best->rank && peer->in_flight < best->in_flight))
			best = peer;
	}
	return best != NULL && best->in_flight < PLANNER_IN_FLIGHT_MAX ? best : NULL;
}

/*
 * The rarest chunk that is neither held nor under way and that somebody can give at once. Chunks
 * that no neighbour has come last: they cost more than one hop.
 */
static struct planner_peer *next_chunk(struct planner *planner, uint64_t now_ms, uint32_t *chunk)
{
	struct chunkmap taken = planner->held;
	struct planner_peer *best = NULL;
	uint32_t best_count = UINT32_MAX;
	uint32_t chunk_count = planner->held.chunk_count;
	uint32_t start = prng_below(&planner->prng, chunk_count);
	bool far_may = planner->far_from_ms <= now_ms && !awaits_neighbour_map(planner, now_ms);

	for (uint32_t i = 0; i < planner->flight_count; i++)
		chunkmap_add(&taken, planner->flights[i].chunk);
	for (uint32_t i = 0; i < chunk_count && best_count > 1; i++) {
		uint32_t candidate = (start + i) % chunk_count;
		uint32_t count;
		struct planner_peer *peer;

		if (chunkmap_has(&taken, candidate))
			continue;
		count = count_neighbours(planner, candidate, now_ms);
		if (count == 0 && !far_may)
			continue;
		if (count == 0)
			count = UINT32_MAX - 1;
		if (count >= best_count)
			continue;
		peer = pick_peer(planner, candidate, now_ms);
		if (peer == NULL)
			continue;
		best = peer;
		best_count = count;
		*chunk = candidate;
	}
	return best;
}

void planner_init(struct planner *planner, uint32_t chunk_count, uint64_t seed)
{
	memset(planner, 0, sizeof(*planner));
	chunkmap_init(&planner->held, chunk_count);
	prng_init(&planner->prng, seed);
}

void planner_hold(struct planner *planner, const struct chunkmap *held)
{
	planner->held = *held;
}

bool planner_peer_up(struct planner *planner, uint32_t id, enum planner_rank rank)
{
	struct planner_peer *peer = find_peer(planner, id);
	bool banned = peer != NULL && peer->banned;

	if (peer == NULL) {
		if (planner->peer_count == PLANNER_PEERS_MAX)
			return false;
		peer = &planner->peers[planner->peer_count++];
	} else {
		land_all_flights_of(planner, id);
	}
	*peer = (struct planner_peer){ .id = id, .rank = rank, .banned = banned };
	chunkmap_init(&peer->map, planner->held.chunk_count);
	return true;
}

void planner_peer_down(struct planner *planner, uint32_t id)
{
	struct planner_peer *peer = find_peer(planner, id);

	if (peer == NULL)
		return;
	land_all_flights_of(planner, id);
	if (peer->banned) {
		peer->map_asked = false;
		return;
	}
	*peer = planner->peers[--planner->peer_count];
}

struct planner_ask planner_next(struct planner *planner, uint64_t now_ms)
{
	struct planner_ask ask = { .kind = PLANNER_ASK_NOTHING };
	struct planner_peer *peer;

	expire(planner, now_ms);
	if (chunkmap_complete(&planner->held) || planner->peer_count == 0)
		return ask;

	peer = next_map(planner, now_ms);
	if (peer != NULL) {
		peer->map_asked = true;
		peer->map_next_ms = now_ms + PLANNER_CHUNK_DEADLINE_MS;
		ask.kind = PLANNER_ASK_MAP;
		ask.peer = peer->id;
		return ask;
	}

	if (planner->flight_count == PLANNER_FLIGHTS_MAX)
		return ask;
	peer = next_chunk(planner, now_ms, &ask.chunk);
	if (peer == NULL)
		return ask;
	peer->in_flight++;
	planner->flights[planner->flight_count++] = (struct planner_flight){
		.peer = peer->id,
		.chunk = ask.chunk,
		.deadline_ms = now_ms + PLANNER_CHUNK_DEADLINE_MS,
	};
	ask.kind = PLANNER_ASK_CHUNK;
	ask.peer = peer->id;
	return ask;
}

/* The earlier of two times, but only of those to come. */
static uint64_t sooner(uint64_t best_ms, uint64_t time_ms, uint64_t now_ms)
{
	return time_ms > now_ms && time_ms < best_ms ? time_ms : best_ms;
}

uint64_t planner_next_ms(const struct planner *planner, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (uint32_t i = 0; i < planner->flight_count; i++)
		next_ms = sooner(next_ms, planner->flights[i].deadline_ms, now_ms);
	if (chunkmap_complete(&planner->held))
		return next_ms;
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		const struct planner_peer *peer = &planner->peers[i];

		if (peer->banned)
			continue;
		next_ms = sooner(next_ms, peer->pause_until_ms, now_ms);
		if (peer->map_asked || wants_map(peer))
			next_ms = sooner(next_ms, peer->map_next_ms, now_ms);
		if (peer->rank != PLANNER_NEIGHBOUR)
			next_ms = sooner(next_ms, planner->far_from_ms, now_ms);
	}
	return next_ms;
}

static void judge_peer(struct planner *planner, struct planner_peer *peer,
	enum planner_outcome outcome, bool was_under_way, uint64_t now_ms)
{
	switch (outcome) {
	case PLANNER_GOOD:
		peer->failure_count = 0;
		peer->pause_until_ms = 0;
		break;
	case PLANNER_WRONG:
		peer->banned = true;
		land_all_flights_of(planner, peer->id);
		break;
	case PLANNER_NOT_HELD:
		if (was_under_way && peer->rank != PLANNER_URL) {
			/* Not at once: a peer whose map and answers differ must not keep us busy.
			 */
			peer->map_known = false;
			if (!peer->map_asked)
				peer->map_next_ms = now_ms + PLANNER_MAP_INTERVAL_MS;
			break;
		}
		/* fall through */ /* a URL that has no such file is a URL that failed */
	case PLANNER_FAILED:
		if (was_under_way)
			pause_peer(peer, now_ms);
		break;
	}
}

bool planner_chunk_over(struct planner *planner, uint32_t id, uint32_t chunk,
	enum planner_outcome outcome, uint64_t now_ms)
{
	struct planner_peer *peer = find_peer(planner, id);
	bool was_under_way = false;

	for (uint32_t i = 0; i < planner->flight_count && !was_under_way; i++) {
		if (planner->flights[i].peer != id || planner->flights[i].chunk != chunk)
			continue;
		land_flight(planner, i);
		was_under_way = true;
	}
	if (peer != NULL)
		judge_peer(planner, peer, outcome, was_under_way, now_ms);
	return outcome == PLANNER_GOOD && chunkmap_add(&planner->held, chunk);
}

void planner_map_over(
	struct planner *planner, uint32_t id, const struct chunkmap *map, uint64_t now_ms)
{
	struct planner_peer *peer = find_peer(planner, id);
	uint64_t wait_ms = 0;

	if (peer == NULL || (map == NULL && !peer->map_asked))
		return;
	peer->map_asked = false;
	if (map == NULL) {
		pause_peer(peer, now_ms);
		peer->map_next_ms = now_ms;
		return;
	}
	ensure(map->chunk_count == planner->held.chunk_count);
	if (peer->rank == PLANNER_NEIGHBOUR) {
		if (map->held_count > peer->map.held_count && has_news(planner, map))
			wait_ms = PLANNER_FAR_WAIT_MS;
		if (wait_ms > 0 || !peer->map_known)
			wait_ms += prng_below(&planner->prng, PLANNER_FAR_SPREAD_MS);
		if (planner->far_from_ms < now_ms + wait_ms)
			planner->far_from_ms = now_ms + wait_ms;
	}
	peer->map = *map;
	peer->map_known = true;
	peer->map_next_ms = now_ms + PLANNER_MAP_INTERVAL_MS;
}

void planner_map_stale(struct planner *planner, uint32_t id, uint64_t now_ms)
{
	struct planner_peer *peer = find_peer(planner, id);

	if (peer != NULL && !peer->map_asked && peer->map_next_ms > now_ms)
		peer->map_next_ms = now_ms;
}

bool planner_banned(const struct planner *planner, uint32_t id)
{
	for (uint32_t i = 0; i < planner->peer_count; i++)
		if (planner->peers[i].id == id)
			return planner->peers[i].banned;
	return false;
}

bool planner_has_source(const struct planner *planner)
{
	if (chunkmap_complete(&planner->held))
		return false;
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		const struct planner_peer *peer = &planner->peers[i];

		if (peer->banned)
			continue;
		if (peer->rank == PLANNER_URL || !peer->map_known || has_news(planner, &peer->map))
			return true;
	}
	return false;
}
