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

static const char schedule_usage[] =
	"Usage: lockstep schedule --key K.sec (--in 60s | --at HH:MM) [--wave N]\n"
	"                         [--confirm-window 600s] [--force]\n"
	"\n"
	"Starts the countdown: at its end every participant of the wave flashes at the same "
	"moment, but\n"
	"only if each of them has said that it is scheduled. Until then lockstep abort ends it.\n"
	"  --in 60s               how long from now (also 5m, 2h); at least 1 s\n"
	"  --at HH:MM             at that time of this machine's clock, today or tomorrow\n"
	"  --wave N               1 is the first; the next one that is not scheduled otherwise\n"
	"  --confirm-window 600s  how long new firmware may run unconfirmed before it goes back\n"
	"  --force                also if not every participant of the wave is ready\n";

static const char confirm_usage[] =
	"Usage: lockstep confirm --key K.sec [--without NAME,...]\n"
	"\n"
	"Keeps the new firmware. Refused while a participant does not run it, unless it is named "
	"with\n"
	"--without: that one goes back to its old firmware, if it can.\n";

static const char abort_usage[] = "Usage: lockstep abort --key K.sec [--reason TEXT]\n"
				  "\n"
				  "Ends the upgrade everywhere, as long as nothing was flashed. "
				  "The next start is not hindered.\n";

/* "node3, node5": who of the wave has none of these states. Returns how many. */
static unsigned list_others(struct json_object *mesh, uint64_t wave, const char *const *states,
	const char *without, char *names, size_t capacity)
{
	struct json_object *nodes = client_member(mesh, "nodes");
	struct text text;
	unsigned count = 0;

	text_init(&text, names, capacity);
	for (size_t i = 0; i < client_count(nodes); i++) {
		struct json_object *node = client_at(nodes, i);
		const char *list = without != NULL ? without : "";
		char name[LIMITS_NAME_SIZE + 1];
		bool fine =
			!client_bool(node, "participant") || client_u64(node, "wave", 0) != wave;
		bool ok;

		for (size_t j = 0; states[j] != NULL; j++)
			fine = fine || strcmp(client_string(node, "state"), states[j]) == 0;
		while (!fine && (list = options_name(list, name, sizeof(name), &ok)) != NULL)
			fine = ok && strcmp(name, client_string(node, "name")) == 0;
		if (fine)
			continue;
		text_add(&text, count++ > 0 ? "," : "");
		text_add(&text, client_string(node, "name"));
	}
	return count;
}

static int done(const struct options *options, const struct order *order, const char *line)
{
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];

	bytes_to_hex(upgrade, order->upgrade, ORDER_UPGRADE_SIZE);
	if (options->json)
		printf("{\"upgrade\":\"%s\",\"epoch\":%" PRIu64 ",\"kind\":\"%s\"}\n", upgrade,
			order->epoch, order_kind_word(order->kind));
	else
		puts(line);
	return CLI_DONE;
}

/* ---- schedule ---- */

struct schedule_arguments {
	const char *key, *wave;
	uint64_t countdown_ms, window_ms;
	bool force;
};

static int read_schedule(struct options *options, struct schedule_arguments *arguments)
{
	const char *option, *value;
	int status;

	while (options_next(options, &option, &status)) {
		bool ok = true;

		if (strcmp(option, "--force") == 0) {
			arguments->force = true;
			continue;
		}
		value = options_value(options, option, &status);
		if (value == NULL)
			return status;
		if (strcmp(option, "--key") == 0)
			arguments->key = value;
		else if (strcmp(option, "--wave") == 0)
			arguments->wave = value;
		else if (strcmp(option, "--in") == 0)
			ok = options_duration(value, &arguments->countdown_ms);
		else if (strcmp(option, "--at") == 0)
			ok = options_time_of_day(value, &arguments->countdown_ms);
		else if (strcmp(option, "--confirm-window") == 0)
			ok = options_duration(value, &arguments->window_ms);
		else
			return options_wrong(options, "does not know", option);
		if (!ok)
			return options_wrong(options, "cannot understand", value);
	}
	return status;
}

