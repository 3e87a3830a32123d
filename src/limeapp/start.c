// SPDX-License-Identifier: AGPL-3.0-or-later
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "limeapp/mesh.h"
#include "limeapp/offer.h"
#include "limeapp/operator.h"
#include "limeapp/program.h"
#include "limeapp/wizard.h"

enum {
	NAMES_SIZE = LIMITS_NODES_MAX * (LIMITS_NAME_SIZE + 1),
	/* What is left then is for the order. */
	LOOK_MS = 6000,
	EXPECTED_MS = 3000,
};

/* ---- the release ---- */

/* This node, if no upgrade goes on here or elsewhere: two at once would be one too many. */
static bool find_place_free(struct call *call, struct mesh *mesh, const char *code)
{
	if (!mesh_read(mesh, call->settings, call->end_ms)) {
		call_fail(call, code, "%s", call_nobody_answers);
		return false;
	}
	if (!mesh_is_anybody_busy(mesh))
		return true;
	call_fail(call, code,
		"An upgrade to %s is under way already. Please wait for its end, or abort it.",
		mesh->version);
	mesh_free(mesh);
	return false;
}

/* True if it is one to upgrade to. */
static bool is_worth_it(
	struct call *call, const struct mesh *mesh, const char *place, const char *code)
{
	struct offer *offer = malloc(sizeof(*offer));
	enum offer_verdict verdict = OFFER_FAILED;

	if (offer != NULL)
		verdict = offer_judge(
			offer, call->settings, &mesh->here, place, call->begin_ms + LOOK_MS);
	if (verdict == OFFER_NOTHING_NEW)
		call_fail(call, "NO_NEW_VERSION", "There is nothing newer than what runs here, %s.",
			mesh->here.version);
	else if (verdict == OFFER_FAILED)
		call_fail(call, code, "%s",
			offer != NULL ? offer->problem : "There is not enough memory.");
	free(offer);
	return verdict == OFFER_NEW;
}

/* The place to look at: an argument, or what the settings name. False, with the answer, if there is
 * none. */
static bool choose_place(
	struct call *call, char place[static LIMITS_URL_SIZE + 1], const char *code)
{
	const char *wrong = "";

	static_assert((int)LIMITS_URL_SIZE >= (int)FILES_PATH_SIZE, "a directory finds room");

	text_set(place, LIMITS_URL_SIZE + 1, call->settings->release);
	if (json_has(call->arguments, "url")) {
		place[0] = '\0';
		json_get_string(&call->reader, call->arguments, "url", place, LIMITS_URL_SIZE + 1);
		code = "BAD_ARGUMENTS";
		wrong = offer_object_to(place);
	} else if (place[0] == '\0') {
		wrong = "This node is not told where releases are. Please set release in the "
			"settings of LimeApp.";
	}
	if (wrong[0] != '\0')
		call_fail(call, code, "%s", wrong);
	return wrong[0] == '\0';
}

static void become_main_node(struct call *call)
{
	static const char code[] = "NO_ABLE_TO_BECOME_MAIN_NODE";
	char place[LIMITS_URL_SIZE + 1];
	struct mesh mesh;

	if (!call_may_act(call) || !choose_place(call, place, code) ||
		!find_place_free(call, &mesh, code))
		return;
	if (is_worth_it(call, &mesh, place, code)) {
		if (note_write(call->settings, NOTE_STARTING, place))
			call_succeed(call);
		else
			call_fail(call, code, "%s.note cannot be written.", call->settings->path);
	}
	mesh_free(&mesh);
}

void wizard_become_main_node(struct call *call)
{
	become_main_node(call);
	call_tell_failure(call);
}

/* ---- the upgrade ---- */

/* The names that the program of the settings prints, one a line, with commas between; "" if it
 * prints none, and all that were seen are meant. False, with the answer, if they cannot be had:
 * then nobody knows who is missing. */
static bool read_expected(struct call *call, const char *code, struct text *names)
{
	const char *const arguments[] = { call->settings->expected, NULL };
	struct program *program = malloc(sizeof(*program));
	const char *wrong = NULL;
	char *line;

	if (program == NULL || arguments[0][0] == '\0') {
		free(program);
		return true;
	}
	program->arguments = arguments;
	program->end_ms = clock_now_ms() + EXPECTED_MS;
	if (!program_run(program) || program->status != 0)
		wrong = "its program failed";
	for (line = program->output; wrong == NULL && line[0] != '\0';) {
		char *end = line + strcspn(line, "\n");
		bool last = end[0] == '\0';

		end[0] = '\0';
		if (line[0] != '\0' && !text_is_name(line))
			wrong = "it holds what is no name";
		text_add(names, names->size > 0 && line[0] != '\0' ? "," : "");
		text_add(names, line);
		line = last ? end : end + 1;
	}
	free(program);
	if (wrong != NULL)
		call_fail(call, code, "The list of the nodes that belong to the mesh (%s): %s.",
			call->settings->expected, wrong);
	return wrong == NULL;
}

static void order_start(
	struct call *call, const char *code, const char *place, const char *participants)
{
	const char *const arguments[] = { "start", place, "--participants", participants, NULL };
	struct operator_result result;

	if (operator_order(&result, call->settings, arguments, call->end_ms))
		call_succeed(call);
	else
		call_fail(call, code,
			"%s. LimeApp leaves nobody out and allows nothing; the command lockstep "
			"start can.",
			result.message);
}

static void start(struct call *call, const char *place)
{
	static const char code[] = "NO_FIRMWARE_AVAILABLE", busy[] = "BAD_NODE_STATE";
	struct mesh mesh;
	struct text names;
	char *buffer;

	if (!find_place_free(call, &mesh, busy))
		return;
	buffer = malloc(NAMES_SIZE);
	text_init(&names, buffer, buffer != NULL ? NAMES_SIZE : 0);
	if (is_worth_it(call, &mesh, place, code) && read_expected(call, code, &names)) {
		if (names.size == 0)
			mesh_list_seen(&mesh, &names);
		if (!text_cut(&names))
			order_start(call, code, place, buffer);
		else
			call_fail(call, code, "These are too many nodes for one upgrade.");
	}
	free(buffer);
	mesh_free(&mesh);
}

/* Whatever comes of it, the release is not chosen any more: the page goes on from what is. */
void wizard_start_transaction(struct call *call)
{
	struct note note;
	int lock;

	if (!call_may_act(call)) {
		call_tell_failure(call);
		return;
	}
	lock = operator_lock(call->settings, call->end_ms);
	note_read(&note, call->settings);
	if (note.kind != NOTE_STARTING || lock < 0) {
		call_fail(call, "BAD_NODE_STATE",
			"No release is chosen on this node. Please press Start mesh upgrade "
			"first.");
	} else {
		(void)note_write(call->settings, NOTE_NONE, "");
		start(call, note.words);
	}
	if (lock >= 0)
		close(lock);
	call_tell_failure(call);
}
