// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/record.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define COUNTER_MAX ((UINT64_C(1) << 53) - 1)
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TEN(word) word word word word word word word word word word

/* A record with every member, in the order in which they are written. */
static const char full[] =
	"{\"lockstep\":1,\"mesh\":\"demo\",\"name\":\"alpha\",\"incarnation\":3,\"sequence\":41,"
	"\"state\":\"CONFIRMATION_PENDING\",\"reason\":\"waiting_for_health\","
	"\"message\":\"no \\\"bat0\\\"\",\"highest_epoch\":8,\"epoch\":7,"
	"\"upgrade\":\"0011223344556677\",\"order\":\"" HASH
	"\",\"wave\":2,\"flashed\":true,\"healthy\":true,\"source\":true,\"held_bytes\":5000,"
	"\"image_bytes\":9000,\"release_sequence\":12,\"slots\":2,\"window_s\":600,"
	"\"version\":\"Demo 2.0\",\"board\":\"demo,alpha\",\"address\":\"[fd00::1]:8430\","
	"\"links\":{\"beta\":19800,\"gamma\":1}}";

/* The least that is one. */
static const char least[] =
	"{\"lockstep\":1,\"mesh\":\"demo\",\"name\":\"alpha\",\"incarnation\":1,"
	"\"sequence\":0,\"state\":\"UPDATED\"}";

/* The full record with one thing put in another's place (NULL: all of it). */
static struct refusal_case {
	const char *name;
	const char *find;
	const char *replace;
	const char *problem;
} refusal_cases[] = {
	{ "refused: no version", "\"lockstep\":1,", "", "lockstep is missing" },
	{ "refused: another version", "\"lockstep\":1", "\"lockstep\":2", "lockstep" },
	{ "refused: no mesh", "\"mesh\":\"demo\",", "", "mesh is missing" },
	{ "refused: another mesh", "\"demo\"", "\"Demo\"", "mesh is another mesh" },
	{ "refused: mesh too long", "\"demo\"", "\"" TEN("demodem") "\"", "mesh" },
	{ "refused: no name", "\"name\":\"alpha\",", "", "name is missing" },
	{ "refused: empty name", "\"alpha\"", "\"\"", "name" },
	{ "refused: name with a slash", "\"alpha\"", "\"al/pha\"", "name" },
	{ "refused: name that is an option", "\"alpha\"", "\"-alpha\"", "name" },
	{ "refused: name too long", "\"alpha\"", "\"" TEN("abcdef") "abcd\"", "name" },
	{ "refused: incarnation 0", "\"incarnation\":3", "\"incarnation\":0", "incarnation" },
	{ "refused: incarnation above 2^53", ":3,", ":9007199254740992,", "incarnation" },
	{ "refused: incarnation as text", ":3,", ":\"3\",", "incarnation" },
	{ "refused: no sequence", "\"sequence\":41,", "", "sequence is missing" },
	{ "refused: negative sequence", ":41,", ":-1,", "sequence" },
	{ "refused: broken sequence", ":41,", ":41.5,", "sequence" },
	{ "refused: no state", "\"state\"", "\"State\"", "state is missing" },
	{ "refused: unknown state", "CONFIRMATION_PENDING", "CONFIRMATION_PENDIN", "state" },
	{ "refused: reason is a number", "\"waiting_for_health\"", "1", "reason" },
	{ "refused: reason too long", "waiting_for_health", TEN("wait"), "reason" },
	{ "refused: message too long", "no ", TEN("0123456789abcdef"), "message" },
	{ "refused: message with a line end", "no ", "no\\n", "message" },
	{ "refused: message with NUL", "no ", "no\\u0000", "message" },
	{ "refused: message that colours", "no ", "\\u001b[31m", "message" },
	{ "refused: message with a C1 control", "no ", "\\u009b", "message" },
	{ "refused: negative highest epoch", ":8,", ":-8,", "highest_epoch" },
	{ "refused: epoch 0", ":7,", ":0,", "epoch" },
	{ "refused: epoch without upgrade", "\"upgrade\"", "\"x\"", "upgrade is missing" },
	{ "refused: epoch with an upgrade of zeros", "0011223344556677", "0000000000000000",
		"upgrade is missing" },
	{ "refused: upgrade too long", "0011223344556677", "001122334455667788", "upgrade" },
	{ "refused: upgrade in capitals", "0011223344556677", "001122334455667A", "upgrade" },
	{ "refused: order too short", HASH, "00112233445566778899aabbccddeeff", "order" },
	{ "refused: wave 16", "\"wave\":2", "\"wave\":16", "wave" },
	{ "refused: flashed is 1", "flashed\":true", "flashed\":1", "flashed" },
	{ "refused: healthy is text", "healthy\":true", "healthy\":\"yes\"", "healthy" },
	{ "refused: source is null", "source\":true", "source\":null", "source" },
	{ "refused: held bytes as text", ":5000", ":\"5000\"", "held_bytes" },
	{ "refused: negative image", ":9000", ":-9000", "image_bytes" },
	{ "refused: release sequence too high", ":12,", ":18446744073709551616,",
		"release_sequence" },
	{ "refused: three slots", "\"slots\":2", "\"slots\":3", "slots" },
	{ "refused: window of two days", ":600", ":172800", "window_s" },
	{ "refused: version too long", "Demo 2.0", TEN("0123456789abc"), "version" },
	{ "refused: version with a tab", "Demo 2.0", "Demo\\t2.0", "version" },
	{ "refused: board too long", "demo,alpha", TEN("0123456"), "board" },
	{ "refused: board with DEL", "demo,alpha", "demo\x7f", "board" },
	{ "refused: address too long", "[fd00::1]", TEN("0123456789ab"), "address" },
	{ "refused: address with a line end", "[fd00::1]", "a\\r\\nb", "address" },
	{ "refused: nothing", NULL, "", "the document" },
	{ "refused: a list", NULL, "[]", "the document" },
	{ "refused: not UTF-8", "Demo 2.0", "Demo \xfc", "the document" },
	{ "refused: something behind", ":1}}", ":1}}0", "the document" },
	{ "refused: links are a list", "{\"beta\":19800,\"gamma\":1}", "[]", "links" },
	{ "refused: links are null", "{\"beta\":19800,\"gamma\":1}", "null", "links" },
	{ "refused: link to no name", "gamma", "ga mma", "links" },
	{ "refused: link to markup", "gamma", "\\\",\\\"x", "links" },
	{ "refused: link without speed", "19800", "0", "beta" },
	{ "refused: link of text", "19800", "\"1\"", "beta" },
	{ "refused: link faster than any", "19800", "100000001", "beta" },
};

