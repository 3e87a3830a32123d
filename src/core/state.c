// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/state.h"

#include "base/ensure.h"
#include "base/words.h"

#define STATE_WORD(name) #name "\0"
const char state_words[] = STATES(STATE_WORD);

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
