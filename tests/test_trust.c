// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include <cmocka.h>

#include "daemon/trust.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static char root[] = TESTS_BINARY_DIR "/test_trust.XXXXXX";
static struct config config;
static struct log messages;
static struct trust_names names;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int make_room(void **state)
{
	char path[FILES_PATH_SIZE + 1];

	(void)state;
	memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	if (mkdtemp(root) == NULL || !files_join(path, root, "trust/operator"))
		return -1;
	memset(&config, 0, sizeof(config));
	snprintf(config.config_directory, sizeof(config.config_directory), "%s", root);
	snprintf(config.state_directory, sizeof(config.state_directory), "%s", root);
	log_init(&messages, false, LOG_LEVEL_DEBUG);
	return files_make_directory(path);
}

static int clear_room(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
	static char path[FILES_PATH_SIZE + 1];

	assert_true(files_join(path, root, name));
	return path;
}

static struct usign_secret secret_of(uint8_t owner)
{
	const uint8_t seed[USIGN_SEED_SIZE] = { owner };
	struct usign_secret secret;

	usign_from_seed(&secret, seed);
	return secret;
}

static struct usign_public key_of(uint8_t owner)
{
	struct usign_secret secret = secret_of(owner);
	struct usign_public key;

	usign_public_of(&key, &secret);
	return key;
}

static void put(const char *name, const char *bytes, size_t size)
{
	assert_int_equal(files_write(path_of(name), bytes, size, 0644), 0);
}

static void put_key(const char *name, uint8_t owner)
{
	struct usign_public key = key_of(owner);
	char file[USIGN_FILE_SIZE_MAX];

	put(name, file, usign_write_public(file, sizeof(file), "a key", &key));
}

/* What the log's last lines say, newest first. */
static const char *said(uint64_t back)
{
	assert_true(messages.count > back);
	return messages.entries[(messages.count - 1 - back) % LOG_ENTRIES_MAX].text;
}

static bool holds(const struct keyring *ring, uint8_t owner)
{
	struct usign_public key = key_of(owner);

	for (uint32_t i = 0; i < ring->key_count; i++) {
		if (memcmp(ring->keys[i].key, key.key, USIGN_KEY_SIZE) == 0)
			return true;
	}
	return false;
}

static struct keyring read_ring(void)
{
	struct keyring ring;

	memset(&ring, 0x5a, sizeof(ring));
	trust_read(&ring, &names, &config, "operator", &messages);
	return ring;
}

static void test_keys_of_one_role(void **state)
{
	struct keyring ring;

	(void)state;
	assert_int_equal(files_make_directory(path_of("trust/release")), 0);
	put_key("trust/operator/anna.pub", 1);
	put_key("trust/operator/berta.pub", 2);
	put_key("trust/operator/again-anna.pub", 1);
	put_key("trust/operator/carla.pub.old", 3);
	put_key("trust/operator/.hidden.pub", 4);
	put_key("trust/release/doris.pub", 5);
	put_key("trust/emma.pub", 6);
	ring = read_ring();
	assert_int_equal(ring.key_count, 2);
	assert_true(holds(&ring, 1) && holds(&ring, 2));
	assert_true(messages.count == 0);
}

/* Each key has the name of the first file that it stands in. */
static void test_names(void **state)
{
	static const char *const wanted[] = { "anna", "berta.of.the.hill",
		"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" };
	char longest[128];
	struct keyring ring;

	(void)state;
	put_key("trust/operator/anna.pub", 1);
	put_key("trust/operator/anna2.pub", 1);
	put("trust/operator/bad.pub", "bad", 3);
	put_key("trust/operator/berta.of.the.hill.pub", 2);
	snprintf(longest, sizeof(longest), "trust/operator/%s.pub", wanted[2]);
	put_key(longest, 3);
	ring = read_ring();
	assert_int_equal(names.key_count, 3);
	assert_int_equal(ring.key_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct usign_public key = key_of((uint8_t)(i + 1));

		assert_int_equal(strncmp(names.keys[i].name, wanted[i], LIMITS_NAME_SIZE), 0);
		assert_memory_equal(names.keys[i].keynum, key.keynum, USIGN_KEYNUM_SIZE);
		assert_memory_equal(ring.keys[i].key, key.key, USIGN_KEY_SIZE);
	}
	assert_int_equal(strlen(names.keys[2].name), LIMITS_NAME_SIZE);
}

/* What is there no more has no name either. */
static void test_names_are_read_anew(void **state)
{
	(void)state;
	put_key("trust/operator/anna.pub", 1);
	(void)read_ring();
	assert_int_equal(unlink(path_of("trust/operator/anna.pub")), 0);
	(void)read_ring();
	assert_int_equal(names.key_count, 0);
}

/* One bad file takes nothing from the others, and the log names it. */
static struct file_case {
	const char *name;
	const char *bytes;
	const char *says;
} file_cases[] = {
	{ "file: empty", "", "does not count" },
	{ "file: no comment", "RWQAAAA=\n", "does not count" },
	{ "file: no base64", "untrusted comment: x\n!!!!\n", "does not count" },
	{ "file: too short a key", "untrusted comment: x\nRWQAAAA=\n", "does not count" },
};

static void test_file(void **state)
{
	const struct file_case *c = *state;
	struct keyring ring;

	put_key("trust/operator/anna.pub", 1);
	put("trust/operator/bad.pub", c->bytes, strlen(c->bytes));
	put_key("trust/operator/carla.pub", 3);
	ring = read_ring();
	assert_int_equal(ring.key_count, 2);
	assert_true(holds(&ring, 1) && holds(&ring, 3));
	assert_true(messages.count == 1);
	assert_non_null(strstr(said(0), "bad.pub"));
	assert_non_null(strstr(said(0), c->says));
}

