// SPDX-License-Identifier: AGPL-3.0-or-later
#include "gossip/scan.h"

#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/words.h"

enum {
	/* shared-state-async's parser refuses a whole document for one number that overflows a
	 * double; anything up to here does not, whatever its digits. */
	NUMBER_DIGITS_MAX = 308,
};

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end &&
		(*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

static bool take(struct scan *scan, char wanted)
{
	if (scan->at == scan->end || *scan->at != wanted)
		return false;
	scan->at++;
	return true;
}

bool scan_take(struct scan *scan, char wanted)
{
	skip_blanks(scan);
	return take(scan, wanted);
}

/* ---- Walking: is it sound, and where does it end ------------------------------------------- */

static bool take_hex4(struct scan *scan, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 4; i++) {
		if (scan->at == scan->end)
			return false;
		uint32_t c = (unsigned char)*scan->at++;

		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			c = (c | 0x20) - 'a' + 10;
		else
			return false;
		*value = *value << 4 | c;
	}
	return true;
}

/* After `\u`: one code point, which takes a second escape if it is a surrogate pair. */
static bool take_code_point(struct scan *scan, uint32_t *code)
{
	uint32_t low;

	if (!take_hex4(scan, code) || (*code & 0xfc00) == 0xdc00)
		return false;
	if ((*code & 0xfc00) != 0xd800)
		return true;
	if (!take(scan, '\\') || !take(scan, 'u') || !take_hex4(scan, &low) ||
		(low & 0xfc00) != 0xdc00)
		return false;
	*code = 0x10000 + ((*code & 0x3ff) << 10 | (low & 0x3ff));
	return true;
}

static bool is_escape(char c)
{
	return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' ||
	       c == 't';
}

static bool walk_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	while (scan->at < scan->end) {
		unsigned char c = (unsigned char)*scan->at++;
		uint32_t code;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		if (c == '"')
			return true;
		if (c < 0x20)
			return false;
		if (take(scan, 'u')) {
			if (!take_code_point(scan, &code))
				return false;
		} else if (scan->at == scan->end || !is_escape(*scan->at++)) {
			return false;
		}
	}
	return false;
}

static size_t walk_digits(struct scan *scan)
{
	const char *start = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return (size_t)(scan->at - start);
}

static bool walk_number(struct scan *scan, bool *odd)
{
	size_t digits, exponent = 0;
	bool small = false;

	take(scan, '-');
	digits = take(scan, '0') ? 1 : walk_digits(scan);
	if (digits == 0)
		return false;
	if (take(scan, '.') && walk_digits(scan) == 0)
		return false;
	if (take(scan, 'e') || take(scan, 'E')) {
		const char *start;

		small = take(scan, '-');
		if (!small)
			take(scan, '+');
		start = scan->at;
		if (walk_digits(scan) == 0)
			return false;
		for (; start < scan->at && exponent <= NUMBER_DIGITS_MAX; start++)
			exponent = exponent * 10 + (size_t)(*start - '0');
	}
	if (digits + (small ? 0 : exponent) > NUMBER_DIGITS_MAX)
		*odd = true;
	return true;
}

static bool walk_word(struct scan *scan)
{
	const char *word = *scan->at == 't' ? "true" : *scan->at == 'f' ? "false" : "null";

	while (*word != '\0') {
		if (!take(scan, *word++))
			return false;
	}
	return true;
}

/* Past everything that the bracket here opens, counting brackets only: what is too deep is not
 * kept, but it must not hide what comes after it. */
static bool walk_deep(struct scan *scan)
{
	size_t depth = 0;

	while (scan->at < scan->end) {
		char c = *scan->at;

		if (c == '"') {
			if (!walk_string(scan))
				return false;
			continue;
		}
		scan->at++;
		if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && --depth == 0)
			return true;
	}
	return false;
}

static bool walk_name(struct scan *scan)
{
	skip_blanks(scan);
	return walk_string(scan) && scan_take(scan, ':');
}

static bool walk_scalar(struct scan *scan, bool *odd)
{
	char c = *scan->at;

	if (c == '"')
		return walk_string(scan);
	if (c == '-' || (c >= '0' && c <= '9'))
		return walk_number(scan, odd);
	return walk_word(scan);
}

