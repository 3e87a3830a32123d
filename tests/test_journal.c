// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/journal.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define MAGIC "lockstep-journal 1 "
#define TEN(word) word word word word word word word word word word

enum {
	HEAD_SIZE = sizeof(MAGIC) - 1 + BYTES_HASH_TEXT_SIZE + 1,
	NOW_MS = 777,
};

static const struct journal written = {
	.highest_epoch = 8,
	.incarnation = 31,
	.state = STATE_CONFIRMATION_PENDING,
	.reason = REASON_WAITING_FOR_HEALTH,
	.message = "bat0 \"is\" down",
	.boot_id = "0b6b4d5c",
	.flashed = true,
	.window_s = 600,
	.previous_version = "Demo 1.0",
	.release_sequence = 12,
};

static void add(struct book *book, struct order *order, const char *mesh)
{
	static const struct usign_signature signature = { .keynum = { 9 }, .signature = { 7, 8 } };
	char *text = malloc(4096);

	assert_non_null(text);
	order->epoch = 7;
	order->upgrade[0] = 1;
	snprintf(order->mesh, sizeof(order->mesh), "%s", mesh);
	order->text = text;
	order->text_size = order_encode(order, text, 4096);
	assert_in_range(order->text_size, 1, 4096);
	assert_non_null(book_add(book, order, &signature, 1));
}

static void add_start(struct book *book, const char *mesh)
{
	struct order order = { .kind = ORDER_START };

	order.start.participants = calloc(1, sizeof(*order.start.participants));
	assert_non_null(order.start.participants);
	order.start.participant_count = 1;
	memcpy(order.start.participants[0].name, "alpha", 6);
	memcpy(order.start.version, "Demo \"2.0\"", 11);
	order.start.quorum_percent = 100;
	order.start.hold_ms = 5000;
	add(book, &order, mesh);
}

static void add_schedule(struct book *book, const char *mesh, uint32_t countdown_ms)
{
	struct order order = { .kind = ORDER_SCHEDULE };

	order.schedule.countdown_ms = countdown_ms;
	order.schedule.confirm_window_s = 600;
	add(book, &order, mesh);
}

/* The journal of the mesh, with a start and one schedule. */
static char *make(const char *mesh, size_t *size)
{
	struct book book;
	char *bytes;

	book_init(&book);
	add_start(&book, mesh);
	add_schedule(&book, mesh, 60000);
	bytes = journal_encode(&written, &book, size);
	assert_non_null(bytes);
	book_clear(&book);
	return bytes;
}

/* Nothing that was refused leaves a trace. */
static void assert_refused(const char *bytes, size_t size)
{
	struct journal journal, before;
	struct book book;
	char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	memset(&journal, 0x5a, sizeof(journal));
	before = journal;
	book_init(&book);
	assert_false(journal_decode(&journal, &book, "demo", copy, size, NOW_MS));
	assert_memory_equal(&journal, &before, sizeof(journal));
	assert_int_equal(book.count, 0);
	free(copy);
}

static void test_round_trip(void **state)
{
	size_t size, again_size;
	char *bytes = make("demo", &size), *again;
	struct journal journal;
	struct book book;

	(void)state;
	memset(&journal, 0x5a, sizeof(journal));
	book_init(&book);
	assert_true(journal_decode(&journal, &book, "demo", bytes, size, NOW_MS));
	assert_true(journal.highest_epoch == 8 && journal.incarnation == 31);
	assert_int_equal(journal.state, STATE_CONFIRMATION_PENDING);
	assert_int_equal(journal.reason, REASON_WAITING_FOR_HEALTH);
	assert_string_equal(journal.message, "bat0 \"is\" down");
	assert_string_equal(journal.boot_id, "0b6b4d5c");
	assert_string_equal(journal.previous_version, "Demo 1.0");
	assert_true(journal.flashed && journal.window_s == 600 && journal.release_sequence == 12);
	assert_int_equal(book.count, 2);
	assert_string_equal(book_start(&book)->order.start.version, "Demo \"2.0\"");
	assert_int_equal(book_schedule(&book, 0)->order.schedule.countdown_ms, 60000);
	assert_int_equal(book_schedule(&book, 0)->signature.keynum[0], 9);
	assert_true(book_schedule(&book, 0)->came_ms == NOW_MS);
	again = journal_encode(&journal, &book, &again_size);
	assert_non_null(again);
	assert_int_equal(again_size, size);
	assert_memory_equal(again, bytes, size);
	book_clear(&book);
	free(again);
	free(bytes);
}

