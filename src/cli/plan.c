// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/file.h"
#include "cli/secret.h"
#include "io/clock.h"

/* Whatever a strange node calls its nodes, no byte of an order takes more than two in a string. */
enum { BODY_SIZE_MAX = 2 * LIMITS_ORDER_SIZE + 512 };

void plan_decode(struct manifest *manifest, const char *place, const char *bytes, size_t size,
	void (*each)(void *context, const struct image *image), void *context)
{
	char problem[256];

	if (!manifest_walk(manifest, bytes, size, each, context, problem, sizeof(problem)))
		options_fail("bad_release", "%s: %s", place, problem);
}

/* Counts the images on the way. */
static void collect_boards(void *context, const struct image *image)
{
	struct plan_release *release = context;
	uint32_t number = release->manifest.image_count++;

	release->image_sizes[number] = image->size;
	for (uint32_t i = 0; i < image->board_count; i++) {
		release->image_of[release->board_count] = number;
		memcpy(release->boards[release->board_count++], image->boards[i],
			sizeof(image->boards[i]));
	}
}

static char *read_bytes(struct plan_release *release, const char *place, size_t *size)
{
	char path[FILES_PATH_SIZE + 1], absolute[PATH_MAX], url[LIMITS_URL_SIZE + 32];

	release->is_directory = strstr(place, "://") == NULL;
	if (!release->is_directory) {
		snprintf(release->place, sizeof(release->place), "%s%s", place,
			place[strlen(place) - 1] == '/' ? "" : "/");
		snprintf(url, sizeof(url), "%srelease.json", release->place);
		return client_fetch(url, LIMITS_MANIFEST_SIZE, size);
	}
	if (realpath(place, absolute) == NULL ||
		!text_copy(release->place, sizeof(release->place), absolute))
		options_fail("bad_release", "%s is not a directory", place);
	file_join(path, absolute, "release.json");
	return file_read(path, LIMITS_MANIFEST_SIZE, size);
}

struct plan_release *plan_read_release(const char *place)
{
	struct plan_release *release = options_allocate(sizeof(*release));
	size_t size;
	char *bytes = read_bytes(release, place, &size);

	plan_decode(&release->manifest, place, bytes, size, collect_boards, release);
	bytes_sha256(release->id, bytes, size);
	free(bytes);
	return release;
}

uint32_t plan_find_image(const struct plan_release *release, const char *board)
{
	for (uint32_t i = 0; i < release->board_count; i++) {
		if (strcmp(release->boards[i], board) == 0)
			return release->image_of[i];
	}
	return UINT32_MAX;
}

void plan_begin(struct order *order, enum order_kind kind, struct json_object *mesh)
{
	memset(order, 0, sizeof(*order));
	order->kind = kind;
	text_set(order->mesh, sizeof(order->mesh), client_string(mesh, "mesh"));
	clock_stamp(order->issued, clock_unix_s());
}

void plan_follow(struct order *order, enum order_kind kind, struct json_object *mesh)
{
	struct json_object *upgrade = client_member(mesh, "upgrade");

	plan_begin(order, kind, mesh);
	order->epoch = client_u64(upgrade, "epoch", 0);
	if (order->epoch == 0 ||
		!bytes_from_hex(order->upgrade, ORDER_UPGRADE_SIZE, client_string(upgrade, "id")))
		options_fail("unknown_upgrade",
			"the node knows of no upgrade; open one with lockstep start");
}

void plan_post(const struct options *options, const struct order *order)
{
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char *signed_text = options_allocate(LIMITS_ORDER_SIZE + 1);
	char *body = options_allocate(BODY_SIZE_MAX + 1);
	size_t size = order_encode(order, signed_text, LIMITS_ORDER_SIZE + 1);
	struct usign_signature signature;
	struct text text;

	if (size == 0)
		options_fail("bad_order", "there are too many participants for one order");
	secret_sign(options, &signature, signed_text, size, order->mesh);
	usign_signature_to_blob(blob, &signature);
	text_init(&text, body, BODY_SIZE_MAX + 1);
	text_begin_object(&text);
	text_add_member_string(&text, "order", signed_text);
	text_add_member_string(&text, "signature", blob);
	text_end_object(&text);
	free(signed_text);
	free(client_ask(options, "/v1/orders", body, text.size));
	free(body);
}
