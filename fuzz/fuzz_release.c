// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: release.json, as a neighbour serves it. Nothing in it is read before enough
 * trusted keys are found to have signed it; here it is really signed, so that what is behind is
 * reached. The input is the document, with the placeholders of fuzz_fill(). No image may have a
 * path that leads out of its directory.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"
#include "release/manifest_write.h"
#include "release/verdict.h"

static void check_image(const struct image *image)
{
	uint64_t sum = 0;

	assert(image->size > 0 && image->chunk_count > 0);
	assert(image->chunk_count <= LIMITS_CHUNKS_MAX && image->chunk_size <= LIMITS_CHUNK_SIZE);
	/* Two dots inside of a name lead nowhere. */
	assert(strncmp(image->file, "images/", 7) == 0 && image->file[7] != '.');
	assert(strchr(image->file + 7, '/') == NULL);
	for (uint32_t i = 0; i < image->chunk_count; i++) {
		assert(image_chunk_bytes(image, i) > 0);
		sum += image_chunk_bytes(image, i);
	}
	assert(sum == image->size);
	assert(!image_chunk_is(image, image->chunk_count, NULL, 0));
}

static void check_manifest(const struct manifest *manifest, const char *bytes, size_t size)
{
	struct image *image = malloc(sizeof(*image));
	size_t capacity = 2 * size + 65536 * LIMITS_IMAGES_MAX;
	char *buffer = malloc(capacity), problem[LIMITS_MESSAGE_SIZE + 1];
	struct manifest again;
	struct text text;
	bool ok;

	assert(image != NULL && buffer != NULL);
	assert(manifest->image_count >= 1 && manifest->image_count <= LIMITS_IMAGES_MAX);
	text_init(&text, buffer, capacity);
	manifest_write_begin(&text, manifest);
	for (uint32_t i = 0; i < manifest->image_count; i++) {
		ok = manifest_image(image, i, bytes, size);
		assert(ok);
		check_image(image);
		manifest_write_image(&text, image);
	}
	manifest_write_end(&text);
	assert(!manifest_image(image, manifest->image_count, bytes, size));
	assert(!text_cut(&text));
	if (text.size <= LIMITS_MANIFEST_SIZE) {
		ok = manifest_decode(&again, buffer, text.size, problem, sizeof(problem));
		assert(ok && strcmp(again.version, manifest->version) == 0 &&
			again.sequence == manifest->sequence &&
			again.image_count == manifest->image_count);
	}
	free(buffer);
	free(image);
}

/* More keys than a ring holds are not taken. */
static void check_full_ring(void)
{
	static bool checked;
	struct keyring ring = { .key_count = 0 };
	struct usign_public key = *fuzz_public(FUZZ_STRANGER);

	if (checked)
		return;
	checked = true;
	for (uint8_t i = 0; i <= LIMITS_KEYS_MAX; i++) {
		bool added;

		key.key[0] = i;
		added = keyring_add(&ring, &key);
		assert(added == (i < LIMITS_KEYS_MAX));
	}
}

static enum reason judge(const char *bytes, size_t size, enum fuzz_key key, struct image *image)
{
	struct usign_signature signature;
	struct keyring trusted = { .key_count = 0 };
	char detail[LIMITS_MESSAGE_SIZE + 1];
	uint8_t id[BYTES_HASH_SIZE];
	struct manifest manifest;
	struct verdict_question question = {
		.manifest_bytes = bytes,
		.manifest_size = size,
		.signatures = &signature,
		.signature_count = 1,
		.trusted = &trusted,
		.threshold = 1,
		.release_id = id,
		.board = FUZZ_BOARD,
		.sequence_floor = 2,
		.compat_version = "1.0",
	};
	bool added = keyring_add(&trusted, fuzz_public(FUZZ_RELEASE)) &&
		     keyring_add(&trusted, fuzz_public(FUZZ_RELEASE));
	enum reason reason;

	assert(added && trusted.key_count == 1);
	bytes_sha256(id, bytes, size);
	usign_sign(&signature, fuzz_secret(key), bytes, size);
	faults_on();
	reason = verdict_give(&question, &manifest, image, detail, sizeof(detail));
	faults_off();
	return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct image *image = malloc(sizeof(*image));
	struct manifest manifest;
	enum reason reason;
	size_t filled_size;
	char *filled, *exact;
	bool sound;

	assert(image != NULL);
	faults_plan(&bytes, &size);
	filled = fuzz_fill(bytes, size, none, &filled_size);
	exact = fuzz_copy(filled, filled_size);
	sound = manifest_decode(&manifest, exact, filled_size, problem, sizeof(problem));
	if (sound)
		check_manifest(&manifest, exact, filled_size);
	reason = judge(exact, filled_size, FUZZ_STRANGER, image);
	assert(reason == REASON_TOO_FEW_SIGNATURES);
	check_full_ring();
	reason = judge(exact, filled_size, FUZZ_RELEASE, image);
	assert(sound || faults_happened() || reason == REASON_BAD_RELEASE);
	if (reason == REASON_NONE)
		check_image(image);
	free(exact);
	free(filled);
	free(image);
	return 0;
}
