// SPDX-License-Identifier: AGPL-3.0-or-later
#include "flash/flasher.h"

#include <stdio.h>
#include <string.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/text.h"

static const struct {
	const char *word;
	uint32_t deadline_ms;
} verbs[FLASHER_VERB_COUNT] = {
	[FLASHER_VERB_PROBE] = { "probe", 10000 },
	[FLASHER_VERB_CHECK] = { "check", 120000 }, /* sysupgrade reads the whole image, slowly */
	[FLASHER_VERB_FLASH] = { "flash", 900000 },
	[FLASHER_VERB_CONFIRM] = { "confirm", 30000 },
	[FLASHER_VERB_REVERT] = { "revert", 120000 },
	[FLASHER_VERB_REMAINING] = { "remaining", 10000 },
};

uint32_t flasher_deadline_ms(enum flasher_verb verb)
{
	ensure((unsigned)verb < FLASHER_VERB_COUNT);

	return verbs[verb].deadline_ms;
}

const char *flasher_verb_word(enum flasher_verb verb)
{
	ensure((unsigned)verb < FLASHER_VERB_COUNT);

	return verbs[verb].word;
}

/* Seconds as the flasher says them, -1 for none; json_get_u64() knows no sign, so the two are told
 * apart by a member of their own kind: a whole number of at least 0, or anything else. */
static int64_t read_remaining(struct json_object *object)
{
	struct json_reader reader = { 0 };
	uint64_t seconds = json_get_u64(
		&reader, object, "remaining_s", 0, LIMITS_CONFIRM_WINDOW_MAX_S * UINT64_C(2));

	return json_ok(&reader) ? (int64_t)seconds * 1000 : -1;
}

static void read_probe(
	struct json_reader *reader, struct json_object *object, struct flasher_answer *answer)
{
	json_get_optional_string(reader, object, "board", answer->board, sizeof(answer->board));
	json_get_optional_string(
		reader, object, "version", answer->version, sizeof(answer->version));
	json_get_optional_string(
		reader, object, "boot_id", answer->boot_id, sizeof(answer->boot_id));
	answer->slots = (uint32_t)json_get_u64(reader, object, "slots", 1, 2);
	answer->trial = json_get_optional_bool(reader, object, "trial", false);
	answer->fell_back = json_get_optional_bool(reader, object, "fell_back", false);
	if (json_ok(reader) && (!text_is_printable(answer->board, LIMITS_BOARD_SIZE) ||
				       !text_is_printable(answer->version, LIMITS_VERSION_SIZE) ||
				       !text_is_printable(answer->boot_id, LIMITS_NAME_SIZE)))
		json_fail(reader, "board", "and version must be printable");
}

void flasher_read(struct flasher_answer *answer, enum flasher_verb verb, int status,
	const char *output, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, output, size);
	bool needs_json = verb == FLASHER_VERB_PROBE || verb == FLASHER_VERB_REMAINING;

	memset(answer, 0, sizeof(*answer));
	answer->remaining_ms = -1;
	answer->ok = status == 0;
	if (object != NULL) {
		json_get_optional_string(
			&reader, object, "message", answer->message, sizeof(answer->message));
		if (verb == FLASHER_VERB_PROBE && status == 0)
			read_probe(&reader, object, answer);
		answer->remaining_ms = read_remaining(object);
	}
	if (needs_json && !json_ok(&reader)) {
		answer->ok = false;
		answer->board[0] = answer->version[0] = answer->boot_id[0] = '\0';
	}
	if (!text_is_printable(answer->message, LIMITS_MESSAGE_SIZE))
		answer->message[0] = '\0';
	if (!answer->ok && answer->message[0] == '\0') {
		struct text text;

		text_init(&text, answer->message, sizeof(answer->message));
		text_add_format(&text, "the flasher's %s ended with status %d",
			flasher_verb_word(verb), status);
		if (needs_json && status == 0 && !json_ok(&reader)) {
			text_add_format(
				&text, ", but its answer %s %s", reader.member, reader.wrong);
		}
	}
	json_free(object);
}
