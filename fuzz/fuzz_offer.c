// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: what he posts as an offer and as pieces of an upload, in any order, also
 * offers that he heard an operator make, and what lies on a stick or behind a URL. An operator may
 * be careless as well. Each line of the input is a request to a whole node, by its first letter:
 *
 *   o s j  the rest is an offer: signed by an operator, by a stranger; is the request as it is
 *   u U    NAME/OFFSET=WHAT: a piece of the upload of the release that fuzz_fill() knows, or
 *          RELEASE/NAME/OFFSET=WHAT. WHAT is m, its manifest, M without its last byte, n that byte;
 *          g its signatures, G a stranger's; 0 1 2 a chunk of its image; or x and bytes
 *   l p    the list of releases; the same when the next has come and time has passed
 *   d w    the stick's directory is offered on this machine; there is a stick with many
 *   k      the file of the image is cut
 *
 * with the placeholders of fuzz_fill(), @M for where sticks are, @W for the node's own URL, @Z for
 * the size of the manifest and @Y for one less.
 *
 * Every request has its answer, all of which is JSON; nothing is served that is not the release's.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/json.h"
#include "common.h"
#include "daemon/node.h"
#include "faults.h"
#include "scratch.h"

enum {
	LINES_MAX = 40,
	TURNS_MAX = 30,
	ANSWER_SIZE_MAX = 65536,
	REQUEST_SIZE_MAX = 131072,
	CHILD_WAIT_MS = 100, /* a flasher that is none ends at once; who looks up a name, later */
};

static struct config config;
static struct log log_of_node;
static struct node node;
static bool opened;

/* ---- the node ---- */

static void write_key(const char *name, enum fuzz_key key)
{
	char file[USIGN_FILE_SIZE_MAX];

	scratch_write(name, file, usign_write_public(file, sizeof(file), "fuzz", fuzz_public(key)));
}

static void lay_out_stick(void)
{
	const struct fuzz_release *release = fuzz_release();
	char file[USIGN_FILE_SIZE_MAX], at[FILES_PATH_SIZE + 1], to[FILES_PATH_SIZE + 1];
	size_t size = usign_write_signature(file, sizeof(file), "fuzz", &release->signature);

	scratch_write("media/stick/release.json", release->manifest, release->manifest_size);
	scratch_write("media/stick/signatures/a.sig", file, size);
	scratch_write("media/stick/images/alpha.bin", release->image, FUZZ_IMAGE_SIZE);
	scratch_write("media/stick/images/beta.bin", release->image, 7);
	scratch_write("media/stick/unsound/release.json", "{}", 2);
	scratch_write(
		"media/stick/deep/er/release.json", release->manifest, release->manifest_size);
	scratch_path(to, "media/stick");
	scratch_path(at, "media/link");
	(void)!symlink(to, at);
}

static void lay_out_many(void)
{
	const struct fuzz_release *release = fuzz_release();
	char name[64];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "media/many/%d/release.json", i);
		scratch_write(name, release->manifest, release->manifest_size);
	}
	node.offers.list_ms = 0;
}

