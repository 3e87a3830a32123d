// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * In front of every call with which the daemon changes a file (docs/cuts.md): the linker's --wrap
 * leads them here in lockstep-cuts, and nowhere else. Both sides of each call below
 * $LOCKSTEP_CUTS/state and /tmp, and the middle of each write, are numbered points. While
 * $LOCKSTEP_CUTS/cuts/points is there each is noted in it, a line of 64 bytes each; at those that
 * cuts/plan numbers the daemon dies, loses its power, or runs a command first.
 *
 * A kill leaves to the kernel what was written. A power cut takes away again what was not synced,
 * so that a sync that is missing shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_SIZE = 64,
	PATH_CAPACITY = 512, /* the daemon's own paths are shorter */
	HASH_SIZE = 64,
	UNSYNCED_MAX = 16,
	COMMAND_CAPACITY = 1024,
};

/* The linker gives these names. */
int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __real_pwrite(int fd, const void *bytes, size_t size, off_t offset);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_mkdir(const char *path, mode_t mode);
int __real_ftruncate(int fd, off_t size);
int __real_posix_fallocate(int fd, off_t offset, off_t size);

int __wrap_open(const char *path, int flags, ...);
int __wrap___open_2(const char *path, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);

/* ---- where ---- */

/* The path below $LOCKSTEP_CUTS; NULL: it is none of ours. */
static const char *inside(const char *path)
{
	const char *root = getenv("LOCKSTEP_CUTS");
	size_t size = root != NULL ? strlen(root) : 0;

	if (size == 0 || strncmp(path, root, size) != 0 || path[size] != '/')
		return NULL;
	path += size + 1;
	return strncmp(path, "state", 5) == 0 || strncmp(path, "tmp", 3) == 0 ? path : NULL;
}

/* The path of an open file; NULL: it is none of ours. */
static const char *path_of(int fd, char path[static PATH_CAPACITY])
{
	char link[32];
	ssize_t size;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, path, PATH_CAPACITY - 1);
	path[size > 0 ? size : 0] = '\0';
	return inside(path) != NULL ? path : NULL;
}

static int open_in_node(const char *name, int flags)
{
	char path[PATH_CAPACITY];

	snprintf(path, sizeof(path), "%s/%s", getenv("LOCKSTEP_CUTS"), name);
	return __real_open(path, flags | O_CLOEXEC, 0644);
}

/* ---- what a power cut takes away: memory (tmp) is lost anyway, this is about state ---- */

struct unsynced {
	bool bytes;               /* of the file `path` */
	bool name;                /* `path` was `from`, and what it was before is `before` */
	char path[PATH_CAPACITY]; /* "": this slot is free */
	char from[PATH_CAPACITY];
	char before[PATH_CAPACITY];
};

static struct unsynced unsynced[UNSYNCED_MAX];

static struct unsynced *unsynced_at(const char *path)
{
	const char *below = inside(path);
	struct unsynced *slot = NULL;

	if (below == NULL || strncmp(below, "state", 5) != 0)
		return NULL;
	for (int i = 0; i < UNSYNCED_MAX; i++) {
		if (strcmp(unsynced[i].path, path) == 0)
			return &unsynced[i];
		if (unsynced[i].path[0] == '\0')
			slot = &unsynced[i];
	}
	if (slot == NULL)
		abort(); /* the daemon leaves nothing unsynced for long */
	snprintf(slot->path, sizeof(slot->path), "%s", path);
	return slot;
}

static void settle(struct unsynced *slot)
{
	if (!slot->bytes && !slot->name)
		slot->path[0] = '\0';
}

static void note_bytes(const char *path)
{
	struct unsynced *slot = unsynced_at(path);

	if (slot != NULL)
		slot->bytes = true;
}

static void note_rename(const char *from, const char *to, bool done)
{
	struct unsynced *source = unsynced_at(from), *slot = unsynced_at(to);

	if (source == NULL || slot == NULL)
		return;
	if (!done) {
		(void)__real_unlink(slot->before);
		settle(source);
		settle(slot);
		return;
	}
	slot->bytes = source->bytes;
	slot->name = true;
	snprintf(slot->from, sizeof(slot->from), "%s", from);
	source->bytes = source->name = false;
	settle(source);
}

