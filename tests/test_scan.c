// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "gossip/same.h"
#include "gossip/scan.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEXT(text) text, sizeof(text) - 1

/* Is it one JSON value, and nothing else? */
static const struct value_case {
	const char *name;
	const char *text;
	size_t size;
	enum scan_kind kind; /* SCAN_NONE: refused */
	bool odd;
} value_cases[] = {
	{ "value: empty object", TEXT("{}"), SCAN_OBJECT, false },
	{ "value: empty list", TEXT("[]"), SCAN_LIST, false },
	{ "value: blanks everywhere", TEXT(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"), SCAN_OBJECT, false },
	{ "value: empty string", TEXT("\"\""), SCAN_STRING, false },
	{ "value: raw bytes that are not UTF-8", TEXT("\"\xff\xc0\x80\""), SCAN_STRING, false },
	{ "value: DEL", TEXT("\"\x7f\""), SCAN_STRING, false },
	{ "value: every escape", TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\""), SCAN_STRING,
		false },
	{ "value: surrogate pair", TEXT("\"\\ud83d\\uDE80\""), SCAN_STRING, false },
	{ "value: escaped NUL", TEXT("\"a\\u0000b\""), SCAN_STRING, false },
	{ "value: true", TEXT("true"), SCAN_WORD, false },
	{ "value: false", TEXT("false"), SCAN_WORD, false },
	{ "value: null", TEXT("null"), SCAN_WORD, false },
	{ "value: 0", TEXT("0"), SCAN_NUMBER, false },
	{ "value: -0", TEXT("-0"), SCAN_NUMBER, false },
	{ "value: 1.0", TEXT("1.0"), SCAN_NUMBER, false },
	{ "value: 1e100", TEXT("1e100"), SCAN_NUMBER, false },
	{ "value: 1E+5", TEXT("1E+5"), SCAN_NUMBER, false },
	{ "value: 1e-400", TEXT("1e-400"), SCAN_NUMBER, false },
	{ "value: largest u64", TEXT("18446744073709551615"), SCAN_NUMBER, false },
	{ "value: largest decimal power", TEXT("1e307"), SCAN_NUMBER, false },
	{ "value: larger than a double", TEXT("1e400"), SCAN_NUMBER, true },
	{ "value: exponent that overflows a counter", TEXT("1e99999999999999999999"), SCAN_NUMBER,
		true },
	{ "value: too large a number inside", TEXT("[[1e400],2]"), SCAN_LIST, true },
	{ "value: many members", TEXT("{\"a\":1,\"b\":[],\"c\":{},\"a\":2}"), SCAN_OBJECT, false },

	{ "refused: nothing", TEXT(""), SCAN_NONE, false },
	{ "refused: blanks", TEXT("  "), SCAN_NONE, false },
	{ "refused: leading zero", TEXT("01"), SCAN_NONE, false },
	{ "refused: plus", TEXT("+1"), SCAN_NONE, false },
	{ "refused: lone minus", TEXT("-"), SCAN_NONE, false },
	{ "refused: no digit before the point", TEXT(".5"), SCAN_NONE, false },
	{ "refused: no digit after the point", TEXT("1."), SCAN_NONE, false },
	{ "refused: no exponent", TEXT("1e"), SCAN_NONE, false },
	{ "refused: signed nothing as exponent", TEXT("1e+"), SCAN_NONE, false },
	{ "refused: hexadecimal", TEXT("0x10"), SCAN_NONE, false },
	{ "refused: NaN", TEXT("NaN"), SCAN_NONE, false },
	{ "refused: Infinity", TEXT("Infinity"), SCAN_NONE, false },
	{ "refused: capital word", TEXT("True"), SCAN_NONE, false },
	{ "refused: half a word", TEXT("nul"), SCAN_NONE, false },
	{ "refused: comment", TEXT("[1 /* one */]"), SCAN_NONE, false },
	{ "refused: line comment", TEXT("// one\n1"), SCAN_NONE, false },
	{ "refused: open string", TEXT("\"abc"), SCAN_NONE, false },
	{ "refused: string that ends in a backslash", TEXT("\"abc\\"), SCAN_NONE, false },
	{ "refused: control character in a string", TEXT("\"a\nb\""), SCAN_NONE, false },
	{ "refused: NUL in a string", TEXT("\"a\0b\""), SCAN_NONE, false },
	{ "refused: unknown escape", TEXT("\"\\x41\""), SCAN_NONE, false },
	{ "refused: escaped NUL byte", TEXT("\"\\\0\""), SCAN_NONE, false },
	{ "refused: three hex digits", TEXT("\"\\u004\""), SCAN_NONE, false },
	{ "refused: high surrogate alone", TEXT("\"\\ud83d\""), SCAN_NONE, false },
	{ "refused: low surrogate alone", TEXT("\"\\ude80\""), SCAN_NONE, false },
	{ "refused: high surrogate and a letter", TEXT("\"\\ud83d\\u0041\""), SCAN_NONE, false },
	{ "refused: single quotes", TEXT("'a'"), SCAN_NONE, false },
	{ "refused: comma at the end of a list", TEXT("[1,]"), SCAN_NONE, false },
	{ "refused: comma at the start of a list", TEXT("[,1]"), SCAN_NONE, false },
	{ "refused: two commas", TEXT("[1,,2]"), SCAN_NONE, false },
	{ "refused: no comma", TEXT("[1 2]"), SCAN_NONE, false },
	{ "refused: comma at the end of an object", TEXT("{\"a\":1,}"), SCAN_NONE, false },
	{ "refused: no colon", TEXT("{\"a\" 1}"), SCAN_NONE, false },
	{ "refused: no value", TEXT("{\"a\":}"), SCAN_NONE, false },
	{ "refused: bare name", TEXT("{a:1}"), SCAN_NONE, false },
	{ "refused: number as a name", TEXT("{1:1}"), SCAN_NONE, false },
	{ "refused: member in a list", TEXT("[\"a\":1]"), SCAN_NONE, false },
	{ "refused: wrong bracket", TEXT("[1}"), SCAN_NONE, false },
	{ "refused: wrong brackets inside", TEXT("{\"a\":[1}]"), SCAN_NONE, false },
	{ "refused: open list", TEXT("[1"), SCAN_NONE, false },
	{ "refused: open object", TEXT("{\"a\":1"), SCAN_NONE, false },
	{ "refused: closed twice", TEXT("[1]]"), SCAN_NONE, false },
	{ "refused: two values", TEXT("{}{}"), SCAN_NONE, false },
};

/* In memory of exactly this size, so that a look past the end is seen. */
static char *exactly(const char *text, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, text, size);
	return copy;
}

