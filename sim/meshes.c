// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/meshes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "sim/meshes_compiled.h" /* lab/meshes, by sim/CMakeLists.txt */

enum {
	LINE_SIZE = 255,
	WORDS_MAX = 8, /* of a line; what comes after them is passed over */
};

_Static_assert(
	sizeof(meshes_compiled) / sizeof(meshes_compiled[0]) == SHAPE_FILE - SHAPE_FIRST_MESH,
	"every compiled mesh has a shape");

struct reading {
	struct mesh *mesh;
	char names[MESHES_NODES_MAX][LIMITS_NAME_SIZE + 1];
	uint32_t degrees[MESHES_NODES_MAX];
};

/* The number of a name, which is new or was met before; UINT32_MAX if there are too many. */
static uint32_t number_of(struct reading *reading, const char *name)
{
	uint32_t i = 0;

	while (i < reading->mesh->node_count && strcmp(reading->names[i], name) != 0)
		i++;
	if (i == MESHES_NODES_MAX || strlen(name) > LIMITS_NAME_SIZE)
		return UINT32_MAX;
	if (i == reading->mesh->node_count) {
		strcpy(reading->names[i], name);
		reading->mesh->node_count++;
	}
	return i;
}

static bool read_link(struct reading *reading, const char *one, const char *other)
{
	struct mesh *mesh = reading->mesh;
	uint32_t a = number_of(reading, one), b = number_of(reading, other);

	if (a == UINT32_MAX || b == UINT32_MAX || a == b || mesh->link_count == MESHES_LINKS_MAX ||
		++reading->degrees[a] > LIMITS_NEIGHBOURS_MAX ||
		++reading->degrees[b] > LIMITS_NEIGHBOURS_MAX)
		return false;
	mesh->links[mesh->link_count++] = (struct graph_link){ a, b };
	return true;
}

static bool read_line(struct reading *reading, char *line)
{
	const char *words[WORDS_MAX];
	uint32_t count = 0;
	char *rest = NULL;

	line[strcspn(line, "#")] = '\0';
	for (char *word = strtok_r(line, " \t\r", &rest); word != NULL && count < WORDS_MAX;
		word = strtok_r(NULL, " \t\r", &rest))
		words[count++] = word;
	if (count == 0)
		return true;
	if (strcmp(words[0], "node") == 0 && count > 1)
		return number_of(reading, words[1]) != UINT32_MAX;
	return strcmp(words[0], "link") == 0 && count > 2 && read_link(reading, words[1], words[2]);
}

/* False if not all hang together. */
static bool number_by_distance(struct mesh *mesh)
{
	uint32_t order[MESHES_NODES_MAX] = { 0 }, place[MESHES_NODES_MAX], count = 1;

	for (uint32_t i = 0; i < mesh->node_count; i++)
		place[i] = UINT32_MAX;
	place[0] = 0;
	for (uint32_t at = 0; at < count; at++) {
		for (uint32_t i = 0; i < 2 * mesh->link_count; i++) {
			const struct graph_link *link = &mesh->links[i / 2];
			uint32_t from = i % 2 ? link->b : link->a;
			uint32_t to = i % 2 ? link->a : link->b;

			if (from != order[at] || place[to] != UINT32_MAX)
				continue;
			place[to] = count;
			order[count++] = to;
		}
	}
	for (uint32_t i = 0; i < mesh->link_count; i++) {
		struct graph_link *link = &mesh->links[i];

		*link = (struct graph_link){ place[link->a], place[link->b] };
	}
	return count == mesh->node_count;
}

bool meshes_read(struct mesh *mesh, const char *text, char *problem, size_t capacity)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	char line[LINE_SIZE + 1];
	bool good = true;

	ensure(reading != NULL);
	memset(mesh, 0, sizeof(*mesh));
	reading->mesh = mesh;
	for (uint32_t number = 1; good && *text != '\0'; number++) {
		size_t size = strcspn(text, "\n");

		good = size < sizeof(line);
		if (good) {
			memcpy(line, text, size);
			line[size] = '\0';
			good = read_line(reading, line);
		}
		if (!good)
			snprintf(problem, capacity,
				"line %u: not `node NAME` or `link NAME NAME`, or too many of them",
				(unsigned)number);
		text += size + (text[size] == '\n');
	}
	free(reading);
	if (good && (mesh->node_count < 2 || !number_by_distance(mesh))) {
		snprintf(problem, capacity, "it does not hang together");
		good = false;
	}
	return good;
}

/* The mesh that the options name; NULL if their shape is none. */
static const struct mesh *find(const struct options *options, struct mesh *mesh)
{
	char problem[128];

	if (options->shape == SHAPE_FILE)
		return options->mesh;
	if (options->shape < SHAPE_FIRST_MESH || options->shape > SHAPE_FILE)
		return NULL;
	ensure(meshes_read(mesh, meshes_compiled[options->shape - SHAPE_FIRST_MESH], problem,
		sizeof(problem)));
	return mesh;
}

uint32_t meshes_size(const struct options *options)
{
	struct mesh compiled;
	const struct mesh *mesh = find(options, &compiled);

	return mesh != NULL ? mesh->node_count : UINT32_MAX;
}

void meshes_make(struct graph *graph, const struct options *options)
{
	struct mesh compiled;
	const struct mesh *mesh = find(options, &compiled);

	ensure(mesh != NULL && options->nodes <= mesh->node_count);
	graph->link_count = 0;
	graph->links = calloc(mesh->link_count, sizeof(*graph->links));
	ensure(graph->links != NULL);
	for (uint32_t i = 0; i < mesh->link_count; i++) {
		if (mesh->links[i].a < options->nodes && mesh->links[i].b < options->nodes)
			graph->links[graph->link_count++] = mesh->links[i];
	}
}
