// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "io/files.h"
#include "io/url.h"
#include "limeapp/fetch.h"
#include "release/verdict.h"

enum {
	SIGNATURES_SIZE_MAX = 8192, /* 32 blobs of 100 characters, with room */
	FILES_LOOKED_AT_MAX = 256,
};

#define SIGNATURES "signatures"

/* The bytes of a release and what signed them. */
struct bundle {
	char *manifest;
	size_t manifest_size;
	size_t signature_count;
	struct usign_signature signatures[LIMITS_SIGNATURES_MAX];
};

/* Everything that the verdict is about. */
struct judgement {
	struct offer *offer;
	const struct settings *settings;
	const char *place;
	uint64_t end_ms;
	struct settings_daemon daemon;
	struct keyring trusted;
	struct bundle bundle;
	struct image image;
};

static bool explain(struct judgement *judgement, const char *what, const char *why)
{
	snprintf(judgement->offer->problem, sizeof(judgement->offer->problem), "%s %s", what, why);
	return false;
}

const char *offer_object_to(const char *place)
{
	struct url url;

	if (strncmp(place, "https://", 8) == 0)
		return "Nodes fetch by http:// alone: what protects a release is its signatures.";
	if (strstr(place, "://") == NULL || !url_parse(&url, place))
		return "A URL must be http://HOST/PATH, and short.";
	return "";
}

/* ---- of a directory ---- */

/* The next signature; room is looked for, and what is none does not count. */
static void take_signature(struct bundle *bundle, const char *file, size_t size)
{
	if (bundle->signature_count < LIMITS_SIGNATURES_MAX &&
		usign_read_signature(&bundle->signatures[bundle->signature_count], file, size) ==
			USIGN_OK)
		bundle->signature_count++;
}

static void read_signature(void *context, const char *name)
{
	struct judgement *judgement = context;
	char path[FILES_PATH_SIZE + 1], *file;
	size_t size;

	if (snprintf(path, sizeof(path), "%s/" SIGNATURES "/%s", judgement->place, name) >
			FILES_PATH_SIZE ||
		files_read(path, USIGN_FILE_SIZE_MAX, &file, &size) != 0)
		return;
	take_signature(&judgement->bundle, file, size);
	free(file);
}

static bool read_directory(struct judgement *judgement)
{
	struct bundle *bundle = &judgement->bundle;
	char path[FILES_PATH_SIZE + 1];

	if (!files_join(path, judgement->place, "release.json") ||
		files_read(path, LIMITS_MANIFEST_SIZE, &bundle->manifest, &bundle->manifest_size) !=
			0)
		return explain(judgement, "There is no release in", judgement->place);
	if (!files_join(path, judgement->place, SIGNATURES) ||
		files_list(path, ".sig", FILES_LOOKED_AT_MAX, read_signature, judgement) != 0)
		bundle->signature_count = 0;
	return true;
}

/* ---- of a URL ---- */

/* A file of the release; false with fetch->problem. */
static bool fetch_file(
	const struct judgement *judgement, struct fetch *fetch, const char *name, size_t size_max)
{
	const char *place = judgement->place;
	char url[LIMITS_URL_SIZE + 64];

	*fetch = (struct fetch){ .url = url, .size_max = size_max, .end_ms = judgement->end_ms };
	snprintf(url, sizeof(url), "%s%s%s", place, place[strlen(place) - 1] == '/' ? "" : "/",
		name);
	return fetch_get(fetch);
}

/* What a node answers. */
static bool take_list(struct bundle *bundle, const char *bytes, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	struct json_object *list =
		json_get_array(&reader, object, "signatures", LIMITS_SIGNATURES_MAX);
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];

	for (size_t i = 0; i < json_array_count(list) && json_ok(&reader); i++) {
		blob[0] = '\0';
		json_array_string(&reader, list, "signatures", i, blob, sizeof(blob));
		if (usign_signature_from_blob(&bundle->signatures[bundle->signature_count], blob))
			bundle->signature_count++;
	}
	json_free(object);
	return bundle->signature_count > 0;
}

/* A plain web server cannot list a directory: each trusted key's file is asked for by name. */
static void fetch_signature_files(struct judgement *judgement)
{
	struct bundle *bundle = &judgement->bundle;
	char name[64], fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	struct fetch fetch;

	for (uint32_t i = 0; i < judgement->trusted.key_count; i++) {
		usign_fingerprint(fingerprint, judgement->trusted.keys[i].keynum);
		snprintf(name, sizeof(name), SIGNATURES "/%s.sig", fingerprint);
		if (!fetch_file(judgement, &fetch, name, USIGN_FILE_SIZE_MAX))
			continue;
		take_signature(bundle, fetch.bytes, fetch.size);
		free(fetch.bytes);
	}
}

