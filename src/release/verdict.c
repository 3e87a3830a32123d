// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

/* What is no version, as "" is none, means 1.0. */
static void split_compat(const char *text, uint64_t *major, uint64_t *minor)
{
	if (!manifest_split_compat(text, major, minor)) {
		*major = 1;
		*minor = 0;
	}
}

/* Another major needs a visit; a higher minor needs a configuration that was not kept. */
static bool is_compatible(const char *image, const char *device)
{
	uint64_t image_major, image_minor, device_major, device_minor;

	split_compat(image, &image_major, &image_minor);
	split_compat(device, &device_major, &device_minor);
	return image_major == device_major && image_minor <= device_minor;
}

static enum reason judge_image(const struct verdict_question *question,
	const struct manifest *manifest, const struct image *image, struct text *detail)
{
	if (manifest->sequence < question->sequence_floor && !question->allow_downgrade) {
		text_add_format(detail,
			"The release has sequence %" PRIu64 ", what runs here has %" PRIu64 ".",
			manifest->sequence, question->sequence_floor);
		return REASON_DOWNGRADE;
	}
	if (!is_compatible(image->compat_version, question->compat_version)) {
		text_add_format(detail, "The image needs compat_version %s, this node has %s.",
			image->compat_version,
			question->compat_version[0] != '\0' ? question->compat_version : "1.0");
		return REASON_COMPAT_VERSION;
	}
	return REASON_NONE;
}

/* The image for a board, which has none until it is found. */
struct choice {
	const char *board;
	struct image *image;
};

static void choose(void *context, const struct image *image)
{
	const struct choice *choice = context;

	if (image_is_for(image, choice->board))
		*choice->image = *image;
}

enum reason verdict_give(const struct verdict_question *question, struct manifest *manifest,
	struct image *image, char *detail_buffer, size_t detail_capacity)
{
	uint8_t hash[BYTES_HASH_SIZE];
	struct manifest decoded;
	struct choice choice = { .board = question->board };
	struct text detail;
	enum reason reason = REASON_NONE;
	uint32_t signers;

	ensure(question->threshold >= 1);

	text_init(&detail, detail_buffer, detail_capacity);
	bytes_sha256(hash, question->manifest_bytes, question->manifest_size);
	if (!bytes_same_32(hash, question->release_id))
		return REASON_RELEASE_MISMATCH;
	signers = keyring_count_signers(question->trusted, question->signatures,
		question->signature_count, question->manifest_bytes, question->manifest_size);
	if (signers < question->threshold) {
		text_add_format(&detail, "%" PRIu32 " of %" PRIu32 " needed keys signed it.",
			signers, question->threshold);
		return REASON_TOO_FEW_SIGNATURES;
	}
	/* 40 KiB, and only handed out once everything fits. */
	choice.image = calloc(1, sizeof(*choice.image));
	if (choice.image == NULL)
		return REASON_INTERNAL;
	if (!manifest_walk(&decoded, question->manifest_bytes, question->manifest_size, choose,
		    &choice, detail_buffer, detail_capacity)) {
		reason = REASON_BAD_RELEASE;
	} else if (choice.image->chunk_count == 0) {
		text_add_format(&detail, "No image for %s.", question->board);
		reason = REASON_NO_IMAGE_FOR_BOARD;
	} else {
		reason = judge_image(question, &decoded, choice.image, &detail);
	}
	if (reason == REASON_NONE) {
		*manifest = decoded;
		*image = *choice.image;
	}
	free(choice.image);
	return reason;
}
