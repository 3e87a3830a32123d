/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_IMAGE_FILE_H
#define IO_IMAGE_FILE_H

/*
 * The image on disk: WORK/images/SHA256, in its full size from the beginning, so that running out
 * of space shows before the download and not in its middle. Which of its chunks are right only
 * their hashes can say; nothing else about them is kept.
 *
 * All results are 0 or -errno. Offsets and sizes are bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "base/bytes.h"

enum {
	IMAGE_FILE_STEP_SIZE = 65536, /* what one step of a hash reads */
};

struct image_file {
	int fd; /* -1: not open */
	uint64_t size;
	char path[256];
};

struct image_hash {
	crypto_hash_sha256_state state;
	uint64_t offset;
};

void image_file_init(struct image_file *file);

/* Makes a directory in one that is ours alone; what is in its place must not lead elsewhere. */
__attribute__((warn_unused_result)) int image_file_make_folder(const char *path);

/*
 * Makes the file, or finds it (`*found`) if it is there in the right size; one of another size is
 * replaced. `from` is NULL, or the path of a file in the same file system, of these bytes alone and
 * nobody else's, that becomes it. -ENOSPC: it does not fit; then nothing is left of it. -ELOOP and
 * others: something is in its place that is no file of ours.
 */
__attribute__((warn_unused_result)) int image_file_open(struct image_file *file,
	const char *work_directory, const uint8_t sha256[static BYTES_HASH_SIZE], uint64_t size,
	uint64_t room, const char *from, bool *found);

/* Deletes all images in the directory but this one: they are memory. */
void image_file_drop_others(
	const char *work_directory, const uint8_t sha256[static BYTES_HASH_SIZE]);

void image_file_close(struct image_file *file); /* the file stays */
void image_file_drop(struct image_file *file);  /* closes and deletes it */

__attribute__((warn_unused_result)) int image_file_write(
	struct image_file *file, uint64_t offset, const void *bytes, size_t size);
__attribute__((warn_unused_result)) int image_file_read(
	const struct image_file *file, uint64_t offset, void *bytes, size_t size);

/* SHA-256 of the whole file, one step a call. 1: done, `sha256` is filled; 0: call again. */
void image_hash_begin(struct image_hash *hash);
__attribute__((warn_unused_result)) int image_hash_step(struct image_hash *hash,
	const struct image_file *file, uint8_t sha256[static BYTES_HASH_SIZE]);

#endif
