/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_HTTP_HEAD_H
#define IO_HTTP_HEAD_H

/*
 * The head of an HTTP/1 message: request or status line and headers, up to and with the empty line.
 * Only what Lockstep uses is kept. Strict where messages could be told apart in two ways: CRLF ends
 * a line, one Content-Length, never together with Transfer-Encoding, no folded lines.
 *
 * No I/O here; every byte that comes in may be hostile.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"

struct evbuffer;

enum {
	HTTP_PATH_SIZE = 255,
	HTTP_RANGE_SIZE = 63,
};

enum http_method {
	HTTP_OTHER = 0,
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
};

struct http_request_head {
	enum http_method method;
	bool keep_alive; /* with HTTP/1.1 only: whoever speaks 1.0 gets a connection for each */
	bool expect_continue;
	bool has_range;
	uint64_t body_size;            /* bytes */
	char path[HTTP_PATH_SIZE + 1]; /* begins with '/'; the query is cut off, nothing decoded */
	char range[HTTP_RANGE_SIZE + 1];
};

struct http_reply_head {
	uint32_t status; /* 100..599 */
	bool keep_alive;
	bool chunked;
	bool size_known;    /* else the body ends with the connection, if it is not chunked */
	uint64_t body_size; /* bytes */
};

/* Bytes of the head at the front of `input`; 0: it has not come to its end yet, -1: it has more
 * than LIMITS_HTTP_HEADERS_SIZE. */
ssize_t http_head_size(struct evbuffer *input);

/* Both read exactly `size` bytes, the empty line included. On false the output is untouched. */
__attribute__((warn_unused_result)) bool http_head_read_request(
	struct http_request_head *head, const char *bytes, size_t size);
__attribute__((warn_unused_result)) bool http_head_read_reply(
	struct http_reply_head *head, const char *bytes, size_t size);

#endif
