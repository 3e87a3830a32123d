// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/reason.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/plan.h"
#include "cli/secret.h"
#include "daemon/trust.h"
#include "io/clock.h"
#include "release/keyring.h"
#include "release/manifest_write.h"
#include "release/trailer.h"
#include "release/usign.h"
#include "source/directory.h"

enum {
	IMAGE_SIZE_MAX = LIMITS_CHUNKS_MAX * LIMITS_CHUNK_SIZE,
	DOCUMENT_SIZE = LIMITS_MANIFEST_SIZE + 1,
};

/* ---- create ---- */

static bool names_device(const struct trailer *trailer, const char *board)
{
	for (uint32_t i = 0; i < trailer->device_count; i++) {
		if (strcmp(trailer->devices[i], board) == 0)
			return true;
	}
	return trailer->device_count == 0;
}

/* What the image says of itself must not contradict the operator. */
static void read_trailer(const struct options *options, struct image *image, const char *path,
	const uint8_t *bytes, size_t size)
{
	struct trailer trailer;
	enum trailer_error error = trailer_read(&trailer, bytes, size);

	if (error == TRAILER_NONE)
		return;
	if (error != TRAILER_OK)
		options_fail("bad_trailer", "%s: its metadata is damaged: %s", path,
			trailer_error_sentence(error));
	memcpy(image->compat_version, trailer.compat_version, sizeof(image->compat_version));
	for (uint32_t i = 0; i < image->board_count && !options->force_board; i++) {
		if (!names_device(&trailer, image->boards[i]))
			options_fail("wrong_board",
				"%s is not for %s (its metadata names %s%s); --force-board if you "
				"know better",
				path, image->boards[i], trailer.devices[0],
				trailer.device_count > 1 ? " and others" : "");
	}
}

/* BOARD[,BOARD...]=FILE; returns where FILE begins. */
static const char *split_boards(struct image *image, const char *argument)
{
	const char *at = argument;

	while (*at != '\0' && *at != '=' && image->board_count < LIMITS_IMAGE_BOARDS_MAX) {
		char *board = image->boards[image->board_count++];
		size_t size = strcspn(at, ",=");

		/* A board_name is VENDOR,MODEL: where there are commas, every other one belongs to
		 * a name. */
		if (at[size] == ',')
			size += 1 + strcspn(at + size + 1, ",=");
		if (size == 0 || size > LIMITS_BOARD_SIZE || at[0] == ',' || at[size - 1] == ',')
			options_fail("bad_board", "%s names no board", argument);
		memcpy(board, at, size);
		at += size;
		at += *at == ',';
	}
	if (at[0] != '=' || at[1] == '\0' || image->board_count == 0)
		options_fail(NULL, "--image must be BOARD[,BOARD...]=FILE and not %s", argument);
	return at + 1;
}

/* images/ and the file's own name, made harmless, behind a number, for it may be taken. */
static void name_image(struct image *image, const char *path, uint32_t number)
{
	const char *slash = strrchr(path, '/');

	snprintf(image->file, LIMITS_NAME_SIZE - 7, "images/%02" PRIu32 "-%s", number,
		slash != NULL ? slash + 1 : path);
	for (char *c = image->file + strlen("images/"); *c != '\0'; c++) {
		char alone[2] = { *c, '\0' };

		if (!text_is_name(alone) && *c != '-' && *c != '.')
			*c = '_';
	}
}

static void add_image(const struct options *options, struct text *text, uint32_t number)
{
	struct image *image = options_allocate(sizeof(*image));
	const char *path = split_boards(image, options->list.values[number]);
	char target[FILES_PATH_SIZE + 1];
	size_t size;
	uint8_t *bytes = (uint8_t *)file_read(path, IMAGE_SIZE_MAX, &size);

	text_set(image->kind, sizeof(image->kind), "sysupgrade");
	text_set(image->compat_version, sizeof(image->compat_version), "1.0");
	if (!manifest_measure(image, bytes, size))
		options_fail("bad_image", "%s is empty or too large", path);
	read_trailer(options, image, path, bytes, size);
	name_image(image, path, number);
	file_write(target, options->out, image->file, bytes, size);
	manifest_write_image(text, image);
	free(bytes);
	free(image);
}

static void write_release(const struct options *options, const struct text *text)
{
	struct manifest manifest;
	char path[FILES_PATH_SIZE + 1], problem[256], hex[BYTES_HASH_TEXT_SIZE + 1];
	uint8_t id[BYTES_HASH_SIZE];

	/* The reader's own checks are the last word on what we wrote. */
	if (text_cut(text))
		options_fail("bad_release", "the release is too large");
	if (!manifest_decode(&manifest, text->buffer, text->size, problem, sizeof(problem)))
		options_fail("bad_release", "%s", problem);
	file_write(path, options->out, "release.json", text->buffer, text->size);
	bytes_sha256(id, text->buffer, text->size);
	bytes_to_hex(hex, id, sizeof(id));
	if (options->json)
		printf("{\"release\":\"%s\",\"images\":%" PRIu32 "}\n", hex, manifest.image_count);
	else
		printf("Wrote %s with %" PRIu32
		       " images, id %s.\nNext: lockstep release sign --key K.sec %s\n",
			path, manifest.image_count, hex, options->out);
}

