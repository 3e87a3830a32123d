// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "io/files.h"
#include "release/usign.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { PATH_SIZE = 512 };

extern char **environ;

static char *read_data(const char *name, size_t *size)
{
	char path[PATH_SIZE], *bytes = NULL;

	snprintf(path, sizeof(path), "%s/usign/%s", TESTS_DATA, name);
	assert_int_equal(files_read(path, 4096, &bytes, size), 0);
	return bytes;
}

static struct usign_public public_a(void)
{
	struct usign_public key;
	size_t size;
	char *file = read_data("a.pub", &size);

	assert_int_equal(usign_read_public(&key, file, size), USIGN_OK);
	free(file);
	return key;
}

static struct usign_secret secret_a(void)
{
	struct usign_secret key;
	size_t size;
	char *file = read_data("a.sec", &size);

	assert_int_equal(usign_read_secret(&key, file, size), USIGN_OK);
	free(file);
	return key;
}

/* ---- files ---- */

/* What usign itself wrote is what we write. */
static void test_files_byte_for_byte(void **state)
{
	struct usign_public public_key = public_a();
	struct usign_secret secret = secret_a();
	struct usign_signature signature;
	char file[USIGN_FILE_SIZE_MAX], *wanted;
	size_t size, wanted_size, message_size;
	char *message = read_data("m.txt", &message_size);

	(void)state;
	wanted = read_data("a.pub", &wanted_size);
	size = usign_write_public(file, sizeof(file), "synthetic test key a", &public_key);
	assert_int_equal(size, wanted_size);
	assert_memory_equal(file, wanted, size);
	free(wanted);

	wanted = read_data("m.txt.sig", &wanted_size);
	usign_sign(&signature, &secret, message, message_size);
	size = usign_write_signature(
		file, sizeof(file), "signed by key 8c580d9202b00298", &signature);
	assert_int_equal(size, wanted_size);
	assert_memory_equal(file, wanted, size);
	free(wanted);
	free(message);
}

static void test_secret_file_round_trips(void **state)
{
	struct usign_secret secret, read;
	struct usign_public key, derived;
	const uint8_t seed[USIGN_SEED_SIZE] = { 1, 2, 3 };
	uint8_t hash[BYTES_HASH_SIZE];
	char file[USIGN_FILE_SIZE_MAX];
	size_t size;

	(void)state;
	usign_from_seed(&secret, seed);
	size = usign_write_secret(file, sizeof(file), "a key", &secret);
	assert_int_equal(usign_read_secret(&read, file, size), USIGN_OK);
	assert_memory_equal(&read, &secret, sizeof(secret));

	usign_public_of(&key, &secret);
	usign_public_of(&derived, &read);
	assert_memory_equal(&key, &derived, sizeof(key));
	/* The fingerprint of a derived key is the same on every machine. */
	bytes_sha256(hash, key.key, sizeof(key.key));
	assert_memory_equal(key.keynum, hash, USIGN_KEYNUM_SIZE);
}

#define PUB "RWSMWA2SArACmHF728jRvnnaHNZZIJB50W4IEWQ5fj2Ixp6arQG0VDJs"

static struct file_case {
	const char *name;
	const char *file;
	enum usign_error error;
} file_cases[] = {
	{ "public: as it is", "untrusted comment: x\n" PUB "\n", USIGN_OK },
	{ "public: without the last line's end", "untrusted comment: x\n" PUB, USIGN_OK },
	{ "public: empty", "", USIGN_NO_COMMENT },
	{ "public: no comment", PUB "\n", USIGN_NO_COMMENT },
	{ "public: comment only", "untrusted comment: x\n", USIGN_BAD_BASE64 },
	{ "public: comment without end", "untrusted comment: x", USIGN_NO_COMMENT },
	{ "public: a third line", "untrusted comment: x\n" PUB "\nmore\n", USIGN_BAD_BASE64 },
	{ "public: a blank before", "untrusted comment: x\n " PUB "\n", USIGN_BAD_BASE64 },
	{ "public: a carriage return", "untrusted comment: x\r\n" PUB "\r\n", USIGN_BAD_BASE64 },
	{ "public: too short", "untrusted comment: x\nRWSMWA2SArACmA==\n", USIGN_BAD_BASE64 },
	{ "public: a signature in its place",
		"untrusted comment: x\nRWSMWA2SArACmJJLmr/Z5JcO8uMf7w+uUeZX1wR0rMZRw2q6Wo4Yj012Vule"
		"7hSboz+R3lmMZHxNHCYX5X1sN0nk9dHcbV0Iywg=\n",
		USIGN_BAD_BASE64 },
	{ "public: another algorithm",
		"untrusted comment: x\nSWSMWA2SArACmHF728jRvnnaHNZZIJB50W4IEWQ5fj2Ixp6arQG0VDJs\n",
		USIGN_BAD_KIND },
};

