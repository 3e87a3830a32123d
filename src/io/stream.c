// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>

enum {
	READ_SIZE = 16384, /* one stream must not keep the others waiting */
	LISTEN_BACKLOG = 128,
	ACCEPT_PAUSE_MS = 100, /* after running out of descriptors or memory */
};

struct stream {
	const struct stream_callbacks *callbacks;
	void *owner;
	int fd;
	bool connecting;
	struct event *readable, *writable, *deadline;
	struct evbuffer *output;
};

struct stream_listener {
	struct evconnlistener *listener;
	struct event *resume;
	void (*accepted)(void *context, int fd, const struct sockaddr *from);
	void *context;
	uint16_t port;
};

static void set_option(int fd, int level, int option, int value)
{
	/* An option that the kernel does not take costs speed, never correctness. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* ---- One connection ------------------------------------------------------------------------ */

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	char buffer[READ_SIZE];
	ssize_t size = read(fd, buffer, sizeof(buffer));

	(void)what;
	if (size > 0) {
		stream->callbacks->received(stream->owner, buffer, (size_t)size);
	} else if (size == 0) {
		event_del(stream->readable);
		stream->callbacks->ended(stream->owner, 0);
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		int error = -errno;

		event_del(stream->readable);
		stream->callbacks->ended(stream->owner, error);
	}
}

static void end_connecting(struct stream *stream)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error == 0 && event_add(stream->readable, NULL) != 0)
		error = ENOMEM;
	event_del(stream->writable);
	if (error != 0) {
		stream->callbacks->ended(stream->owner, -error);
		return;
	}
	stream->connecting = false;
	stream->callbacks->connected(stream->owner);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	struct evbuffer_iovec pieces[8];
	struct msghdr message = { .msg_iov = pieces };
	ssize_t sent;
	int count;

	(void)what;
	if (stream->connecting) {
		end_connecting(stream);
		return;
	}
	count = evbuffer_peek(stream->output, -1, NULL, pieces, 8);
	message.msg_iovlen = count < 8 ? (size_t)count : 8;
	sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	if (sent < 0) {
		int error = -errno;

		if (error == -EAGAIN || error == -EWOULDBLOCK || error == -EINTR)
			return;
		event_del(stream->writable);
		stream->callbacks->ended(stream->owner, error);
		return;
	}
	evbuffer_drain(stream->output, (size_t)sent);
	if (evbuffer_get_length(stream->output) == 0) {
		event_del(stream->writable);
		stream->callbacks->flushed(stream->owner);
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;

	(void)fd, (void)what;
	stream->callbacks->ended(stream->owner, -ETIMEDOUT);
}

void stream_close(struct stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->readable != NULL)
		event_free(stream->readable);
	if (stream->writable != NULL)
		event_free(stream->writable);
	if (stream->deadline != NULL)
		event_free(stream->deadline);
	if (stream->output != NULL)
		evbuffer_free(stream->output);
	close(stream->fd);
	free(stream);
}

static struct stream *make_stream(struct event_base *base, int fd, bool connecting,
	uint32_t deadline_ms, const struct stream_callbacks *callbacks, void *owner)
{
	struct timeval deadline = { .tv_sec = (time_t)(deadline_ms / 1000),
		.tv_usec = (suseconds_t)(deadline_ms % 1000 * 1000) };
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL) {
		close(fd);
		return NULL;
	}
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	*stream = (struct stream){
		.callbacks = callbacks,
		.owner = owner,
		.fd = fd,
		.connecting = connecting,
		.readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, stream),
		.writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, stream),
		.deadline = event_new(base, -1, 0, on_deadline, stream),
		.output = evbuffer_new(),
	};
	if (stream->readable == NULL || stream->writable == NULL || stream->deadline == NULL ||
		stream->output == NULL || event_add(stream->deadline, &deadline) != 0 ||
		event_add(connecting ? stream->writable : stream->readable, NULL) != 0) {
		stream_close(stream);
		return NULL;
	}
	return stream;
}

struct stream *stream_adopt(struct event_base *base, int fd, uint32_t deadline_ms,
	const struct stream_callbacks *callbacks, void *owner)
{
	return make_stream(base, fd, false, deadline_ms, callbacks, owner);
}

