// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "limeapp/mesh.h"
#include "limeapp/operator.h"
#include "limeapp/wizard.h"

/*
 * LimeApp calls every node at the same moment, and one order is to come of it: two schedules would
 * be two countdowns, and then nobody flashes. So the nodes take turns. Whose turn comes later finds
 * that the order has come through the mesh already; whose turn comes only if those before were not
 * called, or cannot be reached.
 */
enum {
	DEPUTY_MS = 4000, /* so long they wait for the node where the upgrade was started */
	TURN_MS = 1200,   /* and then for each other: an order crosses a large mesh in less */
	TURNS = 4,        /* and the rest for them all; the main node may be one of these */
	GIVE_UP_MS = 8500,
	LOOK_MS = 200,
	AFTERMATH_MS = 2500, /* a refusal here may be overtaken by an order from elsewhere */
	READY_MS = 2000,     /* that others are ready may not be known here yet */

	DELAY_DEFAULT_S = 60, /* LimeApp never sends any */
	WINDOW_DEFAULT_S = 600,
	WINDOW_MIN_S = 60, /* boards take no shorter one */
};

/* When it is our turn to give the order, after so many others; UINT64_MAX: never. */
static uint64_t turn_ms(const struct call *call, uint64_t after_ms, uint32_t others)
{
	return others < TURNS ? call->begin_ms + after_ms + others * TURN_MS : UINT64_MAX;
}

/* Is the upgrade where this step is over, on this node? 1: yes; 0: not yet; -1: it will not be. */
typedef int is_done(const struct mesh_node *here);

/* What happens until an order has arrived, whoever gave it. */
struct step {
	const char *code; /* of what fails */
	is_done *is_done;
	const char *const *order;
	bool wants_all; /* not before all are ready */
	uint64_t turn_ms;
	struct operator_result refusal;
};

/* Does the upgrade wait for others? Their names are the refusal then. */
static bool is_anybody_missing(struct call *call, struct step *step)
{
	char missing[LIMITS_MESSAGE_SIZE + 1];
	struct text names;
	struct mesh mesh;

	text_init(&names, missing, sizeof(missing));
	if (!step->wants_all || !mesh_read(&mesh, call->settings, call->end_ms))
		return false;
	mesh_missing(&mesh, &names);
	mesh_free(&mesh);
	if (names.size > 0)
		snprintf(step->refusal.message, sizeof(step->refusal.message),
			"Not ready yet: %s. Please wait, or abort", missing);
	return names.size > 0;
}

/* Gives the order, unless the step is over meanwhile. False if it was refused. */
static bool take_turn(struct call *call, struct step *step)
{
	int lock = operator_lock(call->settings, call->end_ms);
	struct mesh_node here;
	bool ok = false;

	if (lock < 0) {
		text_set(step->refusal.message, sizeof(step->refusal.message),
			"Other calls take too long");
		return false;
	}
	ok = (mesh_look(&here, call->settings, call->end_ms) && step->is_done(&here) != 0) ||
	     operator_order(&step->refusal, call->settings, step->order, call->end_ms);
	close(lock);
	return ok;
}

/* What is to be done now, while the step is not over? False: nothing any more. */
static bool go_on(struct call *call, struct step *step, uint64_t *give_up_ms)
{
	uint64_t now_ms = clock_now_ms();

	if (now_ms >= *give_up_ms)
		return false;
	if (now_ms >= step->turn_ms && is_anybody_missing(call, step)) {
		if (now_ms >= step->turn_ms + READY_MS)
			return false;
	} else if (now_ms >= step->turn_ms) {
		step->turn_ms = UINT64_MAX;
		if (!take_turn(call, step) && *give_up_ms > now_ms + AFTERMATH_MS)
			*give_up_ms = now_ms + AFTERMATH_MS;
		return true;
	}
	(void)poll(NULL, 0, LOOK_MS);
	return true;
}