static void test_public_file(void **state)
{
	const struct file_case *c = *state;
	struct usign_public key, before;

	memset(&before, 0x5a, sizeof(before));
	key = before;
	assert_int_equal(usign_read_public(&key, c->file, strlen(c->file)), c->error);
	if (c->error != USIGN_OK) {
		assert_memory_equal(&key, &before, sizeof(key));
		assert_true(usign_error_sentence(c->error)[0] != '\0');
	}
}

/* Each character of the secret's line, changed: never another key, never a crash. */
static void test_damaged_secret_is_refused(void **state)
{
	size_t size;
	char *file = read_data("a.sec", &size);
	struct usign_secret key, good = secret_a();

	(void)state;
	for (size_t i = strcspn(file, "\n") + 1; i < size && file[i] != '\n'; i++) {
		char kept = file[i];

		file[i] = kept == 'A' ? 'B' : 'A';
		if (usign_read_secret(&key, file, size) == USIGN_OK)
			assert_memory_equal(key.secret, good.secret, USIGN_SECRET_SIZE);
		file[i] = kept;
	}
	free(file);
}

static void test_blobs(void **state)
{
	struct usign_public key = public_a(), read;
	char text[USIGN_PUBLIC_BLOB_TEXT_SIZE + 2];

	(void)state;
	usign_public_to_blob(text, &key);
	assert_string_equal(text, PUB);
	assert_true(usign_public_from_blob(&read, text));
	assert_memory_equal(&read, &key, sizeof(key));
	text[USIGN_PUBLIC_BLOB_TEXT_SIZE] = '\n';
	text[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1] = '\0';
	assert_false(usign_public_from_blob(&read, text));
	assert_false(usign_public_from_blob(&read, ""));
	usign_fingerprint(text, key.keynum);
	assert_string_equal(text, "8c580d9202b00298");
}

/* ---- strictness ---- */

static void test_signature_of_usign_is_accepted(void **state)
{
	const struct usign_public key = public_a();
	struct usign_signature signature;
	size_t size, message_size;
	char *file = read_data("m.txt.sig", &size), *message = read_data("m.txt", &message_size);

	(void)state;
	assert_int_equal(usign_read_signature(&signature, file, size), USIGN_OK);
	assert_true(usign_verify(&key, &signature, message, message_size));
	assert_false(usign_verify(&key, &signature, message, message_size - 1));
	for (size_t i = 0; i < sizeof(signature); i++) {
		struct usign_signature changed = signature;

		((uint8_t *)&changed)[i] ^= 1;
		assert_false(usign_verify(&key, &changed, message, message_size));
	}
	free(file);
	free(message);
}

/* S + L in place of S: usign takes it, so one order could be signed in two ways. */
static void test_malleable_signature_is_refused(void **state)
{
	const struct usign_public key = public_a();
	struct usign_signature signature;
	size_t size, message_size;
	char *file = read_data("m_mall.sig", &size), *message = read_data("m.txt", &message_size);

	(void)state;
	assert_int_equal(usign_read_signature(&signature, file, size), USIGN_OK);
	assert_false(usign_verify(&key, &signature, message, message_size));
	free(file);
	free(message);
}

