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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "release/keyring.h"
#include "source/directory.h"

enum { IMAGE_SIZE = 2500, CHUNK_SIZE = 1024, CHUNKS = 3 };

static char root[64];
static char problem[200];
static uint8_t bytes[IMAGE_SIZE];
static uint8_t hash[BYTES_HASH_SIZE];
static struct usign_secret secret;
static struct directory directory;

static const char *below(const char *name)
{
	static char paths[4][200];
	static int next;

	next = (next + 1) % 4;
	snprintf(paths[next], sizeof(paths[next]), "%s/%s", root, name);
	return paths[next];
}

static void write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(below(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static size_t make_manifest(char *text, size_t capacity, const char *file)
{
	uint8_t chunks[CHUNKS * BYTES_HASH_SIZE];
	char base64[CHUNKS * BYTES_HASH_SIZE * 2];
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	for (size_t i = 0; i < CHUNKS; i++) {
		size_t left = IMAGE_SIZE - i * CHUNK_SIZE;

		bytes_sha256(chunks + i * BYTES_HASH_SIZE, bytes + i * CHUNK_SIZE,
			left < CHUNK_SIZE ? left : CHUNK_SIZE);
	}
	bytes_to_base64(base64, chunks, sizeof(chunks));
	bytes_to_hex(hex, hash, sizeof(hash));
	return (size_t)snprintf(text, capacity,
		"{\"lockstep\":1,\"version\":\"Demo 2\",\"sequence\":2,"
		"\"created\":\"2026-01-01T00:00:00Z\",\"images\":[{\"boards\":[\"demo,alpha\"],"
		"\"file\":\"%s\",\"kind\":\"sysupgrade\",\"size\":%d,\"sha256\":\"%s\","
		"\"chunk_size\":%d,\"chunks\":\"%s\"}]}",
		file, IMAGE_SIZE, hex, CHUNK_SIZE, base64);
}

static void sign(const char *name, const char *text, size_t size)
{
	char file[USIGN_FILE_SIZE_MAX];
	struct usign_signature signature;

	usign_sign(&signature, &secret, text, size);
	size = usign_write_signature(file, sizeof(file), "signed by a test", &signature);
	write_file(name, file, size);
}

static int set_up(void **state)
{
	static const uint8_t seed[USIGN_SEED_SIZE] = { 1, 2, 3 };
	char text[2000];
	size_t size;

	(void)state;
	strcpy(root, "/tmp/lockstep-directory-XXXXXX");
	if (mkdtemp(root) == NULL || mkdir(below("images"), 0700) != 0 ||
		mkdir(below("signatures"), 0700) != 0)
		return -1;
	for (size_t i = 0; i < IMAGE_SIZE; i++)
		bytes[i] = (uint8_t)(i * 13);
	bytes_sha256(hash, bytes, IMAGE_SIZE);
	usign_from_seed(&secret, seed);
	size = make_manifest(text, sizeof(text), "images/alpha.bin");
	write_file("release.json", text, size);
	write_file("images/alpha.bin", bytes, IMAGE_SIZE);
	sign("signatures/a.sig", text, size);
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	directory_close(&directory);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void open_it(void)
{
	assert_int_equal(directory_open(&directory, root, problem, sizeof(problem)), 0);
}

static void refuse(int result)
{
	problem[0] = '\0';
	assert_int_equal(directory_open(&directory, root, problem, sizeof(problem)), result);
	assert_string_not_equal(problem, "");
	assert_null(directory.manifest);
	assert_int_equal(directory.image_count, 0);
}

static void test_open(void **state)
{
	uint8_t id[BYTES_HASH_SIZE];
	struct keyring ring = { 0 };
	struct usign_public key;

	(void)state;
	open_it();
	bytes_sha256(id, directory.manifest, directory.manifest_size);
	assert_memory_equal(directory.release_id, id, sizeof(id));
	assert_int_equal(directory.image_count, 1);
	assert_int_equal(directory.signature_count, 1);
	usign_public_of(&key, &secret);
	assert_true(keyring_add(&ring, &key));
	assert_int_equal(
		keyring_count_signers(&ring, directory.signatures, directory.signature_count,
			directory.manifest, directory.manifest_size),
		1);
}

static void test_image(void **state)
{
	uint8_t other[BYTES_HASH_SIZE] = { 0 }, read_back[IMAGE_SIZE];
	const struct directory_image *image;
	int fd;

	(void)state;
	open_it();
	assert_null(directory_find(&directory, other));
	image = directory_find(&directory, hash);
	assert_non_null(image);
	assert_true(image->size == IMAGE_SIZE);
	assert_int_equal(image->chunk_count, CHUNKS);
	assert_int_equal(image->chunk_size, CHUNK_SIZE);
	fd = directory_open_image(&directory, image);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, read_back, IMAGE_SIZE), IMAGE_SIZE);
	assert_memory_equal(read_back, bytes, IMAGE_SIZE);
	close(fd);
}

static void test_image_of_another_size(void **state)
{
	(void)state;
	open_it();
	assert_int_equal(truncate(below("images/alpha.bin"), IMAGE_SIZE - 1), 0);
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -EBADMSG);
	assert_int_equal(unlink(below("images/alpha.bin")), 0);
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -ENOENT);
}

