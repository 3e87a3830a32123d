/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_RELEASES_H
#define DAEMON_RELEASES_H

/*
 * release.json and its signatures: fetched from where the agent says, kept in WORK/releases, served
 * to others. Only what has the hash that was asked for is kept.
 */
#include "agent/agent.h"
#include "daemon/images.h"
#include "io/http_client.h"
#include "io/http_server.h"

enum {
	RELEASES_FETCH_GROUP = 2, /* of the HTTP client's groups */
};

struct releases;

struct releases_setup {
	struct event_base *base;
	const char *work_directory;
	struct http_client *client;
	struct images *images;         /* for release directories on this machine */
	const struct keyring *trusted; /* whose .sig files to look for at a URL */
	void (*event)(void *context, const struct event *event);
	const char *(*neighbour_url)(void *context, uint32_t neighbour);
	void *context;
};

/* `setup` is copied; what it points to lives as long. NULL without memory. */
struct releases *releases_new(const struct releases_setup *setup);
void releases_free(struct releases *releases);

/* Performs ACTION_FETCH_RELEASE; the event comes from the loop. */
void releases_fetch(struct releases *releases, const struct action *action);

/* Reads {"signatures":["BLOB",…]}, LIMITS_SIGNATURES_MAX at most; blobs that are none do not count.
 */
__attribute__((warn_unused_result)) bool releases_read_signatures(
	const char *bytes, size_t size, struct usign_signature *signatures, size_t *count);

/* GET /v1/releases/ID/release.json and …/signatures, with the ID as the first parameter. */
void releases_serve_manifest(struct releases *releases, struct http_request *request);
void releases_serve_signatures(struct releases *releases, struct http_request *request);

#endif
