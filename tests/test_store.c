// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gossip/store.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HERE "here"

/* One entry after another as `key author ttl data`. */
struct row {
	const char *key;
	const char *author;
	int64_t ttl_s;
	const char *data;
};

static bool merge_rows(struct store *store, const struct row *rows, size_t count, bool remote)
{
	static char buffer[8192];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	slice_write_begin(&text);
	for (size_t i = 0; i < count && rows[i].key != NULL; i++)
		slice_write_entry(&text, rows[i].key, rows[i].author, rows[i].ttl_s, rows[i].data,
			strlen(rows[i].data));
	slice_write_end(&text);
	assert_false(text_cut(&text));
	return store_merge(store, buffer, text.size, HERE, remote);
}

static bool merge_row(struct store *store, bool remote, const char *key, const char *author,
	int64_t ttl_s, const char *data)
{
	return merge_rows(store, &(struct row){ key, author, ttl_s, data }, 1, remote);
}

/* The whole store as "key author ttl data; …". */
static const char *show(const struct store *store)
{
	static char shown[4096], buffer[8192];
	struct slice_reader reader;
	struct slice_entry entry;
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	store_write(store, &text);
	assert_false(text_cut(&text));
	slice_reader_init(&reader, buffer, text.size);
	text_init(&text, shown, sizeof(shown));
	while (slice_reader_next(&reader, &entry))
		text_add_format(&text, "%s %s %lld %.*s; ", entry.key, entry.author,
			(long long)entry.ttl_s, (int)entry.data_size, entry.data);
	assert_false(reader.bad);
	assert_false(text_cut(&text));
	return shown;
}

/* The merge rules, one known entry and one offered. */
static const struct merge_case {
	const char *name;
	struct row known; /* no key: none */
	struct row offered;
	bool remote;
	bool news;
	const char *after;
} merge_cases[] = {
	{ "1: unknown key is taken", { 0 }, { "k", "a", 5, "1" }, true, true, "k a 5 1; " },
	{ "1: unknown key with a ttl that is over", { 0 }, { "k", "a", -3, "1" }, true, true,
		"k a -3 1; " },
	{ "1: unknown key with our own name", { 0 }, { "k", HERE, 5, "1" }, true, true,
		"k here 5 1; " },
	{ "2: our entry, remote, greater ttl", { "k", HERE, 5, "1" }, { "k", HERE, 6, "2" }, true,
		false, "k here 5 1; " },
	{ "2: our entry, remote, greater ttl, other author", { "k", HERE, 5, "1" },
		{ "k", "evil", 6, "2" }, true, false, "k here 5 1; " },
	{ "2: our entry, local, greater ttl", { "k", HERE, 5, "1" }, { "k", HERE, 6, "2" }, false,
		true, "k here 6 2; " },
	{ "2: our entry, remote, equal ttl", { "k", HERE, 5, "1" }, { "k", "x", 5, "2" }, true,
		true, "k x 5 2; " },
	{ "3: greater ttl replaces everything", { "k", "a", 5, "1" }, { "k", "b", 6, "2" }, true,
		true, "k b 6 2; " },
	{ "3: equal ttl replaces", { "k", "a", 5, "1" }, { "k", "b", 5, "2" }, true, true,
		"k b 5 2; " },
	{ "3: same data is no news", { "k", "a", 5, "{\"x\":1,\"y\":2}" },
		{ "k", "b", 6, "{\"y\":2,\"x\":1.0}" }, true, false,
		"k b 6 {\"y\":2,\"x\":1.0}; " },
	{ "3: highest ttl", { "k", "a", 5, "1" }, { "k", "a", INT64_MAX, "2" }, true, true,
		"k a 9223372036854775807 2; " },
	{ "4: smaller ttl is ignored", { "k", "a", 5, "1" }, { "k", "a", 4, "2" }, true, false,
		"k a 5 1; " },
	{ "4: smaller ttl is ignored, local too", { "k", "a", 5, "1" }, { "k", "a", 4, "2" }, false,
		false, "k a 5 1; " },
};

static void test_merge(void **state)
{
	const struct merge_case *c = *state;
	struct store store;

	store_init(&store);
	(void)merge_rows(&store, &c->known, 1, false);
	assert_int_equal(merge_rows(&store, &c->offered, 1, c->remote), c->news);
	assert_string_equal(show(&store), c->after);
	store_free(&store);
}

