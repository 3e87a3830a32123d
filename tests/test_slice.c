// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gossip/slice.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEXT(text) text, sizeof(text) - 1
#define SLICE(entries) "{\"stateSlice\":[" entries "]}"
#define ENTRY(key, author, ttl, data)                                                              \
	"{\"key\":" key ",\"value\":{\"mAuthor\":" author ",\"mTtl\":" ttl ",\"mData\":" data "}}"
#define GOOD ENTRY("\"g\"", "\"n\"", "9", "1")
#define TTL(ttl) SLICE(ENTRY("\"k\"", "\"n\"", ttl, "1"))

/* What arrives, and what is read from it: `key=ttl:data` of each entry, with `!` at the end if the
 * reading was stopped by something bad. */
static const struct read_case {
	const char *name;
	const char *text;
	size_t size;
	const char *read;
} read_cases[] = {
	{ "read: empty", TEXT(SLICE("")), "" },
	{ "read: empty, as upstream writes it", TEXT("{\n    \"stateSlice\": []\n}"), "" },
	{ "read: one", TEXT(SLICE(GOOD)), "g=9:1 " },
	{ "read: two", TEXT(SLICE(GOOD "," ENTRY("\"h\"", "\"\"", "8", "null"))),
		"g=9:1 h=8:null " },
	{ "read: blanks", TEXT(" { \"stateSlice\" : [ " GOOD " , " GOOD " ] } \n"),
		"g=9:1 g=9:1 " },
	{ "read: members in another order",
		TEXT(SLICE("{\"value\":{\"mData\":{\"b\":1, \"a\":2},\"mTtl\":7,\"mAuthor\":\"x\"},"
			   "\"key\":\"o\"}")),
		"o=7:{\"b\":1, \"a\":2} " },
	{ "read: members that nobody knows",
		TEXT("{\"x\":[{}],\"stateSlice\":[{\"y\":1,\"key\":\"k\",\"value\":{\"mZ\":{},"
		     "\"mAuthor\":\"n\",\"mTtl\":5,\"mData\":\"d\"}}],\"z\":null}"),
		"k=5:\"d\" " },
	{ "read: two lists, the first counts",
		TEXT("{\"stateSlice\":[" GOOD "],\"stateSlice\":[]}"), "g=9:1 " },
	{ "read: trailing NULs and newline", TEXT(SLICE(GOOD) "\n\0\0"), "g=9:1 " },
	{ "read: byte order mark", TEXT("\xef\xbb\xbf" SLICE(GOOD)), "g=9:1 " },
	{ "read: numbers byte for byte",
		TEXT(SLICE(ENTRY("\"k\"", "\"n\"", "1",
			"[1.0,1e100,0.1,18446744073709551615,-9223372036854775808,"
			"1.2345678901234566e29]"))),
		"k=1:[1.0,1e100,0.1,18446744073709551615,-9223372036854775808,"
		"1.2345678901234566e29] " },
	{ "read: bytes that are not UTF-8 pass",
		TEXT(SLICE(ENTRY("\"k\xff\"", "\"n\"", "1", "\"\xc0\x80\""))),
		"k\xff=1:\"\xc0\x80\" " },
	{ "read: escaped key", TEXT(SLICE(ENTRY("\"\\u00e9\\\"\"", "\"n\"", "1", "0"))),
		"\xc3\xa9\"=1:0 " },
	{ "read: a NUL cuts the key", TEXT(SLICE(ENTRY("\"a\\u0000b\"", "\"n\"", "1", "0"))),
		"a=1:0 " },
	{ "read: a NUL in the data stays",
		TEXT(SLICE(ENTRY("\"a\"", "\"n\"", "1", "\"a\\u0000b\""))), "a=1:\"a\\u0000b\" " },
	{ "read: empty key", TEXT(SLICE(ENTRY("\"\"", "\"n\"", "1", "0"))), "=1:0 " },

	{ "ttl: integer", TEXT(TTL("2431")), "k=2431:1 " },
	{ "ttl: negative", TEXT(TTL("-5")), "k=-5:1 " },
	{ "ttl: two-member object", TEXT(TTL("{\"xint64\":7,\"xstr64\":\"7\"}")), "k=7:1 " },
	{ "ttl: they differ, xint64 wins", TEXT(TTL("{\"xstr64\":\"8\",\"xint64\":7}")), "k=7:1 " },
	{ "ttl: xint64 alone", TEXT(TTL("{\"xint64\":7}")), "k=7:1 " },
	{ "ttl: xstr64 alone", TEXT(TTL("{\"xstr64\":\"-8\"}")), "k=-8:1 " },
	{ "ttl: xint64 is no integer, xstr64 counts",
		TEXT(TTL("{\"xint64\":7.5,\"xstr64\":\"8\"}")), "k=8:1 " },
	{ "ttl: xint64 is a string, xstr64 counts",
		TEXT(TTL("{\"xint64\":\"7\",\"xstr64\":\"8\"}")), "k=8:1 " },
	{ "ttl: highest", TEXT(TTL("9223372036854775807")), "k=9223372036854775807:1 " },
	{ "ttl: lowest", TEXT(TTL("{\"xstr64\":\"-9223372036854775808\"}")),
		"k=-9223372036854775808:1 " },
	{ "ttl: float", TEXT(TTL("7.0")), "!" },
	{ "ttl: xint64 as a string alone", TEXT(TTL("{\"xint64\":\"7\"}")), "!" },
	{ "ttl: xstr64 not decimal", TEXT(TTL("{\"xstr64\":\"7s\"}")), "!" },
	{ "ttl: xstr64 empty", TEXT(TTL("{\"xstr64\":\"\"}")), "!" },
	{ "ttl: xstr64 far too long", TEXT(TTL("{\"xstr64\":\"0000000000000000000000000000007\"}")),
		"!" },
	{ "ttl: above 64 bits", TEXT(TTL("9223372036854775808")), "!" },
	{ "ttl: string", TEXT(TTL("\"7\"")), "!" },
	{ "ttl: null", TEXT(TTL("null")), "!" },
	{ "ttl: empty object", TEXT(TTL("{}")), "!" },

	{ "bad entry: what comes before it counts", TEXT(SLICE(GOOD ",1," GOOD)), "g=9:1 !" },
	{ "bad entry: a list", TEXT(SLICE("[]")), "!" },
	{ "bad entry: no key", TEXT(SLICE("{\"value\":{\"mAuthor\":\"\",\"mTtl\":1,\"mData\":1}}")),
		"!" },
	{ "bad entry: key is a number", TEXT(SLICE(ENTRY("1", "\"n\"", "1", "1"))), "!" },
	{ "bad entry: no value", TEXT(SLICE("{\"key\":\"k\"}")), "!" },
	{ "bad entry: value is a list", TEXT(SLICE("{\"key\":\"k\",\"value\":[]}")), "!" },
	{ "bad entry: no author", TEXT(SLICE("{\"key\":\"k\",\"value\":{\"mTtl\":1,\"mData\":1}}")),
		"!" },
	{ "bad entry: author is null", TEXT(SLICE(ENTRY("\"k\"", "null", "1", "1"))), "!" },
	{ "bad entry: no ttl",
		TEXT(SLICE("{\"key\":\"k\",\"value\":{\"mAuthor\":\"\",\"mData\":1}}")), "!" },
	{ "bad entry: no data",
		TEXT(SLICE("{\"key\":\"k\",\"value\":{\"mAuthor\":\"\",\"mTtl\":1}}")), "!" },

	{ "no slice: nothing", TEXT(""), "!" },
	{ "no slice: NULs", TEXT("\0\0\0\0"), "!" },
	{ "no slice: not JSON", TEXT("GET / HTTP/1.1\r\n\r\n"), "!" },
	{ "no slice: empty object", TEXT("{}"), "!" },
	{ "no slice: list", TEXT("[]"), "!" },
	{ "no slice: null", TEXT("null"), "!" },
	{ "no slice: stateSlice is an object", TEXT("{\"stateSlice\":{}}"), "!" },
	{ "no slice: text after it", TEXT(SLICE(GOOD) "x"), "!" },
	{ "no slice: a second document", TEXT(SLICE(GOOD) SLICE("")), "!" },
	{ "no slice: comment", TEXT("{\"stateSlice\":[/**/" GOOD "]}"), "!" },
	{ "no slice: NaN", TEXT(SLICE(ENTRY("\"k\"", "\"n\"", "1", "NaN"))), "!" },
	{ "no slice: cut off", TEXT("{\"stateSlice\":[" GOOD "]\0\0\0"), "!" },
	{ "no slice: cut off in a string", TEXT("{\"stateSlice\":[{\"key\":\"\0\0\0"), "!" },
	{ "no slice: two marks", TEXT("\xef\xbb\xbf\xef\xbb\xbf" SLICE(GOOD)), "!" },

	{ "passed over: a number that no double holds",
		TEXT(SLICE(ENTRY("\"k\"", "\"n\"", "1", "1e999") "," GOOD)), "g=9:1 " },
};

