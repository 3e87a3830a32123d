// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void check(const struct options *options, const char *path, int error)
{
	if (error != 0)
		options_fail(options, "internal", "%s: %s", path, strerror(-error));
}

void file_join(const struct options *options, char path[static FILES_PATH_SIZE + 1],
	const char *directory, const char *name)
{
	if (!files_join(path, directory, name))
		check(options, directory, -ENAMETOOLONG);
}

void file_make_directory(const struct options *options, const char *path)
{
	check(options, path, files_make_directory(path));
}

char *file_read(const struct options *options, const char *path, size_t size_max, size_t *size)
{
	char *bytes = NULL;

	check(options, path, files_read(path, size_max, &bytes, size));
	return bytes;
}

void file_write(const struct options *options, const char *path, const void *bytes, size_t size)
{
	check(options, path, files_write(path, bytes, size, 0644));
}

void file_write_new(const struct options *options, const char *path, const char *bytes, size_t size,
	unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		options_fail(options, "exists", "%s is there already and is not overwritten", path);
	if (fd < 0)
		check(options, path, -errno);
	ok = write(fd, bytes, size) == (ssize_t)size;
	ok = fsync(fd) == 0 && ok;
	ok = close(fd) == 0 && ok;
	if (!ok)
		check(options, path, -EIO);
}
