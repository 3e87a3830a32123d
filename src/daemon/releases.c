// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/releases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/json.h"
#include "base/text.h"
#include "io/files.h"

enum {
	FETCH_DEADLINE_MS = 15000,
	SIGNATURES_SIZE_MAX = 8192, /* 32 blobs of 100 characters, with room */
	KEPT_MAX = 2,               /* releases in the work directory */
};

struct releases {
	struct releases_setup setup;
	struct fetch *fetches;
	uint32_t kept_count;
	uint8_t kept[KEPT_MAX][BYTES_HASH_SIZE];
};

/* One ACTION_FETCH_RELEASE under way: first the manifest, then the signatures. */
struct fetch {
	struct releases *releases;
	struct fetch *next;
	uint8_t id[BYTES_HASH_SIZE];
	char *manifest;
	size_t manifest_size;
	size_t signature_count;
	uint32_t next_key; /* of the trusted ones, whose .sig file is asked for */
	struct agent_source source;
	struct usign_signature signatures[LIMITS_SIGNATURES_MAX];
};

static void free_fetch(struct fetch *fetch)
{
	for (struct fetch **at = &fetch->releases->fetches; *at != NULL; at = &(*at)->next) {
		if (*at == fetch) {
			*at = fetch->next;
			break;
		}
	}
	free(fetch->manifest);
	free(fetch);
}

static void fail(struct fetch *fetch)
{
	struct event event = { .kind = EVENT_RELEASE_FAILED };
	struct releases *releases = fetch->releases;

	event.release_failed.peer = fetch->source.peer;
	memcpy(event.release_failed.release_id, fetch->id, BYTES_HASH_SIZE);
	free_fetch(fetch);
	releases->setup.event(releases->setup.context, &event);
}

/* ---- what is kept ---- */

static bool kept_path(const struct releases *releases, const uint8_t *id, const char *ending,
	char path[FILES_PATH_SIZE + 1])
{
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	struct text text;

	bytes_to_hex(hex, id, BYTES_HASH_SIZE);
	text_init(&text, path, FILES_PATH_SIZE + 1);
	text_add_format(&text, "%s/releases/%s.%s", releases->setup.work_directory, hex, ending);
	return !text_cut(&text);
}

static int read_kept(const struct releases *releases, const uint8_t *id, const char *ending,
	size_t size_max, char **bytes, size_t *size)
{
	char path[FILES_PATH_SIZE + 1];

	if (!kept_path(releases, id, ending, path))
		return -ENAMETOOLONG;
	return files_read(path, size_max, bytes, size);
}

static bool write_kept(const struct releases *releases, const uint8_t *id, const char *ending,
	const char *bytes, size_t size)
{
	char path[FILES_PATH_SIZE + 1];

	return kept_path(releases, id, ending, path) && files_write(path, bytes, size, 0644) == 0;
}

static void forget_kept(const struct releases *releases, const uint8_t *id, const char *ending)
{
	char path[FILES_PATH_SIZE + 1];

	if (kept_path(releases, id, ending, path))
		(void)unlink(path);
}

static void write_signatures(
	struct text *text, const struct usign_signature *signatures, size_t count)
{
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];

	text_add(text, "{\"signatures\":[");
	for (size_t i = 0; i < count; i++) {
		usign_signature_to_blob(blob, &signatures[i]);
		text_add_json_string(text, blob);
	}
	text_end_list(text);
	text_end_object(text);
}

bool releases_read_signatures(
	const char *bytes, size_t size, struct usign_signature *signatures, size_t *count)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	struct json_object *list =
		json_get_array(&reader, object, "signatures", LIMITS_SIGNATURES_MAX);
	bool ok;

	*count = 0;
	for (size_t i = 0; i < json_array_count(list); i++) {
		char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1] = "";

		json_array_string(&reader, list, "signatures", i, blob, sizeof(blob));
		if (usign_signature_from_blob(&signatures[*count], blob))
			(*count)++;
	}
	ok = json_ok(&reader);
	json_free(object);
	return ok;
}

static void keep(struct fetch *fetch)
{
	struct releases *releases = fetch->releases;
	char signatures[SIGNATURES_SIZE_MAX];
	struct text text;

	for (uint32_t i = 0; i < releases->kept_count; i++) {
		if (bytes_same_32(releases->kept[i], fetch->id))
			return;
	}
	text_init(&text, signatures, sizeof(signatures));
	write_signatures(&text, fetch->signatures, fetch->signature_count);
	/* What cannot be kept is not served; this node has what it needs all the same. */
	if (!write_kept(releases, fetch->id, "json", fetch->manifest, fetch->manifest_size) ||
		!write_kept(releases, fetch->id, "signatures", signatures, text.size))
		return;
	if (releases->kept_count == KEPT_MAX) {
		forget_kept(releases, releases->kept[0], "json");
		forget_kept(releases, releases->kept[0], "signatures");
		memmove(releases->kept[0], releases->kept[1], (KEPT_MAX - 1) * BYTES_HASH_SIZE);
		releases->kept_count--;
	}
	memcpy(releases->kept[releases->kept_count++], fetch->id, BYTES_HASH_SIZE);
}

