/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_MANIFEST_WRITE_H
#define RELEASE_MANIFEST_WRITE_H

/* Writing release.json, for the tools that make releases; routers only read it. */
#include "base/text.h"
#include "release/manifest.h"

/* Begin with the head, then every image, then the end. */
void manifest_write_begin(struct text *text, const struct manifest *manifest);
void manifest_write_image(struct text *text, const struct image *image);
void manifest_write_end(struct text *text);

/* Fills size, hashes and chunks of `image` from the bytes of the file. False if it is empty or has
 * more than LIMITS_CHUNKS_MAX chunks. */
__attribute__((warn_unused_result)) bool manifest_measure(
	struct image *image, const uint8_t *bytes, size_t size);

#endif
