/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

/*
 * What a simulated mesh is and what happens to it. One seed makes them all; every one can be set
 * by hand, so that a run can be made smaller without becoming another one.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum options_shape {
	SHAPE_CHAIN = 0,
	SHAPE_GRID,
	SHAPE_TREE,
	SHAPE_GEOMETRIC,  /* nodes at random places, links to those nearby */
	SHAPE_FIRST_MESH, /* what lab/meshes has, compiled in */
	SHAPE_VALLEY = SHAPE_FIRST_MESH,
	SHAPE_CITY,
	SHAPE_ISLANDS,
	SHAPE_FILE, /* read from a file */
	SHAPE_COUNT,
};

/* Chances are in 1/1000. X(name, highest that a seed gives, what it is) */
/* clang-format off */
#define OPTIONS(X) \
	X(nodes, 0, "nodes of the mesh") \
	X(shape, 0, "0 chain, 1 grid, 2 tree, 3 geometric, 4 valley, 5 city, 6 islands") \
	X(boards, 0, "kinds of boards") \
	X(single_slot, 0, "nodes that cannot go back") \
	X(waves, 0, "waves of each upgrade") \
	X(auto_confirm, 0, "1: a healthy mesh confirms by itself") \
	X(best_effort, 0, "1: as many as can, else all or none") \
	X(quorum, 0, "per cent of a wave") \
	X(catch_up, 0, "1: nodes that were away install it later") \
	X(countdown_s, 0, "from schedule to flash") \
	X(window_s, 0, "confirm window") \
	X(hold_s, 0, "how long nodes wait for others at the end of the countdown") \
	X(chaos_s, 0, "how long everything may break") \
	X(latency_ms, 0, "of a link, one way") \
	X(drift_ppm, 500, "how wrong clocks run") \
	X(loss, 300, "packets lost") \
	X(delay, 200, "packets that take much longer") \
	X(duplicate, 100, "hellos that come twice") \
	X(replay, 50, "exchanges that an old message is played into") \
	X(cut, 40, "a link goes down, each second") \
	X(one_way, 300, "of the cuts, those in one direction") \
	X(partition, 12, "the mesh falls in two, each second") \
	X(power_cut, 12, "a node loses its power, each second") \
	X(journal_cut, 150, "power is lost at a write of the journal") \
	X(flash_cut, 100, "power is lost in a flash") \
	X(restart, 12, "a daemon restarts, each second") \
	X(journal_lost, 30, "of the power cuts, those that take the journal") \
	X(journal_torn, 30, "of the power cuts, those that tear it") \
	X(disk_fails, 20, "writes of the journal that fail") \
	X(clock_jump, 8, "a node's clock jumps ahead, each second") \
	X(check_fails, 60, "images that the flasher refuses") \
	X(flash_fails, 60, "flashes that fail") \
	X(never_boots, 60, "new firmware that does not boot") \
	X(no_mesh, 60, "new firmware without a mesh") \
	X(no_daemon, 60, "new firmware without Lockstep") \
	X(unhealthy, 60, "new firmware that is not healthy") \
	X(forgets_confirm, 60, "flashers that say yes and keep nothing") \
	X(wrong_chunks, 100, "nodes that serve damaged chunks") \
	X(split_firmware, 100, "releases whose firmware cannot speak to the old one: the whole run") \
	X(leaves, 100, "nodes that go away for ever") \
	X(late, 100, "nodes that come late") \
	X(forger, 20, "forged orders and records, each second") \
	X(untrusted, 300, "releases that too few keys signed") \
	X(operators, 0, "operators at work at once") \
	X(operator_leaves, 200, "operators that go away in the middle") \
	X(aborts, 250, "upgrades that an operator aborts") \
	X(clock_leap, 10, "a node's clock leaps ahead by hours, each second") \
	X(disk_full, 15, "a node's disk is full for a while, each second") \
	X(cut_before_flash, 100, "power is lost between the journal and the flash") \
	X(boot_cut, 150, "power is lost right after a boot") \
	X(partition_countdown, 500, "of the schedules, those in whose countdown the mesh falls in two") \
	X(partition_window, 500, "of the waves, those in whose confirm window it does") \
	X(straggler, 300, "of the exchanges that time out, those that arrive all the same, too late") \
	X(duel, 0, "1: two operators start at the same moments, at far ends") \
	X(plain, 0, "nodes that run shared-state alone") \
	X(plain_inflates, 100, "exchanges in which such a node adds to TTLs") \
	X(meddler, 60, "old, wrong and garbage entries from a stranger, each second") \
	X(rehearse, 0, "1: call it a breach when a node goes back, to try --shrink") \
	X(chunks, 0, "of an image, each so long on its way as 64 KiB") \
	X(rate_kbit, 0, "of each link and direction; 0: no limit")
/* clang-format on */

enum { OPTIONS_QUIET_NODES = 9, OPTIONS_CHUNKS = 6 };

struct options {
	uint64_t seed;
	const char
		*mesh_file; /* of SHAPE_FILE, whose mesh this is; lives longer than the options */
	const struct mesh *mesh; /* the same */
#define OPTIONS_MEMBER(name, most, what) uint32_t name;
	OPTIONS(OPTIONS_MEMBER)
#undef OPTIONS_MEMBER
};

void options_from_seed(struct options *options, uint64_t seed);

/* A mesh of this size in which nothing breaks. */
void options_quiet(struct options *options, uint64_t seed, uint32_t nodes);

/* The option of this name; NULL if there is none. */
uint32_t *options_find(struct options *options, const char *name);

/* Number `index` of all; NULL after the last. `*most` is 0 for what is not a fault. */
const char *options_name(uint32_t index, uint32_t *most);
const char *options_sentence(uint32_t index);

/* As arguments of lockstep-sim: those that differ from what the seed gives, or from a quiet mesh.
 */
void options_print(const struct options *options, FILE *file);

#endif
