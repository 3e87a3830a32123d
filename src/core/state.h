/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_STATE_H
#define CORE_STATE_H

/* The states of a node's life. Their names are public: records, API, command line and page. */
#include <stdbool.h>

/* clang-format off */
#define STATES(X) \
	X(UPDATED) \
	X(UPGRADE_AVAILABLE) \
	X(DOWNLOADING) \
	X(UPGRADE_READY) \
	X(UPGRADE_SCHEDULED) \
	X(FLASHING) \
	X(CONFIRMATION_PENDING) \
	X(REVERTED) \
	X(ABORTED) \
	X(DOWNLOAD_ERROR) \
	X(UPGRADE_CHECK_FAILED) \
	X(INTERNAL_ERROR)
/* clang-format on */

enum node_state {
#define STATE_ENUM(name) STATE_##name,
	STATES(STATE_ENUM)
#undef STATE_ENUM
		STATE_COUNT
};

/* All of them, for base/words.h. */
extern const char state_words[];

/* An upgrade is under way on the node. */
bool state_is_busy(enum node_state state);

/* "UPDATED", … */
const char *state_name(enum node_state state);

/* False (and *state untouched) for a name that is none. */
__attribute__((warn_unused_result)) bool state_from_name(enum node_state *state, const char *name);

#endif
