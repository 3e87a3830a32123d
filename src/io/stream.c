// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>

#include "io/socket.h"
#include "io/timer.h"

enum {
	READ_SIZE = 16384, /* one stream must not keep the others waiting */
	WRITE_SIZE = 65536,
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
	struct event *readable, *resume;
	int fd;
	void (*accepted)(void *context, int fd, const struct sockaddr *from);
	void *context;
};

/* ---- One connection ------------------------------------------------------------------------ */

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	char buffer[READ_SIZE];
	ssize_t size = read(fd, buffer, sizeof(buffer));
	int error = size < 0 ? -errno : 0;

	(void)what;
	if (size > 0) {
		stream->callbacks->received(stream->owner, buffer, (size_t)size);
	} else if (error != -EAGAIN) {
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
	size_t size = evbuffer_get_length(stream->output);
	ssize_t sent;

	(void)what;
	if (stream->connecting) {
		end_connecting(stream);
		return;
	}
	if (size > WRITE_SIZE)
		size = WRITE_SIZE;
	sent = send(fd, evbuffer_pullup(stream->output, (ev_ssize_t)size), size, MSG_NOSIGNAL);
	if (sent < 0) {
		int error = -errno;

		if (error == -EAGAIN)
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
	timer_free(stream->readable);
	timer_free(stream->writable);
	timer_free(stream->deadline);
	if (stream->output != NULL)
		evbuffer_free(stream->output);
	close(stream->fd);
	free(stream);
}

static struct stream *make_stream(struct event_base *base, int fd, bool connecting,
	uint32_t deadline_ms, const struct stream_callbacks *callbacks, void *owner)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL) {
		close(fd);
		return NULL;
	}
	socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
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
		stream->output == NULL || !timer_start(stream->deadline, deadline_ms) ||
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

int stream_connect(struct stream **stream, struct event_base *base, const char *address,
	uint16_t port, uint32_t deadline_ms, const struct stream_callbacks *callbacks, void *owner,
	struct sockaddr_storage *peer)
{
	struct addrinfo *to;
	int fd, error = socket_find_address(&to, address, port);

	if (error != 0)
		return error;
	fd = socket_open(to->ai_family, SOCK_STREAM);
	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
		error = -errno;
		close(fd);
		fd = error;
	}
	memcpy(peer, to->ai_addr, to->ai_addrlen);
	evutil_freeaddrinfo(to);
	if (fd < 0)
		return fd;
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

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
	struct stream_listener *listener = context;
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	int accepted = accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (accepted >= 0)
		listener->accepted(listener->context, accepted, (struct sockaddr *)&from);
	/* Out of descriptors, mostly. It stays readable, so asking again at once would spin. */
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED &&
		 timer_start(listener->resume, ACCEPT_PAUSE_MS))
		event_del(listener->readable);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct stream_listener *listener = context;

	(void)fd, (void)what;
	event_add(listener->readable, NULL);
}

void stream_listener_free(struct stream_listener *listener)
{
	if (listener == NULL)
		return;
	timer_free(listener->readable);
	timer_free(listener->resume);
	close(listener->fd);
	free(listener);
}

int stream_listen_at(struct stream_listener **listener, struct event_base *base,
	const struct sockaddr *address, socklen_t address_size,
	void (*accepted)(void *context, int fd, const struct sockaddr *from), void *context)
{
	struct stream_listener *made;
	int error, fd = socket_bind(address, address_size, SOCK_STREAM, false);

	if (fd < 0)
		return fd;
	if (listen(fd, LISTEN_BACKLOG) != 0 || (made = calloc(1, sizeof(*made))) == NULL) {
		error = -errno;
		close(fd);
		return error;
	}
	*made = (struct stream_listener){
		.readable = event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, made),
		.resume = event_new(base, -1, 0, on_resume, made),
		.fd = fd,
		.accepted = accepted,
		.context = context,
	};
	if (made->readable == NULL || made->resume == NULL ||
		event_add(made->readable, NULL) != 0) {
		stream_listener_free(made);
		return -ENOMEM;
	}
	*listener = made;
	return 0;
}

int stream_listen(struct stream_listener **listener, struct event_base *base, const char *address,
	uint16_t port, void (*accepted)(void *context, int fd, const struct sockaddr *from),
	void *context)
{
	struct addrinfo *to;
	int error = socket_find_address(&to, address, port);

	if (error != 0)
		return error;
	error = stream_listen_at(listener, base, to->ai_addr, to->ai_addrlen, accepted, context);
	evutil_freeaddrinfo(to);
	if (error == -EAFNOSUPPORT && strcmp(address, "::") == 0)
		return stream_listen(listener, base, "0.0.0.0", port, accepted, context);
	return error;
}

uint16_t stream_listener_port(const struct stream_listener *listener)
{
	struct sockaddr_in6 bound = { 0 };
	socklen_t size = sizeof(bound);

	/* The port lies at the same place in both families. */
	(void)getsockname(listener->fd, (struct sockaddr *)&bound, &size);
	return ntohs(bound.sin6_port);
}
