// SPDX-License-Identifier: AGPL-3.0-or-later
#include "sim/calendar.h"

#include <stdlib.h>

#include "base/ensure.h"

void calendar_init(struct calendar *calendar, uint32_t count)
{
	calendar->leaves = 1;
	while (calendar->leaves < count)
		calendar->leaves *= 2;
	calendar->earliest = malloc(2 * (size_t)calendar->leaves * sizeof(calendar->earliest[0]));
	ensure(calendar->earliest != NULL);
	for (uint32_t i = 0; i < 2 * calendar->leaves; i++)
		calendar->earliest[i] = UINT64_MAX;
}

void calendar_free(struct calendar *calendar)
{
	free(calendar->earliest);
}

void calendar_set(struct calendar *calendar, uint32_t number, uint64_t at_us)
{
	uint64_t *earliest = calendar->earliest;
	uint32_t i = calendar->leaves + number;

	earliest[i] = at_us;
	for (i /= 2; i > 0; i /= 2) {
		uint64_t left_us = earliest[2 * i], right_us = earliest[2 * i + 1];
		uint64_t now_us = left_us < right_us ? left_us : right_us;

		if (earliest[i] == now_us)
			return;
		earliest[i] = now_us;
	}
}

uint64_t calendar_at_us(const struct calendar *calendar, uint32_t number)
{
	return calendar->earliest[calendar->leaves + number];
}

uint64_t calendar_first_us(const struct calendar *calendar)
{
	return calendar->earliest[1];
}

uint32_t calendar_first(const struct calendar *calendar)
{
	uint32_t i = 1;

	while (i < calendar->leaves)
		i = 2 * i + (calendar->earliest[2 * i] != calendar->earliest[i]);
	return i - calendar->leaves;
}

static uint32_t collect(
	const struct calendar *calendar, uint32_t i, uint64_t before_us, uint32_t *numbers)
{
	uint32_t count;

	if (calendar->earliest[i] >= before_us)
		return 0;
	if (i >= calendar->leaves) {
		*numbers = i - calendar->leaves;
		return 1;
	}
	count = collect(calendar, 2 * i, before_us, numbers);
	return count + collect(calendar, 2 * i + 1, before_us, numbers + count);
}

uint32_t calendar_collect(const struct calendar *calendar, uint64_t before_us, uint32_t *numbers)
{
	return collect(calendar, 1, before_us, numbers);
}
