/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_UPGRADE_H
#define CORE_UPGRADE_H

/*
 * What a node makes of the participants' records: who of a wave is scheduled, past the flash,
 * healthy, confirmed, back, or not seen. The commit rule and the rules of confirmation are read off
 * this count (core/machine.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/order.h"
#include "core/record.h"

/* Which upgrade, and which of its orders, the count is about. */
struct upgrade_question {
	const struct order_start *start;
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	uint64_t epoch;
	uint32_t wave;
	bool scheduled; /* a schedule for `wave` is known */
	uint8_t schedule_id[BYTES_HASH_SIZE];
	const struct order_confirmation *confirm; /* for `wave`; NULL if none is known */
};

/* Participants of the wave, but for `others_seen`. */
struct upgrade_count {
	uint32_t participants;
	uint32_t needed; /* by the quorum, and always more than half of the wave */
	uint32_t asked;  /* those that the confirm order does not name away */
	/* What their records say; a mark is the number of one of these. */
	union {
		struct {
			uint32_t ready;     /* has its image, or is further on the way */
			uint32_t scheduled; /* for this very schedule, or flashed for it */
			uint32_t past;      /* past the flash, and not back */
			uint32_t running;   /* runs the new firmware: pending or confirmed */
			uint32_t healthy;   /* says so, or confirmed */
			uint32_t confirmed;
			uint32_t reverted;
			uint32_t asked_running;
			uint32_t others_seen; /* of other waves, and alive */
		};
		uint32_t marked[9];
	};
};

/* All participants, before any record. */
void upgrade_count_nobody(struct upgrade_count *count, const struct upgrade_question *question);

/* What the record of participant number `index` counts for: a bit for each member of `marked`.
 * `alive`: it is not a recording of somebody who is gone. No record: 0. */
uint32_t upgrade_marks(const struct upgrade_question *question, uint32_t index,
	const struct record *record, bool alive);

/* The participant's marks were `before` and are `now`. */
void upgrade_count_change(struct upgrade_count *count, uint32_t before, uint32_t now);

/* All at once. `records` has one entry for each participant of the start order, in its order: its
 * newest record, or NULL; all of them count as alive. */
void upgrade_count(struct upgrade_count *count, const struct upgrade_question *question,
	const struct record *const *records);

/* The commit rule: the needed number was seen scheduled for this very schedule. */
bool upgrade_is_committed(const struct upgrade_count *count);

/* The wave runs the new firmware, as far as the confirm order (or without one, the quorum) asks. */
bool upgrade_is_complete(
	const struct upgrade_count *count, const struct upgrade_question *question);

/* Automatic confirmation: the needed number says that it is healthy; and nobody is back, if the
 * policy is atomic. */
bool upgrade_is_healthy(const struct upgrade_count *count, const struct upgrade_question *question);

/* The steps of a participant, one after the other; their meaning is above. */
enum upgrade_step {
	UPGRADE_STEP_READY = 0,
	UPGRADE_STEP_SCHEDULED,
	UPGRADE_STEP_PAST,
	UPGRADE_STEP_RUNNING,
	UPGRADE_STEP_HEALTHY,
	UPGRADE_STEP_CONFIRMED,
};
bool upgrade_has_done(const struct upgrade_question *question, const struct record *record,
	enum upgrade_step step);

/* The next participant of the wave that has not, from number `*at` on, which goes on behind it;
 * NULL if there is none any more. */
const struct order_participant *upgrade_next_missing(const struct upgrade_question *question,
	const struct record *const *records, enum upgrade_step step, uint32_t *at);

/* True if the record speaks of this upgrade. */
bool upgrade_is_of(const struct upgrade_question *question, const struct record *record);

#endif
