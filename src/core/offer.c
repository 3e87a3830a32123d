// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/offer.h"

#include <string.h>

#include "base/members.h"

static const struct member members[] = {
	MEMBER(struct release_offer, kind, WORD, "kind",
		.words = "offer\0"), /* the only one: none yet */
	MEMBER(struct release_offer, mesh, STRING, "mesh"),
	MEMBER(struct release_offer, node, STRING, "node"),
	MEMBER(struct release_offer, epoch, NUMBER, "epoch"),
	MEMBER(struct release_offer, path, PRINTABLE, "path", .flags = MEMBER_OPTIONAL),
	MEMBER(struct release_offer, url, PRINTABLE, "url", .flags = MEMBER_OPTIONAL),
};

static const struct member upload_members[] = {
	MEMBER(struct offer_upload, release_id, HEX, "release"),
	MEMBER(struct offer_upload, manifest_size, NUMBER, "manifest_size", .min = 1,
		.max = LIMITS_MANIFEST_SIZE),
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void read_upload(
	struct json_reader *reader, struct json_object *object, struct offer_upload *upload)
{
	struct json_object *list = json_get_array(reader, object, "images", LIMITS_IMAGES_MAX);
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	members_read(reader, object, upload_members, COUNT(upload_members), upload);
	upload->image_count = (uint32_t)json_array_count(list);
	for (uint32_t i = 0; i < upload->image_count && json_ok(reader); i++) {
		json_array_string(reader, list, "images", i, hex, sizeof(hex));
		if (!bytes_from_hex(upload->images[i], BYTES_HASH_SIZE, hex))
			json_fail(reader, "images", "must hold hashes");
	}
}

static void read_place(
	struct json_reader *reader, struct json_object *object, struct release_offer *offer)
{
	bool has_upload = json_has(object, "upload");
	size_t size = strlen(offer->url);

	if ((offer->path[0] != '\0') + (size > 0) + has_upload != 1)
		json_fail(reader, "path", "or url or upload must be there alone");
	if (has_upload) {
		offer->kind = OFFER_UPLOAD;
		read_upload(reader, json_get_object(reader, object, "upload"), &offer->upload);
	} else if (size > 0) {
		offer->kind = OFFER_URL;
		if (strncmp(offer->url, "http://", 7) != 0 || offer->url[size - 1] != '/')
			json_fail(reader, "url", "must be http://HOST/.../");
	}
}

enum reason offer_decode(struct release_offer *offer, const char *bytes, size_t size,
	const char *mesh, const char *node, char *problem, size_t problem_capacity)
{
	struct json_reader reader = { .wrong = "is larger than 16 KiB" };
	struct json_object *object = NULL;

	memset(offer, 0, sizeof(*offer));
	if (size <= OFFER_SIZE)
		object = json_parse(&reader, bytes, size);
	json_get_u64(&reader, object, "lockstep", OFFER_FORMAT, OFFER_FORMAT);
	members_read(&reader, object, members, COUNT(members), offer);
	read_place(&reader, object, offer);
	json_free(object);
	if (!json_ok(&reader)) {
		json_explain(&reader, problem, problem_capacity);
		return REASON_BAD_ORDER;
	}
	if (strcmp(offer->mesh, mesh) != 0)
		return REASON_WRONG_MESH;
	return strcmp(offer->node, node) == 0 ? REASON_NONE : REASON_NOT_NAMED;
}
