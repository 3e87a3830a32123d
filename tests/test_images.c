// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/text.h"
#include "daemon/images.h"
#include "io/range.h"
#include "swarm/chunkmap.h"

enum { CHUNK_SIZE = 4096, CHUNKS = 11, IMAGE_SIZE = CHUNK_SIZE * (CHUNKS - 1) + 100, EVENTS = 32 };

/* One node that serves a release directory, and one that collects the image. */
static struct {
	struct event_base *base;
	struct http_client *client;
	struct http_server *server; /* of the node that serves, or of the one that collects */
	struct images *served;      /* what it answers with */
	struct images *giver;
	struct images *taker;
	char root[64];
	char url[80];
	bool gone; /* the neighbour */
	uint8_t bytes[IMAGE_SIZE];
	struct image image;
	/* events, with copies of what they pointed to */
	bool inside; /* an action is being performed: no event may come */
	uint32_t event_count;
	struct event events[EVENTS];
	uint8_t chunk[CHUNK_SIZE];
	uint8_t map[CHUNKMAP_BYTES_MAX];
	size_t map_size;
	/* HTTP */
	bool answered;
	uint32_t status;
	size_t size;
	uint8_t body[IMAGE_SIZE];
} t;

static void on_event(void *context, const struct event *event)
{
	assert_ptr_equal(context, &t);
	assert_false(t.inside);
	assert_true(t.event_count < EVENTS);
	t.events[t.event_count++] = *event;
	if (event->kind == EVENT_CHUNK && event->chunk.outcome == EVENT_CHUNK_CAME)
		memcpy(t.chunk, event->chunk.bytes, event->chunk.size);
	if (event->kind == EVENT_CHUNKMAP && event->chunkmap.wire_size > 0) {
		t.map_size = event->chunkmap.wire_size;
		memcpy(t.map, event->chunkmap.wire, t.map_size);
	}
	if (event->kind == EVENT_IMAGE_OPENED && event->image_opened.held_size > 0) {
		t.map_size = event->image_opened.held_size;
		memcpy(t.map, event->image_opened.held, t.map_size);
	}
}

static const char *neighbour_url(void *context, uint32_t neighbour)
{
	assert_ptr_equal(context, &t);
	assert_int_equal(neighbour, 3);
	return t.gone ? NULL : t.url;
}

static void serve(void *context, struct http_request *request)
{
	(void)context;
	images_serve(t.served, request);
}

static void serve_chunks(void *context, struct http_request *request)
{
	(void)context;
	images_serve_chunks(t.served, request);
}

/* An image's file as a plain web server has it. */
static void serve_plain(void *context, struct http_request *request)
{
	(void)context;
	http_reply(request, 200, "application/octet-stream", t.bytes, IMAGE_SIZE);
}

static void serve_ranged(void *context, struct http_request *request)
{
	struct range range;

	(void)context;
	assert_true(range_parse(&range, http_request_range(request), IMAGE_SIZE));
	http_reply(request, 206, "application/octet-stream", t.bytes + range.offset,
		(size_t)range.size);
}

static const struct http_route routes[] = {
	{ "/v1/images/*", serve, HTTP_GET, false },
	{ "/v1/images/*/chunks", serve_chunks, HTTP_GET, false },
	{ "/plain/images/alpha.bin", serve_plain, HTTP_GET, false },
	{ "/release/images/alpha.bin", serve_ranged, HTTP_GET, false },
	{ 0 },
};

