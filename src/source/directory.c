// SPDX-License-Identifier: AGPL-3.0-or-later
#include "source/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"

enum {
	FILES_LOOKED_AT_MAX = 256, /* in signatures/ */
};

/* A plain file below `base`, for reading; its size in `*size`. NONBLOCK, for it may be a FIFO. */
static int open_file(int base, const char *name, uint64_t *size)
{
	int fd = openat(base, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
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

static int open_base(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* At most `capacity` bytes; how many, or -errno. -EFBIG: there are more. */
static ssize_t read_file(int base, const char *name, char *bytes, size_t capacity)
{
	uint64_t file_size;
	size_t size = 0;
	ssize_t done;
	int fd = open_file(base, name, &file_size);

	if (fd < 0)
		return fd;
	if (file_size > capacity) {
		close(fd);
		return -EFBIG;
	}
	do {
		done = read(fd, bytes + size, capacity - size);
		if (done > 0)
			size += (size_t)done;
	} while ((done > 0 && size < capacity) || (done < 0 && errno == EINTR));
	done = done < 0 ? -errno : (ssize_t)size;
	close(fd);
	return done;
}

static int read_manifest(struct directory *directory, int base, char *problem, size_t capacity)
{
	char *bytes = malloc(LIMITS_MANIFEST_SIZE + 1);
	ssize_t size;
	char *shrunk;

	if (bytes == NULL)
		return -ENOMEM;
	size = read_file(base, "release.json", bytes, LIMITS_MANIFEST_SIZE);
	if (size < 0) {
		free(bytes);
		snprintf(problem, capacity, "release.json: %s", strerror((int)-size));
		return (int)size;
	}
	bytes[size] = '\0';
	shrunk = realloc(bytes, (size_t)size + 1);
	directory->manifest = shrunk != NULL ? shrunk : bytes;
	directory->manifest_size = (size_t)size;
	bytes_sha256(directory->release_id, directory->manifest, directory->manifest_size);
	return 0;
}

static int index_images(struct directory *directory, char *problem, size_t capacity)
{
	struct manifest manifest;
	struct image *image;
	bool good = true;

	if (!manifest_decode(
		    &manifest, directory->manifest, directory->manifest_size, problem, capacity))
		return -EBADMSG;
	ensure(manifest.image_count <= LIMITS_IMAGES_MAX);
	image = malloc(sizeof(*image));
	if (image == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; good && i < manifest.image_count; i++) {
		struct directory_image *kept = &directory->images[i];

		good = manifest_image(image, i, directory->manifest, directory->manifest_size);
		if (!good)
			break;
		memcpy(kept->sha256, image->sha256, BYTES_HASH_SIZE);
		kept->size = image->size;
		kept->chunk_size = image->chunk_size;
		kept->chunk_count = image->chunk_count;
		text_set(kept->file, sizeof(kept->file), image->file);
		directory->image_count++;
	}
	free(image);
	return good ? 0 : -EBADMSG;
}

static bool is_signature_name(const char *name)
{
	size_t size = strlen(name);

	return size > 4 && strcmp(name + size - 4, ".sig") == 0 && name[0] != '.';
}

static void read_signatures(struct directory *directory, int base)
{
	int fd = openat(base, "signatures", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char file[USIGN_FILE_SIZE_MAX];

	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int i = 0;
		i < FILES_LOOKED_AT_MAX && directory->signature_count < LIMITS_SIGNATURES_MAX &&
		(entry = readdir(list)) != NULL;
		i++) {
		struct usign_signature *next = &directory->signatures[directory->signature_count];
		ssize_t size;

		if (!is_signature_name(entry->d_name))
			continue;
		size = read_file(dirfd(list), entry->d_name, file, sizeof(file));
		if (size > 0 && usign_read_signature(next, file, (size_t)size) == USIGN_OK)
			directory->signature_count++;
	}
	closedir(list);
}

int directory_open(
	struct directory *directory, const char *path, char *problem, size_t problem_capacity)
{
	int base, result;

	memset(directory, 0, sizeof(*directory));
	if (!text_copy(directory->path, sizeof(directory->path), path)) {
		snprintf(problem, problem_capacity, "The path is too long.");
		return -ENAMETOOLONG;
	}
	base = open_base(path);
	if (base < 0) {
		snprintf(problem, problem_capacity, "%s: %s", path, strerror(-base));
		return base;
	}
	problem[0] = '\0';
	result = read_manifest(directory, base, problem, problem_capacity);
	if (result == 0)
		result = index_images(directory, problem, problem_capacity);
	if (result == 0)
		read_signatures(directory, base);
	else if (problem[0] == '\0')
		snprintf(problem, problem_capacity, "release.json: %s", strerror(-result));
	close(base);
	if (result != 0)
		directory_close(directory);
	return result;
}

void directory_close(struct directory *directory)
{
	free(directory->manifest);
	memset(directory, 0, sizeof(*directory));
}

const struct directory_image *directory_find(
	const struct directory *directory, const uint8_t sha256[static BYTES_HASH_SIZE])
{
	for (uint32_t i = 0; i < directory->image_count; i++)
		if (memcmp(directory->images[i].sha256, sha256, BYTES_HASH_SIZE) == 0)
			return &directory->images[i];
	return NULL;
}

/* The manifest's reader has refused such paths already. It is one line to look again. */
static bool stays_below(const char *file)
{
	return file[0] != '/' && file[0] != '\0' && strstr(file, "..") == NULL;
}

int directory_open_image(const struct directory *directory, const struct directory_image *image)
{
	uint64_t size;
	int base, fd;

	if (!stays_below(image->file))
		return -EINVAL;
	base = open_base(directory->path);
	if (base < 0)
		return base;
	fd = open_file(base, image->file, &size);
	close(base);
	if (fd >= 0 && size != image->size) {
		close(fd);
		return -EBADMSG;
	}
	return fd;
}
