// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/reason.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "io/files.h"
#include "release/keyring.h"
#include "release/manifest_write.h"
#include "release/trailer.h"
#include "release/usign.h"
#include "source/directory.h"

static const char usage[] =
	"Usage: lockstep release create --version V --sequence N --image BOARD[,BOARD...]=FILE "
	"...\n"
	"                               --out DIR [--info-url URL] [--force-board]\n"
	"       lockstep release sign --key K.sec DIR\n"
	"       lockstep release verify --trust KEYDIR [--threshold N] [--json] DIR\n"
	"       lockstep release show [--json] DIR\n"
	"\n"
	"A release is a directory: release.json, signatures/ and images/.\n"
	"  create   measures the images, copies them to DIR/images and writes DIR/release.json. N "
	"must\n"
	"           grow with every release: nodes refuse to go back. An image that says in its "
	"metadata\n"
	"           that it is for other boards is refused, unless --force-board is given.\n"
	"  sign     adds DIR/signatures/FINGERPRINT.sig; signify and usign accept it too\n"
	"  verify   checks signatures, sizes, hashes and chunks against the *.pub files of KEYDIR\n"
	"  show     prints version, boards, sizes and signers\n";

enum {
	IMAGE_SIZE_MAX = LIMITS_CHUNKS_MAX * LIMITS_CHUNK_SIZE,
};

struct arguments {
	const char *version, *sequence, *out, *info_url, *key, *trust, *threshold;
	const char *images[LIMITS_IMAGES_MAX];
	uint32_t image_count;
	bool force_board;
	const char *words[2];
	int word_count;
};

/* ---- create ---- */

static bool names_device(const struct trailer *trailer, const char *board)
{
	for (uint32_t i = 0; i < trailer->device_count; i++) {
		if (strcmp(trailer->devices[i], board) == 0)
			return true;
	}
	return false;
}

/* What the image says of itself must not contradict the operator. */
static int read_trailer(const struct options *options, const struct arguments *arguments,
	struct image *image, const char *path, const uint8_t *bytes, size_t size)
{
	struct trailer *trailer = calloc(1, sizeof(*trailer));
	enum trailer_error error;
	int status = CLI_DONE;

	if (trailer == NULL)
		return options_fail(options, "internal", "out of memory");
	error = trailer_read(trailer, bytes, size);
	if (error == TRAILER_OK)
		text_set(image->compat_version, sizeof(image->compat_version),
			trailer->compat_version);
	else if (error != TRAILER_NONE)
		status = options_fail(options, "bad_trailer", "%s: its metadata is damaged: %s",
			path, trailer_error_sentence(error));
	for (uint32_t i = 0;
		error == TRAILER_OK && trailer->device_count > 0 && i < image->board_count &&
		status == CLI_DONE && !arguments->force_board;
		i++) {
		if (!names_device(trailer, image->boards[i]))
			status = options_fail(options, "wrong_board",
				"%s is not for %s (its metadata names %s%s); --force-board if you "
				"know "
				"better",
				path, image->boards[i], trailer->devices[0],
				trailer->device_count > 1 ? " and others" : "");
	}
	free(trailer);
	return status;
}

static int split_boards(const struct options *options, struct image *image, const char *argument)
{
	const char *equals = strrchr(argument, '=');
	const char *at = argument;

	while (equals != NULL && at < equals && image->board_count < LIMITS_IMAGE_BOARDS_MAX) {
		char *board = image->boards[image->board_count];
		size_t size = 0;

		/* A board_name is VENDOR,MODEL: a comma belongs to it if what follows has none
		 * before the next one. Boards are told apart in pairs where every name has its
		 * comma. */
		while (at + size < equals && at[size] != ',')
			size++;
		if (at + size < equals && memchr(at, ',', (size_t)(equals - at)) != NULL) {
			size++;
			while (at + size < equals && at[size] != ',')
				size++;
		}
		if (size == 0 || size > LIMITS_BOARD_SIZE || at[0] == ',' || at[size - 1] == ',')
			return options_fail(options, "bad_board", "%s names no board", argument);
		memcpy(board, at, size);
		board[size] = '\0';
		image->board_count++;
		at += size + (at + size < equals);
	}
	if (equals == NULL || at < equals || equals[1] == '\0' || image->board_count == 0)
		return options_wrong(options, "needs BOARD[,BOARD...]=FILE and not", argument);
	return CLI_DONE;
}

