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
	struct manifest manifest;
	uint8_t id[BYTES_HASH_SIZE];
	bool is_directory;
	char place[LIMITS_URL_SIZE + 1]; /* absolute path, or URL with "/" last */
	uint32_t board_count;
	char (*boards)[LIMITS_BOARD_SIZE + 1]; /* owned */
};

/* Reads release.json of a directory or a URL; complains and returns what to end with on failure. */
int plan_read_release(
	struct plan_release *release, const struct options *options, const char *place);
void plan_free_release(struct plan_release *release);
bool plan_has_board(const struct plan_release *release, const char *board);

/* Signs the order and posts it; complains on failure. `mesh` names the mesh. */
int plan_post(const struct options *options, const struct order *order, const char *key_argument);

/* The order's common members, from what the node says of the mesh. False (after complaining) if it
 * knows of no upgrade. */
bool plan_follow(const struct options *options, struct order *order, enum order_kind kind,
	struct json_object *mesh, int *status);
void plan_head(struct order *order, enum order_kind kind, struct json_object *mesh);

#endif
