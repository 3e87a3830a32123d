// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/offers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/words.h"
#include "daemon/api.h"
#include "daemon/node.h"
#include "io/clock.h"

/* ---- what there is ---- */

/* What is said of a release by a word or a text, in this order. */
static const char sayings[] = "source\0place\0state\0reason\0message\0";
enum { SOURCE = 0, PLACE, STATE, REASON, MESSAGE, SAYINGS };

/* One release of the list after the other. */
struct listing {
	struct text *text;
	const struct node *node;
	const struct directory *directory;
	const char *said[SAYINGS]; /* STATE NULL: what its images say */
	uint64_t size, held;       /* bytes, of its images */
};

static void add_image(void *context, const struct image *image)
{
	struct listing *listing = context;
	struct text *text = listing->text;
	const struct directory_image *kept = directory_find(listing->directory, image->sha256);
	uint64_t held = 0;
	int fd;

	if (kept != NULL) {
		fd = directory_open_file(listing->directory, kept, O_RDONLY, &held);
		if (fd >= 0)
			close(fd);
		if (held > image->size)
			held = 0;
		listing->size += image->size;
	}
	listing->held += held;
	text_begin_object(text);
	text_add_member_hex(text, "sha256", image->sha256, BYTES_HASH_SIZE);
	text_add_member_u64(text, "size", image->size);
	text_add_member_u64(text, "held", held);
	text_add_member_strings(
		text, "boards", image->boards[0], sizeof(image->boards[0]), image->board_count);
	text_end_object(text);
}

/* Who signed it of those whom this node trusts; how many of them. */
static uint32_t add_signers(
	struct text *text, const struct keyring *trusted, const struct directory *directory)
{
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	uint32_t count = 0;

	text_begin_list(text, "signed_by");
	for (uint32_t i = 0; i < trusted->key_count; i++) {
		if (!keyring_key_signed(&trusted->keys[i], directory->signatures,
			    directory->signature_count, directory->manifest,
			    directory->manifest_size))
			continue;
		usign_fingerprint(fingerprint, trusted->keys[i].keynum);
		text_add_json_string(text, fingerprint);
		count++;
	}
	text_end_list(text);
	return count;
}

static void add_release(struct listing *listing)
{
	const struct directory *directory = listing->directory;
	const struct node *node = listing->node;
	struct text *text = listing->text;
	struct manifest manifest = { .sequence = 0 };
	char problem[LIMITS_MESSAGE_SIZE + 1];
	const char *said;

	text_begin_object(text);
	text_add_member_hex(text, "id", directory->release_id,
		bytes_are_zero(directory->release_id, BYTES_HASH_SIZE) ? 0 : BYTES_HASH_SIZE);
	text_begin_list(text, "images");
	/* It was read before, or it has none. */
	if (directory->image_count > 0)
		(void)!manifest_walk(&manifest, directory->manifest, directory->manifest_size,
			add_image, listing, problem, sizeof(problem));
	text_end_list(text);
	members_write(text, manifest_head_members, MANIFEST_HEAD_COUNT, &manifest, true);
	text_add_member_bool(text, "trusted",
		add_signers(text, &node->release_keys, directory) >= node->config->threshold);
	for (unsigned i = 0; i < SAYINGS; i++) {
		said = listing->said[i];
		if (said == NULL)
			said = listing->held < listing->size ? "incomplete" : "ready";
		text_add_member_string(text, words_at(sayings, i), said);
	}
	text_add_member_u64(text, "size", listing->size);
	text_add_member_u64(text, "held", listing->held);
	text_end_object(text);
	listing->size = listing->held = 0;
}

/* ---- sticks ---- */

struct search {
	struct listing listing;
	const char *above; /* the directory that is searched … */
	uint32_t depth;    /* … which is so deep */
	uint32_t effort, found;
	struct directory directory; /* room for one */
};

static void look_into(void *context, const char *name)
{
	struct search *search = context;
	const char *above = search->above;
	char path[FILES_PATH_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];

	search->effort += OFFERS_DIRECTORY_EFFORT;
	if (search->effort > OFFERS_EFFORT_MAX || search->found == OFFERS_MEDIA_MAX ||
		!files_join(path, above, name) || !files_is_directory(path))
		return;
	if (!images_is_offered(search->listing.node->images, path) &&
		directory_open(&search->directory, path, problem, sizeof(problem)) == 0) {
		search->found++;
		search->effort += (uint32_t)search->directory.manifest_size;
		search->listing.said[PLACE] = path;
		add_release(&search->listing);
		directory_close(&search->directory);
	}
	if (++search->depth < OFFERS_DEPTH) {
		search->above = path;
		(void)!files_list(path, "", FILES_ENTRIES_MAX, look_into, search);
		search->above = above;
	}
	search->depth--;
}

/* ---- GET /v1/releases ---- */