static void test_a_journal_without_orders(void **state)
{
	struct journal fresh = { .incarnation = 1 }, journal;
	struct book book;
	size_t size;
	char *bytes;

	(void)state;
	book_init(&book);
	bytes = journal_encode(&fresh, &book, &size);
	assert_non_null(bytes);
	memset(&journal, 0x5a, sizeof(journal));
	assert_true(journal_decode(&journal, &book, "demo", bytes, size, NOW_MS));
	assert_memory_equal(&journal, &fresh, sizeof(journal));
	assert_int_equal(book.count, 0);
	free(bytes);
}

static void test_torn_at_every_length(void **state)
{
	size_t size;
	char *bytes = make("demo", &size);

	(void)state;
	for (size_t length = 0; length < size; length++)
		assert_refused(bytes, length);
	free(bytes);
}

/* What flash often leaves of a file whose end was not written. */
static void test_zeroes_from_every_length(void **state)
{
	size_t size;
	char *bytes = make("demo", &size);

	(void)state;
	for (size_t length = size; length-- > 0;) {
		bytes[length] = '\0';
		assert_refused(bytes, size);
	}
	free(bytes);
}

static void test_every_flipped_bit(void **state)
{
	size_t size;
	char *bytes = make("demo", &size);

	(void)state;
	for (size_t i = 0; i < size; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] = (char)(bytes[i] ^ (1u << bit));
			assert_refused(bytes, size);
			bytes[i] = (char)(bytes[i] ^ (1u << bit));
		}
	}
	free(bytes);
}

/* Changes the object and gives it a hash that is right, as a later version might write it. */
static char *sealed(const char *body, size_t body_size, size_t *size)
{
	uint8_t hash[BYTES_HASH_SIZE];
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	char *bytes = malloc(HEAD_SIZE + body_size + 1);

	assert_non_null(bytes);
	bytes_sha256(hash, body, body_size);
	bytes_to_hex(hex, hash, sizeof(hash));
	*size = HEAD_SIZE + body_size;
	snprintf(bytes, HEAD_SIZE + 1, MAGIC "%s\n", hex);
	memcpy(bytes + HEAD_SIZE, body, body_size);
	bytes[*size] = '\0';
	return bytes;
}

static struct sealed_case {
	const char *name;
	const char *find;
	const char *replace;
	bool accepted;
} sealed_cases[] = {
	{ "sealed: as it was", "", "", true },
	{ "sealed: a member of tomorrow", "{\"epoch\"", "{\"colour\":\"red\",\"epoch\"", true },
	{ "sealed: a reason of tomorrow", "waiting_for_health", "waiting_for_spring", true },
	{ "sealed: no epoch", "\"epoch\"", "\"x\"", false },
	{ "sealed: negative epoch", "\"epoch\":8", "\"epoch\":-8", false },
	{ "sealed: epoch above 2^53", "\"epoch\":8", "\"epoch\":9007199254740992", false },
	{ "sealed: no incarnation", "\"incarnation\"", "\"x\"", false },
	{ "sealed: incarnation as text", ":31", ":\"31\"", false },
	{ "sealed: a state of tomorrow", "CONFIRMATION_PENDING", "RESTING", false },
	{ "sealed: no state", "\"state\"", "\"x\"", false },
	{ "sealed: no reason", "\"reason\"", "\"x\"", false },
	{ "sealed: message too long", "bat0", TEN("0123456789abcdef"), false },
	{ "sealed: no boot id", "\"boot_id\"", "\"x\"", false },
	{ "sealed: boot id too long", "0b6b4d5c", TEN("0b6b4d5c"), false },
	{ "sealed: flashed is 1", "flashed\":true", "flashed\":1", false },
	{ "sealed: window of two days", ":600,\"prev", ":172800,\"prev", false },
	{ "sealed: version too long", "Demo 1.0", TEN("0123456789abc"), false },
	{ "sealed: no release sequence", "\"release_sequence\"", "\"x\"", false },
	{ "sealed: no orders", "\"orders\"", "\"x\"", false },
	{ "sealed: orders are none of ours", "\"orders\":[", "\"orders\":[1,", false },
	{ "sealed: an order without text", "\"order\":", "\"x\":", false },
	{ "sealed: an order without signature", "\"signature\":", "\"x\":", false },
	{ "sealed: no signature of usign's", "\"signature\":\"", "\"signature\":\"A", false },
	{ "sealed: an order of another mesh", "\\\"mesh\\\":\\\"demo", "\\\"mesh\\\":\\\"emod",
		false },
	{ "sealed: an order that is none", "\\\"countdown_ms\\\":6", "\\\"countdown_ms\\\":-6",
		false },
	{ "sealed: two objects", "{\"epoch\"", "{}{\"epoch\"", false },
};

