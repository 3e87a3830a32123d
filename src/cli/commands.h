/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* The subcommands. argv[0] is the subcommand's own word. Each returns one of these. */
enum {
	CLI_DONE = 0,
	CLI_FAILED = 1, /* refused or failed; the reason is on stderr in one line */
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3, /* no daemon answers */
};

int status_main(int argc, char **argv);
int log_main(int argc, char **argv);
int check_main(int argc, char **argv);
int key_main(int argc, char **argv);
int release_main(int argc, char **argv);
int start_main(int argc, char **argv);
int schedule_main(int argc, char **argv);
int confirm_main(int argc, char **argv);
int abort_main(int argc, char **argv);

#endif