/* images/ and the file's own name, made harmless; a number if that is taken. */
static void name_image(struct image *image, const char *path, uint32_t number)
{
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	struct text text;

	text_init(&text, image->file, sizeof(image->file));
	text_add_format(&text, "images/%02" PRIu32 "-", number);
	for (; *base != '\0' && text.size < LIMITS_NAME_SIZE - 8; base++) {
		char c[2] = { *base, '\0' };

		text_add(&text, text_is_name(c) || *base == '-' || *base == '.' ? c : "_");
	}
}

static int add_image(const struct options *options, const struct arguments *arguments,
	struct text *text, uint32_t number)
{
	struct image *image = calloc(1, sizeof(*image));
	const char *argument = arguments->images[number];
	const char *path = strrchr(argument, '=') != NULL ? strrchr(argument, '=') + 1 : "";
	char target[FILES_PATH_SIZE + 1];
	char *bytes = NULL;
	size_t size = 0;
	int status, error;

	if (image == NULL)
		return options_fail(options, "internal", "out of memory");
	text_set(image->kind, sizeof(image->kind), "sysupgrade");
	text_set(image->compat_version, sizeof(image->compat_version), "1.0");
	status = split_boards(options, image, argument);
	if (status == CLI_DONE) {
		error = files_read(path, IMAGE_SIZE_MAX, &bytes, &size);
		if (error != 0)
			status =
				options_fail(options, "internal", "%s: %s", path, strerror(-error));
	}
	if (status == CLI_DONE && !manifest_measure(image, (uint8_t *)bytes, size))
		status = options_fail(options, "bad_image", "%s is empty or too large", path);
	if (status == CLI_DONE)
		status = read_trailer(options, arguments, image, path, (uint8_t *)bytes, size);
	if (status == CLI_DONE) {
		name_image(image, path, number);
		error = files_join(target, arguments->out, image->file)
				? files_write(target, bytes, size, 0644)
				: -ENAMETOOLONG;
		if (error != 0)
			status = options_fail(
				options, "internal", "%s: %s", target, strerror(-error));
		manifest_write_image(text, image);
	}
	free(bytes);
	free(image);
	return status;
}

static int write_release(
	const struct options *options, const struct arguments *arguments, struct text *text)
{
	struct manifest manifest;
	char path[FILES_PATH_SIZE + 1], problem[256], hex[BYTES_HASH_TEXT_SIZE + 1];
	uint8_t id[BYTES_HASH_SIZE];
	int error;

	/* The reader's own checks are the last word on what we wrote. */
	if (text_cut(text) ||
		!manifest_decode(&manifest, text->buffer, text->size, problem, sizeof(problem)))
		return options_fail(options, "bad_release", "%s",
			text_cut(text) ? "the release is too large" : problem);
	error = files_join(path, arguments->out, "release.json")
			? files_write(path, text->buffer, text->size, 0644)
			: -ENAMETOOLONG;
	if (error != 0)
		return options_fail(options, "internal", "%s: %s", path, strerror(-error));
	bytes_sha256(id, text->buffer, text->size);
	bytes_to_hex(hex, id, sizeof(id));
	if (options->json)
		printf("{\"release\":\"%s\",\"images\":%" PRIu32 "}\n", hex, manifest.image_count);
	else
		printf("Wrote %s with %" PRIu32
		       " images, id %s.\nNext: lockstep release sign --key K.sec "
		       "%s\n",
			path, manifest.image_count, hex, arguments->out);
	return CLI_DONE;
}

static int create(const struct options *options, const struct arguments *arguments)
{
	struct manifest manifest = { 0 };
	char images[FILES_PATH_SIZE + 1], *buffer;
	time_t now = time(NULL);
	struct tm broken_down;
	struct text text;
	int status = CLI_DONE, error;

	if (arguments->version == NULL || arguments->sequence == NULL || arguments->out == NULL ||
		arguments->image_count == 0)
		return options_wrong(
			options, "create needs", "--version, --sequence, --image and --out");
	if (!text_parse_u64(&manifest.sequence, arguments->sequence) || manifest.sequence == 0)
		return options_wrong(
			options, "--sequence must be a whole number and not", arguments->sequence);
	text_set(manifest.version, sizeof(manifest.version), arguments->version);
	text_set(manifest.info_url, sizeof(manifest.info_url),
		arguments->info_url != NULL ? arguments->info_url : "");
	if (gmtime_r(&now, &broken_down) != NULL)
		(void)strftime(manifest.created, sizeof(manifest.created), "%Y-%m-%dT%H:%M:%SZ",
			&broken_down);
	error = files_join(images, arguments->out, "images") ? files_make_directory(images)
							     : -ENAMETOOLONG;
	if (error != 0)
		return options_fail(options, "internal", "%s: %s", images, strerror(-error));
	buffer = malloc(LIMITS_MANIFEST_SIZE + 1);
	if (buffer == NULL)
		return options_fail(options, "internal", "out of memory");
	text_init(&text, buffer, LIMITS_MANIFEST_SIZE + 1);
	manifest_write_begin(&text, &manifest);
	for (uint32_t i = 0; i < arguments->image_count && status == CLI_DONE; i++)
		status = add_image(options, arguments, &text, i);
	manifest_write_end(&text);
	if (status == CLI_DONE)
		status = write_release(options, arguments, &text);
	free(buffer);
	return status;
}

