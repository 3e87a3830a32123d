// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/image_file.h"

enum { SIZE = 200001 };

static char work[64];
static char path[200];
static uint8_t hash[BYTES_HASH_SIZE];
static uint8_t bytes[SIZE];
static struct image_file file;

static int set_up(void **state)
{
	char name[BYTES_HASH_TEXT_SIZE + 1];

	(void)state;
	strcpy(work, "/tmp/lockstep-image-XXXXXX");
	if (mkdtemp(work) == NULL)
		return -1;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 1000);
	bytes_sha256(hash, bytes, SIZE);
	bytes_to_hex(name, hash, BYTES_HASH_SIZE);
	snprintf(path, sizeof(path), "%s/images/%s", work, name);
	image_file_init(&file);
	return 0;
}

static int tear_down(void **state)
{
	char directory[100];

	(void)state;
	image_file_close(&file);
	unlink(path);
	snprintf(directory, sizeof(directory), "%s/images", work);
	rmdir(directory);
	unlink(directory);
	return rmdir(work);
}

static bool open_it(void)
{
	bool found = false;

	assert_int_equal(image_file_open(&file, work, hash, SIZE, UINT64_MAX, NULL, &found), 0);
	return found;
}

static void refuse(int result)
{
	bool found = false;

	assert_int_equal(
		image_file_open(&file, work, hash, SIZE, UINT64_MAX, NULL, &found), result);
	assert_int_equal(file.fd, -1);
}

static int hash_it(uint8_t sha256[static BYTES_HASH_SIZE], int *steps)
{
	struct image_hash state;
	int result;

	*steps = 0;
	image_hash_begin(&state);
	do {
		result = image_hash_step(&state, &file, sha256);
		(*steps)++;
	} while (result == 0);
	return result;
}

static void test_new_file_has_its_size(void **state)
{
	struct stat status;

	(void)state;
	assert_false(open_it());
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, SIZE);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(status.st_blocks * 512 >= SIZE);
}

static void test_resume(void **state)
{
	uint8_t read[1000];

	(void)state;
	open_it();
	assert_int_equal(image_file_write(&file, 65536, bytes + 65536, 65536), 0);
	image_file_close(&file);
	assert_true(open_it());
	assert_int_equal(image_file_read(&file, 65536 + 64, read, sizeof(read)), 0);
	assert_memory_equal(read, bytes + 65536 + 64, sizeof(read));
	assert_int_equal(image_file_read(&file, 0, read, sizeof(read)), 0);
	for (size_t i = 0; i < sizeof(read); i++)
		assert_int_equal(read[i], 0);
}

static void test_hash(void **state)
{
	uint8_t sha256[BYTES_HASH_SIZE] = { 0 };
	int steps;

	(void)state;
	open_it();
	assert_int_equal(image_file_write(&file, 0, bytes, SIZE), 0);
	assert_int_equal(hash_it(sha256, &steps), 1);
	assert_memory_equal(sha256, hash, BYTES_HASH_SIZE);
	assert_int_equal(steps, (SIZE + IMAGE_FILE_STEP_SIZE - 1) / IMAGE_FILE_STEP_SIZE);
}

static void test_wrong_size_is_replaced(void **state)
{
	uint8_t first;

	(void)state;
	open_it();
	assert_int_equal(image_file_write(&file, 0, bytes + 1, 1), 0);
	image_file_close(&file);
	assert_int_equal(truncate(path, SIZE - 1), 0);
	assert_false(open_it());
	assert_int_equal(image_file_read(&file, 0, &first, 1), 0);
	assert_int_equal(first, 0);
}

static void test_cut_behind_our_back(void **state)
{
	uint8_t sha256[BYTES_HASH_SIZE] = { 0 }, last;
	int steps;

	(void)state;
	open_it();
	assert_int_equal(truncate(path, 70000), 0);
	assert_int_equal(image_file_read(&file, SIZE - 1, &last, 1), -EIO);
	assert_int_equal(hash_it(sha256, &steps), -EIO);
}

