// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "sim/codec.h"
#include "sim/meshes.h"
#include "sim/shrink.h"
#include "sim/world.h"

static const char usage[] =
	"Usage: lockstep-sim [--seed N] [--count N] [--trace] [--json] [--OPTION N ...]\n"
	"\n"
	"Upgrades pretended meshes of real agents while everything breaks, and checks what must "
	"hold.\n"
	"A seed makes the mesh, its faults and the run; the same seed gives the same run.\n"
	"  --seed N    the first seed (1)\n"
	"  --count N   so many seeds from there (1)\n"
	"  --mesh FILE the mesh of one of the lab's topology files (lab/meshes)\n"
	"  --quiet     nothing breaks but what the options say\n"
	"  --once      one upgrade and no more, timed\n"
	"  --lanes N   threads (2 for --once where there are two processors, else 1); the run is "
	"the\n"
	"              same. Runs in which power is lost at any moment, or that are told, take "
	"one\n"
	"  --shared    nodes read records by reference: for large meshes without forgers\n"
	"  --trace     tell everything that happens\n"
	"  --json      as JSON, one document a line\n"
	"  --shrink    of a run that breaks something: find a smaller one that breaks the same\n"
	"  --runs N    ... with so many tries at most (300)\n"
	"\n"
	"Options; chances are in 1/1000:\n";

enum {
	ROSTER_SIZE_LARGE = 196608,
	SET_MAX = 128, /* each option once, or nearly so */
	MESH_FILE_SIZE = 65536,
};

struct run {
	uint64_t seed, count, runs, lanes; /* lanes 0: as many as fit */
	bool trace, json, quiet, once, shared, shrink;
	const char *mesh_file; /* NULL if none */
	struct mesh mesh;
	uint32_t set_count;
	struct {
		const char *name;
		uint32_t value;
	} set[SET_MAX];
};

static _Noreturn void wrong(const char *what, const char *word)
{
	fprintf(stderr, "lockstep-sim: %s %s; see lockstep-sim --help\n", what, word);
	exit(2);
}

static void help(void)
{
	const char *name;
	uint32_t most;

	fputs(usage, stdout);
	for (uint32_t i = 0; (name = options_name(i, &most)) != NULL; i++)
		printf("  --%-18s %s\n", name, options_sentence(i));
	exit(0);
}

static void read_mesh(struct run *run, const char *path)
{
	static char text[MESH_FILE_SIZE + 1];
	char problem[128] = "it cannot be read";
	FILE *file = fopen(path, "rb");
	size_t size = file != NULL ? fread(text, 1, MESH_FILE_SIZE, file) : 0;

	if (file != NULL)
		(void)fclose(file);
	text[size] = '\0';
	if (size == 0 || !meshes_read(&run->mesh, text, problem, sizeof(problem))) {
		fprintf(stderr, "lockstep-sim: %s: %s\n", path, problem);
		exit(2);
	}
	run->mesh_file = path;
}

static bool read_flag(struct run *run, const char *name)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = { { "trace", &run->trace }, { "json", &run->json }, { "quiet", &run->quiet },
		{ "once", &run->once }, { "shared", &run->shared }, { "shrink", &run->shrink } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].name, name) == 0)
			return *flags[i].flag = true;
	}
	return false;
}

static void read_arguments(struct run *run, int argc, char **argv)
{
	struct options any;

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + (strncmp(argv[i], "--", 2) == 0 ? 2 : 0);
		uint64_t value;

		if (strcmp(name, "help") == 0 || strcmp(argv[i], "-h") == 0)
			help();
		if (read_flag(run, name))
			continue;
		if (strcmp(name, "mesh") == 0 && i + 1 < argc) {
			read_mesh(run, argv[++i]);
			continue;
		}
		if (i + 1 == argc || !text_parse_u64(&value, argv[i + 1]))
			wrong("a number is missing after", argv[i]);
		i++;
		if (strcmp(name, "seed") == 0) {
			run->seed = value;
		} else if (strcmp(name, "count") == 0) {
			run->count = value;
		} else if (strcmp(name, "runs") == 0) {
			run->runs = value;
		} else if (strcmp(name, "lanes") == 0 && value >= 1 && value <= LANES_MAX) {
			run->lanes = value;
		} else if (options_find(&any, name) != NULL && run->set_count < SET_MAX) {
			run->set[run->set_count].name = name;
			run->set[run->set_count++].value = (uint32_t)value;
		} else {
			wrong("there is no option", argv[i - 1]);
		}
	}
}

