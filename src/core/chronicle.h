/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_CHRONICLE_H
#define CORE_CHRONICLE_H

/*
 * What happened in the last upgrades, as one node saw it: GET /v1/history (docs/api.md). It is kept
 * as the very text of its file (docs/formats.md), so that it never takes more memory than that may
 * have, and nothing has to be made of it but the answer.
 *
 * Times are seconds of a wall clock that may be wrong, and after a boot before what it said last:
 * within one upgrade they never run backwards.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/seal.h"
#include "base/text.h"
#include "core/order.h"
#include "core/phase.h"
#include "core/state.h"

enum {
	CHRONICLE_UPGRADES_MAX = 8,
	CHRONICLE_NUMBERS = CHRONICLE_UPGRADES_MAX * 5,
	CHRONICLE_FILE_MAX = 65536, /* bytes */
	CHRONICLE_STATES_SIZE = 80, /* of one node's: 16, each with a number of four digits */
	CHRONICLE_SIGNER_SIZE = 8,  /* a usign key number */
};

struct chronicle_upgrade {
	uint32_t begun_s;
	uint32_t ended_s; /* 0: it has not */
	uint32_t last_s;  /* nothing in it is later */
	uint32_t phase;   /* enum upgrade_phase */
	uint32_t order_count;
};

/* All zero: nothing has happened. */
struct chronicle {
	uint32_t now_s; /* the clock, for what is taken next */
	union {
		struct chronicle_upgrade upgrades[CHRONICLE_UPGRADES_MAX]; /* newest first */
		uint32_t numbers[CHRONICLE_NUMBERS];                       /* of all of them */
	};
	/* What else there is to tell: a line for each upgrade, newest first; behind each of the
	 * first two, one for each of its participants. */
	char text[CHRONICLE_FILE_MAX - SEAL_SIZE - CHRONICLE_NUMBERS * 11];
};

/* A start makes an end of the upgrade before, as what it was; that of the newest upgrade goes on
 * with it. What is below must follow one. */
void chronicle_begin(struct chronicle *chronicle, const struct order *start);

/* `number`: of the upgrade's orders, the start among them, in the order in which they came;
 * harmless if it is known. */
void chronicle_take_order(struct chronicle *chronicle, uint32_t number, const struct order *order,
	const uint8_t signed_by[static CHRONICLE_SIGNER_SIZE]);

/* What a participant says, by its number in the start order. Of too many states the first and the
 * last are told. If there is no room in the file, what it tells of the older upgrade's participants
 * goes; without room even so, this is not told. */
void chronicle_take_state(
	struct chronicle *chronicle, uint32_t seat, enum node_state state, enum reason reason);

/*
 * Returns whether that is another one. Who has just booted knows nobody else's record, and sees
 * less than what was: so an end stays an end unless somebody flashes after all, nor does it turn
 * into a lesser one.
 */
bool chronicle_take_phase(struct chronicle *chronicle, enum upgrade_phase phase);

/* The answer to GET /v1/history. */
void chronicle_write(const struct chronicle *chronicle, uint32_t now_s, struct text *text);

/* The file, in memory that the caller gives back with free(). NULL if there is none. */
char *chronicle_encode(const struct chronicle *chronicle, size_t *size);

/* Into an empty chronicle. False if it is torn, damaged or foreign: it is empty then. `bytes` end
 * in a terminator. */
__attribute__((warn_unused_result)) bool chronicle_decode(
	struct chronicle *chronicle, char *bytes, size_t size);

#endif
