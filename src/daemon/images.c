// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/images.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"
#include "io/files.h"
#include "io/image_file.h"
#include "io/memory.h"
#include "io/range.h"
#include "release/trailer.h"
#include "swarm/chunkmap.h"
#include "swarm/planner.h"

enum {
	CHUNKMAP_DEADLINE_MS = 5000,
	CHUNK_STALL_MS = 10000,
	URL_SIZE = LIMITS_URL_SIZE + MANIFEST_FILE_SIZE + 128,
};

/* An event that waits for the next turn of the loop. */
struct pending {
	struct pending *next;
	struct event event;
	void *owned; /* what the event points to, or NULL */
};

enum work {
	WORK_NONE = 0,
	WORK_SCAN, /* which chunks of a file that was found are right */
	WORK_HASH,
};

struct images {
	struct event_base *base;
	struct http_client *client;
	struct images_callbacks callbacks;
	const char *work_directory;
	struct event *deliver;
	struct pending *pending; /* in the order in which they came */
	struct event *step;
	enum work work;
	uint32_t scan_next;
	struct image *scanned; /* WORK_SCAN: a copy, for the agent may change its own */
	uint8_t *chunk;        /* WORK_SCAN: room for one */
	bool scan_local;
	uint32_t directory_count;
	struct directory *directories[IMAGES_DIRECTORIES_MAX]; /* the newest last */

	/* The image that is open; its chunks' hashes only while they are needed. */
	struct image_file file;
	struct directory_image image;
	struct chunkmap held;
	struct image_hash hash;
};

/* ---- Events go out in a turn of their own -------------------------------------------------- */

static void at_once(struct event *timer)
{
	event_add(timer, &(struct timeval){ 0 });
}

/* Takes `owned`. */
static void post(struct images *images, const struct event *event, void *owned)
{
	struct pending **link = &images->pending;
	struct pending *pending = malloc(sizeof(*pending));

	/* An answer that gets lost would leave the agent waiting for ever; the supervisor's restart
	 * does not. */
	ensure(pending != NULL);
	*pending = (struct pending){ .event = *event, .owned = owned };
	while (*link != NULL)
		link = &(*link)->next;
	*link = pending;
	at_once(images->deliver);
}

static void free_pending(struct pending *pending)
{
	free(pending->owned);
	free(pending);
}

static void on_deliver(evutil_socket_t fd, short what, void *context)
{
	struct images *images = context;
	struct pending *pending = images->pending;

	(void)fd, (void)what;
	if (pending == NULL)
		return;
	images->pending = pending->next;
	if (images->pending != NULL)
		at_once(images->deliver);
	images->callbacks.event(images->callbacks.context, &pending->event);
	free_pending(pending);
}

static enum event_image_error error_of(int result)
{
	if (result == 0)
		return EVENT_IMAGE_OK;
	return result == -ENOSPC || result == -EDQUOT ? EVENT_IMAGE_NO_SPACE : EVENT_IMAGE_FAILED;
}

/* ---- Where an image lies ------------------------------------------------------------------- */

static bool is_open(const struct images *images, const uint8_t sha256[static BYTES_HASH_SIZE])
{
	return images->file.fd >= 0 && bytes_same_32(images->image.sha256, sha256);
}

/* The newest directory that has the image; NULL if there is none. */
static const struct directory *find_local(const struct images *images,
	const uint8_t sha256[static BYTES_HASH_SIZE], const struct directory_image **image)
{
	for (uint32_t i = images->directory_count; i > 0; i--) {
		*image = directory_find(images->directories[i - 1], sha256);
		if (*image != NULL)
			return images->directories[i - 1];
	}
	return NULL;
}

static int open_local(const struct images *images, const uint8_t sha256[static BYTES_HASH_SIZE],
	const struct directory_image **image)
{
	const struct directory *directory = find_local(images, sha256, image);

	return directory != NULL ? directory_open_image(directory, *image) : -ENOENT;
}

/* ---- Work that takes many turns ------------------------------------------------------------ */

