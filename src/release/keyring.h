/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_KEYRING_H
#define RELEASE_KEYRING_H

/*
 * The trusted keys of one role (release or operator), and how many of them must have signed.
 * A keyring is a plain value. Two files with the same 32 key bytes are one key, whatever their
 * keynum says.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "release/usign.h"

struct keyring {
	uint32_t key_count;
	struct usign_public keys[LIMITS_KEYS_MAX];
};

/* False if the ring is full; true if the key is in it now (also if it was before). */
__attribute__((warn_unused_result)) bool keyring_add(
	struct keyring *ring, const struct usign_public *key);

/* The key that made this signature, or NULL. Tries every key of that keynum. */
const struct usign_public *keyring_verify(const struct keyring *ring,
	const struct usign_signature *signature, const void *message, size_t size);

/* Did this key make one of the signatures over the message? */
bool keyring_key_signed(const struct usign_public *key, const struct usign_signature *signatures,
	size_t signature_count, const void *message, size_t size);

/* How many distinct keys of the ring made at least one of these signatures over the message. */
uint32_t keyring_count_signers(const struct keyring *ring, const struct usign_signature *signatures,
	size_t signature_count, const void *message, size_t size);

#endif
