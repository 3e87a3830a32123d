/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_MEMORY_H
#define IO_MEMORY_H

/* The memory that there is, and what we have of it. */
#include <stdint.h>

/* Bytes that files in `directory` may take: what its file system has, and where that is memory,
 * what is left beside `spare` bytes. UINT64_MAX if nobody can say. A tmpfs's own limit does not
 * know how much memory there is: only MemAvailable does. */
uint64_t memory_room_in(const char *directory, uint64_t spare);

/* Gives back to the machine what is free here: what a large order or slice leaves between small
 * things would be kept for the next one. */
void memory_give_back(void);

#endif
