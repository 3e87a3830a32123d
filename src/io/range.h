/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_RANGE_H
#define IO_RANGE_H

/* The Range header of HTTP (RFC 9110, section 14): one range of bytes. */
#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t offset; /* bytes */
	uint64_t size;   /* bytes, at least 1 */
};

/*
 * "bytes=A-B", "bytes=A-" or "bytes=-N" of a file of `file_size` bytes, cut at its end. False, with
 * `*range` untouched, for anything else and for ranges that begin past the end: 416.
 */
__attribute__((warn_unused_result)) bool range_parse(
	struct range *range, const char *text, uint64_t file_size);

#endif
