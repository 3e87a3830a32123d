// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/planner.h"

enum { CHUNKS = 8 };

static struct planner planner;

static int set_up(void **state)
{
	(void)state;
	planner_init(&planner, CHUNKS, 7);
	return 0;
}

static struct chunkmap map_of(uint32_t bits)
{
	struct chunkmap map;

	chunkmap_init(&map, CHUNKS);
	for (uint32_t i = 0; i < CHUNKS; i++)
		if (bits >> i & 1)
			chunkmap_add(&map, i);
	return map;
}

/* A peer with a map, in the way that it gets one. */
static void up(uint32_t peer, enum planner_rank rank, uint32_t bits, uint64_t now_ms)
{
	struct chunkmap map = map_of(bits);
	struct planner_ask ask;

	assert_true(planner_peer_up(&planner, peer, rank));
	if (rank == PLANNER_URL)
		return;
	ask = planner_next(&planner, now_ms);
	assert_int_equal(ask.kind, PLANNER_ASK_MAP);
	assert_int_equal(ask.peer, peer);
	planner_map_over(&planner, peer, &map, now_ms);
	planner.far_from_ms = now_ms;
}

static struct planner_ask expect_chunk(uint64_t now_ms)
{
	struct planner_ask ask = planner_next(&planner, now_ms);

	assert_int_equal(ask.kind, PLANNER_ASK_CHUNK);
	return ask;
}

static void expect_nothing(uint64_t now_ms)
{
	assert_int_equal(planner_next(&planner, now_ms).kind, PLANNER_ASK_NOTHING);
}

static void test_nobody_to_ask(void **state)
{
	(void)state;
	expect_nothing(0);
	assert_true(planner_next_ms(&planner, 0) == UINT64_MAX);
	assert_false(planner_has_source(&planner));
}

static void test_rarest_first(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0xff, 0);
	up(2, PLANNER_NEIGHBOUR, 0xef, 0);
	up(3, PLANNER_NEIGHBOUR, 0xef, 0);
	assert_int_equal(expect_chunk(0).chunk, 4);
}

/* How rare a chunk is among far peers says nothing about the neighbourhood. */
static void test_rarity_counts_neighbours_only(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x03, 0);
	up(2, PLANNER_NEIGHBOUR, 0x01, 0);
	up(3, PLANNER_FAR, 0x02, 0);
	up(4, PLANNER_FAR, 0x02, 0);
	assert_int_equal(expect_chunk(0).chunk, 1);
}

static void test_each_chunk_is_in_flight_once(void **state)
{
	uint32_t asked = 0;

	(void)state;
	for (uint32_t peer = 0; peer < CHUNKS; peer++)
		up(peer, PLANNER_NEIGHBOUR, 0xff, 0);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		struct planner_ask ask = expect_chunk(0);

		assert_false(asked >> ask.chunk & 1);
		asked |= 1u << ask.chunk;
	}
	expect_nothing(0);
	assert_int_equal(planner.flight_count, CHUNKS);
}

static void test_a_peer_gets_a_few_requests(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0xff, 0);
	for (uint32_t i = 0; i < PLANNER_IN_FLIGHT_FIRST; i++)
		expect_chunk(0);
	expect_nothing(0);
}

static void test_the_least_busy_peer_is_asked(void **state)
{
	uint32_t asked[3] = { 0 };

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0xff, 0);
	up(2, PLANNER_NEIGHBOUR, 0xff, 0);
	for (uint32_t i = 0; i < 4; i++)
		asked[expect_chunk(0).peer]++;
	assert_int_equal(asked[1], 2);
	assert_int_equal(asked[2], 2);
}

static void test_nearer_ranks_first(void **state)
{
	(void)state;
	up(1, PLANNER_URL, 0, 0);
	up(2, PLANNER_FAR, 0x06, 0);
	up(3, PLANNER_NEIGHBOUR, 0x05, 0);
	/* 0 and 2 of the neighbour, 1 of the far node, others from the URL. */
	for (uint32_t i = 0; i < 3 + PLANNER_IN_FLIGHT_FIRST; i++) {
		struct planner_ask ask = expect_chunk(0);
		uint32_t wanted = ask.chunk == 0 || ask.chunk == 2 ? 3 : ask.chunk == 1 ? 2 : 1;

		assert_int_equal(ask.peer, wanted);
	}
	expect_nothing(0); /* the URL has its share */
}

