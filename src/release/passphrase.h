/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_PASSPHRASE_H
#define RELEASE_PASSPHRASE_H

/*
 * A community's passphrase as an operator key: scrypt (N=2^15, r=8, p=1, 32 MiB of memory) with the
 * salt "lockstep:" + mesh name, to an Ed25519 seed. Never runs on a router's daemon.
 */
#include <stdbool.h>
#include <stddef.h>

#include "release/usign.h"

/* NULL if the passphrase is good enough; else one sentence that says what it lacks. */
const char *passphrase_weakness(const char *passphrase);

/* Six words from 96 random bits, joined by '-'; the bits are handed in. */
void passphrase_from_bits(char *text, size_t capacity, const uint8_t bits[static 12]);

/* Why passphrase_derive() fails, for people: some builds of libsodium have no scrypt. */
#ifdef LOCKSTEP_SCRYPT
#define PASSPHRASE_TROUBLE "deriving the key needs 32 MiB of memory"
#else
#define PASSPHRASE_TROUBLE                                                                         \
	"passphrases are not built in here; use a key file, or a computer or the page with the "   \
	"passphrase"
#endif

/* False without memory, or without scrypt. */
__attribute__((warn_unused_result)) bool passphrase_derive(
	struct usign_secret *secret, const char *passphrase, const char *mesh);

#endif