/* A flasher that runs is left alone by a node that closes, and so would be what belongs to it. */
static void close_node(void)
{
	siginfo_t info;

	if (!opened)
		return;
	opened = false;
	for (int i = 0;
		i < CHILD_WAIT_MS && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
		i++) {
		(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
	node_close(&node);
}

static void configure(void)
{
	char json[4096], problem[LIMITS_MESSAGE_SIZE + 1];
	const char *directory = scratch_directory();
	int size = snprintf(json, sizeof(json),
		"{\"mesh\":\"" FUZZ_MESH "\",\"name\":\"" FUZZ_NAME "\","
		"\"http\":{\"listen\":\"127.0.0.1\",\"port\":0,\"control\":\"\"},"
		"\"gossip\":{\"listen\":\"127.0.0.1\",\"port\":0,\"host_file\":\"%s/none\"},"
		"\"expected\":\"\",\"flasher\":\"%s/none\",\"board\":\"" FUZZ_BOARD "\","
		"\"version\":\"" FUZZ_VERSION "\",\"directories\":{\"config\":\"%s/etc\","
		"\"state\":\"%s/state\",\"work\":\"%s/work\",\"media\":\"%s/media\"}}",
		directory, directory, directory, directory, directory, directory);
	bool ok = config_parse(&config, json, (size_t)size, problem, sizeof(problem));

	assert(ok);
	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	log_init(&log_of_node, false, (enum log_level)(LOG_LEVEL_ERROR + 1));
	write_key("etc/trust/operator/a.pub", FUZZ_OPERATOR);
	write_key("etc/trust/release/a.pub", FUZZ_RELEASE);
	lay_out_stick();
	(void)atexit(close_node);
}

static void open_node(void)
{
	char file[USIGN_FILE_SIZE_MAX];
	bool ok;

	if (opened)
		return;
	if (config.mesh[0] == '\0')
		configure();
	scratch_remove("state");
	scratch_remove("work");
	scratch_write("state/node.sec", file,
		usign_write_secret(file, sizeof(file), "fuzz", fuzz_secret(FUZZ_NODE)));
	/* What a former run left behind. */
	scratch_write("work/upload/leftover", "x", 1);
	/* What is kept of a release that is none. */
	scratch_write("work/releases/"
		      "2222222222222222222222222222222222222222222222222222222222222222.json",
		"{}", 2);
	ok = node_open(&node, &config, &log_of_node);
	assert(ok);
	opened = true;
}

static void turn(void)
{
	faults_wait();
	faults_on();
	(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
	faults_off();
}

/* As it was before the first request; to open another one for each input takes long. */
static void clear_node(void)
{
	const struct directory *directory;

	scratch_remove("media/many");
	upload_clear(&node);
	while ((directory = images_directory(node.images, 0)) != NULL)
		images_forget_directory(node.images, directory->path);
	directory_close(&node.offers.linked);
	node.offers.url[0] = '\0';
	node.offers.list_ms = 0;
	turn();
}

/* ---- requests ---- */

static int connect_to_node(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(http_server_port(node.server)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	assert(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	error = connect(fd, (struct sockaddr *)&address, sizeof(address));
	assert(error == 0);
	return fd;
}

static bool is_whole(const char *answer, size_t size)
{
	const char *end = memmem(answer, size, "\r\n\r\n", 4);
	const char *length = memmem(answer, size, "Content-Length: ", 16);

	return end != NULL && length != NULL &&
	       size >= (size_t)(end + 4 - answer) + strtoul(length + 16, NULL, 10);
}

static void check_answer(char *answer, size_t size)
{
	const char *body = memmem(answer, size, "\r\n\r\n", 4);
	struct json_reader reader;
	struct json_object *object;

	if (!is_whole(answer, size)) {
		assert(faults_happened());
		return;
	}
	assert(strncmp(answer, "HTTP/1.1 ", 9) == 0);
	object = json_parse(&reader, body + 4, size - (size_t)(body + 4 - answer));
	assert(object != NULL);
	json_free(object);
}

static void ask(
	const char *method, const char *path, size_t path_size, const char *body, size_t size)
{
	static char request[REQUEST_SIZE_MAX], answer[ANSWER_SIZE_MAX + 1];
	int fd = connect_to_node();
	int head = snprintf(request, sizeof(request),
		"%s %.*s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", method, (int)path_size, path,
		size);
	size_t got = 0;

	assert((size_t)head + size < sizeof(request));
	memcpy(request + head, body, size);
	turn(); /* accepts */
	(void)!send(fd, request, (size_t)head + size, MSG_NOSIGNAL);
	for (int i = 0; i < TURNS_MAX && !is_whole(answer, got); i++) {
		ssize_t now;

		turn();
		now = recv(fd, answer + got, ANSWER_SIZE_MAX - got, MSG_DONTWAIT);
		if (now == 0 || (now < 0 && errno != EAGAIN))
			break;
		got += now > 0 ? (size_t)now : 0;
	}
	check_answer(answer, got);
	close(fd);
	turn();
}

static void post_offer(enum fuzz_key key, const char *text, size_t size)
{
	static char body[REQUEST_SIZE_MAX];
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct text written;

	fuzz_sign(blob, key, text, size);
	text_init(&written, body, sizeof(body));
	text_begin_object(&written);
	text_add_member_text(&written, "offer", text, size);
	text_add_member_string(&written, "signature", blob);
	text_end_object(&written);
	if (!text_cut(&written))
		ask("POST", "/v1/offers", 10, body, written.size);
}

static size_t write_signatures(char *body, size_t capacity, bool genuine)
{
	const struct fuzz_release *release = fuzz_release();
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];

	if (genuine)
		usign_signature_to_blob(blob, &release->signature);
	else
		fuzz_sign(blob, FUZZ_STRANGER, release->manifest, release->manifest_size);
	return (size_t)snprintf(body, capacity, "{\"signatures\":[\"%s\"]}", blob);
}

/* RELEASE/NAME/OFFSET=WHAT */
static void post_piece(const char *line, size_t size, bool of_ours)
{
	static char path[4096], body[65536 + 4096];
	const struct fuzz_release *release = fuzz_release();
	const char *equals = memchr(line, '=', size);
	const char *from = body;
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	size_t path_size, body_size = 0;

	if (equals == NULL || equals - line > 2000)
		return;
	bytes_to_hex(hex, release->id, BYTES_HASH_SIZE);
	path_size = (size_t)snprintf(path, sizeof(path), "/v1/uploads/%s%s%.*s", of_ours ? hex : "",
		of_ours ? "/" : "", (int)(equals - line), line);
	size -= (size_t)(equals + 1 - line);
	line = equals + 1;
	switch (size > 0 ? line[0] : '\0') {
	case 'm':
	case 'M':
		from = release->manifest;
		body_size = release->manifest_size - (line[0] == 'M');
		break;
	case 'n':
		from = release->manifest + release->manifest_size - 1;
		body_size = 1;
		break;
	case 'g':
	case 'G':
		body_size = write_signatures(body, sizeof(body), line[0] == 'g');
		break;
	case '0':
	case '1':
	case '2':
		from = (const char *)release->image + (line[0] - '0') * FUZZ_CHUNK_SIZE;
		body_size =
			line[0] == '2' ? FUZZ_IMAGE_SIZE - 2 * FUZZ_CHUNK_SIZE : FUZZ_CHUNK_SIZE;
		break;
	case 'x':
		from = line + 1;
		body_size = size - 1 < 65536 ? size - 1 : 65536;
		break;
	default:
		break;
	}
	ask("POST", path, path_size, from, body_size);
}

static void cut_image(void)
{
	char name[256], hex[BYTES_HASH_TEXT_SIZE + 1], path[FILES_PATH_SIZE + 1];

	bytes_to_hex(hex, fuzz_release()->sha256, BYTES_HASH_SIZE);
	snprintf(name, sizeof(name), "work/upload/%s", hex);
	scratch_path(path, name);
	(void)!truncate(path, 100);
}

/* All that is served of the image is the image. */
static void check_served(void)
{
	static char bytes[FUZZ_IMAGE_SIZE + 1];
	const struct directory_image *image;
	const struct directory *directory = images_find_release(node.images, fuzz_release()->id);
	int fd;

	if (directory == NULL || !directory->ours || faults_happened())
		return;
	image = directory_find(directory, fuzz_release()->sha256);
	assert(image != NULL && node.upload != NULL);
	fd = directory_open_image(directory, image);
	if (fd < 0)
		return; /* somebody cut it */
	assert(read(fd, bytes, sizeof(bytes)) == FUZZ_IMAGE_SIZE);
	assert(memcmp(bytes, fuzz_release()->image, FUZZ_IMAGE_SIZE) == 0);
	close(fd);
}

static void take_line(const char *line, size_t size)
{
	char path[FILES_PATH_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];

	switch (line[0]) {
	case 'o':
	case 's':
		post_offer(line[0] == 'o' ? FUZZ_OPERATOR : FUZZ_STRANGER, line + 1, size - 1);
		break;
	case 'j':
		ask("POST", "/v1/offers", 10, line + 1, size - 1);
		break;
	case 'u':
	case 'U':
		post_piece(line + 1, size - 1, line[0] == 'u');
		break;
	case 'p':
		for (int i = 0; i < TURNS_MAX; i++)
			turn();
		node.offers.list_ms = 0;
		/* fall through */
	case 'l':
		ask("GET", "/v1/releases", 12, "", 0);
		break;
	case 'd':
		scratch_path(path, "media/stick");
		(void)node_add_directory(&node, path, problem, sizeof(problem));
		break;
	case 'w':
		lay_out_many();
		break;
	case 'k':
		cut_image();
		break;
	default:
		break;
	}
	check_served();
}

/* ---- an input ---- */

/* The places that only this run knows. */
static char *name_places(const uint8_t *bytes, size_t size, size_t *named_size)
{
	size_t capacity = size * 64 + 4096;
	char *buffer = malloc(capacity), path[FILES_PATH_SIZE + 1];
	struct text text;

	assert(buffer != NULL);
	scratch_path(path, "media");
	text_init(&text, buffer, capacity);
	for (size_t i = 0; i < size && text.size + 512 < capacity; i++) {
		char what = bytes[i] == '@' && i + 1 < size ? (char)bytes[i + 1] : '\0';

		if (what == 'M')
			text_add(&text, path);
		else if (what == 'W')
			text_add_format(&text, "http://127.0.0.1:%u",
				(unsigned)http_server_port(node.server));
		else if (what == 'Z' || what == 'Y')
			text_add_u64(&text, fuzz_release()->manifest_size - (what == 'Y'));
		else
			text_add_bytes(&text, (const char *)&bytes[i], 1);
		i += what != '\0' && strchr("MWZY", what) != NULL;
	}
	*named_size = text.size;
	return buffer;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	const uint8_t *whole = bytes;
	char *named, *filled, *line;

	faults_plan(&bytes, &size);
	if (bytes != whole) /* which call fails depends on all before */
		close_node();
	open_node();
	named = name_places(bytes, size, &size);
	filled = fuzz_fill(named, size, none, &size);
	line = filled;
	for (int i = 0; i < LINES_MAX && size > 0; i++) {
		const char *end = memchr(line, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - line) : size;

		if (line_size > 0)
			take_line(line, line_size);
		line_size += end != NULL;
		line += line_size;
		size -= line_size;
	}
	free(filled);
	free(named);
	if (bytes != whole || node.offers.looking)
		close_node();
	else
		clear_node();
	return 0;
}