static void append(char *read, size_t capacity, const char *bytes, size_t size)
{
	size_t used = strlen(read);

	assert_true(used + size < capacity);
	memcpy(read + used, bytes, size);
	read[used + size] = '\0';
}

static void read_all(const char *bytes, size_t size, char *read, size_t capacity)
{
	struct slice_reader reader;
	struct slice_entry entry;
	char *copy = malloc(size > 0 ? size : 1);
	uint32_t count = 0;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	read[0] = '\0';
	slice_reader_init(&reader, copy, size);
	while (slice_reader_next(&reader, &entry)) {
		char ttl[32];

		count++;
		append(read, capacity, entry.key, strlen(entry.key));
		snprintf(ttl, sizeof(ttl), "=%lld:", (long long)entry.ttl_s);
		append(read, capacity, ttl, strlen(ttl));
		append(read, capacity, entry.data, entry.data_size);
		append(read, capacity, " ", 1);
	}
	if (reader.bad)
		append(read, capacity, "!", 1);
	assert_true(reader.stopped);
	assert_int_equal(reader.entry_count, count);
	assert_false(slice_reader_next(&reader, &entry));
	free(copy);
}

static void test_read(void **state)
{
	const struct read_case *c = *state;
	char read[512];

	read_all(c->text, c->size, read, sizeof(read));
	assert_string_equal(read, c->read);
}

