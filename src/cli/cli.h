/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* The whole command line; returns the exit status (cli/commands.h). */
int cli_main(int argc, char **argv);

#endif
