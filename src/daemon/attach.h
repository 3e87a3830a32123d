/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_ATTACH_H
#define DAEMON_ATTACH_H

/*
 * Who is the shared-state peer of this machine? We, on the gossip port; or a shared-state-async
 * that has it already. Then we are its guest: it counts as a neighbour of its own kind (agent.h,
 * "host"), and other Lockstep nodes reach us on the next port, which our hellos tell.
 *
 * It may come and go. If it falls silent for ATTACH_PATIENCE_MS and leaves the port, we take it:
 * not at once, or it would find the port taken when its supervisor starts it again. If it wants to
 * come while we have the port, it cannot, and nobody would tell us; but its start writes the file
 * `gossip.host_file` anew, and for that we make way. Where the file is there, we begin as guest.
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct event;
struct node;

enum {
	ATTACH_PATIENCE_MS = 60000,
	ATTACH_COMING_MS = 20000, /* the same, where it was started beside us */
	ATTACH_LOOK_MS = 5000,
	ATTACH_REGISTER_MS = 60000, /* between two runs of the program that registers our types */
};

struct attach {
	struct event *timer;
	bool guest;
	uint32_t host;           /* its number among the neighbours; UINT32_MAX if none was free */
	uint64_t heard_ms;       /* from the host, or from when on it may come */
	uint64_t register_ms;    /* not before */
	struct timespec written; /* the host's file, when we became the peer */
};

/* Listens for gossip, as peer or guest, and follows the other one's coming and going. 0 or -errno.
 * The agent hears of a host by the first attach_news(). */
int attach_open(struct node *node);

/* An exchange with a neighbour is over. */
void attach_exchanged(struct node *node, uint32_t neighbour, bool ok);

/* The host has news: its hook sends us SIGUSR1. Not within a step; nothing without a host. */
void attach_news(struct node *node);

#endif