static char *changed(const char *text, const char *find, const char *replace, size_t *size)
{
	const char *at = find != NULL ? strstr(text, find) : text;
	size_t before, rest, put = strlen(replace);
	char *copy;

	assert_non_null(at);
	before = (size_t)(at - text);
	rest = find != NULL ? strlen(at) - strlen(find) : 0;
	*size = before + put + rest;
	copy = malloc(*size > 0 ? *size : 1);
	assert_non_null(copy);
	memcpy(copy, text, before);
	memcpy(copy + before, replace, put);
	memcpy(copy + before + put, text + strlen(text) - rest, rest);
	return copy;
}

static bool decode(struct record_whole *record, const char *bytes, size_t size, char problem[160])
{
	return record_decode(record, bytes, size, "demo", problem, 160);
}

static void test_refusal(void **state)
{
	const struct refusal_case *c = *state;
	struct record_whole whole, before;
	char problem[160] = "";
	size_t size;
	char *bytes = changed(full, c->find, c->replace, &size);

	memset(&whole, 0x5a, sizeof(whole));
	before = whole;
	assert_false(decode(&whole, bytes, size, problem));
	assert_memory_equal(&whole, &before, sizeof(whole));
	assert_non_null(strstr(problem, c->problem));
	free(bytes);
}

