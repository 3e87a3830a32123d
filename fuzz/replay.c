// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * main() of a target without libFuzzer: feeds it every file of its corpus, or those that are named
 * on the command line, such as a finding of build-fuzz/findings.
 */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static void feed(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = 0, capacity = 4096, got;
	uint8_t *bytes = malloc(capacity), *exact;

	if (file == NULL || bytes == NULL) {
		perror(path);
		exit(1);
	}
	while ((got = fread(bytes + size, 1, capacity - size, file)) > 0) {
		size += got;
		if (size == capacity) {
			capacity *= 2;
			bytes = realloc(bytes, capacity);
			assert(bytes != NULL);
		}
	}
	fclose(file);
	/* Said before, so that who crashes has told by what. */
	printf("# %s\n", path);
	fflush(stdout);
	exact = fuzz_copy(bytes, size);
	free(bytes);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int count = argc - 1;

	for (int i = 1; i < argc; i++)
		feed(argv[i]);
	if (argc == 1) {
		count = scandir(FUZZ_CORPUS, &entries, is_file, alphasort);
		for (int i = 0; i < count; i++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", FUZZ_CORPUS, entries[i]->d_name);
			free(entries[i]);
			feed(path);
		}
		if (count >= 0)
			free(entries);
	}
	printf("1..1\n%sok 1 - %d inputs\n", count > 0 ? "" : "not ", count);
	return count > 0 ? 0 : 1;
}
