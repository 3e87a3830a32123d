// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/ensure.h"

#include <assert.h>

void ensure_failed(unsigned line)
{
	__assert_fail("ensure", LOCKSTEP_VERSION, line, "lockstep");
}
