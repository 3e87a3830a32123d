// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/range.h"

static struct range_case {
	const char *text;
	uint64_t file_size;
	bool good;
	uint64_t offset;
	uint64_t size;
} cases[] = {
	{ "bytes=0-0", 10, true, 0, 1 },
	{ "bytes=0-9", 10, true, 0, 10 },
	{ "bytes=3-5", 10, true, 3, 3 },
	{ "bytes=9-9", 10, true, 9, 1 },
	{ "bytes=5-10", 10, true, 5, 5 },
	{ "bytes=5-99999999999", 10, true, 5, 5 },
	{ "bytes=4-", 10, true, 4, 6 },
	{ "bytes=-3", 10, true, 7, 3 },
	{ "bytes=-30", 10, true, 0, 10 },
	{ "bytes=10-10", 10, false, 0, 0 },
	{ "bytes=10-", 10, false, 0, 0 },
	{ "bytes=11-20", 10, false, 0, 0 },
	{ "bytes=20-11", 10, false, 0, 0 },
	{ "bytes=5-4", 10, false, 0, 0 },
	{ "bytes=-0", 10, false, 0, 0 },
	{ "bytes=-", 10, false, 0, 0 },
	{ "bytes=", 10, false, 0, 0 },
	{ "bytes=1", 10, false, 0, 0 },
	{ "bytes=1-2,4-5", 10, false, 0, 0 },
	{ "bytes= 1-2", 10, false, 0, 0 },
	{ "bytes=1-2 ", 10, false, 0, 0 },
	{ "bytes=+1-2", 10, false, 0, 0 },
	{ "bytes=1--2", 10, false, 0, 0 },
	{ "bytes=0x1-2", 10, false, 0, 0 },
	{ "bytes=0-18446744073709551616", 10, false, 0, 0 },
	{ "bytes=99999999999999999999999-", 10, false, 0, 0 },
	{ "Bytes=0-1", 10, false, 0, 0 },
	{ "chunks=0-1", 10, false, 0, 0 },
	{ "", 10, false, 0, 0 },
	{ "bytes=0-0", 0, false, 0, 0 },
	{ "bytes=-1", 0, false, 0, 0 },
	{ "bytes=0-", 0, false, 0, 0 },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void test_range(void **state)
{
	const struct range_case *c = *state;
	struct range range = { .offset = 77, .size = 78 };

	assert_int_equal(range_parse(&range, c->text, c->file_size), c->good);
	assert_true(range.offset == (c->good ? c->offset : 77));
	assert_true(range.size == (c->good ? c->size : 78));
}

int main(void)
{
	struct CMUnitTest tests[CASES] = { 0 };

	for (size_t i = 0; i < CASES; i++) {
		tests[i].name = cases[i].text;
		tests[i].test_func = test_range;
		tests[i].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