/* Builds a slice of a good entry, one whose key, author or data is built by us, and a good one. */
static void read_between(
	const char *key, const char *author, const char *data, const char *expected)
{
	size_t size = strlen(key) + strlen(author) + strlen(data) + 512;
	char *text = malloc(size), read[1024];

	assert_non_null(text);
	snprintf(text, size, SLICE(GOOD "," ENTRY("\"%s\"", "\"%s\"", "3", "%s") "," GOOD), key,
		author, data);
	read_all(text, strlen(text), read, sizeof(read));
	assert_string_equal(read, expected);
	free(text);
}

static char *repeat(char c, size_t count)
{
	char *text = malloc(count + 1);

	assert_non_null(text);
	memset(text, c, count);
	text[count] = '\0';
	return text;
}

static void test_a_key_that_is_too_long_is_passed_over(void **state)
{
	char *key = repeat('k', SLICE_KEY_SIZE + 1);
	char expected[SLICE_KEY_SIZE + 64];

	(void)state;
	read_between(key, "n", "1", "g=9:1 g=9:1 ");
	key[SLICE_KEY_SIZE] = '\0';
	snprintf(expected, sizeof(expected), "g=9:1 %s=3:1 g=9:1 ", key);
	read_between(key, "n", "1", expected);
	free(key);
}

static void test_an_author_that_is_too_long_is_passed_over(void **state)
{
	char *author = repeat('a', SLICE_AUTHOR_SIZE + 1);

	(void)state;
	read_between("k", author, "1", "g=9:1 g=9:1 ");
	author[SLICE_AUTHOR_SIZE] = '\0';
	read_between("k", author, "1", "g=9:1 k=3:1 g=9:1 ");
	free(author);
}

static void test_an_entry_that_is_too_deep_is_passed_over(void **state)
{
	enum { DEPTH = 1000 };
	char *open = repeat('[', DEPTH), *close = repeat(']', DEPTH), data[2 * DEPTH + 1];

	(void)state;
	snprintf(data, sizeof(data), "%s%s", open, close);
	read_between("k", "n", data, "g=9:1 g=9:1 ");
	/* The entry and its value are two levels themselves. */
	snprintf(data, sizeof(data), "%.*s%.*s", LIMITS_SLICE_DEPTH - 2, open,
		LIMITS_SLICE_DEPTH - 2, close);
	char expected[2 * DEPTH + 64];
	snprintf(expected, sizeof(expected), "g=9:1 k=3:%s g=9:1 ", data);
	read_between("k", "n", data, expected);
	free(open);
	free(close);
}

static void test_half_a_million_brackets(void **state)
{
	char *text = repeat('[', 500000), read[64];

	(void)state;
	read_all(text, 500000, read, sizeof(read));
	assert_string_equal(read, "!");
	memcpy(text, "{\"stateSlice\":[", 15);
	read_all(text, 500000, read, sizeof(read));
	assert_string_equal(read, "!");
	free(text);
}

