/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GOSSIP_SCAN_H
#define GOSSIP_SCAN_H

/*
 * Strict JSON looked at where it lies: finds the spans of values without building a tree and
 * without touching a byte, so that what is passed on stays what it was. Takes no memory, and a
 * bounded part of the stack however deep a stranger nests.
 *
 * Bytes above 0x7f pass unseen: shared-state lets strings through that are not UTF-8.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan {
	const char *at; /* next byte */
	const char *end;
	bool sound; /* what is here was walked before, so only brackets are counted, however deep */
};

enum scan_kind {
	SCAN_NONE = 0, /* nothing there */
	SCAN_OBJECT = '{',
	SCAN_LIST = '[',
	SCAN_STRING = '"',
	SCAN_NUMBER = '0',
	SCAN_WORD = 'a', /* true, false, null */
};

struct scan_span {
	enum scan_kind kind;
	/* Sound, but not to be kept: nested deeper than LIMITS_SLICE_DEPTH (of what lies below that
	 * only the brackets were counted), or with a number that no double can hold. */
	bool odd;
	const char *at; /* in the scanned bytes */
	size_t size;
};

/* Takes one value and the blanks before it. False if there is none or it is not sound. */
__attribute__((warn_unused_result)) bool scan_value(struct scan *scan, struct scan_span *value);

/* Takes this byte and the blanks before it, if it is the next. */
bool scan_take(struct scan *scan, char wanted);

/* True if nothing but blanks is left. */
bool scan_at_end(struct scan *scan);

/* Walks an object's members or a list's elements: start with scan_inside() of a span that
 * scan_value() found; false at the end. */
void scan_inside(struct scan *inside, const struct scan_span *span);
__attribute__((warn_unused_result)) bool scan_member(
	struct scan *inside, struct scan_span *name, struct scan_span *value);
__attribute__((warn_unused_result)) bool scan_element(
	struct scan *inside, struct scan_span *element);

/* Finds `count` members by name (base/words.h) in one pass, the first of each name; SCAN_NONE if
 * not there, and for all if this is no object. */
void scan_find(
	const struct scan_span *object, const char *names, struct scan_span *found, size_t count);

/* Decodes the next character of a sound string, after its opening quote; returns its bytes, 0 at
 * the closing quote, which is taken. */
size_t scan_character(struct scan *scan, char bytes[static 4]);

/* Decodes a string span's escapes into at most `capacity` bytes, without terminator. Returns how
 * many bytes the whole has, which may be more. NUL is a byte like any other. */
size_t scan_text(const struct scan_span *string, char *buffer, size_t capacity);

/* Decimal digits with an optional sign, in the range of the type, and nothing else. */
__attribute__((warn_unused_result)) bool scan_i64(const char *bytes, size_t size, int64_t *value);

#endif
