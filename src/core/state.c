// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/state.h"

#include "base/ensure.h"
#include "base/words.h"

#define STATE_WORD(name) #name "\0"
const char state_words[] = STATES(STATE_WORD);

bool state_is_busy(enum node_state state)
{
	switch (state) {
	case STATE_DOWNLOADING:
	case STATE_DOWNLOAD_ERROR:
	case STATE_UPGRADE_READY:
	case STATE_UPGRADE_SCHEDULED:
	case STATE_FLASHING:
	case STATE_CONFIRMATION_PENDING:
		return true;
	default:
		return false;
	}
}

const char *state_name(enum node_state state)
{
	ensure((unsigned)state < STATE_COUNT);

	return words_at(state_words, state);
}

bool state_from_name(enum node_state *state, const char *name)
{
	unsigned found = words_find(state_words, name);

	if (found == WORDS_NONE)
		return false;
	*state = (enum node_state)found;
	return true;
}
