// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the data of a shared-state message, as often as he likes. The input is a
 * list of messages, one a line; a first letter 'l' means that it comes from this machine, digits at
 * the front are seconds that pass before it. After a 'p' the line is new data of our own. 'fK' is a
 * message of as many entries as the store takes, and 'FK' one of a few that fill it; K is what
 * their keys begin with. What the store then offers must be a sound slice, and merging it into an
 * empty store must give the same again.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"
#include "gossip/scan.h"
#include "gossip/store.h"

enum {
	FEW = 16,        /* entries that fill the store */
	FILLERS_MAX = 3, /* of one input: they take their time */
};

static char *write_store(const struct store *store, size_t *size)
{
	struct text text;
	char *buffer;

	text_init(&text, NULL, 0);
	store_write(store, &text);
	assert(text.size <= LIMITS_SLICE_SIZE);
	/* As large as is needed: memory takes its time under the sanitizers. */
	buffer = malloc(text.size + 1);
	assert(buffer != NULL);
	text_init(&text, buffer, text.size + 1);
	store_write(store, &text);
	assert(!text_cut(&text));
	*size = text.size;
	return buffer;
}

static void check_store(const struct store *store)
{
	struct slice_reader reader;
	struct slice_entry entry;
	struct store other;
	size_t size, other_size;
	char *bytes = write_store(store, &size), *other_bytes;
	uint32_t count = 0;

	slice_reader_init(&reader, bytes, size);
	while (slice_reader_next(&reader, &entry))
		count++;
	assert(!reader.bad && count == store->entry_count);
	store_init(&other);
	(void)store_merge(&other, bytes, size, "somebody", true);
	other_bytes = write_store(&other, &other_size);
	assert(size == other_size && memcmp(bytes, other_bytes, size) == 0);
	store_free(&other);
	free(bytes);
	free(other_bytes);
}

/* Merges a slice of many small entries, or of a few large ones. */
static void fill(struct store *store, bool many, char key, bool remote)
{
	const uint32_t count = many ? LIMITS_SLICE_ENTRIES_MAX + 1 : FEW;
	const size_t room = LIMITS_SLICE_SIZE / FEW, capacity = 2 * LIMITS_SLICE_SIZE;
	char *slice = malloc(capacity), *data = malloc(room), name[16];
	struct text text;

	assert(slice != NULL && data != NULL);
	memset(data, 'x', room);
	data[0] = data[many ? 1 : room - 201] = '"';
	text_init(&text, slice, capacity);
	slice_write_begin(&text);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%c%u", key > ' ' && key < 0x7f ? key : 'k', i);
		slice_write_entry(&text, name, "node2", 100 + i, data, many ? 2 : room - 200);
	}
	slice_write_end(&text);
	assert(!text_cut(&text));
	faults_on();
	(void)store_merge(store, slice, text.size, FUZZ_NAME, remote);
	faults_off();
	free(data);
	free(slice);
}

/* The agent hands over sound JSON only. */
static bool put(struct store *store, const char *data, size_t size)
{
	struct scan scan = { .at = data, .end = data + size };
	struct scan_span value;
	bool news;

	if (!scan_value(&scan, &value))
		return false;
	faults_on();
	news = store_put(store, FUZZ_NAME, FUZZ_NAME, 2400, value.at, value.size);
	faults_off();
	return news;
}

static void merge(struct store *store, const char *line, size_t size, uint32_t *fillers)
{
	uint32_t seconds = 0;
	bool remote = true;
	char *copy;

	for (; size > 0 && *line >= '0' && *line <= '9' && seconds < 100000; line++, size--)
		seconds = seconds * 10 + (uint32_t)(*line - '0');
	if (seconds > 0)
		store_age(store, seconds);
	if (size > 0 && *line == 'l') {
		remote = false;
		line++;
		size--;
	}
	if (size > 0 && *line == 'p') {
		(void)put(store, line + 1, size - 1);
		return;
	}
	if (size > 0 && (*line == 'f' || *line == 'F')) {
		if ((*fillers)++ < FILLERS_MAX)
			fill(store, *line == 'f', size > 1 ? line[1] : 'k', remote);
		return;
	}
	copy = fuzz_copy(line, size);
	faults_on();
	(void)store_merge(store, copy, size, FUZZ_NAME, remote);
	faults_off();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char own[] = "{\"state\":\"UPDATED\"}";
	const char *line;
	struct store store;
	uint32_t fillers = 0;

	faults_plan(&bytes, &size);
	line = (const char *)bytes;
	store_init(&store);
	(void)store_put(&store, FUZZ_NAME, FUZZ_NAME, 2400, own, sizeof(own) - 1);
	while (size > 0) {
		const char *end = memchr(line, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - line) : size;

		merge(&store, line, line_size, &fillers);
		line_size += end != NULL;
		line += line_size;
		size -= line_size;
	}
	check_store(&store);
	store_free(&store);
	return 0;
}
