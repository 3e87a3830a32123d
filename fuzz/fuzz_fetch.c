// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: what comes when a node fetches a release, its signatures, a map or a chunk
 * from him, and the image file that he filled may be asked for in any order. The first line of the
 * input is a script, of one letter each; the rest is his replies (peer.h), with the placeholders of
 * fuzz_fill() and "@g" for the release's signatures as a node serves them, "@f" for a file of them.
 *
 *   r R L  fetch the release: from a neighbour, a URL, here   o O  open the image, and one without
 *   m M    fetch the map: from a neighbour, here                   room for it
 *   c l    fetch a chunk: from a neighbour, here              w W  write a chunk, all chunks
 *   C D    the same from a URL of the release, of the image   h d  hash the image, drop it
 *   f      the first chunk of an image that nobody has        s g  give up; the neighbour is gone
 *   a A    offer a release directory, one that is none        t T  let a turn pass, some
 *   p P    cut the image file, fill it with what is wrong     q    as o, but time stands still
 *   n      the release is another one: one more blank is      E    ends before all is answered
 *          behind its manifest
 *
 * Every request gets its one answer, and what is kept of a release has the hash that was asked for.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common.h"
#include "daemon/images.h"
#include "daemon/releases.h"
#include "faults.h"
#include "io/timer.h"
#include "peer.h"
#include "scratch.h"

enum { TURNS_MAX = 400, SOME_TURNS = 6, SCRIPT_MAX = 40 };

struct scene {
	struct event_base *base;
	struct http_client *client;
	struct images *images;
	struct releases *releases;
	struct peer peer;
	struct keyring trusted;
	char work[FILES_PATH_SIZE + 1], url[64], url_base[80], url_file[80];
	uint32_t asked, answered, chunk;
	bool gone, early;
	uint32_t working; /* openings and hashes of the image that are not answered */
	uint32_t blanks, directories;
	uint8_t release_id[BYTES_HASH_SIZE];
	struct image image;
};

/* ---- the node behind it ---- */

static void on_event(void *context, const struct event *event)
{
	struct scene *scene = context;
	void *copy = NULL;

	scene->answered++;
	assert(scene->answered <= scene->asked || faults_happened());
	switch (event->kind) {
	case EVENT_RELEASE:
		copy = fuzz_copy(event->release.manifest, event->release.manifest_size);
		assert(event->release.signature_count <= LIMITS_SIGNATURES_MAX);
		assert(event->release.manifest_size <= LIMITS_MANIFEST_SIZE);
		break;
	case EVENT_CHUNK:
		if (event->chunk.outcome == EVENT_CHUNK_CAME)
			copy = fuzz_copy(event->chunk.bytes, event->chunk.size);
		break;
	case EVENT_CHUNKMAP:
		copy = fuzz_copy(event->chunkmap.wire, event->chunkmap.wire_size);
		break;
	case EVENT_IMAGE_HASHED:
		scene->working--;
		break;
	case EVENT_IMAGE_OPENED:
		scene->working--;
		if (event->image_opened.error == EVENT_IMAGE_OK)
			copy = fuzz_copy(event->image_opened.held, event->image_opened.held_size);
		break;
	default:
		break;
	}
	free(copy);
}

static const char *neighbour_url(void *context, uint32_t neighbour)
{
	const struct scene *scene = context;

	assert(neighbour < LIMITS_NEIGHBOURS_MAX);
	return scene->gone ? NULL : scene->url;
}

static void calm_turn(struct scene *scene)
{
	(void)event_base_loop(scene->base, EVLOOP_NONBLOCK);
}

/* No failures while an image is opened or hashed: without memory for their answers a node ends
 * itself, on purpose. */
static void turn(void *context)
{
	const struct scene *scene = context;

	faults_wait();
	if (scene->working == 0)
		faults_on();
	calm_turn(context);
	faults_off();
}

