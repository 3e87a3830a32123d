/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

/* What an operator is about to order, worked out before anything is signed. */
#include "cli/client.h"
#include "cli/options.h"
#include "core/order.h"
#include "release/manifest.h"

enum {
	PLAN_BOARDS_MAX = LIMITS_IMAGES_MAX * LIMITS_IMAGE_BOARDS_MAX,
};

struct plan_release {
	uint8_t id[BYTES_HASH_SIZE];
	bool is_directory;
	char place[LIMITS_URL_SIZE + 1]; /* absolute path, or URL with "/" last */
	struct manifest manifest;
	uint64_t image_sizes[LIMITS_IMAGES_MAX]; /* bytes */
	uint32_t board_count;
	uint32_t image_of[PLAN_BOARDS_MAX]; /* of the board of that number */
	char boards[PLAN_BOARDS_MAX][LIMITS_BOARD_SIZE + 1];
};

/* A manifest's bytes, which came from `place`; each of its images for `each`, or NULL. */
void plan_decode(struct manifest *manifest, const char *place, const char *bytes, size_t size,
	void (*each)(void *context, const struct image *image), void *context);

/* Reads release.json of a directory or a URL; the caller frees it. */
struct plan_release *plan_read_release(const char *place);
/* The number of the image for `board`; UINT32_MAX if there is none. */
uint32_t plan_find_image(const struct plan_release *release, const char *board);

/* The order's common members, from what the node says of the mesh: of a new upgrade, or of the
 * one that it knows. */
void plan_begin(struct order *order, enum order_kind kind, struct json_object *mesh);
void plan_follow(struct order *order, enum order_kind kind, struct json_object *mesh);

/* Signs the order with --key and posts it. */
void plan_post(const struct options *options, const struct order *order);

#endif
