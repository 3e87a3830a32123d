/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_VERDICT_H
#define RELEASE_VERDICT_H

/*
 * May this node install this release? Checked in order, so that nothing unsigned is interpreted:
 * id, signatures and threshold, syntax, board, sequence, compat_version.
 */
#include "base/reason.h"
#include "release/keyring.h"
#include "release/manifest.h"

struct verdict_question {
	const char *manifest_bytes; /* the caller's, for the call */
	size_t manifest_size;
	const struct usign_signature *signatures;
	size_t signature_count;
	const struct keyring *trusted;
	uint32_t threshold;        /* distinct keys, at least 1 */
	const uint8_t *release_id; /* BYTES_HASH_SIZE bytes: what the start order names */
	const char *board;
	uint64_t sequence_floor; /* of what runs here; 0 if not known */
	bool allow_downgrade;
	const char *compat_version; /* of the running configuration; "" means "1.0" */
};

/*
 * REASON_NONE: yes; `*manifest` and `*image` are filled.
 * RELEASE_MISMATCH, TOO_FEW_SIGNATURES, BAD_RELEASE, NO_IMAGE_FOR_BOARD, DOWNGRADE (a lower
 * sequence), COMPAT_VERSION (another major, or a higher minor): no; both are untouched, and
 * `detail` says more.
 */
__attribute__((warn_unused_result)) enum reason verdict_give(
	const struct verdict_question *question, struct manifest *manifest, struct image *image,
	char *detail, size_t detail_capacity);

#endif
