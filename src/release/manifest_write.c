// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/manifest_write.h"

#include <string.h>

void manifest_write_begin(struct text *text, const struct manifest *manifest)
{
	bool first = true;

	text_add(text, "{");
	text_add_member_u64(text, &first, "lockstep", MANIFEST_FORMAT);
	text_add_member_string(text, &first, "version", manifest->version);
	text_add_member_u64(text, &first, "sequence", manifest->sequence);
	text_add_member_string(text, &first, "created", manifest->created);
	text_add_member_string(text, &first, "info_url", manifest->info_url);
	text_add_member(text, &first, "images");
	text_add(text, "[");
}

static void write_strings(struct text *text, bool *first, const char *name, const char *strings,
	size_t stride, uint32_t count)
{
	text_add_member(text, first, name);
	text_add(text, "[");
	for (uint32_t i = 0; i < count; i++) {
		text_add(text, i > 0 ? "," : "");
		text_add_json_string(text, strings + i * stride, strlen(strings + i * stride));
	}
	text_add(text, "]");
}

void manifest_write_image(struct text *text, bool *first_image, const struct image *image)
{
	char encoded[LIMITS_CHUNKS_MAX * BYTES_HASH_SIZE / 3 * 4 + 8];
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	bool first = true;

	text_add(text, *first_image ? "{" : ",{");
	*first_image = false;
	write_strings(text, &first, "boards", image->boards[0], sizeof(image->boards[0]),
		image->board_count);
	text_add_member_string(text, &first, "file", image->file);
	text_add_member_string(text, &first, "kind", image->kind);
	text_add_member_u64(text, &first, "size", image->size);
	bytes_to_hex(hex, image->sha256, BYTES_HASH_SIZE);
	text_add_member_string(text, &first, "sha256", hex);
	text_add_member_u64(text, &first, "chunk_size", image->chunk_size);
	bytes_to_base64(
		encoded, image->chunk_sha256[0], (size_t)image->chunk_count * BYTES_HASH_SIZE);
	text_add_member_string(text, &first, "chunks", encoded);
	text_add_member_string(text, &first, "compat_version", image->compat_version);
	write_strings(
		text, &first, "urls", image->urls[0], sizeof(image->urls[0]), image->url_count);
	text_add(text, "}");
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