static void answer_opened(struct images *images, int result, bool local)
{
	struct event event = { .kind = EVENT_IMAGE_OPENED };
	uint8_t *bytes = NULL;

	event.image_opened.error = error_of(result);
	event.image_opened.local = local;
	if (result == 0) {
		size_t size = chunkmap_wire_size(images->held.chunk_count);

		bytes = malloc(size);
		ensure(bytes != NULL);
		memcpy(bytes, images->held.bits, size);
		event.image_opened.held = bytes;
		event.image_opened.held_size = size;
	} else {
		text_set(event.image_opened.message, sizeof(event.image_opened.message),
			strerror(-result));
	}
	post(images, &event, bytes);
}

static void answer_hashed(struct images *images, int result,
	const uint8_t sha256[static BYTES_HASH_SIZE], enum trailer_error trailer)
{
	struct event event = { .kind = EVENT_IMAGE_HASHED };

	event.image_hashed.error = error_of(result);
	event.image_hashed.trailer_ok = trailer == TRAILER_OK || trailer == TRAILER_NONE;
	memcpy(event.image_hashed.sha256, sha256, BYTES_HASH_SIZE);
	if (result != 0)
		text_set(event.image_hashed.message, sizeof(event.image_hashed.message),
			strerror(-result));
	else if (!event.image_hashed.trailer_ok)
		text_set(event.image_hashed.message, sizeof(event.image_hashed.message),
			trailer_error_sentence(trailer));
	post(images, &event, NULL);
}

static void end_work(struct images *images)
{
	free(images->scanned);
	free(images->chunk);
	images->scanned = NULL;
	images->chunk = NULL;
	images->work = WORK_NONE;
	event_del(images->step);
}

/* What was asked for will not come to its end. */
static void break_off(struct images *images)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	enum work work = images->work;

	end_work(images);
	if (work == WORK_SCAN)
		answer_opened(images, -ECANCELED, false);
	else if (work == WORK_HASH)
		answer_hashed(images, -ECANCELED, none, TRAILER_NONE);
}

static void scan_step(struct images *images)
{
	uint32_t index = images->scan_next++;
	uint32_t size = image_chunk_bytes(images->scanned, index);
	int result = image_file_read(
		&images->file, (uint64_t)index * images->scanned->chunk_size, images->chunk, size);
	bool local = images->scan_local;

	if (result == 0 && image_chunk_is(images->scanned, index, images->chunk, size))
		chunkmap_add(&images->held, index);
	if (result == 0 && images->scan_next < images->held.chunk_count) {
		at_once(images->step);
		return;
	}
	end_work(images);
	if (result != 0)
		image_file_drop(&images->file);
	answer_opened(images, result, local);
}

/* The hash of the file is known; the file is whole and nobody but us writes to it. */
static enum trailer_error look_at_trailer(const struct images *images)
{
	struct trailer trailer;
	enum trailer_error error;
	void *bytes =
		mmap(NULL, (size_t)images->file.size, PROT_READ, MAP_SHARED, images->file.fd, 0);

	if (bytes == MAP_FAILED)
		return TRAILER_BAD_SIZE;
	error = trailer_read(&trailer, bytes, (size_t)images->file.size);
	munmap(bytes, (size_t)images->file.size);
	return error;
}

static void hash_step(struct images *images)
{
	uint8_t sha256[BYTES_HASH_SIZE] = { 0 };
	int result = image_hash_step(&images->hash, &images->file, sha256);
	enum trailer_error trailer = TRAILER_NONE;

	if (result == 0) {
		at_once(images->step);
		return;
	}
	end_work(images);
	/* A foreign file's trailer is nobody's business. */
	if (result == 1 && bytes_same_32(sha256, images->image.sha256))
		trailer = look_at_trailer(images);
	answer_hashed(images, result < 0 ? result : 0, sha256, trailer);
}

static void on_step(evutil_socket_t fd, short what, void *context)
{
	struct images *images = context;

	(void)fd, (void)what;
	if (images->work == WORK_SCAN)
		scan_step(images);
	else if (images->work == WORK_HASH)
		hash_step(images);
}

/* ---- The agent's actions ------------------------------------------------------------------- */