static void make_image(void)
{
	struct image *image = &t.image;

	for (size_t i = 0; i < IMAGE_SIZE; i++)
		t.bytes[i] = (uint8_t)(i * 3 + i / 300);
	bytes_sha256(image->sha256, t.bytes, IMAGE_SIZE);
	image->size = IMAGE_SIZE;
	image->chunk_size = CHUNK_SIZE;
	image->chunk_count = CHUNKS;
	strcpy(image->file, "images/alpha.bin");
	for (uint32_t i = 0; i < CHUNKS; i++)
		bytes_sha256(image->chunk_sha256[i], t.bytes + (size_t)i * CHUNK_SIZE,
			i + 1 < CHUNKS ? CHUNK_SIZE : 100);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", t.root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static void make_release(void)
{
	char base64[CHUNKS * BYTES_HASH_SIZE * 2], hex[BYTES_HASH_TEXT_SIZE + 1], text[2000];
	char path[200];
	size_t size;

	snprintf(path, sizeof(path), "%s/images", t.root);
	assert_int_equal(mkdir(path, 0700), 0);
	bytes_to_base64(base64, t.image.chunk_sha256[0], CHUNKS * BYTES_HASH_SIZE);
	bytes_to_hex(hex, t.image.sha256, BYTES_HASH_SIZE);
	size = (size_t)snprintf(text, sizeof(text),
		"{\"lockstep\":1,\"version\":\"Demo 2\",\"sequence\":2,\"created\":\"\",\"images\":"
		"[{\"boards\":[\"demo,alpha\"],\"file\":\"images/"
		"alpha.bin\",\"kind\":\"sysupgrade\","
		"\"size\":%d,\"sha256\":\"%s\",\"chunk_size\":%d,\"chunks\":\"%s\"}]}",
		IMAGE_SIZE, hex, CHUNK_SIZE, base64);
	write_file("release.json", text, size);
	write_file("images/alpha.bin", t.bytes, IMAGE_SIZE);
}

static struct images *node_new(const char *name)
{
	static char work[2][100];
	static int next;
	const struct images_callbacks callbacks = { on_event, neighbour_url, &t };

	next = !next;
	snprintf(work[next], sizeof(work[next]), "%s/%s", t.root, name);
	return images_new(t.base, work[next], t.client, &callbacks);
}

static int set_up(void **state)
{
	char problem[200];

	(void)state;
	memset(&t, 0, sizeof(t));
	strcpy(t.root, "/tmp/lockstep-images-XXXXXX");
	if (mkdtemp(t.root) == NULL)
		return -1;
	make_image();
	make_release();
	t.base = event_base_new();
	t.client = http_client_new(t.base);
	t.server = http_server_new(t.base, routes, &t);
	t.giver = node_new("giver");
	t.taker = node_new("taker");
	t.served = t.giver;
	assert_non_null(images_add_directory(t.giver, t.root, problem, sizeof(problem)));
	assert_int_equal(http_server_listen(t.server, "127.0.0.1", 0), 0);
	snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%u", http_server_port(t.server));
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	images_free(t.giver);
	images_free(t.taker);
	http_client_free(t.client);
	http_server_free(t.server);
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	event_base_free(t.base);
	snprintf(command, sizeof(command), "rm -rf %s", t.root);
	return system(command);
}

/* Runs the loop until `count` events have come since the last time. */
static const struct event *await(uint32_t count)
{
	for (int i = 0; t.event_count < count && i < 10000; i++)
		event_base_loop(t.base, EVLOOP_ONCE);
	assert_int_equal(t.event_count, count);
	t.event_count = 0;
	return &t.events[0];
}

static void open_image(void)
{
	struct action action = { .kind = ACTION_IMAGE_OPEN };

	action.image_open.image = &t.image;
	t.inside = true;
	images_open(t.taker, &action);
	t.inside = false;
}

static void write_chunk(uint32_t chunk)
{
	struct action action = { .kind = ACTION_IMAGE_WRITE };

	action.image_write.chunk = chunk;
	action.image_write.offset = (uint64_t)chunk * CHUNK_SIZE;
	action.image_write.bytes = t.bytes + (size_t)chunk * CHUNK_SIZE;
	action.image_write.size = image_chunk_bytes(&t.image, chunk);
	t.inside = true;
	images_write(t.taker, &action);
	t.inside = false;
}

static void write_all(void)
{
	for (uint32_t i = 0; i < CHUNKS; i++) {
		write_chunk(i);
		assert_int_equal(await(1)->chunk_written.error, EVENT_IMAGE_OK);
	}
}

static struct agent_source source_of(uint32_t peer, const char *url)
{
	struct agent_source source = { .peer = peer };

	text_set(source.url, sizeof(source.url), url);
	return source;
}

static void fetch_chunk(uint32_t peer, const char *url, uint32_t chunk)
{
	struct action action = { .kind = ACTION_FETCH_CHUNK };

	action.fetch_chunk.source = source_of(peer, url);
	memcpy(action.fetch_chunk.sha256, t.image.sha256, BYTES_HASH_SIZE);
	action.fetch_chunk.chunk = chunk;
	action.fetch_chunk.offset = (uint64_t)chunk * CHUNK_SIZE;
	action.fetch_chunk.size = image_chunk_bytes(&t.image, chunk);
	t.inside = true;
	images_fetch_chunk(t.taker, &action);
	t.inside = false;
}

static void fetch_chunkmap(uint32_t peer, const char *url)
{
	struct action action = { .kind = ACTION_FETCH_CHUNKMAP };

	action.fetch_chunkmap.source = source_of(peer, url);
	memcpy(action.fetch_chunkmap.sha256, t.image.sha256, BYTES_HASH_SIZE);
	action.fetch_chunkmap.wire_size = chunkmap_wire_size(CHUNKS);
	t.inside = true;
	images_fetch_chunkmap(t.taker, &action);
	t.inside = false;
}

static void expect_chunk(const struct event *event, uint32_t peer, uint32_t chunk)
{
	assert_int_equal(event->kind, EVENT_CHUNK);
	assert_int_equal(event->chunk.peer, peer);
	assert_int_equal(event->chunk.chunk, chunk);
	assert_int_equal(event->chunk.outcome, EVENT_CHUNK_CAME);
	assert_int_equal(event->chunk.size, image_chunk_bytes(&t.image, chunk));
	assert_memory_equal(t.chunk, t.bytes + (size_t)chunk * CHUNK_SIZE, event->chunk.size);
}

static void expect_map(const uint8_t first, const uint8_t second)
{
	assert_int_equal(t.map_size, 2);
	assert_int_equal(t.map[0], first);
	assert_int_equal(t.map[1], second);
}

static void test_collect(void **state)
{
	const struct event *event;

	(void)state;
	open_image();
	event = await(1);
	assert_int_equal(event->kind, EVENT_IMAGE_OPENED);
	assert_int_equal(event->image_opened.error, EVENT_IMAGE_OK);
	assert_false(event->image_opened.local);
	expect_map(0, 0);
	write_all();
	t.inside = true;
	images_hash(t.taker);
	t.inside = false;
	event = await(1);
	assert_int_equal(event->kind, EVENT_IMAGE_HASHED);
	assert_int_equal(event->image_hashed.error, EVENT_IMAGE_OK);
	assert_true(event->image_hashed.trailer_ok);
	assert_memory_equal(event->image_hashed.sha256, t.image.sha256, BYTES_HASH_SIZE);
	assert_int_equal(access(images_path(t.taker), R_OK), 0);
	images_drop(t.taker);
	assert_string_equal(images_path(t.taker), "");
}

static void test_resume(void **state)
{
	const struct event *event;

	(void)state;
	open_image();
	(void)await(1);
	write_chunk(2);
	write_chunk(10);
	(void)await(2);
	images_free(t.taker);
	t.taker = node_new("taker");
	open_image();
	event = await(1);
	assert_int_equal(event->image_opened.error, EVENT_IMAGE_OK);
	expect_map(1 << 2, 1 << 2);
}

/* Whatever happens in between, each request has its answer: the agent counts them. */
static void test_superseded_requests_are_answered(void **state)
{
	const struct event *events;

	(void)state;
	open_image();
	(void)await(1);
	open_image(); /* scans */
	open_image();
	images_hash(t.taker);
	images_drop(t.taker);
	images_hash(t.taker);
	events = await(4);
	assert_int_equal(events[0].kind, EVENT_IMAGE_OPENED);
	assert_int_equal(events[0].image_opened.error, EVENT_IMAGE_FAILED);
	assert_int_equal(events[1].kind, EVENT_IMAGE_OPENED);
	assert_int_equal(events[1].image_opened.error, EVENT_IMAGE_FAILED);
	assert_int_equal(events[2].kind, EVENT_IMAGE_HASHED);
	assert_int_equal(events[2].image_hashed.error, EVENT_IMAGE_FAILED);
	assert_int_equal(events[3].kind, EVENT_IMAGE_HASHED);
	assert_int_equal(events[3].image_hashed.error, EVENT_IMAGE_FAILED);
	write_chunk(0);
	assert_int_equal(await(1)->chunk_written.error, EVENT_IMAGE_FAILED);
}

static void test_fetch_from_neighbour(void **state)
{
	(void)state;
	fetch_chunkmap(3, "");
	assert_int_equal(await(1)->chunkmap.peer, 3);
	expect_map(0xff, 0x07);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		fetch_chunk(3, "", i);
		expect_chunk(await(1), 3, i);
	}
}

