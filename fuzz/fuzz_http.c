// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: every byte that he sends to the HTTP port, and in which pieces. Behind it is
 * a whole node with all its routes, which serves a release from a directory. The first byte of the
 * input says through which door the rest comes, the network or the control socket, and in which
 * pieces; the rest has the placeholders of fuzz_fill().
 */
#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "common.h"
#include "daemon/node.h"
#include "io/files.h"

enum { TURNS_MAX = 40, QUIET_TURNS = 3, CHECK_EACH = 16 };

static char directory[] = "/tmp/lockstep-fuzz-XXXXXX";
static struct config config;
static struct log log_of_node;
static struct node node;
static bool opened;

static int remove_entry(const char *entry, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(entry);
}

static void clean_up(void)
{
	(void)nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[FILES_PATH_SIZE + 1];
	int error;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	error = files_write(path, bytes, size, 0644);
	assert(error == 0);
}

static void make_release(void)
{
	const struct fuzz_release *release = fuzz_release();
	char file[USIGN_FILE_SIZE_MAX], path[FILES_PATH_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];
	size_t size = usign_write_signature(file, sizeof(file), "fuzz", &release->signature);
	static const char *const folders[] = { "release/signatures", "release/images" };
	const struct directory *added;

	for (size_t i = 0; i < 2; i++) {
		int error;

		snprintf(path, sizeof(path), "%s/%s", directory, folders[i]);
		error = files_make_directory(path);
		assert(error == 0);
	}
	write_file("release/release.json", release->manifest, release->manifest_size);
	write_file("release/signatures/a.sig", file, size);
	write_file("release/images/alpha.bin", release->image, FUZZ_IMAGE_SIZE);
	write_file("release/images/beta.bin", release->image, FUZZ_IMAGE_SIZE);
	snprintf(path, sizeof(path), "%s/release", directory);
	added = node_add_directory(&node, path, problem, sizeof(problem));
	assert(added != NULL);
}

static void open_once(void)
{
	char json[2048], problem[LIMITS_MESSAGE_SIZE + 1];
	int size;
	bool ok;

	if (opened)
		return;
	opened = true;
	/* As the daemon does. */
	(void)signal(SIGPIPE, SIG_IGN);
	ok = mkdtemp(directory) != NULL;
	assert(ok);
	(void)atexit(clean_up);
	size = snprintf(json, sizeof(json),
		"{\"mesh\":\"" FUZZ_MESH "\",\"name\":\"" FUZZ_NAME "\","
		"\"http\":{\"listen\":\"127.0.0.1\",\"port\":0,\"control\":\"%s/control\"},"
		"\"gossip\":{\"listen\":\"127.0.0.1\",\"port\":0},"
		"\"flasher\":\"%s/none\",\"board\":\"" FUZZ_BOARD "\",\"version\":\"" FUZZ_VERSION
		"\","
		"\"directories\":{\"config\":\"%s/etc\",\"state\":\"%s/state\","
		"\"work\":\"%s/work\",\"web\":\"%s/web\"}}",
		directory, directory, directory, directory, directory, directory);
	ok = config_parse(&config, json, (size_t)size, problem, sizeof(problem));
	assert(ok);
	/* Nothing is logged: what a stranger causes would fill the disk. */
	log_init(&log_of_node, false, (enum log_level)(LOG_LEVEL_ERROR + 1));
	ok = node_open(&node, &config, &log_of_node);
	assert(ok);
	make_release();
}

static int connect_to(bool control)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in network = {
		.sin_family = AF_INET,
		.sin_port = htons(http_server_port(node.server)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	/* No state of the connection stays behind: there are thousands of them. */
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(control ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	assert(fd >= 0);
	text_set(local.sun_path, sizeof(local.sun_path), config.control);
	error = control ? connect(fd, (struct sockaddr *)&local, sizeof(local))
			: connect(fd, (struct sockaddr *)&network, sizeof(network));
	assert(error == 0 || errno == EINPROGRESS);
	if (!control)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

/* True when the server has closed. */
static bool hear(int fd, char first[static 13], size_t *heard)
{
	char buffer[8192];
	ssize_t size;

	(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
	while ((size = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		for (ssize_t i = 0; i < size && *heard + i < 12; i++)
			first[*heard + i] = buffer[i];
		*heard += (size_t)size;
	}
	return size == 0 || errno != EAGAIN;
}

static void talk(bool control, const char *bytes, size_t size, size_t piece, char first[static 13])
{
	int fd = connect_to(control);
	size_t heard = 0, sent = 0;
	bool closed = false;

	memset(first, 0, 13);
	while (sent < size && !closed) {
		ssize_t now = send(
			fd, bytes + sent, size - sent < piece ? size - sent : piece, MSG_NOSIGNAL);

		sent += now > 0 ? (size_t)now : 0;
		closed = hear(fd, first, &heard) || (now < 0 && errno != EAGAIN);
	}
	for (int turns = 0, quiet = 0; turns < TURNS_MAX && quiet < QUIET_TURNS && !closed;
		turns++) {
		size_t before = heard;

		closed = hear(fd, first, &heard);
		quiet = heard == before ? quiet + 1 : 0;
	}
	close(fd);
	(void)event_base_loop(node.base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	static const char good[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
	static uint32_t count;
	char first[13];
	size_t filled_size;
	char *filled;

	if (size == 0)
		return 0;
	open_once();
	filled = fuzz_fill(bytes + 1, size - 1, none, &filled_size);
	talk((bytes[0] & 1) != 0, filled, filled_size,
		bytes[0] / 2 == 127 ? 65536 : 1 + bytes[0] / 2 * 8u, first);
	free(filled);
	/* All that comes back is HTTP. */
	assert(first[0] == '\0' ||
		strncmp(first, "HTTP/1.1 ", strlen(first) < 9 ? strlen(first) : 9) == 0);
	/* Nothing that was sent keeps the next one from being served. */
	if (count++ % CHECK_EACH == 0) {
		talk(false, good, sizeof(good) - 1, sizeof(good), first);
		assert(strcmp(first, "HTTP/1.1 200") == 0);
	}
	return 0;
}
