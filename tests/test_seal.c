// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/seal.h"

static const char magic[] = "lockstep-letters 1 ";

static void write_letters(struct text *text, const void *document)
{
	text_add(text, document);
}

static void test_round_trip(void **state)
{
	static const char *const documents[] = { "a", "one\nand two\n", "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		size_t size = 0, length = strlen(documents[i]);
		char *bytes = seal_encode(magic, write_letters, documents[i], &size);

		assert_non_null(bytes);
		assert_int_equal(size, SEAL_SIZE + length);
		assert_memory_equal(bytes, magic, SEAL_MAGIC_SIZE);
		assert_int_equal(bytes[SEAL_SIZE - 1], '\n');
		assert_ptr_equal(seal_open(magic, bytes, &size), bytes + SEAL_SIZE);
		assert_int_equal(size, length);
		free(bytes);
	}
}

/* "a", as any other program would hash it. */
static void test_known_bytes(void **state)
{
	static const char known[] =
		"lockstep-letters 1 "
		"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\n"
		"a";
	size_t size = sizeof(known) - 1;

	(void)state;
	assert_non_null(seal_open(magic, known, &size));
	assert_int_equal(size, 1);
}

static void test_refused(void **state)
{
	size_t whole, size;
	char *bytes = seal_encode(magic, write_letters, "letters", &whole);

	(void)state;
	assert_non_null(bytes);
	for (size = 0; size < whole; size++) {
		size_t given = size;

		assert_null(seal_open(magic, bytes, &given));
		assert_int_equal(given, size);
	}
	for (size_t i = 0; i < whole; i++) {
		size = whole;
		bytes[i] ^= 1;
		assert_null(seal_open(magic, bytes, &size));
		bytes[i] ^= 1;
	}
	assert_null(seal_open("lockstep-letters 2 ", bytes, &whole));
	assert_non_null(seal_open(magic, bytes, &whole));
	free(bytes);
}

/* An empty document is none: nothing that was cut off in its first line may count. */
static void test_nothing(void **state)
{
	size_t size;
	char *bytes = seal_encode(magic, write_letters, "", &size);

	(void)state;
	assert_int_equal(size, SEAL_SIZE);
	assert_null(seal_open(magic, bytes, &size));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