/* A message, and the digest that is read beside its list; NULL if there is none. */
static void test_digest(void **state)
{
	static const struct {
		const char *message, *digest;
	} cases[] = {
		{ "{\"stateSlice\":[]}", NULL },
		{ "{\"stateSlice\":[],\"lockstep\":\"0123456789abcdef\"}", "0123456789abcdef" },
		{ "{\"lockstep\":\"0123456789abcdef\",\"stateSlice\":[" GOOD "]}",
			"0123456789abcdef" },
		{ "{\"stateSlice\":[],\"lockstep\":\"\"}", "" },
		{ "{\"stateSlice\":[],\"lockstep\":12}", NULL },
		{ "{\"stateSlice\":[],\"lockstep\":null}", NULL },
		{ "{\"stateSlice\":7,\"lockstep\":\"0123456789abcdef\"}", NULL },
		{ "{\"stateSlice\":[],\"lockstep\":\"0123456789abcdef\"", NULL },
	};
	char longest[512], digest[SLICE_DIGEST_SIZE + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice_reader reader;

		slice_reader_init(&reader, cases[i].message, strlen(cases[i].message));
		assert_int_equal(reader.has_digest, cases[i].digest != NULL);
		if (cases[i].digest != NULL)
			assert_string_equal(reader.digest, cases[i].digest);
	}
	for (size_t size = SLICE_DIGEST_SIZE; size <= SLICE_DIGEST_SIZE + 1; size++) {
		struct slice_reader reader;

		memset(digest, 'A', size);
		digest[size] = '\0';
		snprintf(longest, sizeof(longest), "{\"stateSlice\":[],\"lockstep\":\"%s\"}",
			digest);
		slice_reader_init(&reader, longest, strlen(longest));
		assert_int_equal(reader.has_digest, size == SLICE_DIGEST_SIZE);
		assert_false(reader.bad);
	}
}

static void test_entries_are_counted(void **state)
{
	enum { ENTRIES = LIMITS_SLICE_ENTRIES_MAX + 1 };
	size_t capacity = ENTRIES * 128;
	char *buffer = malloc(capacity), key[16];
	struct slice_reader reader;
	struct slice_entry entry;
	struct text text;
	uint32_t count = 0;

	(void)state;
	assert_non_null(buffer);
	text_init(&text, buffer, capacity);
	slice_write_begin(&text);
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(key, sizeof(key), "%d", i);
		slice_write_entry(&text, key, "", 1, "0", 1);
	}
	slice_write_end(&text);
	assert_false(text_cut(&text));
	slice_reader_init(&reader, buffer, text.size);
	while (slice_reader_next(&reader, &entry))
		count++;
	assert_int_equal(count, LIMITS_SLICE_ENTRIES_MAX);
	assert_true(reader.bad);
	free(buffer);
}

static void test_written_is_compact_and_reads_the_same(void **state)
{
	static const char key[] = "cl\xc3\xa9 \"\\/\x01\x7f\xff\n";
	char buffer[512];
	struct slice_reader reader;
	struct slice_entry entry;
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	slice_write_begin(&text);
	slice_write_entry(&text, key, "node\t1", INT64_MIN, TEXT("{\"a\": 1.0}"));
	slice_write_entry(&text, "b", "", 7, TEXT("null"));
	slice_write_end(&text);
	assert_string_equal(buffer,
		"{\"stateSlice\":[{\"key\":\"cl\xc3\xa9 "
		"\\\"\\\\/\\u0001\x7f\xff\\u000a\",\"value\":"
		"{\"mAuthor\":\"node\\u00091\",\"mTtl\":{\"xint64\":-9223372036854775808,"
		"\"xstr64\":\"-9223372036854775808\"},\"mData\":{\"a\": 1.0}}},"
		"{\"key\":\"b\",\"value\":{\"mAuthor\":\"\",\"mTtl\":{\"xint64\":7,\"xstr64\":"
		"\"7\"},"
		"\"mData\":null}}]}");

	slice_reader_init(&reader, buffer, text.size);
	assert_true(slice_reader_next(&reader, &entry));
	assert_string_equal(entry.key, key);
	assert_string_equal(entry.author, "node\t1");
	assert_true(entry.ttl_s == INT64_MIN);
	assert_int_equal(entry.data_size, 10);
	assert_memory_equal(entry.data, "{\"a\": 1.0}", 10);
	assert_true(slice_reader_next(&reader, &entry));
	assert_string_equal(entry.author, "");
	assert_false(slice_reader_next(&reader, &entry));
	assert_false(reader.bad);
}

int main(void)
{
	static struct CMUnitTest tests[COUNT(read_cases) + 7] = {
		cmocka_unit_test(test_a_key_that_is_too_long_is_passed_over),
		cmocka_unit_test(test_an_author_that_is_too_long_is_passed_over),
		cmocka_unit_test(test_an_entry_that_is_too_deep_is_passed_over),
		cmocka_unit_test(test_half_a_million_brackets),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_entries_are_counted),
		cmocka_unit_test(test_written_is_compact_and_reads_the_same),
	};

	for (size_t i = 0; i < COUNT(read_cases); i++)
		tests[7 + i] = (struct CMUnitTest){ .name = read_cases[i].name,
			.test_func = test_read,
			.initial_state = (void *)(uintptr_t)&read_cases[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
