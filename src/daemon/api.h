/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_API_H
#define DAEMON_API_H

/* The HTTP interface of docs/api.md, as one table. */
#include "daemon/node.h"

extern const struct http_route api_routes[];

/* Answers a posted order, if it is still waiting. */
void api_answer(struct node *node, const struct action *action);

#endif
