// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/vfs.h>

enum {
	TMPFS_KIND = 0x01021994, /* f_type, from linux/magic.h */
	LINE_SIZE = 128,
};

uint64_t memory_room_in(const char *directory)
{
	uint64_t room = UINT64_MAX, kib;
	char line[LINE_SIZE];
	struct statfs status;
	FILE *file;

	if (statfs(directory, &status) != 0 || (uint64_t)status.f_type != TMPFS_KIND)
		return room;
	file = fopen("/proc/meminfo", "re");
	if (file == NULL)
		return room;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1)
			room = kib * 1024;
	fclose(file);
	return room;
}