/* A busy neighbour is waited for; its chunks are not fetched from afar. */
static void test_busy_neighbour_is_no_reason_to_go_far(void **state)
{
	(void)state;
	up(1, PLANNER_FAR, 0xff, 0);
	up(2, PLANNER_NEIGHBOUR, 0xff, 0);
	for (uint32_t i = 0; i < PLANNER_IN_FLIGHT_FIRST; i++)
		assert_int_equal(expect_chunk(0).peer, 2);
	expect_nothing(0);
}

static void test_far_waits_for_a_neighbour_that_gains(void **state)
{
	struct chunkmap more = map_of(0x03);
	uint64_t now_ms = PLANNER_MAP_INTERVAL_MS;

	(void)state;
	up(1, PLANNER_URL, 0, 0);
	up(2, PLANNER_NEIGHBOUR, 0x01, 0);
	assert_int_equal(planner_next(&planner, now_ms).kind, PLANNER_ASK_MAP);
	planner_map_over(&planner, 2, &more, now_ms);
	assert_int_equal(expect_chunk(now_ms).peer, 2);
	assert_int_equal(expect_chunk(now_ms).peer, 2);
	expect_nothing(now_ms);
	assert_true(planner.far_from_ms >= now_ms + PLANNER_FAR_WAIT_MS);
	assert_true(planner.far_from_ms < now_ms + PLANNER_FAR_WAIT_MS + PLANNER_FAR_SPREAD_MS);
	/* It wakes up by itself when the wait is over. */
	while (now_ms < planner.far_from_ms) {
		now_ms = planner_next_ms(&planner, now_ms);
		if (planner_next(&planner, now_ms).kind == PLANNER_ASK_MAP)
			planner_map_over(&planner, 2, &more, now_ms);
	}
	assert_int_equal(planner.flight_count, 3);
}

static void test_far_waits_for_an_unknown_map(void **state)
{
	(void)state;
	up(1, PLANNER_URL, 0, 0);
	assert_true(planner_peer_up(&planner, 2, PLANNER_NEIGHBOUR));
	assert_int_equal(planner_next(&planner, 0).kind, PLANNER_ASK_MAP);
	expect_nothing(0);
	/* It may not have begun yet; once it is waited for, and not again. */
	planner_map_over(&planner, 2, NULL, 10);
	expect_nothing(10);
	assert_true(planner.far_from_ms >= 10 + PLANNER_FAR_WAIT_MS);
	assert_int_equal(planner_next(&planner, planner.far_from_ms).kind, PLANNER_ASK_MAP);
	planner_map_over(&planner, 2, NULL, planner.far_from_ms);
	assert_int_equal(expect_chunk(planner.far_from_ms).peer, 1);
}

static void test_level(void **state)
{
	struct chunkmap whole = map_of(UINT32_MAX);

	(void)state;
	assert_int_equal(planner_level(&planner, 0), PLANNER_LEVEL_NONE);
	up(1, PLANNER_NEIGHBOUR, 0, 0);
	up(2, PLANNER_NEIGHBOUR, 0, 0);
	assert_int_equal(planner_level(&planner, 0), PLANNER_LEVEL_NONE);
	planner_level_told(&planner, 1, 7);
	planner_level_told(&planner, 2, 9);
	planner_level_told(&planner, 3, 1); /* who is that? */
	assert_int_equal(planner_level(&planner, 0), 8);
	planner.peers[0].pause_until_ms = 100;
	assert_int_equal(planner_level(&planner, 0), 10);
	planner_map_over(&planner, 2, &whole, 0);
	assert_int_equal(planner_level(&planner, 0), 1);
	planner_hold(&planner, &whole);
	assert_int_equal(planner_level(&planner, 0), 0);
}