static void test_entries_are_sorted_by_the_bytes_of_their_keys(void **state)
{
	static const struct row rows[] = { { "b", "", 1, "1" }, { "\xc3\xa9", "", 1, "2" },
		{ "", "", 1, "3" }, { "a", "", 1, "4" }, { "B", "", 1, "5" },
		{ "ab", "", 1, "6" } };
	struct store store;

	(void)state;
	store_init(&store);
	assert_true(merge_rows(&store, rows, COUNT(rows), true));
	assert_string_equal(
		show(&store), "  1 3; B  1 5; a  1 4; ab  1 6; b  1 1; \xc3\xa9  1 2; ");
	store_free(&store);
}

static void test_of_two_equal_keys_in_a_message_the_first_wins(void **state)
{
	static const struct row rows[] = { { "k", "a", 5, "1" }, { "k", "a", 9, "2" },
		{ "z", "a", 5, "3" } };
	struct store store;

	(void)state;
	store_init(&store);
	assert_true(merge_rows(&store, rows, COUNT(rows), true));
	assert_string_equal(show(&store), "k a 5 1; z a 5 3; ");
	/* Also where the first is ignored. */
	assert_true(merge_row(&store, true, "k", "a", 20, "4"));
	assert_false(merge_rows(&store,
		(const struct row[]){ { "k", "a", 6, "5" }, { "k", "a", 30, "6" } }, 2, true));
	assert_string_equal(show(&store), "k a 20 4; z a 5 3; ");
	/* In the next message it counts again. */
	assert_true(merge_row(&store, true, "k", "a", 30, "6"));
	store_free(&store);
}

static void test_a_bad_message_changes_nothing(void **state)
{
	static const char *const bad[] = { "", "{}", "[[[[", "{\"stateSlice\":[{}]}",
		("{\"stateSlice\":[{\"key\":\"k\",\"value\":{\"mAuthor\":\"\",\"mTtl\":9,"
		 "\"mData\":2}}]}x") };
	struct store store;

	(void)state;
	store_init(&store);
	(void)merge_row(&store, true, "k", "a", 5, "1");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(store_merge(&store, bad[i], strlen(bad[i]), HERE, true));
		assert_string_equal(show(&store), "k a 5 1; ");
	}
	store_free(&store);
}

static void test_ageing(void **state)
{
	static const struct row rows[] = { { "a", "", 3, "1" }, { "b", "", 1, "1" },
		{ "c", "", 0, "1" }, { "d", "", INT64_MIN, "1" }, { "e", "", INT64_MAX, "1" },
		{ "f", "", 2, "1" } };
	struct store store;

	(void)state;
	store_init(&store);
	(void)merge_rows(&store, rows, COUNT(rows), true);
	assert_int_equal(store.entry_count, 6);
	store_age(&store, 1);
	assert_string_equal(show(&store), "a  2 1; e  9223372036854775806 1; f  1 1; ");
	store_age(&store, 1);
	assert_string_equal(show(&store), "a  1 1; e  9223372036854775805 1; ");
	store_age(&store, UINT32_MAX);
	store_age(&store, 0);
	assert_int_equal(store.entry_count, 1);
	/* What was dropped is unknown again. */
	assert_true(merge_row(&store, true, "a", "x", 1, "1"));
	store_free(&store);
}

static void test_put_goes_above_what_was_seen(void **state)
{
	struct store store;

	(void)state;
	store_init(&store);
	assert_true(store_put(&store, HERE, HERE, 100, "1", 1));
	assert_string_equal(show(&store), "here here 100 1; ");
	/* Refused, but remembered. */
	assert_false(merge_row(&store, true, HERE, HERE, 150, "0"));
	assert_string_equal(show(&store), "here here 100 1; ");
	assert_true(store_put(&store, HERE, HERE, 100, "2", 1));
	assert_string_equal(show(&store), "here here 151 2; ");
	store_age(&store, 50);
	assert_false(store_put(&store, HERE, HERE, 100, "2", 1));
	assert_string_equal(show(&store), "here here 102 2; ");
	store_age(&store, 100);
	assert_false(store_put(&store, HERE, HERE, 100, " 2.0", 4));
	assert_string_equal(show(&store), "here here 100 2.0; ");
	store_free(&store);
}

