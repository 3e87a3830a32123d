// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/plan.h"

static const char usage[] = "Usage: lockstep check [DIR-or-URL] [--json] [--url http://HOST:PORT]\n"
			    "\n"
			    "Looks at the mesh before an upgrade: who was not seen lately, who "
			    "cannot go back to the old\n"
			    "firmware, who is in an error, and, if a release is given, which "
			    "boards it has no image for.\n"
			    "Slow links, nodes whose loss would cut the mesh, and the time of the "
			    "download are not known\n"
			    "yet: nodes do not measure their links in this version.\n";

enum {
	SEEN_LATELY_MS = 660000, /* two of a quiet node's heartbeats, and a minute */
};

struct findings {
	struct text json;
	char buffer[65536];
	unsigned count;
};

static void find(struct findings *findings, const struct options *options, const char *kind,
	const char *node, const char *what)
{
	findings->count++;
	if (!options->json) {
		options_print_safe(node);
		fputs(": ", stdout);
		options_print_safe(what);
		puts("");
	}
	text_add_comma(&findings->json);
	text_add(&findings->json, "{");
	text_add_member_string(&findings->json, "kind", kind);
	text_add_member_string(&findings->json, "node", node);
	text_add_member_string(&findings->json, "message", what);
	text_add(&findings->json, "}");
}

static void look_at(struct findings *findings, const struct options *options,
	struct json_object *node, const struct plan_release *release)
{
	const char *name = client_string(node, "name"), *state = client_string(node, "state");
	uint64_t seen_ms = client_u64(node, "seen_ms", UINT64_MAX);

	if (state[0] == '\0') {
		find(findings, options, "unreachable", name, "was never seen by this node");
		return;
	}
	if (seen_ms > SEEN_LATELY_MS)
		find(findings, options, "unreachable", name,
			"was not seen for more than ten minutes");
	if (client_u64(node, "slots", 0) != 2)
		find(findings, options, "no_way_back", name,
			"has one slot: it cannot go back to its old firmware");
	if (strcmp(state, "INTERNAL_ERROR") == 0 || strcmp(state, "DOWNLOAD_ERROR") == 0)
		find(findings, options, "error", name, client_string(node, "message"));
	if (release != NULL && !plan_has_board(release, client_string(node, "board")))
		find(findings, options, "no_image_for_board", name,
			"the release has no image for its board");
	if (release != NULL && client_u64(node, "release_sequence", 0) > release->manifest.sequence)
		find(findings, options, "downgrade", name, "runs a newer release already");
}

int check_main(int argc, char **argv)
{
	static struct findings findings;
	static struct plan_release release;
	const char *option, *place = NULL;
	struct json_object *mesh, *nodes;
	struct options options;
	int status;

	options_init(&options, usage, argc, argv);
	while (options_next(&options, &option, &status)) {
		if (option[0] == '-' || place != NULL)
			return options_wrong(&options, "does not know", option);
		place = option;
	}
	if (status >= 0)
		return status;
	if (place != NULL) {
		status = plan_read_release(&release, &options, place);
		if (status != CLI_DONE)
			return status;
	}
	mesh = client_get(&options, "/v1/mesh", &status);
	if (mesh == NULL)
		return status;
	nodes = client_member(mesh, "nodes");
	text_init(&findings.json, findings.buffer, sizeof(findings.buffer));
	text_add(&findings.json, "[");
	for (size_t i = 0; i < client_count(nodes); i++)
		look_at(&findings, &options, client_at(nodes, i), place != NULL ? &release : NULL);
	if (options.json)
		printf("{\"nodes\":%zu,\"findings\":%s],\"not_known\":[\"slow_links\",\"cut_"
		       "nodes\","
		       "\"download_time\"]}\n",
			client_count(nodes), findings.buffer);
	else if (findings.count == 0)
		printf("%zu nodes, nothing to worry about as far as nodes can tell.\n"
		       "Not known in this version: slow links, nodes whose loss would cut the "
		       "mesh, "
		       "the time of the download.\n",
			client_count(nodes));
	json_free(mesh);
	plan_free_release(&release);
	return findings.count == 0 ? CLI_DONE : CLI_FAILED;
}
