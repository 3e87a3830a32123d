/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_MESHES_H
#define SIM_MESHES_H

/*
 * Meshes as the lab's topology files have them (docs/lab.md): those of lab/meshes are compiled in,
 * so that a seed can choose them and stays one run; others are read when they are named. Nodes are
 * numbered by how far they are from the first one, so the first N of a mesh are a mesh, too.
 * Settings of nodes and rates of links are passed over, and drawings are not read.
 */
#include <stdbool.h>
#include <stddef.h>

#include "sim/graph.h"

enum {
	MESHES_NODES_MAX = 1024,
	MESHES_LINKS_MAX = 4096,
};

struct mesh {
	uint32_t node_count, link_count;
	struct graph_link links[MESHES_LINKS_MAX];
};

/* False if the text is not a connected mesh; `problem` says why. */
bool meshes_read(struct mesh *mesh, const char *text, char *problem, size_t capacity);

/* How many nodes the options can have at most; UINT32_MAX where any number does. */
uint32_t meshes_size(const struct options *options);

/* For a shape that is one of them. */
void meshes_make(struct graph *graph, const struct options *options);

#endif
