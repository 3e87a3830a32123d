// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/reason.h"

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(reason_word(REASON_NONE), "");
	assert_string_equal(reason_word(REASON_NO_IMAGE_FOR_BOARD), "no_image_for_board");
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		enum reason reason = (enum reason)i;
		const char *word = reason_word(reason), *sentence = reason_sentence(reason);

		assert_in_range(strlen(word), i > 0, LIMITS_REASON_SIZE);
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
		assert_int_equal(reason_from_word(word), reason);
		if (reason != REASON_NONE) {
			assert_in_range(sentence[0], 'A', 'Z');
			assert_int_equal(sentence[strlen(sentence) - 1], '.');
			assert_true(strlen(sentence) <= LIMITS_MESSAGE_SIZE);
		}
	}
	/* A newer version's reason. */
	assert_int_equal(reason_from_word("of_tomorrow"), REASON_INTERNAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
