// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Signatures are most of a simulation's work, and every node verifies the same ones. Here each is
 * verified once: the linker sends the agents' calls of libsodium through __wrap_…, and what was
 * found for the very same bytes before is found again. Nothing that should fail passes: an entry
 * is known by a keyed hash of 128 bits over key, signature and message. Each thread remembers its
 * own.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "sim/codec.h"

enum {
	ENTRIES = 1 << 16,
};

int __real_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
	unsigned long long size, const unsigned char *key);
int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
	unsigned long long size, const unsigned char *key);

struct entry {
	uint8_t hash[16];
	bool used, good;
};

int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
	unsigned long long size, const unsigned char *key)
{
	static _Thread_local struct entry entries[ENTRIES];
	static _Thread_local uint8_t secret[crypto_shorthash_siphashx24_KEYBYTES];
	uint8_t parts[16 + crypto_sign_BYTES + crypto_sign_PUBLICKEYBYTES], hash[16];
	unsigned long long short_size = size;
	const void *short_message = codec_short_for(message, &short_size);
	struct entry *entry;

	if (secret[0] == 0) {
		randombytes_buf(secret, sizeof(secret));
		secret[0] |= 1;
	}
	crypto_shorthash_siphashx24(parts, short_message, short_size, secret);
	memcpy(parts + 16, signature, crypto_sign_BYTES);
	memcpy(parts + 16 + crypto_sign_BYTES, key, crypto_sign_PUBLICKEYBYTES);
	crypto_shorthash_siphashx24(hash, parts, sizeof(parts), secret);
	entry = &entries[(hash[0] | hash[1] << 8) % ENTRIES];
	if (!entry->used || memcmp(entry->hash, hash, sizeof(hash)) != 0) {
		entry->used = true;
		memcpy(entry->hash, hash, sizeof(hash));
		entry->good =
			__real_crypto_sign_verify_detached(signature, message, size, key) == 0;
	}
	return entry->good ? 0 : -1;
}
