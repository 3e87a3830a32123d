/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_NEIGHBOURS_H
#define IO_NEIGHBOURS_H

/*
 * Who is one hop away: a fixed list of addresses, hellos by link-local multicast on interfaces, and
 * what a discover program prints. Numbers are given out here: a neighbour keeps its number while it
 * is there.
 *
 * A hello is one UDP datagram to ff02::4c:6f63:6b on the HTTP port's number:
 *
 *   "LOCKSTEP" version[1]=1 http_port[2] gossip_port[2] digest[8] mesh_hash[4] name_length[1] name
 *   offer
 *
 * numbers big-endian; the offer is what is left (agent_offer() in agent/agent.h, or nothing);
 * mesh_hash is the first four bytes of SHA-256 of the mesh's name, so that two meshes on one link
 * do not mistake each other. Nothing in it is trusted: it only says whom to ask.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct event_base;
struct neighbours;

enum {
	NEIGHBOURS_INTERFACES_MAX = 16,
	NEIGHBOURS_HELLO_ACTIVE_MS = 1000,
	NEIGHBOURS_HELLO_IDLE_MS = 5000,
	NEIGHBOURS_MISSED_MAX = 4, /* silent for so many hellos: gone */
	NEIGHBOURS_DISCOVER_MS = 30000,
	NEIGHBOURS_OFFER_MAX = 9 + LIMITS_CHUNKS_MAX / 8,
};

struct neighbours_hello {
	const char *name;
	uint64_t digest;
	const uint8_t *offer;
	size_t offer_size;
};

struct neighbour_address {
	uint16_t http_port;
	uint16_t gossip_port;
	char host[LIMITS_ADDRESS_SIZE + 1]; /* numeric, with %interface where it is needed */
};

struct neighbours_callbacks {
	/* Found, or heard again; NULL if it did not say hello. */
	void (*up)(void *context, uint32_t number, const struct neighbours_hello *hello);
	void (*down)(void *context, uint32_t number);
	/* What goes into our next hello. Returns the offer's size. */
	size_t (*tell)(void *context, uint64_t *digest, uint8_t offer[NEIGHBOURS_OFFER_MAX]);
	void *context;
};

struct neighbours_setup {
	const char *name;
	const char *mesh;
	uint16_t http_port;
	uint16_t gossip_port; /* of neighbours that say no hello */
	const char *discover; /* path of the program; "" for none */
	uint32_t interface_count;
	char interfaces[NEIGHBOURS_INTERFACES_MAX][16];
	uint32_t address_count;
	char addresses[LIMITS_NEIGHBOURS_MAX][LIMITS_ADDRESS_SIZE + 1];
};

/* `setup` is copied but for its pointers, which live as long as this. NULL without memory. */
struct neighbours *neighbours_new(struct event_base *base, const struct neighbours_setup *setup,
	const struct neighbours_callbacks *callbacks);
void neighbours_free(struct neighbours *neighbours);

/* More hellos while an upgrade is active. */
void neighbours_set_active(struct neighbours *neighbours, bool active);

/* One hello now, beside those of the clock. */
void neighbours_say_hello(struct neighbours *neighbours);

/* What our hellos tell. */
void neighbours_set_gossip_port(struct neighbours *neighbours, uint16_t port);

/* One more, for the owner's own purposes: it stays until it is dropped, and is not told by up().
 * UINT32_MAX if there is no room. */
uint32_t neighbours_take(struct neighbours *neighbours, const char *host);
void neighbours_drop(struct neighbours *neighbours, uint32_t number); /* down() is called */

/* NULL if there is none of this number. */
const struct neighbour_address *neighbours_address(
	const struct neighbours *neighbours, uint32_t number);

/* The number of the neighbour at this numeric host; UINT32_MAX if it is none. */
uint32_t neighbours_find(const struct neighbours *neighbours, const char *host);

#endif
