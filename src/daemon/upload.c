// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/upload.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/node.h"
#include "io/image_file.h"
#include "io/memory.h"

/* What came with one request. */
struct piece {
	struct node *node;
	const char *bytes;
	size_t size;
	uint64_t offset;
	uint64_t held; /* of its file, before it or with it */
	char *message; /* LIMITS_MESSAGE_SIZE + 1 bytes */
};

static enum reason make_room(const struct node *node, uint64_t needed, char *message)
{
	uint64_t room = memory_room_in(node->config->work_directory, IMAGES_MEMORY_SPARE);

	if (needed <= room)
		return REASON_NONE;
	snprintf(message, LIMITS_MESSAGE_SIZE + 1,
		"%" PRIu64 " KiB are needed, %" PRIu64 " are free.", needed / 1024 + 1,
		room / 1024);
	return REASON_NO_SPACE;
}

/* ---- one at a time ---- */

static void remove_file(void *context, const char *name)
{
	char path[FILES_PATH_SIZE + 1];

	if (files_join(path, context, name))
		(void)unlink(path);
}

void upload_close(struct node *node)
{
	struct upload *upload = node->upload;

	node->upload = NULL;
	if (upload == NULL)
		return;
	if (upload->missing > 0 || upload->signatures_held == 0) {
		directory_close(upload->directory);
		free(upload->directory);
	}
	free(upload);
}

void upload_clear(struct node *node)
{
	char path[FILES_PATH_SIZE + 1];

	if (!files_join(path, node->config->work_directory, UPLOAD_FOLDER))
		return;
	upload_close(node);
	images_forget_directory(node->images, path);
	(void)!files_list(path, "", FILES_ENTRIES_MAX, remove_file, path);
}

enum reason upload_begin(struct node *node, const struct offer_upload *offered, char *message)
{
	struct upload *upload = node->upload;
	struct directory *directory;

	if (upload != NULL && memcmp(&upload->offered, offered, sizeof(*offered)) == 0)
		return REASON_NONE;
	upload_clear(node);
	upload = calloc(1, sizeof(*upload));
	directory = calloc(1, sizeof(*directory));
	if (upload == NULL || directory == NULL ||
		make_room(node, offered->manifest_size, message) != REASON_NONE ||
		(directory->manifest = malloc(offered->manifest_size)) == NULL ||
		!files_join(directory->path, node->config->work_directory, UPLOAD_FOLDER) ||
		image_file_make_folder(directory->path) != 0) {
		free(directory);
		free(upload);
		return REASON_NO_SPACE;
	}
	directory->ours = true;
	directory->manifest_size = offered->manifest_size;
	memcpy(directory->release_id, offered->release_id, BYTES_HASH_SIZE);
	upload->directory = directory;
	upload->offered = *offered;
	node->upload = upload;
	return REASON_NONE;
}

/* ---- the manifest ---- */

/*
 * Of the images in the manifest only those stay that were offered, for nobody shall look for others
 * here. Their files have their hash for a name: what a stranger wrote is no part of a path. The
 * bytes of them all; 0 if one is not there, or was named twice.
 */
static uint64_t keep_named(struct directory *directory, const struct offer_upload *offered)
{
	struct directory_image *images = directory->images, other;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < offered->image_count; i++) {
		const struct directory_image *found = directory_find(directory, offered->images[i]);
		size_t at = found != NULL ? (size_t)(found - images) : 0;

		if (found == NULL || at < i)
			return 0;
		other = images[i];
		images[i] = *found;
		images[at] = other;
		bytes_to_hex(images[i].file, images[i].sha256, BYTES_HASH_SIZE);
		bytes += images[i].size;
	}
	directory->image_count = offered->image_count;
	return bytes;
}

/* All of it is there. What is wrong begins anew; for lack of room only the last piece does not
 * count. */
static enum reason judge_manifest(struct upload *upload, struct piece *piece)
{
	struct directory *directory = upload->directory;
	enum reason reason = REASON_BAD_RELEASE;
	uint8_t hash[BYTES_HASH_SIZE];
	uint64_t bytes = 0;

	bytes_sha256(hash, directory->manifest, directory->manifest_size);
	if (!bytes_same_32(hash, directory->release_id))
		reason = REASON_HASH_MISMATCH;
	else if (directory_index(directory, piece->message, LIMITS_MESSAGE_SIZE + 1))
		bytes = upload->missing = keep_named(directory, &upload->offered);
	if (bytes > 0)
		reason = make_room(piece->node, bytes, piece->message);
	else
		upload->manifest_held = 0;
	if (reason != REASON_NONE)
		directory->image_count = 0;
	return reason;
}

static enum reason take_manifest(struct upload *upload, struct piece *piece)
{
	struct directory *directory = upload->directory;
	size_t left = directory->manifest_size - upload->manifest_held;
	enum reason reason = REASON_NONE;

	piece->held = upload->manifest_held;
	if (piece->offset != piece->held)
		return REASON_WRONG_OFFSET;
	if (piece->size == 0 || piece->size > left)
		return REASON_HASH_MISMATCH;
	memcpy(directory->manifest + piece->offset, piece->bytes, piece->size);
	if (piece->size == left)
		reason = judge_manifest(upload, piece);
	if (reason == REASON_NONE)
		piece->held = upload->manifest_held += piece->size;
	return reason;
}

