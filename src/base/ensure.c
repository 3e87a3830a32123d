// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/ensure.h"

#include <assert.h>

void ensure_failed(const char *file, unsigned line)
{
	__assert_fail("ensure", file, line, "lockstep");
}