static void begin_scan(struct images *images, const struct image *image, bool local)
{
	images->scanned = malloc(sizeof(*images->scanned));
	images->chunk = malloc(image->chunk_size);
	if (images->scanned == NULL || images->chunk == NULL) {
		end_work(images);
		image_file_close(&images->file);
		answer_opened(images, -ENOMEM, local);
		return;
	}
	*images->scanned = *image;
	images->scan_next = 0;
	images->scan_local = local;
	images->work = WORK_SCAN;
	at_once(images->step);
}

void images_open(struct images *images, const struct action *action)
{
	const struct image *image = action->image_open.image;
	const struct directory_image *kept;
	const struct directory *directory = find_local(images, image->sha256, &kept);
	char from[FILES_PATH_SIZE + 1];
	bool found = false;
	int result;

	break_off(images);
	image_file_close(&images->file);
	memcpy(images->image.sha256, image->sha256, BYTES_HASH_SIZE);
	images->image.size = image->size;
	images->image.chunk_size = image->chunk_size;
	images->image.chunk_count = image->chunk_count;
	text_set(images->image.file, sizeof(images->image.file), image->file);
	chunkmap_init(&images->held, image->chunk_count);

	image_file_drop_others(images->work_directory, image->sha256);
	/* What lies in our own memory already is not copied: that would take as much again. */
	result = image_file_open(&images->file, images->work_directory, image->sha256, image->size,
		memory_room_in(images->work_directory, IMAGES_MEMORY_SPARE),
		directory != NULL && directory->ours &&
				files_join(from, directory->path, kept->file)
			? from
			: NULL,
		&found);
	if (result == 0 && found)
		begin_scan(images, image, directory != NULL);
	else
		answer_opened(images, result, directory != NULL);
}

void images_write(struct images *images, const struct action *action)
{
	struct event event = { .kind = EVENT_CHUNK_WRITTEN };
	uint32_t chunk = action->image_write.chunk;
	int result = images->file.fd >= 0 ? 0 : -EBADF;

	if (result == 0)
		result = image_file_write(&images->file, action->image_write.offset,
			action->image_write.bytes, action->image_write.size);
	if (result == 0)
		chunkmap_add(&images->held, chunk);
	event.chunk_written.chunk = chunk;
	event.chunk_written.error = error_of(result);
	post(images, &event, NULL);
}

void images_hash(struct images *images)
{
	static const uint8_t none[BYTES_HASH_SIZE];

	break_off(images);
	if (images->file.fd < 0) {
		answer_hashed(images, -EBADF, none, TRAILER_NONE);
		return;
	}
	image_hash_begin(&images->hash);
	images->work = WORK_HASH;
	at_once(images->step);
}

void images_drop(struct images *images)
{
	break_off(images);
	image_file_drop(&images->file);
}

const char *images_path(const struct images *images)
{
	return images->file.fd >= 0 ? images->file.path : "";
}

static uint64_t token_of(uint32_t peer, uint32_t chunk)
{
	return (uint64_t)peer << 32 | chunk;
}

static void on_chunkmap(void *context, uint64_t token, const struct http_result *result)
{
	struct images *images = context;
	struct event event = { .kind = EVENT_CHUNKMAP };

	event.chunkmap.peer = (uint32_t)(token >> 32);
	if (result->outcome == HTTP_CAME) {
		event.chunkmap.wire = result->bytes;
		event.chunkmap.wire_size = result->size;
	}
	images->callbacks.event(images->callbacks.context, &event);
}

static void on_chunk(void *context, uint64_t token, const struct http_result *result)
{
	struct images *images = context;
	struct event event = { .kind = EVENT_CHUNK };

	event.chunk.peer = (uint32_t)(token >> 32);
	event.chunk.chunk = (uint32_t)token;
	if (result->outcome == HTTP_CAME) {
		event.chunk.outcome = EVENT_CHUNK_CAME;
		event.chunk.bytes = result->bytes;
		event.chunk.size = result->size;
	} else if (result->status == 404 || result->status == 416) {
		event.chunk.outcome = EVENT_CHUNK_NOT_HELD;
	} else {
		event.chunk.outcome = EVENT_CHUNK_FAILED;
	}
	images->callbacks.event(images->callbacks.context, &event);
}

/* The URL of an image at a peer, with `end` behind it. False if the peer is gone or it is too long.
 */
