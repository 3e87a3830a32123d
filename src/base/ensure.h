/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

/*
 * An assert that stays on in production, where the supervisor restarts us into a state that is
 * known to be safe. It says where in which version it failed, but neither the file nor the words:
 * those would fill the flash. In a line: `grep -rn 'ensure(' src | grep :LINE:` finds it. In what
 * is built for routers it is so many bytes behind ensure_failed(), for `addr2line` and the program
 * as it was before it was stripped.
 */
#ifdef __OPTIMIZE_SIZE__
#define ensure(expression) ((expression) ? (void)0 : ensure_failed())
_Noreturn void ensure_failed(void);
#else
#define ensure(expression) ((expression) ? (void)0 : ensure_failed(__LINE__))
_Noreturn void ensure_failed(unsigned line);
#endif

#endif