static void describe_image(struct image *image)
{
	const struct fuzz_release *release = fuzz_release();
	bool found =
		manifest_find_image(image, FUZZ_BOARD, release->manifest, release->manifest_size);

	assert(found);
}

/* ---- the script ---- */

static void fetch_release(struct scene *scene, uint32_t peer)
{
	struct action action = { .kind = ACTION_FETCH_RELEASE };

	action.fetch_release.source.peer = peer;
	if (peer >= AGENT_PEER_URL)
		text_set(action.fetch_release.source.url, LIMITS_URL_SIZE + 1, scene->url_base);
	memcpy(action.fetch_release.release_id, scene->release_id, BYTES_HASH_SIZE);
	scene->asked++;
	faults_on();
	releases_fetch(scene->releases, &action);
	faults_off();
}

static void fetch_map(struct scene *scene, uint32_t peer)
{
	struct action action = { .kind = ACTION_FETCH_CHUNKMAP };

	action.fetch_chunkmap.source.peer = peer;
	memcpy(action.fetch_chunkmap.sha256, scene->image.sha256, BYTES_HASH_SIZE);
	action.fetch_chunkmap.wire_size = 1;
	scene->asked++;
	images_fetch_chunkmap(scene->images, &action);
}

static void fetch_chunk(struct scene *scene, uint32_t peer, const char *url, bool unknown)
{
	struct action action = { .kind = ACTION_FETCH_CHUNK };
	uint32_t chunk = scene->chunk++ % FUZZ_CHUNKS;

	action.fetch_chunk.source.peer = peer;
	text_set(action.fetch_chunk.source.url, LIMITS_URL_SIZE + 1, url);
	memcpy(action.fetch_chunk.sha256, scene->image.sha256, BYTES_HASH_SIZE);
	action.fetch_chunk.sha256[0] ^= unknown;
	action.fetch_chunk.chunk = chunk;
	action.fetch_chunk.offset = (uint64_t)chunk * FUZZ_CHUNK_SIZE;
	action.fetch_chunk.size = image_chunk_bytes(&scene->image, chunk);
	scene->asked++;
	images_fetch_chunk(scene->images, &action);
}

/* The hash of the manifest with all its blanks. */
static void name_release(struct scene *scene)
{
	const struct fuzz_release *release = fuzz_release();
	size_t size = release->manifest_size + scene->blanks;
	char *manifest = malloc(size);

	assert(manifest != NULL);
	memset(manifest, ' ', size);
	memcpy(manifest, release->manifest, release->manifest_size);
	bytes_sha256(scene->release_id, manifest, size);
	free(manifest);
}

static void open_image(struct scene *scene, uint64_t size, int turns)
{
	struct action action = { .kind = ACTION_IMAGE_OPEN };

	scene->image.size = size;
	action.image_open.image = &scene->image;
	scene->asked++;
	scene->working++;
	images_open(scene->images, &action);
	for (int i = 0; i < turns; i++)
		calm_turn(scene);
	describe_image(&scene->image);
}

static void write_chunk(struct scene *scene, uint32_t chunk)
{
	struct action action = { .kind = ACTION_IMAGE_WRITE };

	action.image_write.chunk = chunk;
	action.image_write.offset = (uint64_t)chunk * FUZZ_CHUNK_SIZE;
	action.image_write.bytes = fuzz_release()->image + action.image_write.offset;
	action.image_write.size = image_chunk_bytes(&scene->image, chunk);
	scene->asked++;
	images_write(scene->images, &action);
}

/* As if somebody else did it; true if there is a file. */
static void spoil_image(const struct scene *scene, bool cut)
{
	const char *path = images_path(scene->images);
	int fd = path[0] != '\0' ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (cut)
		(void)!ftruncate(fd, FUZZ_CHUNK_SIZE + 1);
	else
		(void)!pwrite(fd, "wrong", 5, 0);
	close(fd);
}