static void test_symlink_is_refused(void **state)
{
	char target[100];

	(void)state;
	open_it();
	image_file_drop(&file);
	snprintf(target, sizeof(target), "%s/elsewhere", work);
	assert_int_equal(close(open(target, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(symlink(target, path), 0);
	refuse(-ELOOP);
	assert_int_equal(truncate(target, SIZE), 0);
	refuse(-ELOOP);
	assert_int_equal(unlink(target), 0);
	refuse(-ELOOP); /* nor one that leads nowhere */
	assert_int_equal(access(target, F_OK), -1);
}

static void test_symlink_for_the_directory_is_refused(void **state)
{
	char directory[100];

	(void)state;
	snprintf(directory, sizeof(directory), "%s/images", work);
	assert_int_equal(symlink("/tmp", directory), 0);
	refuse(-ENOTDIR);
}

static void test_fifo_is_refused(void **state)
{
	(void)state;
	open_it();
	image_file_drop(&file);
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse(-EINVAL);
}

static void test_drop(void **state)
{
	(void)state;
	open_it();
	image_file_drop(&file);
	assert_int_equal(file.fd, -1);
	assert_int_equal(access(path, F_OK), -1);
	image_file_drop(&file);
	assert_false(open_it());
}

static void test_others_are_dropped(void **state)
{
	char other[200], stranger[200];

	(void)state;
	open_it();
	strcpy(other, path);
	other[strlen(other) - 1] = other[strlen(other) - 1] == '0' ? '1' : '0';
	snprintf(stranger, sizeof(stranger), "%s/images/notes", work);
	assert_int_equal(close(open(other, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(close(open(stranger, O_CREAT | O_WRONLY, 0600)), 0);
	image_file_drop_others(work, hash);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(stranger), 0);
}

static void test_room_bounds_new_files(void **state)
{
	bool found = false;

	(void)state;
	assert_int_equal(image_file_open(&file, work, hash, SIZE, SIZE - 1, NULL, &found), -ENOSPC);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(image_file_open(&file, work, hash, SIZE, SIZE, NULL, &found), 0);
	image_file_close(&file);
	/* One that is there has its room. */
	assert_int_equal(image_file_open(&file, work, hash, SIZE, 0, NULL, &found), 0);
	assert_true(found);
}

static void test_made_of_another_file(void **state)
{
	struct stat one, other;
	bool found = false;
	char from[100];
	int fd;

	(void)state;
	snprintf(from, sizeof(from), "%s/uploaded", work);
	/* It is not there: then the image's own is made. */
	assert_int_equal(image_file_open(&file, work, hash, SIZE, UINT64_MAX, from, &found), 0);
	assert_false(found);
	image_file_drop(&file);
	fd = open(from, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	assert_int_equal(close(fd), 0);
	/* It takes no room, for it is the same file; and goes without it. */
	assert_int_equal(image_file_open(&file, work, hash, SIZE, 0, from, &found), 0);
	assert_true(found);
	assert_int_equal(stat(from, &one) + stat(path, &other), 0);
	assert_true(one.st_ino == other.st_ino);
	image_file_drop(&file);
	assert_int_equal(access(from, F_OK), 0);
	/* What is there already stays. */
	found = false;
	assert_false(open_it());
	image_file_close(&file);
	assert_int_equal(image_file_open(&file, work, hash, SIZE, 0, from, &found), 0);
	assert_true(found);
	assert_int_equal(stat(path, &other), 0);
	assert_true(one.st_ino != other.st_ino);
	assert_int_equal(unlink(from), 0);
}

static void test_no_space(void **state)
{
	char images[100];

	(void)state;
	snprintf(images, sizeof(images), "%s/images", work);
	assert_int_equal(mkdir(images, 0700), 0);
	if (mount("none", images, "tmpfs", 0, "size=64k") != 0)
		skip(); /* only root may */
	refuse(-ENOSPC);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(umount(images), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_new_file_has_its_size),
		TEST(test_resume),
		TEST(test_hash),
		TEST(test_wrong_size_is_replaced),
		TEST(test_cut_behind_our_back),
		TEST(test_symlink_is_refused),
		TEST(test_symlink_for_the_directory_is_refused),
		TEST(test_fifo_is_refused),
		TEST(test_drop),
		TEST(test_others_are_dropped),
		TEST(test_room_bounds_new_files),
		TEST(test_made_of_another_file),
		TEST(test_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
