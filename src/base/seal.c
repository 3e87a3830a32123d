// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/seal.h"

#include <stdlib.h>
#include <string.h>

/* The first line, for these bytes. */
static void make_seal(
	char seal[static SEAL_SIZE + 1], const char *magic, const char *bytes, size_t size)
{
	uint8_t hash[BYTES_HASH_SIZE];

	bytes_sha256(hash, bytes, size);
	memcpy(seal, magic, SEAL_MAGIC_SIZE);
	bytes_to_hex(seal + SEAL_MAGIC_SIZE, hash, sizeof(hash));
	seal[SEAL_SIZE - 1] = '\n';
}

char *seal_encode(const char magic[static SEAL_MAGIC_SIZE], seal_writer *write,
	const void *document, size_t *size)
{
	struct text text;
	char *buffer;

	text_init(&text, NULL, 0);
	write(&text, document);
	buffer = malloc(SEAL_SIZE + text.size + 1);
	if (buffer == NULL)
		return NULL;
	*size = SEAL_SIZE + text.size;
	text_init(&text, buffer + SEAL_SIZE, text.size + 1);
	write(&text, document);
	make_seal(buffer, magic, buffer + SEAL_SIZE, text.size);
	return buffer;
}

const char *seal_open(const char magic[static SEAL_MAGIC_SIZE], const char *bytes, size_t *size)
{
	char seal[SEAL_SIZE + 1];

	if (*size <= SEAL_SIZE)
		return NULL;
	make_seal(seal, magic, bytes + SEAL_SIZE, *size - SEAL_SIZE);
	if (memcmp(bytes, seal, SEAL_SIZE) != 0)
		return NULL;
	*size -= SEAL_SIZE;
	return bytes + SEAL_SIZE;
}
