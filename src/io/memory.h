/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_MEMORY_H
#define IO_MEMORY_H

/* The memory that there is, and what we have of it. */
#include <stdint.h>

/* Room for an image: bytes that a file in `directory` may take; UINT64_MAX if its file system is no
 * memory, or if nobody can say. A file in a tmpfs is memory, and the tmpfs's own limit does not
 * know how much of that there is: only MemAvailable does. */
uint64_t memory_room_in(const char *directory);

/* Gives back to the machine what is free here: what a large order or slice leaves between small
 * things would be kept for the next one. */
void memory_give_back(void);

#endif
