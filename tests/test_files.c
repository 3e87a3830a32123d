// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/files.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static char directory[] = TESTS_BINARY_DIR "/test_files.XXXXXX";

static char *path_of(const char *name)
{
	static char path[FILES_PATH_SIZE + 1];

	assert_true(files_join(path, directory, name));
	return path;
}

/* Without our own code, which is what is tested. */
static void write_plain(const char *name, const char *bytes, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *name, const char *bytes, size_t size)
{
	char *read = NULL;
	size_t read_size = 0;

	assert_int_equal(files_read(path_of(name), 1024, &read, &read_size), 0);
	assert_int_equal(read_size, size);
	assert_memory_equal(read, bytes, size);
	assert_int_equal(read[size], '\0');
	free(read);
}

static bool exists(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int make_room(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int clear_room(void **state)
{
	(void)state;
	return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct read_case {
	const char *name;
	const char *content;
	size_t size;
	size_t size_max;
	int error;
} read_cases[] = {
	{ "read: usual", "hello", 5, 1024, 0 },
	{ "read: empty", "", 0, 1024, 0 },
	{ "read: empty, where nothing may be", "", 0, 0, 0 },
	{ "read: NUL inside", "a\0b", 3, 1024, 0 },
	{ "read: as much as may be", "hello", 5, 5, 0 },
	{ "read: one byte too much", "hello", 5, 4, -EFBIG },
};

static void test_read(void **state)
{
	const struct read_case *c = *state;
	char untouched[] = "untouched", *bytes = untouched;
	size_t size = 77;

	write_plain("file", c->content, c->size);
	assert_int_equal(files_read(path_of("file"), c->size_max, &bytes, &size), c->error);
	if (c->error != 0) {
		assert_ptr_equal(bytes, untouched);
		assert_int_equal(size, 77);
		return;
	}
	assert_int_equal(size, c->size);
	assert_memory_equal(bytes, c->content, c->size);
	assert_int_equal(bytes[size], '\0');
	free(bytes);
}

static void test_what_is_no_file_is_not_read(void **state)
{
	char *bytes = NULL;
	size_t size = 77;

	(void)state;
	assert_int_equal(files_read(path_of("missing"), 1024, &bytes, &size), -ENOENT);
	assert_int_equal(files_read(directory, 1024, &bytes, &size), -EINVAL);
	/* Nobody writes into the pipe, and we do not wait for him. */
	assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
	assert_int_equal(files_read(path_of("pipe"), 1024, &bytes, &size), -EINVAL);
	write_plain("file", "hello", 5);
	assert_int_equal(files_read(path_of("file/inside"), 1024, &bytes, &size), -ENOTDIR);
	assert_null(bytes);
	assert_int_equal(size, 77);
}

static void test_write_replaces_the_whole(void **state)
{
	struct stat before, after;

	(void)state;
	assert_int_equal(files_write(path_of("file"), "a long first one", 16, 0600), 0);
	assert_content("file", "a long first one", 16);
	assert_int_equal(stat(path_of("file"), &before), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	assert_int_equal(files_write(path_of("file"), "short\0one", 9, 0644), 0);
	assert_content("file", "short\0one", 9);
	/* Another file took its place: who had the first one open still reads all of it. */
	assert_int_equal(stat(path_of("file"), &after), 0);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(files_write(path_of("file"), "", 0, 0644), 0);
	assert_content("file", "", 0);
	assert_false(exists("file.new"));
}

/* What a power cut left of the last attempt is no hindrance, and no part of the next one. */
static void test_write_over_a_torn_attempt(void **state)
{
	(void)state;
	write_plain("file", "old", 3);
	write_plain("file.new", "the half of something long", 26);
	assert_int_equal(files_write(path_of("file"), "new", 3, 0644), 0);
	assert_content("file", "new", 3);
	assert_false(exists("file.new"));
}

static void test_a_failed_write_leaves_the_old_file(void **state)
{
	char path[FILES_PATH_SIZE + 2];

	(void)state;
	assert_int_equal(files_write(path_of("missing/file"), "new", 3, 0644), -ENOENT);
	/* The last step fails: a directory is in the way. */
	assert_int_equal(mkdir(path_of("taken"), 0755), 0);
	assert_int_equal(files_write(path_of("taken"), "new", 3, 0644), -EISDIR);
	assert_false(exists("taken.new"));
	/* Somebody laid a link to where he would like to have it written. */
	write_plain("file", "old", 3);
	write_plain("victim", "mine", 4);
	assert_int_equal(symlink("victim", path_of("file.new")), 0);
	assert_int_equal(files_write(path_of("file"), "new", 3, 0644), -ELOOP);
	assert_content("file", "old", 3);
	assert_content("victim", "mine", 4);

	memset(path, 'a', sizeof(path));
	path[FILES_PATH_SIZE - 3] = '\0';
	assert_int_equal(files_write(path, "new", 3, 0644), -ENAMETOOLONG);
}

static void test_make_directory(void **state)
{
	char path[FILES_PATH_SIZE + 2];
	struct stat status;

	(void)state;
	assert_int_equal(files_make_directory(path_of("a/b/c")), 0);
	assert_int_equal(stat(path_of("a/b/c"), &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(files_make_directory(path_of("a/b/c")), 0);
	assert_int_equal(files_make_directory(path_of("a/b/d")), 0);
	write_plain("file", "", 0);
	assert_int_equal(files_make_directory(path_of("file/b")), -ENOTDIR);
	memset(path, 'a', sizeof(path));
	path[FILES_PATH_SIZE + 1] = '\0';
	assert_int_equal(files_make_directory(path), -ENAMETOOLONG);
}

static void add_name(void *context, const char *name)
{
	char *names = context;
	size_t size = strlen(names);

	snprintf(names + size, 256 - size, "%s ", name);
}

static struct list_case {
	const char *name;
	const char *suffix;
	uint32_t count_max;
	const char *names;
} list_cases[] = {
	{ "list: sorted, of one suffix", ".pub", 8, "a.pub b.pub c.pub " },
	{ "list: none of that suffix", ".sec", 8, "" },
	{ "list: just as many as may be", ".pub", 3, "a.pub b.pub c.pub " },
	{ "list: all but the hidden", "", 8, "a.pub b.pub c.pub d.pub.old pub " },
};

static void test_list(void **state)
{
	static const char *const names[] = { "c.pub", "a.pub", ".hidden.pub", "d.pub.old", "b.pub",
		".pub", "pub" };
	const struct list_case *c = *state;
	char listed[256] = "";

	for (size_t i = 0; i < COUNT(names); i++)
		write_plain(names[i], "", 0);
	assert_int_equal(files_list(directory, c->suffix, c->count_max, add_name, listed), 0);
	assert_string_equal(listed, c->names);
	/* Fewer than there are: any of them, but not more. */
	listed[0] = '\0';
	assert_int_equal(files_list(directory, ".pub", 2, add_name, listed), 0);
	assert_int_equal(strlen(listed), 12);
	assert_int_equal(files_list(path_of("missing"), "", 8, add_name, NULL), -ENOENT);
}

static void count_name(void *context, const char *name)
{
	(void)name;
	(*(int *)context)++;
}

/* The directory may be somebody else's, with as many names as his disk holds. */
static void test_list_is_bounded(void **state)
{
	char name[32];
	int count = 0;

	(void)state;
	for (int i = 0; i < FILES_READ_MAX + 10; i++) {
		snprintf(name, sizeof(name), "%d.txt", i);
		write_plain(name, "", 0);
	}
	assert_int_equal(files_list(directory, ".txt", UINT32_MAX, count_name, &count), 0);
	assert_int_equal(count, FILES_ENTRIES_MAX);
	write_plain("a.pub", "", 0);
	count = 0;
	assert_int_equal(files_list(directory, ".pub", UINT32_MAX, count_name, &count), 0);
	assert_in_range(count, 0, 1); /* nobody says where in the directory it is */
}

static void test_is_directory(void **state)
{
	(void)state;
	assert_true(files_is_directory(directory));
	assert_false(files_is_directory(path_of("missing")));
	write_plain("file", "", 0);
	assert_false(files_is_directory(path_of("file")));
	assert_int_equal(symlink(".", path_of("link")), 0);
	assert_false(files_is_directory(path_of("link")));
}

static void test_join(void **state)
{
	char path[FILES_PATH_SIZE + 1], name[FILES_PATH_SIZE + 1];

	(void)state;
	assert_true(files_join(path, "/etc/lockstep", "trust"));
	assert_string_equal(path, "/etc/lockstep/trust");
	memset(name, 'a', sizeof(name));
	name[FILES_PATH_SIZE - 5] = '\0';
	assert_true(files_join(path, "/etc", name));
	assert_int_equal(strlen(path), FILES_PATH_SIZE);
	assert_false(files_join(path, "/etc/", name));
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test_setup_teardown(
			test_what_is_no_file_is_not_read, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_write_replaces_the_whole, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_write_over_a_torn_attempt, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_a_failed_write_leaves_the_old_file, make_room, clear_room),
		cmocka_unit_test_setup_teardown(test_make_directory, make_room, clear_room),
		cmocka_unit_test_setup_teardown(test_list_is_bounded, make_room, clear_room),
		cmocka_unit_test_setup_teardown(test_is_directory, make_room, clear_room),
		cmocka_unit_test(test_join),
	};
	static struct CMUnitTest tests[COUNT(read_cases) + COUNT(list_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(read_cases); i++)
		tests[count++] = (struct CMUnitTest){ read_cases[i].name, test_read, make_room,
			clear_room, &read_cases[i] };
	for (size_t i = 0; i < COUNT(list_cases); i++)
		tests[count++] = (struct CMUnitTest){ list_cases[i].name, test_list, make_room,
			clear_room, &list_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
