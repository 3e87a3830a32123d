// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/ensure.h"

#include <assert.h>
#include <stdint.h>

#ifdef __OPTIMIZE_SIZE__

void ensure_failed(void)
{
	uintptr_t from = (uintptr_t)__builtin_return_address(0);

	__assert_fail("ensure", LOCKSTEP_VERSION, (unsigned)(from - (uintptr_t)ensure_failed),
		"lockstep");
}

#else

void ensure_failed(unsigned line)
{
	__assert_fail("ensure", LOCKSTEP_VERSION, line, "lockstep");
}

#endif
