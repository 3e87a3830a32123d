// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/eupgrade.h"

#include <stdlib.h>

#include "limeapp/mesh.h"
#include "limeapp/offer.h"

enum {
	/* LimeApp asks this whenever it is opened, and shows nothing before. */
	LOOK_MS = 5000,
	STATE_SIZE = 31,
};

static void begin(struct call *call, const char *status)
{
	text_init(&call->answer, call->bytes, sizeof(call->bytes));
	text_begin_object(&call->answer);
	text_add_member_string(&call->answer, "status", status);
}

static void fail(struct call *call, const char *words)
{
	begin(call, "error");
	text_add_member_string(&call->answer, "message", words);
	text_end_object(&call->answer);
}

/* False, with the answer, if LimeApp may not even look. */
static bool may_look(struct call *call)
{
	if (call->settings->mode != SETTINGS_OFF)
		return true;
	call_explain(call, call->words);
	fail(call, call->words);
	return false;
}

static void answer_offer(struct call *call, const struct manifest *manifest)
{
	begin(call, "ok");
	text_add_member_string(&call->answer, "version", manifest->version);
	/* LimeApp reads the second spelling, others the first. */
	text_add_member_string(&call->answer, "release_info_url", manifest->info_url);
	text_add_member_string(&call->answer, "release-info-url", manifest->info_url);
	text_end_object(&call->answer);
}

void eupgrade_is_new_version_available(struct call *call)
{
	struct offer *offer;
	struct mesh_node here;
	enum offer_verdict verdict = OFFER_NOTHING_NEW;

	if (!may_look(call))
		return;
	offer = malloc(sizeof(*offer));
	if (offer == NULL || !mesh_look(&here, call->settings, call->end_ms)) {
		free(offer);
		fail(call, call_nobody_answers);
		return;
	}
	if (call->settings->release[0] != '\0')
		verdict = offer_judge(offer, call->settings, &here, call->settings->release,
			call->begin_ms + LOOK_MS);
	if (verdict == OFFER_NEW) {
		answer_offer(call, &offer->manifest);
	} else if (verdict == OFFER_NOTHING_NEW) {
		begin(call, "ok");
		text_end_object(&call->answer);
	} else {
		fail(call, offer->problem);
	}
	free(offer);
}

/* For one node alone, which is not what Lockstep is for. */
void eupgrade_start_download(struct call *call)
{
	if (may_look(call))
		fail(call, "Lockstep downloads by itself when an upgrade of the mesh is started. "
			   "Please "
			   "open Mesh Wide Upgrade.");
}

void eupgrade_download_status(struct call *call)
{
	struct json_reader reader = { .wrong = NULL };
	struct json_object *record;
	char state[STATE_SIZE + 1];

	if (!may_look(call))
		return;
	record = mesh_ask(call->settings, "/v1/limeapp", call->end_ms);
	json_get_string(&reader, record, "eupgradestate", state, sizeof(state));
	if (record != NULL && json_ok(&reader)) {
		begin(call, "ok");
		text_add_member_string(&call->answer, "download_status", state);
		text_end_object(&call->answer);
	} else {
		fail(call, call_nobody_answers);
	}
	json_free(record);
}
