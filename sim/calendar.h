/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_CALENDAR_H
#define SIM_CALENDAR_H

/*
 * Which of many numbers is due next: a tree whose leaves are the moments of each number, and whose
 * inner places hold the earlier one of the two below. Ends the program when there is no memory.
 */
#include <stdint.h>

struct calendar {
	uint32_t leaves;    /* a power of two */
	uint64_t *earliest; /* owned; 1 is the root, those below i are 2 i and 2 i + 1 */
};

void calendar_init(struct calendar *calendar, uint32_t count); /* nothing is due, ever */
void calendar_free(struct calendar *calendar);

void calendar_set(struct calendar *calendar, uint32_t number, uint64_t at_us);
uint64_t calendar_at_us(const struct calendar *calendar, uint32_t number);

/* When the first is due; UINT64_MAX if none is. */
uint64_t calendar_first_us(const struct calendar *calendar);
/* Which that is: the lowest of those that are due then. */
uint32_t calendar_first(const struct calendar *calendar);
/* Those that are due before this moment, in their order; tells how many. */
uint32_t calendar_collect(const struct calendar *calendar, uint64_t before_us, uint32_t *numbers);

#endif
