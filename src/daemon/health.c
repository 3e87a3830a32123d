// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/health.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "io/command.h"
#include "io/files.h"

enum {
	HOOK_DEADLINE_MS = 30000,
};

/* Is there STATE/gateway? `path` is where: it fits, for node.sec does, or this node would not run.
 */
static bool gateway_was_there(const struct node *node, char path[FILES_PATH_SIZE + 1])
{
	struct stat status;

	return files_join(path, node->config->state_directory, "gateway") &&
	       lstat(path, &status) == 0;
}

void health_remember_gateway(struct node *node)
{
	char path[FILES_PATH_SIZE + 1];
	bool was_there = gateway_was_there(node, path), has = board_has_gateway("");

	if (has && !was_there && files_write(path, "", 0, 0600) != 0)
		log_write(node->log, LOG_LEVEL_WARNING, "health",
			"%s could not be written; a lost gateway will not be noticed", path);
	if (!has && was_there)
		(void)unlink(path);
}

static void finish(struct node *node)
{
	char path[FILES_PATH_SIZE + 1];
	struct event event = { .kind = EVENT_HEALTH };

	event.health.ok = node->health_ok;
	event.health.gateway_ok = !gateway_was_there(node, path) || board_has_gateway("");
	text_set(event.health.message, sizeof(event.health.message), node->health_message);
	node_step_later(node, &event);
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

/* Runs the next hook, or tells the outcome. */
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

void health_run(struct node *node)
{
	char directory[FILES_PATH_SIZE + 1];

	node->health_ok = true;
	node->health_message[0] = '\0';
	node->hook_count = 0;
	node->hook_next = 0;
	/* No such directory: no hooks. */
	if (files_join(directory, node->config->config_directory, "health.d") &&
		files_list(directory, "", NODE_HEALTH_HOOKS_MAX, add_hook, node) != 0)
		node->hook_count = 0;
	run_next(node);
}