/* A file's sync holds its bytes, a directory's the names in it. */
static void note_sync(const char *path)
{
	size_t size = strlen(path);

	for (int i = 0; i < UNSYNCED_MAX; i++) {
		struct unsynced *slot = &unsynced[i];

		if (strcmp(slot->path, path) == 0)
			slot->bytes = false;
		if (slot->name && strncmp(slot->path, path, size) == 0 && slot->path[size] == '/') {
			slot->name = false;
			(void)__real_unlink(slot->before);
		}
		settle(slot);
	}
}

/* What was there under this name, in case the rename is lost. */
static void keep_before(const char *to)
{
	struct unsynced *slot = unsynced_at(to);

	if (slot == NULL)
		return;
	snprintf(slot->before, sizeof(slot->before), "%.*s.before", PATH_CAPACITY - 8, to);
	(void)__real_unlink(slot->before);
	if (__real_link(to, slot->before) != 0)
		settle(slot); /* nothing was */
}

static void drop_before(void)
{
	for (int i = 0; i < UNSYNCED_MAX; i++) {
		if (unsynced[i].name)
			(void)__real_unlink(unsynced[i].before);
	}
}

static void lose_unsynced(void)
{
	for (int i = 0; i < UNSYNCED_MAX; i++) {
		if (unsynced[i].bytes && truncate(unsynced[i].path, 0) != 0)
			abort();
		if (!unsynced[i].name)
			continue;
		(void)__real_rename(unsynced[i].path, unsynced[i].from);
		(void)__real_rename(unsynced[i].before, unsynced[i].path);
	}
}

/* ---- the points ---- */

static void carry_out(const char *what)
{
	if (strncmp(what, "run ", 4) == 0) {
		if (system(what + 4) != 0)
			abort();
		return;
	}
	if (strcmp(what, "power") == 0) {
		lose_unsynced();
		(void)open_in_node("device/power_cut_now", O_WRONLY | O_CREAT);
	} else {
		drop_before();
	}
	raise(SIGKILL);
}

/* What is planned for the point with this number: lines "NUMBER kill", "… power", "… run COMMAND".
 */
static void look_up(long number)
{
	char line[COMMAND_CAPACITY];
	int fd = open_in_node("cuts/plan", O_RDONLY);
	FILE *plan = fd >= 0 ? fdopen(fd, "r") : NULL;

	while (plan != NULL && fgets(line, sizeof(line), plan) != NULL) {
		char *what;

		line[strcspn(line, "\n")] = '\0';
		if (strtol(line, &what, 10) == number && *what == ' ')
			carry_out(what + 1);
	}
	if (plan != NULL)
		fclose(plan);
}

/* state/journal.new, tmp/images/HASH: hashes would be too long, and are different every time. */
static void shorten(char *name, size_t capacity, const char *path)
{
	const char *hash = path;
	static const char hex[] = "0123456789abcdef";

	while (*hash != '\0' && strspn(hash, hex) < HASH_SIZE)
		hash++;
	if (*hash != '\0')
		snprintf(name, capacity, "%.*sHASH%s", (int)(hash - path), path, hash + HASH_SIZE);
	else
		snprintf(name, capacity, "%s", path);
}

/* `path` is one of ours, or NULL. */
static void point(const char *side, const char *call, const char *path)
{
	char name[LINE_SIZE], line[LINE_SIZE + 2];
	int error = errno, fd;
	off_t size;

	if (path == NULL || (fd = open_in_node("cuts/points", O_WRONLY | O_APPEND)) < 0) {
		errno = error;
		return;
	}
	shorten(name, sizeof(name), inside(path));
	snprintf(line, sizeof(line), "%-6s %-9s %-46.46s\n", side, call, name);
	if (__real_write(fd, line, LINE_SIZE) != LINE_SIZE || (size = lseek(fd, 0, SEEK_END)) < 0)
		abort();
	close(fd);
	look_up((long)(size / LINE_SIZE));
	errno = error;
}

