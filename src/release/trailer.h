/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_TRAILER_H
#define RELEASE_TRAILER_H

/*
 * The metadata trailer that OpenWrt's fwtool appends to an image (docs/formats.md). The stock tool
 * hangs or crashes on hostile ones, so we read it ourselves, with bounds, and never hand an image
 * to it whose hash is not signed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "release/manifest.h"

enum {
	TRAILER_TAIL_SIZE = 65536, /* the end of the image that must be given: both chunks fit */
	TRAILER_METADATA_SIZE = 30720,
};

enum trailer_error {
	TRAILER_OK = 0,
	TRAILER_NONE,     /* no trailer at all: not an error of the image's */
	TRAILER_BAD_SIZE, /* a size that cannot be: 0, 8, less than the header, more than the file
			   */
	TRAILER_BAD_CRC,
	TRAILER_BAD_TYPE,
	TRAILER_BAD_METADATA /* not JSON, or members of the wrong kind */
};

struct trailer {
	char compat_version[MANIFEST_COMPAT_SIZE + 1]; /* "1.0" if not given */
	char version[LIMITS_VERSION_SIZE + 1];         /* version.version; "" if not given */
	uint32_t device_count;
	char devices[LIMITS_IMAGE_BOARDS_MAX][LIMITS_BOARD_SIZE + 1];
	bool signed_chunk; /* a signature chunk was there too; it is not verified */
};

/*
 * Reads the trailer of an image of `image_size` bytes from its `file` (all of it: the CRC covers
 * everything before the trailer). Untouched on error.
 */
__attribute__((warn_unused_result)) enum trailer_error trailer_read(
	struct trailer *trailer, const uint8_t *file, size_t image_size);

/* Writes a metadata trailer for `file` of `size` bytes into `out`; returns its size, 0 if it does
 * not fit. For tools that make images. */
size_t trailer_write(uint8_t *out, size_t capacity, const uint8_t *file, size_t size,
	const char *metadata_json, size_t metadata_size);

const char *trailer_error_sentence(enum trailer_error error);

#endif