/* ---- sign ---- */

static int sign(const struct options *options, const struct arguments *arguments)
{
	char path[FILES_PATH_SIZE + 1], name[64], problem[256], file[USIGN_FILE_SIZE_MAX];
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1], comment[64];
	struct usign_signature signature;
	struct usign_secret secret;
	struct manifest manifest;
	char *bytes = NULL;
	size_t size, signed_size;
	int error;

	if (arguments->key == NULL)
		return options_wrong(options, "sign needs", "--key K.sec");
	error = files_join(path, arguments->words[1], "release.json")
			? files_read(path, LIMITS_MANIFEST_SIZE, &bytes, &size)
			: -ENAMETOOLONG;
	if (error != 0)
		return options_fail(options, "internal", "%s: %s", path, strerror(-error));
	if (!manifest_decode(&manifest, bytes, size, problem, sizeof(problem))) {
		free(bytes);
		return options_fail(options, "bad_release", "%s: %s", path, problem);
	}
	if (!secret_load(&secret, arguments->key, NULL, problem, sizeof(problem))) {
		free(bytes);
		return options_fail(options, "bad_key", "%s", problem);
	}
	usign_sign(&signature, &secret, bytes, size);
	sodium_memzero(&secret, sizeof(secret));
	free(bytes);
	usign_fingerprint(fingerprint, signature.keynum);
	snprintf(comment, sizeof(comment), "verify with %s.pub", fingerprint);
	signed_size = usign_write_signature(file, sizeof(file), comment, &signature);
	error = files_join(path, arguments->words[1], "signatures") ? files_make_directory(path)
								    : -ENAMETOOLONG;
	snprintf(name, sizeof(name), "signatures/%s.sig", fingerprint);
	if (error == 0)
		error = files_join(path, arguments->words[1], name)
				? files_write(path, file, signed_size, 0644)
				: -ENAMETOOLONG;
	if (error != 0)
		return options_fail(options, "internal", "%s: %s", path, strerror(-error));
	if (options->json)
		printf("{\"signature\":\"%s\"}\n", path);
	else
		printf("Signed %s \"%s\" with key %s.\n", arguments->words[1], manifest.version,
			fingerprint);
	return CLI_DONE;
}

/* ---- verify and show ---- */

struct trusted {
	struct keyring ring;
	char directory[FILES_PATH_SIZE + 1];
};

static void take_key(void *context, const char *name)
{
	struct trusted *trusted = context;
	char path[FILES_PATH_SIZE + 1];
	struct usign_public key;
	char *file;
	size_t size;

	if (!files_join(path, trusted->directory, name) ||
		files_read(path, USIGN_FILE_SIZE_MAX, &file, &size) != 0)
		return;
	if (usign_read_public(&key, file, size) != USIGN_OK || !keyring_add(&trusted->ring, &key))
		fprintf(stderr, "lockstep release: %s is no key and does not count\n", path);
	free(file);
}

/* The image on disk against the signed manifest: size, hash and every chunk. */
static const char *check_image(const struct directory *directory, const struct image *image)
{
	const struct directory_image *entry = directory_find(directory, image->sha256);
	uint8_t *chunk = malloc(LIMITS_CHUNK_SIZE);
	const char *wrong = NULL;
	int fd = entry != NULL ? directory_open_image(directory, entry) : -1;

	if (chunk == NULL || fd < 0)
		wrong = "is missing or has another size";
	for (uint32_t i = 0; i < image->chunk_count && wrong == NULL; i++) {
		uint32_t size = image_chunk_bytes(image, i);

		if (pread(fd, chunk, size, (off_t)i * image->chunk_size) != (ssize_t)size ||
			!image_chunk_is(image, i, chunk, size))
			wrong = "is not what was signed";
	}
	if (fd >= 0)
		close(fd);
	free(chunk);
	return wrong;
}