/* Over a slow link a chunk takes longer than anybody would wait for what is far. */
static void test_far_waits_for_who_is_nearer(void **state)
{
	uint64_t now_ms = 1000;

	(void)state;
	up(1, PLANNER_URL, 0, now_ms);
	up(2, PLANNER_NEIGHBOUR, 0, now_ms);
	planner_level_told(&planner, 2, 5);
	for (uint32_t i = 0; i < planner.peer_count; i++)
		planner.peers[i].map_next_ms = UINT64_MAX;
	expect_nothing(now_ms);
	/* But not for who is stuck. */
	assert_true(planner_next_ms(&planner, now_ms) == now_ms + PLANNER_STUCK_MS);
	expect_nothing(now_ms + PLANNER_STUCK_MS - 1);
	assert_int_equal(expect_chunk(now_ms + PLANNER_STUCK_MS).peer, 1);
}

static void test_one_of_two_begins_with_what_is_far(void **state)
{
	(void)state;
	up(1, PLANNER_URL, 0, 0);
	up(2, PLANNER_NEIGHBOUR, 0, 0);
	planner_level_told(&planner, 2, PLANNER_LEVEL_FAR + 1); /* it has begun */
	expect_nothing(0);
	planner_level_told(&planner, 2, PLANNER_LEVEL_NONE);
	assert_int_equal(expect_chunk(0).peer, 1);
	assert_int_equal(planner_level(&planner, 0), PLANNER_LEVEL_FAR + 1);
	planner_level_told(&planner, 2, PLANNER_LEVEL_FAR + 2); /* it waits for us, not we for it */
	assert_int_equal(expect_chunk(0).peer, 1);
	planner_level_told(&planner, 2, PLANNER_LEVEL_FAR - 1);
	expect_nothing(0);
}

static void test_who_has_not_begun_is_not_punished(void **state)
{
	struct chunkmap whole = map_of(0xff);

	(void)state;
	assert_true(planner_peer_up(&planner, 1, PLANNER_NEIGHBOUR));
	assert_int_equal(planner_next(&planner, 0).kind, PLANNER_ASK_MAP);
	planner_map_over(&planner, 1, NULL, 10);
	expect_nothing(11);
	planner_map_over(&planner, 1, &whole, 12); /* it told by itself */
	assert_int_equal(expect_chunk(12).peer, 1);
}

/* Two who ask one source at the same time, unseen by each other, seldom ask for the same: not even
 * when the chunks that are left lie behind a gap. */
static void test_any_of_the_rarest(void **state)
{
	uint32_t asked[CHUNKS] = { 0 };
	struct chunkmap most = map_of(0x1f);

	(void)state;
	for (uint64_t seed = 0; seed < 300 * (CHUNKS - 5); seed++) {
		planner_init(&planner, CHUNKS, seed);
		planner_hold(&planner, &most);
		up(1, PLANNER_NEIGHBOUR, UINT32_MAX, 0);
		asked[expect_chunk(0).chunk]++;
	}
	for (uint32_t chunk = 5; chunk < CHUNKS; chunk++)
		assert_in_range(asked[chunk], 220, 380);
}

static void test_deadline_frees_the_chunk_and_pauses_the_peer(void **state)
{
	uint64_t late_ms = PLANNER_CHUNK_DEADLINE_MS, wake_ms;
	struct planner_ask ask;

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x01, 0);
	ask = expect_chunk(0);
	planner.peers[0].map_next_ms = UINT64_MAX;
	wake_ms = planner_next_ms(&planner, 0);
	assert_true(wake_ms == PLANNER_SLOW_MS); /* another may take it over then */
	assert_true(planner_next_ms(&planner, wake_ms) == late_ms);
	expect_nothing(late_ms - 1);
	assert_int_equal(planner.flight_count, 1);
	expect_nothing(late_ms);
	assert_int_equal(planner.flight_count, 0);
	assert_true(planner_next_ms(&planner, late_ms) == late_ms + PLANNER_PAUSE_MIN_MS);
	assert_int_equal(expect_chunk(late_ms + PLANNER_PAUSE_MIN_MS).chunk, ask.chunk);
}

