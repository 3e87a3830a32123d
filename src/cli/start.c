// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/json.h"
#include "base/reason.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/plan.h"
#include "release/usign.h"

static const char usage[] =
	"Usage: lockstep start DIR-or-URL --key K.sec [OPTIONS]\n"
	"\n"
	"Opens an upgrade: every participant checks the release, fetches its image (mostly from "
	"its\n"
	"neighbours), checks it and says that it is ready. Nothing is flashed yet.\n"
	"  --key K.sec               operator key, or the word passphrase\n"
	"  --participants NAME,...   only these; every node that is known otherwise\n"
	"  --wave NAME,...           these flash together; give it again for the next wave; who is "
	"in\n"
	"                            none flashes in the last\n"
	"  --confirm auto|operator   who keeps the new firmware: a healthy mesh by itself, or you "
	"(default)\n"
	"  --policy atomic|best-effort\n"
	"                            all or none of a wave (default), or as many as come through\n"
	"  --quorum PERCENT          of a wave that must take part (default 100)\n"
	"  --hold 30s                how long nodes wait for each other when the countdown is "
	"over\n"
	"  --allow-single-slot       also flash nodes that cannot go back\n"
	"  --allow-downgrade         also install an older release\n"
	"  --no-catch-up             nodes that were away do not install it when they come back\n"
	"  --dry-run                 say what would be ordered, and order nothing\n"
	"\n"
	"Example: lockstep start ./release-2.0 --key operator.sec --wave node3\n";

struct arguments {
	const char *place, *key, *participants;
	const char *waves[LIMITS_WAVES_MAX];
	uint32_t wave_count;
	bool dry_run;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct order_participant *)a)->name,
		((const struct order_participant *)b)->name);
}

static struct json_object *find_node(struct json_object *nodes, const char *name)
{
	for (size_t i = 0; i < client_count(nodes); i++) {
		if (strcmp(client_string(client_at(nodes, i), "name"), name) == 0)
			return client_at(nodes, i);
	}
	return NULL;
}

static int add_participant(
	const struct options *options, struct order_start *start, struct json_object *node)
{
	struct order_participant *participant;
	struct usign_public key;

	if (start->participant_count == LIMITS_PARTICIPANTS_MAX)
		return options_fail(
			options, "bad_order", "more than %d participants", LIMITS_PARTICIPANTS_MAX);
	participant = &start->participants[start->participant_count++];
	text_set(participant->name, sizeof(participant->name), client_string(node, "name"));
	if (!usign_public_from_blob(&key, client_string(node, "key")))
		return options_fail(options, "unreachable",
			"%s was not seen yet, so its key is not known; leave it out with "
			"--participants",
			participant->name);
	memcpy(participant->key, key.key, ORDER_KEY_SIZE);
	return CLI_DONE;
}

static int choose_participants(const struct options *options, const struct arguments *arguments,
	struct json_object *nodes, struct order_start *start)
{
	int status = CLI_DONE;
	char name[LIMITS_NAME_SIZE + 1];
	bool ok;

	if (arguments->participants == NULL) {
		for (size_t i = 0; i < client_count(nodes) && status == CLI_DONE; i++)
			status = add_participant(options, start, client_at(nodes, i));
	} else {
		const char *list = arguments->participants;

		while (status == CLI_DONE &&
			(list = options_name(list, name, sizeof(name), &ok)) != NULL) {
			struct json_object *node = ok ? find_node(nodes, name) : NULL;

			status = node != NULL ? add_participant(options, start, node)
					      : options_fail(options, "unreachable",
							"the mesh knows no node %s", name);
		}
	}
	if (status == CLI_DONE && start->participant_count == 0)
		status = options_fail(options, "bad_order", "no node takes part");
	qsort(start->participants, start->participant_count, sizeof(*start->participants),
		compare_names);
	return status;
}

static int assign_waves(
	const struct options *options, const struct arguments *arguments, struct order_start *start)
{
	char name[LIMITS_NAME_SIZE + 1];
	uint32_t rest = 0;
	bool ok;

	start->wave_count = arguments->wave_count;
	for (uint32_t i = 0; i < start->participant_count; i++)
		start->participants[i].wave = LIMITS_WAVES_MAX;
	for (uint32_t wave = 0; wave < arguments->wave_count; wave++) {
		const char *list = arguments->waves[wave];

		while ((list = options_name(list, name, sizeof(name), &ok)) != NULL) {
			uint32_t index = ok ? order_find_participant(start, name) : UINT32_MAX;

			if (index == UINT32_MAX)
				return options_fail(options, "bad_wave",
					"--wave names %s, who takes no part", name);
			if (start->participants[index].wave != LIMITS_WAVES_MAX)
				return options_fail(
					options, "bad_wave", "%s is in two waves", name);
			start->participants[index].wave = (uint8_t)wave;
		}
	}
	for (uint32_t i = 0; i < start->participant_count; i++) {
		if (start->participants[i].wave == LIMITS_WAVES_MAX) {
			start->participants[i].wave = (uint8_t)arguments->wave_count;
			rest++;
		}
	}
	start->wave_count += rest > 0;
	if (start->wave_count > LIMITS_WAVES_MAX)
		return options_fail(options, "bad_wave", "at most %d waves", LIMITS_WAVES_MAX);
	return CLI_DONE;
}