static bool read_url(struct judgement *judgement)
{
	struct bundle *bundle = &judgement->bundle;
	bool listed = false;
	struct fetch fetch;

	if (!fetch_file(judgement, &fetch, "release.json", LIMITS_MANIFEST_SIZE))
		return explain(judgement, "The release cannot be fetched:", fetch.problem);
	bundle->manifest = fetch.bytes;
	bundle->manifest_size = fetch.size;
	if (fetch_file(judgement, &fetch, SIGNATURES, SIGNATURES_SIZE_MAX)) {
		listed = take_list(bundle, fetch.bytes, fetch.size);
		free(fetch.bytes);
	}
	if (!listed)
		fetch_signature_files(judgement);
	return true;
}

/* ---- the verdict ---- */

static void read_key(void *context, const char *name)
{
	struct judgement *judgement = context;
	char path[FILES_PATH_SIZE + 1], *file;
	struct usign_public key;
	size_t size;

	if (!files_join(path, judgement->daemon.trust, name) ||
		files_read(path, USIGN_FILE_SIZE_MAX, &file, &size) != 0)
		return;
	/* What is none does not count, nor what the ring has no room for; as for the daemon. */
	if (usign_read_public(&key, file, size) != USIGN_OK ||
		!keyring_add(&judgement->trusted, &key))
		file[0] = '\0';
	free(file);
}

static bool read_trust(struct judgement *judgement)
{
	if (!settings_read_daemon(&judgement->daemon, judgement->settings))
		return explain(judgement, "The configuration of Lockstep cannot be read:",
			judgement->settings->config);
	/* Where nobody is trusted, the threshold refuses. */
	if (files_list(judgement->daemon.trust, ".pub", FILES_LOOKED_AT_MAX, read_key, judgement) !=
		0)
		judgement->trusted.key_count = 0;
	return true;
}

/* By its number, for firmware may call itself otherwise than its release does; by its name, where
 * no number is known. */
static bool runs_here(const struct manifest *manifest, const struct mesh_node *here)
{
	return manifest->sequence <= here->release_sequence ||
	       strcmp(manifest->version, here->version) == 0;
}

static enum offer_verdict ask_verdict(struct judgement *judgement, const struct mesh_node *here)
{
	struct offer *offer = judgement->offer;
	const struct bundle *bundle = &judgement->bundle;
	char why[LIMITS_MESSAGE_SIZE + 1] = "";
	uint8_t id[BYTES_HASH_SIZE];
	const struct verdict_question question = {
		.manifest_bytes = bundle->manifest,
		.manifest_size = bundle->manifest_size,
		.signatures = bundle->signatures,
		.signature_count = bundle->signature_count,
		.trusted = &judgement->trusted,
		.threshold = judgement->daemon.threshold,
		.release_id = id,
		.board = here->board,
		.sequence_floor = here->release_sequence,
		.compat_version = judgement->daemon.compat_version,
	};
	enum reason reason;

	bytes_sha256(id, bundle->manifest, bundle->manifest_size);
	reason = verdict_give(&question, &offer->manifest, &judgement->image, why, sizeof(why));
	if (reason == REASON_DOWNGRADE ||
		(reason == REASON_NONE && runs_here(&offer->manifest, here)))
		return OFFER_NOTHING_NEW;
	if (reason == REASON_NONE)
		return OFFER_NEW;
	(void)explain(judgement, "This node would refuse the release.", why);
	return OFFER_FAILED;
}

enum offer_verdict offer_judge(struct offer *offer, const struct settings *settings,
	const struct mesh_node *here, const char *place, uint64_t end_ms)
{
	struct judgement *judgement = calloc(1, sizeof(*judgement));
	enum offer_verdict verdict = OFFER_FAILED;
	bool is_url = strstr(place, "://") != NULL;

	memset(offer, 0, sizeof(*offer));
	text_set(offer->problem, sizeof(offer->problem), "There is not enough memory.");
	if (judgement == NULL)
		return OFFER_FAILED;
	judgement->offer = offer;
	judgement->settings = settings;
	judgement->place = place;
	judgement->end_ms = end_ms;
	if (is_url && offer_object_to(place)[0] != '\0')
		(void)explain(judgement, "The release cannot be fetched:", offer_object_to(place));
	else if (read_trust(judgement) &&
		 (is_url ? read_url(judgement) : read_directory(judgement)))
		verdict = ask_verdict(judgement, here);
	free(judgement->bundle.manifest);
	free(judgement);
	return verdict;
}
