/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_STREAM_H
#define IO_STREAM_H

/*
 * TCP connections that carry bytes for somebody else: accepted or opened, each with one deadline
 * for all of its life. What is given to stream_send() in one turn of the loop goes out in one write
 * and at once (TCP_NODELAY). No byte and no early end from the other side raises a signal.
 *
 * Every callback is the last thing that the stream does: the owner may close it there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct event_base;
struct stream;
struct stream_listener;

struct stream_callbacks {
	void (*connected)(void *owner); /* of stream_connect(); NULL for others */
	void (*received)(void *owner, const void *bytes, size_t size);
	void (*flushed)(void *owner); /* all that was to be sent is on its way */
	/* 0: the peer closed its side, sending may go on. Else -errno (-ETIMEDOUT: the deadline
	 * has come), and all that is left to do is stream_close(). */
	void (*ended)(void *owner, int error);
};

/* Takes `fd`, which must be a connected non-blocking socket; NULL without memory, with `fd` closed.
 * `callbacks` lives as long as the stream. */
struct stream *stream_adopt(struct event_base *base, int fd, uint32_t deadline_ms,
	const struct stream_callbacks *callbacks, void *owner);

/* `address` is numeric, with %scope if need be; `peer` is what it came to. 0 or -errno; then no
 * callback comes. */
__attribute__((warn_unused_result)) int stream_connect(struct stream **stream,
	struct event_base *base, const char *address, uint16_t port, uint32_t deadline_ms,
	const struct stream_callbacks *callbacks, void *owner, struct sockaddr_storage *peer);

/* Copies the bytes. False without memory. */
__attribute__((warn_unused_result)) bool stream_send(
	struct stream *stream, const void *bytes, size_t size);
size_t stream_unsent(const struct stream *stream);

/* NULL is fine. No callback comes after it. */
void stream_close(struct stream *stream);

/* `address` is numeric; "::" means IPv4 too, and IPv4 alone on a machine without IPv6. Port 0 takes
 * any. `accepted` owns `fd`, a non-blocking socket. 0 or -errno. */
__attribute__((warn_unused_result)) int stream_listen(struct stream_listener **listener,
	struct event_base *base, const char *address, uint16_t port,
	void (*accepted)(void *context, int fd, const struct sockaddr *from), void *context);
/* The same at an address of any family. */
__attribute__((warn_unused_result)) int stream_listen_at(struct stream_listener **listener,
	struct event_base *base, const struct sockaddr *address, socklen_t address_size,
	void (*accepted)(void *context, int fd, const struct sockaddr *from), void *context);
uint16_t stream_listener_port(const struct stream_listener *listener); /* of TCP */
void stream_listener_free(struct stream_listener *listener);           /* NULL is fine */

#endif
