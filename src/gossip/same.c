// SPDX-License-Identifier: AGPL-3.0-or-later
#include "gossip/same.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/prng.h"
#include "base/text.h"
#include "gossip/scan.h"

/* Beside the kinds in scan.h, so that -1 is not 18446744073709551615. */
enum {
	SUM_NEGATIVE = 16,
	SUM_FRACTION,
};

/* Inlined, its constant alone would take more room in each place than a call. */
__attribute__((noinline)) static uint64_t mix(uint64_t sum, uint64_t value)
{
	return prng_mix(sum * UINT64_C(0x9e3779b97f4a7c15) + value);
}

static uint64_t sum_bytes(uint64_t sum, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = mix(sum, (unsigned char)bytes[i]);
	return sum;
}

/* After the opening quote. */
static uint64_t sum_string(struct scan *scan)
{
	uint64_t sum = SCAN_STRING;
	char bytes[4];
	size_t size;

	while ((size = scan_character(scan, bytes)) > 0)
		sum = sum_bytes(sum, bytes, size);
	return sum;
}

static uint64_t sum_integer(int64_t value)
{
	return mix(value < 0 ? SUM_NEGATIVE : SCAN_NUMBER, (uint64_t)value);
}

/* Integers by their value; what is written as a fraction by its double, which for a whole number
 * is that integer again. What is longer than any double needs counts as it is written. */
static uint64_t sum_number(const char *bytes, size_t size)
{
	char text[48];
	int64_t whole;
	uint64_t bits;
	double value;

	if (scan_i64(bytes, size, &whole))
		return sum_integer(whole);
	if (size >= sizeof(text))
		return sum_bytes(SCAN_NUMBER, bytes, size);
	memcpy(text, bytes, size);
	text[size] = '\0';
	if (text_parse_u64(&bits, text))
		return mix(SCAN_NUMBER, bits);
	value = strtod(text, NULL);
	/* Up to 2^53 every integer has its own double. */
	if (value > -9007199254740992.0 && value < 9007199254740992.0) {
		whole = (int64_t)value;
		if ((double)whole == value)
			return sum_integer(whole);
	}
	memcpy(&bits, &value, sizeof(bits));
	return mix(SUM_FRACTION, bits);
}

static uint64_t sum_value(struct scan *scan, unsigned depth)
{
	struct scan_span scalar;
	uint64_t sum = 0;
	bool object = scan_take(scan, '{');

	if (!object && !scan_take(scan, '[')) {
		if (scan_take(scan, '"'))
			return sum_string(scan);
		if (!scan_value(scan, &scalar))
			scan->at = scan->end;
		else if (scalar.kind == SCAN_NUMBER)
			sum = sum_number(scalar.at, scalar.size);
		else
			sum = mix(SCAN_WORD, (unsigned char)*scalar.at);
		return sum;
	}
	while (!scan_take(scan, object ? '}' : ']')) {
		uint64_t name = 0;

		if (scan_at_end(scan) || depth == LIMITS_SLICE_DEPTH) {
			scan->at = scan->end;
			return 0;
		}
		(void)scan_take(scan, ',');
		if (object && scan_take(scan, '"')) {
			name = sum_string(scan);
			(void)scan_take(scan, ':');
		}
		uint64_t value = sum_value(scan, depth + 1);

		sum = object ? sum + mix(name, value) : mix(sum + 1, value);
	}
	return mix(object ? SCAN_OBJECT : SCAN_LIST, sum);
}

bool same_value(const char *one, size_t one_size, const char *other, size_t other_size)
{
	struct scan left = { .at = one, .end = one + one_size, .sound = true };
	struct scan right = { .at = other, .end = other + other_size, .sound = true };

	if (one_size == other_size && memcmp(one, other, one_size) == 0)
		return true;
	return sum_value(&left, 0) == sum_value(&right, 0);
}
