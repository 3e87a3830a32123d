// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/state.h"

#include <string.h>

#include "base/ensure.h"

static const char *const names[STATE_COUNT] = {
#define STATE_NAME(name) #name,
	STATES(STATE_NAME)
#undef STATE_NAME
};

const char *state_name(enum node_state state)
{
	ensure((unsigned)state < STATE_COUNT);

	return names[state];
}

bool state_from_name(enum node_state *state, const char *name)
{
	for (unsigned i = 0; i < STATE_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*state = (enum node_state)i;
			return true;
		}
	}
	return false;
}
