// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/board.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum {
	SMALL_FILE_SIZE = 8191, /* files of /proc have no size to ask for */
};

static bool read_small(const char *root, const char *path, char text[SMALL_FILE_SIZE + 1])
{
	char whole[256];
	size_t done = 0;
	ssize_t got = 1;
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (done < SMALL_FILE_SIZE && (got = read(fd, text + done, SMALL_FILE_SIZE - done)) > 0)
		done += (size_t)got;
	close(fd);
	text[done] = '\0';
	return got >= 0;
}

static void take_line(char *to, size_t capacity, const char *text)
{
	char line[256];

	text_set(line, sizeof(line), text);
	line[strcspn(line, "\n")] = '\0';
	if (text_is_printable(line, capacity - 1))
		text_set(to, capacity, line);
}

bool board_assignment(const char *file, const char *name, char *value, size_t capacity)
{
	size_t name_size = strlen(name);

	for (const char *line = file; line != NULL; line = strchr(line, '\n')) {
		char content[256];
		size_t size;

		line += *line == '\n';
		if (strncmp(line, name, name_size) != 0 || line[name_size] != '=')
			continue;
		text_set(content, sizeof(content), line + name_size + 1);
		content[strcspn(content, "\n")] = '\0';
		size = strlen(content);
		if (size >= 2 && (content[0] == '"' || content[0] == '\'') &&
			content[size - 1] == content[0]) {
			content[size - 1] = '\0';
			memmove(content, content + 1, size - 1);
		}
		if (!text_is_printable(content, capacity - 1))
			return false;
		text_set(value, capacity, content);
		return true;
	}
	return false;
}

void board_read(struct board *board, const char *root)
{
	char text[SMALL_FILE_SIZE + 1];
	char hostname[256];

	memset(board, 0, sizeof(*board));
	if (read_small(root, "/tmp/sysinfo/board_name", text))
		take_line(board->name, sizeof(board->name), text);
	if (!(read_small(root, "/etc/openwrt_release", text) &&
		    board_assignment(
			    text, "DISTRIB_DESCRIPTION", board->version, sizeof(board->version))) &&
		read_small(root, "/etc/os-release", text))
		(void)board_assignment(text, "PRETTY_NAME", board->version, sizeof(board->version));
	if (gethostname(hostname, sizeof(hostname) - 1) == 0) {
		hostname[sizeof(hostname) - 1] = '\0';
		if (text_is_name(hostname))
			text_set(board->hostname, sizeof(board->hostname), hostname);
	}
	if (read_small(root, "/proc/sys/kernel/random/boot_id", text))
		take_line(board->boot_id, sizeof(board->boot_id), text);
}

/* Line by line, because the table of a whole mesh is long and its default route may be the last. */
static bool any_line(const char *root, const char *path, bool (*matches)(const char *line))
{
	char whole[256], line[256];
	bool found = false;
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = matches(line);
	fclose(file);
	return found;
}

/* Columns: interface, destination, gateway, flags, …, mask; a default route has destination 0. */
static bool is_ipv4_default(const char *line)
{
	char interface[32], destination[16];

	return sscanf(line, "%31s %15s", interface, destination) == 2 &&
	       strcmp(destination, "00000000") == 0;
}

static bool is_ipv6_default(const char *line)
{
	static const char all_zero[] = "00000000000000000000000000000000 00 ";
	size_t size = strcspn(line, "\n");

	/* Every network namespace has an unreachable default on lo. */
	return strncmp(line, all_zero, sizeof(all_zero) - 1) == 0 &&
	       strncmp(line + size - 2, "lo", 2) != 0;
}

bool board_has_gateway(const char *root)
{
	return any_line(root, "/proc/net/route", is_ipv4_default) ||
	       any_line(root, "/proc/net/ipv6_route", is_ipv6_default);
}