/* What every node would refuse later is said now, by name and with what helps. */
static int foresee(const struct options *options, const struct plan_release *release,
	struct json_object *nodes, const struct order_start *start)
{
	for (uint32_t i = 0; i < start->participant_count; i++) {
		const char *name = start->participants[i].name;
		struct json_object *node = find_node(nodes, name);

		if (!plan_has_board(release, client_string(node, "board")))
			return options_fail(options, reason_word(REASON_NO_IMAGE_FOR_BOARD),
				"the release has no image for %s (%s); add one, or leave it out "
				"with "
				"--participants",
				name, client_string(node, "board"));
		if (client_u64(node, "slots", 0) < 2 && !start->allow_single_slot)
			return options_fail(options, reason_word(REASON_SINGLE_SLOT),
				"%s cannot go back to its old firmware; --allow-single-slot "
				"flashes it all "
				"the same",
				name);
		if (client_u64(node, "release_sequence", 0) > start->sequence &&
			!start->allow_downgrade)
			return options_fail(options, reason_word(REASON_DOWNGRADE),
				"%s runs a newer release; --allow-downgrade goes back on purpose",
				name);
	}
	return CLI_DONE;
}

static uint64_t next_epoch(struct json_object *mesh)
{
	struct json_object *nodes = client_member(mesh, "nodes");
	uint64_t highest = client_u64(mesh, "highest_epoch", 0);

	for (size_t i = 0; i < client_count(nodes); i++) {
		uint64_t epoch = client_u64(client_at(nodes, i), "highest_epoch", 0);

		highest = epoch > highest ? epoch : highest;
	}
	return highest + 1;
}

/* Where the nodes find it: at its URL, or at the node on this machine. */
static void set_urls(
	struct order_start *start, const struct plan_release *release, struct json_object *mesh)
{
	struct json_object *entry =
		find_node(client_member(mesh, "nodes"), client_string(mesh, "node"));
	const char *address = client_string(entry, "address");
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	start->url_count = 1;
	bytes_to_hex(hex, release->id, BYTES_HASH_SIZE);
	if (!release->is_directory)
		text_set(start->urls[0], sizeof(start->urls[0]), release->place);
	else if (address[0] != '\0')
		snprintf(start->urls[0], sizeof(start->urls[0]), "http://%s/v1/releases/%s/",
			address, hex);
	else
		start->url_count = 0;
}

static int offer_directory(const struct options *options, const struct plan_release *release)
{
	char body[LIMITS_URL_SIZE * 6 + 32];
	struct client_answer answer;
	struct text text;

	if (!release->is_directory)
		return CLI_DONE;
	if (options->url != NULL)
		return options_fail(options, "bad_release",
			"another node cannot read %s; run this on the node itself, or give a URL "
			"that "
			"the nodes can reach",
			release->place);
	text_init(&text, body, sizeof(body));
	text_add(&text, "{");
	text_add_member_string(&text, "path", release->place);
	text_add(&text, "}");
	answer = client_ask(options, "/v1/directory", body, text.size);
	client_forget(&answer);
	return answer.status;
}

static void describe(
	const struct options *options, const struct order *order, bool dry_run, const char *key)
{
	const struct order_start *start = &order->start;
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];

	bytes_to_hex(upgrade, order->upgrade, ORDER_UPGRADE_SIZE);
	if (options->json) {
		printf("{\"upgrade\":\"%s\",\"epoch\":%" PRIu64 ",\"participants\":%" PRIu32
		       ",\"waves\":%" PRIu32 ",\"dry_run\":%s}\n",
			upgrade, order->epoch, start->participant_count, start->wave_count,
			dry_run ? "true" : "false");
		return;
	}
	printf("%s upgrade %s to %s: %" PRIu32 " nodes in %" PRIu32 " wave%s, %s, %" PRIu32
	       " %%, confirmed by %s.\n",
		dry_run ? "Would open" : "Opened", upgrade, start->version,
		start->participant_count, start->wave_count, start->wave_count == 1 ? "" : "s",
		start->policy == ORDER_ATOMIC ? "all or none" : "best effort",
		start->quorum_percent,
		start->confirm == ORDER_CONFIRM_AUTO ? "the mesh itself" : "you");
	if (!dry_run)
		printf("Watch it with: lockstep status --watch\nOnce all are ready: lockstep "
		       "schedule "
		       "--key %s --in 60s\n",
			key);
}

static int open_upgrade(const struct options *options, const struct arguments *arguments,
	struct order_start *wanted)
{
	struct plan_release release = { 0 };
	struct json_object *mesh = NULL;
	struct order order = { 0 };
	int status = plan_read_release(&release, options, arguments->place);

