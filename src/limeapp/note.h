/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_NOTE_H
#define LIMEAPP_NOTE_H

/*
 * What this node remembers between two calls of LimeApp's, in a small file beside the settings, in
 * memory: that a release was chosen and not yet started, or what to tell because the page shows no
 * error of the call itself. It ends by itself.
 */
#include <stdbool.h>

#include "base/limits.h"
#include "io/files.h"
#include "limeapp/settings.h"

enum {
	NOTE_WORDS_SIZE = 511,
};

enum note_kind {
	NOTE_NONE = 0,
	NOTE_STARTING, /* `words` is the place of the release */
	NOTE_TELL,     /* `words` are for the page */
};

struct note {
	enum note_kind kind;
	char words[NOTE_WORDS_SIZE + 1];
};

void note_read(struct note *note, const struct settings *settings);
/* False if it could not be written. NOTE_NONE removes it. */
bool note_write(const struct settings *settings, enum note_kind kind, const char *words);

/* From memory, at this clock_now_ms(). */
void note_parse(struct note *note, const char *bytes, size_t size, uint64_t now_ms);

#endif
