// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/fetch.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/url.h"

enum {
	PIECE_SIZE = 16384,
};

static bool say(struct fetch *fetch, const char *problem)
{
	text_set(fetch->problem, sizeof(fetch->problem), problem);
	return false;
}

/* False when the time is over. */
static bool wait_for(const struct fetch *fetch, int fd, short what)
{
	struct pollfd one = { .fd = fd, .events = what };
	uint64_t now_ms;

	do {
		now_ms = clock_now_ms();
		if (now_ms >= fetch->end_ms)
			return false;
	} while (poll(&one, 1, (int)(fetch->end_ms - now_ms)) < 0 && errno == EINTR);
	return one.revents != 0;
}

/* ---- connecting ---- */

static bool finish_connect(const struct fetch *fetch, int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	return wait_for(fetch, fd, POLLOUT) &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* A connected socket, or -1. */
static int connect_to(const struct fetch *fetch, const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, address, size) == 0 || (errno == EINPROGRESS && finish_connect(fetch, fd)))
		return fd;
	close(fd);
	return -1;
}

static int connect_control(const struct fetch *fetch)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!text_copy(address.sun_path, sizeof(address.sun_path), fetch->control))
		return -1;
	return connect_to(fetch, (const struct sockaddr *)&address, sizeof(address));
}

static int connect_host(const struct fetch *fetch, const struct url *url)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char port[8];
	int fd = -1;

	snprintf(port, sizeof(port), "%u", url->port);
	if (getaddrinfo(url->host, port, &hints, &found) != 0)
		return -1;
	for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
		fd = connect_to(fetch, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(found);
	return fd;
}

/* ---- speaking ---- */

static bool send_request(const struct fetch *fetch, int fd, const char *host, const char *path)
{
	char request[URL_HOST_SIZE + URL_PATH_SIZE + 64];
	/* 1.0, so that nobody answers in chunks. */
	int size = snprintf(request, sizeof(request),
		"GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);

	/* It is short: a new connection takes it whole. */
	return size > 0 && (size_t)size < sizeof(request) && wait_for(fetch, fd, POLLOUT) &&
	       send(fd, request, (size_t)size, MSG_NOSIGNAL) == size;
}

/* What has come so far. */
struct reply {
	size_t size;
	char *bytes;
};

/* Reads until the other side closes. */
static bool read_reply(struct fetch *fetch, int fd, struct reply *reply)
{
	ssize_t got = 1;

	while (got != 0) {
		char *bytes = realloc(reply->bytes, reply->size + PIECE_SIZE + 1);

		if (bytes == NULL)
			return say(fetch, "There is not enough memory.");
		reply->bytes = bytes;
		if (!wait_for(fetch, fd, POLLIN))
			return say(fetch, "The answer took too long.");
		got = recv(fd, bytes + reply->size, PIECE_SIZE, 0);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return say(fetch, "The connection broke.");
		reply->size += got > 0 ? (size_t)got : 0;
		bytes[reply->size] = '\0';
		if (reply->size > fetch->size_max + LIMITS_HTTP_HEADERS_SIZE)
			return say(fetch, "The answer is too long.");
	}
	return true;
}

/* The body of an answer with status 200; NULL if it is none. */
static const char *find_body(struct fetch *fetch, const struct reply *reply)
{
	static const char begin[] = "HTTP/1.x 200";
	const char *end = strstr(reply->bytes, "\r\n\r\n");

	if (end == NULL || end < reply->bytes + sizeof(begin) - 1 ||
		memcmp(reply->bytes, begin, 7) != 0)
		(void)say(fetch, "The answer is no HTTP.");
	else if (memcmp(reply->bytes + 8, begin + 8, 4) != 0)
		snprintf(fetch->problem, sizeof(fetch->problem), "The answer is HTTP status%.4s.",
			reply->bytes + 8);
	else
		return end + 4;
	return NULL;
}

/* What cuts it short makes it no JSON, or breaks its signature: its length is not looked at. */
bool fetch_over(struct fetch *fetch, int fd, const char *host, const char *path)
{
	struct reply reply = { .size = 0 };
	const char *body = NULL;

	if (!send_request(fetch, fd, host, path))
		(void)say(fetch, "The connection broke.");
	else if (read_reply(fetch, fd, &reply))
		body = find_body(fetch, &reply);
	close(fd);
	fetch->dropped = reply.size == 0;
	if (body == NULL) {
		free(reply.bytes);
		return false;
	}
	fetch->size = reply.size - (size_t)(body - reply.bytes);
	memmove(reply.bytes, body, fetch->size);
	reply.bytes[fetch->size] = '\0';
	fetch->bytes = reply.bytes;
	return true;
}

bool fetch_get(struct fetch *fetch)
{
	struct url url;
	int fd;

	fetch->dropped = false;
	if (fetch->control != NULL) {
		fd = connect_control(fetch);
		return fd >= 0 ? fetch_over(fetch, fd, "localhost", fetch->url)
			       : say(fetch, "Nobody answers.");
	}
	if (!url_parse(&url, fetch->url))
		return say(fetch, "This is no http:// URL.");
	fd = connect_host(fetch, &url);
	return fd >= 0 ? fetch_over(fetch, fd, url.host, url.path) : say(fetch, "Nobody answers.");
}