static void create(const struct options *options)
{
	struct manifest manifest = { .sequence = options->sequence };
	char *buffer = options_allocate(DOCUMENT_SIZE);
	struct text text;

	if (options->version == NULL || options->sequence == 0 || options->out == NULL ||
		options->list.count == 0)
		options_fail(NULL, "create needs --version, --sequence, --image and --out");
	text_set(manifest.version, sizeof(manifest.version), options->version);
	if (options->info_url != NULL)
		text_set(manifest.info_url, sizeof(manifest.info_url), options->info_url);
	clock_stamp(manifest.created, clock_unix_s());
	text_init(&text, buffer, DOCUMENT_SIZE);
	manifest_write_begin(&text, &manifest);
	for (uint32_t i = 0; i < options->list.count; i++)
		add_image(options, &text, i);
	manifest_write_end(&text);
	write_release(options, &text);
	free(buffer);
}

/* ---- sign ---- */

static void sign(const struct options *options)
{
	const char *place = options->words[1];
	char path[FILES_PATH_SIZE + 1], name[64], file[USIGN_FILE_SIZE_MAX];
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1], comment[64];
	struct usign_signature signature;
	struct manifest manifest;
	char *bytes;
	size_t size;

	if (options->key == NULL)
		options_fail(NULL, "sign needs --key K.sec");
	file_join(path, place, "release.json");
	bytes = file_read(path, LIMITS_MANIFEST_SIZE, &size);
	plan_decode(&manifest, path, bytes, size, NULL, NULL);
	secret_sign(options, &signature, bytes, size, NULL);
	free(bytes);
	usign_fingerprint(fingerprint, signature.keynum);
	snprintf(comment, sizeof(comment), "verify with %s.pub", fingerprint);
	size = usign_write_signature(file, sizeof(file), comment, &signature);
	snprintf(name, sizeof(name), "signatures/%s.sig", fingerprint);
	file_write(path, place, name, file, size);
	if (options->json)
		printf("{\"signature\":\"%s\"}\n", path);
	else
		printf("Signed %s \"%s\" with key %s.\n", place, manifest.version, fingerprint);
}

/* ---- verify and show ---- */

static struct directory *open_release(const struct options *options)
{
	struct directory *directory = options_allocate(sizeof(*directory));
	char problem[256];

	if (directory_open(directory, options->words[1], problem, sizeof(problem)) != 0)
		options_fail("bad_release", "%s: %s", options->words[1], problem);
	return directory;
}

static void close_release(struct directory *directory)
{
	directory_close(directory);
	free(directory);
}

static void complain_of_key(void *context, const char *path, const char *problem)
{
	(void)context;
	fprintf(stderr, "lockstep release: %s does not count: %s\n", path, problem);
}

/* Image number `index` on disk against the signed manifest: size, hash and every chunk. NULL, or
 * what is wrong with it. */
static const char *check_image(
	const struct directory *directory, uint32_t index, struct image *image, uint8_t *chunk)
{
	const char *wrong = NULL;
	int fd = directory_open_image(directory, &directory->images[index]);

	if (fd < 0)
		return "is missing or has another size";
	if (!manifest_image(image, index, directory->manifest, directory->manifest_size))
		wrong = "cannot be read";
	for (uint32_t i = 0; wrong == NULL && i < image->chunk_count; i++) {
		uint32_t size = image_chunk_bytes(image, i);

		if (pread(fd, chunk, size, (off_t)i * image->chunk_size) != (ssize_t)size ||
			!image_chunk_is(image, i, chunk, size))
			wrong = "is not what was signed";
	}
	close(fd);
	return wrong;
}

static void check_images(const struct directory *directory)
{
	struct image *image = options_allocate(sizeof(*image));
	uint8_t *chunk = options_allocate(LIMITS_CHUNK_SIZE);

	for (uint32_t i = 0; i < directory->image_count; i++) {
		const char *wrong = check_image(directory, i, image, chunk);

		if (wrong != NULL)
			options_fail(reason_word(REASON_HASH_MISMATCH), "%s/%s %s", directory->path,
				directory->images[i].file, wrong);
	}
	free(chunk);
	free(image);
}

