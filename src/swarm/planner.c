// SPDX-License-Identifier: AGPL-3.0-or-later
#include "swarm/planner.h"

#include <string.h>

#include "base/ensure.h"

enum { NO_CHUNK = UINT32_MAX };

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

/* How long to leave a peer alone after one more failure. */
static uint64_t count_failure(struct planner_peer *peer)
{
	uint64_t pause_ms = PLANNER_PAUSE_MIN_MS;

	for (uint32_t i = 0; i < peer->failure_count && pause_ms < PLANNER_PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	peer->failure_count++;
	return pause_ms < PLANNER_PAUSE_MAX_MS ? pause_ms : PLANNER_PAUSE_MAX_MS;
}

static void pause_peer(struct planner_peer *peer, uint64_t now_ms)
{
	/* Several requests that fail together are one failure. */
	if (peer->pause_until_ms <= now_ms)
		peer->pause_until_ms = now_ms + count_failure(peer);
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

/* The link must not idle until the next request is there, and no more than that. */
static uint32_t in_flight_max(const struct planner_peer *peer)
{
	uint32_t count = PLANNER_IN_FLIGHT_FIRST;

	if (peer->chunk_ms > 0)
		count = 1 + (PLANNER_AHEAD_MS + peer->chunk_ms - 1) / peer->chunk_ms;
	return count < PLANNER_IN_FLIGHT_MAX ? count : PLANNER_IN_FLIGHT_MAX;
}

static uint64_t begun_ms(const struct planner_flight *flight)
{
	return flight->deadline_ms - PLANNER_CHUNK_DEADLINE_MS;
}

/* Replies come one after the other: each takes from the last one on. */
static void measure(struct planner_peer *peer, const struct planner_flight *flight, uint64_t now_ms)
{
	uint64_t since_ms = begun_ms(flight);
	uint32_t took_ms;

	if (since_ms < peer->came_ms)
		since_ms = peer->came_ms;
	took_ms = (uint32_t)(now_ms - since_ms) + 1;
	peer->chunk_ms = peer->chunk_ms == 0 ? took_ms : (3 * peer->chunk_ms + took_ms) / 4;
	peer->came_ms = now_ms;
}

/* Will all come through this neighbour, be it slowly? Who does not know anybody nearer begins with
 * what is far; from then on others wait for him, and he for nobody of that kind. */
static bool is_nearer(
	const struct planner *planner, const struct planner_peer *peer, uint64_t now_ms)
{
	uint32_t level = PLANNER_LEVEL_FAR + (planner->far_begun ? 0 : 2);

	return peer->level < level && now_ms < peer->gained_ms + PLANNER_STUCK_MS;
}

/* How many neighbours can give each chunk now or as soon as they are less busy. True if one of them
 * will give more: it is nearer to a source, or it has not told its map yet and may hold anything.
 */
static bool count_neighbours(
	const struct planner *planner, uint64_t now_ms, uint8_t counts[static LIMITS_CHUNKS_MAX])
{
	uint32_t chunk_count = planner->held.chunk_count;
	bool awaits = false;

	memset(counts, 0, chunk_count);
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		const struct planner_peer *peer = &planner->peers[i];

		if (peer->rank != PLANNER_NEIGHBOUR || !is_awake(peer, now_ms))
			continue;
		awaits |= peer->map_known ? is_nearer(planner, peer, now_ms)
					  : peer->failure_count == 0;
		for (uint32_t chunk = 0; chunk < chunk_count; chunk++)
			counts[chunk] += holds(peer, chunk);
	}
	return awaits;
}

/* The rarest chunk of those that are wanted and that the peer holds, any of them with the same
 * chance: two who ask the same source, unseen by each other, shall not ask for the same. */
static uint32_t choose_chunk(struct planner *planner, const struct planner_peer *peer,
	const struct chunkmap *taken, const uint8_t counts[static LIMITS_CHUNKS_MAX])
{
	uint32_t chunk_count = planner->held.chunk_count, equals = 0, best, skip;
	uint8_t best_count = UINT8_MAX;

	for (uint32_t chunk = 0; chunk < chunk_count; chunk++) {
		if (chunkmap_has(taken, chunk) || !holds(peer, chunk) ||
			counts[chunk] > best_count ||
			(peer->rank != PLANNER_NEIGHBOUR && counts[chunk] > 0))
			continue;
		if (counts[chunk] < best_count)
			equals = 0;
		best_count = counts[chunk];
		equals++;
	}
	if (equals == 0)
		return NO_CHUNK;
	skip = prng_below(&planner->prng, equals);
	for (best = 0; counts[best] != best_count || chunkmap_has(taken, best) ||
		       !holds(peer, best) || skip-- > 0;
		best++)
		;
	return best;
}

/*
 * The rarest chunk that is neither held nor under way and that somebody can give at once, from the
 * least busy. Chunks that no neighbour has come last: they cost more than one hop.
 */
static struct planner_peer *next_chunk(struct planner *planner, uint64_t now_ms, uint32_t *chunk)
{
	struct chunkmap taken = planner->held;
	uint8_t counts[LIMITS_CHUNKS_MAX];
	struct planner_peer *best = NULL;
	bool far_may = !count_neighbours(planner, now_ms, counts) && planner->far_from_ms <= now_ms;
	uint32_t start = prng_below(&planner->prng, planner->peer_count);

	for (uint32_t i = 0; i < planner->flight_count; i++)
		chunkmap_add(&taken, planner->flights[i].chunk);
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		struct planner_peer *peer = &planner->peers[(start + i) % planner->peer_count];
		uint32_t candidate;

		if (!is_awake(peer, now_ms) || peer->in_flight >= in_flight_max(peer) ||
			(peer->rank != PLANNER_NEIGHBOUR && !far_may))
			continue;
		candidate = choose_chunk(planner, peer, &taken, counts);
		if (candidate == NO_CHUNK)
			continue;
		if (best == NULL || peer->rank < best->rank ||
			(peer->rank == best->rank &&
				(counts[candidate] < counts[*chunk] ||
					(counts[candidate] == counts[*chunk] &&
						peer->in_flight < best->in_flight)))) {
			best = peer;
			*chunk = candidate;
		}
	}
	return best;
}