/* True when the step is over on this node; false, with the answer, when it is not to be. */
static bool make_step(struct call *call, struct step *step)
{
	uint64_t give_up_ms = call->begin_ms + GIVE_UP_MS;
	struct mesh_node here;
	int done = 0;

	step->refusal.message[0] = '\0';
	do {
		if (mesh_look(&here, call->settings, call->end_ms))
			done = step->is_done(&here);
	} while (done == 0 && go_on(call, step, &give_up_ms));
	if (done > 0)
		return true;
	if (done < 0)
		call_fail(call, step->code, "This node is in %s now.", state_name(here.state));
	else if (step->refusal.message[0] != '\0' || is_anybody_missing(call, step))
		call_fail(call, step->code, "%s.", step->refusal.message);
	else
		call_fail(call, step->code,
			"No order came in time from the other nodes. Please try it again.");
	return false;
}

/* ---- schedule ---- */

static int is_scheduled(const struct mesh_node *here)
{
	if (here->state == STATE_UPGRADE_READY)
		return 0;
	return here->state == STATE_UPGRADE_SCHEDULED ? 1 : -1;
}

/* An integer of this record; `fallback` if it has none. */
static uint64_t read_member(struct call *call, const char *path, const char *inside,
	const char *member, uint64_t fallback)
{
	struct json_object *object = mesh_ask(call->settings, path, call->end_ms);
	struct json_reader reader = { .wrong = NULL };
	struct json_object *holder =
		inside != NULL ? json_get_object(&reader, object, inside) : object;
	uint64_t value = json_get_u64(&reader, holder, member, 0, INT64_MAX);

	if (object == NULL || !json_ok(&reader))
		value = fallback;
	json_free(object);
	return value;
}

/* With what is really left of it, whoever ordered it. */
static void answer_scheduled(struct call *call, uint64_t delay_s, uint64_t window_s)
{
	delay_s = read_member(call, "/v1/limeapp", NULL, "safeupgrade_start_remaining", delay_s);
	window_s = read_member(call, "/v1/mesh", "upgrade", "confirm_window_s", window_s);
	call_succeed(call);
	/* Before the closing brace. */
	call->answer.size--;
	text_add_member_u64(&call->answer, "su_start_time_out", delay_s);
	text_add_member_u64(&call->answer, "su_confirm_timeout", window_s);
	text_end_object(&call->answer);
}

/* Does LimeApp read this word in our record? */
static bool is_shown(struct call *call, const char *member, const char *expected)
{
	struct json_object *record = mesh_ask(call->settings, "/v1/limeapp", call->end_ms);
	struct json_reader reader = { .wrong = NULL };
	char word[32] = "";

	json_get_string(&reader, record, member, word, sizeof(word));
	json_free(record);
	return strcmp(word, expected) == 0;
}

static void schedule(
	struct call *call, const struct mesh *mesh, uint64_t delay_s, uint64_t window_s)
{
	char delay[24], window[24];
	const char *const order[] = { "schedule", "--in", delay, "--confirm-window", window, NULL };
	struct step step = {
		.code = "NOT_ABLE_TO_START_UPGRADE",
		.is_done = is_scheduled,
		.order = order,
		.wants_all = true,
		.turn_ms = call->begin_ms,
	};

	snprintf(delay, sizeof(delay), "%" PRIu64 "s", delay_s);
	snprintf(window, sizeof(window), "%" PRIu64 "s", window_s);
	if (!is_shown(call, "main_node", "MAIN_NODE"))
		step.turn_ms = turn_ms(call, DEPUTY_MS, mesh_rank(mesh, STATE_UPGRADE_READY));
	if (make_step(call, &step))
		answer_scheduled(call, delay_s, window_s);
}