static void verify(const struct options *options)
{
	struct keyring ring = { 0 };
	struct directory *directory;
	uint32_t signers;

	if (options->trust == NULL)
		options_fail(NULL, "verify needs --trust KEYDIR");
	file_check(
		options->trust, trust_read_directory(&ring, options->trust, complain_of_key, NULL));
	directory = open_release(options);
	signers = keyring_count_signers(&ring, directory->signatures, directory->signature_count,
		directory->manifest, directory->manifest_size);
	if (signers < options->threshold)
		options_fail(reason_word(REASON_TOO_FEW_SIGNATURES),
			"%" PRIu32 " of %" PRIu64 " needed trusted keys signed %s", signers,
			options->threshold, options->words[1]);
	check_images(directory);
	printf(options->json ? "{\"ok\":true,\"images\":%" PRIu32 ",\"signers\":%" PRIu32 "}\n"
			     : "Good: %" PRIu32 " images, signed by %" PRIu32 " trusted keys.\n",
		directory->image_count, signers);
	close_release(directory);
}

static void show_image(struct text *text, const struct image *image, bool json)
{
	if (json) {
		text_begin_object(text);
		text_add_member_string(text, "file", image->file);
		text_add_member_u64(text, "size", image->size);
		text_add_member_hex(text, "sha256", image->sha256, BYTES_HASH_SIZE);
		text_add_member_string(text, "compat_version", image->compat_version);
		text_add_member_strings(text, "boards", image->boards[0], sizeof(image->boards[0]),
			image->board_count);
		text_end_object(text);
		return;
	}
	text_add_format(
		text, "  %s, %" PRIu64 " KiB, for", image->file, (image->size + 1023) / 1024);
	for (uint32_t i = 0; i < image->board_count; i++)
		text_add_format(text, " %s", image->boards[i]);
	text_add(text, "\n");
}

static void show_head(struct text *text, const struct manifest *manifest, const char *id, bool json)
{
	if (json) {
		text_add_format(text, "{\"id\":\"%s\"", id);
		text_add_member_string(text, "version", manifest->version);
		text_add_member_u64(text, "sequence", manifest->sequence);
		text_add_member_string(text, "created", manifest->created);
		text_add(text, ",\"images\":[");
		return;
	}
	text_add_format(text, "%s, sequence %" PRIu64 "%s%s\nid %s\n", manifest->version,
		manifest->sequence, manifest->created[0] != '\0' ? ", made " : "",
		manifest->created, id);
}

static void show(const struct options *options)
{
	struct directory *directory = open_release(options);
	struct image *image = options_allocate(sizeof(*image));
	char *buffer = options_allocate(DOCUMENT_SIZE);
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	struct manifest manifest;
	struct text text;

	plan_decode(&manifest, options->words[1], directory->manifest, directory->manifest_size,
		NULL, NULL);
	text_init(&text, buffer, DOCUMENT_SIZE);
	bytes_to_hex(hex, directory->release_id, BYTES_HASH_SIZE);
	show_head(&text, &manifest, hex, options->json);
	for (uint32_t i = 0; i < directory->image_count; i++) {
		if (manifest_image(image, i, directory->manifest, directory->manifest_size))
			show_image(&text, image, options->json);
	}
	text_add(&text, options->json ? "],\"signers\":[" : "");
	for (size_t i = 0; i < directory->signature_count; i++) {
		bytes_to_hex(hex, directory->signatures[i].keynum, USIGN_KEYNUM_SIZE);
		text_add(&text, options->json && i > 0 ? "," : "");
		text_add_format(&text,
			options->json ? "\"%s\"" : "signed by %s (not verified here)\n", hex);
	}
	if (!options->json && directory->signature_count == 0)
		text_add(&text, "not signed yet\n");
	printf(options->json ? "%s]}\n" : "%s", buffer);
	free(buffer);
	free(image);
	close_release(directory);
}

/* ---- the door ---- */

static int run(const struct options *options)
{
	static const struct {
		const char *word;
		void (*run)(const struct options *options);
		uint32_t word_count;
	} verbs[] = {
		{ "create", create, 1 },
		{ "sign", sign, 2 },
		{ "verify", verify, 2 },
		{ "show", show, 2 },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (options->word_count == 0 || strcmp(options->words[0], verbs[i].word) != 0)
			continue;
		if (options->word_count != verbs[i].word_count)
			options_fail(NULL, "needs exactly one directory after %s", verbs[i].word);
		verbs[i].run(options);
		return CLI_DONE;
	}
	options_fail(NULL, "needs one of create, sign, verify, show");
}

const struct command command_release = {
	"release",
	"release create --version V --sequence N --image BOARD[,BOARD...]=FILE ...\n"
	"           --out DIR [--info-url URL] [--force-board]\n"
	"       lockstep release sign --key K.sec DIR\n"
	"       lockstep release verify --trust KEYDIR [--threshold N] [--json] DIR\n"
	"       lockstep release show [--json] DIR\n",
	OPTIONS_OF_RELEASE,
	2,
	run,
};