static int check_images(const struct options *options, const struct directory *directory)
{
	struct image *image = malloc(sizeof(*image));
	int status = CLI_DONE;

	if (image == NULL)
		return options_fail(options, "internal", "out of memory");
	for (uint32_t i = 0; i < directory->image_count && status == CLI_DONE; i++) {
		const char *wrong = "cannot be read";

		if (manifest_image(image, i, directory->manifest, directory->manifest_size))
			wrong = check_image(directory, image);
		if (wrong != NULL)
			status = options_fail(options, reason_word(REASON_HASH_MISMATCH),
				"%s/%s %s", directory->path, directory->images[i].file, wrong);
	}
	free(image);
	return status;
}

static int verify(const struct options *options, const struct arguments *arguments)
{
	struct trusted *trusted = calloc(1, sizeof(*trusted));
	struct directory *directory = calloc(1, sizeof(*directory));
	char problem[256] = "";
	uint64_t threshold = 1;
	uint32_t signers;
	int status = CLI_DONE, error;

	if (arguments->trust == NULL)
		status = options_wrong(options, "verify needs", "--trust KEYDIR");
	else if (arguments->threshold != NULL &&
		 (!text_parse_u64(&threshold, arguments->threshold) || threshold < 1))
		status = options_wrong(
			options, "--threshold must be at least 1 and not", arguments->threshold);
	else if (trusted == NULL || directory == NULL)
		status = options_fail(options, "internal", "out of memory");
	if (status == CLI_DONE) {
		text_set(trusted->directory, sizeof(trusted->directory), arguments->trust);
		error = files_list(arguments->trust, ".pub", LIMITS_KEYS_MAX, take_key, trusted);
		if (error != 0)
			status = options_fail(
				options, "internal", "%s: %s", arguments->trust, strerror(-error));
	}
	if (status == CLI_DONE &&
		directory_open(directory, arguments->words[1], problem, sizeof(problem)) != 0)
		status = options_fail(
			options, "bad_release", "%s: %s", arguments->words[1], problem);
	if (status == CLI_DONE) {
		signers = keyring_count_signers(&trusted->ring, directory->signatures,
			directory->signature_count, directory->manifest, directory->manifest_size);
		if (signers < threshold)
			status = options_fail(options, reason_word(REASON_TOO_FEW_SIGNATURES),
				"%u of %u needed trusted keys signed %s", (unsigned)signers,
				(unsigned)threshold, arguments->words[1]);
		else
			status = check_images(options, directory);
		if (status == CLI_DONE && options->json)
			printf("{\"ok\":true,\"signers\":%u,\"images\":%u}\n", (unsigned)signers,
				(unsigned)directory->image_count);
		else if (status == CLI_DONE)
			printf("Good: %u images, signed by %u trusted keys.\n",
				(unsigned)directory->image_count, (unsigned)signers);
	}
	if (directory != NULL)
		directory_close(directory);
	free(directory);
	free(trusted);
	return status;
}

static void print_text(const struct directory *directory, const struct manifest *manifest)
{
	char hex[BYTES_HASH_TEXT_SIZE + 1], fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	struct image *image = malloc(sizeof(*image));

	bytes_to_hex(hex, directory->release_id, BYTES_HASH_SIZE);
	printf("%s, sequence %" PRIu64 "%s%s\nid %s\n", manifest->version, manifest->sequence,
		manifest->created[0] != '\0' ? ", made " : "", manifest->created, hex);
	for (uint32_t i = 0; image != NULL && i < directory->image_count; i++) {
		if (!manifest_image(image, i, directory->manifest, directory->manifest_size))
			continue;
		printf("  %s, %.1f MiB, for", image->file, (double)image->size / 1048576);
		for (uint32_t j = 0; j < image->board_count; j++)
			printf(" %s", image->boards[j]);
		puts("");
	}
	free(image);
	for (size_t i = 0; i < directory->signature_count; i++) {
		usign_fingerprint(fingerprint, directory->signatures[i].keynum);
		printf("signed by %s (not verified here)\n", fingerprint);
	}
	if (directory->signature_count == 0)
		puts("not signed yet");
}

