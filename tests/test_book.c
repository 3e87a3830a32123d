// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/book.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum {
	NOW_MS = 12345,
};

/* Puts an order into the book whose text is `text`; the book looks at no other bytes. */
static struct book_order *put(
	struct book *book, enum order_kind kind, uint32_t wave, const char *text)
{
	struct usign_signature signature = { .keynum = { 1, 2, 3 } };
	struct order order = { .kind = kind, .epoch = 7, .text_size = strlen(text) };
	struct book_order *slot;

	if (kind == ORDER_START)
		order.start.participants = calloc(2, sizeof(*order.start.participants));
	else if (kind == ORDER_SCHEDULE)
		order.schedule.wave = wave;
	else if (kind == ORDER_CONFIRM) {
		order.confirm.wave = wave;
		order.confirm.without = calloc(1, sizeof(*order.confirm.without));
	}
	order.text = malloc(order.text_size);
	assert_non_null(order.text);
	memcpy(order.text, text, order.text_size);
	slot = book_add(book, &order, &signature, NOW_MS);
	if (slot == NULL)
		order_free(&order);
	return slot;
}

static void test_an_empty_book_has_nothing(void **state)
{
	static const uint8_t id[BYTES_HASH_SIZE];
	struct book book;

	(void)state;
	memset(&book, 0x5a, sizeof(book));
	book_init(&book);
	assert_null(book_start(&book));
	assert_null(book_abort(&book));
	assert_null(book_schedule(&book, 0));
	assert_null(book_confirm(&book, 0, 0));
	assert_null(book_find(&book, id));
	assert_false(book_is_scheduled(&book));
	assert_int_equal(book_last_wave(&book), UINT32_MAX);
	assert_true(book_digest(&book) == 0);
	book_clear(&book);
}

static void test_an_order_is_kept_as_it_was_signed(void **state)
{
	static const char text[] = "{ any bytes \x01 }";
	uint8_t id[BYTES_HASH_SIZE];
	struct book book;
	struct book_order *slot;

	(void)state;
	book_init(&book);
	slot = put(&book, ORDER_START, 0, text);
	assert_non_null(slot);
	assert_int_equal(slot->order.text_size, sizeof(text) - 1);
	assert_memory_equal(slot->order.text, text, sizeof(text) - 1);
	assert_int_equal(slot->signature.keynum[2], 3);
	order_id(id, text, sizeof(text) - 1);
	assert_memory_equal(slot->id, id, sizeof(id));
	assert_ptr_equal(book_find(&book, id), slot);
	assert_true(slot->came_ms == NOW_MS);
	assert_int_equal(slot->had, 0);
	assert_false(slot->countdown_known);
	assert_true(slot->ttl_floor_s == BOOK_TTL_S);
	id[31] ^= 1;
	assert_null(book_find(&book, id));
	book_clear(&book);
}

/* A book as letters: s0 schedule of wave 0, c1 confirm of wave 1, a- abort; a start goes first. */
static struct look_case {
	const char *name;
	const char *orders;
	bool aborted;
	uint32_t last_wave;
	uint32_t confirms[2]; /* of wave 0 and 1 */
} look_cases[] = {
	{ "look: only the start", "", false, UINT32_MAX, { 0, 0 } },
	{ "look: wave 0", "s0", false, 0, { 0, 0 } },
	{ "look: wave 1 before wave 0", "s1s0", false, 1, { 0, 0 } },
	{ "look: wave 1 alone", "s1", false, 1, { 0, 0 } },
	{ "look: highest wave", "s0s1sf", false, 15, { 0, 0 } },
	{ "look: confirmed", "s0c0", false, 0, { 1, 0 } },
	{ "look: confirmed three times", "s0c0c1c0c0", false, 0, { 3, 1 } },
	{ "look: a confirm is no schedule", "c1", false, UINT32_MAX, { 0, 1 } },
	{ "look: aborted", "a-", true, UINT32_MAX, { 0, 0 } },
	{ "look: aborted in the countdown", "s0a-", true, 0, { 0, 0 } },
};

static void fill(struct book *book, const char *orders)
{
	assert_non_null(put(book, ORDER_START, 0, "start"));
	for (size_t i = 0; orders[i] != '\0'; i += 2) {
		enum order_kind kind = orders[i] == 's'   ? ORDER_SCHEDULE
				       : orders[i] == 'c' ? ORDER_CONFIRM
							  : ORDER_ABORT;
		uint32_t wave = orders[i + 1] == 'f' ? 15 : (uint32_t)(orders[i + 1] - '0');
		char text[32];

		snprintf(text, sizeof(text), "order %zu", i);
		assert_non_null(put(book, kind, wave, text));
	}
}

