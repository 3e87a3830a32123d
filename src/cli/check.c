// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/plan.h"
#include "core/record.h"
#include "core/topology.h"

enum {
	SEEN_LATELY_MS = 660000, /* two of a quiet node's heartbeats, and a minute */
	SLOW_KBIT = 1000,        /* an image of 8 MiB takes more than a minute */
	FINDINGS_SIZE = 262144,
};

struct check {
	const struct options *options;
	const struct plan_release *release; /* NULL if none was given */
	struct json_object *nodes;          /* a list, sorted by name */
	uint32_t here;                      /* the node that was asked */
	uint32_t image;                     /* topology_carry(): whose nodes are asked for */
	unsigned problems;
	struct topology topology;
	struct text json;
};

static const char *name_of(const struct check *check, uint32_t number)
{
	return client_string(client_at(check->nodes, number), "name");
}

/* A problem should be mended before an upgrade; a note is good to know. */
static void find(
	struct check *check, bool problem, const char *kind, const char *node, const char *what)
{
	check->problems += problem;
	if (!check->options->json) {
		options_print_safe(node);
		fputs(": ", stdout);
		options_print_safe(what);
		fputs("\n", stdout);
		return;
	}
	text_begin_object(&check->json);
	text_add_member_string(&check->json, "kind", kind);
	text_add_member_string(&check->json, "node", node);
	text_add_member_bool(&check->json, "problem", problem);
	text_add_member_string(&check->json, "message", what);
	text_end_object(&check->json);
}

/* ---- node by node ---- */

static void look_at(struct check *check, struct json_object *node)
{
	const char *name = client_string(node, "name"), *state = client_string(node, "state");
	const struct plan_release *release = check->release;

	if (state[0] == '\0') {
		find(check, true, "unreachable", name, "was never seen by this node");
		return;
	}
	if (client_u64(node, "seen_ms", UINT64_MAX) > SEEN_LATELY_MS)
		find(check, true, "unreachable", name, "was not seen for more than ten minutes");
	if (client_u64(node, "slots", 0) != 2)
		find(check, true, "no_way_back", name,
			"has one slot: it cannot go back to its old firmware");
	if (strcmp(state, "INTERNAL_ERROR") == 0 || strcmp(state, "DOWNLOAD_ERROR") == 0)
		find(check, true, "error", name, client_string(node, "message"));
	if (release == NULL)
		return;
	if (plan_find_image(release, client_string(node, "board")) == UINT32_MAX)
		find(check, true, "no_image_for_board", name,
			"the release has no image for its board");
	if (client_u64(node, "release_sequence", 0) > release->manifest.sequence)
		find(check, true, "downgrade", name, "runs a newer release already");
}

/* ---- the links between them ---- */

static uint32_t find_node(const struct check *check, const char *name)
{
	for (uint32_t i = 0; i < check->topology.node_count; i++) {
		if (strcmp(name_of(check, i), name) == 0)
			return i;
	}
	return UINT32_MAX;
}

static void read_topology(struct check *check)
{
	struct topology *topology = &check->topology;

	topology->node_count = (uint32_t)client_count(check->nodes);
	topology->link_capacity = topology->node_count * LIMITS_NEIGHBOURS_MAX;
	topology->links =
		options_allocate((topology->link_capacity + 1) * sizeof(*topology->links));
	topology->nodes = options_allocate((topology->node_count + 1) * sizeof(*topology->nodes));
	for (uint32_t i = 0; i < topology->node_count; i++) {
		struct json_object *node = client_at(check->nodes, i);
		struct json_object *links = client_member(node, "links");

		if (client_bool(node, "here"))
			check->here = i;
		if (!json_object_is_type(links, json_type_object))
			continue;
		json_object_object_foreach(links, peer, kbit)
		{
			(void)kbit;
			topology_add_link(topology, i, find_node(check, peer),
				(uint32_t)client_u64(links, peer, 0));
		}
	}
}

