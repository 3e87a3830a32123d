// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "sim/world.h"

enum {
	MANIFEST_CAPACITY = 32768,
};

static uint32_t image_size(const struct world *world)
{
	return world->options.chunks * WORLD_CHUNK_SIZE - WORLD_CHUNK_LACK;
}

static void write_image(
	struct world *world, struct text *text, struct world_release *release, uint32_t board)
{
	uint32_t size = image_size(world), chunks = world->options.chunks;
	uint8_t hashes[WORLD_CHUNKS_MAX * BYTES_HASH_SIZE];
	char encoded[sizeof(hashes) * 2], hex[BYTES_HASH_TEXT_SIZE + 1];

	for (uint32_t i = 0; i < size; i++)
		release->images[board][i] = (uint8_t)prng_next(world_prng(world));
	bytes_sha256(release->sha256[board], release->images[board], size);
	for (uint32_t i = 0; i < chunks; i++) {
		size_t offset = (size_t)i * WORLD_CHUNK_SIZE, rest = size - offset;

		bytes_sha256(hashes + i * BYTES_HASH_SIZE, release->images[board] + offset,
			rest < WORLD_CHUNK_SIZE ? rest : WORLD_CHUNK_SIZE);
	}
	bytes_to_base64(encoded, hashes, (size_t)chunks * BYTES_HASH_SIZE);
	bytes_to_hex(hex, release->sha256[board], BYTES_HASH_SIZE);
	text_add_format(text,
		"%s{\"boards\":[\"board,%" PRIu32 "\"],\"file\":\"images/%" PRIu32
		".bin\",\"kind\":\"sysupgrade\",\"size\":%" PRIu32
		",\"sha256\":\"%s\",\"chunk_size\":%d,"
		"\"chunks\":\"%s\",\"compat_version\":\"1.0\",\"urls\":[]}",
		board > 0 ? "," : "", board, board, size, hex, WORLD_CHUNK_SIZE, encoded);
}

uint32_t releases_make(struct world *world, bool trusted)
{
	uint32_t number = ++world->release_count;
	struct world_release *release = &world->releases[number];
	char *buffer = malloc(MANIFEST_CAPACITY);
	struct text text;

	ensure(number < WORLD_RELEASES_MAX && buffer != NULL);
	release->trusted = trusted;
	release->foreign = number > 1 && world->options.split_firmware > 0;
	snprintf(release->version, sizeof(release->version), "Demo %" PRIu32 ".0", number);
	text_init(&text, buffer, MANIFEST_CAPACITY);
	text_add_format(&text,
		"{\"lockstep\":1,\"version\":\"%s\",\"sequence\":%" PRIu32
		",\"created\":\"2026-11-23T10:00:00Z\",\"info_url\":\"\",\"images\":[",
		release->version, number);
	for (uint32_t board = 0; board < world->options.boards; board++)
		write_image(world, &text, release, board);
	text_add(&text, "]}");
	ensure(!text_cut(&text));
	release->manifest = buffer;
	release->manifest_size = text.size;
	bytes_sha256(release->id, buffer, text.size);
	/* Two keys must sign; one key that signs twice is one. */
	release->signature_count = 2;
	for (uint32_t i = 0; i < 2; i++)
		usign_sign(&release->signatures[i], &world->release_keys[trusted ? i : 0], buffer,
			text.size);
	return number;
}

uint32_t releases_find(const struct world *world, const uint8_t id[static BYTES_HASH_SIZE])
{
	for (uint32_t i = 1; i <= world->release_count; i++) {
		if (memcmp(world->releases[i].id, id, BYTES_HASH_SIZE) == 0)
			return i;
	}
	return 0;
}

bool releases_find_image(const struct world *world, const uint8_t sha256[static BYTES_HASH_SIZE],
	uint32_t *release, uint32_t *board)
{
	for (*release = 1; *release <= world->release_count; (*release)++) {
		for (*board = 0; *board < world->options.boards; (*board)++) {
			if (memcmp(world->releases[*release].sha256[*board], sha256,
				    BYTES_HASH_SIZE) == 0)
				return true;
		}
	}
	*release = 0;
	return false;
}
