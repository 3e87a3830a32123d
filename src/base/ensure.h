/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

/*
 * An assert that stays on in production, where the supervisor restarts us into a state that is
 * known to be safe. It says where it failed, but not with which words: those would fill the flash.
 */
#define ensure(expression) ((expression) ? (void)0 : ensure_failed(__FILE__, __LINE__))

_Noreturn void ensure_failed(const char *file, unsigned line);

#endif
