/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_FILES_H
#define IO_FILES_H

/* Small files, whole. All results are 0 or -errno unless said otherwise. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FILES_PATH_SIZE = 255,
	/* Of a directory, which may be somebody else's: names that fit, and others beside them. */
	FILES_ENTRIES_MAX = 256,
	FILES_READ_MAX = 2048,
};

/* Joins a directory and a name; false if it does not fit. */
__attribute__((warn_unused_result)) bool files_join(
	char path[FILES_PATH_SIZE + 1], const char *directory, const char *name);

/* Opens a plain file with these flags of open(), for its owner alone if that makes it; its size in
 * `*size`. A file descriptor or -errno; -EINVAL: it is no plain file. */
__attribute__((warn_unused_result)) int files_open(const char *path, int flags, uint64_t *size);

/* Reads the whole file, with a terminator behind it; -EFBIG if it has more than `size_max` bytes.
 * Of a file of /proc, whose size nobody knows, the first `size_max`. The caller frees `*bytes`. */
__attribute__((warn_unused_result)) int files_read(
	const char *path, size_t size_max, char **bytes, size_t *size);
/* The same, opened with these flags. */
__attribute__((warn_unused_result)) int files_read_with(
	const char *path, int flags, size_t size_max, char **bytes, size_t *size);

/* Writes `path`.new, syncs it, renames it over `path` and syncs the directory: after a power cut
 * there is the old file or the new one. */
__attribute__((warn_unused_result)) int files_write(
	const char *path, const void *bytes, size_t size, unsigned mode);

/* Is it a directory, and no symbolic link to one? */
bool files_is_directory(const char *path);

/* Makes the directory and those above it; one that is there is fine. */
__attribute__((warn_unused_result)) int files_make_directory(const char *path);

/* Calls `each` with the name of every entry that ends in `suffix`, sorted, at most `count_max`, of
 * the first FILES_ENTRIES_MAX that there are; not with those that begin with a dot. */
__attribute__((warn_unused_result)) int files_list(const char *directory, const char *suffix,
	uint32_t count_max, void (*each)(void *context, const char *name), void *context);

#endif
