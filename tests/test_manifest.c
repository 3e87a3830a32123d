// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "release/manifest.h"
#include "release/manifest_write.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define CHUNK "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" /* 32 bytes */
#define TEN(word) word word word word word word word word word word

static const char good[] =
	"{\"lockstep\":1,\"version\":\"Demo 2.0\",\"sequence\":7,\"created\":\"2026-01-02\","
	"\"info_url\":\"http://demo/\",\"images\":[{\"boards\":[\"demo,alpha\",\"demo,a2\"],"
	"\"file\":\"images/alpha.bin\",\"kind\":\"sysupgrade\",\"size\":1000,"
	"\"sha256\":\"" HASH "\",\"chunk_size\":65536,\"chunks\":\"" CHUNK
	"\",\"compat_version\":\"1.1\",\"urls\":[\"http://demo/alpha.bin\"]},"
	"{\"boards\":[\"demo,beta\"],\"file\":\"images/beta.bin\",\"kind\":\"sysupgrade\","
	"\"size\":2000,\"sha256\":\"" HASH "\",\"chunk_size\":65536,\"chunks\":\"" CHUNK "\"}]}\n";

/* The good one with the first `find` replaced. */
static struct refusal_case {
	const char *name;
	const char *find;
	const char *replace;
	const char *problem;
} refusal_cases[] = {
	{ "refused: another format", "\"lockstep\":1", "\"lockstep\":2", "lockstep" },
	{ "refused: no format", "\"lockstep\":1,", "", "lockstep is missing" },
	{ "refused: no version", "\"version\":\"Demo 2.0\",", "", "version is missing" },
	{ "refused: empty version", "Demo 2.0", "", "version" },
	{ "refused: version with a line end", "Demo 2.0", "Demo\\n2.0", "version" },
	{ "refused: version too long", "Demo 2.0", TEN("0123456789abc"), "version" },
	{ "refused: sequence 0", "\"sequence\":7", "\"sequence\":0", "sequence" },
	{ "refused: negative sequence", "\"sequence\":7", "\"sequence\":-7", "sequence" },
	{ "refused: sequence is text", "\"sequence\":7", "\"sequence\":\"7\"", "sequence" },
	{ "refused: sequence above 2^53", ":7,", ":9007199254740992,", "sequence" },
	{ "refused: created colours", "2026-01-02", "\\u001b[31m", "created" },
	{ "refused: images are no list", "[{\"boards\"", "{\"x\":[{\"boards\"", "" },
	{ "refused: no boards", "[\"demo,alpha\",\"demo,a2\"]", "[]", "images[0].boards" },
	{ "refused: an empty board", "demo,a2", "", "images[0].boards" },
	{ "refused: a board twice", "demo,beta", "demo,a2", "images[1].boards" },
	{ "refused: a file that climbs", "images/alpha.bin", "images/../alpha", "images[0].file" },
	{ "refused: a file elsewhere", "images/alpha.bin", "/etc/passwd", "images[0].file" },
	{ "refused: a file that is hidden", "images/alpha.bin", "images/.alpha", "images[0].file" },
	{ "refused: a file like an option", "images/alpha.bin", "images/-alpha", "images[0].file" },
	{ "refused: a file in a folder", "images/alpha.bin", "images/a/b", "images[0].file" },
	{ "refused: size 0", "\"size\":1000", "\"size\":0", "images[0].size" },
	{ "refused: size beyond all chunks", "\"size\":1000", "\"size\":67108865",
		"images[0].size" },
	{ "refused: more size than chunks", "\"size\":1000", "\"size\":65537", "images[0].chunks" },
	{ "refused: chunk size is no power of two", "\"chunk_size\":65536", "\"chunk_size\":65535",
		"images[0].chunk_size" },
	{ "refused: chunk size too large", ":65536", ":131072", "images[0].chunk_size" },
	{ "refused: chunk size too small", ":65536", ":512", "images[0].chunk_size" },
	{ "refused: hash of 63 digits", "0011223344", "011223344", "images[0].sha256" },
	{ "refused: hash of 65 digits", "0011223344", "00011223344", "images[0].sha256" },
	{ "refused: hash behind a blank", "\"0011223344", "\" 011223344", "images[0].sha256" },
	{ "refused: hash in capitals", "aabbccddeeff", "AABBCCDDEEFF", "images[0].sha256" },
	{ "refused: empty hash", HASH, "", "images[0].sha256" },
	{ "refused: chunks cut", CHUNK, "AAEC", "images[0].chunks" },
	{ "refused: chunks with a blank", "AAECAwQF", "AAEC AwQF", "images[0].chunks" },
	{ "refused: chunks end in bits", "Hh8=", "Hh9=", "images[0].chunks" },
	{ "refused: compat_version without a dot", "\"1.1\"", "\"1\"", "images[0].compat_version" },
	{ "refused: compat_version is a word", "\"1.1\"", "\"a.b\"", "images[0].compat_version" },
	{ "refused: five addresses", "\"http://demo/alpha.bin\"", "\"a\",\"a\",\"a\",\"a\",\"a\"",
		"images[0].urls" },
	{ "refused: the second image", "\"size\":2000", "\"size\":-1", "images[1].size" },
	{ "refused: more behind the end", "]}\n", "]} x", "" },
	{ "refused: cut off", "]}\n", "]", "" },
};

static size_t replace(char *to, size_t capacity, const char *find, const char *with)
{
	const char *at = strstr(good, find);

	assert_non_null(at);
	return (size_t)snprintf(
		to, capacity, "%.*s%s%s", (int)(at - good), good, with, at + strlen(find));
}