static void view_releases(const struct node *node, uint64_t now_ms, struct text *text)
{
	const struct offers *offers = &node->offers;
	const struct upload *upload = node->upload;
	struct search search = {
		.listing = { .text = text, .node = node, .said = { "media", "", NULL, "", "" } },
		.above = node->config->media_directory,
	};
	struct listing *listing = &search.listing;
	const struct directory *directory;
	enum reason reason;

	(void)now_ms;
	text_begin_object(text);
	text_begin_list(text, "releases");
	listing->directory = &search.directory;
	(void)!files_list(search.above, "", FILES_ENTRIES_MAX, look_into, &search);
	listing->said[SOURCE] = "directory";
	for (uint32_t i = 0; (directory = images_directory(node->images, i)) != NULL; i++) {
		listing->directory = directory;
		listing->said[PLACE] = directory->path;
		if (!directory->ours)
			add_release(listing);
	}
	listing->said[SOURCE] = "upload";
	listing->said[PLACE] = "";
	if (upload != NULL) {
		listing->directory = upload->directory;
		if (upload->directory->image_count == 0) {
			listing->size = upload->directory->manifest_size;
			listing->held = upload->manifest_held;
		}
		add_release(listing);
	}
	listing->directory = &offers->linked;
	listing->said[SOURCE] = "url";
	listing->said[PLACE] = offers->url;
	listing->said[STATE] = "fetching";
	if (!offers->looking) {
		reason = offers->linked.image_count > 0    ? REASON_NONE
			 : offers->linked.manifest != NULL ? REASON_BAD_RELEASE
							   : REASON_FETCH_FAILED;
		listing->said[STATE] = reason == REASON_NONE ? "ready" : "failed";
		listing->said[REASON] = reason_word(reason);
		listing->said[MESSAGE] = reason_sentence(reason);
	}
	if (offers->url[0] != '\0')
		add_release(listing);
	text_end_list(text);
	text_end_object(text);
}

void offers_get(void *context, struct http_request *request)
{
	struct node *node = context;
	struct offers *offers = &node->offers;
	uint64_t now_ms = clock_now_ms();

	if (now_ms - offers->list_ms >= OFFERS_LIST_MS) {
		free(offers->list);
		offers->list = api_render(node, view_releases, &offers->list_size);
		offers->list_ms = now_ms;
	}
	api_reply_text(request, offers->list, offers->list_size);
}

/* ---- POST /v1/offers ---- */

/* Below the directory of sticks, on a way without symbolic links and steps back. */
static bool is_media(const struct node *node, char *path)
{
	const char *media = node->config->media_directory;
	size_t size = strlen(media);
	char *slash = path + size;
	bool is = strncmp(path, media, size) == 0 && *slash == '/' && strstr(slash, "/.") == NULL;

	while (is && (slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		is = files_is_directory(path);
		*slash = '/';
	}
	return is && files_is_directory(path);
}

static enum reason offer_path(
	struct node *node, struct release_offer *offer, char *message, size_t capacity)
{
	const struct directory *directory;

	if (!images_is_offered(node->images, offer->path) && !is_media(node, offer->path)) {
		text_set(message, capacity, "path is not on a stick");
		return REASON_BAD_ORDER;
	}
	directory = node_add_directory(node, offer->path, message, capacity);
	if (directory == NULL)
		return REASON_BAD_RELEASE;
	memcpy(offer->upload.release_id, directory->release_id, BYTES_HASH_SIZE);
	return REASON_NONE;
}

static enum reason offer_url(struct node *node, const struct release_offer *offer)
{
	struct offers *offers = &node->offers;
	struct action action = { .kind = ACTION_FETCH_RELEASE };

	/* One at a time: whoever repeats old offers does not make us ask more than that. */
	if (offers->looking)
		return strcmp(offers->url, offer->url) == 0 ? REASON_NONE : REASON_WRONG_STATE;
	directory_close(&offers->linked);
	memcpy(offers->url, offer->url, sizeof(offers->url));
	memcpy(action.fetch_release.source.url, offer->url, sizeof(offers->url));
	action.fetch_release.source.peer = OFFERS_PEER;
	offers->looking = true;
	releases_fetch(node->releases, &action);
	return REASON_NONE;
}

void offers_looked(struct node *node, const struct event *event)
{
	struct directory *linked = &node->offers.linked;
	char problem[LIMITS_MESSAGE_SIZE + 1];
	size_t size = event->release.manifest_size;

	node->offers.list_ms = 0;
	node->offers.looking = false;
	if (event->kind == EVENT_RELEASE)
		linked->manifest = malloc(size);
	if (linked->manifest == NULL)
		return;
	linked->manifest_size = size;
	memcpy(linked->manifest, event->release.manifest, size);
	linked->signature_count = event->release.signature_count;
	memcpy(linked->signatures, event->release.signatures, sizeof(linked->signatures));
	(void)!directory_index(linked, problem, sizeof(problem));
}

void offers_post(void *context, struct http_request *request)
{
	struct node *node = context;
	char message[LIMITS_MESSAGE_SIZE + 1] = "";
	struct api_signed posted;
	enum reason reason;
	struct release_offer offer;

	if (!api_read_signed(request, "offer", &posted))
		return;
	reason = agent_judge_offer(node->agent, posted.text, posted.size, posted.signature, &offer,
		message, sizeof(message));
	json_free(posted.object);
	node->offers.list_ms = 0;
	if (reason == REASON_NONE)
		reason = offer.kind == OFFER_PATH
				 ? offer_path(node, &offer, message, sizeof(message))
			 : offer.kind == OFFER_URL ? offer_url(node, &offer)
						   : upload_begin(node, &offer.upload, message);
	if (reason != REASON_NONE)
		api_refuse(request, reason, message);
	else if (offer.kind == OFFER_PATH)
		api_reply_hash(request, 202, "release", offer.upload.release_id);
	else
		http_reply(request, 202, "application/json", "{}", 2);
}

void offers_close(struct node *node)
{
	directory_close(&node->offers.linked);
	free(node->offers.list);
}
