// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/reason.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/plan.h"

enum {
	NAMES_SIZE = 512,
};

static bool is_listed(const char *list, const char *name)
{
	char next[LIMITS_NAME_SIZE + 1];

	while (list != NULL && (list = options_next_name(list, next)) != NULL) {
		if (strcmp(next, name) == 0)
			return true;
	}
	return false;
}

/* "node3,node5": who of the upgrade's wave has neither of the two states, is not in the list
 * `without`, and so stands in the way. True if there are any. */
static bool list_others(char names[static NAMES_SIZE], const struct options *options,
	struct json_object *mesh, uint64_t wave, const char *state_a, const char *state_b)
{
	struct json_object *nodes = client_member(mesh, "nodes"), *node;
	struct text text;

	text_init(&text, names, NAMES_SIZE);
	for (size_t i = 0; (node = client_at(nodes, i)) != NULL; i++) {
		const char *name = client_string(node, "name");
		const char *state = client_string(node, "state");

		if (client_bool(node, "participant") && client_u64(node, "wave", 0) == wave &&
			strcmp(state, state_a) != 0 && strcmp(state, state_b) != 0 &&
			!is_listed(options->without, name))
			text_add_format(&text, text.size > 0 ? ",%s" : "%s", name);
	}
	return text.size > 0;
}

/* What the node says of the mesh, and the order that follows from it as far as all have it. */
static struct json_object *begin(
	const struct options *options, struct order *order, enum order_kind kind)
{
	struct json_object *mesh;

	if (options->key == NULL)
		options_fail(NULL, "--key K.sec is missing");
	mesh = client_get(options, "/v1/mesh");
	plan_follow(order, kind, mesh);
	return mesh;
}

/* Posts the order, and says so in JSON if that is what is wanted. */
static void finish(
	const struct options *options, const struct order *order, struct json_object *mesh)
{
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];

	plan_post(options, order);
	json_free(mesh);
	bytes_to_hex(upgrade, order->upgrade, ORDER_UPGRADE_SIZE);
	if (options->json)
		printf("{\"upgrade\":\"%s\",\"epoch\":%" PRIu64 ",\"kind\":\"%s\"}\n", upgrade,
			order->epoch, order_kind_word(order->kind));
}

static int schedule(const struct options *options)
{
	struct json_object *mesh, *upgrade;
	uint64_t wave, wave_count;
	char names[NAMES_SIZE];
	struct order order;

	if (options->countdown_ms < LIMITS_COUNTDOWN_MIN_MS ||
		options->countdown_ms > LIMITS_COUNTDOWN_MAX_MS)
		options_fail(NULL, "--in or --at is needed, from 1 s to a day");
	if (options->confirm_window_ms < LIMITS_CONFIRM_WINDOW_MIN_S * UINT64_C(1000) ||
		options->confirm_window_ms > LIMITS_CONFIRM_WINDOW_MAX_S * UINT64_C(1000))
		options_fail(NULL, "--confirm-window must be from 5 s to a day");
	mesh = begin(options, &order, ORDER_SCHEDULE);
	upgrade = client_member(mesh, "upgrade");
	wave = options->wave != 0 ? options->wave - 1 : client_u64(upgrade, "wave", 0);
	wave_count = client_u64(upgrade, "waves", 1);
	if (wave >= wave_count)
		options_fail(reason_word(REASON_UNKNOWN_WAVE), "the upgrade has %" PRIu64 " waves",
			wave_count);
	if (!options->force &&
		list_others(names, options, mesh, wave, "UPGRADE_READY", "UPGRADE_SCHEDULED"))
		options_fail(reason_word(REASON_NOT_READY),
			"not ready yet: %s. Wait, or see lockstep status; --force schedules all "
			"the same",
			names);
	if (!bytes_from_hex(
		    order.schedule.start_id, BYTES_HASH_SIZE, client_string(upgrade, "start")))
		options_fail("internal", "the node's answer names no start order");
	order.schedule.wave = (uint32_t)wave;
	order.schedule.countdown_ms = (uint32_t)options->countdown_ms;
	order.schedule.confirm_window_s = (uint32_t)(options->confirm_window_ms / 1000);
	finish(options, &order, mesh);
	if (!options->json)
		printf("Scheduled wave %" PRIu64 ": the flash is in %" PRIu64
		       " s.\nUntil then: lockstep abort --key %s\n",
			wave + 1, options->countdown_ms / 1000, options->key);
	return CLI_DONE;
}

const struct command command_schedule = {
	"schedule",
	"schedule --key K.sec (--in 60s | --at HH:MM) [OPTIONS]\n",
	OPTIONS_OF_SCHEDULE,
	0,
	schedule,
};

static int compare_strings(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void read_without(const struct options *options, struct order_confirmation *confirm)
{
	const char *list = options->without;

	confirm->without = options_allocate(LIMITS_PARTICIPANTS_MAX * sizeof(*confirm->without));
	while (confirm->without_count < LIMITS_PARTICIPANTS_MAX &&
		(list = options_next_name(list, confirm->without[confirm->without_count])) != NULL)
		confirm->without_count++;
	qsort(confirm->without, confirm->without_count, sizeof(*confirm->without), compare_strings);
}

static int confirm(const struct options *options)
{
	const char *without = options->without, *phase;
	struct json_object *mesh, *upgrade;
	uint64_t wave;
	char names[NAMES_SIZE];
	struct order order;

	mesh = begin(options, &order, ORDER_CONFIRM);
	upgrade = client_member(mesh, "upgrade");
	wave = client_u64(upgrade, "wave", 0);
	phase = client_string(upgrade, "phase");
	if (strcmp(phase, "confirming") != 0 && strcmp(phase, "flashing") != 0)
		options_fail(reason_word(REASON_WRONG_STATE),
			"nothing waits to be confirmed: the upgrade is %s", phase);
	if (list_others(names, options, mesh, wave, "CONFIRMATION_PENDING", "UPDATED"))
		options_fail(reason_word(REASON_PARTICIPANTS_MISSING),
			"not running the new firmware: %s. Wait for them, let everything go back, "
			"or keep it without them: lockstep confirm --key %s --without %s%s%s",
			names, options->key, names, without != NULL ? "," : "",
			without != NULL ? without : "");
	order.confirm.wave = (uint32_t)wave;
	if (without != NULL)
		read_without(options, &order.confirm);
	finish(options, &order, mesh);
	if (!options->json)
		fputs("Confirmed: the new firmware stays. See lockstep status.\n", stdout);
	free(order.confirm.without);
	return CLI_DONE;
}

const struct command command_confirm = {
	"confirm",
	"confirm --key K.sec [--without NAME,...]\n",
	OPTIONS_OF_CONFIRM,
	0,
	confirm,
};

static int end_it(const struct options *options)
{
	const char *why = options->reason != NULL ? options->reason : "";
	struct json_object *mesh;
	struct order order;

	if (!text_is_printable(why, LIMITS_MESSAGE_SIZE))
		options_fail(NULL, "--reason must be one short line");
	mesh = begin(options, &order, ORDER_ABORT);
	text_set(order.abort.reason, sizeof(order.abort.reason), why);
	finish(options, &order, mesh);
	if (!options->json)
		fputs("Aborted: nothing will be flashed. The next start is free to come.\n",
			stdout);
	return CLI_DONE;
}

const struct command command_abort = {
	"abort",
	"abort --key K.sec [--reason TEXT]\n",
	OPTIONS_OF_ABORT,
	0,
	end_it,
};