static void test_refusal(void **state)
{
	const struct refusal_case *c = *state;
	char document[sizeof(good) + 512], problem[LIMITS_MESSAGE_SIZE + 1] = "";
	struct manifest before, manifest;
	size_t size = replace(document, sizeof(document), c->find, c->replace);

	memset(&before, 0x5a, sizeof(before));
	manifest = before;
	assert_false(manifest_decode(&manifest, document, size, problem, sizeof(problem)));
	assert_memory_equal(&manifest, &before, sizeof(manifest));
	assert_true(problem[0] != '\0');
	if (strstr(problem, c->problem) != problem)
		fail_msg("\"%s\" does not begin with \"%s\"", problem, c->problem);
}

static void test_good(void **state)
{
	struct manifest manifest;
	static struct image image;
	char problem[LIMITS_MESSAGE_SIZE + 1] = "";

	(void)state;
	assert_true(manifest_decode(&manifest, good, strlen(good), problem, sizeof(problem)));
	assert_string_equal(manifest.version, "Demo 2.0");
	assert_int_equal(manifest.sequence, 7);
	assert_int_equal(manifest.image_count, 2);
	assert_true(manifest_image(&image, 0, good, strlen(good)));
	assert_int_equal(image.board_count, 2);
	assert_string_equal(image.boards[1], "demo,a2");
	assert_string_equal(image.compat_version, "1.1");
	assert_int_equal(image.chunk_count, 1);
	assert_int_equal(image.chunk_sha256[0][31], 0x1f);
	assert_true(manifest_find_image(&image, "demo,beta", good, strlen(good)));
	assert_string_equal(image.file, "images/beta.bin");
	assert_string_equal(image.compat_version, "1.0");
	assert_int_equal(image.url_count, 0);
	assert_false(manifest_find_image(&image, "demo,gamma", good, strlen(good)));
	assert_false(manifest_find_image(&image, "demo", good, strlen(good)));
	assert_false(manifest_image(&image, 2, good, strlen(good)));
}

static void note_image(void *context, const struct image *image)
{
	char *files = context;

	strcat(strcat(files, image->file), " ");
}

static void test_walk(void **state)
{
	struct manifest manifest;
	static struct image image;
	char problem[LIMITS_MESSAGE_SIZE + 1] = "", files[256] = "";

	(void)state;
	assert_true(manifest_walk(
		&manifest, good, strlen(good), note_image, files, problem, sizeof(problem)));
	assert_int_equal(manifest.image_count, 2);
	assert_string_equal(files, "images/alpha.bin images/beta.bin ");
	assert_true(manifest_image(&image, 0, good, strlen(good)));
	assert_true(image_is_for(&image, "demo,a2"));
	assert_false(image_is_for(&image, "demo,a"));
}

/* Every document that ends early is refused: the end is part of what is signed. */
static void test_torn(void **state)
{
	struct manifest manifest;
	char problem[LIMITS_MESSAGE_SIZE + 1];

	(void)state;
	for (size_t size = 0; size < strlen(good) - 1; size++)
		assert_false(manifest_decode(&manifest, good, size, problem, sizeof(problem)));
}

static void test_what_is_written_is_read(void **state)
{
	static struct image image, read;
	static uint8_t bytes[3 * LIMITS_CHUNK_SIZE + 5];
	static char document[8192];
	struct manifest manifest = { .version = "Demo \"3\"", .created = "today", .sequence = 3 };
	struct manifest decoded;
	char problem[LIMITS_MESSAGE_SIZE + 1] = "";
	struct text text;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + i / LIMITS_CHUNK_SIZE);
	assert_false(manifest_measure(&image, bytes, 0));
	assert_true(manifest_measure(&image, bytes, sizeof(bytes)));
	assert_int_equal(image.chunk_count, 4);
	text_set(image.boards[0], sizeof(image.boards[0]), "demo,alpha");
	image.board_count = 1;
	text_set(image.file, sizeof(image.file), "images/00-x.bin");
	text_set(image.kind, sizeof(image.kind), "sysupgrade");
	text_set(image.compat_version, sizeof(image.compat_version), "1.0");
	manifest.image_count = 1;
	text_init(&text, document, sizeof(document));
	manifest_write_begin(&text, &manifest);
	manifest_write_image(&text, &image);
	manifest_write_end(&text);
	assert_false(text_cut(&text));
	if (!manifest_decode(&decoded, document, text.size, problem, sizeof(problem)))
		fail_msg("%s: %s", problem, document);
	assert_string_equal(decoded.version, manifest.version);
	assert_true(manifest_image(&read, 0, document, text.size));
	assert_memory_equal(&read, &image, sizeof(read));

	assert_int_equal(image_chunk_bytes(&read, 0), LIMITS_CHUNK_SIZE);
	assert_int_equal(image_chunk_bytes(&read, 3), 5);
	assert_true(image_chunk_is(&read, 3, bytes + 3 * LIMITS_CHUNK_SIZE, 5));
	assert_false(image_chunk_is(&read, 3, bytes + 3 * LIMITS_CHUNK_SIZE, 4));
	assert_false(image_chunk_is(&read, 2, bytes, LIMITS_CHUNK_SIZE));
	assert_false(image_chunk_is(&read, 4, bytes, 0));
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_what_is_written_is_read),
	};
	static struct CMUnitTest tests[COUNT(refusal_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(refusal_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = refusal_cases[i].name,
			.test_func = test_refusal,
			.initial_state = &refusal_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
