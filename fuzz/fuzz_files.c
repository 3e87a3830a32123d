// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: a release directory that an operator got from elsewhere, and what lies in
 * it. Owners put keys of others into the trust directories, and firmware brings the files in which
 * it says what it is. The input is a tree of files: a line ">NAME" begins one. What follows up to
 * the next such line is the content, with the placeholders of fuzz_fill(); "@m", "@g" and "@i"
 * alone are the release of the corpus, its signature and its image, "@p" and "@s" are key files,
 * "@z" is more than any file may have. ">NAME<f" is a link to a file elsewhere, "<d" one to the
 * directory "other" beside it, "<l" one to itself, and "<p" is a pipe. Where a link leads is not
 * for the input to say, or it could make this target write anywhere.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "daemon/trust.h"
#include "faults.h"
#include "io/board.h"
#include "scratch.h"
#include "source/directory.h"

enum { FILES_MAX = 300, NAME_SIZE = 100, MUCH = 1100000 };

/* ---- the tree ---- */

static void write_special(const char *path, char what)
{
	const struct fuzz_release *release = fuzz_release();
	char file[USIGN_FILE_SIZE_MAX];
	char *much;

	switch (what) {
	case 'm':
		scratch_write(path, release->manifest, release->manifest_size);
		break;
	case 'g':
		scratch_write(path, file,
			usign_write_signature(file, sizeof(file), "fuzz", &release->signature));
		break;
	case 'i':
		scratch_write(path, release->image, FUZZ_IMAGE_SIZE);
		break;
	case 'p':
		scratch_write(path, file,
			usign_write_public(file, sizeof(file), "fuzz", fuzz_public(FUZZ_OPERATOR)));
		break;
	case 's':
		scratch_write(path, file,
			usign_write_secret(file, sizeof(file), "fuzz", fuzz_secret(FUZZ_NODE)));
		break;
	default:
		much = calloc(1, MUCH);
		assert(much != NULL);
		scratch_write(path, much, MUCH);
		free(much);
	}
}

/* A path of the input, if it stays in the tree. */
static bool take_path(char path[static FILES_PATH_SIZE + 1], const char *name, size_t size)
{
	char copy[NAME_SIZE + 1];

	if (size == 0 || size > NAME_SIZE || memchr(name, '\0', size) != NULL)
		return false;
	memcpy(copy, name, size);
	copy[size] = '\0';
	if (strstr(copy, "..") != NULL || copy[0] == '/')
		return false;
	return files_join(path, "tree", copy);
}

static void make_link(const char *path, char kind)
{
	char whole[FILES_PATH_SIZE + 1];
	const char *target = strrchr(path, '/') + 1;
	int error;

	/* So that the directory it lies in is there. */
	scratch_write(path, "", 0);
	scratch_path(whole, path);
	if (unlink(whole) != 0)
		return;
	if (kind == 'p')
		error = mkfifo(whole, 0600);
	else
		error = symlink(kind == 'f'   ? "/proc/self/exe"
				: kind == 'd' ? "other"
					      : target,
			whole);
	assert(error == 0);
}

static void make_file(const char *head, size_t head_size, const char *content, size_t size)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	const char *link = memchr(head, '<', head_size);
	size_t name_size = link != NULL ? (size_t)(link - head) : head_size, filled_size;
	char path[FILES_PATH_SIZE + 1], *filled;

	if (!take_path(path, head, name_size))
		return;
	if (link != NULL) {
		make_link(path, name_size + 1 < head_size ? link[1] : 'l');
	} else if (size == 2 && content[0] == '@' && strchr("mgipsz", content[1]) != NULL) {
		write_special(path, content[1]);
	} else {
		filled = fuzz_fill(content, size, none, &filled_size);
		scratch_write(path, filled, filled_size);
		free(filled);
	}
}