static void test_sealed(void **state)
{
	const struct sealed_case *c = *state;
	size_t size, changed_size;
	char *bytes = make("demo", &size), *body, *at, *changed;
	struct journal journal;
	struct book book;

	at = strstr(bytes + HEAD_SIZE, c->find);
	assert_non_null(at);
	body = malloc(size + strlen(c->replace) + 1);
	assert_non_null(body);
	snprintf(body, size + strlen(c->replace) + 1, "%.*s%s%s", (int)(at - bytes - HEAD_SIZE),
		bytes + HEAD_SIZE, c->replace, at + strlen(c->find));
	changed = sealed(body, strlen(body), &changed_size);
	if (c->accepted) {
		book_init(&book);
		assert_true(journal_decode(&journal, &book, "demo", changed, changed_size, NOW_MS));
		assert_int_equal(book.count, 2);
		book_clear(&book);
	} else {
		assert_refused(changed, changed_size);
	}
	free(changed);
	free(body);
	free(bytes);
}

static struct head_case {
	const char *name;
	const char *find;
	const char *replace; /* of the same length */
} head_cases[] = {
	{ "head: version 2", "journal 1 ", "journal 2 " },
	{ "head: another file", "lockstep", "LOCKSTEP" },
	{ "head: line ends as on Windows", "\n{", "\r{" },
	{ "head: two spaces", "journal 1", "journal  " },
};

static void test_head(void **state)
{
	const struct head_case *c = *state;
	size_t size;
	char *bytes = make("demo", &size), *at = strstr(bytes, c->find);

	assert_non_null(at);
	memcpy(at, c->replace, strlen(c->replace));
	assert_refused(bytes, size);
	free(bytes);
}

static void test_a_journal_of_another_mesh(void **state)
{
	size_t size;
	char *bytes = make("emod", &size);

	(void)state;
	assert_refused(bytes, size);
	free(bytes);
}

static void test_the_start_comes_first_and_once(void **state)
{
	static const char *const orders[] = { "schedule, start", "start, start",
		"schedule, schedule" };
	struct book book, wrong;
	struct book_order first, second;
	size_t size;

	(void)state;
	book_init(&book);
	add_start(&book, "demo");
	add_schedule(&book, "demo", 60000);
	for (size_t i = 0; i < COUNT(orders); i++) {
		char *bytes;

		first = *(orders[i][1] == 'c' ? book.start->next : book.start);
		second = *(strstr(orders[i], ", sc") != NULL ? book.start->next : book.start);
		first.next = &second;
		second.next = NULL;
		wrong = (struct book){ .start = &first };
		bytes = journal_encode(&written, &wrong, &size);
		assert_refused(bytes, size);
		free(bytes);
	}
	book_clear(&book);
}

/* As many orders as a book holds come back; blanks up to the bound do no harm, one more does. */
static void test_size_is_bounded(void **state)
{
	struct book book;
	struct journal journal;
	size_t size, big_size;
	char *bytes, *body = malloc(JOURNAL_SIZE_MAX), *big;

	(void)state;
	book_init(&book);
	add_start(&book, "demo");
	for (uint32_t i = 1; i < LIMITS_ORDERS_MAX; i++)
		add_schedule(&book, "demo", 60000 + i);
	bytes = journal_encode(&written, &book, &size);
	assert_non_null(bytes);
	book_clear(&book);
	assert_true(journal_decode(&journal, &book, "demo", bytes, size, NOW_MS));
	assert_int_equal(book.count, LIMITS_ORDERS_MAX);
	book_clear(&book);

	assert_non_null(body);
	memset(body, ' ', JOURNAL_SIZE_MAX);
	memcpy(body, bytes + HEAD_SIZE, size - HEAD_SIZE);
	big = sealed(body, JOURNAL_SIZE_MAX - HEAD_SIZE, &big_size);
	assert_int_equal(big_size, JOURNAL_SIZE_MAX);
	assert_true(journal_decode(&journal, &book, "demo", big, big_size, NOW_MS));
	book_clear(&book);
	free(big);
	big = sealed(body, JOURNAL_SIZE_MAX - HEAD_SIZE + 1, &big_size);
	assert_refused(big, big_size);
	free(big);
	free(body);
	free(bytes);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_a_journal_without_orders),
		cmocka_unit_test(test_torn_at_every_length),
		cmocka_unit_test(test_zeroes_from_every_length),
		cmocka_unit_test(test_every_flipped_bit),
		cmocka_unit_test(test_a_journal_of_another_mesh),
		cmocka_unit_test(test_the_start_comes_first_and_once),
		cmocka_unit_test(test_size_is_bounded),
	};
	static struct CMUnitTest tests[COUNT(sealed_cases) + COUNT(head_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(sealed_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = sealed_cases[i].name,
			.test_func = test_sealed,
			.initial_state = &sealed_cases[i] };
	for (size_t i = 0; i < COUNT(head_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = head_cases[i].name,
			.test_func = test_head,
			.initial_state = &head_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