static int post_schedule(const struct options *options, const struct schedule_arguments *arguments,
	struct json_object *mesh)
{
	static const char *const ready[] = { "UPGRADE_READY", "UPGRADE_SCHEDULED", NULL };
	struct json_object *upgrade = client_member(mesh, "upgrade");
	uint64_t wave = client_u64(upgrade, "wave", 0);
	char names[512], line[256];
	struct order order;
	int status;

	if (!plan_follow(options, &order, ORDER_SCHEDULE, mesh, &status))
		return status;
	if (arguments->wave != NULL && (!text_parse_u64(&wave, arguments->wave) || wave-- == 0))
		return options_wrong(options, "--wave must be 1 or more and not", arguments->wave);
	if (wave >= client_u64(upgrade, "waves", 1))
		return options_fail(options, reason_word(REASON_UNKNOWN_WAVE),
			"the upgrade has %" PRIu64 " waves", client_u64(upgrade, "waves", 1));
	if (!arguments->force && list_others(mesh, wave, ready, NULL, names, sizeof(names)) > 0)
		return options_fail(options, reason_word(REASON_NOT_READY),
			"not ready yet: %s. Wait, or see lockstep status; --force schedules all "
			"the same",
			names);
	if (!bytes_from_hex(
		    order.schedule.start_id, BYTES_HASH_SIZE, client_string(upgrade, "start")))
		return options_fail(options, "internal", "the node's answer names no start order");
	order.schedule.wave = (uint32_t)wave;
	order.schedule.countdown_ms = (uint32_t)arguments->countdown_ms;
	order.schedule.confirm_window_s = (uint32_t)(arguments->window_ms / 1000);
	status = plan_post(options, &order, arguments->key);
	snprintf(line, sizeof(line),
		"Scheduled wave %" PRIu64 ": the flash is in %" PRIu64
		" s.\nUntil then: lockstep abort --key %s",
		wave + 1, arguments->countdown_ms / 1000, arguments->key);
	return status == CLI_DONE ? done(options, &order, line) : status;
}

int schedule_main(int argc, char **argv)
{
	struct schedule_arguments arguments = { .window_ms = 600000 };
	struct json_object *mesh;
	struct options options;
	int status;

	options_init(&options, schedule_usage, argc, argv);
	status = read_schedule(&options, &arguments);
	if (status >= 0)
		return status;
	if (arguments.key == NULL)
		return options_wrong(&options, "needs", "--key K.sec");
	if (arguments.countdown_ms < LIMITS_COUNTDOWN_MIN_MS ||
		arguments.countdown_ms > LIMITS_COUNTDOWN_MAX_MS)
		return options_wrong(&options, "needs", "--in or --at, from 1 s to a day");
	if (arguments.window_ms < LIMITS_CONFIRM_WINDOW_MIN_S * UINT64_C(1000) ||
		arguments.window_ms > LIMITS_CONFIRM_WINDOW_MAX_S * UINT64_C(1000))
		return options_wrong(&options, "--confirm-window must be", "from 5 s to a day");
	mesh = client_get(&options, "/v1/mesh", &status);
	if (mesh != NULL)
		status = post_schedule(&options, &arguments, mesh);
	json_free(mesh);
	return status;
}

/* ---- confirm ---- */

