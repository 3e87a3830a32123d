/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_LANES_H
#define SIM_LANES_H

/*
 * Threads that share lists of items, many thousand lists a second. Who calls is lane 0 and begins
 * at once; the others join in if they are awake, or are woken if the list is long, and nobody waits
 * for one that did not. So a processor that others need costs little. Ends the program when there
 * is no memory or no thread.
 */
#include <stdint.h>

enum { LANES_MAX = 16 };

/* Does one item, on any of the lanes. */
typedef void (*lanes_task)(void *context, uint32_t lane, uint32_t item);

struct lanes *lanes_open(uint32_t count, lanes_task task, void *context); /* 1..LANES_MAX */
void lanes_close(struct lanes *lanes);                                    /* NULL is fine */

/* Does the items 0 to count-1, each once, and returns when all are done. */
void lanes_share(struct lanes *lanes, uint32_t count);

#endif
