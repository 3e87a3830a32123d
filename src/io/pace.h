/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_PACE_H
#define IO_PACE_H

/*
 * How fast the replies on a connection may leave a node that gives way to other traffic. Its
 * packets are marked as background (class selector 1, RFC 8325: radios give them the lowest access
 * category). Where nothing on the way tells them apart, others are noticed by what they do to us:
 * our packets wait in queues, as in LEDBAT (RFC 6817), or less of them get through than before and
 * than we would have sent. Then we make room at once, and come back slowly.
 */
#include <stdint.h>

struct tcp_info; /* of <linux/tcp.h>: libc's tells less */

enum {
	PACE_CLASS = 0x20,     /* of the traffic, as IPV6_TCLASS */
	PACE_NEAR_US = 20000,  /* a round trip to a neighbour where nobody is in the way, at most */
	PACE_QUEUE_US = 60000, /* above that: somebody else is. Less could be our own request or an
				  acknowledgement that is put off for 40 ms */
	PACE_MIN = 32768,      /* bytes in a second: even then it comes to an end */
	PACE_SAMPLE = 16384,   /* bytes; less tells nothing */
	PACE_MEMORY = 1024,    /* after so many samples, a third of what was best is left */
};

/* All zero at first. */
struct pace {
	uint64_t acked, busy_us; /* of the connection at the last sample */
	uint32_t rate, best;     /* bytes in a second: what may leave; what once came through */
};

/* What the kernel tells of the connection -> bytes in a second; INT32_MAX while nothing is known.
 * To be called for each reply. */
uint32_t pace_sample(struct pace *pace, const struct tcp_info *info);
/* The same of a socket. */
uint32_t pace_find(struct pace *pace, int fd);

#endif