void wizard_start_safe_upgrade(struct call *call)
{
	uint64_t delay_s = json_get_optional_u64(&call->reader, call->arguments, "start_delay",
		LIMITS_COUNTDOWN_MIN_MS / 1000, LIMITS_COUNTDOWN_MAX_MS / 1000, DELAY_DEFAULT_S);
	uint64_t window_s = json_get_optional_u64(&call->reader, call->arguments, "confirm_timeout",
		WINDOW_MIN_S, LIMITS_CONFIRM_WINDOW_MAX_S, WINDOW_DEFAULT_S);
	struct mesh mesh;

	if (!json_ok(&call->reader)) {
		call_fail(call, "BAD_ARGUMENTS",
			"start_delay must be 1 to %d and confirm_timeout %d to %d whole seconds.",
			LIMITS_COUNTDOWN_MAX_MS / 1000, WINDOW_MIN_S, LIMITS_CONFIRM_WINDOW_MAX_S);
		return;
	}
	if (!call_may_act(call))
		return;
	if (!mesh_read(&mesh, call->settings, call->end_ms)) {
		call_fail(call, "NOT_READY_FOR_UPGRADE", "%s", call_nobody_answers);
		return;
	}
	if (is_scheduled(&mesh.here) >= 0)
		schedule(call, &mesh, delay_s, window_s);
	else
		call_fail(call, "NOT_READY_FOR_UPGRADE",
			"This node is not ready for an upgrade: it is in %s.",
			state_name(mesh.here.state));
	mesh_free(&mesh);
}

/* ---- confirm ---- */

static int is_confirmed(const struct mesh_node *here)
{
	if (here->state == STATE_CONFIRMATION_PENDING)
		return 0;
	return here->state == STATE_UPDATED && here->flashed ? 1 : -1;
}

void wizard_confirm(struct call *call)
{
	const char *const order[] = { "confirm", NULL };
	struct step step = {
		.code = "NOT_READY_TO_CONFIRM",
		.is_done = is_confirmed,
		.order = order,
	};
	struct mesh mesh;
	bool ours;

	if (!call_may_act(call))
		return;
	if (!mesh_read(&mesh, call->settings, call->end_ms)) {
		call_fail(call, step.code, "%s", call_nobody_answers);
		return;
	}
	ours = mesh.upgrade[0] != '\0' && strcmp(mesh.upgrade, mesh.here.upgrade) == 0;
	step.turn_ms = turn_ms(call, 0, mesh_rank(&mesh, STATE_CONFIRMATION_PENDING));
	if (!ours)
		call_fail(call, step.code, "No new firmware waits to be confirmed on this node.");
	else if (make_step(call, &step))
		call_succeed(call);
	mesh_free(&mesh);
}

/* ---- abort ---- */

static void refuse_abort(struct call *call, const struct operator_result *result)
{
	struct mesh_node here;
	uint64_t left_s;

	if (strcmp(result->reason, "too_late") != 0 ||
		!mesh_look(&here, call->settings, call->end_ms)) {
		call_fail(call, "NOT_ABLE_TO_ABORT", "%s.", result->message);
		return;
	}
	left_s = read_member(call, "/v1/limeapp", NULL, "confirm_remaining", 0);
	if (here.state == STATE_CONFIRMATION_PENDING)
		call_fail(call, "NOT_ABLE_TO_ABORT",
			"The new firmware runs already. If nobody confirms it, all go back by "
			"themselves, this node in %" PRIu64 " s.",
			left_s);
	else
		call_fail(call, "NOT_ABLE_TO_ABORT", "It is being flashed. Please wait.");
}

/* At once, from wherever it was called: a countdown may run. */
void wizard_abort(struct call *call)
{
	const char *const order[] = { "abort", "--reason", "LimeApp", NULL };
	struct operator_result result;
	struct mesh mesh;
	bool nothing;

	if (!call_may_act(call))
		return;
	(void)note_write(call->settings, NOTE_NONE, "");
	if (!mesh_read(&mesh, call->settings, call->end_ms)) {
		call_fail(call, "NOT_ABLE_TO_ABORT", "%s", call_nobody_answers);
		return;
	}
	/* An error that an abort has answered is not shown as one any more. */
	nothing = !mesh_is_anybody_busy(&mesh) && !is_shown(call, "upgrade_state", "ERROR");
	mesh_free(&mesh);
	if (nothing || operator_order(&result, call->settings, order, call->end_ms) ||
		strcmp(result.reason, "unknown_upgrade") == 0)
		call_succeed(call);
	else
		refuse_abort(call, &result);
}