static bool make_url(const struct images *images, char url[static URL_SIZE],
	const struct agent_source *source, const uint8_t sha256[static BYTES_HASH_SIZE],
	const char *end)
{
	char hash[BYTES_HASH_TEXT_SIZE + 1];
	const char *start = source->url;
	size_t size = strlen(start);
	int written;

	if (source->peer >= AGENT_PEER_URL) {
		bool is_base = size > 0 && start[size - 1] == '/';

		written = snprintf(url, URL_SIZE, "%s%s", start, is_base ? images->image.file : "");
		return written < URL_SIZE;
	}
	if (source->peer < LIMITS_NEIGHBOURS_MAX)
		start = images->callbacks.neighbour_url(images->callbacks.context, source->peer);
	if (start == NULL)
		return false;
	bytes_to_hex(hash, sha256, BYTES_HASH_SIZE);
	written = snprintf(url, URL_SIZE, "%s/v1/images/%s%s", start, hash, end);
	return written < URL_SIZE;
}

/* Asks a peer for what is in `fetch`; false if it cannot even be asked. */
static bool ask(struct images *images, const struct agent_source *source,
	const uint8_t sha256[static BYTES_HASH_SIZE], const char *end, struct http_fetch *fetch)
{
	char url[URL_SIZE];

	fetch->url = url;
	fetch->group = IMAGES_FETCH_GROUP;
	fetch->context = images;
	return make_url(images, url, source, sha256, end) && http_client_get(images->client, fetch);
}

static void fill_map(struct chunkmap *map, uint32_t chunk_count)
{
	chunkmap_init(map, chunk_count);
	for (uint32_t i = 0; i < chunk_count; i++)
		chunkmap_add(map, i);
}

/* The map of an image in a directory, which holds all of it; NULL if there is none of this size. */
static struct chunkmap *local_chunkmap(
	const struct images *images, const uint8_t sha256[static BYTES_HASH_SIZE], size_t wire_size)
{
	const struct directory_image *image;
	struct chunkmap *map = NULL;

	if (find_local(images, sha256, &image) != NULL &&
		chunkmap_wire_size(image->chunk_count) == wire_size)
		map = malloc(sizeof(*map));
	if (map != NULL)
		fill_map(map, image->chunk_count);
	return map;
}

void images_fetch_chunkmap(struct images *images, const struct action *action)
{
	const struct agent_source *source = &action->fetch_chunkmap.source;
	const uint8_t *sha256 = action->fetch_chunkmap.sha256;
	struct event event = { .kind = EVENT_CHUNKMAP }; /* it did not come */
	struct chunkmap *map = NULL;
	struct http_fetch fetch = {
		.size = action->fetch_chunkmap.wire_size,
		.deadline_ms = CHUNKMAP_DEADLINE_MS,
		.done = on_chunkmap,
		.token = token_of(source->peer, 0),
	};

	if (source->peer == AGENT_PEER_LOCAL)
		map = local_chunkmap(images, sha256, fetch.size);
	else if (source->peer < AGENT_PEER_URL && ask(images, source, sha256, "/chunks", &fetch))
		return;
	event.chunkmap.peer = source->peer;
	if (map != NULL) {
		event.chunkmap.wire = map->bits;
		event.chunkmap.wire_size = fetch.size;
	}
	post(images, &event, map);
}

/* Reads a chunk from a release directory, into memory that the caller frees. */
static enum event_chunk_outcome local_chunk(
	const struct images *images, const struct action *action, uint8_t **bytes)
{
	const struct directory_image *image;
	uint32_t size = action->fetch_chunk.size;
	int fd = open_local(images, action->fetch_chunk.sha256, &image);
	ssize_t done = -1;

	if (fd < 0)
		return fd == -ENOENT ? EVENT_CHUNK_NOT_HELD : EVENT_CHUNK_FAILED;
	*bytes = malloc(size);
	if (*bytes != NULL)
		done = pread(fd, *bytes, size, (off_t)action->fetch_chunk.offset);
	close(fd);
	return done == (ssize_t)size ? EVENT_CHUNK_CAME : EVENT_CHUNK_FAILED;
}

