// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/order.h"
#include "release/usign.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_1 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_2 "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HEAD(kind)                                                                                 \
	"{\"lockstep\":1,\"mesh\":\"demo\",\"kind\":\"" kind                                       \
	"\",\"upgrade\":\"0011223344556677\",\"epoch\":7,\"issued\":\"2026-05-04T03:02:01Z\","
#define TEN(word) word word word word word word word word word word

/* A sound order of each kind, as order_encode() writes it. */
static const char *const sound[ORDER_KIND_COUNT] = {
	[ORDER_START] = HEAD(
		"start") "\"release\":{\"id\":\"" HASH "\",\"version\":\"Demo "
			 "2.0\",\"sequence\":12,\"urls\":[\"http://a.example/\"]},"
			 "\"policy\":{\"confirm\":\"operator\",\"kind\":\"best-effort\",\"quorum\":"
			 "80,"
			 "\"hold_ms\":5000,\"allow_single_slot\":true,\"allow_downgrade\":true,"
			 "\"catch_up\":false},\"participants\":[{\"name\":\"alpha\",\"key\":"
			 "\"" KEY_1 "\"},{\"name\":\"beta\",\"key\":\"" KEY_2 "\",\"wave\":1}]}",
	[ORDER_SCHEDULE] =
		HEAD("schedule") "\"start\":\"" HASH
				 "\",\"wave\":1,\"countdown_ms\":60000,\"confirm_window_s\":600}",
	[ORDER_CONFIRM] = HEAD("confirm") "\"wave\":1,\"without\":[\"alpha\",\"beta\"]}",
	[ORDER_ABORT] = HEAD("abort") "\"reason\":\"storm \\\"Eva\\\"\"}",
};