/* Against the mesh's reference state, if there is one. */
static void compare_expected(struct check *check)
{
	struct json_object *answer = client_get(check->options, "/v1/expected"), *expected, *name;
	bool *known = options_allocate(check->topology.node_count + 1);

	expected = client_member(answer, "nodes");
	for (size_t i = 0; (name = client_at(expected, i)) != NULL; i++) {
		uint32_t number = find_node(check, client_text(name));

		if (number != UINT32_MAX)
			known[number] = true;
		else
			find(check, true, "missing", client_text(name),
				"belongs to the mesh and was not seen");
	}
	for (uint32_t i = 0; client_count(expected) > 0 && i < check->topology.node_count; i++) {
		if (!known[i])
			find(check, false, "extra", name_of(check, i),
				"is not in the mesh's reference state: it takes part only if it is "
				"named");
	}
	free(known);
	json_free(answer);
}

static void look_at_links(struct check *check)
{
	struct topology *topology = &check->topology;
	char what[LIMITS_NAME_SIZE + 64];

	for (uint32_t i = 0; i < topology->link_count; i++) {
		const struct topology_link *link = &topology->links[i];

		if (link->kbit >= SLOW_KBIT)
			continue;
		snprintf(what, sizeof(what), "its link to %s is slow: %" PRIu32 " kbit/s",
			name_of(check, link->b), link->kbit);
		find(check, false, "slow_link", name_of(check, link->a), what);
	}
	for (uint32_t i = 0; i < topology->node_count; i++) {
		uint32_t lost = topology_count_cut_off(topology, check->here, i);

		if (lost == 0)
			continue;
		snprintf(what, sizeof(what), "its loss would cut off %" PRIu32 " more node%s", lost,
			lost == 1 ? "" : "s");
		find(check, false, "cut_node", name_of(check, i), what);
	}
}

/* ---- how long the images take ---- */

static bool wants(const void *context, uint32_t number)
{
	const struct check *check = context;
	struct json_object *node = client_at(check->nodes, number);

	return plan_find_image(check->release, client_string(node, "board")) == check->image;
}

/* In seconds; `unmeasured` nodes hang on links that nobody has measured yet. */
static uint64_t foresee(struct check *check, uint32_t *unmeasured)
{
	*unmeasured = 0;
	topology_begin_spread(&check->topology, check->here);
	for (check->image = 0; check->image < check->release->manifest.image_count; check->image++)
		*unmeasured += topology_carry(&check->topology, check->here,
			check->release->image_sizes[check->image], wants, check);
	return topology_duration_ms(&check->topology) / 1000 + 1;
}

static void conclude(struct check *check)
{
	uint32_t unmeasured = 0;
	uint64_t download_s = 0;

	if (check->release != NULL && check->topology.node_count > 0)
		download_s = foresee(check, &unmeasured);
	if (check->options->json) {
		printf("{\"nodes\":%" PRIu32 ",\"links\":%" PRIu32 ",\"download_s\":%" PRIu64
		       ",\"unmeasured\":%" PRIu32 ",\"findings\":[",
			check->topology.node_count, check->topology.link_count, download_s,
			unmeasured);
		options_print_safe(check->json.buffer);
		fputs("]}\n", stdout);
		return;
	}
	if (check->release != NULL)
		printf("The images should reach everybody in about %" PRIu64 " s.\n", download_s);
	if (unmeasured > 0)
		printf("That leaves out %" PRIu32
		       " nodes: their links are not measured yet; ask again in a minute.\n",
			unmeasured);
	if (check->problems == 0)
		printf("%" PRIu32 " nodes, %" PRIu32 " links: nothing stands in the way.\n",
			check->topology.node_count, check->topology.link_count);
}

static int run(const struct options *options)
{
	struct check check = { .options = options };
	struct plan_release *release = NULL;
	struct json_object *mesh;

	if (options->word_count > 0)
		release = plan_read_release(options->words[0]);
	mesh = client_get(options, "/v1/mesh");
	check.release = release;
	check.nodes = client_member(mesh, "nodes");
	text_init(&check.json, options_allocate(FINDINGS_SIZE), FINDINGS_SIZE);
	for (size_t i = 0; i < client_count(check.nodes); i++)
		look_at(&check, client_at(check.nodes, i));
	read_topology(&check);
	compare_expected(&check);
	look_at_links(&check);
	conclude(&check);
	return check.problems == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_check = {
	"check",
	"check [DIR-or-URL] [--json] [--url http://HOST:PORT]\n",
	OPTIONS_OF_CHECK,
	1,
	run,
};
