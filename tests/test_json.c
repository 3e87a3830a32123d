// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Whole documents. */
static struct document_case {
	const char *name;
	const char *document;
	bool fine;
} document_cases[] = {
	{ "document: an empty object", "{}", true },
	{ "document: blanks around it", " \n{ } \n", true },
	{ "document: a list", "[]", false },
	{ "document: a string", "\"a\"", false },
	{ "document: nothing", "", false },
	{ "document: blanks", "  ", false },
	{ "document: cut off", "{\"a\":1", false },
	{ "document: more behind it", "{} {}", false },
	{ "document: a comma too many", "{\"a\":1,}", false },
	{ "document: a comment", "{/* a */}", false },
	{ "document: no quotes", "{a:1}", false },
	{ "document: not UTF-8", "{\"a\":\"\xff\"}", false },
	{ "document: sixteen levels", "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", true },
	{ "document: seventeen levels", "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", false },
};

static void test_document(void **state)
{
	const struct document_case *c = *state;
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, c->document, strlen(c->document));

	assert_int_equal(json_ok(&reader), c->fine);
	assert_int_equal(object != NULL, c->fine);
	json_free(object);
}

static const char document[] =
	"{\"s\":\"text\",\"n\":12,\"f\":1.5,\"neg\":-1,\"b\":true,\"o\":{\"x\":1},\"l\":[\"a\","
	"\"bb\"],"
	"\"lo\":[{\"y\":2}],\"h\":\"00ff\",\"HEX\":\"00FF\",\"b64\":\"AAE=\",\"nul\":\"a\\u0000b\","
	"\"z\":null,\"big\":18446744073709551616}";

struct values {
	char string[8];
	uint64_t number;
	uint8_t bytes[2];
};

static void get_s(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_string(r, o, "s", v->string, sizeof(v->string));
	assert_string_equal(v->string, json_ok(r) ? "text" : "");
}

static void get_missing(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_string(r, o, "none", v->string, sizeof(v->string));
}

static void get_too_long(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_string(r, o, "s", v->string, 4);
}

static void get_nul(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_string(r, o, "nul", v->string, sizeof(v->string));
}

static void get_number_as_string(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_string(r, o, "n", v->string, sizeof(v->string));
}

static void get_null(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_string(r, o, "z", v->string, sizeof(v->string));
}

static void get_n(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "n", 12, 12);
}

static void get_below(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "n", 13, 20);
}

static void get_above(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "n", 0, 11);
}

static void get_float(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "f", 0, 100);
}

static void get_negative(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "neg", 0, UINT64_MAX);
}

static void get_big(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "big", 0, 1000);
}

static void get_string_as_number(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, o, "s", 0, 100);
}

static void get_hex(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_bytes(r, o, "h", v->bytes, 2, true);
}

static void get_capitals(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_bytes(r, o, "HEX", v->bytes, 2, true);
}

static void get_short_hex(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_bytes(r, o, "h", v->bytes, 1, true);
}

static void get_base64(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_bytes(r, o, "b64", v->bytes, 2, false);
}

static void get_wrong_base64(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_bytes(r, o, "h", v->bytes, 2, false);
}

static void get_object(struct json_reader *r, struct json_object *o, struct values *v)
{
	v->number = json_get_u64(r, json_get_object(r, o, "o"), "x", 1, 1);
}

static void get_list_as_object(struct json_reader *r, struct json_object *o, struct values *v)
{
	(void)v;
	assert_null(json_get_object(r, o, "l"));
}

static void get_long_list(struct json_reader *r, struct json_object *o, struct values *v)
{
	(void)v;
	assert_null(json_get_array(r, o, "l", 1));
}

static void get_list(struct json_reader *r, struct json_object *o, struct values *v)
{
	struct json_object *list = json_get_array(r, o, "l", 2);

	assert_int_equal(json_array_count(list), 2);
	json_array_string(r, list, "l", 1, v->string, sizeof(v->string));
	assert_string_equal(v->string, "bb");
}

static void get_long_element(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_array_string(r, json_get_array(r, o, "l", 2), "l", 1, v->string, 2);
}

static void get_element_of_another_kind(
	struct json_reader *r, struct json_object *o, struct values *v)
{
	(void)v;
	assert_null(json_array_object(r, json_get_array(r, o, "l", 2), "l", 0));
}