static void test_value(void **state)
{
	const struct value_case *c = *state;
	char *text = exactly(c->text, c->size);
	struct scan scan = { .at = text, .end = text + c->size };
	struct scan_span value;
	bool sound = scan_value(&scan, &value) && scan_at_end(&scan);

	assert_int_equal(sound, c->kind != SCAN_NONE);
	if (sound) {
		assert_int_equal(value.kind, c->kind);
		assert_int_equal(value.odd, c->odd);
	}
	free(text);
}

static void test_no_beginning_of_a_value_is_a_value(void **state)
{
	static const char text[] = "{\"a\":[1.5e3,\"\\ud83d\\ude80x\",{\"b\":null}],\"c\":{}}";

	(void)state;
	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		char *copy = exactly(text, size);
		struct scan scan = { .at = copy, .end = copy + size };
		struct scan_span value;

		assert_false(scan_value(&scan, &value));
		free(copy);
	}
}

static bool scan_nested(const char *open, const char *close, size_t depth, struct scan_span *value)
{
	size_t open_size = strlen(open), close_size = strlen(close);
	size_t size = depth * (open_size + close_size) + 1;
	char *text = malloc(size);
	struct scan scan = { .at = text, .end = text + size };
	bool sound;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++) {
		memcpy(text + i * open_size, open, open_size);
		memcpy(text + depth * open_size + 1 + i * close_size, close, close_size);
	}
	text[depth * open_size] = '1';
	sound = scan_value(&scan, value) && scan_at_end(&scan);
	free(text);
	return sound;
}

static void test_depth_is_bounded(void **state)
{
	struct scan_span value;

	(void)state;
	assert_true(scan_nested("[", "]", LIMITS_SLICE_DEPTH, &value));
	assert_false(value.odd);
	assert_true(scan_nested("{\"a\":", "}", LIMITS_SLICE_DEPTH, &value));
	assert_false(value.odd);
	assert_true(scan_nested("[", "]", LIMITS_SLICE_DEPTH + 1, &value));
	assert_true(value.odd);
	assert_true(scan_nested("[{\"a\":", "}]", 300000, &value));
	assert_true(value.odd);
	assert_false(scan_nested("[", "", 500000, &value));
}

