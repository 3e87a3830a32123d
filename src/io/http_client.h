/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

/*
 * Fetches over plain HTTP/1.1. Connections are kept and used again, at most
 * HTTP_CONNECTIONS_PER_HOST to one host; what is asked beyond that waits its turn. What may be
 * pipelined goes over one of them, the next request before the last reply is here. Redirects are
 * not followed. A body never grows beyond what was allowed for it, and everything is over by its
 * deadline, or when it stands still. Hosts are numbers (with a zone, if need be) or names, which
 * libevent's own resolver looks up without blocking. No https: see source/.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http_client;

enum {
	HTTP_CONNECTIONS_PER_HOST = 2,
	HTTP_PIPELINED_MAX = 8, /* requests on their way on one connection */
	HTTP_CLIENT_CONNECTIONS_MAX = 40,
	HTTP_CLIENT_FETCHES_MAX = 160, /* under way or waiting */
	HTTP_CLIENT_IDLE_S = 10,       /* less than servers wait */
	HTTP_STALL_SIZE = 2048,        /* bytes */
};

enum http_outcome {
	HTTP_CAME = 0, /* status 200 to 299 and the whole body */
	HTTP_REFUSED,  /* another status; the body is what the server has to say, 4 KiB at most */
	HTTP_FAILED,   /* anything else; `problem` says what */
};

struct http_result {
	enum http_outcome outcome;
	uint32_t status; /* 0 if there was no reply */
	const uint8_t *bytes;
	size_t size;
	const char *problem; /* for people; NULL if there is none */
};

/* What to fetch. Everything is copied; the callback is called exactly once, from the event loop,
 * unless the fetch is cancelled. */
struct http_fetch {
	const char *url;
	const char
		*control; /* path of a unix socket to go through instead of `url`'s host; or NULL */
	const char *body; /* not NULL: POST this as JSON */
	size_t body_size;
	bool pipelined;  /* the server is known to bear it; replies come one after the other */
	bool ranged;     /* exactly `size` bytes from `offset` */
	uint64_t offset; /* bytes */
	size_t size;     /* bytes; not ranged: at most so many */
	uint32_t deadline_ms;
	uint32_t stall_ms; /* the reply fails if less than HTTP_STALL_SIZE comes in so long; 0: may
			      stall */
	uint32_t group;    /* the caller's, to cancel */
	void (*done)(void *context, uint64_t token, const struct http_result *result);
	void *context;
	uint64_t token; /* the caller's */
};

struct http_client *http_client_new(struct event_base *base); /* NULL without memory */
void http_client_free(struct http_client *client);            /* no callbacks any more */

/* False if there are too many already, or no memory: then there is no callback. */
__attribute__((warn_unused_result)) bool http_client_get(
	struct http_client *client, const struct http_fetch *fetch);

/* Gives up what belongs to the group, without callbacks. */
void http_client_cancel(struct http_client *client, uint32_t group);

/* How many are under way or waiting. */
uint32_t http_client_count(const struct http_client *client);

#endif