static void get_optionals(struct json_reader *r, struct json_object *o, struct values *v)
{
	json_get_optional_string(r, o, "none", v->string, sizeof(v->string));
	assert_string_equal(v->string, "");
	assert_int_equal(json_get_optional_u64(r, o, "none", 0, 9, 5), 5);
	assert_true(json_get_optional_bool(r, o, "b", false));
	assert_true(json_get_optional_bool(r, o, "none", true));
}

static void get_optional_of_another_kind(
	struct json_reader *r, struct json_object *o, struct values *v)
{
	(void)v;
	(void)json_get_optional_bool(r, o, "n", true);
}

/* One getter each. */
static struct getter_case {
	const char *name;
	void (*get)(struct json_reader *reader, struct json_object *object, struct values *values);
	const char *member; /* that the failure names; NULL if all is well */
} getter_cases[] = {
	{ "get: a string", get_s, NULL },
	{ "get: a string that is missing", get_missing, "none is missing" },
	{ "get: a string that is too long", get_too_long, "s " },
	{ "get: a string with NUL", get_nul, "nul " },
	{ "get: a number as string", get_number_as_string, "n " },
	{ "get: null as string", get_null, "z " },
	{ "get: a number", get_n, NULL },
	{ "get: a number below", get_below, "n " },
	{ "get: a number above", get_above, "n " },
	{ "get: a float as number", get_float, "f " },
	{ "get: a negative number", get_negative, "neg " },
	{ "get: a number of 65 bits", get_big, "big " },
	{ "get: a string as number", get_string_as_number, "s " },
	{ "get: hex", get_hex, NULL },
	{ "get: hex in capitals", get_capitals, "HEX " },
	{ "get: hex of another length", get_short_hex, "h " },
	{ "get: base64", get_base64, NULL },
	{ "get: base64 of another length", get_wrong_base64, "h " },
	{ "get: an object", get_object, NULL },
	{ "get: a list as object", get_list_as_object, "l " },
	{ "get: a list", get_list, NULL },
	{ "get: a list that is too long", get_long_list, "l " },
	{ "get: an element that is too long", get_long_element, "l " },
	{ "get: an element of another kind", get_element_of_another_kind, "l " },
	{ "get: what may be missing", get_optionals, NULL },
	{ "get: what may be missing is another", get_optional_of_another_kind, "n " },
};

static void test_getter(void **state)
{
	const struct getter_case *c = *state;
	struct values values = { 0 };
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, document, strlen(document));
	char explained[128];

	assert_true(json_ok(&reader));
	c->get(&reader, object, &values);
	assert_int_equal(json_ok(&reader), c->member == NULL);
	if (c->member != NULL) {
		struct json_reader first = reader;

		json_explain(&reader, explained, sizeof(explained));
		if (strncmp(explained, c->member, strlen(c->member)) != 0)
			fail_msg("\"%s\" does not begin with \"%s\"", explained, c->member);
		/* The first failure stays, and nothing else is done. */
		json_fail(&reader, "later", "is wrong, too");
		assert_string_equal(reader.member, first.member);
		values.string[0] = '\0';
		get_s(&reader, object, &values);
		assert_int_equal(json_get_u64(&reader, object, "n", 3, 12), 3);
	}
	json_free(object);
}

/* A failed parse may be read from without a look at the outcome. */
static void test_reading_from_nothing(void **state)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, "{", 1);
	char string[4] = "";

	(void)state;
	json_get_string(&reader, object, "a", string, sizeof(string));
	assert_int_equal(json_get_u64(&reader, object, "a", 1, 2), 1);
	assert_null(json_get_object(&reader, object, "a"));
	assert_null(json_get_array(&reader, object, "a", 4));
	assert_int_equal(json_array_count(NULL), 0);
	assert_false(json_ok(&reader));
	json_free(object);
}

int main(void)
{
	static struct CMUnitTest tests[COUNT(document_cases) + COUNT(getter_cases) + 1];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(document_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = document_cases[i].name,
			.test_func = test_document,
			.initial_state = &document_cases[i] };
	for (size_t i = 0; i < COUNT(getter_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = getter_cases[i].name,
			.test_func = test_getter,
			.initial_state = &getter_cases[i] };
	tests[count] = (struct CMUnitTest)cmocka_unit_test(test_reading_from_nothing);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
