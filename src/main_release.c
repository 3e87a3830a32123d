// SPDX-License-Identifier: AGPL-3.0-or-later
/* `lockstep release …`, which `lockstep` runs from beside itself. */
#include <stdio.h>

#include <sodium.h>

#include "cli/commands.h"

int main(int argc, char **argv)
{
	struct options options;

	if (sodium_init() < 0) {
		fputs("lockstep: no randomness on this machine\n", stderr);
		return CLI_FAILED;
	}
	options_read(&options, &command_release, argc, argv);
	return command_release.run(&options);
}
