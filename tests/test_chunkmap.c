// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "swarm/chunkmap.h"

/* What a peer may send, and what we make of it. Each row runs as a test of its own name. */
static struct decode_case {
	const char *name;
	uint32_t chunk_count;
	uint8_t wire[3];
	size_t wire_size;
	enum chunkmap_error error;
	uint32_t held_count;
} decode_cases[] = {
	{ "decode: holds nothing", 12, { 0x00, 0x00 }, 2, CHUNKMAP_OK, 0 },
	{ "decode: first bit is chunk 0", 12, { 0x01, 0x00 }, 2, CHUNKMAP_OK, 1 },
	{ "decode: all but the last chunk", 12, { 0xff, 0x07 }, 2, CHUNKMAP_OK, 11 },
	{ "decode: complete, padded", 12, { 0xff, 0x0f }, 2, CHUNKMAP_OK, 12 },
	{ "decode: complete, no padding", 16, { 0xff, 0xff }, 2, CHUNKMAP_OK, 16 },
	{ "decode: first padding bit set", 12, { 0xff, 0x1f }, 2, CHUNKMAP_BAD_PADDING, 0 },
	{ "decode: one byte short", 12, { 0xff }, 1, CHUNKMAP_BAD_SIZE, 0 },
	{ "decode: one byte long", 12, { 0xff, 0x0f, 0x00 }, 3, CHUNKMAP_BAD_SIZE, 0 },
	{ "decode: empty message", 1, { 0 }, 0, CHUNKMAP_BAD_SIZE, 0 },
};
enum { DECODE_CASES = sizeof(decode_cases) / sizeof(decode_cases[0]) };

static void test_decode(void **state)
{
	const struct decode_case *c = *state;
	struct chunkmap before, map;

	chunkmap_init(&map, 5);
	chunkmap_add(&map, 3);
	before = map;

	assert_int_equal(chunkmap_decode(&map, c->chunk_count, c->wire, c->wire_size), c->error);

	if (c->error != CHUNKMAP_OK) {
		assert_memory_equal(&map, &before, sizeof(map));
		return;
	}
	assert_int_equal(map.held_count, c->held_count);
	assert_int_equal(chunkmap_complete(&map), c->held_count == c->chunk_count);
	assert_memory_equal(map.bits, c->wire, c->wire_size);
}

/* Every subset of every small map survives the wire: 2046 maps, no luck involved. */
static void test_every_small_map_round_trips(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= 10; count++) {
		for (uint32_t subset = 0; subset < 1u << count; subset++) {
			size_t wire_size = chunkmap_wire_size(count);
			struct chunkmap sent, received;

			chunkmap_init(&sent, count);
			for (uint32_t chunk = 0; chunk < count; chunk++) {
				bool wanted = subset >> chunk & 1;

				assert_int_equal(wanted && chunkmap_add(&sent, chunk), wanted);
				assert_false(wanted && chunkmap_add(&sent, chunk));
				assert_int_equal(chunkmap_has(&sent, chunk), wanted);
			}
			assert_int_equal(chunkmap_decode(&received, count, sent.bits, wire_size),
				CHUNKMAP_OK);
			assert_memory_equal(&received, &sent, sizeof(sent));
		}
	}
}

int main(void)
{
	struct CMUnitTest tests[DECODE_CASES + 1] = {
		[DECODE_CASES] = cmocka_unit_test(test_every_small_map_round_trips),
	};

	for (size_t i = 0; i < DECODE_CASES; i++) {
		tests[i].name = decode_cases[i].name;
		tests[i].test_func = test_decode;
		tests[i].initial_state = &decode_cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
