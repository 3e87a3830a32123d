/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_UPLOAD_H
#define DAEMON_UPLOAD_H

/*
 * A release that comes over HTTP, from an operator's phone: what he offered, and nothing else. One
 * at a time, in memory: its manifest here, its images in WORK/upload, each under its hash.
 *
 * Anybody may send the bytes, for they speak for themselves: the manifest has the hash that the
 * operator signed, enough trusted keys signed the manifest, and it has the hash of each chunk. What
 * is not right is refused, and what was there before it stays.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "core/offer.h"
#include "io/http_server.h"
#include "release/manifest.h"
#include "source/directory.h"

#define UPLOAD_FOLDER "upload" /* of the work directory */

struct node;

struct upload {
	/* Has images once the manifest is complete and sound: those that will come. The node's
	 * images own it once all is here. */
	struct directory *directory;
	size_t manifest_held, signatures_held; /* bytes; signatures all at once */
	uint64_t missing;                      /* bytes of images; 0 and signed: complete */
	struct offer_upload offered;
	struct image image; /* of which a chunk came last, for the hashes of the next */
};

/* An offer that is genuine: makes room for what will come, in the place of what was there; the same
 * goes on where it was. REASON_NONE, or why not with `message`, of LIMITS_MESSAGE_SIZE + 1 bytes,
 * saying more. */
__attribute__((warn_unused_result)) enum reason upload_begin(
	struct node *node, const struct offer_upload *offered, char *message);

/* POST /v1/uploads/RELEASE/FILE/OFFSET. */
void upload_post(void *context, struct http_request *request);

/* Nothing is there any more, also not of a former run. */
void upload_clear(struct node *node);

/* Gives back memory; files stay. Before the node's images are freed. */
void upload_close(struct node *node);

#endif