void images_fetch_chunk(struct images *images, const struct action *action)
{
	const struct agent_source *source = &action->fetch_chunk.source;
	struct event event = { .kind = EVENT_CHUNK };
	uint8_t *bytes = NULL;
	struct http_fetch fetch = {
		.pipelined = source->peer < AGENT_PEER_URL,
		.ranged = true,
		.offset = action->fetch_chunk.offset,
		.size = action->fetch_chunk.size,
		.deadline_ms = PLANNER_CHUNK_DEADLINE_MS,
		.stall_ms = CHUNK_STALL_MS,
		.done = on_chunk,
		.token = token_of(source->peer, action->fetch_chunk.chunk),
	};

	event.chunk.outcome = EVENT_CHUNK_FAILED;
	if (source->peer == AGENT_PEER_LOCAL)
		event.chunk.outcome = local_chunk(images, action, &bytes);
	else if (ask(images, source, action->fetch_chunk.sha256, "", &fetch))
		return;
	event.chunk.peer = source->peer;
	event.chunk.chunk = action->fetch_chunk.chunk;
	if (event.chunk.outcome == EVENT_CHUNK_CAME) {
		event.chunk.bytes = bytes;
		event.chunk.size = action->fetch_chunk.size;
	}
	post(images, &event, bytes);
}

void images_fetch_stop(struct images *images)
{
	struct pending **link = &images->pending;

	http_client_cancel(images->client, IMAGES_FETCH_GROUP);
	while (*link != NULL) {
		struct pending *pending = *link;

		if (pending->event.kind != EVENT_CHUNK && pending->event.kind != EVENT_CHUNKMAP) {
			link = &pending->next;
			continue;
		}
		*link = pending->next;
		free_pending(pending);
	}
}

/* ---- Directories --------------------------------------------------------------------------- */

static void forget_directory(struct images *images, uint32_t index)
{
	directory_close(images->directories[index]);
	free(images->directories[index]);
	images->directory_count--;
	memmove(&images->directories[index], &images->directories[index + 1],
		(images->directory_count - index) * sizeof(images->directories[0]));
}

const struct directory *images_find_release(
	const struct images *images, const uint8_t release_id[static BYTES_HASH_SIZE])
{
	for (uint32_t i = images->directory_count; i > 0; i--)
		if (memcmp(images->directories[i - 1]->release_id, release_id, BYTES_HASH_SIZE) ==
			0)
			return images->directories[i - 1];
	return NULL;
}

const struct directory *images_directory(const struct images *images, uint32_t index)
{
	return index < images->directory_count ? images->directories[index] : NULL;
}

/* How many there are, if it is none of them. */
static uint32_t find_path(const struct images *images, const char *path)
{
	uint32_t at = 0;

	while (at < images->directory_count && strcmp(images->directories[at]->path, path) != 0)
		at++;
	return at;
}

bool images_is_offered(const struct images *images, const char *path)
{
	return find_path(images, path) < images->directory_count;
}

void images_forget_directory(struct images *images, const char *path)
{
	uint32_t at = find_path(images, path);

	if (at < images->directory_count)
		forget_directory(images, at);
}

const struct directory *images_take_directory(struct images *images, struct directory *directory)
{
	images_forget_directory(images, directory->path);
	if (images->directory_count == IMAGES_DIRECTORIES_MAX)
		forget_directory(images, images->directories[0]->ours);
	images->directories[images->directory_count++] = directory;
	return directory;
}

const struct directory *images_add_directory(
	struct images *images, const char *path, char *problem, size_t problem_capacity)
{
	struct directory *directory = malloc(sizeof(*directory));

