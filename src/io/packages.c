// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/packages.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/files.h"

enum { LINE_SIZE = 1024 };

/* How the two managers write the same: one stanza a package, an empty line between. */
static const struct manager {
	const char *name, *path;
	const char *package, *version, *abi;
	const char *status; /* the line that says whether it is installed; NULL: all are */
} managers[] = {
	{ "opkg", "/usr/lib/opkg/status", "Package: ", "Version: ", "ABIVersion: ", "Status: " },
	{ "apk", "/lib/apk/db/installed", "P:", "V:", "openwrt:abiversion=", NULL },
};

struct stanza {
	char name[PACKAGES_WORD_SIZE + 1];
	char version[PACKAGES_WORD_SIZE + 1];
	char abi[PACKAGES_WORD_SIZE + 1];
	bool installed;
};

static void take(char word[PACKAGES_WORD_SIZE + 1], const char *value)
{
	if (!text_is_printable(value, PACKAGES_WORD_SIZE))
		value = "";
	text_set(word, PACKAGES_WORD_SIZE + 1, value);
}

/* What comes after `label` in the line; NULL if it does not begin so. */
static const char *after(const char *line, const char *label)
{
	size_t size = strlen(label);

	return strncmp(line, label, size) == 0 ? line + size : NULL;
}

static void read_line(struct stanza *stanza, const struct manager *manager, char *line)
{
	const char *value;

	if ((value = after(line, manager->package)) != NULL)
		take(stanza->name, value);
	else if ((value = after(line, manager->version)) != NULL)
		take(stanza->version, value);
	else if (manager->status != NULL && (value = after(line, manager->status)) != NULL)
		stanza->installed = strcmp(strrchr(line, ' '), " installed") == 0;
	else if ((value = after(line, manager->abi)) != NULL)
		take(stanza->abi, value);
	else if (after(line, "g:") != NULL && (value = strstr(line, manager->abi)) != NULL) {
		line[strcspn(value, " ") + (size_t)(value - line)] = '\0';
		take(stanza->abi, value + strlen(manager->abi));
	}
}

/* True if there was a package to tell of. */
static bool end_stanza(struct stanza *stanza,
	void (*each)(void *context, const char *name, const char *version), void *context)
{
	size_t name_size = strlen(stanza->name), abi_size = strlen(stanza->abi);
	bool tell = name_size > abi_size && stanza->version[0] != '\0' && stanza->installed;

	if (tell) {
		if (strcmp(stanza->name + name_size - abi_size, stanza->abi) == 0)
			stanza->name[name_size - abi_size] = '\0';
		each(context, stanza->name, stanza->version);
	}
	return tell;
}

const char *packages_read(const char *root,
	void (*each)(void *context, const char *name, const char *version), void *context)
{
	const struct manager *manager = NULL;
	char path[FILES_PATH_SIZE + 1], line[LINE_SIZE];
	struct stanza stanza;
	FILE *file = NULL;
	uint32_t count = 0;
	bool whole = true;

	for (size_t i = 0; i < 2 && file == NULL; i++) {
		manager = &managers[i];
		snprintf(path, sizeof(path), "%s%s", root, manager->path);
		file = fopen(path, "re");
	}
	if (file == NULL)
		return "";
	stanza = (struct stanza){ .installed = manager->status == NULL };
	while (count < PACKAGES_MAX && fgets(line, sizeof(line), file) != NULL) {
		size_t size = strcspn(line, "\n");
		bool begins = whole;

		whole = line[size] == '\n' || feof(file);
		line[size] = '\0';
		if (begins && size == 0) {
			count += end_stanza(&stanza, each, context);
			stanza = (struct stanza){ .installed = manager->status == NULL };
		} else if (begins && whole) { /* what is longer is nothing of ours */
			read_line(&stanza, manager, line);
		}
	}
	if (count < PACKAGES_MAX)
		(void)end_stanza(&stanza, each, context);
	(void)fclose(file);
	return manager->name;
}