static void test_silent_map_is_a_failure(void **state)
{
	(void)state;
	assert_true(planner_peer_up(&planner, 1, PLANNER_FAR));
	assert_int_equal(planner_next(&planner, 0).kind, PLANNER_ASK_MAP);
	assert_true(planner_next_ms(&planner, 0) == PLANNER_MAP_DEADLINE_MS);
	expect_nothing(PLANNER_MAP_DEADLINE_MS);
	assert_int_equal(
		planner_next(&planner, PLANNER_MAP_DEADLINE_MS + PLANNER_PAUSE_MIN_MS).kind,
		PLANNER_ASK_MAP);
}

static void test_failure_frees_all_that_is_under_way_there(void **state)
{
	struct planner_ask first, second;

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x03, 0);
	first = expect_chunk(0);
	second = expect_chunk(0);
	planner_chunk_over(&planner, 1, first.chunk, PLANNER_FAILED, 10);
	assert_int_equal(planner.flight_count, 0);
	/* What comes all the same is welcome. */
	assert_true(planner_chunk_over(&planner, 1, second.chunk, PLANNER_GOOD, 20));
}

static void ask_for_no_more_maps(void)
{
	for (uint32_t i = 0; i < planner.peer_count; i++)
		planner.peers[i].map_next_ms = UINT64_MAX;
}

static void test_slow_work_is_taken_over(void **state)
{
	struct planner_ask slow, fast;
	uint64_t now_ms = 0;

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x07, now_ms);
	slow = expect_chunk(now_ms);
	assert_int_equal(expect_chunk(now_ms).peer, 1);
	up(2, PLANNER_NEIGHBOUR, 0x07, now_ms);
	ask_for_no_more_maps();
	fast = expect_chunk(now_ms);
	assert_int_equal(fast.peer, 2);
	expect_nothing(now_ms);
	now_ms = 100;
	assert_true(planner_chunk_over(&planner, 2, fast.chunk, PLANNER_GOOD, now_ms));
	expect_nothing(now_ms); /* the others are under way, and for how long? */
	expect_nothing(PLANNER_SLOW_MS - 1);
	now_ms = planner_next_ms(&planner, PLANNER_SLOW_MS - 1);
	assert_true(now_ms == PLANNER_SLOW_MS);
	fast = expect_chunk(now_ms);
	assert_int_equal(fast.peer, 2);
	assert_int_equal(planner.flight_count, 2);
	expect_nothing(now_ms); /* one at a time: it is not known what holds the other up */
	/* The slow one comes after all: nothing is lost, and nothing is counted twice. */
	assert_true(planner_chunk_over(&planner, 1, fast.chunk, PLANNER_GOOD, now_ms + 1));
	assert_false(planner_chunk_over(&planner, 2, fast.chunk, PLANNER_GOOD, now_ms + 2));
	assert_true(planner_chunk_over(&planner, 1, slow.chunk == fast.chunk ? 0 : slow.chunk,
			    PLANNER_GOOD, now_ms + 3) ||
		    planner.held.held_count == 3);
}

static void test_nobody_takes_over_who_is_no_faster(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x03, 0);
	expect_chunk(0);
	up(2, PLANNER_NEIGHBOUR, 0x03, 0);
	ask_for_no_more_maps();
	expect_chunk(0);
	expect_nothing(PLANNER_SLOW_MS); /* of 2 nothing is known */
	planner_chunk_over(&planner, 2, planner.flights[1].chunk, PLANNER_GOOD, PLANNER_SLOW_MS);
	expect_nothing(PLANNER_SLOW_MS); /* it took as long as the other so far */
	expect_nothing(2 * PLANNER_SLOW_MS);
}