static void make_options(const struct run *run, uint64_t seed, struct options *options)
{
	if (run->quiet)
		options_quiet(options, seed, OPTIONS_QUIET_NODES);
	else
		options_from_seed(options, seed);
	if (run->mesh_file != NULL) {
		options->mesh_file = run->mesh_file;
		options->mesh = &run->mesh;
		options->shape = SHAPE_FILE;
		options->nodes = run->mesh.node_count;
	}
	for (uint32_t i = 0; i < run->set_count; i++)
		*options_find(options, run->set[i].name) = run->set[i].value;
	if (options->nodes < 2 || options->boards < 1 || options->boards > WORLD_BOARDS_MAX ||
		options->shape >= SHAPE_COUNT || options->operators > WORLD_OPERATORS_MAX ||
		(options->shape == SHAPE_FILE && options->mesh == NULL) ||
		options->nodes > meshes_size(options) || options->waves < 1 ||
		options->drift_ppm > 100000 || options->chunks < 1 ||
		options->chunks > WORLD_CHUNKS_MAX)
		wrong("one of the options is out of range for seed", "");
}

static uint32_t lanes_of(const struct run *run)
{
	if (run->lanes != 0)
		return (uint32_t)run->lanes;
	return run->once && sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
}

/* One document on one line; "broken" and "replay" only if something is. */
static void print_json(const struct world *world, const struct options *options)
{
	char line[2048], *replay = NULL;
	size_t size = 0;
	struct text text;

	text_init(&text, line, sizeof(line));
	text_add(&text, "{");
	text_add_member_u64(&text, "seed", options->seed);
	text_add_member_u64(&text, "us", world_now_us(world));
	text_add_member_u64(&text, "events", world_events(world));
	text_add_member_u64(&text, "flash_spread_us", world_flash_spread_us(world));
	if (world->breach[0] != '\0') {
		FILE *memory = open_memstream(&replay, &size);

		if (memory == NULL)
			wrong("there is no memory for", "it");
		fputs("lockstep-sim ", memory);
		options_print(options, memory);
		(void)fclose(memory);
		replay[strcspn(replay, "\n")] = '\0';
		text_add_member_string(&text, "broken", world->breach);
		text_add_member_string(&text, "replay", replay);
		free(replay);
	}
	text_add(&text, "}");
	puts(line);
}

static bool run_seed(const struct run *run, uint64_t seed)
{
	struct world *world = malloc(sizeof(*world));
	struct options options;
	bool good, trace = run->trace;

	if (world == NULL)
		wrong("there is no memory for", "it");
	make_options(run, seed, &options);
	if (run->shrink && shrink_options(&options, (uint32_t)run->runs))
		trace = true;
	if (run->shared && options.forger > 0)
		wrong("nothing can be forged with --shared, but there is", "--forger");
	codec_share(run->shared);
	world_open(world, &options);
	world->log = trace ? stdout : NULL;
	world->json = run->json;
	time_share(world, lanes_of(run));
	/* A large mesh's rosters grow all at once: each by itself they leave no holes. */
#ifdef M_MMAP_THRESHOLD /* musl's heap has no such knob */
	(void)mallopt(M_MMAP_THRESHOLD, ROSTER_SIZE_LARGE);
#endif
	good = run->once ? world_run_once(world) : world_run(world);
	if (run->json) {
		print_json(world, &options);
	} else if (!good) {
		printf("seed %" PRIu64 ": %s\n  replay: lockstep-sim ", options.seed,
			world->breach);
		options_print(&options, stdout);
		trace_print(world, stdout);
	} else if (run->trace || run->count == 1) {
		printf("seed %" PRIu64 ": nothing broken in %.0f s, %" PRIu64
		       " events; the last flash within %.1f ms\n",
			seed, (double)world_now_us(world) / 1000000.0, world_events(world),
			(double)world_flash_spread_us(world) / 1000.0);
		if (options.rate_kbit > 0)
			printf("the image everywhere after %.3f s, %" PRIu64
			       " bytes over all links\n",
				(double)world->spread.us / 1000000.0, world->spread.bytes);
		trace_print(world, stdout);
	}
	world_close(world);
	free(world);
	codec_share(false);
	return good;
}

int main(int argc, char **argv)
{
	static struct run run = { .seed = 1, .count = 1, .runs = 300 };
	uint64_t broken = 0;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	read_arguments(&run, argc, argv);
	for (uint64_t i = 0; i < run.count; i++)
		broken += !run_seed(&run, run.seed + i);
	if (run.count > 1 && run.json)
		printf("{\"seeds\":%" PRIu64 ",\"broken\":%" PRIu64 "}\n", run.count, broken);
	else if (run.count > 1)
		printf("%" PRIu64 " seeds, %" PRIu64 " broken\n", run.count, broken);
	return broken > 0;
}