static void print_json(const struct directory *directory, const struct manifest *manifest)
{
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	struct image *image = malloc(sizeof(*image));
	char buffer[16384];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "{");
	text_add_member_hex(&text, "id", directory->release_id, BYTES_HASH_SIZE);
	text_add_member_string(&text, "version", manifest->version);
	text_add_member_u64(&text, "sequence", manifest->sequence);
	text_add_member_string(&text, "created", manifest->created);
	text_add_member(&text, "images");
	fputs(buffer, stdout);
	for (uint32_t i = 0; image != NULL && i < directory->image_count; i++) {
		if (!manifest_image(image, i, directory->manifest, directory->manifest_size))
			continue;
		text_init(&text, buffer, sizeof(buffer));
		text_add(&text, i > 0 ? ",{" : "[{");
		text_add_member_string(&text, "file", image->file);
		text_add_member_u64(&text, "size", image->size);
		text_add_member_hex(&text, "sha256", image->sha256, BYTES_HASH_SIZE);
		text_add_member_string(&text, "compat_version", image->compat_version);
		text_add_member_strings(&text, "boards", image->boards[0], sizeof(image->boards[0]),
			image->board_count);
		text_add(&text, "}");
		fputs(buffer, stdout);
	}
	free(image);
	fputs("],\"signers\":[", stdout);
	for (size_t i = 0; i < directory->signature_count; i++) {
		usign_fingerprint(fingerprint, directory->signatures[i].keynum);
		printf("%s\"%s\"", i > 0 ? "," : "", fingerprint);
	}
	puts("]}");
}

static int show(const struct options *options, const struct arguments *arguments)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	struct manifest manifest;
	char problem[256] = "";
	int status = CLI_DONE;

	if (directory == NULL)
		return options_fail(options, "internal", "out of memory");
	if (directory_open(directory, arguments->words[1], problem, sizeof(problem)) != 0 ||
		!manifest_decode(&manifest, directory->manifest, directory->manifest_size, problem,
			sizeof(problem)))
		status = options_fail(
			options, "bad_release", "%s: %s", arguments->words[1], problem);
	else if (options->json)
		print_json(directory, &manifest);
	else
		print_text(directory, &manifest);
	directory_close(directory);
	free(directory);
	return status;
}

/* ---- the door ---- */

static int read_arguments(struct options *options, struct arguments *arguments)
{
	const struct {
		const char *option;
		const char **value;
	} valued[] = {
		{ "--version", &arguments->version },
		{ "--sequence", &arguments->sequence },
		{ "--out", &arguments->out },
		{ "--info-url", &arguments->info_url },
		{ "--key", &arguments->key },
		{ "--trust", &arguments->trust },
		{ "--threshold", &arguments->threshold },
	};
	const char *option;
	int status;

	while (options_next(options, &option, &status)) {
		size_t i = 0;

		while (i < sizeof(valued) / sizeof(valued[0]) &&
			strcmp(option, valued[i].option) != 0)
			i++;
		if (i < sizeof(valued) / sizeof(valued[0])) {
			*valued[i].value = options_value(options, option, &status);
			if (*valued[i].value == NULL)
				return status;
		} else if (strcmp(option, "--image") == 0) {
			if (arguments->image_count == LIMITS_IMAGES_MAX)
				return options_wrong(options, "takes at most 64 of", option);
			arguments->images[arguments->image_count] =
				options_value(options, option, &status);
			if (arguments->images[arguments->image_count++] == NULL)
				return status;
		} else if (strcmp(option, "--force-board") == 0) {
			arguments->force_board = true;
		} else if (option[0] == '-' || arguments->word_count == 2) {
			return options_wrong(options, "does not know", option);
		} else {
			arguments->words[arguments->word_count++] = option;
		}
	}
	return status;
}

int release_main(int argc, char **argv)
{
	static const struct {
		const char *word;
		int words;
		int (*run)(const struct options *options, const struct arguments *arguments);
	} verbs[] = {
		{ "create", 1, create },
		{ "sign", 2, sign },
		{ "verify", 2, verify },
		{ "show", 2, show },
	};
	struct arguments arguments = { 0 };
	struct options options;
	int status;

	options_init(&options, usage, argc, argv);
	status = read_arguments(&options, &arguments);
	if (status >= 0)
		return status;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (arguments.word_count > 0 && strcmp(arguments.words[0], verbs[i].word) == 0) {
			if (arguments.word_count != verbs[i].words)
				return options_wrong(&options, "needs exactly one directory after",
					verbs[i].word);
			return verbs[i].run(&options, &arguments);
		}
	}
	return options_wrong(&options, "needs one of", "create, sign, verify, show");
}
