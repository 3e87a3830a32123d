// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <event2/event.h>

#include "daemon/node.h"
#include "io/clock.h"
#include "io/command.h"
#include "io/timer.h"

enum { REGISTER_DEADLINE_MS = 20000 };

static struct timespec time_of_file(const struct node *node)
{
	struct stat status = { 0 };

	(void)stat(node->config->host_file, &status);
	return status.st_mtim;
}

/* From now on `port` is ours, as in our hellos. */
static int listen_on(struct node *node, uint16_t port)
{
	int error = gossip_net_listen(node->gossip, node->config->gossip_listen, port);

	if (error == 0)
		neighbours_set_gossip_port(node->neighbours, gossip_net_port(node->gossip));
	return error;
}

void attach_news(struct node *node)
{
	struct event event = { .kind = EVENT_NEIGHBOUR_UP };

	if (!node->attach.guest || node->attach.host == UINT32_MAX)
		return;
	event.neighbour_up.neighbour = node->attach.host;
	event.neighbour_up.host = true;
	node_step(node, &event);
}

static void on_registered(void *context, int status, const char *output, size_t size)
{
	(void)status;
	(void)output;
	(void)size;
	attach_news(context);
}

static void register_types(struct node *node)
{
	struct command_request request = {
		.arguments = { node->config->attach, "register" },
		.deadline_ms = REGISTER_DEADLINE_MS,
		.over = on_registered,
		.context = node,
	};

	if (clock_now_ms() < node->attach.register_ms)
		return;
	node->attach.register_ms = clock_now_ms() + ATTACH_REGISTER_MS;
	(void)command_run(node->base, &request);
}

static int become_guest(struct node *node)
{
	int error = listen_on(node, (uint16_t)(node->config->gossip_port + 1));

	if (error == -EADDRINUSE)
		error = listen_on(node, 0);
	node->attach.guest = true;
	node->attach.heard_ms = clock_now_ms();
	node->attach.host = neighbours_take(node->neighbours, "127.0.0.1");
	log_write(node->log, LOG_LEVEL_INFO, "attach",
		"guest of the shared-state on port %u of this machine", node->config->gossip_port);
	register_types(node);
	return error;
}

static int become_peer(struct node *node)
{
	int error = listen_on(node, node->config->gossip_port);

	if (error != 0)
		return error;
	node->attach.written = time_of_file(node);
	if (node->attach.guest)
		neighbours_drop(node->neighbours, node->attach.host);
	node->attach.guest = false;
	log_write(node->log, LOG_LEVEL_INFO, "attach", "the shared-state peer of this machine");
	return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct node *node = context;
	struct timespec written = time_of_file(node);

	(void)fd;
	(void)what;
	if (node->attach.guest) {
		if (clock_now_ms() >= node->attach.heard_ms + ATTACH_PATIENCE_MS)
			(void)become_peer(node);
	} else if (written.tv_sec != node->attach.written.tv_sec ||
		   written.tv_nsec != node->attach.written.tv_nsec) {
		(void)become_guest(node);
		node->attach.heard_ms += ATTACH_COMING_MS - ATTACH_PATIENCE_MS;
		attach_news(node);
	}
	timer_start(node->attach.timer, ATTACH_LOOK_MS);
}

int attach_open(struct node *node)
{
	/* Where such a daemon was started, it may be a moment behind us. */
	int error = time_of_file(node).tv_sec != 0 ? -EADDRINUSE : become_peer(node);

	if (error == -EADDRINUSE)
		error = become_guest(node);
	node->attach.timer = evtimer_new(node->base, on_timer, node);
	if (node->attach.timer == NULL || !timer_start(node->attach.timer, ATTACH_LOOK_MS))
		error = -ENOMEM;
	return error;
}

void attach_exchanged(struct node *node, uint32_t neighbour, bool ok)
{
	if (!node->attach.guest || neighbour != node->attach.host)
		return;
	if (ok)
		node->attach.heard_ms = clock_now_ms();
	else
		register_types(node);
}
