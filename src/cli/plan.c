// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/plan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/secret.h"
#include "io/files.h"

static bool collect_boards(struct plan_release *release, const char *bytes, size_t size)
{
	struct image *image = malloc(sizeof(*image));
	bool ok = image != NULL;

	release->boards = calloc(PLAN_BOARDS_MAX, sizeof(*release->boards));
	ok = ok && release->boards != NULL;
	for (uint32_t i = 0; ok && i < release->manifest.image_count; i++) {
		ok = manifest_image(image, i, bytes, size);
		for (uint32_t j = 0; ok && j < image->board_count; j++)
			text_set(release->boards[release->board_count++], LIMITS_BOARD_SIZE + 1,
				image->boards[j]);
	}
	free(image);
	return ok;
}

static int read_bytes(struct plan_release *release, const struct options *options,
	const char *place, char **bytes, size_t *size)
{
	char path[FILES_PATH_SIZE + 1], absolute[PATH_MAX], url[LIMITS_URL_SIZE + 32];
	struct client_answer answer;
	int error;

	release->is_directory = strstr(place, "://") == NULL;
	if (!release->is_directory) {
		snprintf(release->place, sizeof(release->place), "%s%s", place,
			place[strlen(place) - 1] == '/' ? "" : "/");
		snprintf(url, sizeof(url), "%srelease.json", release->place);
		answer = client_fetch(options, url, LIMITS_MANIFEST_SIZE);
		*bytes = answer.bytes;
		*size = answer.size;
		return answer.status;
	}
	if (realpath(place, absolute) == NULL || strlen(absolute) > LIMITS_URL_SIZE)
		return options_fail(options, "bad_release", "%s is not a directory", place);
	text_set(release->place, sizeof(release->place), absolute);
	error = files_join(path, absolute, "release.json")
			? files_read(path, LIMITS_MANIFEST_SIZE, bytes, size)
			: -ENAMETOOLONG;
	return error == 0 ? CLI_DONE
			  : options_fail(options, "bad_release", "%s/release.json: %s", place,
				    strerror(-error));
}

int plan_read_release(
	struct plan_release *release, const struct options *options, const char *place)
{
	char problem[256] = "";
	char *bytes = NULL;
	size_t size = 0;
	int status = read_bytes(release, options, place, &bytes, &size);

	if (status != CLI_DONE)
		return status;
	if (!manifest_decode(&release->manifest, bytes, size, problem, sizeof(problem)))
		status = options_fail(options, "bad_release", "%s: %s", place, problem);
	else if (!collect_boards(release, bytes, size))
		status = options_fail(options, "internal", "out of memory");
	bytes_sha256(release->id, bytes, size);
	free(bytes);
	return status;
}

void plan_free_release(struct plan_release *release)
{
	free(release->boards);
	release->boards = NULL;
	release->board_count = 0;
}

bool plan_has_board(const struct plan_release *release, const char *board)
{
	for (uint32_t i = 0; i < release->board_count; i++) {
		if (strcmp(release->boards[i], board) == 0)
			return true;
	}
	return false;
}

void plan_head(struct order *order, enum order_kind kind, struct json_object *mesh)
{
	time_t now = time(NULL);
	struct tm broken_down;

	memset(order, 0, sizeof(*order));
	order->kind = kind;
	text_set(order->mesh, sizeof(order->mesh), client_string(mesh, "mesh"));
	if (gmtime_r(&now, &broken_down) != NULL)
		(void)strftime(
			order->issued, sizeof(order->issued), "%Y-%m-%dT%H:%M:%SZ", &broken_down);
}

bool plan_follow(const struct options *options, struct order *order, enum order_kind kind,
	struct json_object *mesh, int *status)
{
	struct json_object *upgrade = client_member(mesh, "upgrade");

	plan_head(order, kind, mesh);
	order->epoch = client_u64(upgrade, "epoch", 0);
	if (order->epoch != 0 &&
		bytes_from_hex(order->upgrade, ORDER_UPGRADE_SIZE, client_string(upgrade, "id")))
		return true;
	*status = options_fail(options, "unknown_upgrade",
		"the node knows of no upgrade; open one with lockstep start");
	return false;
}

int plan_post(const struct options *options, const struct order *order, const char *key_argument)
{
	char problem[256] = "", blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char *signed_text = malloc(LIMITS_ORDER_SIZE + 1),
	     *body = malloc(LIMITS_HTTP_BODY_SIZE + 1);
	size_t size =
		signed_text != NULL ? order_encode(order, signed_text, LIMITS_ORDER_SIZE + 1) : 0;
	struct client_answer answer = { 0 };
	struct usign_signature signature;
	struct usign_secret secret;
	struct text text;
	int status = CLI_DONE;

	if (size == 0 || body == NULL)
		status = options_fail(
			options, "bad_order", "the order is too large: too many participants");
	else if (!secret_load(&secret, key_argument, order->mesh, problem, sizeof(problem)))
		status = options_fail(options, "bad_key", "%s", problem);
	if (status == CLI_DONE) {
		usign_sign(&signature, &secret, signed_text, size);
		sodium_memzero(&secret, sizeof(secret));
		usign_signature_to_blob(blob, &signature);
		text_init(&text, body, LIMITS_HTTP_BODY_SIZE + 1);
		text_add(&text, "{");
		text_add_member(&text, "order");
		text_add_json_string(&text, signed_text, size);
		text_add_member_string(&text, "signature", blob);
		text_add(&text, "}");
		answer = client_ask(options, "/v1/orders", body, text.size);
		status = answer.status;
	}
	client_forget(&answer);
	free(signed_text);
	free(body);
	return status;
}
