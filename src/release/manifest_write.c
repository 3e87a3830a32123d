// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/manifest_write.h"

#include <string.h>

void manifest_write_begin(struct text *text, const struct manifest *manifest)
{
	text_begin_object(text);
	text_add_member_u64(text, "lockstep", MANIFEST_FORMAT);
	members_write(text, manifest_head_members, MANIFEST_HEAD_COUNT, manifest, false);
	text_begin_list(text, "images");
}

void manifest_write_image(struct text *text, const struct image *image)
{
	char encoded[LIMITS_CHUNKS_MAX * BYTES_HASH_SIZE / 3 * 4 + 8];

	text_begin_object(text);
	text_add_member_strings(
		text, "boards", image->boards[0], sizeof(image->boards[0]), image->board_count);
	members_write(text, manifest_image_members, MANIFEST_IMAGE_COUNT, image, false);
	bytes_to_base64(
		encoded, image->chunk_sha256[0], (size_t)image->chunk_count * BYTES_HASH_SIZE);
	text_add_member_string(text, "chunks", encoded);
	text_add_member_strings(
		text, "urls", image->urls[0], sizeof(image->urls[0]), image->url_count);
	text_end_object(text);
}

void manifest_write_end(struct text *text)
{
	text_add(text, "]}\n");
}

bool manifest_measure(struct image *image, const uint8_t *bytes, size_t size)
{
	if (size == 0 || size > (size_t)LIMITS_CHUNKS_MAX * LIMITS_CHUNK_SIZE)
		return false;
	image->size = size;
	image->chunk_size = LIMITS_CHUNK_SIZE;
	image->chunk_count = (uint32_t)((size + LIMITS_CHUNK_SIZE - 1) / LIMITS_CHUNK_SIZE);
	bytes_sha256(image->sha256, bytes, size);
	for (uint32_t i = 0; i < image->chunk_count; i++)
		bytes_sha256(image->chunk_sha256[i], bytes + (size_t)i * LIMITS_CHUNK_SIZE,
			image_chunk_bytes(image, i));
	return true;
}
