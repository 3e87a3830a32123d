/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_GOSSIP_NET_H
#define DAEMON_GOSSIP_NET_H

/*
 * Gossip over TCP: answers shared-state peers and clients, and opens exchanges with neighbours.
 * What is merged and answered is the owner's to say.
 *
 * Anybody may connect, so everything is bounded: LIMITS_GOSSIP_CONNECTIONS_MAX accepted at once,
 * LIMITS_EXCHANGE_DEADLINE_MS each, LIMITS_GOSSIP_BUFFERED_MAX bytes in all. Whoever asks for more
 * than there is takes it from the address that holds most, oldest connection first: refusing the
 * newest would let a few silent connections lock everybody out. So one stranger's connections
 * displace each other and nobody else's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct event_base;
struct sockaddr;
struct gossip_net;

enum {
	GOSSIP_NET_PORT = 3490,
	GOSSIP_NET_OUTGOING_MAX = 64,
};

/* None of them may free the net. They may call gossip_net_exchange(). */
struct gossip_net_callbacks {
	bool (*speaks)(void *context, const char *type);
	/* A peer's whole state of a type that we speak. `neighbour` is UINT32_MAX for accepted
	 * connections. `rtt_ms` is rounded up, at least 1. The pointers live for the call. */
	void (*merge)(void *context, const char *type, const char *data, size_t data_size,
		const struct sockaddr *from, uint32_t neighbour, uint32_t rtt_ms);
	/* Writes what we say: on accepted connections, after merge(), our answer to the same data;
	 * else to this neighbour, which is there and waits for it. Called again with a larger
	 * buffer if the text was cut. */
	void (*answer)(void *context, uint32_t neighbour, const char *type, const char *data,
		size_t data_size, struct text *text);
	/* Exactly once for every exchange that gossip_net_exchange() took on, never within it.
	 * `why` is a phrase for people, "done" if ok; both strings live for the call. */
	void (*over)(void *context, uint32_t neighbour, const char *type, bool ok, const char *why);
};

struct gossip_net_counts {
	uint64_t accepted;
	uint64_t answered;  /* of those: our state was sent */
	uint64_t displaced; /* of those: closed for lack of room */
	uint64_t opened;
	uint64_t completed; /* of those: both states were exchanged */
};

/* `callbacks` and `context` live as long as the net. NULL without memory. */
struct gossip_net *gossip_net_new(
	struct event_base *base, const struct gossip_net_callbacks *callbacks, void *context);
void gossip_net_free(struct gossip_net *net); /* over() is not called for what is under way */

/* `address` is numeric; "::" means IPv4 too. Port 0 takes any. In the place of the one before. 0 or
 * -errno (-EADDRINUSE: somebody else is the peer on this machine); then all stays as it was. */
__attribute__((warn_unused_result)) int gossip_net_listen(
	struct gossip_net *net, const char *address, uint16_t port);
uint16_t gossip_net_port(const struct gossip_net *net); /* 0 if it does not listen */

/* Opens one exchange. `address` is numeric, with %scope if need be. 0 or -errno; -ENOBUFS if too
 * much is under way already. */
__attribute__((warn_unused_result)) int gossip_net_exchange(struct gossip_net *net,
	uint32_t neighbour, const char *address, uint16_t port, const char *type);

/* True for ::1, 127.0.0.0/8 and the latter as it shows on an IPv6 socket: not a remote peer. */
bool gossip_net_is_local(const struct sockaddr *address);

const struct gossip_net_counts *gossip_net_counts(const struct gossip_net *net);
/* Instead of LIMITS_EXCHANGE_DEADLINE_MS, for connections to come. */
void gossip_net_set_deadline(struct gossip_net *net, uint32_t deadline_ms);

#endif