static void test_fetch_from_afar(void **state)
{
	(void)state;
	fetch_chunkmap(AGENT_PEER_FAR + 1, t.url);
	assert_int_equal(await(1)->chunkmap.peer, AGENT_PEER_FAR + 1);
	expect_map(0xff, 0x07);
	fetch_chunk(AGENT_PEER_FAR + 1, t.url, 10);
	expect_chunk(await(1), AGENT_PEER_FAR + 1, 10);
}

static void test_fetch_from_local_directory(void **state)
{
	char problem[200];

	(void)state;
	assert_non_null(images_add_directory(t.taker, t.root, problem, sizeof(problem)));
	open_image();
	assert_true(await(1)->image_opened.local);
	t.map_size = 0;
	fetch_chunkmap(AGENT_PEER_LOCAL, "");
	(void)await(1);
	expect_map(0xff, 0x07);
	fetch_chunk(AGENT_PEER_LOCAL, "", 10);
	expect_chunk(await(1), AGENT_PEER_LOCAL, 10);
}

static void test_fetch_from_url(void **state)
{
	char url[120];

	(void)state;
	open_image();
	(void)await(1);
	snprintf(url, sizeof(url), "%s/release/", t.url); /* of the release */
	fetch_chunk(AGENT_PEER_URL, url, 4);
	expect_chunk(await(1), AGENT_PEER_URL, 4);
	snprintf(url, sizeof(url), "%s/release/images/alpha.bin", t.url); /* of the image */
	fetch_chunk(AGENT_PEER_URL + 1, url, 10);
	expect_chunk(await(1), AGENT_PEER_URL + 1, 10);
	snprintf(url, sizeof(url), "%s/plain/", t.url); /* it knows no ranges */
	fetch_chunk(AGENT_PEER_URL, url, 4);
	assert_int_equal(await(1)->chunk.outcome, EVENT_CHUNK_FAILED);
	snprintf(url, sizeof(url), "%s/nothing/", t.url);
	fetch_chunk(AGENT_PEER_URL + 1, url, 0);
	assert_int_equal(await(1)->chunk.outcome, EVENT_CHUNK_NOT_HELD);
}

