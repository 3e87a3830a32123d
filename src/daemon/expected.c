// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/expected.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/node.h"
#include "io/command.h"
#include "io/timer.h"

enum { DEADLINE_MS = 30000 };

static void on_over(void *context, int status, const char *output, size_t size)
{
	struct node *node = context;
	char *names;

	if (status != 0)
		return;
	/* A list that was cut ends within a name. */
	while (size > 0 && output[size - 1] != '\n' && output[size - 1] != ',')
		size--;
	names = strndup(output, size > 0 ? size - 1 : 0);
	if (names == NULL)
		return;
	free(node->expected);
	node->expected = names;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct node *node = context;
	struct command_request request = {
		.arguments = { node->config->expected, "--list" },
		.deadline_ms = DEADLINE_MS,
		.over = on_over,
		.context = node,
	};

	(void)fd;
	(void)what;
	(void)command_run(node->base, &request);
	timer_start(node->expected_timer, EXPECTED_MS);
}

bool expected_begin(struct node *node)
{
	if (node->config->expected[0] == '\0')
		return true;
	node->expected_timer = evtimer_new(node->base, on_timer, node);
	return node->expected_timer != NULL && timer_start(node->expected_timer, EXPECTED_FIRST_MS);
}