static void test_pauses_double(void **state)
{
	uint64_t now_ms = 0;
	uint64_t pause_ms = PLANNER_PAUSE_MIN_MS;

	(void)state;
	up(1, PLANNER_URL, 0, 0);
	for (int i = 0; i < 10; i++) {
		struct planner_ask ask = expect_chunk(now_ms);

		planner_chunk_over(&planner, 1, ask.chunk, PLANNER_FAILED, now_ms);
		expect_nothing(now_ms);
		assert_true(planner_next_ms(&planner, now_ms) == now_ms + pause_ms);
		expect_nothing(now_ms + pause_ms - 1);
		now_ms += pause_ms;
		pause_ms =
			pause_ms * 2 < PLANNER_PAUSE_MAX_MS ? pause_ms * 2 : PLANNER_PAUSE_MAX_MS;
	}
	/* One good chunk, and all is forgotten. */
	planner_chunk_over(&planner, 1, expect_chunk(now_ms).chunk, PLANNER_GOOD, now_ms);
	planner_chunk_over(&planner, 1, expect_chunk(now_ms).chunk, PLANNER_FAILED, now_ms);
	assert_true(planner_next_ms(&planner, now_ms) == now_ms + PLANNER_PAUSE_MIN_MS);
}

/* A broken connection fails all its requests; that is one failure. */
/* What is asked ahead is what comes in some milliseconds, whatever the link. */
static void test_a_fast_peer_gets_more_requests(void **state)
{
	static const struct {
		uint32_t chunk_ms, in_flight;
	} links[] = { { 1000, 2 }, { 27, 2 }, { 8, 4 }, { 1, PLANNER_IN_FLIGHT_MAX } };
	struct chunkmap full;
	uint64_t now_ms = 0;

	(void)state;
	chunkmap_init(&full, LIMITS_CHUNKS_MAX);
	for (uint32_t i = 0; i < LIMITS_CHUNKS_MAX; i++)
		chunkmap_add(&full, i);
	for (uint32_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		uint32_t asked[PLANNER_IN_FLIGHT_MAX], first = 0, count = 0;
		struct planner_ask ask;

		planner_init(&planner, LIMITS_CHUNKS_MAX, i);
		assert_true(planner_peer_up(&planner, 7, PLANNER_NEIGHBOUR));
		planner_map_over(&planner, 7, &full, now_ms);
		for (uint32_t turn = 0; turn < 200; turn++) {
			while ((ask = planner_next(&planner, now_ms)).kind == PLANNER_ASK_CHUNK) {
				assert_in_range(count, first, first + PLANNER_IN_FLIGHT_MAX - 1);
				asked[count++ % PLANNER_IN_FLIGHT_MAX] = ask.chunk;
			}
			now_ms += links[i].chunk_ms;
			assert_true(planner_chunk_over(&planner, 7,
				asked[first++ % PLANNER_IN_FLIGHT_MAX], PLANNER_GOOD, now_ms));
		}
		while (planner_next(&planner, now_ms).kind == PLANNER_ASK_CHUNK)
			count++;
		assert_int_equal(count - first, links[i].in_flight);
	}
}

static void test_failures_together_are_one(void **state)
{
	uint32_t chunks[PLANNER_IN_FLIGHT_FIRST];

	(void)state;
	up(1, PLANNER_URL, 0, 0);
	for (uint32_t i = 0; i < PLANNER_IN_FLIGHT_FIRST; i++)
		chunks[i] = expect_chunk(0).chunk;
	for (uint32_t i = 0; i < PLANNER_IN_FLIGHT_FIRST; i++)
		planner_chunk_over(&planner, 1, chunks[i], PLANNER_FAILED, 0);
	assert_int_equal(planner.flight_count, 0);
	expect_chunk(PLANNER_PAUSE_MIN_MS);
}

