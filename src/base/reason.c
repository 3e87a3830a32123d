// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/reason.h"

#include <string.h>

#include "base/ensure.h"

static const char *const words[REASON_COUNT] = {
#define REASON_WORD(name, word, sentence) word,
	REASONS(REASON_WORD)
#undef REASON_WORD
};

static const char *const sentences[REASON_COUNT] = {
#define REASON_SENTENCE(name, word, sentence) sentence,
	REASONS(REASON_SENTENCE)
#undef REASON_SENTENCE
};

const char *reason_word(enum reason reason)
{
	ensure((unsigned)reason < REASON_COUNT);

	return words[reason];
}

const char *reason_sentence(enum reason reason)
{
	ensure((unsigned)reason < REASON_COUNT);

	return sentences[reason];
}

enum reason reason_from_word(const char *word)
{
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		if (strcmp(words[i], word) == 0)
			return (enum reason)i;
	}
	return REASON_INTERNAL;
}