/* Points of small order, canonical or not: with such a key one signature fits every message. */
static const char *const weak_points[] = {
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void test_weak_points_are_refused(void **state)
{
	const struct usign_public good = public_a();

	(void)state;
	for (size_t i = 0; i < COUNT(weak_points); i++) {
		struct usign_public key = { { 0 }, { 0 } };
		struct usign_signature signature = { { 0 }, { 0 } };

		assert_true(bytes_from_hex(key.key, USIGN_KEY_SIZE, weak_points[i]));
		for (size_t j = 0; j < COUNT(weak_points); j++) {
			char message[] = "message 0";

			assert_true(bytes_from_hex(
				signature.signature, USIGN_KEY_SIZE, weak_points[j]));
			for (; message[8] <= '9'; message[8]++)
				assert_false(usign_verify(&key, &signature, message, 9));
		}
		memcpy(signature.keynum, good.keynum, USIGN_KEYNUM_SIZE);
		assert_true(bytes_from_hex(signature.signature, USIGN_KEY_SIZE, weak_points[i]));
		assert_false(usign_verify(&good, &signature, "message", 7));
	}
}

/* ---- signify ---- */

static bool have_signify(void)
{
	return access("/usr/bin/signify-openbsd", X_OK) == 0;
}

/* Runs it there with these arguments, separated by blanks. */
static int run_signify(const char *directory, const char *line)
{
	char words[128], here[PATH_SIZE], program[] = "signify-openbsd";
	char *arguments[16] = { program };
	posix_spawn_file_actions_t actions;
	size_t count = 1;
	pid_t pid;
	int status;

	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
		arguments[count++] = word;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(directory), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
	assert_int_equal(
		posix_spawn(&pid, "/usr/bin/signify-openbsd", &actions, NULL, arguments, environ),
		0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void path_of(char path[static PATH_SIZE], const char *directory, const char *name)
{
	assert_in_range(snprintf(path, PATH_SIZE, "%s/%s", directory, name), 1, PATH_SIZE - 1);
}

static void put(const char *directory, const char *name, const char *bytes, size_t size)
{
	char path[PATH_SIZE];

	path_of(path, directory, name);
	assert_int_equal(files_write(path, bytes, size, 0600), 0);
}

static char *take(const char *directory, const char *name, size_t *size)
{
	char path[PATH_SIZE], *bytes = NULL;

	path_of(path, directory, name);
	assert_int_equal(files_read(path, 4096, &bytes, size), 0);
	return bytes;
}

static void make_directory(char *path, size_t capacity)
{
	snprintf(path, capacity, "%s", "/tmp/lockstep-usign-XXXXXX");
	assert_non_null(mkdtemp(path));
}

static void remove_directory(const char *path)
{
	static const char *const names[] = { "k.pub", "k.sec", "m", "m.sig" };
	char name[PATH_SIZE];

	for (size_t i = 0; i < COUNT(names); i++) {
		path_of(name, path, names[i]);
		(void)unlink(name);
	}
	(void)rmdir(path);
}

static const char make[] = "-G -n -p k.pub -s k.sec";
static const char sign[] = "-S -s k.sec -m m -x m.sig";
static const char verify[] = "-V -p k.pub -m m -x m.sig";
static const char message[] = "{\"lockstep\":1}\n";

static void test_signify_reads_ours(void **state)
{
	char directory[PATH_SIZE], file[USIGN_FILE_SIZE_MAX];
	const uint8_t seed[USIGN_SEED_SIZE] = { 7 };
	struct usign_secret secret;
	struct usign_public key;
	struct usign_signature signature;

	(void)state;
	if (!have_signify())
		skip();
	make_directory(directory, sizeof(directory));
	usign_from_seed(&secret, seed);
	usign_public_of(&key, &secret);
	usign_sign(&signature, &secret, message, sizeof(message) - 1);
	put(directory, "m", message, sizeof(message) - 1);
	put(directory, "k.pub", file, usign_write_public(file, sizeof(file), "k", &key));
	put(directory, "k.sec", file, usign_write_secret(file, sizeof(file), "k", &secret));
	put(directory, "m.sig", file,
		usign_write_signature(file, sizeof(file), "verify with k.pub", &signature));
	assert_int_equal(run_signify(directory, verify), 0);
	put(directory, "m", "another", 7);
	assert_int_not_equal(run_signify(directory, verify), 0);
	/* It signs with our secret key, too. */
	assert_int_equal(run_signify(directory, sign), 0);
	assert_int_equal(run_signify(directory, verify), 0);
	remove_directory(directory);
}

static void test_we_read_signify(void **state)
{
	char directory[PATH_SIZE];
	struct usign_secret secret;
	struct usign_public key, own;
	struct usign_signature signature;
	char *file;
	size_t size;

	(void)state;
	if (!have_signify())
		skip();
	make_directory(directory, sizeof(directory));
	put(directory, "m", message, sizeof(message) - 1);
	assert_int_equal(run_signify(directory, make), 0);
	assert_int_equal(run_signify(directory, sign), 0);

	file = take(directory, "k.pub", &size);
	assert_int_equal(usign_read_public(&key, file, size), USIGN_OK);
	free(file);
	file = take(directory, "k.sec", &size);
	assert_int_equal(usign_read_secret(&secret, file, size), USIGN_OK);
	free(file);
	file = take(directory, "m.sig", &size);
	assert_int_equal(usign_read_signature(&signature, file, size), USIGN_OK);
	free(file);
	usign_public_of(&own, &secret);
	assert_memory_equal(&own, &key, sizeof(key));
	assert_true(usign_verify(&key, &signature, message, sizeof(message) - 1));
	remove_directory(directory);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_files_byte_for_byte),
		cmocka_unit_test(test_secret_file_round_trips),
		cmocka_unit_test(test_damaged_secret_is_refused),
		cmocka_unit_test(test_blobs),
		cmocka_unit_test(test_signature_of_usign_is_accepted),
		cmocka_unit_test(test_malleable_signature_is_refused),
		cmocka_unit_test(test_weak_points_are_refused),
		cmocka_unit_test(test_signify_reads_ours),
		cmocka_unit_test(test_we_read_signify),
	};
	static struct CMUnitTest tests[COUNT(file_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(file_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = file_cases[i].name,
			.test_func = test_public_file,
			.initial_state = &file_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
