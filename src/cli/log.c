// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdio.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/commands.h"

static int run(const struct options *options)
{
	struct json_object *answer = client_look(options, "/v1/log");
	struct json_object *entries = client_member(answer, "entries"), *entry;

	for (size_t i = 0; (entry = client_at(entries, i)) != NULL; i++) {
		char line[1024];

		snprintf(line, sizeof(line), "%s %-7s %s: %s", client_string(entry, "time"),
			client_string(entry, "level"), client_string(entry, "code"),
			client_string(entry, "text"));
		options_print_safe(line);
		fputs("\n", stdout);
	}
	json_free(answer);
	return CLI_DONE;
}

const struct command command_log = {
	"log",
	"log [--json] [--url http://HOST:PORT]\n",
	OPTIONS_OF_LOG,
	0,
	run,
};
