/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_MESH_H
#define LIMEAPP_MESH_H

/* What the daemon of this node says (docs/api.md). */
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "core/state.h"
#include "limeapp/settings.h"

struct json_object;

/* This node. */
struct mesh_node {
	enum node_state state;
	bool flashed;
	uint64_t release_sequence;
	char upgrade[17]; /* that it takes part in */
	char address[LIMITS_ADDRESS_SIZE + 1];
	char board[LIMITS_BOARD_SIZE + 1];
	char version[LIMITS_VERSION_SIZE + 1];
};

struct mesh {
	struct mesh_node here;
	char name[LIMITS_NAME_SIZE + 1];
	char upgrade[17]; /* "": none is known */
	char version[LIMITS_VERSION_SIZE + 1];
	uint64_t confirm_window_s;
	struct json_object *object;
};

/* A document of the daemon as one JSON object, which the caller gives to json_free(); NULL if the
 * daemon does not answer. */
struct json_object *mesh_ask(const struct settings *settings, const char *path, uint64_t end_ms);

/* False if the daemon does not answer. */
bool mesh_look(struct mesh_node *here, const struct settings *settings, uint64_t end_ms);
bool mesh_read(struct mesh *mesh, const struct settings *settings, uint64_t end_ms);
void mesh_free(struct mesh *mesh);

/* Is anybody, as far as this node has heard lately? */
bool mesh_is_anybody_busy(const struct mesh *mesh);
/* How many participants in this state have a name before ours. */
uint32_t mesh_rank(const struct mesh *mesh, enum node_state state);
/* Whom the next step waits for: "node3, node7", "" for nobody. */
void mesh_missing(const struct mesh *mesh, struct text *names);
/* All nodes that were seen lately, with commas between. */
void mesh_list_seen(const struct mesh *mesh, struct text *names);

/* From a document that the daemon answered. */
bool mesh_take(struct mesh *mesh, struct json_object *object);

#endif
