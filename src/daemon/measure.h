/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_MEASURE_H
#define DAEMON_MEASURE_H

/* How fast do bytes come from a neighbour? It sends MEASURE_SIZE of them, and we look at the clock.
 */
#include "daemon/node.h"

enum {
	MEASURE_SIZE =
		65536, /* long enough for a radio to get going, short enough to go unnoticed */
	MEASURE_FETCH_GROUP = 3, /* of the HTTP client's groups */
};

/* Performs ACTION_MEASURE. `base` is the neighbour's http://HOST:PORT; NULL if it is gone. */
void measure_run(struct node *node, const struct action *action, const char *base);

#endif
