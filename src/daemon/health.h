/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_HEALTH_H
#define DAEMON_HEALTH_H

/* Is the node well on its new firmware? The executables of CONFIG/health.d say so, and the gateway.
 */
#include "daemon/node.h"

/* Before the flash: was there a gateway? Kept in STATE/gateway, which is written only when the
 * answer changed. */
void health_remember_gateway(struct node *node);

/* Performs ACTION_HEALTH: hooks one by one, sorted by name, until one says no. */
void health_run(struct node *node);

#endif
