// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/commands.h"

enum {
	WATCH_MS = 500,
	BAR_SIZE = 12,
	WIDTH_DEFAULT = 100,
};

struct screen {
	bool watch;
	bool terminal;
	bool unicode;
	int width;
};

static struct screen look_at_screen(bool watch)
{
	struct screen screen = { .watch = watch, .width = WIDTH_DEFAULT };
	struct winsize size;

	screen.terminal = isatty(STDOUT_FILENO) == 1;
	(void)setlocale(LC_CTYPE, "");
	screen.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		screen.width = size.ws_col;
	return screen;
}

static void print_bar(const struct screen *screen, uint64_t held, uint64_t total)
{
	uint64_t full = total > 0 ? held * BAR_SIZE / total : 0;

	for (uint64_t i = 0; i < BAR_SIZE; i++)
		fputs(i < full ? (screen->unicode ? "█" : "#") : (screen->unicode ? "░" : "."),
			stdout);
	printf(" %3u%%", (unsigned)(total > 0 ? held * 100 / total : 0));
}

static void print_seconds(const char *before, uint64_t ms)
{
	uint64_t seconds = (ms + 999) / 1000;

	if (seconds >= 3600)
		printf("%s%" PRIu64 " h %" PRIu64 " min", before, seconds / 3600,
			seconds / 60 % 60);
	else if (seconds >= 120)
		printf("%s%" PRIu64 " min", before, seconds / 60);
	else
		printf("%s%" PRIu64 " s", before, seconds);
}

static void print_waiting(struct json_object *upgrade)
{
	struct json_object *names = client_member(client_member(upgrade, "waiting"), "names");
	size_t count = client_count(names);

	if (count == 0)
		return;
	fputs("Waiting for ", stdout);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			fputs(i + 1 == count ? " and " : ", ", stdout);
		options_print_safe(client_text(client_at(names, i)));
	}
	fputs(".\n", stdout);
}

static void print_head(struct json_object *mesh)
{
	struct json_object *upgrade = client_member(mesh, "upgrade");
	uint64_t countdown = client_u64(upgrade, "countdown_ms", UINT64_MAX);
	uint64_t window = client_u64(upgrade, "window_remaining_ms", UINT64_MAX);

	printf("Mesh ");
	options_print_safe(client_string(mesh, "mesh"));
	printf(", seen from ");
	options_print_safe(client_string(mesh, "node"));
	puts("");
	if (upgrade == NULL || client_string(upgrade, "id")[0] == '\0') {
		puts("No upgrade is known.\n");
		return;
	}
	printf("Upgrade %s to ", client_string(upgrade, "id"));
	options_print_safe(client_string(upgrade, "version"));
	printf(": %s", client_string(upgrade, "phase"));
	if (client_u64(upgrade, "waves", 1) > 1)
		printf(", wave %" PRIu64 " of %" PRIu64, client_u64(upgrade, "wave", 0) + 1,
			client_u64(upgrade, "waves", 1));
	if (countdown != UINT64_MAX)
		print_seconds(", flash in ", countdown);
	if (window != UINT64_MAX)
		print_seconds(", to be confirmed within ", window);
	printf(" (%s, %" PRIu64 " %%, confirmed by %s)\n", client_string(upgrade, "policy"),
		client_u64(upgrade, "quorum", 100),
		strcmp(client_string(upgrade, "confirm"), "auto") == 0 ? "the mesh itself"
								       : "an operator");
	print_waiting(upgrade);
	puts("");
}

static size_t widest(struct json_object *nodes, const char *member, size_t least)
{
	for (size_t i = 0; i < client_count(nodes); i++) {
		size_t size = strlen(client_string(client_at(nodes, i), member));

		least = size > least ? size : least;
	}
	return least;
}

static void print_padded(const char *text, size_t width)
{
	options_print_safe(text);
	for (size_t i = strlen(text); i < width + 2; i++)
		putchar(' ');
}

static void print_row(const struct screen *screen, struct json_object *node, size_t name_width,
	size_t version_width, size_t board_width)
{
	uint64_t total = client_u64(node, "image_bytes", 0);
	uint64_t seen = client_u64(node, "seen_ms", UINT64_MAX);

	print_padded(client_string(node, "name"), name_width);
	if (client_string(node, "state")[0] == '\0') {
		puts("not seen by this node");
		return;
	}
	print_padded(client_string(node, "state"), strlen("CONFIRMATION_PENDING"));
	if (total > 0)
		print_bar(screen, client_u64(node, "held_bytes", 0), total);
	else
		printf("%*s", BAR_SIZE + 5, "");
	fputs("  ", stdout);
	print_padded(client_string(node, "version"), version_width);
	print_padded(client_string(node, "board"), board_width);
	if (client_u64(node, "slots", 2) == 1)
		fputs("no way back  ", stdout);
	if (seen != UINT64_MAX && seen > 60000)
		print_seconds("seen before ", seen);
	options_print_safe(client_string(node, "reason"));
	if (client_string(node, "message")[0] != '\0') {
		fputs(": ", stdout);
		options_print_safe(client_string(node, "message"));
	}
	puts("");
}

static void print_mesh(const struct screen *screen, struct json_object *mesh)
{
	struct json_object *nodes = client_member(mesh, "nodes");
	size_t name_width = widest(nodes, "name", 4);
	size_t version_width = widest(nodes, "version", 8), board_width = widest(nodes, "board", 5);

	if (screen->watch && screen->terminal)
		fputs("\033[H\033[J", stdout);
	print_head(mesh);
	print_padded("Node", name_width);
	print_padded("State", strlen("CONFIRMATION_PENDING"));
	printf("%-*s  ", BAR_SIZE + 5, "Image");
	print_padded("Firmware", version_width);
	print_padded("Board", board_width);
	puts("Note");
	for (size_t i = 0; i < client_count(nodes); i++)
		print_row(screen, client_at(nodes, i), name_width, version_width, board_width);
	(void)fflush(stdout);
}

static void print_once(const struct options *options, const struct screen *screen)
{
	struct json_object *mesh;

	if (options->json) {
		client_print(options, "/v1/mesh");
		return;
	}
	mesh = client_get(options, "/v1/mesh");
	print_mesh(screen, mesh);
	json_free(mesh);
}

static int run(const struct options *options)
{
	const struct timespec pause = { .tv_nsec = WATCH_MS * 1000000L };
	struct screen screen = look_at_screen(options->watch);

	print_once(options, &screen);
	while (options->watch) {
		(void)nanosleep(&pause, NULL);
		print_once(options, &screen);
	}
	return CLI_DONE;
}

const struct command command_status = {
	"status",
	"show the mesh at a glance; --watch follows it",
	"status [--watch] [--json] [--url http://HOST:PORT]\n"
	"\n"
	"Shows the mesh as this node sees it: the upgrade, its countdown, and a row for every\n"
	"node.\n"
	"  --watch  goes on until Ctrl-C and draws progress bars\n"
	"  --json   prints what the node answers (docs/api.md)\n",
	OPTIONS_OF_STATUS,
	0,
	run,
};