static void test_wrong_chunk_bans(void **state)
{
	uint32_t chunk;

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0xff, 0);
	chunk = expect_chunk(0).chunk;
	expect_chunk(0);
	assert_false(planner_chunk_over(&planner, 1, chunk, PLANNER_WRONG, 0));
	assert_true(planner_banned(&planner, 1));
	assert_int_equal(planner.flight_count, 0);
	expect_nothing(1000000);
	assert_true(planner_next_ms(&planner, 0) == UINT64_MAX);
	assert_false(planner_has_source(&planner));
	/* It does not help to go and come back. */
	planner_peer_down(&planner, 1);
	assert_true(planner_banned(&planner, 1));
	assert_true(planner_peer_up(&planner, 1, PLANNER_NEIGHBOUR));
	assert_true(planner_banned(&planner, 1));
	expect_nothing(1000000);
	assert_int_equal(planner.peer_count, 1);
}

static void test_late_answers(void **state)
{
	uint32_t chunk;

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0xff, 0);
	chunk = expect_chunk(0).chunk;
	planner_peer_down(&planner, 1);
	/* Bad news of a request that is over change nothing … */
	assert_false(planner_chunk_over(&planner, 1, chunk, PLANNER_FAILED, 5));
	assert_false(planner_chunk_over(&planner, 1, chunk, PLANNER_NOT_HELD, 5));
	assert_int_equal(planner.held.held_count, 0);
	/* … good ones are news, once … */
	assert_true(planner_chunk_over(&planner, 1, chunk, PLANNER_GOOD, 5));
	assert_false(planner_chunk_over(&planner, 1, chunk, PLANNER_GOOD, 5));
	assert_int_equal(planner.held.held_count, 1);
	/* … and a pause is not given for what was not under way, but a ban is. */
	up(2, PLANNER_NEIGHBOUR, 0xff, 5);
	assert_false(planner_chunk_over(&planner, 2, 3, PLANNER_FAILED, 5));
	expect_chunk(5);
	assert_false(planner_chunk_over(&planner, 2, 3, PLANNER_WRONG, 5));
	assert_true(planner_banned(&planner, 2));
}

static void test_gone_peer_frees_its_flights(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x03, 0);
	up(2, PLANNER_FAR, 0x03, 0);
	expect_chunk(0);
	expect_chunk(0);
	expect_nothing(0);
	planner_peer_down(&planner, 1);
	assert_int_equal(planner.flight_count, 0);
	assert_int_equal(expect_chunk(0).peer, 2);
	assert_int_equal(expect_chunk(0).peer, 2);
}

/* The second of two peers moves in the table when the first goes; its flights must follow. */
static void test_table_stays_whole(void **state)
{
	uint32_t chunk;

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0, 0);
	up(2, PLANNER_NEIGHBOUR, 0xff, 0);
	chunk = expect_chunk(0).chunk;
	planner_peer_down(&planner, 1);
	assert_true(planner_chunk_over(&planner, 2, chunk, PLANNER_GOOD, 0));
	assert_int_equal(planner.flight_count, 0);
	for (uint32_t i = 0; i < PLANNER_IN_FLIGHT_FIRST; i++)
		expect_chunk(0);
	planner_peer_down(&planner, 77);
}

static void test_maps_are_refreshed(void **state)
{
	struct chunkmap whole = map_of(0xff);

	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x00, 100);
	expect_nothing(100);
	assert_true(planner_next_ms(&planner, 100) == 100 + PLANNER_MAP_INTERVAL_MS);
	expect_nothing(99 + PLANNER_MAP_INTERVAL_MS);
	planner_map_stale(&planner, 1, 200);
	assert_int_equal(planner_next(&planner, 200).kind, PLANNER_ASK_MAP);
	expect_nothing(200); /* one at a time */
	planner_map_over(&planner, 1, &whole, 200);
	/* A whole map is never asked for again. */
	planner_map_stale(&planner, 1, 300);
	for (uint32_t i = 0; i < PLANNER_IN_FLIGHT_FIRST; i++)
		expect_chunk(300);
	expect_nothing(300 + PLANNER_MAP_INTERVAL_MS);
}

static void test_unasked_map_is_welcome(void **state)
{
	struct chunkmap whole = map_of(0xff);

	(void)state;
	assert_true(planner_peer_up(&planner, 1, PLANNER_NEIGHBOUR));
	planner_map_over(&planner, 1, NULL, 0); /* but no failure that nobody asked for */
	planner_map_over(&planner, 1, &whole, 0);
	assert_int_equal(expect_chunk(0).peer, 1);
	planner_map_over(&planner, 5, &whole, 0);
}

