// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "release/verdict.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define CHUNK "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const char good[] =
	"{\"lockstep\":1,\"version\":\"Demo 2.0\",\"sequence\":7,\"images\":[{\"boards\":["
	"\"demo,alpha\"],\"file\":\"images/alpha.bin\",\"kind\":\"sysupgrade\",\"size\":1000,"
	"\"sha256\":\"" HASH "\",\"chunk_size\":65536,\"chunks\":\"" CHUNK
	"\",\"compat_version\":\"1.1\"}]}\n";

enum { TRUSTED = 3, STRANGER = 9 };

static struct verdict_case {
	const char *name;
	const char *document;
	uint8_t signers[4]; /* numbers of keys; 1..TRUSTED are ours */
	uint32_t threshold;
	const char *board;
	const char *compat_version;
	uint64_t floor;
	bool allow_downgrade;
	bool other_id;
	enum reason reason;
} verdict_cases[] = {
	{ "fine", good, { 1 }, 1, "demo,alpha", "1.1", 6, false, false, REASON_NONE },
	{ "the same sequence again", good, { 1 }, 1, "demo,alpha", "1.1", 7, false, false,
		REASON_NONE },
	{ "two of two", good, { 1, 3 }, 2, "demo,alpha", "1.1", 0, false, false, REASON_NONE },
	{ "one of two", good, { 1 }, 2, "demo,alpha", "1.1", 0, false, false,
		REASON_TOO_FEW_SIGNATURES },
	{ "one of two, twice", good, { 2, 2 }, 2, "demo,alpha", "1.1", 0, false, false,
		REASON_TOO_FEW_SIGNATURES },
	{ "one of two and a stranger", good, { 2, STRANGER }, 2, "demo,alpha", "1.1", 0, false,
		false, REASON_TOO_FEW_SIGNATURES },
	{ "a stranger", good, { STRANGER }, 1, "demo,alpha", "1.1", 0, false, false,
		REASON_TOO_FEW_SIGNATURES },
	{ "nobody", good, { 0 }, 1, "demo,alpha", "1.1", 0, false, false,
		REASON_TOO_FEW_SIGNATURES },
	{ "another release than ordered", good, { 1 }, 1, "demo,alpha", "1.1", 0, false, true,
		REASON_RELEASE_MISMATCH },
	/* Nothing unsigned is interpreted: what is wrong with it is not even looked at. */
	{ "garbage of nobody", "{{{", { 0 }, 1, "demo,alpha", "1.1", 0, false, false,
		REASON_TOO_FEW_SIGNATURES },
	{ "garbage of a stranger", "{{{", { STRANGER }, 1, "demo,alpha", "1.1", 0, false, false,
		REASON_TOO_FEW_SIGNATURES },
	{ "garbage that was signed", "{{{", { 1 }, 1, "demo,alpha", "1.1", 0, false, false,
		REASON_BAD_RELEASE },
	{ "no image for the board", good, { 1 }, 1, "demo,beta", "1.1", 0, false, false,
		REASON_NO_IMAGE_FOR_BOARD },
	{ "a part of a board's name", good, { 1 }, 1, "demo,alph", "1.1", 0, false, false,
		REASON_NO_IMAGE_FOR_BOARD },
	{ "older than what runs", good, { 1 }, 1, "demo,alpha", "1.1", 8, false, false,
		REASON_DOWNGRADE },
	{ "older, on purpose", good, { 1 }, 1, "demo,alpha", "1.1", 8, true, false, REASON_NONE },
	{ "a higher minor", good, { 1 }, 1, "demo,alpha", "1.0", 0, false, false,
		REASON_COMPAT_VERSION },
	{ "no compat_version means 1.0", good, { 1 }, 1, "demo,alpha", "", 0, false, false,
		REASON_COMPAT_VERSION },
	{ "a lower minor", good, { 1 }, 1, "demo,alpha", "1.2", 0, false, false, REASON_NONE },
	{ "another major", good, { 1 }, 1, "demo,alpha", "2.1", 0, false, false,
		REASON_COMPAT_VERSION },
};

static struct usign_secret make_secret(uint8_t number)
{
	const uint8_t seed[USIGN_SEED_SIZE] = { number };
	struct usign_secret secret;

	usign_from_seed(&secret, seed);
	return secret;
}

static void test_verdict(void **state)
{
	const struct verdict_case *c = *state;
	static struct image image, image_before;
	struct manifest manifest, manifest_before;
	struct keyring ring = { 0 };
	struct usign_signature signatures[4];
	char detail[LIMITS_MESSAGE_SIZE + 1] = "";
	uint8_t release_id[BYTES_HASH_SIZE];
	struct verdict_question question = {
		.release_id = release_id,
		.manifest_bytes = c->document,
		.manifest_size = strlen(c->document),
		.signatures = signatures,
		.trusted = &ring,
		.threshold = c->threshold,
		.board = c->board,
		.sequence_floor = c->floor,
		.allow_downgrade = c->allow_downgrade,
		.compat_version = c->compat_version,
	};

	for (uint8_t i = 1; i <= TRUSTED; i++) {
		const struct usign_secret secret = make_secret(i);
		struct usign_public key;

		usign_public_of(&key, &secret);
		assert_true(keyring_add(&ring, &key));
	}
	for (; c->signers[question.signature_count] != 0; question.signature_count++) {
		const struct usign_secret secret =
			make_secret(c->signers[question.signature_count]);

		usign_sign(&signatures[question.signature_count], &secret, c->document,
			strlen(c->document));
	}
	bytes_sha256(release_id, c->document, strlen(c->document));
	release_id[0] ^= c->other_id;
	memset(&manifest_before, 0x5a, sizeof(manifest_before));
	memset(&image_before, 0x5a, sizeof(image_before));
	manifest = manifest_before;
	image = image_before;

	assert_int_equal(
		verdict_give(&question, &manifest, &image, detail, sizeof(detail)), c->reason);
	if (c->reason == REASON_NONE) {
		assert_string_equal(manifest.version, "Demo 2.0");
		assert_string_equal(image.boards[0], "demo,alpha");
	} else {
		assert_memory_equal(&manifest, &manifest_before, sizeof(manifest));
		assert_memory_equal(&image, &image_before, sizeof(image));
	}
}

int main(void)
{
	static struct CMUnitTest tests[COUNT(verdict_cases)];

	for (size_t i = 0; i < COUNT(verdict_cases); i++)
		tests[i] = (struct CMUnitTest){ .name = verdict_cases[i].name,
			.test_func = test_verdict,
			.initial_state = &verdict_cases[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
