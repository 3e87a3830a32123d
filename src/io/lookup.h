/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_LOOKUP_H
#define IO_LOOKUP_H

/*
 * A host's name, looked up in a child process by the system's own resolver, which may wait long.
 * The loop goes on meanwhile. A library that does the same without waiting has 40 KiB and more, and
 * names are rare here: only the places of releases have them.
 */
#include <stdint.h>
#include <sys/socket.h>

struct event_base;
struct lookup;

/* Calls `over` once, from the loop, and frees itself then: with the first address of the host, with
 * the port in it, or with NULL if there is none. It waits as long as the resolver does. NULL if it
 * could not be started; then `over` is not called. */
struct lookup *lookup_start(struct event_base *base, const char *host, uint16_t port,
	void (*over)(void *context, const struct sockaddr *address, socklen_t size), void *context);

/* Ends it; `over` is not called. */
void lookup_cancel(struct lookup *lookup);

#endif