static void test_every_member_round_trips(void **state)
{
	struct record_whole whole;
	char problem[160], again[LIMITS_RECORD_SIZE + 1];

	(void)state;
	assert_true(decode(&whole, full, sizeof(full) - 1, problem));
	assert_string_equal(whole.record.name, "alpha");
	assert_int_equal(whole.record.state, STATE_CONFIRMATION_PENDING);
	assert_int_equal(whole.record.reason, REASON_WAITING_FOR_HEALTH);
	assert_string_equal(whole.message, "no \"bat0\"");
	assert_true(whole.record.flashed && whole.record.healthy && whole.record.source);
	assert_int_equal(whole.record.upgrade[7], 0x77);
	assert_int_equal(whole.record.order[31], 0xff);
	assert_string_equal(whole.links, "{\"beta\":19800,\"gamma\":1}");
	assert_int_equal(record_encode(&whole, "demo", again), sizeof(full) - 1);
	assert_string_equal(again, full);
}

static void test_the_least_has_nothing_else(void **state)
{
	struct record_whole whole;
	char problem[160];

	(void)state;
	assert_true(decode(&whole, least, sizeof(least) - 1, problem));
	assert_int_equal(whole.record.state, STATE_UPDATED);
	assert_int_equal(whole.record.reason, REASON_NONE);
	assert_true(whole.record.epoch == 0 && whole.record.highest_epoch == 0 &&
		    whole.record.slots == 0);
	assert_string_equal(whole.message, "");
	assert_string_equal(whole.record.address, "");
	assert_string_equal(whole.links, "");
	assert_false(whole.record.flashed || whole.record.healthy || whole.record.source);
}

/* A word of a later version is a reason all the same, and its state counts. */
static void test_a_reason_of_tomorrow_is_read(void **state)
{
	struct record_whole whole;
	char problem[160];
	size_t size;
	char *bytes = changed(full, "waiting_for_health", "waiting_for_spring", &size);

	(void)state;
	assert_true(decode(&whole, bytes, size, problem));
	assert_int_equal(whole.record.reason, REASON_INTERNAL);
	free(bytes);
}

static void fill(char *text, size_t size, char with)
{
	memset(text, with, size);
	text[size] = '\0';
}

/* The fullest record there can be, of text that doubles when it is written. */
static struct record_whole fullest(char with)
{
	struct record_whole whole = {
		.record.incarnation = COUNTER_MAX,
		.record.sequence = COUNTER_MAX,
		.record.state = STATE_CONFIRMATION_PENDING,
		.record.reason = REASON_WAITING_FOR_PARTICIPANTS,
		.record.highest_epoch = COUNTER_MAX,
		.record.epoch = COUNTER_MAX,
		.record.wave = LIMITS_WAVES_MAX - 1,
		.record.flashed = true,
		.record.healthy = true,
		.record.source = true,
		.record.held_bytes = COUNTER_MAX,
		.record.image_bytes = COUNTER_MAX,
		.record.release_sequence = COUNTER_MAX,
		.record.slots = 2,
		.record.window_s = LIMITS_CONFIRM_WINDOW_MAX_S,
	};

	memset(whole.record.upgrade, 0xff, sizeof(whole.record.upgrade));
	memset(whole.record.order, 0xff, sizeof(whole.record.order));
	fill(whole.record.name, LIMITS_NAME_SIZE, 'n');
	fill(whole.version, LIMITS_VERSION_SIZE, with);
	fill(whole.record.board, LIMITS_BOARD_SIZE, with);
	fill(whole.record.address, LIMITS_ADDRESS_SIZE, with);
	fill(whole.message, LIMITS_MESSAGE_SIZE, with);
	for (char name[] = "neighbour-a"; name[10] <= 'z'; name[10]++)
		record_add_link(whole.links, name, RECORD_KBIT_MAX);
	return whole;
}

