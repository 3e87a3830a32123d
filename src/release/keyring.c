// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/keyring.h"

#include <string.h>

bool keyring_add(struct keyring *ring, const struct usign_public *key)
{
	for (uint32_t i = 0; i < ring->key_count; i++) {
		if (memcmp(ring->keys[i].key, key->key, USIGN_KEY_SIZE) == 0)
			return true;
	}
	if (ring->key_count == LIMITS_KEYS_MAX)
		return false;
	ring->keys[ring->key_count++] = *key;
	return true;
}

const struct usign_public *keyring_verify(const struct keyring *ring,
	const struct usign_signature *signature, const void *message, size_t size)
{
	for (uint32_t i = 0; i < ring->key_count; i++) {
		if (usign_verify(&ring->keys[i], signature, message, size))
			return &ring->keys[i];
	}
	return NULL;
}

bool keyring_key_signed(const struct usign_public *key, const struct usign_signature *signatures,
	size_t signature_count, const void *message, size_t size)
{
	while (signature_count > 0 && !usign_verify(key, signatures, message, size)) {
		signature_count--;
		signatures++;
	}
	return signature_count > 0;
}

uint32_t keyring_count_signers(const struct keyring *ring, const struct usign_signature *signatures,
	size_t signature_count, const void *message, size_t size)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ring->key_count; i++)
		count += keyring_key_signed(
			&ring->keys[i], signatures, signature_count, message, size);
	return count;
}