static int compare_strings(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int read_without(
	const struct options *options, struct order_confirmation *confirm, const char *without)
{
	const char *list = without;
	bool ok;

	confirm->without = calloc(LIMITS_PARTICIPANTS_MAX, sizeof(*confirm->without));
	if (confirm->without == NULL)
		return options_fail(options, "internal", "out of memory");
	while (confirm->without_count < LIMITS_PARTICIPANTS_MAX &&
		(list = options_name(list, confirm->without[confirm->without_count],
			 LIMITS_NAME_SIZE + 1, &ok)) != NULL) {
		if (!ok)
			return options_fail(
				options, "bad_name", "--without has what is no node's name");
		confirm->without_count++;
	}
	qsort(confirm->without, confirm->without_count, sizeof(*confirm->without), compare_strings);
	return CLI_DONE;
}

static int post_confirm(const struct options *options, struct json_object *mesh, const char *key,
	const char *without)
{
	static const char *const running[] = { "CONFIRMATION_PENDING", "UPDATED", NULL };
	struct json_object *upgrade = client_member(mesh, "upgrade");
	uint64_t wave = client_u64(upgrade, "wave", 0);
	char names[512];
	struct order order;
	int status;

	if (!plan_follow(options, &order, ORDER_CONFIRM, mesh, &status))
		return status;
	if (strcmp(client_string(upgrade, "phase"), "confirming") != 0 &&
		strcmp(client_string(upgrade, "phase"), "flashing") != 0)
		return options_fail(options, reason_word(REASON_WRONG_STATE),
			"nothing waits to be confirmed: the upgrade is %s",
			client_string(upgrade, "phase"));
	if (list_others(mesh, wave, running, without, names, sizeof(names)) > 0)
		return options_fail(options, reason_word(REASON_PARTICIPANTS_MISSING),
			"not running the new firmware: %s. Wait for them, let everything go back, "
			"or keep "
			"it without them: lockstep confirm --key %s --without %s%s%s",
			names, key, names, without != NULL ? "," : "",
			without != NULL ? without : "");
	order.confirm.wave = (uint32_t)wave;
	if (without != NULL)
		status = read_without(options, &order.confirm, without);
	else
		status = CLI_DONE;
	if (status == CLI_DONE)
		status = plan_post(options, &order, key);
	free(order.confirm.without);
	return status == CLI_DONE
		       ? done(options, &order,
				 "Confirmed: the new firmware stays. See lockstep status.")
		       : status;
}

int confirm_main(int argc, char **argv)
{
	const char *option, *key = NULL, *without = NULL;
	struct json_object *mesh;
	struct options options;
	int status;

	options_init(&options, confirm_usage, argc, argv);
	while (options_next(&options, &option, &status)) {
		const char **value = strcmp(option, "--key") == 0       ? &key
				     : strcmp(option, "--without") == 0 ? &without
									: NULL;

		if (value == NULL)
			return options_wrong(&options, "does not know", option);
		*value = options_value(&options, option, &status);
		if (*value == NULL)
			return status;
	}
	if (status >= 0)
		return status;
	if (key == NULL)
		return options_wrong(&options, "needs", "--key K.sec");
	mesh = client_get(&options, "/v1/mesh", &status);
	if (mesh != NULL)
		status = post_confirm(&options, mesh, key, without);
	json_free(mesh);
	return status;
}

/* ---- abort ---- */

int abort_main(int argc, char **argv)
{
	const char *option, *key = NULL, *why = "";
	struct json_object *mesh;
	struct options options;
	struct order order;
	int status;

	options_init(&options, abort_usage, argc, argv);
	while (options_next(&options, &option, &status)) {
		const char **value = strcmp(option, "--key") == 0      ? &key
				     : strcmp(option, "--reason") == 0 ? &why
								       : NULL;

		if (value == NULL)
			return options_wrong(&options, "does not know", option);
		*value = options_value(&options, option, &status);
		if (*value == NULL)
			return status;
	}
	if (status >= 0)
		return status;
	if (key == NULL)
		return options_wrong(&options, "needs", "--key K.sec");
	if (!text_is_printable(why, LIMITS_MESSAGE_SIZE))
		return options_wrong(&options, "--reason must be one short line and not", why);
	mesh = client_get(&options, "/v1/mesh", &status);
	if (mesh != NULL && plan_follow(&options, &order, ORDER_ABORT, mesh, &status)) {
		text_set(order.abort.reason, sizeof(order.abort.reason), why);
		status = plan_post(&options, &order, key);
		if (status == CLI_DONE)
			status = done(&options, &order,
				"Aborted: nothing will be flashed. The next start is free to "
				"come.");
	}
	json_free(mesh);
	return status;
}
