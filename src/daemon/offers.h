/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_OFFERS_H
#define DAEMON_OFFERS_H

/*
 * Releases that can be chosen on this node, and what makes them so: an operator's signed offer
 * names a directory of a stick, a URL, or an upload that is to come (daemon/upload.h).
 *
 * Sticks are anybody's. They are searched when somebody asks what there is, OFFERS_DEPTH levels
 * deep, without following a symbolic link, at most every OFFERS_LIST_MS and within the bounds
 * below; nothing of them is served before an offer names it.
 */
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "io/http_server.h"
#include "source/directory.h"

enum {
	OFFERS_PEER = AGENT_PEER_NONE - 1, /* nobody whom the agent asks */
	OFFERS_LIST_MS = 5000,
	OFFERS_DEPTH = 2,
	OFFERS_MEDIA_MAX = 16, /* releases */
	/* All together: so many bytes of release.json are read, for reading them takes its time;
	 * and each directory that is looked into counts as so many. */
	OFFERS_EFFORT_MAX = 1048576,
	OFFERS_DIRECTORY_EFFORT = 4096,
};

struct node;
struct text;

struct offers {
	char url[LIMITS_URL_SIZE + 1]; /* the one that is offered, or "" */
	bool looking;                  /* for what is there */
	struct directory linked;       /* what is there; without images if it is no release */
	char *list;                    /* the answer to GET /v1/releases … */
	size_t list_size;
	uint64_t list_ms; /* … as it was then; 0: it is to be made anew */
};

/* GET /v1/releases and POST /v1/offers. */
void offers_get(void *context, struct http_request *request);
void offers_post(void *context, struct http_request *request);

/* What came of a fetch of ours, for OFFERS_PEER: EVENT_RELEASE or EVENT_RELEASE_FAILED. */
void offers_looked(struct node *node, const struct event *event);

void offers_close(struct node *node);

#endif
