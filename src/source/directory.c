// SPDX-License-Identifier: AGPL-3.0-or-later
#include "source/directory.h"

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
#include "io/files.h"

enum {
	FILES_LOOKED_AT_MAX = 256,                          /* in signatures/ */
	PATH_SIZE = DIRECTORY_PATH_SIZE + 1 + 10 + 1 + 255, /* with signatures/NAME */
};

#define SIGNATURES "signatures"

static void join(char path[PATH_SIZE + 1], const struct directory *directory, const char *name)
{
	snprintf(path, PATH_SIZE + 1, "%s/%s", directory->path, name);
}

static int read_manifest(struct directory *directory)
{
	char path[PATH_SIZE + 1];

	join(path, directory, "release.json");
	return files_read_with(path, O_NOFOLLOW, LIMITS_MANIFEST_SIZE, &directory->manifest,
		&directory->manifest_size);
}

static void take_image(void *context, const struct image *image)
{
	struct directory *directory = context;
	struct directory_image *kept = &directory->images[directory->image_count++];

	memcpy(kept->sha256, image->sha256, BYTES_HASH_SIZE);
	kept->size = image->size;
	kept->chunk_size = image->chunk_size;
	kept->chunk_count = image->chunk_count;
	text_set(kept->file, sizeof(kept->file), image->file);
}

bool directory_index(struct directory *directory, char *problem, size_t problem_capacity)
{
	struct manifest manifest;

	bytes_sha256(directory->release_id, directory->manifest, directory->manifest_size);
	directory->image_count = 0;
	if (manifest_walk(&manifest, directory->manifest, directory->manifest_size, take_image,
		    directory, problem, problem_capacity))
		return true;
	directory->image_count = 0;
	return false;
}

static void take_signature(void *context, const char *name)
{
	struct directory *directory = context;
	char path[PATH_SIZE + 1], *file;
	size_t size;

	if (directory->signature_count == LIMITS_SIGNATURES_MAX)
		return;
	snprintf(path, sizeof(path), "%s/" SIGNATURES "/%s", directory->path, name);
	if (files_read_with(path, O_NOFOLLOW, USIGN_FILE_SIZE_MAX, &file, &size) != 0)
		return;
	if (usign_read_signature(&directory->signatures[directory->signature_count], file, size) ==
		USIGN_OK)
		directory->signature_count++;
	free(file);
}

int directory_open(
	struct directory *directory, const char *path, char *problem, size_t problem_capacity)
{
	const char *wrong = path;
	char below[PATH_SIZE + 1];
	struct stat status;
	int result;

	memset(directory, 0, sizeof(*directory));
	if (!text_copy(directory->path, sizeof(directory->path), path)) {
		snprintf(problem, problem_capacity, "The path is too long.");
		return -ENAMETOOLONG;
	}
	problem[0] = '\0';
	join(below, directory, ".");
	result = lstat(below, &status) == 0 ? 0 : -errno;
	if (result == 0) {
		wrong = "release.json";
		result = read_manifest(directory);
	}
	if (result == 0 && !directory_index(directory, problem, problem_capacity))
		result = -EBADMSG;
	if (result != 0) {
		if (problem[0] == '\0')
			snprintf(problem, problem_capacity, "%s: %s", wrong, strerror(-result));
		directory_close(directory);
		return result;
	}
	join(below, directory, SIGNATURES);
	if (files_list(below, ".sig", FILES_LOOKED_AT_MAX, take_signature, directory) != 0)
		directory->signature_count = 0; /* there is no such directory */
	return 0;
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
		if (bytes_same_32(directory->images[i].sha256, sha256))
			return &directory->images[i];
	return NULL;
}

/* The manifest's reader has refused such paths already. It is one line to look again. */
static bool stays_below(const char *file)
{
	return file[0] != '/' && file[0] != '.' && file[0] != '\0' && strstr(file, "/.") == NULL;
}

/* An `images` that leads elsewhere would make anything of this machine an image. */
static bool leads_elsewhere(char *path)
{
	char *slash = strrchr(path, '/');
	bool leads;

	*slash = '\0';
	leads = !files_is_directory(path);
	*slash = '/';
	return leads;
}

int directory_open_file(const struct directory *directory, const struct directory_image *image,
	int flags, uint64_t *size)
{
	char path[PATH_SIZE + 1];

	if (directory->path[0] == '\0' || !stays_below(image->file))
		return -EINVAL;
	join(path, directory, image->file);
	return leads_elsewhere(path) ? -ENOENT : files_open(path, O_NOFOLLOW | flags, size);
}

int directory_open_image(const struct directory *directory, const struct directory_image *image)
{
	uint64_t size;
	int fd = directory_open_file(directory, image, O_RDONLY, &size);

	if (fd >= 0 && size != image->size) {
		close(fd);
		return -EBADMSG;
	}
	return fd;
}
