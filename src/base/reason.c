// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/reason.h"

#include "base/ensure.h"
#include "base/words.h"

#define REASON_WORD(name, word, sentence) word "\0"
static const char words[] = REASONS(REASON_WORD);

#define REASON_SENTENCE(name, word, sentence) sentence "\0"
static const char sentences[] = REASONS(REASON_SENTENCE);

const char *reason_word(enum reason reason)
{
	ensure((unsigned)reason < REASON_COUNT);

	return words_at(words, reason);
}

const char *reason_sentence(enum reason reason)
{
	ensure((unsigned)reason < REASON_COUNT);

	return words_at(sentences, reason);
}

enum reason reason_from_word(const char *word)
{
	unsigned found = words_find(words, word);

	return found != WORDS_NONE ? (enum reason)found : REASON_INTERNAL;
}
