// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/health.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/text.h"
#include "io/command.h"
#include "io/files.h"

enum {
	HOOK_DEADLINE_MS = 30000,
};

void health_remember_gateway(struct node *node)
{
	char path[FILES_PATH_SIZE + 1];
	bool known, has = board_has_gateway("");

	if (!files_join(path, node->config->state_directory, "gateway"))
		return;
	known = access(path, F_OK) == 0;
	if (has && !known && files_write(path, "", 0, 0600) != 0)
		log_write(node->log, LOG_LEVEL_WARNING, "health",
			"%s could not be written; a lost gateway will not be noticed", path);
	if (!has && known)
		(void)unlink(path);
}

static bool gateway_is_fine(const struct node *node)
{
	char path[FILES_PATH_SIZE + 1];

	return !files_join(path, node->config->state_directory, "gateway") ||
	       access(path, F_OK) != 0 || board_has_gateway("");
}

static void finish(struct node *node)
{
	struct event event = { .kind = EVENT_HEALTH };

	node->health_running = false;
	event.health.ok = node->health_ok;
	event.health.gateway_ok = gateway_is_fine(node);
	text_set(event.health.message, sizeof(event.health.message), node->health_message);
	node_step(node, &event);
}

static void run_next(struct node *node);

static void on_over(void *context, int status, const char *output, size_t size)
{
	struct node *node = context;

	(void)output;
	(void)size;
	if (status != 0) {
		node->health_ok = false;
		snprintf(node->health_message, sizeof(node->health_message),
			"health.d/%s ended with status %d", node->hooks[node->hook_next - 1],
			status);
	}
	run_next(node);
}

/* Runs the next hook, or tells the outcome. Called from the loop only. */
static void run_next(struct node *node)
{
	char directory[FILES_PATH_SIZE + 1], path[FILES_PATH_SIZE + 1];
	struct command_request request = {
		.arguments = { path },
		.deadline_ms = HOOK_DEADLINE_MS,
		.over = on_over,
		.context = node,
	};

	if (!node->health_ok || node->hook_next == node->hook_count) {
		finish(node);
		return;
	}
	if (files_join(directory, node->config->config_directory, "health.d") &&
		files_join(path, directory, node->hooks[node->hook_next++]) &&
		command_run(node->base, &request) != NULL)
		return;
	node->health_ok = false;
	text_set(node->health_message, sizeof(node->health_message),
		"a health hook could not be run");
	finish(node);
}

static void add_hook(void *context, const char *name)
{
	struct node *node = context;

	if (node->hook_count < NODE_HEALTH_HOOKS_MAX && text_is_name(name))
		text_set(node->hooks[node->hook_count++], LIMITS_NAME_SIZE + 1, name);
}

static void on_begin(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	run_next(context);
}

void health_run(struct node *node)
{
	char directory[FILES_PATH_SIZE + 1];
	const struct timeval now = { 0 };

	node->health_running = true;
	node->health_ok = true;
	node->health_message[0] = '\0';
	node->hook_count = 0;
	node->hook_next = 0;
	/* No such directory: no hooks. */
	if (files_join(directory, node->config->config_directory, "health.d") &&
		files_list(directory, "", NODE_HEALTH_HOOKS_MAX, add_hook, node) != 0)
		node->hook_count = 0;
	(void)event_base_once(node->base, -1, EV_TIMEOUT, on_begin, node, &now);
}