/* ---- the calls ---- */

static int open_at_points(const char *path, int flags, mode_t mode)
{
	const char *changed =
		(flags & (O_CREAT | O_TRUNC)) != 0 && inside(path) != NULL ? path : NULL;
	int fd;

	point("before", "open", changed);
	fd = __real_open(path, flags, mode);
	if (fd >= 0 && changed != NULL)
		note_bytes(path);
	point("after", "open", changed);
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode = 0;

	va_start(arguments, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return open_at_points(path, flags, mode);
}

/* How a hardened build calls open() without a mode. */
int __wrap___open_2(const char *path, int flags)
{
	return open_at_points(path, flags, 0);
}

/* A write in two halves. `offset` -1: where the file stands. */
static ssize_t write_at_points(
	const char *call, int fd, const char *bytes, size_t size, off_t offset)
{
	char place[PATH_CAPACITY];
	const char *path = path_of(fd, place);
	size_t half = path != NULL ? size / 2 : size;
	ssize_t done, rest = 0;

	point("before", call, path);
	if (path != NULL)
		note_bytes(path);
	done = offset < 0 ? __real_write(fd, bytes, half) : __real_pwrite(fd, bytes, half, offset);
	if (path == NULL || done < 0)
		return done;
	point("half", call, path);
	bytes += done;
	size -= (size_t)done;
	rest = offset < 0 ? __real_write(fd, bytes, size)
			  : __real_pwrite(fd, bytes, size, offset + done);
	point("after", call, path);
	/* As the kernel does: what was written counts, the error shows at the next call. */
	return rest >= 0 ? done + rest : done > 0 ? done : rest;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	return write_at_points("write", fd, bytes, size, -1);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	return write_at_points("pwrite", fd, bytes, size, offset);
}

int __wrap_fsync(int fd)
{
	char place[PATH_CAPACITY];
	const char *path = path_of(fd, place);
	int result;

	point("before", "fsync", path);
	result = __real_fsync(fd);
	if (result == 0 && path != NULL)
		note_sync(path);
	point("after", "fsync", path);
	return result;
}

int __wrap_rename(const char *from, const char *to)
{
	const char *path = inside(to) != NULL ? to : NULL;
	int result;

	point("before", "rename", path);
	if (path != NULL)
		keep_before(to);
	result = __real_rename(from, to);
	if (path != NULL)
		note_rename(from, to, result == 0);
	point("after", "rename", path);
	return result;
}

/* A call that would change nothing is no point. */
static const char *if_there(const char *path, bool there)
{
	struct stat status;

	return inside(path) != NULL && (lstat(path, &status) == 0) == there ? path : NULL;
}

/* Between files of the work directory alone, which no power cut outlives. */
int __wrap_link(const char *from, const char *to)
{
	const char *ours = if_there(to, false);
	int result;

	point("before", "link", ours);
	result = __real_link(from, to);
	point("after", "link", ours);
	return result;
}

int __wrap_unlink(const char *path)
{
	const char *ours = if_there(path, true);
	int result;

	point("before", "unlink", ours);
	result = __real_unlink(path);
	point("after", "unlink", ours);
	return result;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	const char *ours = if_there(path, false);
	int result;

	point("before", "mkdir", ours);
	result = __real_mkdir(path, mode);
	point("after", "mkdir", ours);
	return result;
}

int __wrap_ftruncate(int fd, off_t size)
{
	char place[PATH_CAPACITY];
	const char *path = path_of(fd, place);
	int result;

	point("before", "ftruncate", path);
	result = __real_ftruncate(fd, size);
	point("after", "ftruncate", path);
	return result;
}

int __wrap_posix_fallocate(int fd, off_t offset, off_t size)
{
	char place[PATH_CAPACITY];
	const char *path = path_of(fd, place);
	int result;

	point("before", "fallocate", path);
	result = __real_posix_fallocate(fd, offset, size);
	point("after", "fallocate", path);
	return result;
}