static void add_directory(struct scene *scene, const char *name)
{
	char path[FILES_PATH_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];

	scratch_path(path, name);
	faults_on();
	(void)images_add_directory(scene->images, path, problem, sizeof(problem));
	faults_off();
}

/* What has to do with the image file. */
static void handle_image(struct scene *scene, char what)
{
	switch (what) {
	case 'o':
		open_image(scene, scene->image.size, SOME_TURNS);
		break;
	case 'O':
		open_image(scene, UINT64_C(1) << 50, SOME_TURNS);
		break;
	case 'q':
		open_image(scene, scene->image.size, 0);
		break;
	case 'w':
		write_chunk(scene, scene->chunk++ % FUZZ_CHUNKS);
		break;
	case 'W':
		for (uint32_t i = 0; i < FUZZ_CHUNKS; i++)
			write_chunk(scene, i);
		break;
	case 'h':
		scene->asked++;
		scene->working++;
		images_hash(scene->images);
		calm_turn(scene);
		break;
	case 'd':
		images_drop(scene->images);
		break;
	case 'p':
	case 'P':
		spoil_image(scene, what == 'p');
		break;
	default:
		break;
	}
}

static void do_one(struct scene *scene, char what)
{
	/* The same directory, and yet others. */
	static const char *const names[] = { "release", "release", "release/.", "release/./.",
		"./release", "././release" };

	switch (what) {
	case 'r':
		fetch_release(scene, 1);
		break;
	case 'R':
		fetch_release(scene, AGENT_PEER_URL);
		break;
	case 'L':
		fetch_release(scene, AGENT_PEER_LOCAL);
		break;
	case 'm':
		fetch_map(scene, 1);
		break;
	case 'M':
		fetch_map(scene, AGENT_PEER_LOCAL);
		break;
	case 'c':
		fetch_chunk(scene, 1, "", false);
		break;
	case 'l':
	case 'f':
		fetch_chunk(scene, AGENT_PEER_LOCAL, "", what == 'f');
		break;
	case 'C':
		fetch_chunk(scene, AGENT_PEER_URL, scene->url_base, false);
		break;
	case 'D':
		fetch_chunk(scene, AGENT_PEER_URL, scene->url_file, false);
		break;
	case 's':
		/* Those have no answers any more; what was written before still has. */
		images_fetch_stop(scene->images);
		break;
	case 'g':
		scene->gone = !scene->gone;
		break;
	case 'a':
		add_directory(scene, names[scene->directories++ % 6]);
		break;
	case 'A':
		add_directory(scene, "none");
		break;
	case 'n':
		scene->blanks++;
		name_release(scene);
		break;
	case 'E':
		scene->early = true;
		break;
	case 't':
		turn(scene);
		break;
	case 'T':
		for (int i = 0; i < SOME_TURNS; i++) {
			turn(scene);
			peer_serve(&scene->peer);
		}
		break;
	default:
		handle_image(scene, what);
		break;
	}
}

/* ---- the replies ---- */

static void add_signatures(struct text *text, bool as_file)
{
	const struct fuzz_release *release = fuzz_release();
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1], file[USIGN_FILE_SIZE_MAX];

	usign_signature_to_blob(blob, &release->signature);
	if (as_file)
		text_add_bytes(text, file,
			usign_write_signature(file, sizeof(file), "fuzz", &release->signature));
	else
		text_add_format(text, "{\"signatures\":[\"%s\"]}", blob);
}

/* "@m", "@g" and "@f" are longer than what fuzz_fill() knows; sizes in the heads count them. */
static char *fill(const uint8_t *bytes, size_t size, size_t *filled_size)
{
	const struct fuzz_release *release = fuzz_release();
	size_t capacity = 16 * 8192 + size;
	char *buffer = malloc(capacity);
	struct text text;

	assert(buffer != NULL);
	text_init(&text, buffer, capacity);
	for (size_t i = 0; i < size && text.size + 8192 < capacity; i++) {
		char what = bytes[i] == '@' && i + 1 < size ? (char)bytes[i + 1] : '\0';

		if (what == 'm')
			text_add_bytes(&text, release->manifest, release->manifest_size);
		else if (what == 'i')
			text_add_bytes(&text, (const char *)release->image, FUZZ_CHUNK_SIZE);
		else if (what == 'g' || what == 'f')
			add_signatures(&text, what == 'f');
		else
			text_add_bytes(&text, (const char *)&bytes[i], 1);
		i += what != '\0' && strchr("migf", what) != NULL;
	}
	*filled_size = text.size;
	return buffer;
}

