/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SOURCE_DIRECTORY_H
#define SOURCE_DIRECTORY_H

/*
 * A release in a directory on this machine (docs/formats.md): release.json, signatures/NAME.sig and
 * the images. What the manifest says is checked for its form, not for who signed it: that is for
 * those who will install it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "release/manifest.h"
#include "release/usign.h"

enum {
	DIRECTORY_PATH_SIZE = 255,
};

/* What is needed to serve an image; the chunks' hashes stay in the manifest. */
struct directory_image {
	uint8_t sha256[BYTES_HASH_SIZE];
	uint64_t size;       /* bytes */
	uint32_t chunk_size; /* bytes */
	uint32_t chunk_count;
	char file[MANIFEST_FILE_SIZE + 1];
};

struct directory {
	uint8_t release_id[BYTES_HASH_SIZE];
	char *manifest; /* owned; the bytes of release.json and a terminator */
	size_t manifest_size;
	size_t signature_count;
	uint32_t image_count;
	bool ours; /* in this node's memory: nobody else writes to its files */
	char path[DIRECTORY_PATH_SIZE + 1];
	struct usign_signature signatures[LIMITS_SIGNATURES_MAX];
	struct directory_image images[LIMITS_IMAGES_MAX];
};

/*
 * Reads everything but the images. 0, or -errno with `problem` saying more; -EBADMSG: there is no
 * sound release.json. Files in signatures/ that are no signatures do not count. On failure
 * `*directory` holds nothing.
 */
__attribute__((warn_unused_result)) int directory_open(
	struct directory *directory, const char *path, char *problem, size_t problem_capacity);
void directory_close(struct directory *directory);

/* Fills in release_id and images from the manifest. False, with `problem` saying more and without
 * images: it is not sound. */
__attribute__((warn_unused_result)) bool directory_index(
	struct directory *directory, char *problem, size_t problem_capacity);

/* NULL if the release has no such image. */
const struct directory_image *directory_find(
	const struct directory *directory, const uint8_t sha256[static BYTES_HASH_SIZE]);

/* The image's file, of which there may be less than the manifest says, with these flags of open();
 * how much there is in `*size`. A file descriptor or -errno. */
__attribute__((warn_unused_result)) int directory_open_file(const struct directory *directory,
	const struct directory_image *image, int flags, uint64_t *size);

/* A file descriptor of the image, for reading; -errno if it is not there, is no plain file or has
 * another size than the manifest says (-EBADMSG). */
__attribute__((warn_unused_result)) int directory_open_image(
	const struct directory *directory, const struct directory_image *image);

#endif
