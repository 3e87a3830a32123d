// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/commands.h"

static const char usage[] = "Usage: lockstep log [--json] [--url http://HOST:PORT]\n"
			    "\n"
			    "Shows what happened on a node: orders accepted and refused, who "
			    "signed them, changes of state.\n";

int log_main(int argc, char **argv)
{
	struct json_object *answer, *entries;
	struct options options;
	const char *option;
	int status;

	options_init(&options, usage, argc, argv);
	if (options_next(&options, &option, &status))
		return options_wrong(&options, "does not know", option);
	if (status >= 0)
		return status;
	if (options.json) {
		struct client_answer raw = client_ask(&options, "/v1/log", NULL, 0);

		if (raw.bytes != NULL)
			puts(raw.bytes);
		client_forget(&raw);
		return raw.status;
	}
	answer = client_get(&options, "/v1/log", &status);
	entries = client_member(answer, "entries");
	for (size_t i = 0; i < client_count(entries); i++) {
		struct json_object *entry = client_at(entries, i);

		printf("%s %-7s %s: ", client_string(entry, "time"), client_string(entry, "level"),
			client_string(entry, "code"));
		options_print_safe(client_string(entry, "text"));
		puts("");
	}
	json_free(answer);
	return status;
}