	if (directory == NULL) {
		text_set(problem, problem_capacity, strerror(ENOMEM));
		return NULL;
	}
	if (directory_open(directory, path, problem, problem_capacity) != 0) {
		free(directory);
		return NULL;
	}
	return images_take_directory(images, directory);
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

static bool range_is_held(const struct images *images, const struct range *range)
{
	uint64_t first = range->offset / images->image.chunk_size;
	uint64_t last = (range->offset + range->size - 1) / images->image.chunk_size;

	for (uint64_t i = first; i <= last; i++)
		if (!chunkmap_has(&images->held, (uint32_t)i))
			return false;
	return true;
}

static void refuse_hash(struct http_request *request)
{
	http_reply_error(request, 404, "unknown_image", "This node does not have that image.");
}

static bool read_hash(struct http_request *request, uint8_t sha256[static BYTES_HASH_SIZE])
{
	if (bytes_from_hex(sha256, BYTES_HASH_SIZE, http_request_parameter(request, 0)))
		return true;
	refuse_hash(request);
	return false;
}

/* A descriptor that has all of the range, of the image in `*size` bytes; -errno. -ERANGE: not all
 * of it is there. */
static int open_range(struct images *images, const uint8_t sha256[static BYTES_HASH_SIZE],
	const char *text, struct range *range, uint64_t *size)
{
	const struct directory_image *image;
	int fd = open_local(images, sha256, &image);

	if (fd >= 0)
		*size = image->size;
	else if (is_open(images, sha256))
		*size = images->image.size;
	else
		return -ENOENT;
	*range = (struct range){ .offset = 0, .size = *size };
	if ((text == NULL || range_parse(range, text, *size)) &&
		(fd >= 0 || range_is_held(images, range)))
		return fd >= 0 ? fd : fcntl(images->file.fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return -ERANGE;
}

void images_serve(struct images *images, struct http_request *request)
{
	const char *text = http_request_range(request);
	uint8_t sha256[BYTES_HASH_SIZE];
	char header[96];
	struct range range;
	uint64_t size;
	int fd;

	if (!read_hash(request, sha256))
		return;
	fd = open_range(images, sha256, text, &range, &size);
	if (fd == -ERANGE) {
		snprintf(header, sizeof(header), "Content-Range: bytes */%" PRIu64, size);
		http_add_header(request, header);
		http_reply_error(
			request, 416, "not_held", "This node does not hold all of that range.");
	} else if (fd == -ENOENT) {
		refuse_hash(request);
	} else if (fd < 0) {
		http_reply_error(request, 500, "image_file_failed", strerror(-fd));
	} else {
		snprintf(header, sizeof(header),
			"Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.offset,
			range.offset + range.size - 1, size);
		http_add_header(request, text != NULL ? header : "Accept-Ranges: bytes");
		http_reply_file(request, text != NULL ? 206 : 200, "application/octet-stream", fd,
			range.offset, range.size);
	}
}

void images_serve_chunks(struct images *images, struct http_request *request)
{
	const struct directory_image *image;
	const struct chunkmap *map = &images->held;
	uint8_t sha256[BYTES_HASH_SIZE];
	struct chunkmap full;

	if (!read_hash(request, sha256))
		return;
	if (find_local(images, sha256, &image) != NULL) {
		fill_map(&full, image->chunk_count);
		map = &full;
	} else if (!is_open(images, sha256)) {
		refuse_hash(request);
		return;
	}
	http_reply(request, 200, "application/octet-stream", map->bits,
		chunkmap_wire_size(map->chunk_count));
}

/* ---- ---- */

struct images *images_new(struct event_base *base, const char *work_directory,
	struct http_client *client, const struct images_callbacks *callbacks)
{
	struct images *images = calloc(1, sizeof(*images));

	if (images == NULL)
		return NULL;
	images->base = base;
	images->client = client;
	images->callbacks = *callbacks;
	images->work_directory = work_directory;
	image_file_init(&images->file);
	/* Its file system is asked for room before the first image is made in it. */
	(void)mkdir(work_directory, 0700);
	images->deliver = evtimer_new(base, on_deliver, images);
	images->step = evtimer_new(base, on_step, images);
	if (images->deliver != NULL && images->step != NULL)
		return images;
	images_free(images);
	return NULL;
}

void images_free(struct images *images)
{
	http_client_cancel(images->client, IMAGES_FETCH_GROUP);
	if (images->step != NULL) {
		end_work(images);
		event_free(images->step);
	}
	while (images->pending != NULL) {
		struct pending *pending = images->pending;

		images->pending = pending->next;
		free_pending(pending);
	}
	if (images->deliver != NULL)
		event_free(images->deliver);
	while (images->directory_count > 0)
		forget_directory(images, 0);
	image_file_close(&images->file);
	free(images);
}
