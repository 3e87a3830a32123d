/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H

/*
 * A small HTTP/1.1 server on TCP and on a unix socket, over libevent's bufferevents.
 *
 * Not over evhttp, for three reasons: evhttp asks getnameinfo() for the name of every peer, which
 * musl refuses for AF_UNIX, so that a control socket answers nobody on OpenWrt; it has no bound on
 * connections and none on how slowly a request may trickle in; and a handler cannot tell which
 * listener a request came through, on which our control socket rests.
 *
 * Bounds: LIMITS_HTTP_*; a request that is not complete after HTTP_IDLE_S is dropped; when all
 * connections are taken the one that idles longest gives way. Every request gets exactly one
 * reply, at once or later (http_server_find()). File contents go out by sendfile(), not through
 * memory; the process must ignore SIGPIPE.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "io/http_head.h"

struct event_base;

enum {
	HTTP_IDLE_S = 30,
	HTTP_CONTROL_CONNECTIONS_MAX = 8, /* beside LIMITS_HTTP_CONNECTIONS_MAX */
	HTTP_STREAMS_MAX = 8,
	HTTP_STREAM_GAP_MS = 500, /* between two events of one stream */
	HTTP_STREAM_KEEPALIVE_S = 15,
	HTTP_PARAMETERS_MAX = 3,
	HTTP_PARAMETER_SIZE = 127,
	HTTP_EXTRA_HEADERS_SIZE = 255,
};

struct http_server;
struct http_request;

/* Tables of routes are const and end with a path of NULL. A GET route answers HEAD too. */
struct http_route {
	const char *path; /* "/v1/images/x": a component "*" stands for any one, not empty */
	void (*handle)(void *context, struct http_request *request);
	uint8_t method;    /* enum http_method */
	bool control_only; /* 403 for everybody who does not come over the control socket */
};

/* `routes` and `context` live as long as the server. NULL without memory. */
struct http_server *http_server_new(
	struct event_base *base, const struct http_route *routes, void *context);
void http_server_free(struct http_server *server); /* requests without a reply are dropped */

/* `address` is numeric; "::" means IPv4 too, and IPv4 alone on a machine without IPv6. Both give 0
 * or -errno. The control socket is for this user only; a stale one in its place is replaced. */
__attribute__((warn_unused_result)) int http_server_listen(
	struct http_server *server, const char *address, uint16_t port);
__attribute__((warn_unused_result)) int http_server_listen_control(
	struct http_server *server, const char *path);
/* The TCP port in use; 0 if there is none. */
uint16_t http_server_port(const struct http_server *server);

/* Bounds the files that go out, all connections together; 0: no bound. Polite: they give way to
 * other traffic (io/pace.h). */
void http_server_limit_rate(struct http_server *server, uint32_t bytes_per_s, bool polite);

/* ---- A request; the pointers live until the handler returns ---- */

enum http_method http_request_method(const struct http_request *request); /* GET also for HEAD */
const char *http_request_path(const struct http_request *request);
/* What the `index`th "*" of the route stood for. */
const char *http_request_parameter(const struct http_request *request, uint32_t index);
bool http_request_is_control(const struct http_request *request);
const char *http_request_range(const struct http_request *request); /* NULL if there is none */
const char *http_request_body(const struct http_request *request, size_t *size);

/* For replies that come later: find() gives NULL when the connection is gone or has its reply. */
uint64_t http_request_id(const struct http_request *request); /* never 0 */
struct http_request *http_server_find(struct http_server *server, uint64_t id);

/* ---- Replies; each ends the request ---- */

/* A header line of the reply to come, as "Name: value". Ours, never a peer's. Without a
 * Cache-Control of its own a reply is for this once. */
void http_add_header(struct http_request *request, const char *line);
void http_reply(struct http_request *request, uint32_t status, const char *content_type,
	const void *bytes, size_t size);
/* The same with bytes of malloc(), which it takes. */
void http_reply_bytes(struct http_request *request, uint32_t status, const char *content_type,
	char *bytes, size_t size);
/* {"error":{"reason":…,"message":…}} */
void http_reply_error(
	struct http_request *request, uint32_t status, const char *reason, const char *message);
/* `size` bytes of `fd` from `offset`. Takes the fd. */
void http_reply_file(struct http_request *request, uint32_t status, const char *content_type,
	int fd, uint64_t offset, uint64_t size);

/*
 * Streams of server-sent events. Each is told as fast as its reader reads: while bytes of its last
 * event wait, and for HTTP_STREAM_GAP_MS after it, it gets nothing, and afterwards one event for
 * everything that happened meanwhile. So there is at most one event in memory for each.
 */

/* Sends one event to the stream, of what there is to tell. False if that cannot be done now: it is
 * asked again after the gap. */
typedef bool http_stream_tell(void *context, struct http_request *stream);

/* Begins a stream, and asks `tell` for its first event; or replies 503 when there are enough. */
void http_reply_stream(struct http_request *request, http_stream_tell *tell);

/* There is something new to tell to all streams. */
void http_server_tell(struct http_server *server);

/* For `tell`: a number of its own in each stream, 0 at first; and the event, of which it sends one:
 * a line of malloc(), which is taken. */
uint64_t *http_stream_number(struct http_request *stream);
void http_stream_send(struct http_request *stream, const char *event, char *line, size_t size);

uint32_t http_server_stream_count(const struct http_server *server);

#endif
