// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/passphrase.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/limits.h"
#include "base/text.h"

enum {
	SCRYPT_N = 32768,
	SCRYPT_R = 8,
	SCRYPT_P = 1,
	PASSPHRASE_SIZE_MIN = 16,
	DISTINCT_MIN = 8,
	WORDS = 6,
};

const char *passphrase_weakness(const char *passphrase)
{
	size_t distinct = 0;

	for (const char *c = passphrase; *c != '\0'; c++)
		distinct += strchr(passphrase, *c) == c;
	if (strlen(passphrase) < PASSPHRASE_SIZE_MIN)
		return "The passphrase is too short: at least 16 characters, better six words.";
	if (distinct < DISTINCT_MIN)
		return "The passphrase repeats itself: at least 8 different characters.";
	return NULL;
}

/* 16 bits as consonant-vowel-consonant-vowel-consonant, which can be said aloud. */
static void add_word(struct text *text, uint32_t bits)
{
	static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aiou";
	char word[6] = {
		consonants[bits >> 12 & 15],
		vowels[bits >> 10 & 3],
		consonants[bits >> 6 & 15],
		vowels[bits >> 4 & 3],
		consonants[bits & 15],
		'\0',
	};

	text_add(text, word);
}

void passphrase_from_bits(char *buffer, size_t capacity, const uint8_t bits[static 12])
{
	struct text text;

	text_init(&text, buffer, capacity);
	for (size_t i = 0; i < WORDS; i++) {
		text_add(&text, i > 0 ? "-" : "");
		add_word(&text, (uint32_t)bits[2 * i] << 8 | bits[2 * i + 1]);
	}
}

bool passphrase_derive(struct usign_secret *secret, const char *passphrase, const char *mesh)
{
	char salt[LIMITS_MESH_SIZE + 16];
	uint8_t seed[USIGN_SEED_SIZE];
	size_t size = (size_t)snprintf(salt, sizeof(salt), "lockstep:%s", mesh);
	bool ok = size < sizeof(salt);

#ifdef LOCKSTEP_SCRYPT
	ok = ok && crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)passphrase,
			   strlen(passphrase), (const uint8_t *)salt, size, SCRYPT_N, SCRYPT_R,
			   SCRYPT_P, seed, sizeof(seed)) == 0;
#else
	(void)passphrase;
	ok = false;
#endif
	if (ok)
		usign_from_seed(secret, seed);
	sodium_memzero(seed, sizeof(seed));
	return ok;
}