/* Would the peer, which has nothing else to do, have had this chunk long ago? */
static bool is_much_faster(
	const struct planner_peer *peer, const struct planner_flight *flight, uint64_t now_ms)
{
	uint64_t age_ms = now_ms - begun_ms(flight);

	return peer->in_flight == 0 && is_awake(peer, now_ms) && holds(peer, flight->chunk) &&
	       peer->chunk_ms > 0 && age_ms >= PLANNER_SLOW_MS &&
	       age_ms >= (uint64_t)PLANNER_SLOW_TIMES * peer->chunk_ms;
}

/* Somebody who gets a chunk that is under way elsewhere; what comes from there all the same is
 * welcome. NULL if all goes well. */
static struct planner_peer *take_over(struct planner *planner, uint64_t now_ms, uint32_t *chunk)
{
	for (uint32_t i = 0; i < planner->flight_count; i++) {
		const struct planner_flight *flight = &planner->flights[i];

		for (uint32_t j = 0; j < planner->peer_count; j++) {
			struct planner_peer *peer = &planner->peers[j];

			if (!is_much_faster(peer, flight, now_ms))
				continue;
			*chunk = flight->chunk;
			/* Until it gives something, it is asked for one at a time. */
			find_peer(planner, flight->peer)->chunk_ms = PLANNER_SLOW_MS;
			land_flight(planner, i);
			return peer;
		}
	}
	return NULL;
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
	struct planner_peer *peer = &planner->peers[planner->peer_count];