static void test_not_held_makes_the_map_stale(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0xff, 0);
	planner_chunk_over(&planner, 1, expect_chunk(0).chunk, PLANNER_NOT_HELD, 0);
	assert_int_equal(planner.peers[0].failure_count, 0);
	expect_nothing(0); /* not at once, or the two of us would spin */
	assert_int_equal(planner_next(&planner, PLANNER_MAP_INTERVAL_MS).kind, PLANNER_ASK_MAP);
}

static void test_url_without_the_file_fails(void **state)
{
	(void)state;
	up(1, PLANNER_URL, 0, 0);
	planner_chunk_over(&planner, 1, expect_chunk(0).chunk, PLANNER_NOT_HELD, 0);
	expect_nothing(0);
	expect_chunk(PLANNER_PAUSE_MIN_MS);
}

static void test_has_source(void **state)
{
	(void)state;
	up(1, PLANNER_NEIGHBOUR, 0x01, 0);
	assert_true(planner_has_source(&planner));
	chunkmap_add(&planner.held, 0);
	assert_false(planner_has_source(&planner)); /* it has nothing that we lack */
	assert_true(planner_peer_up(&planner, 2, PLANNER_FAR));
	assert_true(planner_has_source(&planner)); /* it may */
	for (uint32_t i = 0; i < CHUNKS; i++)
		chunkmap_add(&planner.held, i);
	assert_false(planner_has_source(&planner)); /* nothing is lacking */
	expect_nothing(0);
}

static void test_table_is_bounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PLANNER_PEERS_MAX; i++)
		assert_true(planner_peer_up(&planner, 1000 + i, PLANNER_URL));
	assert_false(planner_peer_up(&planner, 1, PLANNER_URL));
	assert_true(planner_peer_up(&planner, 1000, PLANNER_URL));
	assert_int_equal(planner.peer_count, PLANNER_PEERS_MAX);
}

/*
 * A chain of five nodes; the first has the image. One message takes 10 ms; every link gives one
 * chunk at a time each way, in 20 ms.
 */
enum { NODES = 5, IMAGE_CHUNKS = 96, STEP_MS = 10, CHUNK_MS = 20 };

struct request {
	struct planner_ask ask;
	uint64_t due_ms;
};

struct node {
	struct planner planner;
	struct request requests[PLANNER_FLIGHTS_MAX + 2];
	uint32_t request_count;
	uint32_t crossings[IMAGE_CHUNKS]; /* how often a chunk came in */
	uint64_t busy_until_ms[2];        /* of the links from the left and the right */
};

static void ask_all(struct node *nodes, uint32_t n, uint64_t now_ms)
{
	struct node *node = &nodes[n];

	for (;;) {
		struct planner_ask ask = planner_next(&node->planner, now_ms);
		uint64_t *busy_ms = &node->busy_until_ms[ask.peer > n];
		uint64_t due_ms = now_ms + STEP_MS;

		if (ask.kind == PLANNER_ASK_NOTHING)
			return;
		if (ask.kind == PLANNER_ASK_CHUNK) {
			if (*busy_ms < now_ms)
				*busy_ms = now_ms;
			*busy_ms += CHUNK_MS;
			due_ms = *busy_ms + STEP_MS;
		}
		assert_true(node->request_count < PLANNER_FLIGHTS_MAX + 2);
		node->requests[node->request_count++] =
			(struct request){ .ask = ask, .due_ms = due_ms };
	}
}

static void answer(struct node *nodes, uint32_t n, uint64_t now_ms)
{
	struct node *node = &nodes[n];

	for (uint32_t i = 0; i < node->request_count;) {
		struct request request = node->requests[i];
		const struct planner *peer = &nodes[request.ask.peer].planner;

		if (request.due_ms > now_ms) {
			i++;
			continue;
		}
		node->requests[i] = node->requests[--node->request_count];
		if (request.ask.kind == PLANNER_ASK_MAP) {
			planner_map_over(&node->planner, request.ask.peer, &peer->held, now_ms);
			continue;
		}
		assert_true(chunkmap_has(&peer->held, request.ask.chunk));
		node->crossings[request.ask.chunk]++;
		assert_true(planner_chunk_over(
			&node->planner, request.ask.peer, request.ask.chunk, PLANNER_GOOD, now_ms));
	}
}

