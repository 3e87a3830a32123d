// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "sim/meshes.h"
#include "sim/world.h"

enum {
	NODES_MIN = 2,
	SHRINK_SEEDS = 4,
};

struct shrink {
	struct options best;
	char invariant[16]; /* what must still break */
	uint32_t runs, runs_max;
};

/* The first word of what broke: that is the invariant's name. */
static void name_of(const char *breach, char *name, size_t size)
{
	size_t length = strcspn(breach, " ");

	ensure(length < size);
	memcpy(name, breach, length);
	name[length] = '\0';
}

/* What is broken with these options, and when; "" if nothing. */
static void try(const struct options *options, char *invariant, size_t size, uint32_t *second)
{
	struct world *world = malloc(sizeof(*world));

	ensure(world != NULL);
	world_open(world, options);
	(void)world_run(world);
	name_of(world->breach, invariant, size);
	*second = (uint32_t)(world_now_us(world) / WORLD_S);
	world_close(world);
	free(world);
}

/* Takes these options if they break in the same way. */
static bool take(struct shrink *shrink, const struct options *next, const char *name)
{
	struct options with = *next;
	char invariant[sizeof(shrink->invariant)];
	uint32_t second;

	if (next->nodes > meshes_size(next) || shrink->runs == shrink->runs_max)
		return false;
	shrink->runs++;
	try(next, invariant, sizeof(invariant), &second);
	if (strcmp(invariant, shrink->invariant) != 0)
		return false;
	fprintf(stderr, "run %" PRIu32 ": still %s with --%s %" PRIu32 "\n", shrink->runs,
		shrink->invariant, name, *options_find(&with, name));
	shrink->best = *next;
	return true;
}

static bool take_value(struct shrink *shrink, const char *name, uint32_t value)
{
	struct options next = shrink->best;
	uint32_t *now = options_find(&next, name);

	if (*now == value)
		return false;
	*now = value;
	return take(shrink, &next, name);
}

/* A mesh of another size is another run whatever else stays: so it is worth a few seeds. */
static bool take_nodes(struct shrink *shrink, uint32_t nodes)
{
	struct options next = shrink->best;
	bool taken = false;

	next.nodes = nodes;
	for (uint32_t i = 0; i < SHRINK_SEEDS && !taken; i++) {
		taken = take(shrink, &next, "nodes");
		next.seed++;
	}
	return taken;
}

static uint32_t value_of(struct shrink *shrink, const char *name)
{
	return *options_find(&shrink->best, name);
}

/* As low as it goes, but not below `least`: at once, or in halves. */
static bool lower(struct shrink *shrink, const char *name, uint32_t least)
{
	bool any = false;

	if (value_of(shrink, name) > least && take_value(shrink, name, least))
		return true;
	for (;;) {
		uint32_t value = value_of(shrink, name);

		if (value <= least + 1 || !take_value(shrink, name, least + (value - least) / 2))
			return any;
		any = true;
	}
}

/* What is a mesh's or an upgrade's shape, with its simplest value. */
static const struct {
	const char *name;
	uint32_t least;
} simplest[] = {
	{ "chaos_s", 1 },
	{ "operators", 1 },
	{ "duel", 0 },
	{ "waves", 1 },
	{ "boards", 1 },
	{ "shape", SHAPE_CHAIN },
	{ "best_effort", 0 },
	{ "countdown_s", 2 },
	{ "window_s", 30 },
	{ "hold_s", 1 },
	{ "latency_ms", 1 },
};

static bool lower_faults(struct shrink *shrink, bool only_off)
{
	const char *name;
	bool any = false;
	uint32_t most;

	for (uint32_t i = 0; (name = options_name(i, &most)) != NULL; i++) {
		if (most == 0 || value_of(shrink, name) == 0)
			continue;
		any |= only_off ? take_value(shrink, name, 0) : lower(shrink, name, 0);
	}
	return any;
}

/* The smallest mesh that does it, in few steps: a small one takes less time to try, too. */
static bool lower_nodes(struct shrink *shrink)
{
	uint32_t before = shrink->best.nodes;

	for (uint32_t nodes = NODES_MIN; nodes < shrink->best.nodes; nodes += 1 + nodes / 4) {
		if (take_nodes(shrink, nodes))
			break;
	}
	while (shrink->best.nodes > NODES_MIN && take_nodes(shrink, shrink->best.nodes - 1))
		;
	return shrink->best.nodes < before;
}

static bool lower_sizes(struct shrink *shrink)
{
	bool any = lower_nodes(shrink);

	for (uint32_t i = 0; i < sizeof(simplest) / sizeof(simplest[0]); i++)
		any |= lower(shrink, simplest[i].name, simplest[i].least);
	if (value_of(shrink, "quorum") != 100)
		any |= take_value(shrink, "quorum", 100);
	return any;
}

bool shrink_options(struct options *options, uint32_t runs_max)
{
	struct shrink shrink = { .best = *options, .runs = 1, .runs_max = runs_max };
	bool more = true;
	uint32_t second;

	try(options, shrink.invariant, sizeof(shrink.invariant), &second);
	if (shrink.invariant[0] == '\0')
		return false;
	/* Nothing after the breach can have been its cause. */
	if (second < shrink.best.chaos_s)
		(void)take_value(&shrink, "chaos_s", second + 1);
	(void)lower_faults(&shrink, true);
	while (more && shrink.runs < shrink.runs_max) {
		more = lower_sizes(&shrink);
		more |= lower_faults(&shrink, false);
	}
	fprintf(stderr, "%" PRIu32 " runs%s\n", shrink.runs,
		shrink.runs == shrink.runs_max ? ", which is the bound: there may be a smaller one"
					       : "");
	*options = shrink.best;
	return true;
}
