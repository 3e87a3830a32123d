/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

/* Chance that was handed in: the same seed gives the same numbers on every machine. Not for keys.
 */
#include <stdint.h>

struct prng {
	uint64_t state;
};

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);

/* Spreads what little differs over all bits; no two values become one. */
uint64_t prng_mix(uint64_t value);

/* Even over 0..below-1; below >= 1. */
uint32_t prng_below(struct prng *prng, uint32_t below);

/* About `value`: even over 3/4 to 5/4 of it, so that nodes do not act in step. */
uint32_t prng_roughly(struct prng *prng, uint32_t value);

#endif
