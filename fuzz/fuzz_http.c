// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: every byte that he sends to the HTTP port, in which pieces, over how many
 * connections, and when he stops reading or closes. Behind it is a whole node with all its routes,
 * which serves a release from a directory, one that it kept, and an image of which it has the first
 * chunk. The first byte of the input says through which door the rest comes, the network or the
 * control socket, and in which pieces; the rest has the placeholders of fuzz_fill(). A NUL leaves
 * the connection open and begins another one, on which two bytes may say what it is:
 *
 *   @N @C  through the network, the control socket     @E  he says that he has sent everything
 *   @G     to the gossip port                          @L  he closes at once, as a crash does
 *   @P @X  the rest is an order, which is posted as    @T  meanwhile the mesh changes, and who
 *          the operator signs it, or as a stranger         watches is told, with @B
 *   @D     the release's directory is posted again          again and again
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "common.h"
#include "daemon/api.h"
#include "daemon/node.h"
#include "faults.h"
#include "scratch.h"

enum {
	TURNS_MAX = 40,
	QUIET_TURNS = 3,
	CHECK_EACH = 16,
	OPEN_MAX = 100, /* connections at once */
	FLASHER_WAIT_MS = 2000,
};

enum door { NETWORK = 0, CONTROL, GOSSIP };

/* A connection that the stranger holds. */
struct line {
	int fd;
	enum door door;
	char first[13]; /* that came back */
	size_t heard;
	bool closed;
};

static struct config config;
static struct log log_of_node;
static struct node node;
static struct images *own_images; /* the node's, which only its releases use */
static bool opened;

/* ---- the node ---- */

/* What comes of begin_image() is not the agent's business. */
static void on_image_event(void *context, const struct event *event)
{
	if (opened)
		node_step(context, event);
}

static const char *no_neighbour(void *context, uint32_t neighbour)
{
	(void)context;
	(void)neighbour;
	return NULL;
}

static void make_release(void)
{
	static const char kept[] = "22222222222222222222222222222222"
				   "22222222222222222222222222222222";
	const struct fuzz_release *release = fuzz_release();
	char file[USIGN_FILE_SIZE_MAX], path[FILES_PATH_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];
	size_t size = usign_write_signature(file, sizeof(file), "fuzz", &release->signature);
	const struct directory *added;

	scratch_write("release/release.json", release->manifest, release->manifest_size);
	scratch_write("release/signatures/a.sig", file, size);
	scratch_write("release/images/alpha.bin", release->image, FUZZ_IMAGE_SIZE);
	scratch_write("release/images/beta.bin", release->image, FUZZ_IMAGE_SIZE);
	scratch_path(path, "release");
	added = node_add_directory(&node, path, problem, sizeof(problem));
	assert(added != NULL);
	added = images_add_directory(own_images, path, problem, sizeof(problem));
	assert(added != NULL);
	snprintf(path, sizeof(path), "work/releases/%s.json", kept);
	scratch_write(path, "{}", 2);
}

