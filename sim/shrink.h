/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

/*
 * Finds a smaller mesh with fewer faults that breaks the same invariant, by trying: faults off one
 * by one, fewer nodes, less time, then weaker faults, until a whole round brings nothing or the
 * runs are used up. The same options give the same result. What it tries goes to stderr.
 */
#include "sim/options.h"

/* False, and `options` untouched, if nothing is broken with them. */
bool shrink_options(struct options *options, uint32_t runs_max);

#endif
