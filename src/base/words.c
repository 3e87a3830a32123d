// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/words.h"

#include <string.h>

const char *words_at(const char *words, unsigned index)
{
	while (index-- > 0)
		words += strlen(words) + 1;
	return words;
}

unsigned words_find(const char *words, const char *word)
{
	unsigned index = 0;

	do {
		if (strcmp(words, word) == 0)
			return index;
		words += strlen(words) + 1;
		index++;
	} while (words[0] != '\0');
	return WORDS_NONE;
}
