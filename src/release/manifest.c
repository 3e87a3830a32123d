// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/manifest.h"

#include <stdio.h>
#include <string.h>

#include "base/members.h"
#include "base/text.h"

enum {
	CHUNK_SIZE_MIN = 1024,
};

const struct member manifest_head_members[MANIFEST_HEAD_COUNT] = {
	MEMBER(struct manifest, version, PRINTABLE, "version"),
	MEMBER(struct manifest, sequence, NUMBER, "sequence", .min = 1),
	MEMBER(struct manifest, created, PRINTABLE, "created", .flags = MEMBER_OPTIONAL),
	MEMBER(struct manifest, info_url, PRINTABLE, "info_url", .flags = MEMBER_OPTIONAL),
};

const struct member manifest_image_members[MANIFEST_IMAGE_COUNT] = {
	MEMBER(struct image, file, STRING, "file"),
	MEMBER(struct image, kind, NAME, "kind"),
	MEMBER(struct image, size, NUMBER, "size", .min = 1,
		.max = LIMITS_CHUNKS_MAX * LIMITS_CHUNK_SIZE),
	MEMBER(struct image, sha256, HEX, "sha256"),
	MEMBER(struct image, chunk_size, NUMBER, "chunk_size", .min = CHUNK_SIZE_MIN,
		.max = LIMITS_CHUNK_SIZE),
	MEMBER(struct image, compat_version, STRING, "compat_version", .flags = MEMBER_OPTIONAL),
};

bool manifest_split_compat(const char *text, uint64_t *major, uint64_t *minor)
{
	char copy[MANIFEST_COMPAT_SIZE + 1];
	char *dot;

	text_set(copy, sizeof(copy), text);
	dot = strchr(copy, '.');
	if (dot == NULL)
		return false;
	*dot = '\0';
	return text_parse_u64(major, copy) && text_parse_u64(minor, dot + 1);
}

/* "images/NAME", where NAME cannot climb out or be taken for an option. */
static bool is_image_file(const char *file)
{
	static const char folder[] = "images/";

	return strncmp(file, folder, sizeof(folder) - 1) == 0 &&
	       text_is_name(file + sizeof(folder) - 1);
}

bool image_is_for(const struct image *image, const char *board)
{
	for (uint32_t i = 0; i < image->board_count; i++) {
		if (strcmp(image->boards[i], board) == 0)
			return true;
	}
	return false;
}

static void read_boards(struct json_reader *reader, struct json_object *object, struct image *image)
{
	image->board_count = json_get_strings(reader, object, "boards", image->boards[0],
		sizeof(image->boards[0]), LIMITS_IMAGE_BOARDS_MAX);
	if (image->board_count == 0)
		json_fail(reader, "boards", "are none");
	if (image_is_for(image, ""))
		json_fail(reader, "boards", "must not be empty");
}

static void read_chunks(struct json_reader *reader, struct json_object *object, struct image *image)
{
	size_t size = 0;
	const char *text = json_get_string_view(reader, object, "chunks", &size);

	if (!json_ok(reader))
		return;
	if ((image->chunk_size & (image->chunk_size - 1)) != 0)
		json_fail(reader, "chunk_size", "must be a power of two");
	if (image->size > (uint64_t)image->chunk_size * LIMITS_CHUNKS_MAX)
		json_fail(reader, "size", "is out of range");
	image->chunk_count = (uint32_t)((image->size + image->chunk_size - 1) / image->chunk_size);
	if (image->chunk_count > LIMITS_CHUNKS_MAX ||
		!bytes_from_base64((uint8_t *)image->chunk_sha256,
			(size_t)image->chunk_count * BYTES_HASH_SIZE, text, size))
		json_fail(reader, "chunks", "must be base64 of one SHA-256 for each chunk");
}

static void read_image(struct json_reader *reader, struct json_object *object, struct image *image)
{
	uint64_t major, minor;

	memset(image, 0, sizeof(*image));
	read_boards(reader, object, image);
	text_set(image->compat_version, sizeof(image->compat_version), "1.0");
	members_read(reader, object, manifest_image_members, MANIFEST_IMAGE_COUNT, image);
	if (!is_image_file(image->file))
		json_fail(reader, "file", "must be images/NAME");
	if (!manifest_split_compat(image->compat_version, &major, &minor))
		json_fail(reader, "compat_version", "must be MAJOR.MINOR");
	read_chunks(reader, object, image);
	if (json_has(object, "urls"))
		image->url_count = json_get_strings(reader, object, "urls", image->urls[0],
			sizeof(image->urls[0]), LIMITS_IMAGE_URLS_MAX);
}

