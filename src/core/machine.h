/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

/*
 * A node's life, in one table: from a state, by a signal, if the guard has no objection, to a
 * state. Nothing else changes a node's state. docs/state-machine.md is made from the table.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "core/state.h"

/* clang-format off */
#define SIGNALS(X) \
	X(NEWER_RELEASE, "a newer release is known") \
	X(START, "a start order names this node") \
	X(REFUSE, "the release or the image must not be flashed here") \
	X(FETCH_FAIL, "nobody gives what is missing") \
	X(FETCH_AGAIN, "what was missing comes again") \
	X(IMAGE_READY, "the image is complete, its hash is right, the flasher accepts it") \
	X(SCHEDULE, "a schedule order for this node's wave is known") \
	X(COUNTDOWN_OVER, "the countdown is over") \
	X(HOLD_OVER, "the hold time is over too") \
	X(ABORT, "an abort order for this upgrade") \
	X(SUPERSEDE, "another upgrade took the place and does not name this node") \
	X(FLASH_FAILED, "the flasher failed and the board did not reboot") \
	X(BOOTED_NEW, "the board booted the new firmware") \
	X(BOOTED_OLD, "the board booted the old firmware again") \
	X(RESUME, "the flash was interrupted before the new firmware was armed") \
	X(CONFIRM, "may the new firmware stay?") \
	X(GO_BACK, "the confirm window is over") \
	X(REJOIN, "the upgrade succeeded without this node") \
	X(FAULT, "anything else went wrong")
/* clang-format on */

enum signal {
#define SIGNAL_ENUM(name, sentence) SIGNAL_##name,
	SIGNALS(SIGNAL_ENUM)
#undef SIGNAL_ENUM
		SIGNAL_COUNT
};

/* What the guards ask about. False is the cautious answer to each. */
struct machine_facts {
	bool supersedes;      /* START: it beats the upgrade that is open here */
	bool committed;       /* the commit rule holds (core/upgrade.h) */
	bool past_flash_seen; /* a participant of the wave is past the flash and not back */
	bool healthy;         /* this node's own checks pass, and it sees the participants */
	bool named_without;   /* the confirm order keeps the new firmware without this node */
	bool confirm_ordered; /* a confirm order for this node's wave is known */
	bool confirm_auto;    /* the policy lets a healthy wave confirm */
	bool wave_complete;   /* every participant the order asks for runs the new firmware */
	bool wave_healthy;    /* … and says that it is healthy */
	bool confirmed_seen;  /* a participant of the wave has confirmed */
	bool catch_up;        /* the policy lets late nodes catch up */
};

/* clang-format off */
#define GUARDS(X) \
	X(NONE, "") \
	X(SUPERSEDES, "the new one has a higher epoch, or the lower id before any schedule") \
	X(SCHEDULED, "refused: already_scheduled") \
	X(TOO_LATE, "refused: too_late") \
	X(COMMIT, "every participant of the wave (or the quorum) was seen scheduled for this very order, or one of them is past the flash") \
	X(NOBODY_PAST, "nobody of the wave is past the flash") \
	X(CONFIRM, "ordered and every participant that was not named away runs the new firmware; or healthy and another one confirmed; or automatic and the whole wave is healthy") \
	X(REJOIN, "the policy says catch_up, a participant of the wave has confirmed, and no confirm order names this node away")
/* clang-format on */

enum machine_guard {
#define GUARD_ENUM(name, sentence) GUARD_##name,
	GUARDS(GUARD_ENUM)
#undef GUARD_ENUM
};

struct machine_row {
	uint8_t from;   /* enum node_state */
	uint8_t signal; /* enum signal */
	uint8_t guard;  /* enum machine_guard; NONE: no objection ever */
	uint8_t to;     /* enum node_state */
};

/* The table, for tests and the documentation. */
const struct machine_row *machine_rows(size_t *count);
const char *machine_guard_sentence(enum machine_guard guard); /* "" for NONE */
const char *signal_name(enum signal signal);
const char *signal_sentence(enum signal signal);

/*
 * REASON_NONE: *next is the new state. WRONG_STATE: the table has no such row. Anything else: the
 * guard's objection. `*next` is untouched on refusal.
 */
__attribute__((warn_unused_result)) enum reason machine_ask(enum node_state state,
	enum signal signal, const struct machine_facts *facts, enum node_state *next);

#endif
