// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/cli.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "cli/commands.h"
#include "daemon/daemon.h"

static int run_daemon(const struct options *options)
{
	return daemon_run(options->config, options->syslog, options->debug) ? CLI_DONE : CLI_FAILED;
}

const struct command command_daemon = {
	"daemon",
	"daemon [--config FILE] [--syslog] [--debug]\n",
	OPTIONS_OF_DAEMON,
	0,
	run_daemon,
};

/* What an operator does is in a program of its own, lockstep-tools: on routers the page does it, in
 * the browser that shows it. */
static const struct listed {
	const char *word;
	const char *help;
	const struct command *command; /* NULL: lockstep-tools has it */
} commands[] = {
	{ "status", "show the mesh at a glance; --watch follows it", &command_status },
	{ "check", "look for what could go wrong before an upgrade", NULL },
	{ "start", "open an upgrade to a release", NULL },
	{ "schedule", "start the countdown to the flash", NULL },
	{ "confirm", "keep the new firmware", NULL },
	{ "abort", "end the upgrade before the flash", NULL },
	{ "log", "show what happened on a node", &command_log },
	{ "release", "create, sign, verify and show releases", NULL },
	{ "key", "make and show keys", NULL },
	{ "daemon", "run a node", &command_daemon },
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

/* Returns only if it is not installed. */
static int run_elsewhere(char **argv)
{
	char program[PATH_MAX + sizeof("-tools")] = "";

	if (realpath("/proc/self/exe", program) != NULL) {
		strcat(program, "-tools");
		(void)execv(program, argv);
	}
	fputs("lockstep: this needs the program lockstep-tools, which is not here. "
	      "Please install it, or use the page of any router: http://ROUTER:8430/\n",
		stderr);
	return CLI_FAILED;
}

static int print_usage(FILE *stream, int status)
{
	fputs("Usage: lockstep COMMAND [OPTIONS]\n\n"
	      "Upgrades the firmware of a whole mesh as one act.\n\n",
		stream);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(stream, "  %-9s %s\n", commands[i].word, commands[i].help);
	fputs("\n`lockstep COMMAND --help` tells more. Commands talk to the node on this machine,\n"
	      "or to another one with --url http://HOST:PORT.\n",
		stream);
	return status;
}

/* How many of the first letters agree. The terminator is one, for a whole word is nearer than any
 * other. */
static size_t likeness(const char *a, const char *b)
{
	size_t same = 0;

	while (a[same] == b[same] && a[same] != '\0')
		same++;
	return same + (a[same] == b[same]);
}

/* The command of this name, or the one that comes nearest; NULL if nothing does. */
static const struct listed *find(const char *word)
{
	const struct listed *nearest = NULL;
	size_t best = 0;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t same = likeness(word, commands[i].word);

		if (same > best) {
			best = same;
			nearest = &commands[i];
		}
	}
	return nearest;
}

int cli_main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	bool help = strcmp(word, "help") == 0;
	const struct listed *listed;
	struct options options;

	if (sodium_init() < 0) {
		fputs("lockstep: no randomness on this machine\n", stderr);
		return CLI_FAILED;
	}
	if (strcmp(word, "--version") == 0) {
		fputs("lockstep " LOCKSTEP_VERSION "\n", stdout);
		return CLI_DONE;
	}
	if (argc < 2)
		return print_usage(stderr, CLI_USAGE);
	if (strcmp(word, "--help") == 0 || (help && argc == 2))
		return print_usage(stdout, CLI_DONE);
	if (help)
		word = argv[2];
	listed = find(word);
	if (listed == NULL || strcmp(listed->word, word) != 0) {
		fprintf(stderr, "lockstep: there is no command %s", word);
		if (listed != NULL)
			fprintf(stderr, "; did you mean %s?", listed->word);
		fputs(" See lockstep --help.\n", stderr);
		return CLI_USAGE;
	}
	if (listed->command == NULL) {
		static char to_help[] = "--help";

		argv[1] = argv[help ? 2 : 1];
		argv[2] = help ? to_help : argv[2];
		return run_elsewhere(argv + 1);
	}
	if (help) {
		options_help(listed->command);
		return CLI_DONE;
	}
	options_read(&options, listed->command, argc - 1, argv + 1);
	return listed->command->run(&options);
}
