/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

/*
 * An assert that stays on in production, where the supervisor restarts us into a state that is
 * known to be safe. It says in which line of which version it failed, but neither the file nor the
 * words: those would fill the flash. `grep -rn 'ensure(' src | grep :LINE:` finds it.
 */
#define ensure(expression) ((expression) ? (void)0 : ensure_failed(__LINE__))

_Noreturn void ensure_failed(unsigned line);

#endif