static void test_put_is_not_undone_from_outside(void **state)
{
	struct store store;

	(void)state;
	store_init(&store);
	(void)store_put(&store, HERE, HERE, 100, "1", 1);
	assert_false(merge_row(&store, true, HERE, HERE, 100, "0"));
	assert_false(merge_row(&store, true, HERE, "evil", INT64_MAX, "0"));
	assert_string_equal(show(&store), "here here 100 1; ");
	/* A program on this machine may. */
	assert_true(merge_row(&store, false, HERE, HERE, 100, "3"));
	assert_string_equal(show(&store), "here here 100 3; ");
	/* The highest number there is has none above it. */
	(void)store_put(&store, HERE, HERE, 1, "4", 1);
	assert_string_equal(show(&store), "here here 9223372036854775807 4; ");
	store_free(&store);
}

static void fill(struct store *store, size_t data_size, uint32_t count, int64_t ttl_s)
{
	char *data = malloc(data_size + 2);
	char key[16];

	assert_non_null(data);
	memset(data, 'x', data_size);
	data[0] = data[data_size - 1] = '"';
	for (uint32_t i = 0; i < count; i++) {
		char *buffer = malloc(data_size + 512);
		struct text text;

		assert_non_null(buffer);
		snprintf(key, sizeof(key), "%05u", (unsigned)i);
		text_init(&text, buffer, data_size + 512);
		slice_write_begin(&text);
		slice_write_entry(&text, key, "", ttl_s + i, data, data_size);
		slice_write_end(&text);
		(void)store_merge(store, buffer, text.size, HERE, true);
		free(buffer);
	}
	free(data);
}

static size_t written_size(const struct store *store)
{
	struct text text;

	text_init(&text, NULL, 0);
	store_write(store, &text);
	return text.size;
}

static void test_the_state_always_fits_into_a_message(void **state)
{
	struct store store;
	uint32_t count;

	(void)state;
	store_init(&store);
	fill(&store, 4096, 400, 1000);
	count = store.entry_count;
	assert_in_range(count, 200, 260);
	/* Each counts with the longest TTL there is, which the test does not have. */
	assert_in_range(written_size(&store), LIMITS_SLICE_SIZE - 20000, LIMITS_SLICE_SIZE);
	/* No room for what is new, nor for more in what is known; but for less there is. */
	size_t before = written_size(&store);
	fill(&store, 9000, 1, 5000);
	assert_int_equal(written_size(&store), before);
	assert_true(merge_row(&store, true, "00000", "", 9999, "1"));

	/* Our own finds room: the entries that end first go. */
	char *data = malloc(20000);
	assert_non_null(data);
	memset(data, '1', 20000);
	count = store.entry_count;
	assert_true(store_put(&store, HERE, HERE, 10, data, 20000));
	assert_true(store.entry_count < count);
	assert_in_range(written_size(&store), LIMITS_SLICE_SIZE - 40000, LIMITS_SLICE_SIZE);
	free(data);

	store_age(&store, UINT32_MAX);
	assert_int_equal(store.entry_count, 0);
	assert_int_equal(store.bytes, 0);
	store_free(&store);
}

static void test_entries_are_counted(void **state)
{
	struct store store;

	(void)state;
	store_init(&store);
	fill(&store, 2, LIMITS_SLICE_ENTRIES_MAX + 3, 1000);
	assert_int_equal(store.entry_count, LIMITS_SLICE_ENTRIES_MAX);
	assert_true(store_put(&store, HERE, HERE, 10, "1", 1));
	assert_int_equal(store.entry_count, LIMITS_SLICE_ENTRIES_MAX);
	assert_false(merge_row(&store, true, "00000", "", 9999, "1"));
	store_free(&store);
}

int main(void)
{
	static struct CMUnitTest tests[COUNT(merge_cases) + 8] = {
		cmocka_unit_test(test_entries_are_sorted_by_the_bytes_of_their_keys),
		cmocka_unit_test(test_of_two_equal_keys_in_a_message_the_first_wins),
		cmocka_unit_test(test_a_bad_message_changes_nothing),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_put_goes_above_what_was_seen),
		cmocka_unit_test(test_put_is_not_undone_from_outside),
		cmocka_unit_test(test_the_state_always_fits_into_a_message),
		cmocka_unit_test(test_entries_are_counted),
	};

	for (size_t i = 0; i < COUNT(merge_cases); i++)
		tests[8 + i] = (struct CMUnitTest){ .name = merge_cases[i].name,
			.test_func = test_merge,
			.initial_state = (void *)(uintptr_t)&merge_cases[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
