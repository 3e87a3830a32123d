// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/plan.h"

enum {
	SEEN_LATELY_MS = 660000, /* two of a quiet node's heartbeats, and a minute */
	FINDINGS_SIZE = 262144,
};

struct findings {
	bool as_json;
	unsigned count;
	struct text json;
};

static void find(struct findings *findings, const char *kind, const char *node, const char *what)
{
	findings->count++;
	if (!findings->as_json) {
		options_print_safe(node);
		fputs(": ", stdout);
		options_print_safe(what);
		puts("");
		return;
	}
	text_add_comma(&findings->json);
	text_add(&findings->json, "{");
	text_add_member_string(&findings->json, "kind", kind);
	text_add_member_string(&findings->json, "node", node);
	text_add_member_string(&findings->json, "message", what);
	text_add(&findings->json, "}");
}

static void look_at(
	struct findings *findings, struct json_object *node, const struct plan_release *release)
{
	const char *name = client_string(node, "name"), *state = client_string(node, "state");

	if (state[0] == '\0') {
		find(findings, "unreachable", name, "was never seen by this node");
		return;
	}
	if (client_u64(node, "seen_ms", UINT64_MAX) > SEEN_LATELY_MS)
		find(findings, "unreachable", name, "was not seen for more than ten minutes");
	if (client_u64(node, "slots", 0) != 2)
		find(findings, "no_way_back", name,
			"has one slot: it cannot go back to its old firmware");
	if (strcmp(state, "INTERNAL_ERROR") == 0 || strcmp(state, "DOWNLOAD_ERROR") == 0)
		find(findings, "error", name, client_string(node, "message"));
	if (release == NULL)
		return;
	if (!plan_has_board(release, client_string(node, "board")))
		find(findings, "no_image_for_board", name,
			"the release has no image for its board");
	if (client_u64(node, "release_sequence", 0) > release->manifest.sequence)
		find(findings, "downgrade", name, "runs a newer release already");
}

static int run(const struct options *options)
{
	struct findings findings = { .as_json = options->json };
	struct plan_release *release = NULL;
	struct json_object *mesh, *nodes;
	char *buffer = options_allocate(FINDINGS_SIZE);

	if (options->word_count > 0)
		release = plan_read_release(options->words[0]);
	mesh = client_get(options, "/v1/mesh");
	nodes = client_member(mesh, "nodes");
	text_init(&findings.json, buffer, FINDINGS_SIZE);
	text_add_format(&findings.json, "{\"nodes\":%zu,\"findings\":[", client_count(nodes));
	for (size_t i = 0; i < client_count(nodes); i++)
		look_at(&findings, client_at(nodes, i), release);
	if (options->json)
		printf("%s],\"not_known\":[\"slow_links\",\"cut_nodes\",\"download_time\"]}\n",
			buffer);
	else if (findings.count == 0)
		printf("%zu nodes, nothing to worry about as far as nodes can tell.\n"
		       "Not known in this version: slow links, nodes whose loss would cut the "
		       "mesh, the time of the download.\n",
			client_count(nodes));
	json_free(mesh);
	free(release);
	free(buffer);
	return findings.count == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_check = {
	"check",
	"look for what could go wrong before an upgrade",
	"check [DIR-or-URL] [--json] [--url http://HOST:PORT]\n"
	"\n"
	"Looks at the mesh before an upgrade: who was not seen lately, who cannot go back to the\n"
	"old firmware, who is in an error, and, if a release is given, which boards it has no\n"
	"image for and who runs a newer one.\n",
	OPTIONS_OF_CHECK,
	1,
	run,
};