	if (find_peer(planner, id) != NULL)
		return true;
	if (planner->peer_count == PLANNER_PEERS_MAX)
		return false;
	*peer = (struct planner_peer){ .id = id, .rank = rank, .level = PLANNER_LEVEL_NONE };
	chunkmap_init(&peer->map, planner->held.chunk_count);
	planner->peer_count++;
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
		peer->map_next_ms = now_ms + PLANNER_MAP_DEADLINE_MS;
		ask.kind = PLANNER_ASK_MAP;
		ask.peer = peer->id;
		return ask;
	}

	peer = planner->flight_count < PLANNER_FLIGHTS_MAX ? next_chunk(planner, now_ms, &ask.chunk)
							   : NULL;
	if (peer == NULL)
		peer = take_over(planner, now_ms, &ask.chunk);
	if (peer == NULL)
		return ask;
	peer->in_flight++;
	planner->far_begun |= peer->rank != PLANNER_NEIGHBOUR;
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

	for (uint32_t i = 0; i < planner->flight_count; i++) {
		const struct planner_flight *flight = &planner->flights[i];

		next_ms = sooner(next_ms, begun_ms(flight) + PLANNER_SLOW_MS, now_ms);
		next_ms = sooner(next_ms, flight->deadline_ms, now_ms);
	}
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
		else if (peer->level < PLANNER_LEVEL_NONE)
			next_ms = sooner(next_ms, peer->gained_ms + PLANNER_STUCK_MS, now_ms);
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
		if (!was_under_way)
			break;
		pause_peer(peer, now_ms);
		/* What else is under way there need not wait for the same. */
		land_all_flights_of(planner, peer->id);
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
		if (outcome == PLANNER_GOOD)
			measure(peer, &planner->flights[i], now_ms);
		land_flight(planner, i);
		was_under_way = true;
	}
	if (peer != NULL)
		judge_peer(planner, peer, outcome, was_under_way, now_ms);
	return outcome == PLANNER_GOOD && chunkmap_add(&planner->held, chunk);
}

/* A neighbour has news for us, or soon will: what is far away can wait for that. */
static void put_off_far(struct planner *planner, uint64_t now_ms)
{
	uint64_t from_ms =
		now_ms + PLANNER_FAR_WAIT_MS + prng_below(&planner->prng, PLANNER_FAR_SPREAD_MS);

	if (planner->far_from_ms < from_ms)
		planner->far_from_ms = from_ms;
}

void planner_map_over(
	struct planner *planner, uint32_t id, const struct chunkmap *map, uint64_t now_ms)
{
	struct planner_peer *peer = find_peer(planner, id);
	bool is_near;

	if (peer == NULL || (map == NULL && !peer->map_asked))
		return;
	/* Who tells by itself goes on to do so. */
	peer->map_next_ms =
		now_ms + (peer->map_asked ? PLANNER_MAP_INTERVAL_MS : PLANNER_MAP_TOLD_MS);
	peer->map_asked = false;
	is_near = peer->rank == PLANNER_NEIGHBOUR;
	if (map == NULL) {
		/* It has not begun yet, perhaps; then it tells by itself when it has. */
		if (is_near && !peer->map_known && peer->failure_count == 0)
			put_off_far(planner, now_ms);
		peer->map_next_ms = now_ms + count_failure(peer);
		return;
	}
	ensure(map->chunk_count == planner->held.chunk_count);
	if (!peer->map_known ||
		(map->held_count > peer->map.held_count && has_news(planner, map))) {
		peer->gained_ms = now_ms;
		if (is_near)
			put_off_far(planner, now_ms);
	}
	if (chunkmap_complete(map))
		peer->level = 0;
	peer->map = *map;
	peer->map_known = true;
}

void planner_level_told(struct planner *planner, uint32_t id, uint8_t level)
{
	struct planner_peer *peer = find_peer(planner, id);

	if (peer != NULL)
		peer->level = level;
}

uint8_t planner_level(const struct planner *planner, uint64_t now_ms)
{
	uint8_t least = PLANNER_LEVEL_NONE;

	if (chunkmap_complete(&planner->held))
		return 0;
	for (uint32_t i = 0; i < planner->peer_count; i++) {
		const struct planner_peer *peer = &planner->peers[i];
		uint8_t level = peer->level;

		if (!is_awake(peer, now_ms))
			continue;
		if (peer->rank != PLANNER_NEIGHBOUR)
			level = planner->far_begun ? PLANNER_LEVEL_FAR : PLANNER_LEVEL_NONE;
		if (level < least)
			least = level;
	}
	return least < PLANNER_LEVEL_NONE ? least + 1 : least;
}

void planner_map_stale(struct planner *planner, uint32_t id, uint64_t now_ms)
{
	struct planner_peer *peer = find_peer(planner, id);

	if (peer != NULL && !peer->map_asked && peer->map_next_ms > now_ms &&
		peer->map_next_ms <= now_ms + PLANNER_MAP_INTERVAL_MS)
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
