/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SWARM_PLANNER_H
#define SWARM_PLANNER_H

/*
 * Which chunk to ask of whom next.
 *
 * Each chunk is fetched once, from a direct neighbour that holds it, the rarest first, with a few
 * requests in flight per peer; sources further away and URLs are asked only for chunks that no
 * neighbour can give. A peer that gave a wrong chunk is banned for this image. The planner does no
 * I/O: planner_next() says what to ask, the other functions tell it what came of it. When nothing
 * else is left to ask of a peer, it takes over what another has had under way for long.
 *
 * Far peers and URLs wait while a neighbour keeps gaining chunks that we lack: they will come over
 * one hop soon. How long is left to chance, so that of several neighbours without a source one
 * begins to fetch from afar and the others fetch from that one. Over slow links that would not be
 * long enough: neighbours tell their level, one more than the lowest that they hear, 0 for who
 * holds all. While one is nearer to a source than what is far, and not stuck, all comes through it.
 *
 * A planner is a plain value without pointers. Peers are known by a number of the caller's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "swarm/chunkmap.h"

enum {
	PLANNER_PEERS_MAX = LIMITS_NEIGHBOURS_MAX + LIMITS_IMAGE_URLS_MAX + 5,
	PLANNER_IN_FLIGHT_FIRST = 2, /* per peer, before it is known what it gives; then … */
	PLANNER_AHEAD_MS = 20, /* … one, and as many more as a peer gives in this time: who asks
				  later knows better what others have by then */
	PLANNER_IN_FLIGHT_MAX = 8,
	PLANNER_FLIGHTS_MAX = 15,           /* all peers together: less than 1 MiB of chunks */
	PLANNER_CHUNK_DEADLINE_MS = 120000, /* 64 KiB at 4 kbit/s; who stands still fails before */
	PLANNER_MAP_DEADLINE_MS = 20000,
	PLANNER_SLOW_MS = 2000,        /* under way for so long, another may be asked … */
	PLANNER_SLOW_TIMES = 4,        /* … who would have had it so many times by then */
	PLANNER_MAP_INTERVAL_MS = 500, /* how often an incomplete map is asked for again … */
	PLANNER_MAP_TOLD_MS = 3000,    /* … of a peer that tells by itself */
	PLANNER_PAUSE_MIN_MS = 500,    /* after a failure; doubles up to … */
	PLANNER_PAUSE_MAX_MS = 30000,
	PLANNER_FAR_WAIT_MS = 3000, /* after a neighbour gained something, nothing from afar … */
	PLANNER_FAR_SPREAD_MS = 2000, /* … and up to so much longer, by chance */
	PLANNER_LEVEL_FAR = 32,       /* what is far counts as a neighbour of this level … */
	PLANNER_LEVEL_NONE = 64,      /* … and this is nobody's */
	PLANNER_STUCK_MS = 60000,     /* who has gained nothing for so long is not waited for */
};

enum planner_rank {
	PLANNER_NEIGHBOUR = 0, /* one hop away */
	PLANNER_FAR,           /* another node of the mesh */
	PLANNER_URL,           /* holds everything, outside the mesh perhaps */
};

enum planner_ask_kind {
	PLANNER_ASK_NOTHING = 0,
	PLANNER_ASK_MAP,   /* which chunks does `peer` hold? */
	PLANNER_ASK_CHUNK, /* get `chunk` from `peer` */
};

struct planner_ask {
	enum planner_ask_kind kind;
	uint32_t peer;
	uint32_t chunk;
};

enum planner_outcome {
	PLANNER_GOOD = 0, /* the chunk came and its hash is right */
	PLANNER_WRONG,    /* it came and its hash is wrong: the peer is banned */
	PLANNER_FAILED,   /* it did not come: the peer gets a pause */
	PLANNER_NOT_HELD, /* the peer does not hold it (416, 404): its map is stale, no pause */
};

struct planner_flight {
	uint32_t peer;
	uint32_t chunk;
	uint64_t deadline_ms;
};

struct planner_peer {
	uint32_t id;
	enum planner_rank rank;
	bool banned; /* kept for good, also when the peer goes */
	bool map_known;
	bool map_asked; /* a map request is under way */
	uint8_t level;
	uint32_t in_flight;
	uint32_t failure_count; /* in a row */
	uint32_t chunk_ms;      /* what a chunk takes from here, of late; 0 while not known */
	uint64_t came_ms;       /* the last one */
	uint64_t gained_ms;     /* when it told of a new chunk */
	uint64_t pause_until_ms;
	uint64_t map_next_ms; /* map_asked: its deadline; else when its map may be asked for */
	struct chunkmap map;
};

struct planner {
	uint32_t peer_count;
	uint32_t flight_count;
	bool far_begun;       /* something was asked of a far peer or a URL */
	uint64_t far_from_ms; /* before this, nothing from far peers and URLs */
	struct prng prng;
	struct chunkmap held;
	struct planner_peer peers[PLANNER_PEERS_MAX];
	struct planner_flight flights[PLANNER_FLIGHTS_MAX];
};

/* Nothing held, no peers. */
void planner_init(struct planner *planner, uint32_t chunk_count, uint64_t seed);

/* What is on disk already. */
void planner_hold(struct planner *planner, const struct chunkmap *held);

/* A peer appears; one that is there stays as it is. False if the table is full. A PLANNER_URL peer
 * holds every chunk and is never asked for a map. */
bool planner_peer_up(struct planner *planner, uint32_t peer, enum planner_rank rank);
/* It is gone: what it had in flight is free for others. Of one that is banned only that is kept. */
void planner_peer_down(struct planner *planner, uint32_t peer);

/* The next request to make now, which then counts as under way; kind NOTHING if there is none.
 * Call until it says so. Flights whose deadline is over count as failed first. */
struct planner_ask planner_next(struct planner *planner, uint64_t now_ms);

/* When planner_next(), which just had nothing, may have news without any event; UINT64_MAX if
 * never. */
uint64_t planner_next_ms(const struct planner *planner, uint64_t now_ms);

/* What came of a request. Outcomes of requests that are not under way (late answers after a
 * deadline) are welcome if GOOD and otherwise change nothing but a ban. Returns true if the chunk
 * is news: it must now be written. */
bool planner_chunk_over(struct planner *planner, uint32_t peer, uint32_t chunk,
	enum planner_outcome outcome, uint64_t now_ms);
/* A map that nobody asked for is welcome too: who tells by itself need not be asked so often. */
void planner_map_over(struct planner *planner, uint32_t peer,
	const struct chunkmap *map /* NULL: failed */, uint64_t now_ms);

/* A neighbour tells its level. */
void planner_level_told(struct planner *planner, uint32_t peer, uint8_t level);
/* Ours, to tell neighbours. */
uint8_t planner_level(const struct planner *planner, uint64_t now_ms);

/* A hint that `peer` holds more than we know (its record says so): ask for its map soon. */
void planner_map_stale(struct planner *planner, uint32_t peer, uint64_t now_ms);

bool planner_banned(const struct planner *planner, uint32_t peer);
/* True if some peer that is not banned holds, or may hold, a chunk that we lack. */
bool planner_has_source(const struct planner *planner);

#endif
