// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ensure.h"
#include "io/files.h"

enum {
	DROPPED_MAX = 256, /* at once */
};

#define IMAGES "images"

void image_file_init(struct image_file *file)
{
	*file = (struct image_file){ .fd = -1 };
}

/* Every way to `path` is ours but for its last component; that one must not lead elsewhere. */
int image_file_make_folder(const char *path)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	return files_is_directory(path) ? 0 : -ENOTDIR;
}

static int reserve(int fd, uint64_t size)
{
	int error = posix_fallocate(fd, 0, (off_t)size);

	/* Some file systems of routers cannot reserve: then space runs out when it does. */
	if (error == EOPNOTSUPP || error == EINVAL)
		error = ftruncate(fd, (off_t)size) == 0 ? 0 : errno;
	return -error;
}

/* True if there is a file of the right size; a negative errno if something else is there. */
static int open_found(struct image_file *file)
{
	uint64_t size;
	int fd = files_open(file->path, O_RDWR | O_NOFOLLOW, &size);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (size == file->size) {
		file->fd = fd;
		return 1;
	}
	close(fd);
	return unlink(file->path) == 0 ? 0 : -errno;
}

int image_file_open(struct image_file *file, const char *work_directory,
	const uint8_t sha256[static BYTES_HASH_SIZE], uint64_t size, uint64_t room,
	const char *from, bool *found)
{
	char directory[FILES_PATH_SIZE + 1], name[BYTES_HASH_TEXT_SIZE + 1];
	int result;

	ensure(file->fd < 0);
	ensure(size > 0);
	file->size = size;
	/* The name is the hash in our own hex: no peer's text is ever part of a path. */
	bytes_to_hex(name, sha256, BYTES_HASH_SIZE);
	if (!files_join(directory, work_directory, IMAGES) ||
		!files_join(file->path, directory, name))
		return -ENAMETOOLONG;
	result = image_file_make_folder(work_directory);
	if (result == 0)
		result = image_file_make_folder(directory);
	if (result == 0 && from != NULL)
		(void)!link(from, file->path); /* or else it is copied */
	if (result == 0)
		result = open_found(file);
	if (result < 0)
		return result;
	*found = result == 1;
	if (*found)
		return 0;
	if (size > room)
		return -ENOSPC;
	file->fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd < 0)
		return -errno;
	result = reserve(file->fd, size);
	if (result != 0)
		image_file_drop(file);
	return result;
}

struct dropping {
	const char *directory;
	const uint8_t *kept;
};

static void drop_other(void *context, const char *name)
{
	const struct dropping *dropping = context;
	char path[FILES_PATH_SIZE + 1];
	uint8_t hash[BYTES_HASH_SIZE];

	if (bytes_from_hex(hash, sizeof(hash), name) && !bytes_same_32(hash, dropping->kept) &&
		files_join(path, dropping->directory, name))
		unlink(path);
}

void image_file_drop_others(
	const char *work_directory, const uint8_t sha256[static BYTES_HASH_SIZE])
{
	char directory[FILES_PATH_SIZE + 1];
	struct dropping dropping = { directory, sha256 };

	if (!files_join(directory, work_directory, IMAGES) ||
		files_list(directory, "", DROPPED_MAX, drop_other, &dropping) != 0)
		return; /* no images, then */
}

void image_file_close(struct image_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void image_file_drop(struct image_file *file)
{
	if (file->fd >= 0)
		unlink(file->path);
	image_file_close(file);
}

static int move(
	const struct image_file *file, uint64_t offset, uint8_t *bytes, size_t size, bool in)
{
	ensure(file->fd >= 0);
	ensure(offset <= file->size && size <= file->size - offset);
	while (size > 0) {
		ssize_t done = in ? pread(file->fd, bytes, size, (off_t)offset)
				  : pwrite(file->fd, bytes, size, (off_t)offset);

		/* 0: somebody cut the file behind our back. */
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		bytes += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int image_file_write(struct image_file *file, uint64_t offset, const void *bytes, size_t size)
{
	return move(file, offset, (uint8_t *)(uintptr_t)bytes, size, false);
}

int image_file_read(const struct image_file *file, uint64_t offset, void *bytes, size_t size)
{
	return move(file, offset, bytes, size, true);
}

void image_hash_begin(struct image_hash *hash)
{
	crypto_hash_sha256_init(&hash->state);
	hash->offset = 0;
}

int image_hash_step(struct image_hash *hash, const struct image_file *file,
	uint8_t sha256[static BYTES_HASH_SIZE])
{
	uint8_t buffer[4096];
	uint64_t end = file->size - hash->offset < IMAGE_FILE_STEP_SIZE
			       ? file->size
			       : hash->offset + IMAGE_FILE_STEP_SIZE;

	while (hash->offset < end) {
		size_t size = end - hash->offset < sizeof(buffer) ? (size_t)(end - hash->offset)
								  : sizeof(buffer);
		int result = image_file_read(file, hash->offset, buffer, size);

		if (result != 0)
			return result;
		crypto_hash_sha256_update(&hash->state, buffer, size);
		hash->offset += size;
	}
	if (hash->offset < file->size)
		return 0;
	crypto_hash_sha256_final(&hash->state, sha256);
	return 1;
}