static void test_fetch_failures(void **state)
{
	(void)state;
	t.image.sha256[0] ^= 1;
	fetch_chunk(3, "", 0);
	assert_int_equal(await(1)->chunk.outcome, EVENT_CHUNK_NOT_HELD);
	fetch_chunkmap(3, "");
	assert_int_equal(await(1)->chunkmap.wire_size, 0);
	fetch_chunk(AGENT_PEER_LOCAL, "", 0);
	assert_int_equal(await(1)->chunk.outcome, EVENT_CHUNK_NOT_HELD);
	fetch_chunkmap(AGENT_PEER_LOCAL, "");
	assert_int_equal(await(1)->chunkmap.wire_size, 0);
	t.gone = true;
	fetch_chunk(3, "", 0);
	assert_int_equal(await(1)->chunk.outcome, EVENT_CHUNK_FAILED);
	fetch_chunkmap(3, "");
	assert_int_equal(await(1)->chunkmap.wire_size, 0);
	fetch_chunk(AGENT_PEER_FAR, "no url", 0);
	assert_int_equal(await(1)->chunk.outcome, EVENT_CHUNK_FAILED);
}

static void test_fetch_stop(void **state)
{
	char problem[200];

	(void)state;
	assert_non_null(images_add_directory(t.taker, t.root, problem, sizeof(problem)));
	open_image();
	fetch_chunk(3, "", 0);
	fetch_chunk(AGENT_PEER_LOCAL, "", 0);
	fetch_chunkmap(AGENT_PEER_LOCAL, "");
	fetch_chunkmap(3, "");
	images_fetch_stop(t.taker);
	assert_int_equal(http_client_count(t.client), 0);
	assert_int_equal(await(1)->kind, EVENT_IMAGE_OPENED);
	for (int i = 0; i < 20; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.event_count, 0);
}

