/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_NODE_H
#define DAEMON_NODE_H

/*
 * The heart of the daemon: one agent, and the world that it acts on. Performs actions in their
 * order, turns what comes of them into events, and decides nothing. Everything hangs on one event
 * loop.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "daemon/attach.h"
#include "daemon/config.h"
#include "daemon/gossip_net.h"
#include "daemon/history.h"
#include "daemon/images.h"
#include "daemon/log.h"
#include "daemon/offers.h"
#include "daemon/releases.h"
#include "daemon/trust.h"
#include "daemon/upload.h"
#include "flash/flasher.h"
#include "io/board.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "io/neighbours.h"

enum {
	NODE_TRIM_MS = 5000, /* memory that is free goes back so often, at most */
	NODE_HEALTH_HOOKS_MAX = 32,
	NODE_HISTORY_MS = 500, /* looks at what changed no sooner */
};

struct node {
	struct event_base *base;
	struct log *log;
	const struct config *config;
	const char *name; /* of this node */
	struct agent *agent;
	struct event *timer; /* the agent's own clock */
	bool changed;        /* those who watch are to be told */
	bool stepping;
	bool ending; /* a signal came */
	bool probed;

	struct neighbours *neighbours;
	struct gossip_net *gossip;
	struct http_server *server;
	struct http_client *client;
	struct images *images;
	struct releases *releases;
	struct offers offers;
	struct upload *upload; /* NULL if there is none */
	struct attach attach;
	struct event *expected_timer;
	char *expected; /* owned; names with commas between them, or NULL */
	struct history history;
	bool history_due;
	uint64_t history_looked_ms;
	uint64_t exchanges_ok, exchanges_failed;
	uint64_t started_ms;
	uint64_t trimmed_ms;

	/* Health hooks, one after the other */
	bool health_ok;
	uint32_t hook_count, hook_next;
	char hooks[NODE_HEALTH_HOOKS_MAX][LIMITS_NAME_SIZE + 1];
	char health_message[LIMITS_MESSAGE_SIZE + 1];

	/* The flasher: one verb at a time, others wait for their turn */
	struct flasher_answer probe;

	struct board board;
	struct keyring release_keys;
	struct trust_names release_names, operator_names;
	char url[LIMITS_ADDRESS_SIZE + 32]; /* of the neighbour that was asked for last */
	struct actions actions;
};

/* Sets everything up; false after having logged what is wrong: then the process must end, for
 * nothing is taken down again. */
__attribute__((warn_unused_result)) bool node_open(
	struct node *node, const struct config *config, struct log *log);

/* Runs until a signal ends it. */
void node_run(struct node *node);
void node_close(struct node *node);

/* One event in, and all its actions done. */
void node_step(struct node *node, const struct event *event);

/* The same once the present step is over, for events without pointers to what may not live so long.
 */
void node_step_later(struct node *node, const struct event *event);

/* Files in STATE, whole. What fails is logged; the caller frees what was read, NULL if there is
 * none. */
bool node_write_state(const struct node *node, const char *name, const void *bytes, size_t size);
char *node_read_state(const struct node *node, const char *name, size_t size_max, size_t *size);

/* A release directory on this machine: served from now on, also after a restart. NULL, and
 * `problem` says why, if it holds no release. */
const struct directory *node_add_directory(
	struct node *node, const char *path, char *problem, size_t capacity);

/* One that was opened: served from now on, until the node ends. */
void node_take_directory(struct node *node, struct directory *directory);

#endif
