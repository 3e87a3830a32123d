/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_FETCH_H
#define LIMEAPP_FETCH_H

/* One HTTP GET that waits for its answer: of the node on this machine, or of a URL. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct fetch {
	const char *control; /* path of the node's control socket; NULL: over the network */
	const char *url;     /* or the path alone, of the node */
	size_t size_max;     /* bytes of the body */
	uint64_t end_ms;     /* clock_now_ms(): when the answer must be here */
	bool dropped;        /* it was connected, and nothing came: others needed its place */
	/* The answer: */
	char *bytes; /* the body and a terminator; the caller's to free */
	size_t size;
	char problem[LIMITS_MESSAGE_SIZE + 1];
};

/* True for an answer with status 200. On false `problem` says why, and there is nothing to free. */
__attribute__((warn_unused_result)) bool fetch_get(struct fetch *fetch);

/* Speaks HTTP over a connected, non-blocking socket; closes it. */
__attribute__((warn_unused_result)) bool fetch_over(
	struct fetch *fetch, int fd, const char *host, const char *path);

#endif
