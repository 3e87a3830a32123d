/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

/*
 * What one node says of itself, signed by its node key. The newer of two records of one node is the
 * one with the higher (incarnation, sequence), whatever shared-state's TTL says.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/reason.h"
#include "base/text.h"
#include "core/order.h"
#include "core/state.h"

enum {
	RECORD_FORMAT = 1,
	RECORD_LINKS_SIZE = 255, /* a dozen neighbours with ordinary names */
	RECORD_KBIT_MAX = 100000000,
};

/* What others count on. A node keeps a thousand of them. */
struct record {
	char name[LIMITS_NAME_SIZE + 1];
	uint64_t incarnation; /* grows with every start of the daemon */
	uint64_t sequence;    /* grows with every record of one incarnation */
	uint64_t epoch;       /* of `upgrade`; 0 if the node takes part in none */
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	enum node_state state;
	enum reason reason; /* of an error, an abort or a revert, or why it waits; NONE if none */
	uint32_t wave;      /* its own wave in `upgrade` */
	bool flashed;       /* it passed the flash in this upgrade (also when it went back since) */
	bool healthy;       /* on new firmware: all its checks pass */
	bool source;        /* it can give the whole release, images of all boards */
	uint64_t held_bytes;            /* of its image */
	uint64_t image_bytes;           /* 0 while not known */
	uint64_t highest_epoch;         /* the highest epoch that the node accepted */
	uint64_t release_sequence;      /* of the firmware that runs; 0 if not known */
	uint32_t slots;                 /* 1 or 2 */
	uint32_t window_s;              /* of the confirm window when it was armed; 0 if none */
	uint8_t order[BYTES_HASH_SIZE]; /* id of the schedule that it follows; zero if none */
	char board[LIMITS_BOARD_SIZE + 1];
	char address[LIMITS_ADDRESS_SIZE + 1]; /* HOST:PORT of its HTTP; "" if not known */
};

/* With what is only shown. */
struct record_whole {
	struct record record;
	char version[LIMITS_VERSION_SIZE + 1]; /* of the firmware that runs */
	char message[LIMITS_MESSAGE_SIZE + 1]; /* more about `reason`, for people */
	/* How fast bytes came from neighbours, as JSON: {"node2":19800} in kbit/s; "" if not known
	 */
	char links[RECORD_LINKS_SIZE + 1];
};

/* > 0 if a is newer than b, 0 if they are of one age. */
int record_compare_age(const struct record *a, const struct record *b);

/* One link more in a record's `links`, if there is room. */
void record_add_link(char links[static RECORD_LINKS_SIZE + 1], const char *name, uint32_t kbit);

/* Reads the signed text; the caller verified it. False if anything is wrong; untouched then. */
__attribute__((warn_unused_result)) bool record_decode(struct record_whole *record,
	const char *bytes, size_t size, const char *mesh, char *problem, size_t problem_capacity);

/* The record's members into an open object. `whole`: also those that say nothing. */
void record_write_members(const struct record_whole *record, bool whole, struct text *text);

/* The text to sign; returns its size, at most LIMITS_RECORD_SIZE. To fit, it goes without the
 * links, then without the message. */
size_t record_encode(const struct record_whole *record, const char *mesh,
	char buffer[static LIMITS_RECORD_SIZE + 1]);

#endif