static const struct text_case {
	const char *name;
	const char *json;
	const char *text;
	size_t size;
} text_cases[] = {
	{ "text: plain", "\"abc\"", TEXT("abc") },
	{ "text: empty", "\"\"", TEXT("") },
	{ "text: escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", TEXT("\"\\/\b\f\n\r\t") },
	{ "text: escaped ASCII", "\"\\u0041\\u007f\"", TEXT("A\x7f") },
	{ "text: two bytes", "\"\\u00e9\\u07ff\"", TEXT("\xc3\xa9\xdf\xbf") },
	{ "text: three bytes", "\"\\u0800\\uffff\"", TEXT("\xe0\xa0\x80\xef\xbf\xbf") },
	{ "text: four bytes", "\"\\ud800\\udc00\\udbff\\udfff\"",
		TEXT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
	{ "text: NUL", "\"a\\u0000b\"", TEXT("a\0b") },
	{ "text: raw UTF-8", "\"\xf0\x9f\x9b\xb0\"", TEXT("\xf0\x9f\x9b\xb0") },
	{ "text: raw rubbish", "\"\xff\xfe\"", TEXT("\xff\xfe") },
};

static void test_text(void **state)
{
	const struct text_case *c = *state;
	struct scan scan = { .at = c->json, .end = c->json + strlen(c->json) };
	struct scan_span value;
	char buffer[32];

	assert_true(scan_value(&scan, &value));
	assert_int_equal(scan_text(&value, buffer, sizeof(buffer)), c->size);
	assert_memory_equal(buffer, c->text, c->size);

	/* Too small a buffer is filled, not overrun, and the size is still told. */
	memset(buffer, '#', sizeof(buffer));
	assert_int_equal(scan_text(&value, buffer, c->size / 2), c->size);
	assert_memory_equal(buffer, c->text, c->size / 2);
	assert_int_equal(buffer[c->size / 2], '#');
}

static const struct i64_case {
	const char *name;
	const char *text;
	bool ok;
	int64_t value;
} i64_cases[] = {
	{ "i64: 0", "0", true, 0 },
	{ "i64: -0", "-0", true, 0 },
	{ "i64: 2431", "2431", true, 2431 },
	{ "i64: plus", "+5", true, 5 },
	{ "i64: negative", "-17", true, -17 },
	{ "i64: highest", "9223372036854775807", true, INT64_MAX },
	{ "i64: lowest", "-9223372036854775808", true, INT64_MIN },
	{ "i64: one too high", "9223372036854775808", false, 0 },
	{ "i64: one too low", "-9223372036854775809", false, 0 },
	{ "i64: far too high", "99999999999999999999", false, 0 },
	{ "i64: nothing", "", false, 0 },
	{ "i64: sign only", "-", false, 0 },
	{ "i64: two signs", "--1", false, 0 },
	{ "i64: fraction", "1.0", false, 0 },
	{ "i64: exponent", "1e3", false, 0 },
	{ "i64: blank before", " 1", false, 0 },
	{ "i64: blank after", "1 ", false, 0 },
};

static void test_i64(void **state)
{
	const struct i64_case *c = *state;
	int64_t value = 77;

	assert_int_equal(scan_i64(c->text, strlen(c->text), &value), c->ok);
	assert_true(value == (c->ok ? c->value : 77));
}

static void test_find_takes_the_first_of_each_name(void **state)
{
	static const char text[] =
		"{\"x\":0,\"\\u0061\":1,\"b\":[2],\"a\":3,\"aVeryLongNameIndeedIsThis\":4}";
	struct scan scan = { .at = text, .end = text + sizeof(text) - 1 };
	struct scan_span object, found[3];

	(void)state;
	assert_true(scan_value(&scan, &object));
	scan_find(&object, "b\0a\0missing\0", found, 3);
	assert_int_equal(found[0].kind, SCAN_LIST);
	assert_memory_equal(found[0].at, "[2]", 3);
	assert_int_equal(found[1].kind, SCAN_NUMBER);
	assert_memory_equal(found[1].at, "1", 1);
	assert_int_equal(found[2].kind, SCAN_NONE);
}

static const struct same_case {
	const char *name;
	const char *one;
	const char *other;
	bool same;
} same_cases[] = {
	{ "same: itself", "{\"a\":1}", "{\"a\":1}", true },
	{ "same: order of members", "{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true },
	{ "same: order of members deep down", "[{\"x\":{\"a\":1,\"b\":2}}]",
		"[{\"x\":{\"b\":2,\"a\":1}}]", true },
	{ "same: blanks", "{\"a\":[1,2]}", " { \"a\" :\n[ 1 , 2 ] }", true },
	{ "same: 1 and 1.0", "1", "1.0", true },
	{ "same: 100 and 1e2", "[100]", "[1e2]", true },
	{ "same: -0 and 0.0", "-0", "0.0", true },
	{ "same: two writings of a fraction", "0.5", "5e-1", true },
	{ "same: escapes", "\"\\u00e9\\/\"", "\"\xc3\xa9/\"", true },
	{ "same: escaped name", "{\"\\u0061\":1}", "{\"a\":1}", true },
	{ "differ: order of a list", "[1,2]", "[2,1]", false },
	{ "differ: value", "{\"a\":1}", "{\"a\":2}", false },
	{ "differ: name", "{\"a\":1}", "{\"b\":1}", false },
	{ "differ: swapped values", "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false },
	{ "differ: one member more", "{\"a\":1}", "{\"a\":1,\"b\":null}", false },
	{ "differ: string and number", "\"1\"", "1", false },
	{ "differ: a member named like its value, and none", "{\"a\":\"a\"}", "{}", false },
	{ "differ: empties", "{}", "[]", false },
	{ "differ: null and absent", "[null]", "[]", false },
	{ "differ: null and false", "null", "false", false },
	{ "differ: true and false", "true", "false", false },
	{ "differ: nesting", "[[1],2]", "[[1,2]]", false },
	{ "differ: empty list inside", "[[],1]", "[1]", false },
	{ "differ: neighbours above 2^53", "9007199254740993", "9007199254740992", false },
	{ "differ: largest u64 and one less", "18446744073709551615", "18446744073709551614",
		false },
	{ "same: the double that a long integer becomes", "123456789012345678901234567890",
		"1.2345678901234568e29", true },
	{ "differ: -1 and what it is in 64 bits", "-1", "18446744073709551615", false },
	{ "same: -1 and -1.0", "-1", "-1.0", true },
	{ "differ: fraction", "0.1", "0.2", false },
	{ "differ: a NUL more", "\"a\\u0000\"", "\"a\"", false },
};

static void test_same(void **state)
{
	const struct same_case *c = *state;

	assert_int_equal(same_value(c->one, strlen(c->one), c->other, strlen(c->other)), c->same);
	assert_int_equal(same_value(c->other, strlen(c->other), c->one, strlen(c->one)), c->same);
}

/* Whatever the bytes are, the look at them ends and stays inside. */
static void test_same_survives_what_is_not_json(void **state)
{
	static const char *const rubbish[] = { "", "{", "[", "\"", "{\"a", "[1,", "}", "\\", ",",
		"{{{", "[\"\\u12", "-", "tru" };

	(void)state;
	for (size_t i = 0; i < COUNT(rubbish); i++) {
		size_t size = strlen(rubbish[i]);
		char *copy = exactly(rubbish[i], size);

		(void)same_value(copy, size, "[]", 2);
		free(copy);
	}
}

/* cmocka hands rows on as void *. */
static void *row_of(const void *row)
{
	return (void *)(uintptr_t)row;
}

int main(void)
{
	static struct CMUnitTest tests[COUNT(value_cases) + COUNT(text_cases) + COUNT(i64_cases) +
				       COUNT(same_cases) + 4];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(value_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = value_cases[i].name,
			.test_func = test_value,
			.initial_state = row_of(&value_cases[i]) };
	for (size_t i = 0; i < COUNT(text_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = text_cases[i].name,
			.test_func = test_text,
			.initial_state = row_of(&text_cases[i]) };
	for (size_t i = 0; i < COUNT(i64_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = i64_cases[i].name,
			.test_func = test_i64,
			.initial_state = row_of(&i64_cases[i]) };
	for (size_t i = 0; i < COUNT(same_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = same_cases[i].name,
			.test_func = test_same,
			.initial_state = row_of(&same_cases[i]) };
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(test_no_beginning_of_a_value_is_a_value);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_depth_is_bounded);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(test_find_takes_the_first_of_each_name);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_same_survives_what_is_not_json);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
