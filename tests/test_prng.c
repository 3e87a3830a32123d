// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static void test_same_seed_same_numbers(void **state)
{
	struct prng a, b, c;
	uint32_t same = 0;

	(void)state;
	prng_init(&a, 42);
	prng_init(&b, 42);
	prng_init(&c, 43);
	for (int i = 0; i < 1000; i++) {
		uint64_t number = prng_next(&a);

		assert_true(number == prng_next(&b));
		same += number == prng_next(&c);
	}
	assert_int_equal(same, 0);
}

static void test_bounds(void **state)
{
	struct prng prng;
	uint32_t counts[7] = { 0 };

	(void)state;
	prng_init(&prng, 1);
	for (int i = 0; i < 7000; i++) {
		uint32_t number = prng_below(&prng, 7);

		assert_in_range(number, 0, 6);
		counts[number]++;
		assert_int_equal(prng_below(&prng, 1), 0);
		assert_in_range(prng_roughly(&prng, 1000), 750, 1250);
		(void)prng_below(&prng, UINT32_MAX);
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 850, 1150);
	assert_in_range(prng_roughly(&prng, 0), 0, 0);
	assert_in_range(prng_roughly(&prng, 1), 0, 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_numbers),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
