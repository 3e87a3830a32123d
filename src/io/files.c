// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

bool files_join(char path[FILES_PATH_SIZE + 1], const char *directory, const char *name)
{
	return snprintf(path, FILES_PATH_SIZE + 1, "%s/%s", directory, name) <= FILES_PATH_SIZE;
}

int files_open(const char *path, int flags, uint64_t *size)
{
	/* NONBLOCK, or a FIFO in this place would stop us. */
	int fd = open(path, O_CLOEXEC | O_NONBLOCK | flags, 0600);
	struct stat status;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		*size = (uint64_t)status.st_size;
		return fd;
	}
	close(fd);
	return -EINVAL;
}

/* At most `size` bytes; how many, or -errno. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t done = 0;
	ssize_t got;

	while ((got = read(fd, bytes + done, size - done)) > 0)
		done += (size_t)got;
	return got < 0 ? -errno : (ssize_t)done;
}

int files_read_with(const char *path, int flags, size_t size_max, char **bytes, size_t *size)
{
	uint64_t room;
	char *buffer = NULL;
	ssize_t done = -ENOMEM;
	int fd = files_open(path, O_RDONLY | flags, &room);

	if (fd < 0)
		return fd;
	if (room == 0)
		room = size_max; /* /proc does not know the size of its files */
	if (room > size_max)
		done = -EFBIG;
	else if ((buffer = malloc((size_t)room + 1)) != NULL)
		done = read_all(fd, buffer, (size_t)room);
	close(fd);
	if (done < 0) {
		free(buffer);
		return (int)done;
	}
	buffer[done] = '\0';
	*bytes = buffer;
	*size = (size_t)done;
	return 0;
}

int files_read(const char *path, size_t size_max, char **bytes, size_t *size)
{
	return files_read_with(path, 0, size_max, bytes, size);
}

/* False with errno. No signal of ours interrupts a call. */
static bool write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, bytes, size);

		if (done < 0)
			return false;
		bytes += done;
		size -= (size_t)done;
	}
	return true;
}

/* Leaves of `path` only the directory. */
static int sync_directory_of(char *path)
{
	char *slash = strrchr(path, '/');
	int fd, error = 0;

	if (slash != NULL)
		slash[slash == path] = '\0';
	fd = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Some file systems of routers cannot sync a directory; the rename is in order there
	 * anyway. */
	if (fsync(fd) != 0 && errno != EINVAL)
		error = -errno;
	close(fd);
	return error;
}

int files_write(const char *path, const void *bytes, size_t size, unsigned mode)
{
	char fresh[FILES_PATH_SIZE + 1];
	bool written;
	int fd, error;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) > FILES_PATH_SIZE)
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
	if (fd < 0)
		return -errno;
	written = write_all(fd, bytes, size) && fsync(fd) == 0;
	if (close(fd) != 0 || !written || rename(fresh, path) != 0) {
		error = -errno;
		(void)unlink(fresh);
		return error;
	}
	return sync_directory_of(fresh);
}

bool files_is_directory(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int files_make_directory(const char *path)
{
	char partial[FILES_PATH_SIZE + 1];

	if (!text_copy(partial, sizeof(partial), path))
		return -ENAMETOOLONG;
	for (char *c = partial + 1; *c != '\0'; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(partial, 0755) != 0 && errno != EEXIST)
			return -errno;
		*c = '/';
	}
	return mkdir(partial, 0755) != 0 && errno != EEXIST ? -errno : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t size = strlen(name), end = strlen(suffix);

	return size > end && strcmp(name + size - end, suffix) == 0;
}

int files_list(const char *directory, const char *suffix, uint32_t count_max,
	void (*each)(void *context, const char *name), void *context)
{
	char(*names)[sizeof(((struct dirent *)0)->d_name)];
	DIR *folder = opendir(directory);
	const struct dirent *entry;
	uint32_t count = 0, left = FILES_READ_MAX;

	if (folder == NULL)
		return -errno;
	names = calloc(FILES_ENTRIES_MAX, sizeof(names[0]));
	if (names == NULL) {
		closedir(folder);
		return -ENOMEM;
	}
	while (count < FILES_ENTRIES_MAX && left-- > 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] != '.' && ends_in(entry->d_name, suffix))
			text_set(names[count++], sizeof(names[0]), entry->d_name);
	}
	closedir(folder);
	qsort(names, count, sizeof(names[0]), compare_names);
	for (uint32_t i = 0; i < count && i < count_max; i++)
		each(context, names[i]);
	free(names);
	return 0;
}
