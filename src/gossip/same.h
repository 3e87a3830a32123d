/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GOSSIP_SAME_H
#define GOSSIP_SAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Do two sound JSON values say the same? The order of an object's members does not count, nor how a
 * string is escaped, nor whether 1 is written as 1.0. One pass over each, whatever their shape, by
 * comparing 64-bit sums: who crafts two values with the same sum has a change of his own data pass
 * unannounced, and no more.
 */
bool same_value(const char *one, size_t one_size, const char *other, size_t other_size);

#endif
