// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/files.h"

enum {
	FACTS_SIZE_MAX = 8191,
	ROUTES_SIZE_MAX = 4194304, /* the table of a whole mesh is long */
};

/* The file's text, which the caller frees; NULL if there is none. */
static char *read_text(const char *root, const char *path, size_t size_max)
{
	char whole[FILES_PATH_SIZE + 1], *text;
	size_t size;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	return files_read(whole, size_max, &text, &size) == 0 ? text : NULL;
}

/* False, with `to` untouched, if it is nothing to show or to send. */
static bool take(char *to, size_t capacity, const char *from, size_t size)
{
	char content[256];

	if (size >= sizeof(content))
		return false;
	memcpy(content, from, size);
	content[size] = '\0';
	return text_is_printable(content, capacity - 1) && text_copy(to, capacity, content);
}

bool board_assignment(const char *file, const char *name, char *value, size_t capacity)
{
	size_t name_size = strlen(name);

	for (const char *line = file; line != NULL; line = strchr(line, '\n')) {
		const char *from;
		size_t size;

		line += *line == '\n';
		if (strncmp(line, name, name_size) != 0 || line[name_size] != '=')
			continue;
		from = line + name_size + 1;
		size = strcspn(from, "\n");
		if (size >= 2 && (*from == '"' || *from == '\'') && from[size - 1] == *from) {
			from++;
			size -= 2;
		}
		return take(value, capacity, from, size);
	}
	return false;
}

/* What the file assigns to `name`, or its first line if that is NULL. */
static bool read_fact(
	char *to, size_t capacity, const char *root, const char *path, const char *name)
{
	char *text = read_text(root, path, FACTS_SIZE_MAX);
	bool known = text != NULL && (name != NULL ? board_assignment(text, name, to, capacity)
						   : take(to, capacity, text, strcspn(text, "\n")));

	free(text);
	return known;
}

/* What a distribution says of itself; the older file of OpenWrt's first. */
static void read_release_fact(
	char *to, size_t capacity, const char *root, const char *name, const char *os_name)
{
	if (!read_fact(to, capacity, root, "/etc/openwrt_release", name))
		(void)read_fact(to, capacity, root, "/etc/os-release", os_name);
}

void board_read(struct board *board, const char *root)
{
	memset(board, 0, sizeof(*board));
	(void)read_fact(board->name, sizeof(board->name), root, "/tmp/sysinfo/board_name", NULL);
	read_release_fact(
		board->version, sizeof(board->version), root, "DISTRIB_DESCRIPTION", "PRETTY_NAME");
	read_release_fact(
		board->release, sizeof(board->release), root, "DISTRIB_RELEASE", "VERSION_ID");
	read_release_fact(
		board->target, sizeof(board->target), root, "DISTRIB_TARGET", "OPENWRT_BOARD");
	read_release_fact(board->architecture, sizeof(board->architecture), root, "DISTRIB_ARCH",
		"OPENWRT_ARCH");
	(void)read_fact(board->boot_id, sizeof(board->boot_id), root,
		"/proc/sys/kernel/random/boot_id", NULL);
	(void)read_fact(
		board->hostname, sizeof(board->hostname), root, "/proc/sys/kernel/hostname", NULL);
	if (!text_is_name(board->hostname))
		board->hostname[0] = '\0';
}

static bool any_line(const char *root, const char *path, bool (*matches)(const char *line))
{
	char *text = read_text(root, path, ROUTES_SIZE_MAX);
	bool found = false;

	for (char *line = text, *end; !found && line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		found = matches(line);
	}
	free(text);
	return found;
}

/* Columns: interface, destination, gateway, flags, …, mask; a default route has destination 0. */
static bool is_ipv4_default(const char *line)
{
	const char *destination = strchr(line, '\t');

	return destination != NULL && strncmp(destination, "\t00000000\t", 10) == 0;
}

static bool is_ipv6_default(const char *line)
{
	static const char all_zero[] = "00000000000000000000000000000000 00 ";

	/* Every network namespace has an unreachable default on lo. */
	return strncmp(line, all_zero, sizeof(all_zero) - 1) == 0 &&
	       strcmp(line + strlen(line) - 2, "lo") != 0;
}

bool board_has_gateway(const char *root)
{
	return any_line(root, "/proc/net/route", is_ipv4_default) ||
	       any_line(root, "/proc/net/ipv6_route", is_ipv6_default);
}