/* A sound order with one thing put in another's place, and what is said of it. */
static struct refusal_case {
	const char *name;
	enum order_kind kind;
	const char *find;
	const char *replace;
	enum reason reason;
	const char *problem;
} refusal_cases[] = {
	{ "head: no version", 0, "\"lockstep\":1,", "", REASON_BAD_ORDER, "lockstep is missing" },
	{ "head: version as text", 0, ":1,\"mesh", ":\"1\",\"mesh", REASON_BAD_ORDER, "lockstep" },
	{ "head: version 2", 0, ":1,\"mesh", ":2,\"mesh", REASON_UNKNOWN_KIND, "lockstep" },
	{ "head: no mesh", 0, "\"mesh\":\"demo\",", "", REASON_BAD_ORDER, "mesh is missing" },
	{ "head: another mesh", 0, "\"demo\"", "\"demo2\"", REASON_WRONG_MESH, "mesh" },
	{ "head: empty mesh", 0, "\"demo\"", "\"\"", REASON_WRONG_MESH, "mesh" },
	{ "head: mesh with NUL", 0, "\"demo\"", "\"demo\\u0000x\"", REASON_BAD_ORDER, "mesh" },
	{ "head: no kind", 1, "\"kind\":\"schedule\",", "", REASON_BAD_ORDER, "kind is missing" },
	{ "head: kind unknown", 1, "\"schedule\"", "\"postpone\"", REASON_UNKNOWN_KIND, "kind" },
	{ "head: kind in capitals", 3, "\"abort\"", "\"Abort\"", REASON_UNKNOWN_KIND, "kind" },
	{ "head: kind is a number", 3, "\"abort\"", "3", REASON_BAD_ORDER, "kind" },
	{ "head: kind of another document", 3, "\"abort\"", "\"schedule\"", REASON_BAD_ORDER,
		"start" },
	{ "head: no upgrade", 3, "\"upgrade\":\"0011223344556677\",", "", REASON_BAD_ORDER,
		"upgrade is missing" },
	{ "head: upgrade in capitals", 3, "0011223344556677", "00112233445566AA", REASON_BAD_ORDER,
		"upgrade" },
	{ "head: upgrade too short", 3, "0011223344556677", "00112233445566", REASON_BAD_ORDER,
		"upgrade" },
	{ "head: upgrade zero", 3, "0011223344556677", "0000000000000000", REASON_BAD_ORDER,
		"upgrade" },
	{ "head: epoch 0", 3, "\"epoch\":7", "\"epoch\":0", REASON_BAD_ORDER, "epoch" },
	{ "head: epoch 7.0", 3, "\"epoch\":7", "\"epoch\":7.0", REASON_BAD_ORDER, "epoch" },
	{ "head: epoch 2^53", 3, "\"epoch\":7", "\"epoch\":9007199254740992", REASON_BAD_ORDER,
		"epoch" },
	{ "head: epoch 2^64 + 7", 3, "\"epoch\":7", "\"epoch\":18446744073709551623",
		REASON_BAD_ORDER, "epoch" },
	{ "head: issued moves the cursor", 3, "2026-05-04T03:02:01Z", "\\u001b[2J",
		REASON_BAD_ORDER, "issued" },

	{ "start: no release", 0, "\"release\":", "\"other\":", REASON_BAD_ORDER, "release" },
	{ "start: release is a list", 0, "\"release\":{", "\"release\":[],\"x\":{",
		REASON_BAD_ORDER, "release" },
	{ "start: release id too short", 0, HASH "\",\"version", "00\",\"version", REASON_BAD_ORDER,
		"id" },
	{ "start: release id begins with a blank", 0, "\"id\":\"0", "\"id\":\" ", REASON_BAD_ORDER,
		"id" },
	{ "start: version with a line end", 0, "Demo 2.0", "Demo\\n2.0", REASON_BAD_ORDER,
		"version" },
	{ "start: version too long", 0, "Demo 2.0", TEN("0123456789abc"), REASON_BAD_ORDER,
		"version" },
	{ "start: negative sequence", 0, "\"sequence\":12", "\"sequence\":-12", REASON_BAD_ORDER,
		"sequence" },
	{ "start: URLs as text", 0, "[\"http://a.example/\"]", "\"http://a.example/\"",
		REASON_BAD_ORDER, "urls" },
	{ "start: one URL too many", 0, "\"http://a.example/\"",
		"\"a/\",\"b/\",\"c/\",\"d/\",\"e/\"", REASON_BAD_ORDER, "urls" },
	{ "start: URL too long", 0, "http://a.example/", TEN("http://0123456789abcdefghi"),
		REASON_BAD_ORDER, "urls" },
	{ "start: URL with a header in it", 0, "a.example/", "a/\\r\\nHost: b", REASON_BAD_ORDER,
		"urls" },
	{ "start: no policy", 0, "\"policy\":", "\"other\":", REASON_BAD_ORDER, "policy" },
	{ "start: no confirm", 0, "\"confirm\":\"operator\",", "", REASON_BAD_ORDER, "confirm" },
	{ "start: policy unknown", 0, "\"best-effort\"", "\"effort\"", REASON_BAD_ORDER, "kind" },
	{ "start: quorum 0", 0, "\"quorum\":80", "\"quorum\":0", REASON_BAD_ORDER, "quorum" },
	{ "start: quorum 101", 0, "\"quorum\":80", "\"quorum\":101", REASON_BAD_ORDER, "quorum" },
	{ "start: hold too short", 0, "\"hold_ms\":5000", "\"hold_ms\":999", REASON_BAD_ORDER,
		"hold_ms" },
	{ "start: hold too long", 0, "\"hold_ms\":5000", "\"hold_ms\":600001", REASON_BAD_ORDER,
		"hold_ms" },
	{ "start: single slot is 1", 0, "slot\":true", "slot\":1", REASON_BAD_ORDER,
		"allow_single_slot" },
	{ "start: catch-up is null", 0, "catch_up\":false", "catch_up\":null", REASON_BAD_ORDER,
		"catch_up" },
	{ "start: no participants", 0, "\"participants\":", "\"others\":", REASON_BAD_ORDER,
		"participants" },
	{ "start: participants are none", 0, "\"participants\":", "\"participants\":[],\"x\":",
		REASON_BAD_ORDER, "participants" },
	{ "start: participant is text", 0, "[{\"name\":\"alpha\"", "[\"a\",{\"name\":\"alpha\"",
		REASON_BAD_ORDER, "participants" },
	{ "start: participants out of order", 0, "\"alpha\"", "\"gamma\"", REASON_BAD_ORDER,
		"participants" },
	{ "start: one name twice", 0, "\"alpha\"", "\"beta\"", REASON_BAD_ORDER, "participants" },
	{ "start: one key twice", 0, KEY_2, KEY_1, REASON_BAD_ORDER, "participants" },
	{ "start: name leads elsewhere", 0, "\"alpha\"", "\"../alpha\"", REASON_BAD_ORDER, "name" },
	{ "start: name too long", 0, "\"alpha\"", "\"" TEN("abcdef") "abcd\"", REASON_BAD_ORDER,
		"name" },
	{ "start: no key", 0, ",\"key\":\"" KEY_1 "\"", "", REASON_BAD_ORDER, "key" },
	{ "start: key too short", 0, KEY_1, "AQAA", REASON_BAD_ORDER, "key" },
	{ "start: key one byte long", 0, "AAA=\"},{", "AAAA\"},{", REASON_BAD_ORDER, "key" },
	{ "start: key with spare bits", 0, "AAA=\"},{", "AAB=\"},{", REASON_BAD_ORDER, "key" },
	{ "start: wave 16", 0, "\"wave\":1}", "\"wave\":16}", REASON_BAD_ORDER, "wave" },
	{ "start: a wave left empty", 0, "\"wave\":1}", "\"wave\":2}", REASON_BAD_ORDER,
		"participants" },

	{ "schedule: no start", 1, "\"start\":", "\"other\":", REASON_BAD_ORDER, "start" },
	{ "schedule: wave 16", 1, "\"wave\":1", "\"wave\":16", REASON_BAD_ORDER, "wave" },
	{ "schedule: no countdown", 1, "\"countdown_ms\":60000,", "", REASON_BAD_ORDER,
		"countdown_ms" },
	{ "schedule: countdown too short", 1, "60000", "999", REASON_BAD_ORDER, "countdown_ms" },
	{ "schedule: countdown too long", 1, "60000", "86400001", REASON_BAD_ORDER,
		"countdown_ms" },
	{ "schedule: countdown in another unit", 1, "60000", "6e4", REASON_BAD_ORDER,
		"countdown_ms" },
	{ "schedule: window too short", 1, "\":600}", "\":4}", REASON_BAD_ORDER,
		"confirm_window_s" },
	{ "schedule: window too long", 1, "\":600}", "\":86401}", REASON_BAD_ORDER,
		"confirm_window_s" },

	{ "confirm: wave 16", 2, "\"wave\":1", "\"wave\":16", REASON_BAD_ORDER, "wave" },
	{ "confirm: without is text", 2, "[\"alpha\",\"beta\"]", "\"alpha\"", REASON_BAD_ORDER,
		"without" },
	{ "confirm: without what is no name", 2, "\"beta\"", "\"be ta\"", REASON_BAD_ORDER,
		"without" },
	{ "confirm: without one twice", 2, "\"beta\"", "\"alpha\"", REASON_BAD_ORDER, "without" },
	{ "confirm: without, out of order", 2, "\"alpha\"", "\"gamma\"", REASON_BAD_ORDER,
		"without" },

	{ "abort: reason is a number", 3, "\"storm \\\"Eva\\\"\"", "1", REASON_BAD_ORDER,
		"reason" },
	{ "abort: reason too long", 3, "storm", TEN("0123456789abcdef"), REASON_BAD_ORDER,
		"reason" },
	{ "abort: reason hides a line", 3, "storm", "storm\\u000a", REASON_BAD_ORDER, "reason" },

	{ "hostile: nothing", 0, NULL, "", REASON_BAD_ORDER, "the document" },
	{ "hostile: a list", 0, NULL, "[]", REASON_BAD_ORDER, "the document is not an object" },
	{ "hostile: empty object", 0, NULL, "{}", REASON_BAD_ORDER, "lockstep is missing" },
	{ "hostile: two documents", 3, "\\\"\"}", "\\\"\"}{}", REASON_BAD_ORDER, "the document" },
	{ "hostile: comma at the end", 3, "\\\"\"}", "\\\"\",}", REASON_BAD_ORDER, "the document" },
	{ "hostile: a comment", 3, "{\"lock", "{/**/\"lock", REASON_BAD_ORDER, "the document" },
	{ "hostile: NaN", 3, "\"epoch\":7", "\"epoch\":NaN", REASON_BAD_ORDER, "" },
	{ "hostile: not UTF-8", 3, "storm", "st\xf6rm", REASON_BAD_ORDER, "the document is not" },
	{ "hostile: overlong UTF-8", 3, "storm", "st\xc0\xafrm", REASON_BAD_ORDER, "the document" },
	{ "hostile: too deep", 3, "\"storm \\\"Eva\\\"\"", TEN("[") TEN("[") TEN("]") TEN("]"),
		REASON_BAD_ORDER, "the document is not JSON, or nested too deeply" },
};