/* The first chunk of an image of which the rest is still to come; its hash is all ones. */
static void begin_image(void)
{
	const struct images_callbacks callbacks = { on_image_event, no_neighbour, &node };
	struct image *image = calloc(1, sizeof(*image));
	struct action action = { .kind = ACTION_IMAGE_OPEN };

	own_images = node.images;
	node.images = images_new(node.base, config.work_directory, node.client, &callbacks);
	assert(image != NULL && node.images != NULL);
	memset(image->sha256, 0x11, sizeof(image->sha256));
	image->size = FUZZ_IMAGE_SIZE;
	image->chunk_size = FUZZ_CHUNK_SIZE;
	image->chunk_count = FUZZ_CHUNKS;
	action.image_open.image = image;
	images_open(node.images, &action);
	action = (struct action){ .kind = ACTION_IMAGE_WRITE };
	action.image_write.bytes = fuzz_release()->image;
	action.image_write.size = FUZZ_CHUNK_SIZE;
	images_write(node.images, &action);
	free(image);
	for (int i = 0; i < QUIET_TURNS; i++)
		(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
}

static void write_key(const char *name, enum fuzz_key key)
{
	char file[USIGN_FILE_SIZE_MAX];

	scratch_write(name, file, usign_write_public(file, sizeof(file), "fuzz", fuzz_public(key)));
}

/* A flasher that runs is left alone by a node that closes, and so would be what belongs to it. */
static void wait_for_flasher(void)
{
	siginfo_t info;

	for (int i = 0; i < FLASHER_WAIT_MS; i++) {
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
			return; /* there is no child */
		(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
}

static void close_node(void)
{
	if (!opened)
		return;
	wait_for_flasher();
	/* While its client and its loop are there. */
	images_free(own_images);
	node_close(&node);
	opened = false;
}

static void configure(void)
{
	char json[4096], problem[LIMITS_MESSAGE_SIZE + 1];
	const char *directory = scratch_directory();
	int size = snprintf(json, sizeof(json),
		"{\"mesh\":\"" FUZZ_MESH "\",\"name\":\"" FUZZ_NAME "\","
		"\"http\":{\"listen\":\"127.0.0.1\",\"port\":0,\"control\":\"%s/control\"},"
		"\"gossip\":{\"listen\":\"127.0.0.1\",\"port\":0,\"host_file\":\"%s/none\"},"
		"\"expected\":\"\",\"rate_limit_kbit\":10000000,"
		"\"flasher\":\"%s/none\",\"board\":\"" FUZZ_BOARD "\",\"version\":\"" FUZZ_VERSION
		"\","
		"\"directories\":{\"config\":\"%s/etc\",\"state\":\"%s/state\","
		"\"work\":\"%s/work\",\"web\":\"%s/web\"}}",
		directory, directory, directory, directory, directory, directory, directory);
	bool ok = config_parse(&config, json, (size_t)size, problem, sizeof(problem));

	assert(ok);
	/* As the daemon does. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Nothing is logged: what a stranger causes would fill the disk. */
	log_init(&log_of_node, false, (enum log_level)(LOG_LEVEL_ERROR + 1));
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
	write_key("etc/trust/operator/a.pub", FUZZ_OPERATOR);
	write_key("etc/trust/release/a.pub", FUZZ_RELEASE);
	scratch_write("state/node.sec", file,
		usign_write_secret(file, sizeof(file), "fuzz", fuzz_secret(FUZZ_NODE)));
	scratch_write("web/index.html.gz", "<html>", 6);
	scratch_write("web/assets/a-1.js.gz", "1", 1);
	ok = node_open(&node, &config, &log_of_node);
	assert(ok);
	node.expected = strdup("node1,node2,a b,,..,node3");
	begin_image();
	opened = true;
	make_release();
}

/* ---- the stranger ---- */

static void turn(void)
{
	faults_wait();
	faults_on();
	(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
	faults_off();
}

static int connect_to(enum door door)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in network = {
		.sin_family = AF_INET,
		.sin_port = htons(door == GOSSIP ? gossip_net_port(node.gossip)
						 : http_server_port(node.server)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	/* No state of the connection stays behind: there are thousands of them. */
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(
		door == CONTROL ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	assert(fd >= 0);
	text_set(local.sun_path, sizeof(local.sun_path), config.control);
	error = door == CONTROL ? connect(fd, (struct sockaddr *)&local, sizeof(local))
				: connect(fd, (struct sockaddr *)&network, sizeof(network));
	/* Without a turn of the loop nobody accepts, and many may wait. */
	assert(error == 0 || errno == EINPROGRESS || errno == EAGAIN);
	if (door != CONTROL)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

/* Reads what came back. */
static void hear(struct line *line)
{
	char buffer[8192];
	ssize_t size;

	turn();
	while ((size = recv(line->fd, buffer, sizeof(buffer), 0)) > 0) {
		for (ssize_t i = 0; i < size && line->heard + i < sizeof(line->first) - 1; i++)
			line->first[line->heard + i] = buffer[i];
		line->heard += (size_t)size;
	}
	line->closed = line->closed || size == 0 || (errno != EAGAIN && errno != ENOTCONN);
}

static void say(struct line *line, const char *bytes, size_t size, size_t piece)
{
	size_t sent = 0;

	while (sent < size && !line->closed) {
		ssize_t now = send(line->fd, bytes + sent,
			size - sent < piece ? size - sent : piece, MSG_NOSIGNAL);

		sent += now > 0 ? (size_t)now : 0;
		line->closed = now < 0 && errno != EAGAIN;
		hear(line);
	}
}

static void hang_up(struct line *line)
{
	for (int turns = 0, quiet = 0; turns < TURNS_MAX && quiet < QUIET_TURNS && !line->closed;
		turns++) {
		size_t before = line->heard;

		hear(line);
		quiet = line->heard == before ? quiet + 1 : 0;
	}
	close(line->fd);
	turn();
	/* All that comes back is HTTP. */
	assert(line->door == GOSSIP || line->first[0] == '\0' ||
		strncmp(line->first, "HTTP/1.1 ",
			strlen(line->first) < 9 ? strlen(line->first) : 9) == 0);
}

static void post(struct line *line, enum fuzz_key key, const char *order, size_t size, size_t piece)
{
	size_t capacity = size * 6 + 1024;
	char *body = malloc(capacity), *request = malloc(capacity + 256);
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct text text;
	int head;

	assert(body != NULL && request != NULL);
	fuzz_sign(blob, key, order, size);
	text_init(&text, body, capacity);
	text_begin_object(&text);
	text_add_member_text(&text, "order", order, size);
	text_add_member_string(&text, "signature", blob);
	text_end_object(&text);
	head = snprintf(
		request, 256, "POST /v1/orders HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", text.size);
	memcpy(request + head, body, text.size);
	say(line, request, (size_t)head + text.size, piece);
	free(request);
	free(body);
}

static void post_directory(struct line *line, size_t piece)
{
	char path[FILES_PATH_SIZE + 1], body[FILES_PATH_SIZE + 32], request[sizeof(body) + 128];
	int size;

	scratch_path(path, "release");
	size = snprintf(body, sizeof(body), "{\"path\":\"%s\"}", path);
	size = snprintf(request, sizeof(request),
		"POST /v1/directory HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", size, body);
	say(line, request, (size_t)size, piece);
}

/* One connection's share of the input. */
static void talk(struct line *line, const char *bytes, size_t size, size_t piece)
{
	char what = size >= 2 && bytes[0] == '@' ? bytes[1] : '\0';
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (what == 'N' || what == 'C' || what == 'G') {
		line->door = what == 'N' ? NETWORK : what == 'C' ? CONTROL : GOSSIP;
		bytes += 2;
		size -= 2;
		what = size >= 2 && bytes[0] == '@' ? bytes[1] : '\0';
	}
	line->fd = connect_to(line->door);
	if (what == '\0' || strchr("PXDETBL", what) == NULL) {
		say(line, bytes, size, piece);
		return;
	}
	bytes += 2;
	size -= 2;
	if (what == 'P' || what == 'X') {
		post(line, what == 'P' ? FUZZ_OPERATOR : FUZZ_STRANGER, bytes, size, piece);
		return;
	}
	if (what == 'D') {
		post_directory(line, piece);
		return;
	}
	if (what == 'E') {
		/* Before we read the first byte. */
		(void)!send(line->fd, bytes, size, MSG_NOSIGNAL);
		(void)shutdown(line->fd, SHUT_WR);
		return;
	}
	say(line, bytes, size, piece);
	if (what == 'T' || what == 'B') {
		for (int i = 0; i < (what == 'B' ? 4 : 1); i++) {
			faults_on();
			http_server_tell(node.server);
			faults_off();
			turn();
		}
	} else {
		(void)setsockopt(line->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		(void)shutdown(line->fd, SHUT_RDWR);
	}
}

static void talk_all(enum door door, const char *bytes, size_t size, size_t piece)
{
	struct line *lines = calloc(OPEN_MAX, sizeof(*lines));
	uint32_t count = 0;

	assert(lines != NULL);
	while (size > 0 && count < OPEN_MAX) {
		const char *end = memchr(bytes, '\0', size);
		size_t share = end != NULL ? (size_t)(end - bytes) : size;

		lines[count].door = door;
		talk(&lines[count++], bytes, share, piece);
		share += end != NULL;
		bytes += share;
		size -= share;
	}
	for (uint32_t i = 0; i < count; i++)
		hang_up(&lines[i]);
	free(lines);
}

static void check_alive(void)
{
	static const char good[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
	struct line line = { .fd = connect_to(NETWORK) };

	say(&line, good, sizeof(good) - 1, sizeof(good));
	hang_up(&line);
	assert(strcmp(line.first, "HTTP/1.1 200") == 0);
}

/* Does it leave anything behind in the node? Then that is for this input alone. */
static bool changes_node(const uint8_t *bytes, size_t size, bool planned)
{
	for (size_t i = 0; i + 1 < size; i++) {
		if (bytes[i] == '@' && strchr("PG", bytes[i + 1]) != NULL && bytes[i + 1] != '\0')
			return true;
	}
	return planned;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	static uint32_t count;
	const uint8_t *whole = bytes;
	size_t filled_size;
	bool changes;
	char *filled;

	faults_plan(&bytes, &size);
	if (size == 0)
		return 0;
	changes = changes_node(bytes, size, bytes != whole);
	if (changes)
		close_node();
	open_node();
	filled = fuzz_fill(bytes + 1, size - 1, none, &filled_size);
	talk_all((bytes[0] & 1) != 0 ? CONTROL : NETWORK, filled, filled_size,
		bytes[0] / 2 == 127 ? 65536 : 1 + bytes[0] / 2 * 8u);
	free(filled);
	/* Nothing that was sent keeps the next one from being served. */
	if (changes)
		close_node();
	else if (count++ % CHECK_EACH == 0)
		check_alive();
	return 0;
}