static void succeed(struct fetch *fetch)
{
	struct event event = { .kind = EVENT_RELEASE };
	struct releases *releases = fetch->releases;
	uint8_t hash[BYTES_HASH_SIZE];

	bytes_sha256(hash, fetch->manifest, fetch->manifest_size);
	if (bytes_same_32(hash, fetch->id) && fetch->signature_count > 0)
		keep(fetch);
	event.release.peer = fetch->source.peer;
	memcpy(event.release.release_id, fetch->id, BYTES_HASH_SIZE);
	event.release.manifest = fetch->manifest;
	event.release.manifest_size = fetch->manifest_size;
	event.release.signatures = fetch->signatures;
	event.release.signature_count = fetch->signature_count;
	releases->setup.event(releases->setup.context, &event);
	free_fetch(fetch);
}

static bool take_manifest(struct fetch *fetch, const void *bytes, size_t size)
{
	fetch->manifest = malloc(size + 1);
	if (fetch->manifest == NULL)
		return false;
	memcpy(fetch->manifest, bytes, size);
	fetch->manifest[size] = '\0';
	fetch->manifest_size = size;
	return true;
}

/* ---- from this machine ---- */

static bool load(struct fetch *fetch)
{
	struct releases *releases = fetch->releases;
	const struct directory *directory = images_find_release(releases->setup.images, fetch->id);
	char *signatures = NULL;
	size_t size;
	bool ok;

	if (directory != NULL) {
		fetch->signature_count = directory->signature_count;
		memcpy(fetch->signatures, directory->signatures, sizeof(fetch->signatures));
		return take_manifest(fetch, directory->manifest, directory->manifest_size);
	}
	ok = read_kept(releases, fetch->id, "json", LIMITS_MANIFEST_SIZE, &fetch->manifest,
		     &fetch->manifest_size) == 0 &&
	     read_kept(releases, fetch->id, "signatures", SIGNATURES_SIZE_MAX, &signatures,
		     &size) == 0 &&
	     releases_read_signatures(signatures, size, fetch->signatures, &fetch->signature_count);
	free(signatures);
	return ok;
}

/* A turn after it was asked for: it lies here, or there was no way to even ask for it. */
static void on_turn(evutil_socket_t fd, short what, void *context)
{
	struct fetch *fetch = context;

	(void)fd;
	(void)what;
	if (fetch->source.peer == AGENT_PEER_LOCAL && load(fetch))
		succeed(fetch);
	else
		fail(fetch);
}

/* ---- from others ---- */

static bool ask(struct fetch *fetch, const char *name, size_t size_max,
	void (*done)(void *context, uint64_t token, const struct http_result *result))
{
	struct releases *releases = fetch->releases;
	char url[LIMITS_URL_SIZE + BYTES_HASH_TEXT_SIZE + 64];
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	struct http_fetch request = {
		.url = url,
		.size = size_max,
		.deadline_ms = FETCH_DEADLINE_MS,
		.group = RELEASES_FETCH_GROUP,
		.done = done,
		.context = fetch,
	};
	const char *base = fetch->source.url;
	struct text text;

	text_init(&text, url, sizeof(url));
	if (fetch->source.peer >= AGENT_PEER_URL) {
		text_add(&text, base);
	} else {
		if (fetch->source.peer < LIMITS_NEIGHBOURS_MAX)
			base = releases->setup.neighbour_url(
				releases->setup.context, fetch->source.peer);
		if (base == NULL)
			return false;
		bytes_to_hex(hex, fetch->id, BYTES_HASH_SIZE);
		text_add_format(&text, "%s/v1/releases/%s/", base, hex);
	}
	text_add(&text, name);
	return !text_cut(&text) && http_client_get(releases->setup.client, &request);
}

static void on_signature_file(void *context, uint64_t token, const struct http_result *result);

/* A plain web server cannot list a directory: each trusted key's file is asked for by name. */
static void ask_next_signature(struct fetch *fetch)
{
	const struct keyring *trusted = fetch->releases->setup.trusted;
	char name[64], fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];

	if (fetch->next_key >= trusted->key_count) {
		succeed(fetch);
		return;
	}
	usign_fingerprint(fingerprint, trusted->keys[fetch->next_key++].keynum);
	snprintf(name, sizeof(name), "signatures/%s.sig", fingerprint);
	if (!ask(fetch, name, USIGN_FILE_SIZE_MAX, on_signature_file))
		fail(fetch);
}

