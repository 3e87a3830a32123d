/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_MANIFEST_H
#define RELEASE_MANIFEST_H

/*
 * release.json: a version, and for each board an image (docs/formats.md). The release's id is the
 * SHA-256 of the file. Nothing here is read before its signatures were verified
 * (release/verdict.h), but for the tools that make and show releases.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/members.h"

enum {
	MANIFEST_FORMAT = 1,
	MANIFEST_FILE_SIZE = 127, /* relative path of an image */
	MANIFEST_CREATED_SIZE = 31,
	MANIFEST_COMPAT_SIZE = 15,
	MANIFEST_KIND_SIZE = 31,
	MANIFEST_HEAD_COUNT = 4,
	MANIFEST_IMAGE_COUNT = 6,
};

/* The head of a release. A plain value. */
struct manifest {
	char version[LIMITS_VERSION_SIZE + 1];
	char created[MANIFEST_CREATED_SIZE + 1]; /* for people; may be "" */
	char info_url[LIMITS_URL_SIZE + 1];      /* may be "" */
	uint64_t sequence;                       /* only grows */
	uint32_t image_count;                    /* 1..LIMITS_IMAGES_MAX */
};

/* One image of a release. A plain value of some 40 KiB: keep one, not many. */
struct image {
	uint8_t sha256[BYTES_HASH_SIZE];
	uint64_t size;        /* bytes, 1..LIMITS_CHUNKS_MAX × chunk_size */
	uint32_t chunk_size;  /* bytes, a power of two, 1024..LIMITS_CHUNK_SIZE */
	uint32_t chunk_count; /* size / chunk_size, rounded up */
	uint32_t board_count;
	uint32_t url_count;
	char boards[LIMITS_IMAGE_BOARDS_MAX][LIMITS_BOARD_SIZE + 1];
	char file[MANIFEST_FILE_SIZE + 1]; /* "images/NAME", where NAME is text_is_name() */
	char kind[MANIFEST_KIND_SIZE + 1]; /* "sysupgrade" */
	char compat_version[MANIFEST_COMPAT_SIZE + 1]; /* "MAJOR.MINOR"; "1.0" if not given */
	char urls[LIMITS_IMAGE_URLS_MAX][LIMITS_URL_SIZE + 1];
	uint8_t chunk_sha256[LIMITS_CHUNKS_MAX][BYTES_HASH_SIZE];
};

/* What is neither a list nor of one document only, for reading and writing. */
extern const struct member manifest_head_members[MANIFEST_HEAD_COUNT];
extern const struct member manifest_image_members[MANIFEST_IMAGE_COUNT];

/*
 * Reads and checks the whole document, every image and every chunk list included; a board may
 * stand in one image only. On failure returns false, `*manifest` is untouched and `problem` says
 * what and where ("images[1].sha256 must be 64 hex digits").
 */
__attribute__((warn_unused_result)) bool manifest_decode(struct manifest *manifest,
	const char *bytes, size_t size, char *problem, size_t problem_capacity);

/* The same, and every image is handed to `each`, if that is not NULL, on the way. On failure some
 * of them were, before it showed. */
__attribute__((warn_unused_result)) bool manifest_walk(struct manifest *manifest, const char *bytes,
	size_t size, void (*each)(void *context, const struct image *image), void *context,
	char *problem, size_t problem_capacity);

/* Image number `index` of a document that manifest_decode() accepted; false on any doubt. */
__attribute__((warn_unused_result)) bool manifest_image(
	struct image *image, uint32_t index, const char *bytes, size_t size);

/* The image for `board`. False if there is none. */
__attribute__((warn_unused_result)) bool manifest_find_image(
	struct image *image, const char *board, const char *bytes, size_t size);

/* The numbers of "MAJOR.MINOR"; false, and they hold anything, if it is not that. */
__attribute__((warn_unused_result)) bool manifest_split_compat(
	const char *text, uint64_t *major, uint64_t *minor);

/* Is it for this board? */
bool image_is_for(const struct image *image, const char *board);

/* Bytes of chunk `index`: chunk_size, or what is left for the last one. */
uint32_t image_chunk_bytes(const struct image *image, uint32_t index);

/* True if these are the bytes of chunk `index`. */
bool image_chunk_is(const struct image *image, uint32_t index, const uint8_t *bytes, size_t size);

#endif
