/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

/* What time it is. */
#include <stdint.h>
#include <time.h>

enum {
	CLOCK_STAMP_SIZE = 20, /* "2030-01-31T23:59:59Z" */
};

/* CLOCK_MONOTONIC. */
uint64_t clock_now_us(void);
uint64_t clock_now_ms(void);
/* CLOCK_REALTIME: seconds since 1970, as far as this machine knows. */
time_t clock_unix_s(void);

/* A wall clock's time for people, in UTC; "" for one that no calendar knows. */
void clock_stamp(char stamp[static CLOCK_STAMP_SIZE + 1], time_t unix_s);

#endif
