/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

/*
 * A stranger whom our HTTP client asks. He listens on a unix socket and on 127.0.0.1, and gives
 * each request the next reply of the input: a NUL ends one and closes the connection, a 0x01 ends
 * one and leaves it open, so that the next request over it gets what follows.
 */
#include "common.h"

enum {
	PEER_OPEN_MAX = 64,
	PEER_NAMES = 60, /* of the one unix socket */
};

struct peer {
	struct fuzz *replies;
	size_t piece;                /* bytes that he sends at once */
	void (*turn)(void *context); /* lets us read them */
	void *context;
	uint32_t open_count;
	int open[PEER_OPEN_MAX]; /* connections that were left so */
};

/* Begins to listen, once in the process. */
void peer_listen(void);
uint16_t peer_port(void);
/* The path of the unix socket, by its own name (-1) or one of the others. */
const char *peer_path(int name);

/* Accepts, replies, goes on with what was left open. */
void peer_serve(struct peer *peer);

/* Closes all, so that nothing is left for the next input. */
void peer_close(struct peer *peer);

#endif
