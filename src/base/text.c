// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/limits.h"

void text_init(struct text *text, char *buffer, size_t capacity)
{
	ensure(capacity == 0 || buffer != NULL);

	text->buffer = buffer;
	text->capacity = capacity;
	text->size = 0;
	text->opened = true;
	if (capacity > 0)
		buffer[0] = '\0';
}

bool text_cut(const struct text *text)
{
	return text->size >= text->capacity;
}

/* Was this the last that was added, and does it open something, so that no comma comes next? */
static void note_end(struct text *text, const char *bytes, size_t size)
{
	if (size > 0) {
		char last = bytes[size - 1];

		text->opened = last == '{' || last == '[' || last == ':';
	}
}

void text_add_bytes(struct text *text, const char *bytes, size_t size)
{
	if (text->size + 1 < text->capacity) {
		size_t room = text->capacity - text->size - 1;
		size_t fits = size < room ? size : room;

		memcpy(text->buffer + text->size, bytes, fits);
		text->buffer[text->size + fits] = '\0';
	}
	text->size += size;
	note_end(text, bytes, size);
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_add_format(struct text *text, const char *format, ...)
{
	size_t used = text_cut(text) ? text->capacity : text->size;
	/* Nothing may be added to NULL, not even 0. */
	char *end = used > 0 ? text->buffer + used : text->buffer;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(end, text->capacity - used, format, arguments);
	va_end(arguments);
	ensure(size >= 0);
	text->size += (size_t)size;
	note_end(text, format, strlen(format));
}

void text_add_u64(struct text *text, uint64_t value)
{
	text_add_format(text, "%" PRIu64, value);
}

void text_add_i64(struct text *text, int64_t value)
{
	text_add_format(text, "%" PRId64, value);
}

/* Bytes of the UTF-8 character at `bytes`; 0 if there is none. */
static size_t utf8_size(const uint8_t *bytes, size_t size)
{
	static const uint8_t bits_min[] = { 0, 0, 7, 11, 16 }; /* by length */
	size_t length = 0;
	uint32_t point;

	while ((bytes[0] << length & 0x80) != 0)
		length++;
	if (length == 0)
		return 1;
	if (length == 1 || length > 4 || length > size)
		return 0;
	point = bytes[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] >> 6 != 2)
			return 0;
		point = point << 6 | (bytes[i] & 63u);
	}
	/* Nothing overlong, no surrogates. */
	if (point >> bits_min[length] == 0 || point > 0x10ffff || point >> 11 == 0x1b)
		return 0;
	return length;
}

bool text_is_utf8(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size;) {
		size_t length =
			bytes[i] != '\0' ? utf8_size((const uint8_t *)bytes + i, size - i) : 0;

		if (length == 0)
			return false;
		i += length;
	}
	return true;
}

static void add_comma(struct text *text)
{
	if (!text->opened)
		text_add(text, ",");
}

void text_begin_object(struct text *text)
{
	add_comma(text);
	text_add(text, "{");
}

void text_end_object(struct text *text)
{
	text_add(text, "}");
}

void text_begin_list(struct text *text, const char *name)
{
	text_add_member(text, name);
	text_add(text, "[");
}

void text_end_list(struct text *text)
{
	text_add(text, "]");
}

static void add_string(struct text *text, const char *bytes, size_t size, bool as_it_is)
{
	size_t plain = 0; /* what goes out as it is, up to `at` */

	add_comma(text);
	text_add(text, "\"");
	for (size_t at = 0, length; at <= size; at += length) {
		uint8_t c = at < size ? (uint8_t)bytes[at] : 0;

		length = 1;
		if (c >= 0x80 && !as_it_is)
			length = utf8_size((const uint8_t *)bytes + at, size - at);
		if (c >= 0x20 && c != '"' && c != '\\' && length > 0)
			continue;
		text_add_bytes(text, bytes + plain, at - plain);
		plain = at + 1;
		if (length == 0) {
			text_add(text, "\xef\xbf\xbd");
			length = 1;
		} else if (c >= 0x20) {
			text_add(text, "\\");
			plain = at;
		} else if (at < size) {
			text_add_format(text, "\\u%04x", c);
		}
	}
	text_add(text, "\"");
}

void text_add_json_string(struct text *text, const char *string)
{
	add_string(text, string, strlen(string), false);
}

void text_add_json_bytes(struct text *text, const char *string)
{
	add_string(text, string, strlen(string), true);
}

void text_add_member(struct text *text, const char *name)
{
	text_add_json_string(text, name);
	text_add(text, ":");
}

void text_add_member_string(struct text *text, const char *name, const char *value)
{
	text_add_member_text(text, name, value, strlen(value));
}

void text_add_member_text(struct text *text, const char *name, const char *bytes, size_t size)
{
	text_add_member(text, name);
	add_string(text, bytes, size, false);
}

void text_add_member_u64(struct text *text, const char *name, uint64_t value)
{
	text_add_member(text, name);
	text_add_u64(text, value);
}

void text_add_member_bool(struct text *text, const char *name, bool value)
{
	text_add_member(text, name);
	text_add(text, value ? "true" : "false");
}

void text_add_member_hex(struct text *text, const char *name, const uint8_t *bytes, size_t size)
{
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	ensure(size <= BYTES_HASH_SIZE);

	bytes_to_hex(hex, bytes, size);
	text_add_member_string(text, name, hex);
}

void text_add_member_strings(
	struct text *text, const char *name, const char *strings, size_t stride, size_t count)
{
	text_begin_list(text, name);
	for (size_t i = 0; i < count; i++, strings += stride)
		text_add_json_string(text, strings);
	text_end_list(text);
}

bool text_copy(char *to, size_t capacity, const char *from)
{
	size_t size = strlen(from) + 1;

	if (size > capacity)
		return false;
	memcpy(to, from, size);
	return true;
}

void text_set(char *to, size_t capacity, const char *from)
{
	struct text text;

	text_init(&text, to, capacity);
	text_add(&text, from);
}

static bool is_name_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

bool text_is_name(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > LIMITS_NAME_SIZE || text[0] == '.' || text[0] == '-')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!is_name_character(text[i]))
			return false;
	}
	return true;
}

bool text_is_printable(const char *text, size_t size_max)
{
	size_t size = strlen(text);

	if (size > size_max || !text_is_utf8(text, size))
		return false;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = (uint8_t)text[i];

		/* C0, DEL, and C1 as UTF-8 writes them: a terminal would obey. */
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (uint8_t)text[i + 1] < 0xa0))
			return false;
	}
	return true;
}

bool text_parse_u64(uint64_t *value, const char *text)
{
	uint64_t parsed = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		unsigned digit = (unsigned)(*c - '0');

		if (digit > 9 || __builtin_mul_overflow(parsed, 10, &parsed) ||
			__builtin_add_overflow(parsed, digit, &parsed))
			return false;
	}
	*value = parsed;
	return true;
}