static void test_image_that_is_no_file(void **state)
{
	(void)state;
	open_it();
	assert_int_equal(rename(below("images/alpha.bin"), below("images/real.bin")), 0);
	assert_int_equal(symlink("real.bin", below("images/alpha.bin")), 0);
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -ELOOP);
	assert_int_equal(unlink(below("images/alpha.bin")), 0);
	assert_int_equal(mkfifo(below("images/alpha.bin"), 0600), 0);
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -EINVAL);
}

/* A stick may hold anything: what its `images` leads to is not its own. */
static void test_images_that_lead_elsewhere(void **state)
{
	uint64_t size;

	(void)state;
	open_it();
	assert_int_equal(rename(below("images"), below("elsewhere")), 0);
	assert_int_equal(symlink("elsewhere", below("images")), 0);
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -ENOENT);
	assert_int_equal(
		directory_open_file(&directory, &directory.images[0], O_RDONLY, &size), -ENOENT);
	assert_int_equal(unlink(below("images")), 0);
	assert_int_equal(rename(below("elsewhere"), below("images")), 0);
}

static void test_a_part_of_an_image(void **state)
{
	uint64_t size = 0;
	int fd;

	(void)state;
	open_it();
	assert_int_equal(truncate(below("images/alpha.bin"), 10), 0);
	fd = directory_open_file(&directory, &directory.images[0], O_RDONLY, &size);
	assert_true(fd >= 0);
	assert_true(size == 10);
	close(fd);
	assert_int_equal(unlink(below("images/alpha.bin")), 0);
	fd = directory_open_file(&directory, &directory.images[0], O_RDWR | O_CREAT, &size);
	assert_true(fd >= 0);
	assert_true(size == 0);
	close(fd);
	directory.path[0] = '\0'; /* of a release that lies nowhere */
	assert_int_equal(
		directory_open_file(&directory, &directory.images[0], O_RDONLY, &size), -EINVAL);
	strcpy(directory.path, root);
}

static void test_index(void **state)
{
	char text[2000];
	size_t size = make_manifest(text, sizeof(text), "images/alpha.bin");

	(void)state;
	directory.manifest = strdup(text);
	directory.manifest_size = size;
	for (int i = 0; i < 2; i++) { /* anew, and not beside what was there */
		assert_true(directory_index(&directory, problem, sizeof(problem)));
		assert_int_equal(directory.image_count, 1);
		assert_memory_equal(directory.images[0].sha256, hash, sizeof(hash));
	}
	directory.manifest_size--;
	problem[0] = '\0';
	assert_false(directory_index(&directory, problem, sizeof(problem)));
	assert_int_equal(directory.image_count, 0);
	assert_string_not_equal(problem, "");
}

/* Should the manifest's reader ever let one through. */
static void test_path_that_leads_out(void **state)
{
	(void)state;
	open_it();
	strcpy(directory.images[0].file, "images/../../etc/passwd");
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -EINVAL);
	strcpy(directory.images[0].file, "/etc/passwd");
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -EINVAL);
	strcpy(directory.images[0].file, "../etc/passwd");
	assert_int_equal(directory_open_image(&directory, &directory.images[0]), -EINVAL);
}

static void test_dots_inside_of_a_name(void **state)
{
	char text[2000];
	int fd;

	(void)state;
	write_file("release.json", text, make_manifest(text, sizeof(text), "images/alpha..bin"));
	assert_int_equal(rename(below("images/alpha.bin"), below("images/alpha..bin")), 0);
	open_it();
	fd = directory_open_image(&directory, &directory.images[0]);
	assert_true(fd >= 0);
	close(fd);
}

static void test_signatures_are_bounded(void **state)
{
	char name[40];

	(void)state;
	open_it();
	write_file("signatures/broken.sig", "untrusted comment: x\nAAAA\n", 26);
	write_file("signatures/README", "x", 1);
	for (int i = 0; i < LIMITS_SIGNATURES_MAX + 5; i++) {
		snprintf(name, sizeof(name), "signatures/%d.sig", i);
		sign(name, directory.manifest, directory.manifest_size);
	}
	directory_close(&directory);
	open_it();
	assert_int_equal(directory.signature_count, LIMITS_SIGNATURES_MAX);
}

static void test_unsigned_release(void **state)
{
	(void)state;
	assert_int_equal(unlink(below("signatures/a.sig")), 0);
	assert_int_equal(rmdir(below("signatures")), 0);
	open_it();
	assert_int_equal(directory.signature_count, 0);
}

static void test_refusals(void **state)
{
	static char large[LIMITS_MANIFEST_SIZE + 1];

	(void)state;
	write_file("release.json", "{}", 2);
	refuse(-EBADMSG);
	write_file("release.json", "", 0);
	refuse(-EBADMSG);
	memset(large, ' ', sizeof(large));
	write_file("release.json", large, sizeof(large));
	refuse(-EFBIG);
	assert_int_equal(unlink(below("release.json")), 0);
	refuse(-ENOENT);
	assert_int_equal(mkdir(below("release.json"), 0700), 0);
	refuse(-EINVAL);
	assert_int_equal(
		directory_open(&directory, "/no/such/place", problem, sizeof(problem)), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_image),
		TEST(test_image_of_another_size),
		TEST(test_image_that_is_no_file),
		TEST(test_images_that_lead_elsewhere),
		TEST(test_a_part_of_an_image),
		TEST(test_index),
		TEST(test_path_that_leads_out),
		TEST(test_dots_inside_of_a_name),
		TEST(test_signatures_are_bounded),
		TEST(test_unsigned_release),
		TEST(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
