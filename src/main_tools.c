// SPDX-License-Identifier: AGPL-3.0-or-later
/* `lockstep release …` and `lockstep key …`, for which `lockstep` runs this program from beside
 * itself: argv[0] is the command's word then, as argv[1] is for who calls it by its own name. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cli/commands.h"

static const struct command *find(const char *word)
{
	if (word != NULL && strcmp(word, command_key.word) == 0)
		return &command_key;
	return word != NULL && strcmp(word, command_release.word) == 0 ? &command_release : NULL;
}

int main(int argc, char **argv)
{
	const struct command *command = find(argv[0]);
	struct options options;

	if (command == NULL && argc > 1) {
		argv++;
		argc--;
		command = find(argv[0]);
	}
	if (command == NULL) {
		fputs("Usage: lockstep-tools release|key …\n", stderr);
		return CLI_USAGE;
	}
	if (sodium_init() < 0) {
		fputs("lockstep: no randomness on this machine\n", stderr);
		return CLI_FAILED;
	}
	options_read(&options, command, argc, argv);
	return command->run(&options);
}
