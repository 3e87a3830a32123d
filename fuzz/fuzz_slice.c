// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the data of a shared-state message, as often as he likes. The input is a
 * list of messages, one a line; a first letter 'l' means that it comes from this machine, digits at
 * the front are seconds that pass before it. What the store then offers must be a sound slice, and
 * merging it into an empty store must give the same again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "gossip/store.h"

static char *write_store(const struct store *store, size_t *size)
{
	struct text text;
	char *buffer = malloc(LIMITS_SLICE_SIZE + 1);

	assert(buffer != NULL);
	text_init(&text, buffer, LIMITS_SLICE_SIZE + 1);
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

static void merge(struct store *store, const char *line, size_t size)
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
	copy = fuzz_copy(line, size);
	(void)store_merge(store, copy, size, FUZZ_NAME, remote);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char own[] = "{\"state\":\"UPDATED\"}";
	const char *line = (const char *)bytes;
	struct store store;

	store_init(&store);
	(void)store_put(&store, FUZZ_NAME, FUZZ_NAME, 2400, own, sizeof(own) - 1);
	while (size > 0) {
		const char *end = memchr(line, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - line) : size;

		merge(&store, line, line_size);
		line_size += end != NULL;
		line += line_size;
		size -= line_size;
	}
	check_store(&store);
	store_free(&store);
	return 0;
}
