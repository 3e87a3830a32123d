// SPDX-License-Identifier: AGPL-3.0-or-later
#include "peer.h"

#include <assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scratch.h"

static int listeners[2] = { -1, -1 };
static uint16_t port;
static char paths[1 + PEER_NAMES][FILES_PATH_SIZE + 1];

static int listen_at(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, address, size) == 0 && listen(fd, 64) == 0;

	assert(ok);
	return fd;
}

void peer_listen(void)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in network = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t size = sizeof(network);

	if (listeners[0] >= 0)
		return;
	/* As the daemon does. */
	(void)signal(SIGPIPE, SIG_IGN);
	scratch_path(paths[0], "socket");
	text_set(local.sun_path, sizeof(local.sun_path), paths[0]);
	listeners[0] = listen_at((struct sockaddr *)&local, sizeof(local));
	listeners[1] = listen_at((struct sockaddr *)&network, sizeof(network));
	(void)getsockname(listeners[1], (struct sockaddr *)&network, &size);
	port = ntohs(network.sin_port);
	for (int i = 0; i < PEER_NAMES; i++) {
		char name[16];
		int error;

		snprintf(name, sizeof(name), "name%d", i);
		scratch_path(paths[1 + i], name);
		error = symlink(paths[0], paths[1 + i]);
		assert(error == 0);
	}
}

uint16_t peer_port(void)
{
	return port;
}

const char *peer_path(int name)
{
	assert(name >= -1 && name < PEER_NAMES);
	return paths[1 + name];
}

/* The next reply; true if the connection stays open. */
static bool reply(struct peer *peer, int fd)
{
	struct fuzz *replies = peer->replies;
	char heard[4096];

	while (fuzz_left(replies) > 0) {
		size_t size = peer->piece;
		const uint8_t *bytes = fuzz_bytes(replies, &size), *end = bytes;

		while (end<bytes + size && * end> 1)
			end++;
		if (end < bytes + size)
			replies->at = end + 1;
		if (end > bytes && send(fd, bytes, (size_t)(end - bytes), MSG_NOSIGNAL) < 0)
			return false;
		peer->turn(peer->context);
		(void)recv(fd, heard, sizeof(heard), 0);
		if (end < bytes + size)
			return *end == 1;
	}
	return false;
}

static void serve_new(struct peer *peer)
{
	for (size_t i = 0; i < 2; i++) {
		int fd = accept4(listeners[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		char heard[4096];

		if (fd < 0)
			continue;
		peer->turn(peer->context);
		(void)recv(fd, heard, sizeof(heard), 0);
		if (reply(peer, fd) && peer->open_count < PEER_OPEN_MAX)
			peer->open[peer->open_count++] = fd;
		else
			close(fd);
	}
}

void peer_serve(struct peer *peer)
{
	serve_new(peer);
	for (uint32_t i = 0; i < peer->open_count; i++) {
		char heard[4096];
		bool asked = recv(peer->open[i], heard, sizeof(heard), 0) > 0;

		/* Nothing more comes of it if the input is at its end. */
		if (asked ? reply(peer, peer->open[i]) : fuzz_left(peer->replies) > 0)
			continue;
		close(peer->open[i]);
		peer->open[i--] = peer->open[--peer->open_count];
	}
}

void peer_close(struct peer *peer)
{
	for (uint32_t i = 0; i < peer->open_count; i++)
		close(peer->open[i]);
	peer->open_count = 0;
	for (size_t i = 0; i < 2; i++) {
		int fd;

		while ((fd = accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(fd);
	}
}
