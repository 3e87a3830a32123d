/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FUZZ_SCRATCH_H
#define FUZZ_SCRATCH_H

/* A directory for what a target keeps in files, gone when the process ends. */
#include <stddef.h>

#include "io/files.h"

/* Its path; made when it is first asked for. */
const char *scratch_directory(void);

/* The path of `name` in it. */
void scratch_path(char path[FILES_PATH_SIZE + 1], const char *name);

/* Makes a file, and the directories that its name has. */
void scratch_write(const char *name, const void *bytes, size_t size);

/* Removes all that is in it below `name`, and that, if it is there. */
void scratch_remove(const char *name);

#endif
