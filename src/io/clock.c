// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/clock.h"

#include <stddef.h>

uint64_t clock_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

time_t clock_unix_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

void clock_stamp(char stamp[static CLOCK_STAMP_SIZE + 1], time_t unix_s)
{
	struct tm broken_down;

	if (gmtime_r(&unix_s, &broken_down) == NULL ||
		strftime(stamp, CLOCK_STAMP_SIZE + 1, "%Y-%m-%dT%H:%M:%SZ", &broken_down) == 0)
		stamp[0] = '\0';
}