	if (status == CLI_DONE)
		mesh = client_get(options, "/v1/mesh", &status);
	if (mesh != NULL) {
		plan_head(&order, ORDER_START, mesh);
		order.epoch = next_epoch(mesh);
		randombytes_buf(order.upgrade, sizeof(order.upgrade));
		order.start = *wanted;
		memcpy(order.start.release_id, release.id, BYTES_HASH_SIZE);
		text_set(
			order.start.version, sizeof(order.start.version), release.manifest.version);
		order.start.sequence = release.manifest.sequence;
		set_urls(&order.start, &release, mesh);
		status = choose_participants(
			options, arguments, client_member(mesh, "nodes"), &order.start);
	}
	if (status == CLI_DONE)
		status = assign_waves(options, arguments, &order.start);
	if (status == CLI_DONE)
		status = foresee(options, &release, client_member(mesh, "nodes"), &order.start);
	if (status == CLI_DONE && !arguments->dry_run)
		status = offer_directory(options, &release);
	if (status == CLI_DONE && !arguments->dry_run)
		status = plan_post(options, &order, arguments->key);
	if (status == CLI_DONE)
		describe(options, &order, arguments->dry_run, arguments->key);
	json_free(mesh);
	plan_free_release(&release);
	return status;
}

static int read_policy(
	struct options *options, struct order_start *start, const char *option, const char *value)
{
	uint64_t number;

	if (strcmp(option, "--confirm") == 0 && strcmp(value, "auto") == 0)
		start->confirm = ORDER_CONFIRM_AUTO;
	else if (strcmp(option, "--confirm") == 0 && strcmp(value, "operator") == 0)
		start->confirm = ORDER_CONFIRM_OPERATOR;
	else if (strcmp(option, "--policy") == 0 && strcmp(value, "atomic") == 0)
		start->policy = ORDER_ATOMIC;
	else if (strcmp(option, "--policy") == 0 && strcmp(value, "best-effort") == 0)
		start->policy = ORDER_BEST_EFFORT;
	else if (strcmp(option, "--quorum") == 0 && text_parse_u64(&number, value) && number >= 1 &&
		 number <= ORDER_QUORUM_MAX)
		start->quorum_percent = (uint32_t)number;
	else if (strcmp(option, "--hold") == 0 && options_duration(value, &number) &&
		 number >= LIMITS_HOLD_MIN_MS && number <= LIMITS_HOLD_MAX_MS)
		start->hold_ms = (uint32_t)number;
	else {
		fprintf(stderr, "lockstep start: %s cannot be %s\n\n%s", option, value, usage);
		return CLI_USAGE;
	}
	(void)options;
	return -1;
}

static int read_arguments(
	struct options *options, struct arguments *arguments, struct order_start *start)
{
	static const char *const policies[] = { "--confirm", "--policy", "--quorum", "--hold" };
	const char *option, *value;
	int status;

	while (options_next(options, &option, &status)) {
		bool is_policy = false;

		for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
			is_policy = is_policy || strcmp(option, policies[i]) == 0;
		if (strcmp(option, "--allow-single-slot") == 0) {
			start->allow_single_slot = true;
		} else if (strcmp(option, "--allow-downgrade") == 0) {
			start->allow_downgrade = true;
		} else if (strcmp(option, "--no-catch-up") == 0) {
			start->catch_up = false;
		} else if (strcmp(option, "--dry-run") == 0) {
			arguments->dry_run = true;
		} else if (option[0] != '-' && arguments->place == NULL && option[0] != '\0') {
			arguments->place = option;
		} else if (is_policy || strcmp(option, "--key") == 0 ||
			   strcmp(option, "--participants") == 0 || strcmp(option, "--wave") == 0) {
			value = options_value(options, option, &status);
			if (value == NULL)
				return status;
			if (strcmp(option, "--key") == 0)
				arguments->key = value;
			else if (strcmp(option, "--participants") == 0)
				arguments->participants = value;
			else if (strcmp(option, "--wave") == 0 &&
				 arguments->wave_count < LIMITS_WAVES_MAX)
				arguments->waves[arguments->wave_count++] = value;
			else if (is_policy &&
				 (status = read_policy(options, start, option, value)) >= 0)
				return status;
		} else {
			return options_wrong(options, "does not know", option);
		}
	}
	return status;
}

int start_main(int argc, char **argv)
{
	struct order_start start = { .quorum_percent = 100, .hold_ms = 30000, .catch_up = true };
	struct arguments arguments = { 0 };
	struct options options;
	int status;

	options_init(&options, usage, argc, argv);
	status = read_arguments(&options, &arguments, &start);
	if (status >= 0)
		return status;
	if (arguments.place == NULL)
		return options_wrong(&options, "needs", "a release: DIR or URL");
	if (arguments.key == NULL && !arguments.dry_run)
		return options_wrong(&options, "needs", "--key K.sec");
	start.participants = calloc(LIMITS_PARTICIPANTS_MAX, sizeof(*start.participants));
	if (start.participants == NULL)
		return options_fail(&options, "internal", "out of memory");
	status = open_upgrade(&options, &arguments, &start);
	free(start.participants);
	return status;
}
