/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_BOARD_H
#define IO_BOARD_H

/* What this machine says of itself, read from its files and never run as shell. */
#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

struct board {
	char name[LIMITS_BOARD_SIZE + 1];      /* "" if not known */
	char version[LIMITS_VERSION_SIZE + 1]; /* "" if not known */
	char hostname[LIMITS_NAME_SIZE + 1];   /* "" if it is no name that we can use */
	char boot_id[LIMITS_NAME_SIZE + 1];    /* "" if not known */
	/* Of an OpenWrt: its release, "ath79/generic", "mips_24kc". "" elsewhere. */
	char release[LIMITS_VERSION_SIZE + 1];
	char target[LIMITS_BOARD_SIZE + 1];
	char architecture[LIMITS_BOARD_SIZE + 1];
};

/* `root` goes before every path; "" on a real machine. */
void board_read(struct board *board, const char *root);

/* The value of NAME=value in a file of shell assignments, quotes taken off. */
bool board_assignment(const char *file, const char *name, char *value, size_t capacity);

/* Is there a default route? `root` as above. */
bool board_has_gateway(const char *root);

#endif
