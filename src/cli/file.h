/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FILE_H
#define CLI_FILE_H

/* Files of the operator's. All of these end the process, with the file's name, if they fail. */
#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "io/files.h"

void file_check(const char *path, int error); /* 0 is fine, else it is an -errno */
void file_join(char path[static FILES_PATH_SIZE + 1], const char *directory, const char *name);
/* The caller frees it; a terminator stands behind it. */
char *file_read(const char *path, size_t size_max, size_t *size);
/* Writes DIRECTORY/NAME and makes the directories above it; its path in `path`. */
void file_write(char path[static FILES_PATH_SIZE + 1], const char *directory, const char *name,
	const void *bytes, size_t size);
/* Never over a file that is there. */
void file_write_new(const char *path, const char *bytes, size_t size, unsigned mode);

#endif
