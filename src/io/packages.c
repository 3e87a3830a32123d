// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/packages.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/files.h"

enum { LINE_SIZE = 1024, READ_SIZE = 4096 };

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

struct reading {
	const struct manager *manager;
	struct stanza stanza;
	uint32_t count; /* of packages that were told of */
	void (*each)(void *context, const char *name, const char *version);
	void *context;
};

/* An empty line ends a package. */
static void take_line(struct reading *reading, char *line)
{
	if (line[0] != '\0') {
		read_line(&reading->stanza, reading->manager, line);
		return;
	}
	reading->count += reading->count < PACKAGES_MAX &&
			  end_stanza(&reading->stanza, reading->each, reading->context);
	reading->stanza = (struct stanza){ .installed = reading->manager->status == NULL };
}

/* Piece by piece, for these files are long. Lines that do not fit are nothing of ours. */
static void read_all(struct reading *reading, int fd)
{
	char bytes[READ_SIZE], line[LINE_SIZE], end[] = "";
	size_t size = 0;
	ssize_t got;

	take_line(reading, end); /* there was none before the first */
	while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (bytes[i] != '\n') {
				if (size < LINE_SIZE)
					line[size] = bytes[i];
				size += size < LINE_SIZE;
				continue;
			}
			if (size < LINE_SIZE) {
				line[size] = '\0';
				take_line(reading, line);
			}
			size = 0;
		}
	}
	if (size > 0 && size < LINE_SIZE) {
		line[size] = '\0';
		take_line(reading, line);
	}
	take_line(reading, end);
}

const char *packages_read(const char *root,
	void (*each)(void *context, const char *name, const char *version), void *context)
{
	struct reading reading = { .each = each, .context = context };
	char path[FILES_PATH_SIZE + 1];

	for (size_t i = 0; i < 2; i++) {
		uint64_t size;
		int fd;

		reading.manager = &managers[i];
		snprintf(path, sizeof(path), "%s%s", root, reading.manager->path);
		fd = files_open(path, O_RDONLY | O_CLOEXEC, &size);
		if (fd < 0)
			continue;
		read_all(&reading, fd);
		close(fd);
		return reading.manager->name;
	}
	return "";
}
