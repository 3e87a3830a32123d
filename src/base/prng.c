// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/prng.h"

#include "base/ensure.h"

void prng_init(struct prng *prng, uint64_t seed)
{
	prng->state = seed;
}

uint64_t prng_mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/* SplitMix64 (Steele, Lea, Flood 2014): every seed is a good one, and one word is all its state. */
uint64_t prng_next(struct prng *prng)
{
	return prng_mix(prng->state += UINT64_C(0x9e3779b97f4a7c15));
}

uint32_t prng_below(struct prng *prng, uint32_t below)
{
	ensure(below >= 1);

	/* The high half times `below`, high half of that: even to one part in 2^32 / below. */
	return (uint32_t)(((prng_next(prng) >> 32) * below) >> 32);
}

uint32_t prng_roughly(struct prng *prng, uint32_t value)
{
	return value - value / 4 + prng_below(prng, value / 2 + 1);
}
