// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/words.h"
#include "io/clock.h"

enum {
	STARTING_MS = 600000, /* who walks away from the page leaves nothing behind */
	TELL_MS = 30000,      /* six of the page's looks */
	FILE_SIZE_MAX = 8192,
};

static const char kind_words[] = "none\0starting\0tell\0"; /* by enum note_kind */

static uint64_t life_ms(enum note_kind kind)
{
	return kind == NOTE_STARTING ? STARTING_MS : TELL_MS;
}

static bool name_file(char path[FILES_PATH_SIZE + 1], const struct settings *settings)
{
	return snprintf(path, FILES_PATH_SIZE + 1, "%s.note", settings->path) <= FILES_PATH_SIZE;
}

void note_parse(struct note *note, const char *bytes, size_t size, uint64_t now_ms)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	char word[16];
	uint64_t end_ms;
	unsigned kind;

	note->kind = NOTE_NONE;
	json_get_string(&reader, object, "kind", word, sizeof(word));
	json_get_string(&reader, object, "words", note->words, sizeof(note->words));
	end_ms = json_get_u64(&reader, object, "end_ms", 0, INT64_MAX);
	kind = json_ok(&reader) ? words_find(kind_words, word) : WORDS_NONE;
	/* One that ends later than any of ours is of another boot. */
	if (kind != WORDS_NONE && end_ms > now_ms &&
		end_ms <= now_ms + life_ms((enum note_kind)kind))
		note->kind = (enum note_kind)kind;
	json_free(object);
}

void note_read(struct note *note, const struct settings *settings)
{
	char path[FILES_PATH_SIZE + 1], *bytes;
	size_t size;

	*note = (struct note){ .kind = NOTE_NONE };
	if (!name_file(path, settings) || files_read(path, FILE_SIZE_MAX, &bytes, &size) != 0)
		return;
	note_parse(note, bytes, size, clock_now_ms());
	free(bytes);
}

bool note_write(const struct settings *settings, enum note_kind kind, const char *words)
{
	char path[FILES_PATH_SIZE + 1], bytes[FILE_SIZE_MAX];
	struct text text;

	if (!name_file(path, settings))
		return false;
	if (kind == NOTE_NONE)
		return unlink(path) == 0;
	text_init(&text, bytes, sizeof(bytes));
	text_begin_object(&text);
	text_add_member_string(&text, "kind", words_at(kind_words, kind));
	text_add_member_string(&text, "words", words);
	text_add_member_u64(&text, "end_ms", clock_now_ms() + life_ms(kind));
	text_end_object(&text);
	return files_write(path, bytes, text.size, 0600) == 0;
}
