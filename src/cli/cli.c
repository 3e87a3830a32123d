// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cli/commands.h"
#include "daemon/daemon.h"

static const struct {
	const char *word;
	int (*main)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "status", status_main, "show the mesh at a glance; --watch follows it" },
	{ "check", check_main, "look for what could go wrong before an upgrade" },
	{ "start", start_main, "open an upgrade to a release" },
	{ "schedule", schedule_main, "start the countdown to the flash" },
	{ "confirm", confirm_main, "keep the new firmware" },
	{ "abort", abort_main, "end the upgrade before the flash" },
	{ "log", log_main, "show what happened on a node" },
	{ "release", release_main, "create, sign, verify and show releases" },
	{ "key", key_main, "make and show keys" },
	{ "daemon", daemon_main, "run a node" },
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *stream)
{
	fputs("Usage: lockstep COMMAND [OPTIONS]\n\n"
	      "Upgrades the firmware of a whole mesh as one act.\n\n",
		stream);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(stream, "  %-9s %s\n", commands[i].word, commands[i].help);
	fputs("\n`lockstep COMMAND --help` tells more. Commands talk to the node on this machine, "
	      "or to\n"
	      "another one with --url http://HOST:PORT.\n",
		stream);
}

/* How many of the first letters agree. */
static size_t likeness(const char *a, const char *b)
{
	size_t same = 0;

	while (a[same] != '\0' && a[same] == b[same])
		same++;
	return same;
}

static int unknown(const char *word)
{
	const char *nearest = NULL;
	size_t best = 0;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (likeness(word, commands[i].word) > best) {
			best = likeness(word, commands[i].word);
			nearest = commands[i].word;
		}
	}
	fprintf(stderr, "lockstep: there is no command %s", word);
	if (nearest != NULL)
		fprintf(stderr, "; did you mean %s?", nearest);
	fputs(" See lockstep --help.\n", stderr);
	return CLI_USAGE;
}

int cli_main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	bool help = strcmp(word, "--help") == 0 || strcmp(word, "help") == 0;
	char help_option[] = "--help";

	if (sodium_init() < 0) {
		fputs("lockstep: no randomness on this machine\n", stderr);
		return CLI_FAILED;
	}
	if (strcmp(word, "--version") == 0) {
		puts("lockstep " LOCKSTEP_VERSION);
		return CLI_DONE;
	}
	if (help && argc < 3) {
		print_usage(argc > 1 ? stdout : stderr);
		return argc > 1 ? CLI_DONE : CLI_USAGE;
	}
	if (help)
		word = argv[2];
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		char *help_argv[] = { argv[0], help_option, NULL };

		if (strcmp(word, commands[i].word) != 0)
			continue;
		return help ? commands[i].main(2, help_argv) : commands[i].main(argc - 1, argv + 1);
	}
	return unknown(word);
}
