/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

/*
 * The words of an enum in one string, "atomic\0best-effort\0": they take their letters and nothing
 * else. An empty word ends the list, unless it is the first.
 */
#include <limits.h>

enum { WORDS_NONE = INT_MAX };

/* Word number `index`, which is there. */
const char *words_at(const char *words, unsigned index);

/* Which one it is; WORDS_NONE if it is none of them. */
unsigned words_find(const char *words, const char *word);

#endif
