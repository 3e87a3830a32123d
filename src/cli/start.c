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

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct order_participant *)a)->name,
		((const struct order_participant *)b)->name);
}

static struct json_object *find_node(struct json_object *nodes, const char *name)
{
	struct json_object *node;

	for (size_t i = 0; (node = client_at(nodes, i)) != NULL; i++) {
		if (strcmp(client_string(node, "name"), name) == 0)
			break;
	}
	return node;
}

/* What every node would refuse later is said now, by name and with what helps. */
static void foresee(const struct plan_release *release, struct json_object *node,
	const struct order_start *start)
{
	const char *name = client_string(node, "name"), *board = client_string(node, "board");

	if (plan_find_image(release, board) == UINT32_MAX)
		options_fail(reason_word(REASON_NO_IMAGE_FOR_BOARD),
			"the release has no image for %s (%s); add one, or leave it out with "
			"--participants",
			name, board);
	if (client_u64(node, "slots", 0) < 2 && !start->allow_single_slot)
		options_fail(reason_word(REASON_SINGLE_SLOT),
			"%s cannot go back to its old firmware; --allow-single-slot flashes it all "
			"the same",
			name);
	if (client_u64(node, "release_sequence", 0) > start->sequence && !start->allow_downgrade)
		options_fail(reason_word(REASON_DOWNGRADE),
			"%s runs a newer release; --allow-downgrade goes back on purpose", name);
}

static void add_participant(const struct options *options, const struct plan_release *release,
	struct json_object *node, struct order_start *start)
{
	struct order_participant *participant;
	struct usign_public key;

	if (start->participant_count == LIMITS_PARTICIPANTS_MAX)
		options_fail("bad_order", "more than %d participants", LIMITS_PARTICIPANTS_MAX);
	participant = &start->participants[start->participant_count++];
	text_set(participant->name, sizeof(participant->name), client_string(node, "name"));
	if (!usign_public_from_blob(&key, client_string(node, "key")))
		options_fail("unreachable",
			"%s was not seen yet, so its key is not known; leave it out with "
			"--participants",
			participant->name);
	memcpy(participant->key, key.key, ORDER_KEY_SIZE);
	participant->wave = options->list.count; /* behind those of --wave */
	foresee(release, node, start);
}

/* Those who belong to the mesh by its reference state; false if nobody has set one. */
static bool add_expected(const struct options *options, const struct plan_release *release,
	struct json_object *nodes, struct order_start *start)
{
	struct json_object *answer = client_get(options, "/v1/expected"), *expected, *node;

	expected = client_member(answer, "nodes");
	for (size_t i = 0; (node = client_at(expected, i)) != NULL; i++) {
		const char *name = client_text(node);

		node = find_node(nodes, name);
		if (node == NULL)
			options_fail("unreachable",
				"%s belongs to the mesh and was not seen; bring it back, "
				"or leave it out with --participants or --seen",
				name);
		add_participant(options, release, node, start);
	}
	json_free(answer);
	return start->participant_count > 0;
}

static void choose_participants(const struct options *options, const struct plan_release *release,
	struct json_object *nodes, struct order_start *start)
{
	const char *list = options->participants;
	char name[LIMITS_NAME_SIZE + 1];
	struct json_object *node;
	bool chosen =
		list != NULL || (!options->seen && add_expected(options, release, nodes, start));

	for (size_t i = 0; !chosen && (node = client_at(nodes, i)) != NULL; i++)
		add_participant(options, release, node, start);
	while (list != NULL && (list = options_next_name(list, name)) != NULL) {
		node = find_node(nodes, name);
		if (node == NULL)
			options_fail("unreachable", "the mesh knows no node %s", name);
		add_participant(options, release, node, start);
	}
	if (start->participant_count == 0)
		options_fail("bad_order", "no node takes part");
	qsort(start->participants, start->participant_count, sizeof(*start->participants),
		compare_names);
}

static void assign_waves(const struct options *options, struct order_start *start)
{
	char name[LIMITS_NAME_SIZE + 1];
	uint32_t last = options->list.count;

	for (uint32_t wave = 0; wave < last; wave++) {
		const char *list = options->list.values[wave];

		while ((list = options_next_name(list, name)) != NULL) {
			uint32_t index = order_find_participant(start, name);

			if (index == UINT32_MAX)
				options_fail(
					"bad_wave", "--wave names %s, who takes no part", name);
			if (start->participants[index].wave != last)
				options_fail("bad_wave", "%s is in two waves", name);
			start->participants[index].wave = wave;
		}
	}
	start->wave_count = last;
	for (uint32_t i = 0; i < start->participant_count; i++) {
		if (start->participants[i].wave == last)
			start->wave_count = last + 1;
	}
	if (start->wave_count > LIMITS_WAVES_MAX)
		options_fail("bad_wave", "at most %d waves", LIMITS_WAVES_MAX);
}

static uint64_t next_epoch(struct json_object *mesh, struct json_object *nodes)
{
	struct json_object *node;
	uint64_t highest = client_u64(mesh, "highest_epoch", 0);

	for (size_t i = 0; (node = client_at(nodes, i)) != NULL; i++) {
		uint64_t epoch = client_u64(node, "highest_epoch", 0);

		highest = epoch > highest ? epoch : highest;
	}
	return highest + 1;
}

