/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_OPERATOR_H
#define LIMEAPP_OPERATOR_H

/*
 * Orders are given by the program lockstep, with the key that the settings name: they are signed,
 * and obey every rule, like anybody's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "limeapp/settings.h"

enum {
	OPERATOR_ARGUMENTS_MAX = 8, /* beyond those that all orders have */
	OPERATOR_MESSAGE_SIZE = 383,
};

struct operator_result {
	char reason[LIMITS_REASON_SIZE + 1]; /* the public word of a refusal */
	char message[OPERATOR_MESSAGE_SIZE + 1];
};

/* `lockstep COMMAND …`; `arguments` ends with NULL. True if the node has taken the order. */
bool operator_order(struct operator_result *result, const struct settings *settings,
	const char *const *arguments, uint64_t end_ms);

/* Why it was refused, from what `lockstep … --json` printed when it ended with this status. */
void operator_read_refusal(
	struct operator_result *result, const char *bytes, size_t size, int status);

/* Waits until no other call on this node gives an order. A file descriptor, to be closed when it is
 * over, or -1 if that takes too long. */
int operator_lock(const struct settings *settings, uint64_t end_ms);

#endif