/* ---- What is offered ----------------------------------------------------------------------- */

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	(void)context, (void)token;
	t.answered = true;
	t.status = result->status;
	t.size = result->size;
	assert_true(result->size <= sizeof(t.body));
	if (result->size > 0)
		memcpy(t.body, result->bytes, result->size);
}

static uint32_t get(uint64_t offset, size_t size, const char *end)
{
	char hex[BYTES_HASH_TEXT_SIZE + 1], url[300];
	struct http_fetch fetch = { .url = url,
		.ranged = size > 0,
		.offset = offset,
		.size = size > 0 ? size : IMAGE_SIZE,
		.deadline_ms = 5000,
		.done = on_done };

	bytes_to_hex(hex, t.image.sha256, BYTES_HASH_SIZE);
	snprintf(url, sizeof(url), "%s/v1/images/%s%s", t.url, hex, end);
	t.answered = false;
	assert_true(http_client_get(t.client, &fetch));
	while (!t.answered)
		event_base_loop(t.base, EVLOOP_ONCE);
	return t.status;
}

static void test_offer_what_is_held(void **state)
{
	(void)state;
	t.served = t.taker;
	assert_int_equal(get(0, 0, ""), 404);
	assert_int_equal(get(0, 0, "/chunks"), 404);
	open_image();
	(void)await(1);
	assert_int_equal(get(0, 0, "/chunks"), 200);
	assert_int_equal(t.size, 2);
	assert_memory_equal(t.body, "\0\0", 2);
	assert_int_equal(get(0, 1, ""), 416);
	write_chunk(1);
	write_chunk(2);
	(void)await(2);
	assert_int_equal(get(0, 0, "/chunks"), 200);
	assert_memory_equal(t.body, "\6\0", 2);
	assert_int_equal(get(CHUNK_SIZE, 2 * CHUNK_SIZE, ""), 206);
	assert_memory_equal(t.body, t.bytes + CHUNK_SIZE, 2 * CHUNK_SIZE);
	assert_int_equal(get(CHUNK_SIZE - 1, 2, ""), 416);
	assert_int_equal(get(3 * CHUNK_SIZE - 1, 2, ""), 416);
	assert_int_equal(get(3 * CHUNK_SIZE - 1, 1, ""), 206);
	assert_int_equal(get(0, 0, ""), 416);
	write_all();
	assert_int_equal(get(0, 0, ""), 200);
	assert_int_equal(t.size, IMAGE_SIZE);
	assert_memory_equal(t.body, t.bytes, IMAGE_SIZE);
	assert_int_equal(get(IMAGE_SIZE, 1, ""), 416);
	images_drop(t.taker);
	assert_int_equal(get(0, 0, ""), 404);
}

static void test_offer_directory(void **state)
{
	(void)state;
	assert_int_equal(get(0, 0, ""), 200);
	assert_memory_equal(t.body, t.bytes, IMAGE_SIZE);
	assert_int_equal(get(5, 5, ""), 206);
	assert_memory_equal(t.body, t.bytes + 5, 5);
	assert_int_equal(get(IMAGE_SIZE, 5, ""), 416);
	assert_int_equal(get(0, 0, "/chunks"), 200);
	assert_memory_equal(t.body, "\xff\x07", 2);
	assert_int_equal(get(0, 0, "0"), 404); /* no hash */
}

