// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Preloaded into a daemon of the lab: cuts the power exactly before or after its n-th write of the
 * journal from now, as $LAB_DEVICE/faults/power_cut_journal says ("3 before"). No wall clock, no
 * luck: the file is renamed, or it is not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void path_in_device(char *path, size_t capacity, const char *name)
{
	const char *device = getenv("LAB_DEVICE");

	snprintf(path, capacity, "%s/%s", device != NULL ? device : "", name);
}

/* "before", "after" or NULL: not now. */
static const char *is_due(void)
{
	static char when[16];
	char path[4096];
	FILE *file;
	int left = 0, fields;

	path_in_device(path, sizeof(path), "faults/power_cut_journal");
	file = fopen(path, "r");
	if (file == NULL)
		return NULL;
	fields = fscanf(file, "%d %15s", &left, when);
	fclose(file);
	if (fields != 2)
		return NULL;
	if (left <= 1) {
		unlink(path);
		return when;
	}
	file = fopen(path, "w");
	if (file != NULL) {
		fprintf(file, "%d %s\n", left - 1, when);
		fclose(file);
	}
	return NULL;
}

static void cut(void)
{
	char path[4096];
	FILE *file;

	path_in_device(path, sizeof(path), "power_cut_now");
	file = fopen(path, "w");
	if (file != NULL)
		fclose(file);
	raise(SIGKILL);
}

/* The C library's own, which this one stands in front of. */
int rename(const char *from, const char *to)
{
	int (*real)(const char *, const char *);
	void *symbol = dlsym(RTLD_NEXT, "rename");
	const char *base = strrchr(to, '/');
	const char *when = NULL;
	int result;

	memcpy(&real, &symbol, sizeof(real));
	if (base != NULL && strcmp(base, "/journal") == 0)
		when = is_due();
	if (when != NULL && strcmp(when, "before") == 0)
		cut();
	result = real(from, to);
	if (when != NULL)
		cut();
	return result;
}
