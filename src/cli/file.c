// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void file_check(const char *path, int error)
{
	if (error != 0)
		options_fail("internal", "%s: %s", path, strerror(-error));
}

void file_join(char path[static FILES_PATH_SIZE + 1], const char *directory, const char *name)
{
	if (!files_join(path, directory, name))
		file_check(directory, -ENAMETOOLONG);
}

char *file_read(const char *path, size_t size_max, size_t *size)
{
	char *bytes = NULL;

	file_check(path, files_read(path, size_max, &bytes, size));
	return bytes;
}

void file_write(char path[static FILES_PATH_SIZE + 1], const char *directory, const char *name,
	const void *bytes, size_t size)
{
	char *slash;

	file_join(path, directory, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (slash > path)
		file_check(path, files_make_directory(path));
	*slash = '/';
	file_check(path, files_write(path, bytes, size, 0644));
}

void file_write_new(const char *path, const char *bytes, size_t size, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);

	if (fd < 0 && errno == EEXIST)
		options_fail("exists", "%s is there already and is not overwritten", path);
	if (fd < 0)
		file_check(path, -errno);
	if (write(fd, bytes, size) != (ssize_t)size || fsync(fd) != 0 || close(fd) != 0)
		file_check(path, -EIO);
}
