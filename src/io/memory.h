/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_MEMORY_H
#define IO_MEMORY_H

/* Room for an image. A file in a tmpfs is memory, and the tmpfs's own limit does not know how much
 * of that there is: only MemAvailable does. */
#include <stdint.h>

/* Bytes that files in `directory` may take: what its file system has, and where that is memory,
 * what is left beside `spare` bytes. UINT64_MAX if nobody can say. */
uint64_t memory_room_in(const char *directory, uint64_t spare);

#endif
