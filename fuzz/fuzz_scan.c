// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the JSON of a shared-state message, which is looked at where it lies,
 * without a tree. The walk must stay inside the bytes, take what a strict parser takes, and find
 * every value equal to itself.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "gossip/same.h"
#include "gossip/scan.h"

enum { DEPTH_MAX = 100 };

static const char *first, *last; /* of the input */

static void check_span(const struct scan_span *span)
{
	assert(span->kind != SCAN_NONE && span->size > 0);
	assert(span->at >= first && span->at + span->size <= last);
}

static void walk(const struct scan_span *span, unsigned depth);

static void walk_inside(const struct scan_span *span, unsigned depth)
{
	struct scan inside;
	struct scan_span name, value;

	scan_inside(&inside, span);
	while (span->kind == SCAN_OBJECT ? scan_member(&inside, &name, &value)
					 : scan_element(&inside, &value)) {
		if (span->kind == SCAN_OBJECT) {
			check_span(&name);
			walk(&name, depth + 1);
		}
		check_span(&value);
		assert(value.size < span->size);
		walk(&value, depth + 1);
	}
}

/* A value is the same with a blank behind it, which takes the long way of comparing. */
static void check_same(const struct scan_span *value, const struct scan_span *other)
{
	char *spaced = malloc(value->size + 1);

	assert(spaced != NULL);
	memcpy(spaced, value->at, value->size);
	spaced[value->size] = ' ';
	assert(same_value(value->at, value->size, value->at, value->size));
	assert(same_value(value->at, value->size, spaced, value->size + 1));
	if (other->kind != SCAN_NONE)
		assert(same_value(value->at, value->size, other->at, other->size) ==
			same_value(other->at, other->size, spaced, value->size + 1));
	free(spaced);
}

static void walk(const struct scan_span *span, unsigned depth)
{
	char text[16];
	int64_t number;

	if (span->kind == SCAN_STRING)
		(void)scan_text(span, text, sizeof(text));
	else if (span->kind == SCAN_NUMBER)
		assert(!scan_i64(span->at, span->size, &number) || span->size <= 20);
	else if (depth < DEPTH_MAX && (span->kind == SCAN_OBJECT || span->kind == SCAN_LIST))
		walk_inside(span, depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct scan_span value = { .kind = SCAN_NONE }, before = value, found[3];
	struct scan scan;

	first = (const char *)bytes;
	last = first + size;
	scan = (struct scan){ .at = first, .end = last };
	while (scan_value(&scan, &value)) {
		check_span(&value);
		scan_find(&value, "key\0value\0a\0", found, 3);
		if (size < 4096)
			walk(&value, 0);
		check_same(&value, &before);
		before = value;
		(void)scan_take(&scan, ',');
	}
	assert(scan.at >= first && scan.at <= last);
	(void)scan_at_end(&scan);
	return 0;
}