/* ---- an input ---- */

static void lay_out_once(void)
{
	static bool done;
	const struct fuzz_release *release = fuzz_release();
	char file[USIGN_FILE_SIZE_MAX];

	if (done)
		return;
	done = true;
	scratch_write("release/release.json", release->manifest, release->manifest_size);
	scratch_write("release/signatures/a.sig", file,
		usign_write_signature(file, sizeof(file), "fuzz", &release->signature));
	scratch_write("release/images/alpha.bin", release->image, FUZZ_IMAGE_SIZE);
	scratch_write("release/images/beta.bin", release->image, FUZZ_IMAGE_SIZE);
}

static void open_scene(struct scene *scene, struct fuzz *fuzz, size_t piece)
{
	const struct images_callbacks callbacks = { on_event, neighbour_url, scene };
	struct releases_setup setup = {
		.work_directory = scene->work,
		.trusted = &scene->trusted,
		.event = on_event,
		.neighbour_url = neighbour_url,
		.context = scene,
	};
	bool added = keyring_add(&scene->trusted, fuzz_public(FUZZ_OTHER)) &&
		     keyring_add(&scene->trusted, fuzz_public(FUZZ_RELEASE));

	assert(added);
	scratch_remove("work");
	scratch_path(scene->work, "work");
	snprintf(scene->url, sizeof(scene->url), "http://127.0.0.1:%u", (unsigned)peer_port());
	snprintf(scene->url_base, sizeof(scene->url_base), "%s/r/", scene->url);
	snprintf(scene->url_file, sizeof(scene->url_file), "%s/x.bin", scene->url);
	name_release(scene);
	describe_image(&scene->image);
	scene->base = timer_new_base();
	scene->client = http_client_new(scene->base);
	scene->images = images_new(scene->base, scene->work, scene->client, &callbacks);
	setup.base = scene->base;
	setup.client = scene->client;
	setup.images = scene->images;
	scene->releases = releases_new(&setup);
	assert(scene->images != NULL && scene->releases != NULL);
	scene->peer =
		(struct peer){ .replies = fuzz, .piece = piece, .turn = turn, .context = scene };
}

/* In the daemon's order; its loop does not turn again either. */
static void close_scene(struct scene *scene)
{
	releases_free(scene->releases);
	images_free(scene->images);
	http_client_free(scene->client);
	event_base_free(scene->base);
	peer_close(&scene->peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct fuzz fuzz;
	size_t filled_size, script_size;
	const char *end;
	char *filled;

	faults_plan(&bytes, &size);
	assert(scene != NULL);
	peer_listen();
	lay_out_once();
	filled = fill(bytes, size, &filled_size);
	end = memchr(filled, '\n', filled_size);
	script_size = end != NULL ? (size_t)(end - filled) : filled_size;
	fuzz_begin(&fuzz, (const uint8_t *)filled + script_size + (end != NULL),
		filled_size - script_size - (end != NULL));
	open_scene(scene, &fuzz, 1 + filled_size % 4096);
	for (size_t i = 0; i < script_size && i < SCRIPT_MAX; i++) {
		do_one(scene, filled[i]);
		peer_serve(&scene->peer);
	}
	for (int i = 0; i < TURNS_MAX && scene->answered < scene->asked && !scene->early; i++) {
		turn(scene);
		peer_serve(&scene->peer);
	}
	close_scene(scene);
	free(filled);
	free(scene);
	return 0;
}
