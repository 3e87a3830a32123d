// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "release/passphrase.h"

/* scrypt (N=32768, r=8, p=1) by another implementation, of "lockstep:demo" and "lockstep:other". */
static const char seed_of_demo[] =
	"ac6f236e396d664e459c56ae8ff7de0ebb93366fff23937f2624c6e570be9d10";
static const char seed_of_other[] =
	"7d9f8450ef97c34012d1dfb9b961bdc3447b5652950c026599d8394e80d9e87c";
static const char passphrase[] = "six plain words make a key";

static void assert_seed(const char *mesh, const char *seed)
{
	struct usign_secret secret;
	char hex[USIGN_SEED_SIZE * 2 + 1];

	assert_true(passphrase_derive(&secret, passphrase, mesh));
	bytes_to_hex(hex, secret.secret, USIGN_SEED_SIZE);
	assert_string_equal(hex, seed);
}

static void test_derivation(void **state)
{
	(void)state;
	assert_seed("demo", seed_of_demo);
	assert_seed("other", seed_of_other);
}

static void test_derived_key_signs(void **state)
{
	struct usign_secret secret, again;
	struct usign_public key;
	struct usign_signature signature;

	(void)state;
	assert_true(passphrase_derive(&secret, passphrase, "demo"));
	assert_true(passphrase_derive(&again, passphrase, "demo"));
	assert_memory_equal(&secret, &again, sizeof(secret)); /* the fingerprint, too */
	usign_public_of(&key, &secret);
	usign_sign(&signature, &secret, "order", 5);
	assert_true(usign_verify(&key, &signature, "order", 5));
}

static void test_weakness(void **state)
{
	(void)state;
	assert_null(passphrase_weakness(passphrase));
	assert_non_null(passphrase_weakness(""));
	assert_non_null(passphrase_weakness("fifteen letters"));
	assert_null(passphrase_weakness("sixteen letters!"));
	assert_non_null(passphrase_weakness("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_non_null(passphrase_weakness("abcabcabcabcabcabcabcabcabcabc"));
}

static void test_words(void **state)
{
	const uint8_t zeros[12] = { 0 };
	uint8_t bits[12], other[12];
	char text[64], changed[64];

	(void)state;
	passphrase_from_bits(text, sizeof(text), zeros);
	assert_string_equal(text, "babab-babab-babab-babab-babab-babab");
	assert_int_equal(strlen(text), 35);
	/* Every bit counts. */
	for (size_t i = 0; i < sizeof(bits); i++)
		bits[i] = (uint8_t)(i * 37 + 5);
	passphrase_from_bits(text, sizeof(text), bits);
	assert_null(passphrase_weakness(text));
	for (size_t i = 0; i < sizeof(bits) * 8; i++) {
		memcpy(other, bits, sizeof(other));
		other[i / 8] ^= (uint8_t)(1 << i % 8);
		passphrase_from_bits(changed, sizeof(changed), other);
		assert_string_not_equal(text, changed);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derivation),
		cmocka_unit_test(test_derived_key_signs),
		cmocka_unit_test(test_weakness),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