/* The text with the first `find` replaced (all of it if `find` is NULL), in memory of exactly its
 * size, so that a look past the end is seen. */
static char *changed(const char *text, const char *find, const char *replace, size_t *size)
{
	const char *at = find != NULL ? strstr(text, find) : text;
	size_t before = 0, rest = 0, put = strlen(replace);
	char *copy;

	assert_non_null(at);
	before = (size_t)(at - text);
	if (find != NULL)
		rest = strlen(at) - strlen(find);
	*size = before + put + rest;
	copy = malloc(*size > 0 ? *size : 1);
	assert_non_null(copy);
	memcpy(copy, text, before);
	memcpy(copy + before, replace, put);
	memcpy(copy + before + put, text + strlen(text) - rest, rest);
	return copy;
}

static enum reason decode(struct order *order, const char *bytes, size_t size, char problem[160])
{
	return order_decode(order, bytes, size, "demo", problem, 160);
}

static void test_refusal(void **state)
{
	const struct refusal_case *c = *state;
	struct order order, before;
	char problem[160] = "";
	size_t size;
	char *bytes = changed(sound[c->kind], c->find, c->replace, &size);

	memset(&order, 0x5a, sizeof(order));
	before = order;
	assert_int_equal(decode(&order, bytes, size, problem), c->reason);
	assert_memory_equal(&order, &before, sizeof(order));
	assert_non_null(strstr(problem, c->problem));
	free(bytes);
}

