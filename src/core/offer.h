/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_OFFER_H
#define CORE_OFFER_H

/*
 * An offer: an operator tells one node of a release that it should have for the others. Signed as
 * an order is, but it orders nothing and does not travel. The format is in docs/formats.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/reason.h"

enum {
	OFFER_FORMAT = 1,
	OFFER_SIZE = 16384, /* of the document: 64 hashes need 5 KiB */
	OFFER_PATH_SIZE = 255,
};

enum offer_kind {
	OFFER_PATH = 0, /* a directory on the node's machine */
	OFFER_URL,      /* a directory behind a URL */
	OFFER_UPLOAD,   /* of which the bytes will come over HTTP */
};

/* Two are the same upload if they are the same bytes. */
struct offer_upload {
	uint8_t release_id[BYTES_HASH_SIZE];
	uint32_t manifest_size;                             /* bytes of release.json */
	uint32_t image_count;                               /* up to LIMITS_IMAGES_MAX */
	uint8_t images[LIMITS_IMAGES_MAX][BYTES_HASH_SIZE]; /* that will come */
};

/* A plain value. */
struct release_offer {
	enum offer_kind kind;
	uint64_t epoch; /* of the upgrade that it is for */
	char mesh[LIMITS_MESH_SIZE + 1];
	char node[LIMITS_NAME_SIZE + 1]; /* to whom it is made */
	char path[OFFER_PATH_SIZE + 1];  /* of PATH */
	char url[LIMITS_URL_SIZE + 1];   /* of URL: "http://…/" */
	struct offer_upload upload;      /* of UPLOAD */
};

/*
 * REASON_NONE, BAD_ORDER (`problem` says which member), WRONG_MESH or NOT_NAMED (it is made to
 * another node); then `*offer` holds anything. To be read after the signature was verified.
 */
__attribute__((warn_unused_result)) enum reason offer_decode(struct release_offer *offer,
	const char *bytes, size_t size, const char *mesh, const char *node, char *problem,
	size_t problem_capacity);

#endif