static void read_head(
	struct json_reader *reader, struct json_object *object, struct manifest *manifest)
{
	json_get_u64(reader, object, "lockstep", MANIFEST_FORMAT, MANIFEST_FORMAT);
	members_read(reader, object, manifest_head_members, MANIFEST_HEAD_COUNT, manifest);
	if (manifest->version[0] == '\0')
		json_fail(reader, "version", "must not be empty");
}

/* Does an earlier image of the list, each of which was read before, name a board of this one too?
 */
static bool repeats_a_board(struct json_reader *reader, struct json_object *images, uint32_t index,
	const struct image *image)
{
	for (uint32_t earlier = 0; earlier < index; earlier++) {
		char boards[LIMITS_IMAGE_BOARDS_MAX][LIMITS_BOARD_SIZE + 1];
		uint32_t count = json_get_strings(reader,
			json_array_object(reader, images, "images", earlier), "boards", boards[0],
			sizeof(boards[0]), LIMITS_IMAGE_BOARDS_MAX);

		for (uint32_t i = 0; i < count; i++) {
			if (image_is_for(image, boards[i]))
				return true;
		}
	}
	return false;
}

static struct json_object *open_document(
	struct json_reader *reader, const char *bytes, size_t size, struct json_object **images)
{
	struct json_object *object;

	*images = NULL;
	if (size > LIMITS_MANIFEST_SIZE) {
		*reader = (struct json_reader){ .wrong = "is larger than 1 MiB" };
		return NULL;
	}
	object = json_parse(reader, bytes, size);
	*images = json_get_array(reader, object, "images", LIMITS_IMAGES_MAX);
	return object;
}

static void explain(
	const struct json_reader *reader, uint32_t index, char *problem, size_t capacity)
{
	if (index == UINT32_MAX)
		json_explain(reader, problem, capacity);
	else
		snprintf(problem, capacity, "images[%u].%s %s", (unsigned)index, reader->member,
			reader->wrong);
}

bool manifest_walk(struct manifest *manifest, const char *bytes, size_t size,
	void (*each)(void *context, const struct image *image), void *context, char *problem,
	size_t problem_capacity)
{
	struct manifest decoded = { 0 };
	struct json_reader reader;
	struct json_object *images, *object = open_document(&reader, bytes, size, &images);
	struct image image;
	uint32_t index = UINT32_MAX;

	read_head(&reader, object, &decoded);
	decoded.image_count = (uint32_t)json_array_count(images);
	if (json_ok(&reader) && decoded.image_count == 0)
		json_fail(&reader, "images", "are none");
	for (uint32_t i = 0; i < decoded.image_count && json_ok(&reader); i++) {
		index = i;
		read_image(&reader, json_array_object(&reader, images, "images", i), &image);
		if (repeats_a_board(&reader, images, i, &image))
			json_fail(&reader, "boards", "names a board that another image has");
		if (json_ok(&reader) && each != NULL)
			each(context, &image);
	}
	json_free(object);
	if (!json_ok(&reader)) {
		explain(&reader, index, problem, problem_capacity);
		return false;
	}
	*manifest = decoded;
	return true;
}

bool manifest_decode(struct manifest *manifest, const char *bytes, size_t size, char *problem,
	size_t problem_capacity)
{
	return manifest_walk(manifest, bytes, size, NULL, NULL, problem, problem_capacity);
}

/* The image for `board`, or image `index` if that is NULL. */
static bool find(
	struct image *image, uint32_t index, const char *board, const char *bytes, size_t size)
{
	struct json_reader reader;
	struct json_object *images, *object = open_document(&reader, bytes, size, &images);
	bool found = false;

	for (uint32_t i = 0; i < json_array_count(images) && json_ok(&reader) && !found; i++) {
		if (board == NULL && i != index)
			continue;
		read_image(&reader, json_array_object(&reader, images, "images", i), image);
		found = board == NULL || image_is_for(image, board);
	}
	found = found && json_ok(&reader);
	json_free(object);
	return found;
}

bool manifest_image(struct image *image, uint32_t index, const char *bytes, size_t size)
{
	return find(image, index, NULL, bytes, size);
}

bool manifest_find_image(struct image *image, const char *board, const char *bytes, size_t size)
{
	return find(image, 0, board, bytes, size);
}

uint32_t image_chunk_bytes(const struct image *image, uint32_t index)
{
	uint64_t offset = (uint64_t)index * image->chunk_size;
	uint64_t left = image->size - offset;

	return left < image->chunk_size ? (uint32_t)left : image->chunk_size;
}

bool image_chunk_is(const struct image *image, uint32_t index, const uint8_t *bytes, size_t size)
{
	uint8_t hash[BYTES_HASH_SIZE];

	if (index >= image->chunk_count || size != image_chunk_bytes(image, index))
		return false;
	bytes_sha256(hash, bytes, size);
	return bytes_same_32(hash, image->chunk_sha256[index]);
}