static void test_every_kind_round_trips(void **state)
{
	(void)state;
	for (int kind = 0; kind < ORDER_KIND_COUNT; kind++) {
		struct order order;
		char problem[160], again[2048];
		size_t size = strlen(sound[kind]);

		assert_int_equal(decode(&order, sound[kind], size, problem), REASON_NONE);
		assert_int_equal(order.kind, kind);
		assert_true(order.epoch == 7);
		assert_int_equal(order_encode(&order, again, sizeof(again)), size);
		assert_string_equal(again, sound[kind]);
		/* Where it does not fit, nothing is written behind the room. */
		for (size_t room = 0; room <= size; room++) {
			char *small = malloc(room + 1);

			assert_non_null(small);
			small[room] = '#';
			assert_int_equal(order_encode(&order, small, room), 0);
			assert_int_equal(small[room], '#');
			free(small);
		}
		order_free(&order);
	}
}

static void test_what_was_left_out_gets_the_default(void **state)
{
	struct order order;
	char problem[160];
	size_t size;
	char *bytes = changed(sound[ORDER_START],
		",\"quorum\":80,\"hold_ms\":5000,\"allow_single_slot\":true,"
		"\"allow_downgrade\":true,\"catch_up\":false",
		"", &size);

	(void)state;
	assert_int_equal(decode(&order, bytes, size, problem), REASON_NONE);
	assert_int_equal(order.start.quorum_percent, 100);
	assert_int_equal(order.start.hold_ms, 30000);
	assert_false(order.start.allow_single_slot);
	assert_false(order.start.allow_downgrade);
	assert_true(order.start.catch_up);
	assert_int_equal(order.start.wave_count, 2);
	assert_int_equal(order.start.participants[0].wave, 0);
	assert_int_equal(order_find_participant(&order.start, "alpha"), 0);
	assert_int_equal(order_find_participant(&order.start, "beta"), 1);
	assert_int_equal(order_find_participant(&order.start, "alph"), UINT32_MAX);
	assert_int_equal(order_find_participant(&order.start, "gamma"), UINT32_MAX);
	order_free(&order);
	assert_null(order.start.participants);
	free(bytes);
}

static void test_size_is_bounded(void **state)
{
	size_t size = strlen(sound[ORDER_CONFIRM]);
	char *bytes = malloc(LIMITS_ORDER_SIZE + 1);
	struct order order;
	char problem[160];

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, sound[ORDER_CONFIRM], size);
	memset(bytes + size, ' ', LIMITS_ORDER_SIZE + 1 - size);
	assert_int_equal(decode(&order, bytes, LIMITS_ORDER_SIZE, problem), REASON_NONE);
	assert_true(order_is_without(&order.confirm, "beta"));
	assert_false(order_is_without(&order.confirm, "bet"));
	order_free(&order);
	assert_int_equal(decode(&order, bytes, LIMITS_ORDER_SIZE + 1, problem), REASON_BAD_ORDER);
	assert_string_equal(problem, "the document is larger than 64 KiB");
	free(bytes);
}

