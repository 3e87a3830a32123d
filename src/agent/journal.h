/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_JOURNAL_H
#define AGENT_JOURNAL_H

/*
 * What must survive a reboot and a sysupgrade: the highest epoch, the upgrade's orders, and how far
 * this node came. One line "lockstep-journal 1 SHA256", then a JSON object whose hash that is, so
 * that a torn or damaged journal is seen as such. Local and trusted; written only by this node.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/book.h"
#include "base/limits.h"
#include "base/reason.h"
#include "core/state.h"

struct journal {
	enum node_state state;
	enum reason reason; /* of an error, an abort or a revert, or why it waits */
	bool flashed;       /* passed the flash in this upgrade */
	uint32_t window_s;  /* that the flasher was asked for */
	uint64_t highest_epoch;
	uint64_t incarnation;
	uint64_t release_sequence; /* of the confirmed firmware: the floor */
	char message[LIMITS_MESSAGE_SIZE + 1];
	char boot_id[LIMITS_NAME_SIZE + 1];             /* of the boot that wrote this */
	char previous_version[LIMITS_VERSION_SIZE + 1]; /* what ran before the flash */
};

enum {
	JOURNAL_SIZE_MAX = 1048576, /* 40 orders; each is far below its 64 KiB but the start */
};

/* Writes the journal into memory of its own, which the caller gives back with free(). NULL if there
 * is none. */
char *journal_encode(const struct journal *journal, const struct book *book, size_t *size);

/* Reads into `*journal` and an empty `*book`. False if it is torn, damaged or foreign; both are
 * untouched then. */
__attribute__((warn_unused_result)) bool journal_decode(struct journal *journal, struct book *book,
	const char *mesh, const char *bytes, size_t size, uint64_t now_ms);

#endif