static void test_directories(void **state)
{
	char problem[200], path[200];
	uint8_t id[BYTES_HASH_SIZE];
	const struct directory *directory;

	(void)state;
	directory = images_add_directory(t.taker, t.root, problem, sizeof(problem));
	assert_non_null(directory);
	memcpy(id, directory->release_id, sizeof(id));
	assert_ptr_equal(images_find_release(t.taker, id), directory);
	snprintf(path, sizeof(path), "%s/nothing", t.root);
	assert_null(images_add_directory(t.taker, path, problem, sizeof(problem)));
	assert_non_null(images_find_release(t.taker, id));
	/* Read anew it is still one; others push it out. */
	for (int i = 0; i < 10; i++)
		assert_non_null(images_add_directory(t.taker, t.root, problem, sizeof(problem)));
	for (int i = 1; i <= IMAGES_DIRECTORIES_MAX; i++) {
		snprintf(path, sizeof(path), "%s%.*s", t.root, i, "////////");
		assert_non_null(images_add_directory(t.taker, path, problem, sizeof(problem)));
	}
	id[0] ^= 1;
	assert_null(images_find_release(t.taker, id));
}

/* What was uploaded: a directory of ours, with its image under its hash. */
static struct directory *make_ours(void)
{
	struct directory *ours = calloc(1, sizeof(*ours));
	char problem[200], name[200];

	assert_non_null(ours);
	assert_int_equal(directory_open(ours, t.root, problem, sizeof(problem)), 0);
	snprintf(ours->path, sizeof(ours->path), "%s/taker/upload", t.root);
	assert_int_equal(mkdir(ours->path, 0700), 0);
	bytes_to_hex(ours->images[0].file, ours->images[0].sha256, BYTES_HASH_SIZE);
	snprintf(name, sizeof(name), "taker/upload/%s", ours->images[0].file);
	write_file(name, t.bytes, IMAGE_SIZE);
	ours->ours = true;
	return ours;
}

static void test_what_is_ours(void **state)
{
	struct directory *ours = make_ours();
	char problem[200], path[400];
	const struct directory *taken = images_take_directory(t.taker, ours);
	struct stat one, other;
	const struct event *event;

	(void)state;
	assert_ptr_equal(taken, ours);
	assert_ptr_equal(images_directory(t.taker, 0), ours);
	assert_null(images_directory(t.taker, 1));
	/* Nobody pushes it out. */
	for (int i = 1; i <= IMAGES_DIRECTORIES_MAX + 2; i++) {
		snprintf(path, sizeof(path), "%s%.*s", t.root, i, "////////");
		assert_non_null(images_add_directory(t.taker, path, problem, sizeof(problem)));
		assert_ptr_equal(images_directory(t.taker, 0), ours);
	}
	assert_null(images_directory(t.taker, IMAGES_DIRECTORIES_MAX));
	/* Another place's image is copied. This one's is the node's own at once, in the same
	 * memory. */
	for (uint32_t i = IMAGES_DIRECTORIES_MAX; i > 1; i--)
		images_forget_directory(t.taker, images_directory(t.taker, 1)->path);
	open_image();
	event = await(1);
	assert_int_equal(event->image_opened.error, EVENT_IMAGE_OK);
	assert_true(event->image_opened.local);
	assert_memory_equal(t.map, "\xff\x07", 2);
	assert_int_equal(stat(images_path(t.taker), &one), 0);
	snprintf(path, sizeof(path), "%s/%s", ours->path, ours->images[0].file);
	assert_int_equal(stat(path, &other), 0);
	assert_true(one.st_ino == other.st_ino);
	/* And stays that when the upload goes. */
	assert_int_equal(unlink(path), 0);
	images_forget_directory(t.taker, ours->path);
	assert_null(images_directory(t.taker, 0));
	t.served = t.taker;
	assert_int_equal(get(0, 0, ""), 200);
	assert_memory_equal(t.body, t.bytes, IMAGE_SIZE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_collect),
		TEST(test_resume),
		TEST(test_superseded_requests_are_answered),
		TEST(test_fetch_from_neighbour),
		TEST(test_fetch_from_afar),
		TEST(test_fetch_from_local_directory),
		TEST(test_fetch_from_url),
		TEST(test_fetch_failures),
		TEST(test_fetch_stop),
		TEST(test_offer_what_is_held),
		TEST(test_offer_directory),
		TEST(test_directories),
		TEST(test_what_is_ours),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