/* A numeric address only: nobody is asked for a name, so nothing waits. */
static int find_address(struct addrinfo **found, const char *address, uint16_t port, bool to_listen)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0),
		.ai_socktype = SOCK_STREAM,
	};
	char service[8];

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	return getaddrinfo(address, service, &hints, found) == 0 ? 0 : -EINVAL;
}

static int open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

int stream_connect(struct stream **stream, struct event_base *base, const char *address,
	uint16_t port, uint32_t deadline_ms, const struct stream_callbacks *callbacks, void *owner,
	struct sockaddr_storage *peer)
{
	struct addrinfo *to;
	int fd, error = find_address(&to, address, port, false);

	if (error != 0)
		return error;
	fd = open_socket(to->ai_family);
	if (fd < 0) {
		freeaddrinfo(to);
		return fd;
	}
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
		error = -errno;
		close(fd);
	}
	memcpy(peer, to->ai_addr, to->ai_addrlen);
	freeaddrinfo(to);
	if (error != 0)
		return error;
	*stream = make_stream(base, fd, true, deadline_ms, callbacks, owner);
	return *stream != NULL ? 0 : -ENOMEM;
}

bool stream_send(struct stream *stream, const void *bytes, size_t size)
{
	if (size == 0)
		return true;
	return evbuffer_add(stream->output, bytes, size) == 0 &&
	       event_add(stream->writable, NULL) == 0;
}

size_t stream_unsent(const struct stream *stream)
{
	return evbuffer_get_length(stream->output);
}

/* ---- Listening ----------------------------------------------------------------------------- */

static void on_accepted(struct evconnlistener *evconnlistener, evutil_socket_t fd,
	struct sockaddr *from, int size, void *context)
{
	struct stream_listener *listener = context;

	(void)evconnlistener, (void)size;
	listener->accepted(listener->context, fd, from);
}

/* Out of descriptors, mostly. The listener stays readable, so asking again at once would spin. */
static void on_accept_error(struct evconnlistener *evconnlistener, void *context)
{
	struct stream_listener *listener = context;
	struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	if (event_add(listener->resume, &pause) == 0)
		evconnlistener_disable(evconnlistener);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct stream_listener *listener = context;

	(void)fd, (void)what;
	evconnlistener_enable(listener->listener);
}

static int bind_socket(const struct addrinfo *to, uint16_t *port)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	int error, fd = open_socket(to->ai_family);

	if (fd < 0)
		return fd;
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (to->ai_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, to->ai_addr, to->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0 ||
		getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
		error = -errno;
		close(fd);
		return error;
	}
	*port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
						  : ((struct sockaddr_in *)&bound)->sin_port);
	return fd;
}

void stream_listener_free(struct stream_listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->listener != NULL)
		evconnlistener_free(listener->listener);
	if (listener->resume != NULL)
		event_free(listener->resume);
	free(listener);
}

int stream_listen(struct stream_listener **listener, struct event_base *base, const char *address,
	uint16_t port, void (*accepted)(void *context, int fd, const struct sockaddr *from),
	void *context)
{
	struct stream_listener *made;
	struct addrinfo *to;
	uint16_t bound_port = 0;
	int fd, error = find_address(&to, address, port, true);

	if (error != 0)
		return error;
	fd = bind_socket(to, &bound_port);
	freeaddrinfo(to);
	if (fd == -EAFNOSUPPORT && strcmp(address, "::") == 0)
		return stream_listen(listener, base, "0.0.0.0", port, accepted, context);
	if (fd < 0)
		return fd;

	made = calloc(1, sizeof(*made));
	if (made == NULL) {
		close(fd);
		return -ENOMEM;
	}
	made->accepted = accepted;
	made->context = context;
	made->port = bound_port;
	made->resume = event_new(base, -1, 0, on_resume, made);
	made->listener = evconnlistener_new(
		base, on_accepted, made, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (made->listener == NULL)
		close(fd);
	if (made->listener == NULL || made->resume == NULL) {
		stream_listener_free(made);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(made->listener, on_accept_error);
	*listener = made;
	return 0;
}

uint16_t stream_listener_port(const struct stream_listener *listener)
{
	return listener->port;
}