/* Where the nodes find it: at its URL, or at the node on this machine. */
static void set_url(struct order_start *start, const struct plan_release *release,
	struct json_object *mesh, struct json_object *nodes)
{
	const char *address =
		client_string(find_node(nodes, client_string(mesh, "node")), "address");
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	bytes_to_hex(hex, release->id, BYTES_HASH_SIZE);
	if (!release->is_directory)
		text_set(start->urls[0], sizeof(start->urls[0]), release->place);
	else if (address[0] != '\0')
		snprintf(start->urls[0], sizeof(start->urls[0]), "http://%s/v1/releases/%s/",
			address, hex);
	start->url_count = start->urls[0][0] != '\0';
}

static void offer_directory(const struct options *options, const struct plan_release *release)
{
	char body[LIMITS_URL_SIZE * 6 + 32];
	struct text text;

	if (!release->is_directory)
		return;
	if (options->url != NULL)
		options_fail("bad_release",
			"another node cannot read %s; run this on the node itself, or give a URL "
			"that the nodes can reach",
			release->place);
	text_init(&text, body, sizeof(body));
	text_begin_object(&text);
	text_add_member_string(&text, "path", release->place);
	text_end_object(&text);
	free(client_ask(options, "/v1/directory", body, text.size));
}

static void describe(const struct options *options, const struct order *order)
{
	const struct order_start *start = &order->start;
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];

	bytes_to_hex(upgrade, order->upgrade, ORDER_UPGRADE_SIZE);
	if (options->json) {
		printf("{\"upgrade\":\"%s\",\"epoch\":%" PRIu64 ",\"participants\":%" PRIu32
		       ",\"waves\":%" PRIu32 ",\"dry_run\":%s}\n",
			upgrade, order->epoch, start->participant_count, start->wave_count,
			options->dry_run ? "true" : "false");
		return;
	}
	printf("%s upgrade %s to %s: %" PRIu32 " nodes in %" PRIu32 " wave%s, %s, %" PRIu32
	       " %%, confirmed by %s.\n",
		options->dry_run ? "Would open" : "Opened", upgrade, start->version,
		start->participant_count, start->wave_count, start->wave_count == 1 ? "" : "s",
		start->policy == ORDER_ATOMIC ? "all or none" : "best effort",
		start->quorum_percent,
		start->confirm == ORDER_CONFIRM_AUTO ? "the mesh itself" : "you");
	if (!options->dry_run)
		printf("Watch it with: lockstep status --watch\nOnce all are ready: lockstep "
		       "schedule --key %s --in 60s\n",
			options->key);
}

/* True if the option has the second of its two values; the first is the default. */
static bool is_second(const char *name, const char *value, const char *first, const char *second)
{
	if (value == NULL || strcmp(value, first) == 0)
		return false;
	if (strcmp(value, second) != 0)
		options_fail(NULL, "%s cannot be %s", name, value);
	return true;
}

static void read_policy(const struct options *options, struct order_start *start)
{
	if (options->quorum > ORDER_QUORUM_MAX)
		options_fail(NULL, "--quorum must be from 1 to 100");
	if (options->hold_ms < LIMITS_HOLD_MIN_MS || options->hold_ms > LIMITS_HOLD_MAX_MS)
		options_fail(NULL, "--hold must be from 1 s to 10 min");
	if (is_second("--confirm", options->confirm, "operator", "auto"))
		start->confirm = ORDER_CONFIRM_AUTO;
	if (is_second("--policy", options->policy, "atomic", "best-effort"))
		start->policy = ORDER_BEST_EFFORT;
	start->quorum_percent = (uint32_t)options->quorum;
	start->hold_ms = (uint32_t)options->hold_ms;
	start->allow_single_slot = options->allow_single_slot;
	start->allow_downgrade = options->allow_downgrade;
	start->catch_up = !options->no_catch_up;
}

static int run(const struct options *options)
{
	struct plan_release *release;
	struct json_object *mesh, *nodes;
	struct order order;
	struct order_start *start = &order.start;

	if (options->word_count == 0)
		options_fail(NULL, "a release is missing: DIR or URL");
	if (options->key == NULL && !options->dry_run)
		options_fail(NULL, "--key K.sec is missing");
	release = plan_read_release(options->words[0]);
	mesh = client_get(options, "/v1/mesh");
	nodes = client_member(mesh, "nodes");
	plan_begin(&order, ORDER_START, mesh);
	order.epoch = next_epoch(mesh, nodes);
	randombytes_buf(order.upgrade, sizeof(order.upgrade));
	read_policy(options, start);
	memcpy(start->release_id, release->id, BYTES_HASH_SIZE);
	memcpy(start->version, release->manifest.version, sizeof(start->version));
	start->sequence = release->manifest.sequence;
	start->participants =
		options_allocate(LIMITS_PARTICIPANTS_MAX * sizeof(*start->participants));
	set_url(start, release, mesh, nodes);
	choose_participants(options, release, nodes, start);
	assign_waves(options, start);
	if (!options->dry_run) {
		offer_directory(options, release);
		plan_post(options, &order);
	}
	describe(options, &order);
	json_free(mesh);
	free(start->participants);
	free(release);
	return CLI_DONE;
}

const struct command command_start = {
	"start",
	"start DIR-or-URL --key K.sec [OPTIONS]\n",
	OPTIONS_OF_START,
	1,
	run,
};