static void make_tree(const char *at, size_t size)
{
	const char *end = at + size;

	scratch_remove("tree");
	scratch_write("tree/.", "", 0);
	for (int i = 0; i < FILES_MAX && at < end && *at == '>'; i++) {
		const char *line = memchr(at, '\n', (size_t)(end - at)), *next = end;

		if (line == NULL)
			line = end;
		if (line < end)
			next = memmem(line, (size_t)(end - line), "\n>", 2);
		if (next == NULL)
			next = end;
		make_file(at + 1, (size_t)(line - at - 1), line < next ? line + 1 : line,
			line < next ? (size_t)(next - line - 1) : 0);
		at = next < end ? next + 1 : end;
	}
}

/* ---- who reads it ---- */

static void check_image(const struct directory *directory, const struct directory_image *image)
{
	struct stat opened;
	int fd;

	assert(directory_find(directory, image->sha256) != NULL);
	faults_on();
	fd = directory_open_image(directory, image);
	faults_off();
	if (fd < 0)
		return;
	assert(fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode));
	assert((uint64_t)opened.st_size == image->size);
	close(fd);
}

static void check_release(const char *path)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	struct directory *directory = malloc(sizeof(*directory));
	struct directory_image bad = { .file = "../x" };
	char problem[LIMITS_MESSAGE_SIZE + 1];
	int result;

	assert(directory != NULL);
	faults_on();
	result = directory_open(directory, path, problem, sizeof(problem));
	faults_off();
	if (result == 0) {
		assert(directory->image_count >= 1 && directory->image_count <= LIMITS_IMAGES_MAX);
		assert(directory->signature_count <= LIMITS_SIGNATURES_MAX);
		for (uint32_t i = 0; i < directory->image_count; i++)
			check_image(directory, &directory->images[i]);
		assert(directory_find(directory, none) == NULL);
		assert(directory_open_image(directory, &bad) == -EINVAL);
		directory_close(directory);
	} else {
		assert(problem[0] != '\0' && directory->manifest == NULL);
	}
	free(directory);
}

static void on_problem(void *context, const char *path, const char *problem)
{
	uint32_t *count = context;

	assert(path[0] == '/' && problem[0] != '\0');
	(*count)++;
}

static void check_trust(const char *path)
{
	struct keyring ring;
	uint32_t problems = 0;
	int error;

	faults_on();
	error = trust_read_directory(&ring, path, on_problem, &problems);
	faults_off();
	assert(error <= 0 && ring.key_count <= LIMITS_KEYS_MAX);
}

/* As the daemon does at its start. */
static void check_keys(const char *path)
{
	static struct log log;
	struct config *config = calloc(1, sizeof(*config));
	static struct trust_names names;
	struct keyring ring;
	struct usign_secret key;
	bool has_key;

	assert(config != NULL);
	log_init(&log, false, (enum log_level)(LOG_LEVEL_ERROR + 1));
	text_set(config->config_directory, sizeof(config->config_directory), path);
	text_set(config->state_directory, sizeof(config->state_directory), path);
	faults_on();
	trust_read(&ring, &names, config, "operator", &log);
	assert(names.key_count == ring.key_count);
	has_key = trust_node_key(&key, config, &log);
	faults_off();
	if (has_key) {
		struct usign_public public;

		usign_public_of(&public, &key);
	}
	free(config);
}

static void check_board(const char *path)
{
	struct board board;

	faults_on();
	board_read(&board, path);
	(void)board_has_gateway(path);
	faults_off();
	assert(text_is_printable(board.name, LIMITS_BOARD_SIZE));
	assert(text_is_printable(board.version, LIMITS_VERSION_SIZE));
	assert(board.hostname[0] == '\0' || text_is_name(board.hostname));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char path[FILES_PATH_SIZE + 1], too_long[DIRECTORY_PATH_SIZE + 2];

	faults_plan(&bytes, &size);
	make_tree((const char *)bytes, size);
	scratch_path(path, "tree");
	check_release(path);
	check_trust(path);
	check_keys(path);
	check_board(path);
	memset(too_long, '/', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	check_release(too_long);
	return 0;
}
