/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FUZZ_COMMON_H
#define FUZZ_COMMON_H

/*
 * What the fuzz targets share. A target is one file fuzz_NAME.c with one LLVMFuzzerTestOneInput();
 * libFuzzer calls it with bytes of its own making (fuzz/run), and replay.c with those that are kept
 * in corpus/NAME (./test). What must hold is asserted; the sanitizers see the rest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/bytes.h"
#include "base/text.h"
#include "release/manifest.h"
#include "release/usign.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_MESH "fuzz"
#define FUZZ_NAME "node1" /* of the node under test */
#define FUZZ_BOARD "demo,alpha"
#define FUZZ_VERSION "Fuzz 1.0"

/* ---- the input ---- */

/* What is left of it. */
struct fuzz {
	const uint8_t *at, *end;
};

void fuzz_begin(struct fuzz *fuzz, const uint8_t *bytes, size_t size);
size_t fuzz_left(const struct fuzz *fuzz);
uint8_t fuzz_byte(struct fuzz *fuzz); /* 0 at the end */
uint32_t fuzz_u32(struct fuzz *fuzz);
/* At most `size` bytes of it, as many as there are. */
const uint8_t *fuzz_bytes(struct fuzz *fuzz, size_t *size);

/* A copy with nothing behind it, so that a read beyond its end is seen; free() it. */
void *fuzz_copy(const void *bytes, size_t size);
/* The same with a terminator. */
char *fuzz_string(const void *bytes, size_t size);

/* ---- keys that are always the same ---- */

enum fuzz_key {
	FUZZ_OPERATOR = 0, /* trusted for orders */
	FUZZ_RELEASE,      /* trusted for releases */
	FUZZ_NODE,         /* of the node under test */
	FUZZ_OTHER,        /* of "node2" */
	FUZZ_STRANGER,     /* trusted for nothing */
	FUZZ_KEY_COUNT
};

const struct usign_secret *fuzz_secret(enum fuzz_key key);
const struct usign_public *fuzz_public(enum fuzz_key key);
void fuzz_sign(char blob[static USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1], enum fuzz_key key,
	const void *bytes, size_t size);

/* ---- documents ---- */

/* The release that a start order of the corpus names: two images, one of them for FUZZ_BOARD. */
enum {
	FUZZ_CHUNKS = 3,
	FUZZ_CHUNK_SIZE = 1024,
	FUZZ_IMAGE_SIZE = FUZZ_CHUNKS * FUZZ_CHUNK_SIZE - 24,
};

struct fuzz_release {
	uint8_t id[BYTES_HASH_SIZE];
	uint8_t sha256[BYTES_HASH_SIZE]; /* of the image */
	uint8_t image[FUZZ_IMAGE_SIZE];
	struct usign_signature signature;
	size_t manifest_size;
	char manifest[4096];
};

const struct fuzz_release *fuzz_release(void);

/*
 * Fills in what no fuzzer can guess: @1 and @2 become the public keys of node1 and node2, @R the
 * release's id, @H and @C hash and chunk hashes of its image, and @S the id of a start order, in
 * the form in which JSON carries each. free() the result.
 */
char *fuzz_fill(const void *bytes, size_t size, const uint8_t start_id[static BYTES_HASH_SIZE],
	size_t *filled_size);

/* {"record":TEXT,"key":…,"signature":…}, really signed. free() it. */
char *fuzz_envelope(enum fuzz_key key, const char *record, size_t size, size_t *envelope_size);

/* A slice of one entry; free() it. */
char *fuzz_slice(const char *key, const char *data, size_t size, size_t *slice_size);

/* {"order":TEXT,"signature":…,"hops":…,"remaining_ms":…} under its id as a slice; free() it. */
char *fuzz_order_slice(enum fuzz_key key, const char *order, size_t size, uint32_t remaining_ms,
	size_t *slice_size);

/* ---- an agent ---- */

/* A node as it is set up on a board with two slots; free() it. */
struct agent_setup *fuzz_setup(void);

/* What the outside sees of it must always be sound. */
void fuzz_check_agent(const struct agent *agent, uint64_t now_ms);

#endif