static void test_look(void **state)
{
	const struct look_case *c = *state;
	struct book book;

	book_init(&book);
	fill(&book, c->orders);
	assert_int_equal(book_start(&book)->order.kind, ORDER_START);
	assert_int_equal(book_abort(&book) != NULL, c->aborted);
	assert_int_equal(book_last_wave(&book), c->last_wave);
	assert_int_equal(book_is_scheduled(&book), c->last_wave != UINT32_MAX);
	for (uint32_t wave = 0; wave < LIMITS_WAVES_MAX; wave++) {
		char written[] = { 's', wave == 15 ? 'f' : (char)('0' + wave), '\0' };
		const struct book_order *schedule = book_schedule(&book, wave);

		assert_int_equal(schedule != NULL, strstr(c->orders, written) != NULL);
		assert_true(schedule == NULL || schedule->order.schedule.wave == wave);
	}
	for (uint32_t wave = 0; wave < 2; wave++) {
		const struct book_order *before = NULL;

		for (uint32_t nth = 0; nth < c->confirms[wave]; nth++) {
			const struct book_order *confirm = book_confirm(&book, wave, nth);

			assert_non_null(confirm);
			assert_int_equal(confirm->order.confirm.wave, wave);
			assert_true(before == NULL || confirm->change > before->change);
			before = confirm;
		}
		assert_null(book_confirm(&book, wave, c->confirms[wave]));
	}
	book_clear(&book);
}

/* A full book takes no more, forgets nothing, and gives the refused order's memory back. */
static void test_a_full_book_refuses(void **state)
{
	struct book book;
	uint64_t change, digest;
	char text[32];

	(void)state;
	book_init(&book);
	assert_non_null(put(&book, ORDER_START, 0, "start"));
	for (uint32_t i = 1; i < LIMITS_ORDERS_MAX; i++) {
		snprintf(text, sizeof(text), "order %u", i);
		assert_non_null(put(&book, ORDER_CONFIRM, i % LIMITS_WAVES_MAX, text));
	}
	change = book.change;
	digest = book_digest(&book);
	assert_null(put(&book, ORDER_CONFIRM, 0, "one more"));
	assert_int_equal(book.count, LIMITS_ORDERS_MAX);
	assert_true(book.change == change);
	assert_true(book_digest(&book) == digest);
	book_clear(&book);
}

static void test_the_change_counter_goes_on(void **state)
{
	struct book book;
	const struct book_order *start, *schedule;
	uint64_t change;

	(void)state;
	book_init(&book);
	start = put(&book, ORDER_START, 0, "start");
	schedule = put(&book, ORDER_SCHEDULE, 0, "schedule");
	assert_true(start->change < schedule->change);
	change = schedule->change;
	assert_true(change == book.change);
	book_clear(&book);
	assert_int_equal(book.count, 0);
	assert_null(book_start(&book));
	assert_true(book.change > change);
	assert_true(put(&book, ORDER_START, 0, "start")->change > change);
	book_clear(&book);
}

/* Two nodes that know the same orders, in whatever order these came, have one digest. */
static void test_digest_is_of_the_orders_alone(void **state)
{
	struct book one, other;

	(void)state;
	book_init(&one);
	book_init(&other);
	assert_non_null(put(&one, ORDER_START, 0, "start"));
	assert_non_null(put(&other, ORDER_START, 0, "start"));
	assert_true(book_digest(&one) == book_digest(&other));
	assert_non_null(put(&one, ORDER_SCHEDULE, 0, "first"));
	assert_true(book_digest(&one) != book_digest(&other));
	assert_non_null(put(&one, ORDER_SCHEDULE, 1, "second"));
	assert_non_null(put(&other, ORDER_SCHEDULE, 1, "second"));
	assert_non_null(put(&other, ORDER_SCHEDULE, 0, "first"));
	assert_true(book_digest(&one) == book_digest(&other));
	book_clear(&one);
	book_clear(&other);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_an_empty_book_has_nothing),
		cmocka_unit_test(test_an_order_is_kept_as_it_was_signed),
		cmocka_unit_test(test_a_full_book_refuses),
		cmocka_unit_test(test_the_change_counter_goes_on),
		cmocka_unit_test(test_digest_is_of_the_orders_alone),
	};
	static struct CMUnitTest tests[COUNT(look_cases) + COUNT(others)];

	for (size_t i = 0; i < COUNT(look_cases); i++)
		tests[i] = (struct CMUnitTest){ .name = look_cases[i].name,
			.test_func = test_look,
			.initial_state = &look_cases[i] };
	memcpy(tests + COUNT(look_cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
