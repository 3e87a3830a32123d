// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/commands.h"

enum {
	WATCH_MS = 500,
	BAR_SIZE = 12,
	IMAGE_WIDTH = BAR_SIZE + 5,
	STATE_WIDTH = sizeof("CONFIRMATION_PENDING") - 1,
};

struct table {
	size_t name_width, version_width, board_width;
};

static void print_bar(uint64_t held, uint64_t total)
{
	for (uint64_t i = 0; i < BAR_SIZE; i++)
		fputs(i < held * BAR_SIZE / total ? "#" : ".", stdout);
	printf(" %3u%%", (unsigned)(held * 100 / total));
}

static void print_seconds(const char *before, uint64_t ms)
{
	uint64_t seconds = (ms + 999) / 1000, minutes = seconds / 60;

	if (minutes >= 60)
		printf("%s%" PRIu64 " h %" PRIu64 " min", before, minutes / 60, minutes % 60);
	else
		printf("%s%" PRIu64 " %s", before, minutes >= 2 ? minutes : seconds,
			minutes >= 2 ? "min" : "s");
}

static void print_member(const char *before, struct json_object *object, const char *member)
{
	fputs(before, stdout);
	options_print_safe(client_string(object, member));
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
	uint64_t waves = client_u64(upgrade, "waves", 1);

	print_member("Mesh ", mesh, "mesh");
	print_member(", seen from ", mesh, "node");
	if (client_string(upgrade, "id")[0] == '\0') {
		fputs("\nNo upgrade is known.\n\n", stdout);
		return;
	}
	print_member("\nUpgrade ", upgrade, "id");
	print_member(" to ", upgrade, "version");
	print_member(": ", upgrade, "phase");
	if (waves > 1)
		printf(", wave %" PRIu64 " of %" PRIu64, client_u64(upgrade, "wave", 0) + 1, waves);
	if (countdown != UINT64_MAX)
		print_seconds(", flash in ", countdown);
	if (window != UINT64_MAX)
		print_seconds(", to be confirmed within ", window);
	print_member(" (", upgrade, "policy");
	printf(", %" PRIu64 " %%, confirmed by %s)\n", client_u64(upgrade, "quorum", 100),
		strcmp(client_string(upgrade, "confirm"), "auto") == 0 ? "the mesh itself"
								       : "an operator");
	print_waiting(upgrade);
	fputs("\n", stdout);
}

static size_t widest(struct json_object *nodes, const char *member, const char *title)
{
	size_t width = strlen(title);
	struct json_object *node;

	for (size_t i = 0; (node = client_at(nodes, i)) != NULL; i++) {
		size_t size = strlen(client_string(node, member));

		width = size > width ? size : width;
	}
	return width;
}

static void print_cell(struct json_object *node, const char *member, size_t width)
{
	print_member("", node, member);
	for (size_t i = strlen(client_string(node, member)); i < width + 2; i++)
		fputs(" ", stdout);
}

static void print_row(const struct table *table, struct json_object *node)
{
	uint64_t total = client_u64(node, "image_bytes", 0);
	uint64_t seen = client_u64(node, "seen_ms", 0);

	print_cell(node, "name", table->name_width);
	if (client_string(node, "state")[0] == '\0') {
		fputs("not seen by this node\n", stdout);
		return;
	}
	print_cell(node, "state", STATE_WIDTH);
	if (total > 0)
		print_bar(client_u64(node, "held_bytes", 0), total);
	else
		printf("%*s", IMAGE_WIDTH, "");
	printf("  ");
	print_cell(node, "version", table->version_width);
	print_cell(node, "board", table->board_width);
	if (client_u64(node, "slots", 2) == 1)
		printf("no way back  ");
	if (seen > 60000)
		print_seconds("seen before ", seen);
	print_member("", node, "reason");
	if (client_string(node, "message")[0] != '\0')
		print_member(": ", node, "message");
	fputs("\n", stdout);
}

static void print_mesh(struct table *table, struct json_object *mesh)
{
	struct json_object *nodes = client_member(mesh, "nodes"), *node;

	table->name_width = widest(nodes, "name", "Node");
	table->version_width = widest(nodes, "version", "Firmware");
	table->board_width = widest(nodes, "board", "Board");
	print_head(mesh);
	printf("%-*s  %-*s  %-*s  %-*s  %-*s  Note\n", (int)table->name_width, "Node", STATE_WIDTH,
		"State", IMAGE_WIDTH, "Image", (int)table->version_width, "Firmware",
		(int)table->board_width, "Board");
	for (size_t i = 0; (node = client_at(nodes, i)) != NULL; i++)
		print_row(table, node);
}

static void print_once(const struct options *options, struct table *table)
{
	struct json_object *mesh = client_look(options, "/v1/mesh");
	struct termios terminal;

	if (mesh == NULL)
		return;
	if (options->watch && tcgetattr(STDOUT_FILENO, &terminal) == 0)
		printf("\033[H\033[J");
	print_mesh(table, mesh);
	json_free(mesh);
}

static int run(const struct options *options)
{
	const struct timespec pause = { .tv_nsec = WATCH_MS * 1000000L };
	struct table table;

	print_once(options, &table);
	while (options->watch) {
		(void)fflush(stdout);
		(void)nanosleep(&pause, NULL);
		print_once(options, &table);
	}
	return CLI_DONE;
}

const struct command command_status = {
	"status",
	"status [--watch] [--json] [--url http://HOST:PORT]\n",
	OPTIONS_OF_STATUS,
	0,
	run,
};