static void test_links_are_added_while_there_is_room(void **state)
{
	char links[RECORD_LINKS_SIZE + 1] = "", name[LIMITS_NAME_SIZE + 1], before[sizeof(links)];

	(void)state;
	record_add_link(links, "a", 5);
	assert_string_equal(links, "{\"a\":5}");
	record_add_link(links, "b.c", RECORD_KBIT_MAX);
	assert_string_equal(links, "{\"a\":5,\"b.c\":100000000}");
	fill(name, LIMITS_NAME_SIZE, 'n');
	for (int i = 0; i < 3; i++)
		record_add_link(links, name, RECORD_KBIT_MAX);
	assert_int_equal(strlen(links), 23 + 3 * 76);
	memcpy(before, links, sizeof(links));
	record_add_link(links, "d", 1);
	assert_string_equal(links, before);
	links[0] = '\0';
	for (int i = 0; i < 3; i++)
		record_add_link(links, name, RECORD_KBIT_MAX);
	record_add_link(links, "last-one-that-fit", 10000);
	assert_int_equal(strlen(links), RECORD_LINKS_SIZE);
}

static void test_the_fullest_record_fits(void **state)
{
	char mesh[LIMITS_MESH_SIZE + 1];
	struct record_whole whole, again;
	char problem[160], text[LIMITS_RECORD_SIZE + 1];
	size_t size;

	(void)state;
	fill(mesh, LIMITS_MESH_SIZE, 'm');
	for (const char *with = "a\"\\"; *with != '\0'; with++) {
		whole = fullest(*with);
		size = record_encode(&whole, mesh, text);
		assert_in_range(size, 1, LIMITS_RECORD_SIZE);
		assert_int_equal(strlen(text), size);
		assert_true(record_decode(&again, text, size, mesh, problem, sizeof(problem)));
		/* Text for people and links may go; what others count on stays. */
		assert_true(again.message[0] == '\0' || strcmp(again.message, whole.message) == 0);
		assert_string_equal(again.record.address, whole.record.address);
		assert_memory_equal(
			again.record.order, whole.record.order, sizeof(whole.record.order));
		assert_true(again.record.held_bytes == COUNTER_MAX &&
			    again.record.epoch == COUNTER_MAX);
		assert_true(again.record.flashed && again.record.healthy && again.record.source);
	}
}

static void test_damage(void **state)
{
	size_t size = sizeof(full) - 1;
	struct record_whole whole;
	char problem[160];

	(void)state;
	for (size_t i = 0; i < size; i++) {
		char *bytes = malloc(size);

		assert_non_null(bytes);
		memcpy(bytes, full, size);
		assert_false(decode(&whole, bytes, i, problem));
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] = (char)(full[i] ^ (1u << bit));
			(void)!decode(&whole, bytes, size, problem);
		}
		free(bytes);
	}
}

static struct age_case {
	const char *name;
	uint64_t a[2]; /* incarnation, sequence */
	uint64_t b[2];
	int order;
} age_cases[] = {
	{ "age: the same", { 2, 5 }, { 2, 5 }, 0 },
	{ "age: next record", { 2, 6 }, { 2, 5 }, 1 },
	{ "age: restarted, so it counts from 0 again", { 3, 0 }, { 2, 900 }, 1 },
	{ "age: far apart", { 2, 0 }, { 2, COUNTER_MAX }, -1 },
	{ "age: incarnations far apart", { COUNTER_MAX, 0 }, { 1, 0 }, 1 },
};

static void test_age(void **state)
{
	const struct age_case *c = *state;
	struct record a = { .incarnation = c->a[0], .sequence = c->a[1] };
	struct record b = { .incarnation = c->b[0], .sequence = c->b[1] };
	int one = record_compare_age(&a, &b), other = record_compare_age(&b, &a);

	assert_int_equal((one > 0) - (one < 0), c->order);
	assert_int_equal((other > 0) - (other < 0), -c->order);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_every_member_round_trips),
		cmocka_unit_test(test_the_least_has_nothing_else),
		cmocka_unit_test(test_a_reason_of_tomorrow_is_read),
		cmocka_unit_test(test_links_are_added_while_there_is_room),
		cmocka_unit_test(test_the_fullest_record_fits),
		cmocka_unit_test(test_damage),
	};
	static struct CMUnitTest tests[COUNT(refusal_cases) + COUNT(age_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(refusal_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = refusal_cases[i].name,
			.test_func = test_refusal,
			.initial_state = &refusal_cases[i] };
	for (size_t i = 0; i < COUNT(age_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = age_cases[i].name,
			.test_func = test_age,
			.initial_state = &age_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
