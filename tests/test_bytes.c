// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct base64_case {
	const char *name;
	const char *text;
	int size; /* decoded; -1: refused */
} base64_cases[] = {
	{ "base64: nothing", "", 0 },
	{ "base64: one byte", "Zg==", 1 },
	{ "base64: two bytes", "Zm8=", 2 },
	{ "base64: three bytes", "Zm9v", 3 },
	{ "base64: four bytes", "Zm9vYg==", 4 },
	{ "base64: both special characters", "+/+/", 3 },
	{ "base64: no padding", "Zg", -1 },
	{ "base64: half the padding", "Zg=", -1 },
	{ "base64: padding only", "====", -1 },
	{ "base64: too much padding", "Z===", -1 },
	{ "base64: padding in the middle", "Zg==Zm9v", -1 },
	{ "base64: spare bits of one byte", "Zh==", -1 },
	{ "base64: spare bits of two bytes", "Zm9=", -1 },
	{ "base64: a blank", "Zm 9", -1 },
	{ "base64: a line end", "Zm9v\n", -1 },
	{ "base64: the alphabet of URLs", "-_-_", -1 },
	{ "base64: not ASCII", "Zm9\xb7", -1 },
	{ "base64: only what is not ASCII", "\xc4\xb7\xc4\xb7", -1 },
	{ "base64: more than fits", "Zm9vYmFyZm9vYmFy", -1 },
};

static void test_base64(void **state)
{
	const struct base64_case *c = *state;
	uint8_t bytes[8];
	char text[16];

	for (size_t size = 0; size <= sizeof(bytes); size++)
		assert_int_equal(bytes_from_base64(bytes, size, c->text, strlen(c->text)),
			(ptrdiff_t)size == c->size);
	if (c->size < 0)
		return;
	assert_true(bytes_from_base64(bytes, (size_t)c->size, c->text, strlen(c->text)));
	bytes_to_base64(text, bytes, (size_t)c->size);
	assert_string_equal(text, c->text);
	assert_int_equal(bytes_base64_size((size_t)c->size), strlen(c->text));
}

static void test_every_byte_survives_base64(void **state)
{
	uint8_t bytes[256], read[256];
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		bytes_to_base64(text, bytes, length);
		assert_true(bytes_from_base64(read, length, text, strlen(text)));
		assert_memory_equal(read, bytes, length);
	}
}

static void test_hex(void **state)
{
	static const char *const wrong[] = { "", "0", "001", "00112", " 0011", "0011 ", "00 1",
		"001G", "00AA", "0x11", "-011", "00\n1" };
	const uint8_t bytes[2] = { 0x0f, 0xa0 };
	uint8_t read[2] = { 0x5a, 0x5a };
	char text[5];

	(void)state;
	bytes_to_hex(text, bytes, 2);
	assert_string_equal(text, "0fa0");
	assert_true(bytes_from_hex(read, 2, "0fa0"));
	assert_memory_equal(read, bytes, 2);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_false(bytes_from_hex(read, 2, wrong[i]));
		assert_memory_equal(read, bytes, 2);
	}
}

static void test_numbers(void **state)
{
	const uint8_t bytes[4] = { 0x81, 0x02, 0x03, 0xf4 };
	uint8_t written[4];

	(void)state;
	assert_int_equal(bytes_get_u32be(bytes), 0x810203f4);
	bytes_put_u32be(written, UINT32_C(0x810203f4));
	assert_memory_equal(written, bytes, 4);
}

static void test_sha256(void **state)
{
	uint8_t hash[BYTES_HASH_SIZE];
	char text[BYTES_HASH_TEXT_SIZE + 1];

	(void)state;
	bytes_sha256(hash, "abc", 3); /* FIPS 180-2, appendix B.1 */
	bytes_to_hex(text, hash, sizeof(hash));
	assert_string_equal(
		text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_every_byte_survives_base64),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sha256),
	};
	static struct CMUnitTest tests[COUNT(base64_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(base64_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = base64_cases[i].name,
			.test_func = test_base64,
			.initial_state = &base64_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
