/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_HISTORY_H
#define DAEMON_HISTORY_H

/*
 * What happened in the last upgrades (core/chronicle.h), kept in STATE/history: it must outlive the
 * flash that it tells of. That file is written just before this node flashes, and once more when
 * the upgrade has ended, and at no other time: flash memory wears out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/chronicle.h"

struct node;

enum {
	HISTORY_SETTLE_MS = 60000, /* an end that lasts so long is written; … */
	HISTORY_ENDINGS_MAX = 8,   /* … but who goes on and off shall not wear our flash */
};

struct history {
	struct chronicle chronicle;
	uint32_t heard;   /* whose states are in (agent_hear()) */
	uint32_t endings; /* that the newest upgrade had in this life of the daemon */
	uint64_t start;   /* of the book's changes, the start order that it tells of */
	uint64_t save_ms; /* when to write; UINT64_MAX: that is not due */
};

/* Reads STATE/history; a damaged one is logged, and as none. */
void history_open(struct node *node);

/* After each step: nothing that is short may be missed. */
void history_follow(struct node *node, uint64_t now_ms);

/* The same for what all that amounts to, which takes longer: less often. */
void history_look(struct node *node);

/* Writes STATE/history as things stand. */
void history_save(struct node *node);

/* GET /v1/history. */
void history_view(const struct node *node, uint64_t now_ms, struct text *text);

#endif
