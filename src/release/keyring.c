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

uint32_t keyring_count_signers(const struct keyring *ring, const struct usign_signature *signatures,
	size_t signature_count, const void *message, size_t size)
{
	bool signed_by[LIMITS_KEYS_MAX] = { false };
	uint32_t count = 0;

	for (size_t i = 0; i < signature_count; i++) {
		const struct usign_public *key =
			keyring_verify(ring, &signatures[i], message, size);

		if (key == NULL || signed_by[key - ring->keys])
			continue;
		signed_by[key - ring->keys] = true;
		count++;
	}
	return count;
}