/* As many as may take part fit with names of a usual length, and not with the longest names. */
static void test_the_largest_start(void **state)
{
	static char bytes[LIMITS_ORDER_SIZE + 2];
	static struct order_participant participants[LIMITS_PARTICIPANTS_MAX];
	struct order order, again;
	char problem[160];
	size_t size;

	(void)state;
	size = strlen(sound[ORDER_START]);
	assert_int_equal(decode(&again, sound[ORDER_START], size, problem), REASON_NONE);
	order = again;
	order_free(&again);
	for (uint32_t i = 0; i < LIMITS_PARTICIPANTS_MAX; i++) {
		snprintf(participants[i].name, sizeof(participants[i].name), "node-%04u", i);
		participants[i].key[0] = (uint8_t)i;
		participants[i].key[31] = (uint8_t)(i >> 8);
		participants[i].wave = 0;
	}
	order.start.participants = participants;
	order.start.participant_count = LIMITS_PARTICIPANTS_MAX;
	size = order_encode(&order, bytes, sizeof(bytes));
	assert_in_range(size, 1, LIMITS_ORDER_SIZE);
	assert_int_equal(decode(&again, bytes, size, problem), REASON_NONE);
	assert_int_equal(again.start.participant_count, LIMITS_PARTICIPANTS_MAX);
	assert_memory_equal(again.start.participants, participants, sizeof(participants));
	assert_int_equal(order_find_participant(&again.start, "node-0767"), 767);
	order_free(&again);
	for (uint32_t i = 0; i < LIMITS_PARTICIPANTS_MAX; i++)
		snprintf(participants[i].name, sizeof(participants[i].name), "node-%058u", i);
	assert_int_equal(order_encode(&order, bytes, sizeof(bytes)), 0);
}

/* No beginning of an order is one, and whatever a flipped bit makes of it, it is read safely. */
static void test_damage(void **state)
{
	(void)state;
	for (int kind = 0; kind < ORDER_KIND_COUNT; kind++) {
		size_t size = strlen(sound[kind]);
		struct order order;
		char problem[160];

		for (size_t i = 0; i < size; i++) {
			char *bytes = malloc(size);

			assert_non_null(bytes);
			memcpy(bytes, sound[kind], size);
			assert_int_equal(decode(&order, bytes, i, problem), REASON_BAD_ORDER);
			for (unsigned bit = 0; bit < 8; bit++) {
				bytes[i] = (char)(sound[kind][i] ^ (1u << bit));
				if (decode(&order, bytes, size, problem) == REASON_NONE)
					order_free(&order);
			}
			free(bytes);
		}
	}
}

static void test_signed_bytes_are_the_identity(void **state)
{
	static const uint8_t seed[USIGN_SEED_SIZE] = { 1 };
	struct usign_secret secret;
	struct usign_public key;
	struct usign_signature signature;
	uint8_t id[BYTES_HASH_SIZE], other[BYTES_HASH_SIZE];
	size_t size = strlen(sound[ORDER_ABORT]), more;
	char *bytes = changed(sound[ORDER_ABORT], "}", "} ", &more);

	(void)state;
	usign_from_seed(&secret, seed);
	usign_public_of(&key, &secret);
	usign_sign(&signature, &secret, sound[ORDER_ABORT], size);
	assert_true(usign_verify(&key, &signature, sound[ORDER_ABORT], size));
	/* The same meaning in other bytes is another order, and nobody signed it. */
	assert_false(usign_verify(&key, &signature, bytes, more));
	order_id(id, sound[ORDER_ABORT], size);
	order_id(other, bytes, more);
	assert_memory_not_equal(id, other, sizeof(id));
	free(bytes);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_every_kind_round_trips),
		cmocka_unit_test(test_what_was_left_out_gets_the_default),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_the_largest_start),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_signed_bytes_are_the_identity),
	};
	static struct CMUnitTest tests[COUNT(refusal_cases) + COUNT(others)];

	for (size_t i = 0; i < COUNT(refusal_cases); i++)
		tests[i] = (struct CMUnitTest){ .name = refusal_cases[i].name,
			.test_func = test_refusal,
			.initial_state = &refusal_cases[i] };
	memcpy(tests + COUNT(refusal_cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
