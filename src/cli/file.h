/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FILE_H
#define CLI_FILE_H

/* Files of the operator's. All of these end the process, with the file's name, if they fail. */
#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "io/files.h"

void file_join(char path[static FILES_PATH_SIZE + 1], const char *directory, const char *name);
void file_make_directory(const char *path);
/* The caller frees it; a terminator stands behind it. */
char *file_read(const char *path, size_t size_max, size_t *size);
void file_write(const char *path, const void *bytes, size_t size);
/* Never over a file that is there. */
void file_write_new(const char *path, const char *bytes, size_t size, unsigned mode);

#endif