static void test_chain_of_five(void **state)
{
	struct node *nodes = calloc(NODES, sizeof(*nodes));
	uint64_t now_ms = 0;
	uint32_t complete = 0;

	(void)state;
	assert_non_null(nodes);
	for (uint32_t n = 0; n < NODES; n++) {
		planner_init(&nodes[n].planner, IMAGE_CHUNKS, n);
		if (n > 0)
			assert_true(planner_peer_up(&nodes[n].planner, n - 1, PLANNER_NEIGHBOUR));
		if (n + 1 < NODES)
			assert_true(planner_peer_up(&nodes[n].planner, n + 1, PLANNER_NEIGHBOUR));
		/* Everybody could also reach the first node over all the links between. */
		if (n > 1)
			assert_true(planner_peer_up(&nodes[n].planner, 0, PLANNER_FAR));
	}
	for (uint32_t chunk = 0; chunk < IMAGE_CHUNKS; chunk++)
		chunkmap_add(&nodes[0].planner.held, chunk);

	for (; complete < NODES && now_ms < 60000; now_ms += STEP_MS) {
		complete = 0;
		for (uint32_t n = 0; n < NODES; n++) {
			answer(nodes, n, now_ms);
			ask_all(nodes, n, now_ms);
			for (uint32_t i = 0; n > 1 && i < nodes[n].planner.flight_count; i++)
				assert_int_not_equal(nodes[n].planner.flights[i].peer, 0);
			complete += chunkmap_complete(&nodes[n].planner.held);
		}
	}
	assert_int_equal(complete, NODES);
	/* Every chunk came over every link exactly once: into each node, from one neighbour. */
	for (uint32_t n = 1; n < NODES; n++)
		for (uint32_t chunk = 0; chunk < IMAGE_CHUNKS; chunk++)
			assert_int_equal(nodes[n].crossings[chunk], 1);
	free(nodes);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		TEST(test_nobody_to_ask),
		TEST(test_rarest_first),
		TEST(test_rarity_counts_neighbours_only),
		TEST(test_each_chunk_is_in_flight_once),
		TEST(test_a_peer_gets_a_few_requests),
		TEST(test_the_least_busy_peer_is_asked),
		TEST(test_nearer_ranks_first),
		TEST(test_busy_neighbour_is_no_reason_to_go_far),
		TEST(test_far_waits_for_a_neighbour_that_gains),
		TEST(test_far_waits_for_an_unknown_map),
		TEST(test_who_has_not_begun_is_not_punished),
		TEST(test_any_of_the_rarest),
		TEST(test_level),
		TEST(test_far_waits_for_who_is_nearer),
		TEST(test_one_of_two_begins_with_what_is_far),
		TEST(test_deadline_frees_the_chunk_and_pauses_the_peer),
		TEST(test_silent_map_is_a_failure),
		TEST(test_failure_frees_all_that_is_under_way_there),
		TEST(test_slow_work_is_taken_over),
		TEST(test_nobody_takes_over_who_is_no_faster),
		TEST(test_pauses_double),
		TEST(test_a_fast_peer_gets_more_requests),
		TEST(test_failures_together_are_one),
		TEST(test_wrong_chunk_bans),
		TEST(test_late_answers),
		TEST(test_gone_peer_frees_its_flights),
		TEST(test_table_stays_whole),
		TEST(test_maps_are_refreshed),
		TEST(test_unasked_map_is_welcome),
		TEST(test_not_held_makes_the_map_stale),
		TEST(test_url_without_the_file_fails),
		TEST(test_has_source),
		TEST(test_table_is_bounded),
		TEST(test_chain_of_five),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
