// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "io/files.h"

enum {
	TMPFS_KIND = 0x01021994, /* f_type, from linux/magic.h */
	MEMINFO_SIZE_MAX = 8192,
};

void memory_give_back(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

uint64_t memory_room_in(const char *directory, uint64_t spare)
{
	static const char available[] = "\nMemAvailable:";
	uint64_t room, left;
	struct statfs status;
	char *text, *found;
	size_t size;

	if (statfs(directory, &status) != 0)
		return UINT64_MAX;
	room = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
	if ((uint64_t)status.f_type != TMPFS_KIND ||
		files_read("/proc/meminfo", MEMINFO_SIZE_MAX, &text, &size) != 0)
		return room;
	found = strstr(text, available);
	if (found != NULL) {
		left = (uint64_t)strtoul(found + sizeof(available) - 1, NULL, 10) * 1024; /* KiB */
		left -= left < spare ? left : spare;
		room = left < room ? left : room;
	}
	free(text);
	return room;
}
