// SPDX-License-Identifier: AGPL-3.0-or-later
#include "scratch.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In memory where that can be, for thousands of files come and go. */
static char in_memory[] = "/dev/shm/lockstep-fuzz-XXXXXX", on_disk[] = "/tmp/lockstep-fuzz-XXXXXX";
static const char *directory;

static int remove_entry(const char *entry, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(entry);
}

static void clean_up(void)
{
	(void)nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_directory(void)
{
	if (directory == NULL) {
		directory = mkdtemp(in_memory);
		if (directory == NULL)
			directory = mkdtemp(on_disk);
		assert(directory != NULL);
		(void)atexit(clean_up);
	}
	return directory;
}

void scratch_path(char path[FILES_PATH_SIZE + 1], const char *name)
{
	bool fits = files_join(path, scratch_directory(), name);

	assert(fits);
}

void scratch_write(const char *name, const void *bytes, size_t size)
{
	char path[FILES_PATH_SIZE + 1], above[FILES_PATH_SIZE + 1];
	const uint8_t *at = bytes;
	int fd;

	scratch_path(path, name);
	scratch_path(above, name);
	*strrchr(above, '/') = '\0';
	if (files_make_directory(above) != 0)
		return;
	/* Not by files_write(), which waits for the disk. What cannot be is not there. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	while (fd >= 0 && size > 0) {
		ssize_t done = write(fd, at, size);

		assert(done > 0);
		at += done;
		size -= (size_t)done;
	}
	if (fd >= 0)
		close(fd);
}

void scratch_remove(const char *name)
{
	char path[FILES_PATH_SIZE + 1];

	scratch_path(path, name);
	(void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
