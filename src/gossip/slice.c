// SPDX-License-Identifier: AGPL-3.0-or-later
#include "gossip/slice.h"

#include <inttypes.h>
#include <string.h>

enum outcome {
	ENTRY_GOOD = 0,
	ENTRY_BAD,     /* not an entry: reading ends here, as upstream's does */
	ENTRY_FOREIGN, /* an entry, but beyond our bounds: passed over */
};

/* The name or author in `string`, cut at a NUL as upstream does. False if it is too long. */
static bool read_name(const struct scan_span *string, char *buffer, size_t capacity)
{
	size_t size = scan_text(string, buffer, capacity);

	if (size < capacity) {
		buffer[size] = '\0';
		return true;
	}
	return memchr(buffer, '\0', capacity) != NULL;
}

static bool read_ttl(const struct scan_span *ttl, int64_t *ttl_s)
{
	struct scan_span found[2];
	char digits[24];
	size_t size;

	if (ttl->kind == SCAN_NUMBER)
		return scan_i64(ttl->at, ttl->size, ttl_s);
	scan_find(ttl, "xint64\0xstr64\0", found, 2);
	if (found[0].kind == SCAN_NUMBER && scan_i64(found[0].at, found[0].size, ttl_s))
		return true;
	if (found[1].kind != SCAN_STRING)
		return false;
	size = scan_text(&found[1], digits, sizeof(digits));
	return size <= sizeof(digits) && scan_i64(digits, size, ttl_s);
}

static enum outcome read_entry(const struct scan_span *element, struct slice_entry *entry)
{
	struct scan_span pair[2], part[3];

	scan_find(element, "key\0value\0", pair, 2);
	scan_find(&pair[1], "mAuthor\0mTtl\0mData\0", part, 3);
	if (pair[0].kind != SCAN_STRING || part[0].kind != SCAN_STRING ||
		part[2].kind == SCAN_NONE || !read_ttl(&part[1], &entry->ttl_s))
		return ENTRY_BAD;

	if (element->odd || !read_name(&pair[0], entry->key, sizeof(entry->key)) ||
		!read_name(&part[0], entry->author, sizeof(entry->author)))
		return ENTRY_FOREIGN;
	entry->data = part[2].at;
	entry->data_size = part[2].size;
	return ENTRY_GOOD;
}

void slice_reader_init(struct slice_reader *reader, const char *bytes, size_t size)
{
	struct scan_span document, found[2];
	struct scan *scan = &reader->scan;
	const char *end;

	*reader = (struct slice_reader){ .stopped = true, .bad = true };
	if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		size -= 3;
	}
	end = memchr(bytes, '\0', size);
	scan->at = bytes;
	scan->end = end != NULL ? end : bytes + size;
	if (!scan_value(scan, &document) || !scan_at_end(scan))
		return;
	scan_find(&document, "stateSlice\0lockstep\0", found, 2);
	if (found[0].kind != SCAN_LIST)
		return;
	reader->has_digest = found[1].kind == SCAN_STRING &&
			     read_name(&found[1], reader->digest, sizeof(reader->digest));
	scan_inside(scan, &found[0]);
	scan->sound = false; /* each entry by itself tells if it is odd */
	reader->stopped = reader->bad = false;
}

bool slice_reader_next(struct slice_reader *reader, struct slice_entry *entry)
{
	struct scan_span element;

	while (!reader->stopped) {
		if (!scan_element(&reader->scan, &element)) {
			reader->stopped = true;
			break;
		}
		enum outcome outcome = read_entry(&element, entry);

		if (outcome == ENTRY_BAD || reader->entry_count == LIMITS_SLICE_ENTRIES_MAX) {
			reader->stopped = true;
			reader->bad = true;
		} else if (outcome == ENTRY_GOOD) {
			reader->entry_count++;
			return true;
		}
	}
	return false;
}

void slice_write_begin(struct text *text)
{
	text_add(text, "{\"stateSlice\":[");
}

/* As upstream writes strings: bytes that are not UTF-8 go out as they came in, or two nodes would
 * take one entry for two. */
void slice_write_entry_begin(struct text *text, const char *key, const char *author, int64_t ttl_s)
{
	text_begin_object(text);
	text_add_member(text, "key");
	text_add_json_bytes(text, key);
	text_add(text, ",\"value\":{\"mAuthor\":");
	text_add_json_bytes(text, author);
	text_add_format(text,
		",\"mTtl\":{\"xint64\":%" PRId64 ",\"xstr64\":\"%" PRId64 "\"},\"mData\":", ttl_s,
		ttl_s);
}

void slice_write_entry_end(struct text *text)
{
	text_add(text, "}}");
}

void slice_write_entry(struct text *text, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size)
{
	slice_write_entry_begin(text, key, author, ttl_s);
	text_add_bytes(text, data, data_size);
	slice_write_entry_end(text);
}

void slice_write_end(struct text *text)
{
	text_end_list(text);
	text_end_object(text);
}
