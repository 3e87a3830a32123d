// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "release/keyring.h"

static const char message[] = "a release";

static struct usign_secret make_secret(uint8_t number)
{
	const uint8_t seed[USIGN_SEED_SIZE] = { number };
	struct usign_secret secret;

	usign_from_seed(&secret, seed);
	return secret;
}

static struct usign_public make_public(uint8_t number)
{
	const struct usign_secret secret = make_secret(number);
	struct usign_public key;

	usign_public_of(&key, &secret);
	return key;
}

static struct usign_signature sign(uint8_t number)
{
	const struct usign_secret secret = make_secret(number);
	struct usign_signature signature;

	usign_sign(&signature, &secret, message, sizeof(message));
	return signature;
}

static void fill(struct keyring *ring, uint8_t count)
{
	ring->key_count = 0;
	for (uint8_t i = 1; i <= count; i++) {
		const struct usign_public key = make_public(i);

		assert_true(keyring_add(ring, &key));
	}
}

static void test_full_ring(void **state)
{
	static struct keyring ring;
	struct usign_public key;

	(void)state;
	fill(&ring, LIMITS_KEYS_MAX);
	assert_int_equal(ring.key_count, LIMITS_KEYS_MAX);
	key = make_public(LIMITS_KEYS_MAX + 1);
	assert_false(keyring_add(&ring, &key));
	assert_int_equal(ring.key_count, LIMITS_KEYS_MAX);
	key = make_public(3);
	assert_true(keyring_add(&ring, &key)); /* is in it already */
	assert_int_equal(ring.key_count, LIMITS_KEYS_MAX);
}

/* The 32 bytes are the key; the keynum is a label that anybody may choose. */
static void test_one_key_under_two_numbers_is_one(void **state)
{
	struct keyring ring;
	struct usign_public key = make_public(1);

	(void)state;
	fill(&ring, 1);
	key.keynum[0] ^= 0xff;
	assert_true(keyring_add(&ring, &key));
	assert_int_equal(ring.key_count, 1);
}

static void test_verify_finds_the_key(void **state)
{
	struct keyring ring;
	struct usign_signature signature = sign(2);
	const struct usign_public *found;

	(void)state;
	fill(&ring, 3);
	found = keyring_verify(&ring, &signature, message, sizeof(message));
	assert_ptr_equal(found, &ring.keys[1]);
	assert_null(keyring_verify(&ring, &signature, message, sizeof(message) - 1));
	signature = sign(4);
	assert_null(keyring_verify(&ring, &signature, message, sizeof(message)));
}

/* A stranger's key that pretends to be ours by its number stands in nobody's way. */
static void test_two_keys_of_one_number(void **state)
{
	struct keyring ring = { 0 };
	const struct usign_public good = make_public(1);
	const struct usign_signature signature = sign(1);
	struct usign_public other = make_public(2);

	(void)state;
	memcpy(other.keynum, good.keynum, USIGN_KEYNUM_SIZE);
	assert_true(keyring_add(&ring, &other));
	assert_true(keyring_add(&ring, &good));
	assert_ptr_equal(
		keyring_verify(&ring, &signature, message, sizeof(message)), &ring.keys[1]);
}

static void test_signers_are_counted_once(void **state)
{
	struct keyring ring;
	struct usign_signature signatures[6];

	(void)state;
	fill(&ring, 3);
	signatures[0] = sign(1);
	signatures[1] = sign(1);
	signatures[2] = sign(9); /* of a stranger */
	signatures[3] = sign(3);
	signatures[4] = sign(2);
	signatures[4].signature[5] ^= 1;
	signatures[5] = sign(3);
	assert_int_equal(keyring_count_signers(&ring, signatures, 6, message, sizeof(message)), 2);
	assert_int_equal(keyring_count_signers(&ring, signatures, 3, message, sizeof(message)), 1);
	assert_int_equal(keyring_count_signers(&ring, signatures, 0, message, sizeof(message)), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_ring),
		cmocka_unit_test(test_one_key_under_two_numbers_is_one),
		cmocka_unit_test(test_verify_finds_the_key),
		cmocka_unit_test(test_two_keys_of_one_number),
		cmocka_unit_test(test_signers_are_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
