/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

/*
 * A file of ours that counts as a whole or not at all: one line "lockstep-WORD 1 SHA256", then a
 * document whose hash that is, so that a torn, damaged or foreign one is seen as such.
 */
#include <stddef.h>

#include "base/bytes.h"
#include "base/text.h"

enum {
	SEAL_MAGIC_SIZE = 19,                                   /* "lockstep-journal 1 " */
	SEAL_SIZE = SEAL_MAGIC_SIZE + BYTES_HASH_TEXT_SIZE + 1, /* and the line's end */
};

/* Writes the document; called twice, and the same comes of it. */
typedef void seal_writer(struct text *text, const void *document);

/* The whole file, in memory that the caller gives back with free(). NULL if there is none. */
char *seal_encode(const char magic[static SEAL_MAGIC_SIZE], seal_writer *write,
	const void *document, size_t *size);

/* The document of a file of `*size` bytes, and its own size there; NULL if the seal does not fit.
 */
const char *seal_open(const char magic[static SEAL_MAGIC_SIZE], const char *bytes, size_t *size);

#endif
