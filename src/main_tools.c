// SPDX-License-Identifier: AGPL-3.0-or-later
/* What operators and makers of releases do: commands of `lockstep`, which runs this program from
 * beside itself for them. argv[0] is the command's word then, as argv[1] is for who calls it by its
 * own name. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cli/commands.h"

static const struct command *const commands[] = {
	&command_check,
	&command_start,
	&command_schedule,
	&command_confirm,
	&command_abort,
	&command_release,
	&command_key,
};

static const struct command *find(const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(word, commands[i]->word) == 0)
			return commands[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command = argc > 0 ? find(argv[0]) : NULL;
	struct options options;

	if (command == NULL && argc > 1) {
		argv++;
		argc--;
		command = find(argv[0]);
	}
	if (command == NULL) {
		fputs("Usage: lockstep-tools check|start|schedule|confirm|abort|release|key …\n",
			stderr);
		return CLI_USAGE;
	}
	if (sodium_init() < 0) {
		fputs("lockstep: no randomness on this machine\n", stderr);
		return CLI_FAILED;
	}
	options_read(&options, command, argc, argv);
	return command->run(&options);
}