/* ---- its signatures ---- */

static enum reason take_signatures(struct upload *upload, struct piece *piece)
{
	struct directory *directory = upload->directory;
	const struct node *node = piece->node;
	size_t count;

	if (directory->image_count == 0)
		return REASON_WRONG_STATE;
	piece->held = upload->signatures_held;
	if (piece->held > 0 || piece->offset != 0)
		return REASON_WRONG_OFFSET;
	if (!releases_read_signatures(piece->bytes, piece->size, directory->signatures, &count) ||
		keyring_count_signers(&node->release_keys, directory->signatures, count,
			directory->manifest, directory->manifest_size) < node->config->threshold)
		return REASON_BAD_SIGNATURE;
	directory->signature_count = count;
	piece->held = upload->signatures_held = piece->size;
	return REASON_NONE;
}

/* ---- its images ---- */

static void take_hashes(void *context, const struct image *image)
{
	struct image *wanted = context;

	/* The first, as in the directory, if there are two. */
	if (wanted->chunk_count == 0 && bytes_same_32(wanted->sha256, image->sha256))
		*wanted = *image;
}

static void find_hashes(struct upload *upload, const uint8_t sha256[static BYTES_HASH_SIZE])
{
	const struct directory *directory = upload->directory;
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct manifest manifest;

	if (upload->image.chunk_count > 0 && bytes_same_32(upload->image.sha256, sha256))
		return;
	upload->image.chunk_count = 0;
	memcpy(upload->image.sha256, sha256, BYTES_HASH_SIZE);
	/* Without memory there are none, and nothing fits. */
	(void)!manifest_walk(&manifest, directory->manifest, directory->manifest_size, take_hashes,
		&upload->image, problem, sizeof(problem));
}

static enum reason write_chunk(
	struct upload *upload, struct piece *piece, const struct directory_image *kept, int fd)
{
	enum reason reason;

	if (piece->offset != piece->held)
		return REASON_WRONG_OFFSET;
	find_hashes(upload, kept->sha256);
	if (piece->offset % kept->chunk_size != 0 ||
		!image_chunk_is(&upload->image, (uint32_t)(piece->offset / kept->chunk_size),
			(const uint8_t *)piece->bytes, piece->size))
		return REASON_HASH_MISMATCH;
	reason = make_room(piece->node, piece->size, piece->message);
	if (reason != REASON_NONE)
		return reason;
	piece->held += piece->size;
	if (pwrite(fd, piece->bytes, piece->size, (off_t)piece->offset) == (ssize_t)piece->size)
		return REASON_NONE;
	/* A part of it may be there. */
	(void)!ftruncate(fd, (off_t)piece->offset);
	return REASON_NO_SPACE;
}

static enum reason take_chunk(struct upload *upload, struct piece *piece, const char *name)
{
	struct directory *directory = upload->directory;
	const struct directory_image *kept = NULL;
	uint8_t sha256[BYTES_HASH_SIZE];
	enum reason reason;
	int fd;

	if (upload->signatures_held == 0)
		return REASON_WRONG_STATE;
	if (bytes_from_hex(sha256, BYTES_HASH_SIZE, name))
		kept = directory_find(directory, sha256);
	if (kept == NULL)
		return REASON_NO_UPLOAD;
	fd = directory_open_file(directory, kept, O_RDWR | O_CREAT, &piece->held);
	if (fd < 0)
		return REASON_NO_SPACE;
	reason = write_chunk(upload, piece, kept, fd);
	close(fd);
	if (reason == REASON_NONE && (upload->missing -= piece->size) == 0)
		node_take_directory(piece->node, directory);
	return reason;
}

/* ---- ---- */

void upload_post(void *context, struct http_request *request)
{
	char message[LIMITS_MESSAGE_SIZE + 1] = "";
	struct piece piece = { .node = context, .offset = UINT64_MAX, .message = message };
	struct upload *upload = piece.node->upload;
	const char *name = http_request_parameter(request, 1);
	enum reason reason = REASON_NO_UPLOAD;
	uint8_t id[BYTES_HASH_SIZE];
	char body[40];

	piece.node->offers.list_ms = 0;
	piece.bytes = http_request_body(request, &piece.size);
	(void)!text_parse_u64(&piece.offset, http_request_parameter(request, 2));
	if (upload != NULL &&
		bytes_from_hex(id, BYTES_HASH_SIZE, http_request_parameter(request, 0)) &&
		bytes_same_32(upload->directory->release_id, id))
		reason = strcmp(name, "release.json") == 0 ? take_manifest(upload, &piece)
			 : strcmp(name, "signatures") == 0 ? take_signatures(upload, &piece)
							   : take_chunk(upload, &piece, name);
	/* Whoever lost his way reads it there: the number stands first. */
	if (reason == REASON_WRONG_OFFSET)
		snprintf(message, sizeof(message), "%" PRIu64 " bytes of it are held.", piece.held);
	if (reason != REASON_NONE)
		api_refuse(request, reason, message);
	else
		http_reply(request, 200, "application/json", body,
			(size_t)snprintf(body, sizeof(body), "{\"held\":%" PRIu64 "}", piece.held));
}