/* One value of any depth. */
static bool walk_value(struct scan *scan, bool *odd)
{
	char closing[LIMITS_SLICE_DEPTH]; /* what ends each level that is open */
	size_t depth = 0;

	for (;;) {
		skip_blanks(scan);
		if (scan->at == scan->end)
			return false;
		if (*scan->at != '{' && *scan->at != '[') {
			if (!walk_scalar(scan, odd))
				return false;
		} else if (scan->sound || depth == LIMITS_SLICE_DEPTH) {
			*odd = true;
			if (!walk_deep(scan))
				return false;
		} else {
			char end = *scan->at++ == '{' ? '}' : ']';

			if (!scan_take(scan, end)) {
				closing[depth++] = end;
				if (end == '}' && !walk_name(scan))
					return false;
				continue;
			}
		}

		/* A value is over: what goes on around it? */
		while (depth > 0 && !scan_take(scan, ',')) {
			if (!scan_take(scan, closing[--depth]))
				return false;
		}
		if (depth == 0)
			return true;
		if (closing[depth - 1] == '}' && !walk_name(scan))
			return false;
	}
}

static enum scan_kind kind_of(char first)
{
	if (first == SCAN_OBJECT || first == SCAN_LIST || first == SCAN_STRING)
		return (enum scan_kind)first;
	return first >= SCAN_WORD ? SCAN_WORD : SCAN_NUMBER;
}

bool scan_value(struct scan *scan, struct scan_span *value)
{
	bool odd = false;

	skip_blanks(scan);
	*value = (struct scan_span){ .at = scan->at };
	if (!walk_value(scan, &odd))
		return false;
	value->kind = kind_of(*value->at);
	value->odd = odd && !scan->sound;
	value->size = (size_t)(scan->at - value->at);
	return true;
}

bool scan_at_end(struct scan *scan)
{
	skip_blanks(scan);
	return scan->at == scan->end;
}

void scan_inside(struct scan *inside, const struct scan_span *span)
{
	ensure(span->size >= 2 && (span->kind == SCAN_OBJECT || span->kind == SCAN_LIST));

	inside->at = span->at + 1;
	inside->end = span->at + span->size - 1;
	inside->sound = true;
}

bool scan_element(struct scan *inside, struct scan_span *element)
{
	(void)scan_take(inside, ',');
	return scan_value(inside, element);
}

bool scan_member(struct scan *inside, struct scan_span *name, struct scan_span *value)
{
	return scan_element(inside, name) && name->kind == SCAN_STRING && scan_take(inside, ':') &&
	       scan_value(inside, value);
}

void scan_find(
	const struct scan_span *object, const char *names, struct scan_span *found, size_t count)
{
	struct scan inside;
	struct scan_span name, value;

	memset(found, 0, count * sizeof(*found));
	if (object->kind != SCAN_OBJECT)
		return;
	scan_inside(&inside, object);
	while (scan_member(&inside, &name, &value)) {
		char text[16];
		size_t size = scan_text(&name, text, sizeof(text) - 1);
		unsigned which;

		if (size >= sizeof(text))
			continue;
		text[size] = '\0';
		which = words_find(names, text);
		if (which < count && strlen(text) == size && found[which].kind == SCAN_NONE)
			found[which] = value;
	}
}

/* ---- Meaning ------------------------------------------------------------------------------- */

static size_t put_utf8(char bytes[static 4], uint32_t code)
{
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = size - 1; i > 0; i--, code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)((0xf00u >> size & 0xff) | code);
	return size;
}

size_t scan_character(struct scan *scan, char bytes[static 4])
{
	static const char escaped[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *which;
	uint32_t code = 0;

	if (scan->at == scan->end || take(scan, '"'))
		return 0;
	if (take(scan, '\\')) {
		if (take(scan, 'u'))
			return take_code_point(scan, &code) ? put_utf8(bytes, code) : 0;
		if (scan->at == scan->end)
			return 0;
		which = strchr(escaped, *scan->at);
		bytes[0] = which && *which ? meant[which - escaped] : *scan->at;
	} else {
		bytes[0] = *scan->at;
	}
	scan->at++;
	return 1;
}

size_t scan_text(const struct scan_span *string, char *buffer, size_t capacity)
{
	struct scan scan = { .at = string->at + 1, .end = string->at + string->size };
	size_t size = 0, n;
	char bytes[4];

	ensure(string->kind == SCAN_STRING);
	while ((n = scan_character(&scan, bytes)) > 0) {
		for (size_t i = 0; i < n; i++, size++) {
			if (size < capacity)
				buffer[size] = bytes[i];
		}
	}
	return size;
}

bool scan_i64(const char *bytes, size_t size, int64_t *value)
{
	int64_t sum = 0;
	bool negative = size > 0 && bytes[0] == '-';
	size_t i = negative || (size > 0 && bytes[0] == '+');

	if (i == size)
		return false;
	for (; i < size; i++) {
		int64_t digit = bytes[i] - '0';

		/* Downwards, for the lowest number has no positive twin. */
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_sub_overflow(sum, digit, &sum))
			return false;
	}
	if (!negative && sum == INT64_MIN)
		return false;
	*value = negative ? sum : -sum;
	return true;
}
