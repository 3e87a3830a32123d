/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_EXPECTED_H
#define DAEMON_EXPECTED_H

/*
 * The nodes that belong to the mesh, as its people have set them: what the program `expected` of
 * the configuration prints with the argument --list, names with commas between them. It is run at
 * the start and every EXPECTED_MS; if it fails, what was known before holds; if it prints nothing,
 * nobody is expected. Nothing here decides from it: operators see by it who is missing, and whom an
 * upgrade is for.
 */
#include <stdbool.h>

struct node;

enum { EXPECTED_MS = 600000, EXPECTED_FIRST_MS = 2000 };

/* False without memory. */
bool expected_begin(struct node *node);

#endif
