/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_PHASE_H
#define CORE_PHASE_H

/* What a node sees of an upgrade as a whole (docs/api.md). */
enum upgrade_phase {
	PHASE_OPEN = 0,
	PHASE_SCHEDULED,
	PHASE_FLASHING,
	PHASE_CONFIRMING,
	PHASE_CONFIRMED, /* this one and what follows are ends */
	PHASE_ABORTED,
	PHASE_REVERTED,
};

/* For base/words.h. */
extern const char phase_words[];

#endif
