// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/files.h"
#include "release/trailer.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { FILE_SIZE_MAX = 65536 };

/* Files that the stock tool wrote, and such as make it hang, crash or read where nothing is. */
static struct file_case {
	const char *file;
	enum trailer_error error;
	const char *compat_version;
	const char *device; /* the first */
	bool signed_chunk;
} file_cases[] = {
	{ "fwtool-good-4k.bin", TRAILER_OK, "1.0", "tplink,archer-c7-v2", false },
	{ "fwtool-good-4k-signed.bin", TRAILER_OK, "1.0", "tplink,archer-c7-v2", true },
	{ "fwtool-compat-1.1.bin", TRAILER_OK, "1.1", NULL, false },
	{ "fwtool-compat-2.0.bin", TRAILER_OK, "2.0", NULL, false },
	{ "fwtool-nometa.bin", TRAILER_NONE, NULL, NULL, false },
	{ "evil-badcrc.bin", TRAILER_BAD_CRC, NULL, NULL, false },
	{ "evil-badjson.bin", TRAILER_BAD_METADATA, NULL, NULL, false },
	{ "evil-nul_in_json.bin", TRAILER_BAD_METADATA, NULL, NULL, false },
	{ "evil-only_trailer.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size0.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size8.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size16.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size20.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size_80000000.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size_fffffff0.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size_gt_32k.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-size_gt_file.bin", TRAILER_BAD_SIZE, NULL, NULL, false },
	{ "evil-truncated.bin", TRAILER_NONE, NULL, NULL, false },
	{ "evil-type_ff.bin", TRAILER_BAD_TYPE, NULL, NULL, false },
};

static uint8_t *read_data(const char *name, size_t *size)
{
	char path[512], *bytes = NULL;

	snprintf(path, sizeof(path), "%s/fwtool/%s", TESTS_DATA, name);
	assert_int_equal(files_read(path, FILE_SIZE_MAX, &bytes, size), 0);
	return (uint8_t *)bytes;
}

static void test_file(void **state)
{
	const struct file_case *c = *state;
	struct trailer before, trailer;
	size_t size;
	uint8_t *file = read_data(c->file, &size);

	memset(&before, 0x5a, sizeof(before));
	trailer = before;
	assert_int_equal(trailer_read(&trailer, file, size), c->error);
	if (c->error != TRAILER_OK) {
		assert_memory_equal(&trailer, &before, sizeof(trailer));
	} else {
		assert_string_equal(trailer.compat_version, c->compat_version);
		assert_true(trailer.device_count > 0);
		if (c->device != NULL)
			assert_string_equal(trailer.devices[0], c->device);
		assert_int_equal(trailer.signed_chunk, c->signed_chunk);
	}
	assert_true(trailer_error_sentence(c->error)[0] != '\0');
	free(file);
}

/* Cut off anywhere, or with any byte of its end changed: refused, and never a wild read. */
static void test_damage(void **state)
{
	struct trailer trailer;
	size_t size, unsigned_size;
	uint8_t *file = read_data("fwtool-good-4k.bin", &unsigned_size);

	(void)state;
	free(file);
	file = read_data("fwtool-good-4k-signed.bin", &size);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(
			trailer_read(&trailer, file, cut) == TRAILER_OK, cut == unsigned_size);
	for (size_t i = 4000; i < size; i++) {
		/* Three bytes of the last footer mean nothing. */
		bool padding = i >= size - 7 && i < size - 4;

		file[i] ^= 0x20;
		assert_int_equal(trailer_read(&trailer, file, size) == TRAILER_OK, padding);
		file[i] ^= 0x20;
	}
	free(file);
}

static void test_write_is_read(void **state)
{
	static const char metadata[] = "{\"metadata_version\":\"1.1\",\"compat_version\":\"1.0\","
				       "\"supported_devices\":[\"demo,alpha\",\"demo,beta\"],"
				       "\"version\":{\"version\":\"Demo 2.0\"}}";
	uint8_t file[1024];
	struct trailer trailer;
	size_t size;

	(void)state;
	for (size_t i = 0; i < 300; i++)
		file[i] = (uint8_t)(i * 7);
	size = trailer_write(file + 300, sizeof(file) - 300, file, 300, metadata, strlen(metadata));
	assert_true(size > strlen(metadata));
	assert_int_equal(trailer_read(&trailer, file, 300 + size), TRAILER_OK);
	assert_string_equal(trailer.version, "Demo 2.0");
	assert_int_equal(trailer.device_count, 2);
	assert_string_equal(trailer.devices[1], "demo,beta");
	assert_int_equal(
		trailer_write(file + 300, size - 1, file, 300, metadata, strlen(metadata)), 0);
	file[10] ^= 1; /* the checksum covers the image as well */
	assert_int_equal(trailer_read(&trailer, file, 300 + size), TRAILER_BAD_CRC);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_write_is_read),
	};
	static struct CMUnitTest tests[COUNT(file_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(file_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = file_cases[i].file,
			.test_func = test_file,
			.initial_state = &file_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
