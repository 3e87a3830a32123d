/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

/*
 * A small pretend world around real agents: time, links, disks, flashers and boots. Everything that
 * an agent asks for is answered as the daemon would, with real bytes and real signatures, but
 * without a process or a packet. One thread, no clock: the same calls give the same run.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "core/order.h"
#include "core/record.h"

enum {
	WORLD_NODES_MAX = 16,
	WORLD_CHUNKS = 6,
	WORLD_CHUNK_SIZE = 1024,
	WORLD_IMAGE_SIZE = WORLD_CHUNKS * WORLD_CHUNK_SIZE - 100,
	WORLD_LATENCY_MS = 2,
	WORLD_FLASH_MS = 1500,
	WORLD_SLOW_FLASH_MS = 660000,
	WORLD_BOOT_MS = 2000,
	WORLD_BOARDS = 2,
};

struct world;

struct world_faults {
	bool check_fails;
	bool flash_fails;
	bool never_boots; /* the new slot: the board falls back */
	bool no_mesh;     /* links are down while the new slot runs on trial */
	bool forgets_confirm;
	bool wrong_chunks; /* what it serves is damaged */
	bool journal_fails;
	bool unhealthy;
	bool no_measure;  /* its links cannot be measured */
	bool slow_flash;  /* it takes longer than anybody waits for it */
	bool mislabelled; /* new firmware calls itself something else than its release says */
	bool cut_flash;   /* power is lost in the middle of the next flash, once */
	uint32_t cut_at_journal; /* power is lost at the n-th journal write from now (1…); 0: never
				  */
};

struct world *world_new(uint32_t nodes, uint64_t seed);
void world_free(struct world *world);

/* Before world_start(). */
void world_link(struct world *world, uint32_t a, uint32_t b);
void world_chain(struct world *world);
void world_grid(struct world *world, uint32_t columns);
void world_set_board(struct world *world, uint32_t node, uint32_t board);
void world_set_slots(struct world *world, uint32_t node, uint32_t slots);

/* Boots all nodes and lets them find each other. */
void world_start(struct world *world);

void world_run(struct world *world, uint64_t ms);
/* Runs until the condition holds; false if it does not within `ms`. */
bool world_until(struct world *world, bool (*holds)(struct world *world, const void *context),
	const void *context, uint64_t ms);
bool world_until_state(
	struct world *world, enum node_state state, uint64_t ms); /* all that are up */

struct world_faults *world_faults(struct world *world, uint32_t node);
void world_link_set(struct world *world, uint32_t a, uint32_t b, bool up);
void world_power(struct world *world, uint32_t node, bool on);
void world_restart_daemon(struct world *world, uint32_t node);
void world_lose_journal(struct world *world, uint32_t node); /* the daemon restarts without it */
bool world_is_up(const struct world *world, uint32_t node);

struct agent *world_agent(struct world *world, uint32_t node);
const char *world_name(const struct world *world, uint32_t node);
const char *world_version(const struct world *world, uint32_t node); /* of the firmware that runs */
enum node_state world_state(struct world *world, uint32_t node);
enum reason world_reason(struct world *world, uint32_t node);
uint64_t world_now(const struct world *world);
/* When the node's last flash began; 0 if never. */
uint64_t world_flashed_ms(const struct world *world, uint32_t node);
uint32_t world_flash_count(const struct world *world, uint32_t node);
uint32_t world_journal_writes(const struct world *world, uint32_t node);
uint32_t world_change_count(const struct world *world, uint32_t node); /* of the view */
uint32_t world_measure_count(const struct world *world, uint32_t node);

/* Releases: number 1 is what runs at first; world_release() makes another with images for all
 * boards, or all but one (UINT32_MAX: none left out). Returns its number. */
uint32_t world_release(struct world *world, uint32_t without_board, bool forged);

/* Orders. Each builds, signs and posts at `node`, and returns the answer's reason. */
struct world_start {
	uint32_t release;
	uint64_t epoch;      /* 0: one more than the node's highest */
	const char *upgrade; /* 16 hex; NULL: made from the epoch */
	enum order_confirm confirm;
	enum order_policy policy;
	uint32_t quorum_percent;   /* 0: 100 */
	uint32_t second_wave_from; /* node index from which nodes are in wave 1; 0: one wave */
	uint32_t participants;     /* the first n nodes; 0: all */
	bool allow_single_slot;
	bool allow_downgrade;
	bool no_catch_up;
	bool untrusted_key;
};
enum reason world_start_upgrade(
	struct world *world, uint32_t node, const struct world_start *start);
enum reason world_schedule(struct world *world, uint32_t node, uint32_t wave, uint32_t countdown_ms,
	uint32_t window_s);
enum reason world_confirm(struct world *world, uint32_t node, uint32_t wave, const char *without);
enum reason world_abort(struct world *world, uint32_t node);
/* Posts the bytes of an earlier order again (0 is the first that was posted in this world). */
enum reason world_replay(struct world *world, uint32_t node, uint32_t nth);
/* Hands the node a gossip slice, as from a stranger whose connection took so long. */
void world_inject(
	struct world *world, uint32_t node, const char *type, const char *data, uint32_t rtt_ms);
const struct usign_secret *world_node_key(const struct world *world, uint32_t node);

#endif
