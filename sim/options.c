// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/prng.h"
#include "sim/meshes.h"

struct entry {
	const char *name;
	uint32_t most;
	const char *sentence;
	size_t offset;
};

#define OPTIONS_ENTRY(name, most, what) { #name, most, what, offsetof(struct options, name) },
static const struct entry entries[] = { OPTIONS(OPTIONS_ENTRY) };

enum { COUNT = sizeof(entries) / sizeof(entries[0]) };

static uint32_t *value_of(struct options *options, const struct entry *entry)
{
	return (uint32_t *)((char *)options + entry->offset);
}

static uint32_t between(struct prng *prng, uint32_t low, uint32_t high)
{
	return low + prng_below(prng, high - low + 1);
}

static bool one_in(struct prng *prng, uint32_t chances)
{
	return prng_below(prng, chances) == 0;
}

void options_quiet(struct options *options, uint64_t seed, uint32_t nodes)
{
	memset(options, 0, sizeof(*options));
	options->seed = seed;
	options->nodes = nodes;
	options->shape = SHAPE_GRID;
	options->boards = 2;
	options->waves = 1;
	options->auto_confirm = 1;
	options->quorum = 100;
	options->catch_up = 1;
	options->countdown_s = 20;
	options->window_s = 300;
	options->hold_s = 10;
	options->latency_ms = 2;
	options->operators = 1;
	options->chunks = OPTIONS_CHUNKS;
}

void options_from_seed(struct options *options, uint64_t seed)
{
	struct prng prng;

	prng_init(&prng, seed);
	options_quiet(options, seed, between(&prng, 3, 12));
	if (one_in(&prng, 4))
		options->nodes = between(&prng, 3, 40);
	options->shape = prng_below(&prng, SHAPE_FIRST_MESH);
	options->boards = between(&prng, 1, 3);
	options->single_slot = one_in(&prng, 6) ? between(&prng, 1, 300) : 0;
	options->waves = one_in(&prng, 4) ? between(&prng, 2, 3) : 1;
	options->auto_confirm = prng_below(&prng, 2);
	options->best_effort = one_in(&prng, 4);
	options->quorum = one_in(&prng, 4) ? between(&prng, 1, 99) : 100;
	options->catch_up = !one_in(&prng, 4);
	options->countdown_s = between(&prng, 2, 40);
	options->window_s = between(&prng, 30, 400);
	options->hold_s = between(&prng, 1, 30);
	options->chaos_s = between(&prng, 60, 900);
	options->latency_ms = between(&prng, 1, 40);
	options->operators = one_in(&prng, 4) ? 2 : 1;
	/* Each fault is off in half of the runs, and mild in most. */
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t *value = value_of(options, &entries[i]);

		if (entries[i].most == 0 || !one_in(&prng, 2))
			continue;
		*value = between(&prng, 1, entries[i].most);
		if (!one_in(&prng, 3))
			*value = (*value + 3) / 4;
	}
	if (options->split_firmware > 0)
		options->split_firmware = one_in(&prng, 4);
	/* Old and new firmware that do not understand each other: plain nodes stay on one side. */
	if (options->split_firmware == 0 && one_in(&prng, 4))
		options->plain = between(&prng, 50, 500);
	if (one_in(&prng, 5)) {
		options->shape = between(&prng, SHAPE_FIRST_MESH, SHAPE_FILE - 1);
		if (options->nodes > meshes_size(options))
			options->nodes = meshes_size(options);
	}
	if (one_in(&prng, 8)) {
		options->duel = 1;
		options->operators = 2;
	}
}

uint32_t *options_find(struct options *options, const char *name)
{
	for (uint32_t i = 0; i < COUNT; i++) {
		if (strcmp(entries[i].name, name) == 0)
			return value_of(options, &entries[i]);
	}
	return NULL;
}

const char *options_name(uint32_t index, uint32_t *most)
{
	if (index >= COUNT)
		return NULL;
	*most = entries[index].most;
	return entries[index].name;
}

const char *options_sentence(uint32_t index)
{
	return entries[index].sentence;
}

static uint32_t count_differences(const struct options *a, const struct options *b)
{
	struct options first = *a, second = *b;
	uint32_t count = 0;

	for (uint32_t i = 0; i < COUNT; i++)
		count += *value_of(&first, &entries[i]) != *value_of(&second, &entries[i]);
	return count;
}

void options_print(const struct options *options, FILE *file)
{
	struct options given, quiet, made = *options;
	bool is_quiet;

	options_from_seed(&given, options->seed);
	options_quiet(&quiet, options->seed, OPTIONS_QUIET_NODES);
	is_quiet = count_differences(&quiet, &made) < count_differences(&given, &made);
	fprintf(file, "--seed %" PRIu64 "%s", options->seed, is_quiet ? " --quiet" : "");
	if (options->shape == SHAPE_FILE) {
		fprintf(file, " --mesh %s", options->mesh_file);
		given.shape = quiet.shape = made.shape;
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		if (*value_of(is_quiet ? &quiet : &given, &entries[i]) !=
			*value_of(&made, &entries[i]))
			fprintf(file, " --%s %" PRIu32, entries[i].name,
				*value_of(&made, &entries[i]));
	}
	fputc('\n', file);
}
