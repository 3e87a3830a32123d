/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef RELEASE_USIGN_H
#define RELEASE_USIGN_H

/*
 * Keys and signatures as usign (OpenWrt) and signify (OpenBSD) write them: a comment line and one
 * line of base64. Decoded:
 *
 *   public     "Ed" keynum[8] key[32]                                               42 bytes
 *   secret     "Ed" "BK" rounds[4]=0 salt[16] checksum[8] keynum[8] secret[64]     104 bytes
 *   signature  "Ed" keynum[8] signature[64]                                         74 bytes
 *
 * The checksum is the first 8 bytes of SHA-512 of the 64 secret bytes. keynum is random and only
 * helps to find a key: it proves nothing, and neither does it identify anybody.
 *
 * Verification is stricter than theirs: S < L, no small-order or non-canonical key or R.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	USIGN_KEYNUM_SIZE = 8,
	USIGN_KEY_SIZE = 32,
	USIGN_SECRET_SIZE = 64, /* seed and public key, as libsodium has it */
	USIGN_SIGNATURE_SIZE = 64,
	USIGN_SEED_SIZE = 32,
	USIGN_PUBLIC_BLOB_TEXT_SIZE = 56,
	USIGN_SIGNATURE_BLOB_TEXT_SIZE = 100,
	USIGN_FINGERPRINT_TEXT_SIZE = 16, /* keynum in lowercase hex */
	USIGN_FILE_SIZE_MAX = 1024 + 256, /* a comment line of 1 KiB and the longest base64 line */
};

enum usign_error {
	USIGN_OK = 0,
	USIGN_NO_COMMENT,  /* the first line is not "untrusted comment: …" */
	USIGN_BAD_BASE64,  /* the second line is not base64 of the right length, or more follows */
	USIGN_BAD_KIND,    /* not Ed25519, or for a secret key not a plain (rounds 0) one */
	USIGN_BAD_CHECKSUM /* the secret key file is damaged */
};

struct usign_public {
	uint8_t keynum[USIGN_KEYNUM_SIZE];
	uint8_t key[USIGN_KEY_SIZE];
};

struct usign_secret {
	uint8_t keynum[USIGN_KEYNUM_SIZE];
	uint8_t secret[USIGN_SECRET_SIZE];
};

struct usign_signature {
	uint8_t keynum[USIGN_KEYNUM_SIZE];
	uint8_t signature[USIGN_SIGNATURE_SIZE];
};

const char *usign_error_sentence(enum usign_error error);

/* Files, as bytes. Outputs are untouched on error. */
__attribute__((warn_unused_result)) enum usign_error usign_read_public(
	struct usign_public *key, const char *file, size_t size);
__attribute__((warn_unused_result)) enum usign_error usign_read_secret(
	struct usign_secret *key, const char *file, size_t size);
__attribute__((warn_unused_result)) enum usign_error usign_read_signature(
	struct usign_signature *signature, const char *file, size_t size);

/* Write the whole file with `comment` (one line, without "untrusted comment: ") and a terminator;
 * return its size without terminator. `capacity` is at least USIGN_FILE_SIZE_MAX. */
size_t usign_write_public(
	char *file, size_t capacity, const char *comment, const struct usign_public *key);
size_t usign_write_secret(
	char *file, size_t capacity, const char *comment, const struct usign_secret *key);
size_t usign_write_signature(
	char *file, size_t capacity, const char *comment, const struct usign_signature *signature);

/* The second line alone, as orders and records carry it. */
void usign_public_to_blob(
	char text[static USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], const struct usign_public *key);
void usign_signature_to_blob(char text[static USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1],
	const struct usign_signature *signature);
__attribute__((warn_unused_result)) bool usign_public_from_blob(
	struct usign_public *key, const char *text);
__attribute__((warn_unused_result)) bool usign_signature_from_blob(
	struct usign_signature *signature, const char *text);

/* A pair from a seed. keynum is the first 8 bytes of SHA-256 of the public key, so that a key that
 * is derived from a passphrase has the same fingerprint everywhere. */
void usign_from_seed(struct usign_secret *secret, const uint8_t seed[static USIGN_SEED_SIZE]);
void usign_public_of(struct usign_public *key, const struct usign_secret *secret);
void usign_fingerprint(char text[static USIGN_FINGERPRINT_TEXT_SIZE + 1],
	const uint8_t keynum[static USIGN_KEYNUM_SIZE]);

void usign_sign(struct usign_signature *signature, const struct usign_secret *secret,
	const void *message, size_t size);

/* Strict. The signature's keynum must be the key's (usign itself does not look). */
__attribute__((warn_unused_result)) bool usign_verify(const struct usign_public *key,
	const struct usign_signature *signature, const void *message, size_t size);

#endif