/* Neither a secret key nor a heap of bytes nor a directory is taken for a public key. */
static void test_what_else_may_lie_there(void **state)
{
	static char heap[USIGN_FILE_SIZE_MAX + 1];
	struct usign_secret secret = secret_of(1);
	char file[USIGN_FILE_SIZE_MAX];
	struct keyring ring;

	(void)state;
	put("trust/operator/a.pub", file, usign_write_secret(file, sizeof(file), "x", &secret));
	put("trust/operator/b.pub", heap, sizeof(heap));
	assert_int_equal(files_make_directory(path_of("trust/operator/c.pub")), 0);
	assert_int_equal(symlink("nowhere", path_of("trust/operator/d.pub")), 0);
	ring = read_ring();
	assert_int_equal(ring.key_count, 0);
	assert_true(messages.count == 5);
	assert_non_null(strstr(said(0), "no operator key is trusted"));
	assert_non_null(strstr(said(1), "d.pub"));
	assert_non_null(strstr(said(4), "a.pub"));
}

static void test_nobody_is_trusted(void **state)
{
	struct keyring ring;

	(void)state;
	ring = read_ring();
	assert_int_equal(ring.key_count, 0);
	assert_non_null(strstr(said(0), "no operator key is trusted"));
	assert_int_equal(rmdir(path_of("trust/operator")), 0);
	ring = read_ring();
	assert_int_equal(ring.key_count, 0);
	assert_non_null(strstr(said(0), "no operator key is trusted"));
	/* A path that does not fit is not cut to another one. */
	memset(config.config_directory, 'a', sizeof(config.config_directory) - 1);
	ring = read_ring();
	assert_int_equal(ring.key_count, 0);
}

/* The log says which ones are too many; which ones count does not depend on the file system. */
static void test_more_keys_than_a_ring_holds(void **state)
{
	struct keyring ring;
	char name[64];

	(void)state;
	for (unsigned i = 1; i <= LIMITS_KEYS_MAX + 2; i++) {
		unsigned number = LIMITS_KEYS_MAX + 3 - i;

		snprintf(name, sizeof(name), "trust/operator/%02u.pub", number);
		put_key(name, (uint8_t)number);
	}
	ring = read_ring();
	assert_int_equal(ring.key_count, LIMITS_KEYS_MAX);
	for (uint8_t i = 1; i <= LIMITS_KEYS_MAX; i++)
		assert_true(holds(&ring, i));
	assert_true(messages.count == 2);
	assert_non_null(strstr(said(0), "34.pub does not count"));
	assert_non_null(strstr(said(1), "33.pub does not count"));
}

static void test_a_node_makes_its_key_once(void **state)
{
	struct usign_secret key, again;
	struct stat status;

	(void)state;
	assert_true(trust_node_key(&key, &config, &messages));
	assert_int_equal(stat(path_of("node.sec"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_non_null(strstr(said(0), "made "));
	assert_true(trust_node_key(&again, &config, &messages));
	assert_memory_equal(&again, &key, sizeof(key));
	assert_true(messages.count == 1);
	/* Another node has another one. */
	assert_int_equal(unlink(path_of("node.sec")), 0);
	assert_true(trust_node_key(&again, &config, &messages));
	assert_memory_not_equal(&again, &key, sizeof(key));
}

/* The mesh knows the node by its key: a damaged one stays as it is, for a person to look at. */
static void test_a_damaged_key_is_not_replaced(void **state)
{
	static const char heap[USIGN_FILE_SIZE_MAX + 1];
	struct usign_secret key;
	char *file = NULL, *after = NULL;
	size_t size = 0, after_size = 0;

	(void)state;
	assert_true(trust_node_key(&key, &config, &messages));
	assert_int_equal(files_read(path_of("node.sec"), 4096, &file, &size), 0);
	file[size - 10] = file[size - 10] == 'A' ? 'B' : 'A';
	put("node.sec", file, size);
	assert_false(trust_node_key(&key, &config, &messages));
	assert_non_null(strstr(said(0), "node.sec"));
	assert_int_equal(files_read(path_of("node.sec"), 4096, &after, &after_size), 0);
	assert_int_equal(after_size, size);
	assert_memory_equal(after, file, size);
	free(file);
	free(after);
	put("node.sec", "", 0);
	assert_false(trust_node_key(&key, &config, &messages));
	put("node.sec", heap, sizeof(heap));
	assert_false(trust_node_key(&key, &config, &messages));
	assert_int_equal(files_read(path_of("node.sec"), 4096, &after, &after_size), 0);
	assert_int_equal(after_size, sizeof(heap));
	free(after);
	snprintf(config.state_directory, sizeof(config.state_directory), "%s/missing", root);
	assert_false(trust_node_key(&key, &config, &messages));
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test_setup_teardown(test_names, make_room, clear_room),
		cmocka_unit_test_setup_teardown(test_names_are_read_anew, make_room, clear_room),
		cmocka_unit_test_setup_teardown(test_keys_of_one_role, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_what_else_may_lie_there, make_room, clear_room),
		cmocka_unit_test_setup_teardown(test_nobody_is_trusted, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_more_keys_than_a_ring_holds, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_a_node_makes_its_key_once, make_room, clear_room),
		cmocka_unit_test_setup_teardown(
			test_a_damaged_key_is_not_replaced, make_room, clear_room),
	};
	static struct CMUnitTest tests[COUNT(file_cases) + COUNT(others)];

	if (sodium_init() < 0)
		return 1;
	for (size_t i = 0; i < COUNT(file_cases); i++)
		tests[i] = (struct CMUnitTest){ file_cases[i].name, test_file, make_room,
			clear_room, &file_cases[i] };
	memcpy(tests + COUNT(file_cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
