// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct utf8_case {
	const char *name;
	const char *bytes;
	bool well_formed;
	bool printable;
} utf8_cases[] = {
	{ "utf8: empty", "", true, true },
	{ "utf8: ASCII", "Demo 2.0", true, true },
	{ "utf8: umlauts", "M\xc3\xbchle", true, true },
	{ "utf8: a house", "\xf0\x9f\x8f\xa0", true, true },
	{ "utf8: the last character", "\xf4\x8f\xbf\xbf", true, true },
	{ "utf8: a line end", "a\nb", true, false },
	{ "utf8: escape", "\x1b[31m", true, false },
	{ "utf8: delete", "a\x7f", true, false },
	{ "utf8: C1 control", "\xc2\x9b", true, false },
	{ "utf8: a lone continuation", "\x80", false, false },
	{ "utf8: cut off", "\xc3", false, false },
	{ "utf8: cut off in three", "\xe2\x82", false, false },
	{ "utf8: overlong slash", "\xc0\xaf", false, false },
	{ "utf8: overlong in three", "\xe0\x80\xaf", false, false },
	{ "utf8: a surrogate", "\xed\xa0\x80", false, false },
	{ "utf8: beyond the last", "\xf4\x90\x80\x80", false, false },
	{ "utf8: five bytes", "\xf8\x88\x80\x80\x80", false, false },
	{ "utf8: byte order mark of another encoding", "\xff\xfe", false, false },
};

static void test_utf8(void **state)
{
	const struct utf8_case *c = *state;

	assert_int_equal(text_is_utf8(c->bytes, strlen(c->bytes)), c->well_formed);
	assert_int_equal(text_is_printable(c->bytes, 63), c->printable);
	if (c->printable && c->bytes[0] != '\0')
		assert_false(text_is_printable(c->bytes, strlen(c->bytes) - 1));
}

/* The text grows on paper when the buffer is full: its size says what it would have taken. */
static void test_every_capacity(void **state)
{
	static const char whole[] = "[\"a\\\"b\",12,-3] and 007";
	char buffer[64];

	(void)state;
	for (size_t capacity = 0; capacity <= sizeof(whole) + 2; capacity++) {
		struct text text;

		memset(buffer, '#', sizeof(buffer));
		text_init(&text, capacity > 0 ? buffer : NULL, capacity);
		text_add(&text, "[");
		text_add_json_string(&text, "a\"b");
		text_add(&text, ",");
		text_add_u64(&text, 12);
		text_add(&text, ",");
		text_add_i64(&text, -3);
		text_add(&text, "]");
		text_add_format(&text, " and %03d", 7);
		assert_int_equal(text.size, strlen(whole));
		assert_int_equal(text_cut(&text), capacity <= strlen(whole));
		if (capacity > 0) {
			size_t fits = capacity - 1 < strlen(whole) ? capacity - 1 : strlen(whole);

			assert_int_equal(strlen(buffer), fits);
			assert_memory_equal(buffer, whole, fits);
		}
		for (size_t i = capacity; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], '#');
	}
}

static void test_json_members(void **state)
{
	static const char list[2][8] = { "x", "y\x01" };
	const uint8_t bytes[2] = { 0xab, 0x01 };
	char buffer[256];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_begin_object(&text);
	text_add_member_string(&text, "s", "a{");
	text_add_member_u64(&text, "n", UINT64_MAX);
	text_add_member_bool(&text, "b", false);
	text_add_member_hex(&text, "h", bytes, sizeof(bytes));
	text_add_member_strings(&text, "l", list[0], sizeof(list[0]), 2);
	text_add_member_strings(&text, "e", list[0], sizeof(list[0]), 0);
	text_add_member(&text, "o");
	text_begin_object(&text);
	text_add_member_bool(&text, "t", true);
	text_end_object(&text);
	text_end_object(&text);
	assert_string_equal(buffer,
		"{\"s\":\"a{\",\"n\":18446744073709551615,\"b\":false,\"h\":\"ab01\","
		"\"l\":[\"x\",\"y\\u0001\"],\"e\":[],\"o\":{\"t\":true}}");
}

/* Also after text that was written otherwise, and after an empty object. */
static void test_json_lists(void **state)
{
	char buffer[64];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_add_format(&text, "{\"n\":%d,\"l\":[", 3);
	text_begin_object(&text);
	text_end_object(&text);
	text_begin_object(&text);
	text_begin_list(&text, "l");
	text_add_json_string(&text, "{");
	text_add_json_string(&text, "");
	text_end_list(&text);
	text_end_object(&text);
	text_end_list(&text);
	text_add(&text, "}");
	assert_string_equal(buffer, "{\"n\":3,\"l\":[{},{\"l\":[\"{\",\"\"]}]}");
}

static void test_json_string_of_anything(void **state)
{
	char buffer[64];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_begin_object(&text);
	text_add_member_text(&text, "m", "\x00\t\\\xff\xc3\xbc", 6);
	assert_string_equal(buffer, "{\"m\":\"\\u0000\\u0009\\\\\xef\xbf\xbd\xc3\xbc\"");
	text_init(&text, buffer, sizeof(buffer));
	text_add_json_bytes(&text, "\t\"\\\xff\xc3\xbc");
	assert_string_equal(buffer, "\"\\u0009\\\"\\\\\xff\xc3\xbc\"");
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "node-1", "A.b_c", "0",
		"a23456789012345678901234567890123456789012345678901234567890123" };
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "a/b", "a b", "a\n",
		"\xc3\xbc", "a234567890123456789012345678901234567890123456789012345678901234" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(text_is_name(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(text_is_name(bad[i]));
}

static void test_parse_u64(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "01", "0x1", "1.0", "1e3",
		"a", "18446744073709551616", "99999999999999999999" };
	uint64_t value = 5;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(text_parse_u64(&value, bad[i]));
		assert_int_equal(value, 5);
	}
	assert_true(text_parse_u64(&value, "0"));
	assert_int_equal(value, 0);
	assert_true(text_parse_u64(&value, "18446744073709551615"));
	assert_true(value == UINT64_MAX);
}

static void test_copy_and_set(void **state)
{
	char buffer[4] = "old";

	(void)state;
	assert_false(text_copy(buffer, sizeof(buffer), "four"));
	assert_string_equal(buffer, "old");
	assert_true(text_copy(buffer, sizeof(buffer), "new"));
	assert_string_equal(buffer, "new");
	text_set(buffer, sizeof(buffer), "longer");
	assert_string_equal(buffer, "lon");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_every_capacity),
		cmocka_unit_test(test_json_members),
		cmocka_unit_test(test_json_lists),
		cmocka_unit_test(test_json_string_of_anything),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_parse_u64),
		cmocka_unit_test(test_copy_and_set),
	};
	static struct CMUnitTest tests[COUNT(utf8_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(utf8_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = utf8_cases[i].name,
			.test_func = test_utf8,
			.initial_state = &utf8_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