static void on_signature_file(void *context, uint64_t token, const struct http_result *result)
{
	struct fetch *fetch = context;

	(void)token;
	if (result->outcome == HTTP_CAME && fetch->signature_count < LIMITS_SIGNATURES_MAX &&
		usign_read_signature(&fetch->signatures[fetch->signature_count],
			(const char *)result->bytes, result->size) == USIGN_OK)
		fetch->signature_count++;
	ask_next_signature(fetch);
}

static void on_signatures(void *context, uint64_t token, const struct http_result *result)
{
	struct fetch *fetch = context;

	(void)token;
	if (result->outcome == HTTP_CAME &&
		releases_read_signatures((const char *)result->bytes, result->size,
			fetch->signatures, &fetch->signature_count))
		succeed(fetch);
	else if (fetch->source.peer >= AGENT_PEER_URL)
		ask_next_signature(fetch);
	else
		fail(fetch);
}

static void on_manifest(void *context, uint64_t token, const struct http_result *result)
{
	struct fetch *fetch = context;

	(void)token;
	if (result->outcome != HTTP_CAME || !take_manifest(fetch, result->bytes, result->size) ||
		!ask(fetch, "signatures", SIGNATURES_SIZE_MAX, on_signatures))
		fail(fetch);
}

void releases_fetch(struct releases *releases, const struct action *action)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	const struct timeval now = { 0 };

	/* Without memory the agent's own deadline goes on. */
	if (fetch == NULL)
		return;
	fetch->releases = releases;
	fetch->next = releases->fetches;
	releases->fetches = fetch;
	fetch->source = action->fetch_release.source;
	memcpy(fetch->id, action->fetch_release.release_id, BYTES_HASH_SIZE);
	if (fetch->source.peer == AGENT_PEER_LOCAL ||
		!ask(fetch, "release.json", LIMITS_MANIFEST_SIZE, on_manifest))
		(void)event_base_once(releases->setup.base, -1, EV_TIMEOUT, on_turn, fetch, &now);
}

/* ---- to others ---- */

/* The directory that has the release asked for. NULL: there is none, and this has replied. */
static const struct directory *find_or_reply(
	const struct releases *releases, struct http_request *request, const char *ending)
{
	const struct directory *directory;
	uint8_t id[BYTES_HASH_SIZE];
	char *bytes;
	size_t size;

	if (!bytes_from_hex(id, BYTES_HASH_SIZE, http_request_parameter(request, 0))) {
		http_reply_error(request, 404, "bad_release", "A release id has 64 hex digits.");
		return NULL;
	}
	directory = images_find_release(releases->setup.images, id);
	if (directory != NULL)
		return directory;
	if (read_kept(releases, id, ending, LIMITS_MANIFEST_SIZE, &bytes, &size) == 0) {
		http_reply(request, 200, "application/json", bytes, size);
		free(bytes);
	} else {
		http_reply_error(
			request, 404, "no_source", "This node does not have that release.");
	}
	return NULL;
}

void releases_serve_manifest(struct releases *releases, struct http_request *request)
{
	const struct directory *directory = find_or_reply(releases, request, "json");

	if (directory != NULL)
		http_reply(request, 200, "application/json", directory->manifest,
			directory->manifest_size);
}

void releases_serve_signatures(struct releases *releases, struct http_request *request)
{
	const struct directory *directory = find_or_reply(releases, request, "signatures");
	char signatures[SIGNATURES_SIZE_MAX];
	struct text text;

	if (directory == NULL)
		return;
	text_init(&text, signatures, sizeof(signatures));
	write_signatures(&text, directory->signatures, directory->signature_count);
	http_reply(request, 200, "application/json", signatures, text.size);
}

struct releases *releases_new(const struct releases_setup *setup)
{
	struct releases *releases = calloc(1, sizeof(*releases));
	char path[FILES_PATH_SIZE + 1];

	if (releases == NULL)
		return NULL;
	releases->setup = *setup;
	if (files_join(path, setup->work_directory, "releases") && files_make_directory(path) == 0)
		return releases;
	free(releases);
	return NULL;
}

void releases_free(struct releases *releases)
{
	if (releases == NULL)
		return;
	http_client_cancel(releases->setup.client, RELEASES_FETCH_GROUP);
	while (releases->fetches != NULL)
		free_fetch(releases->fetches);
	free(releases);
}
