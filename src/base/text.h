/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/*
 * Text in buffers of fixed size. A `struct text` builds a document into memory of the caller's: it
 * never writes past the end, always ends in a terminator, and remembers if anything was cut.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *buffer;    /* the caller's; NULL if capacity is 0, to measure only */
	size_t capacity; /* bytes at `buffer`, terminator included */
	size_t size; /* bytes that the whole text needs, without terminator; may exceed capacity */
	bool opened; /* nothing yet, or it ends in {, [ or a member's colon: no comma comes next */
};

void text_init(struct text *text, char *buffer, size_t capacity);
bool text_cut(const struct text *text); /* true if not everything fitted */

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t size);
void text_add_u64(struct text *text, uint64_t value);
void text_add_i64(struct text *text, int64_t value);
__attribute__((format(printf, 2, 3))) void text_add_format(
	struct text *text, const char *format, ...);

/* JSON. What may be an element of a list, and a member of an object, puts a comma before itself
 * where one is needed. */
void text_begin_object(struct text *text);
void text_end_object(struct text *text);
void text_begin_list(struct text *text, const char *name); /* as a member, which all lists are */
void text_end_list(struct text *text);

/* A string with its quotes. Bytes that are not UTF-8 become U+FFFD, or stay as they are. */
void text_add_json_string(struct text *text, const char *string);
void text_add_json_bytes(struct text *text, const char *string);

/* Members: text_add_member(t, "name") writes `,"name":`, and the value comes next. */
void text_add_member(struct text *text, const char *name);
void text_add_member_string(struct text *text, const char *name, const char *value);
void text_add_member_text(struct text *text, const char *name, const char *bytes, size_t size);
void text_add_member_u64(struct text *text, const char *name, uint64_t value);
void text_add_member_bool(struct text *text, const char *name, bool value);
/* At most BYTES_HASH_SIZE bytes. */
void text_add_member_hex(struct text *text, const char *name, const uint8_t *bytes, size_t size);
/* A list of `count` strings that lie `stride` bytes apart. */
void text_add_member_strings(
	struct text *text, const char *name, const char *strings, size_t stride, size_t count);

/* Copies all of `from` with its terminator, or leaves `to` untouched and returns false. */
__attribute__((warn_unused_result)) bool text_copy(char *to, size_t capacity, const char *from);

/* Copies as much of `from` as fits, always with a terminator: for messages to people. */
void text_set(char *to, size_t capacity, const char *from);

/* A name that may be a hostname, a key or a path component: 1..63 of [A-Za-z0-9._-], no leading
 * dot or dash. */
bool text_is_name(const char *text);

/* Printable UTF-8 of 0..size_max bytes, without control characters. For boards, versions and
 * messages, which people and terminals will see. */
bool text_is_printable(const char *text, size_t size_max);

/* Well-formed UTF-8 without NUL: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(const char *bytes, size_t size);

/* Decimal digits only, no sign, no blank, no leading zero but "0" itself. */
__attribute__((warn_unused_result)) bool text_parse_u64(uint64_t *value, const char *text);

#endif
