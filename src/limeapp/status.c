// SPDX-License-Identifier: AGPL-3.0-or-later
#include <time.h>

#include <json-c/json.h>

#include "base/words.h"
#include "limeapp/mesh.h"
#include "limeapp/wizard.h"

enum {
	BOOTING_S = 180,
	STATE_SIZE = 31,
};

/* The page shows `error` of a node in ERROR, and nothing of an answer without a record. */
static void tell_error(struct call *call, const char *words)
{
	struct text *text = &call->answer;

	text_init(text, call->bytes, sizeof(call->bytes));
	text_begin_object(text);
	text_add_member_string(text, "error", words);
	text_add(text, ",\"upgrade_state\":\"ERROR\",\"main_node\":\"NO\",\"eupgradestate\":\"not-"
		       "initiated\","
		       "\"board_name\":\"\",\"current_fw\":\"\",\"node_ip\":\"\"}");
}

/* A page that waits for the node to come back goes on waiting if its question fails. */
static void tell_nobody_answers(struct call *call)
{
	struct timespec up = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	if (up.tv_sec >= BOOTING_S) {
		tell_error(call, call_nobody_answers);
		return;
	}
	text_init(&call->answer, call->bytes, sizeof(call->bytes));
	text_add(&call->answer,
		"{\"status\":\"error\",\"message\":\"This node has just started.\"}");
}

static void set(struct json_object *record, const char *member, const char *value)
{
	(void)json_object_object_add(record, member, json_object_new_string(value));
}

static bool is_idle(struct json_object *record)
{
	struct json_reader reader = { .wrong = NULL };
	char state[STATE_SIZE + 1] = "";

	json_get_string(&reader, record, "upgrade_state", state, sizeof(state));
	return words_find("DEFAULT\0CONFIRMED\0ABORTED\0ERROR\0", state) != WORDS_NONE;
}

/* What was noted counts until an upgrade is under way: then that is over. */
static void overlay(struct call *call, struct json_object *record)
{
	struct note note;

	note_read(&note, call->settings);
	if (note.kind == NOTE_NONE)
		return;
	if (!is_idle(record)) {
		(void)note_write(call->settings, NOTE_NONE, "");
		return;
	}
	if (note.kind == NOTE_STARTING) {
		/* In DEFAULT the page would not look at the rest. */
		set(record, "upgrade_state", "DOWNLOADING");
		set(record, "main_node", "STARTING");
		set(record, "eupgradestate", "downloaded");
		set(record, "error", "");
	} else {
		set(record, "upgrade_state", "ERROR");
		set(record, "eupgradestate", "not-initiated");
		set(record, "error", note.words);
	}
}

void wizard_get_node_status(struct call *call)
{
	struct json_object *record;

	if (call->settings->mode == SETTINGS_OFF) {
		char words[NOTE_WORDS_SIZE + 1];

		call_explain(call, words);
		tell_error(call, words);
		return;
	}
	record = mesh_ask(call->settings, "/v1/limeapp", call->end_ms);
	if (record == NULL) {
		tell_nobody_answers(call);
		return;
	}
	overlay(call, record);
	text_init(&call->answer, call->bytes, sizeof(call->bytes));
	text_add(&call->answer, json_object_to_json_string_ext(record,
					JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_free(record);
}
