// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/mesh.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "io/clock.h"
#include "limeapp/fetch.h"

enum {
	ANSWER_SIZE_MAX = 4194304, /* a mesh of a thousand nodes */
	TRIES = 5,
	PAUSE_MS = 100,
	BUSY_SEEN_MS = 120000,   /* a busy node's heartbeat, in the largest mesh, and a little */
	SEEN_LATELY_MS = 660000, /* two of a quiet node's heartbeats, and a minute */
};

struct json_object *mesh_ask(const struct settings *settings, const char *path, uint64_t end_ms)
{
	struct fetch fetch = {
		.control = settings->control,
		.url = path,
		.size_max = ANSWER_SIZE_MAX,
		.end_ms = end_ms,
	};
	struct json_object *object = NULL;
	struct json_reader reader;
	bool came = fetch_get(&fetch);

	for (int i = 1; i < TRIES && fetch.dropped; i++) {
		(void)poll(NULL, 0, PAUSE_MS);
		came = fetch_get(&fetch);
	}
	if (came) {
		object = json_parse(&reader, fetch.bytes, fetch.size);
		free(fetch.bytes);
	}
	return object;
}

static bool take_node(struct mesh_node *node, struct json_object *object)
{
	struct json_reader reader = { .wrong = NULL };
	char state[32];

	memset(node, 0, sizeof(*node));
	json_get_string(&reader, object, "state", state, sizeof(state));
	json_get_optional_string(&reader, object, "upgrade", node->upgrade, sizeof(node->upgrade));
	json_get_optional_string(&reader, object, "address", node->address, sizeof(node->address));
	json_get_optional_string(&reader, object, "board", node->board, sizeof(node->board));
	json_get_optional_string(&reader, object, "version", node->version, sizeof(node->version));
	node->flashed = json_get_optional_bool(&reader, object, "flashed", false);
	node->release_sequence =
		json_get_optional_u64(&reader, object, "release_sequence", 0, INT64_MAX, 0);
	return json_ok(&reader) && state_from_name(&node->state, state);
}

bool mesh_look(struct mesh_node *here, const struct settings *settings, uint64_t end_ms)
{
	struct json_object *object = mesh_ask(settings, "/v1/status", end_ms);
	bool ok = object != NULL && take_node(here, object);

	json_free(object);
	return ok;
}

static struct json_object *nodes_of(const struct mesh *mesh)
{
	struct json_reader reader = { .wrong = NULL };

	return json_get_array(
		&reader, mesh->object, "nodes", LIMITS_NODES_MAX + LIMITS_PARTICIPANTS_MAX);
}

/* A row of the mesh. */
struct row {
	struct json_object *object;
	bool participant;
	bool here;
	uint64_t seen_ms;      /* ago; UINT64_MAX: never */
	enum node_state state; /* if it was ever seen */
	char name[LIMITS_NAME_SIZE + 1];
};

/* Row number `index`; false after the last one, and for what is none. */
static bool read_row(struct row *row, struct json_object *nodes, size_t index)
{
	struct json_reader reader = { .wrong = NULL };
	char state[32] = "";

	row->object = json_array_object(&reader, nodes, "nodes", index);
	row->participant = json_get_optional_bool(&reader, row->object, "participant", false);
	row->here = json_get_optional_bool(&reader, row->object, "here", false);
	json_get_string(&reader, row->object, "name", row->name, sizeof(row->name));
	json_get_optional_string(&reader, row->object, "state", state, sizeof(state));
	row->seen_ms = UINT64_MAX;
	/* Who was never seen has no state, and null for when that was. */
	if (json_ok(&reader) && state[0] != '\0' && state_from_name(&row->state, state))
		row->seen_ms = json_get_u64(&reader, row->object, "seen_ms", 0, INT64_MAX);
	return json_ok(&reader);
}

static bool take_upgrade(struct mesh *mesh)
{
	struct json_reader reader = { .wrong = NULL };
	struct json_object *upgrade = json_get_object(&reader, mesh->object, "upgrade");

	if (!json_ok(&reader))
		return true; /* null: there is none */
	json_get_string(&reader, upgrade, "id", mesh->upgrade, sizeof(mesh->upgrade));
	json_get_string(&reader, upgrade, "version", mesh->version, sizeof(mesh->version));
	mesh->confirm_window_s =
		json_get_optional_u64(&reader, upgrade, "confirm_window_s", 0, INT64_MAX, 0);
	return json_ok(&reader);
}

bool mesh_take(struct mesh *mesh, struct json_object *object)
{
	struct json_object *nodes;
	bool found = false;
	struct row row;

	memset(mesh, 0, sizeof(*mesh));
	mesh->object = object;
	nodes = nodes_of(mesh);
	for (size_t i = 0; i < json_array_count(nodes) && !found && read_row(&row, nodes, i); i++)
		found = row.here && take_node(&mesh->here, row.object);
	if (!found || !take_upgrade(mesh))
		return false;
	text_set(mesh->name, sizeof(mesh->name), row.name);
	return true;
}

bool mesh_read(struct mesh *mesh, const struct settings *settings, uint64_t end_ms)
{
	struct json_object *object = mesh_ask(settings, "/v1/mesh", end_ms);

	if (object != NULL && mesh_take(mesh, object))
		return true;
	json_free(object);
	return false;
}

void mesh_free(struct mesh *mesh)
{
	json_free(mesh->object);
}

bool mesh_is_anybody_busy(const struct mesh *mesh)
{
	struct json_object *nodes = nodes_of(mesh);
	struct row row;

	for (size_t i = 0; i < json_array_count(nodes) && read_row(&row, nodes, i); i++) {
		if (row.seen_ms <= BUSY_SEEN_MS && state_is_busy(row.state))
			return true;
	}
	return false;
}

uint32_t mesh_rank(const struct mesh *mesh, enum node_state state)
{
	struct json_object *nodes = nodes_of(mesh);
	uint32_t before = 0;
	struct row row;

	for (size_t i = 0; i < json_array_count(nodes) && read_row(&row, nodes, i) && !row.here;
		i++)
		before += row.participant && row.seen_ms <= BUSY_SEEN_MS && row.state == state;
	return before;
}

void mesh_missing(const struct mesh *mesh, struct text *names)
{
	struct json_reader reader = { .wrong = NULL };
	struct json_object *upgrade = json_get_object(&reader, mesh->object, "upgrade");
	struct json_object *waiting = json_get_object(&reader, upgrade, "waiting");
	struct json_object *list =
		json_get_array(&reader, waiting, "names", LIMITS_PARTICIPANTS_MAX);
	char name[LIMITS_NAME_SIZE + 1];

	for (size_t i = 0; i < json_array_count(list); i++) {
		json_array_string(&reader, list, "names", i, name, sizeof(name));
		if (!json_ok(&reader))
			return;
		text_add(names, names->size > 0 ? ", " : "");
		text_add(names, name);
	}
}

void mesh_list_seen(const struct mesh *mesh, struct text *names)
{
	struct json_object *nodes = nodes_of(mesh);
	struct row row;

	for (size_t i = 0; i < json_array_count(nodes) && read_row(&row, nodes, i); i++) {
		if (row.seen_ms > SEEN_LATELY_MS)
			continue;
		text_add(names, names->size > 0 ? "," : "");
		text_add(names, row.name);
	}
}
