// SPDX-License-Identifier: AGPL-3.0-or-later
/* `lockstep release …` and `lockstep key …`, for which `lockstep` runs this program from beside
 * itself: argv[0] is the command's word. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cli/commands.h"

int main(int argc, char **argv)
{
	const struct command *command = argc > 0 && strcmp(argv[0], command_key.word) == 0
						? &command_key
						: &command_release;
	struct options options;

	if (sodium_init() < 0) {
		fputs("lockstep: no randomness on this machine\n", stderr);
		return CLI_FAILED;
	}
	options_read(&options, command, argc, argv);
	return command->run(&options);
}
