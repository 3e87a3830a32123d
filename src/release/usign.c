// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/usign.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"

static const char comment_prefix[] = "untrusted comment: ";

enum {
	PUBLIC_SIZE = 42,
	SECRET_SIZE = 104,
	SIGNATURE_SIZE = 74,
	CHECKSUM_SIZE = 8,
	COMMENT_SIZE_MAX = 1024,

	/* Offsets in a secret key's bytes */
	SECRET_ROUNDS = 4,
	SECRET_SALT = 8,
	SECRET_CHECKSUM = 24,
	SECRET_KEYNUM = 32,
	SECRET_KEY = 40,
};

const char *usign_error_sentence(enum usign_error error)
{
	switch (error) {
	case USIGN_OK:
		return "it is fine";
	case USIGN_NO_COMMENT:
		return "the first line is not \"untrusted comment: ...\"";
	case USIGN_BAD_BASE64:
		return "the second line is not base64 of the right length, or more follows it";
	case USIGN_BAD_KIND:
		return "it is not a plain Ed25519 key or signature (a key with a password cannot "
		       "be used)";
	case USIGN_BAD_CHECKSUM:
		return "the secret key is damaged";
	}
	return "";
}

static enum usign_error read_file(uint8_t *blob, size_t blob_size, const char *file, size_t size)
{
	const char *line = size > 0 ? memchr(file, '\n', size) : NULL, *end;
	size_t prefix = sizeof(comment_prefix) - 1, decoded, text_size;

	if (line == NULL || (size_t)(line - file) < prefix ||
		memcmp(file, comment_prefix, prefix) != 0)
		return USIGN_NO_COMMENT;
	line++;
	text_size = (size_t)(file + size - line);
	end = text_size > 0 ? memchr(line, '\n', text_size) : NULL;
	if (end != NULL) {
		if (end + 1 != file + size)
			return USIGN_BAD_BASE64;
		text_size = (size_t)(end - line);
	}
	if (text_size != bytes_base64_size(blob_size) ||
		!bytes_from_base64(blob, blob_size, &decoded, line, text_size) ||
		decoded != blob_size)
		return USIGN_BAD_BASE64;
	return memcmp(blob, "Ed", 2) == 0 ? USIGN_OK : USIGN_BAD_KIND;
}

static size_t write_file(
	char *file, size_t capacity, const char *comment, const uint8_t *blob, size_t blob_size)
{
	char encoded[SECRET_SIZE * 2];
	struct text text;

	ensure(capacity >= USIGN_FILE_SIZE_MAX);
	ensure(strlen(comment) <= COMMENT_SIZE_MAX - sizeof(comment_prefix));
	ensure(strchr(comment, '\n') == NULL);

	bytes_to_base64(encoded, blob, blob_size);
	text_init(&text, file, capacity);
	text_add(&text, comment_prefix);
	text_add(&text, comment);
	text_add(&text, "\n");
	text_add(&text, encoded);
	text_add(&text, "\n");
	sodium_memzero(encoded, sizeof(encoded));
	return text.size;
}

static void pack_public(uint8_t blob[static PUBLIC_SIZE], const struct usign_public *key)
{
	memcpy(blob, "Ed", 2);
	memcpy(blob + 2, key->keynum, USIGN_KEYNUM_SIZE);
	memcpy(blob + 10, key->key, USIGN_KEY_SIZE);
}

static void unpack_public(struct usign_public *key, const uint8_t blob[static PUBLIC_SIZE])
{
	memcpy(key->keynum, blob + 2, USIGN_KEYNUM_SIZE);
	memcpy(key->key, blob + 10, USIGN_KEY_SIZE);
}

static void pack_signature(
	uint8_t blob[static SIGNATURE_SIZE], const struct usign_signature *signature)
{
	memcpy(blob, "Ed", 2);
	memcpy(blob + 2, signature->keynum, USIGN_KEYNUM_SIZE);
	memcpy(blob + 10, signature->signature, USIGN_SIGNATURE_SIZE);
}

static void unpack_signature(
	struct usign_signature *signature, const uint8_t blob[static SIGNATURE_SIZE])
{
	memcpy(signature->keynum, blob + 2, USIGN_KEYNUM_SIZE);
	memcpy(signature->signature, blob + 10, USIGN_SIGNATURE_SIZE);
}

enum usign_error usign_read_public(struct usign_public *key, const char *file, size_t size)
{
	uint8_t blob[PUBLIC_SIZE];
	enum usign_error error = read_file(blob, sizeof(blob), file, size);

	if (error == USIGN_OK)
		unpack_public(key, blob);
	return error;
}

enum usign_error usign_read_signature(
	struct usign_signature *signature, const char *file, size_t size)
{
	uint8_t blob[SIGNATURE_SIZE];
	enum usign_error error = read_file(blob, sizeof(blob), file, size);

	if (error == USIGN_OK)
		unpack_signature(signature, blob);
	return error;
}

static void checksum_of(
	uint8_t checksum[static CHECKSUM_SIZE], const uint8_t secret[static USIGN_SECRET_SIZE])
{
	uint8_t hash[crypto_hash_sha512_BYTES];

	(void)crypto_hash_sha512(hash, secret, USIGN_SECRET_SIZE);
	memcpy(checksum, hash, CHECKSUM_SIZE);
	sodium_memzero(hash, sizeof(hash));
}

enum usign_error usign_read_secret(struct usign_secret *key, const char *file, size_t size)
{
	uint8_t blob[SECRET_SIZE], checksum[CHECKSUM_SIZE];
	enum usign_error error = read_file(blob, sizeof(blob), file, size);

	if (error == USIGN_OK &&
		(memcmp(blob + 2, "BK", 2) != 0 || bytes_get_u32be(blob + SECRET_ROUNDS) != 0))
		error = USIGN_BAD_KIND;
	if (error == USIGN_OK) {
		checksum_of(checksum, blob + SECRET_KEY);
		if (memcmp(checksum, blob + SECRET_CHECKSUM, CHECKSUM_SIZE) != 0)
			error = USIGN_BAD_CHECKSUM;
	}
	if (error == USIGN_OK) {
		memcpy(key->keynum, blob + SECRET_KEYNUM, USIGN_KEYNUM_SIZE);
		memcpy(key->secret, blob + SECRET_KEY, USIGN_SECRET_SIZE);
	}
	sodium_memzero(blob, sizeof(blob));
	return error;
}

size_t usign_write_public(
	char *file, size_t capacity, const char *comment, const struct usign_public *key)
{
	uint8_t blob[PUBLIC_SIZE];

	pack_public(blob, key);
	return write_file(file, capacity, comment, blob, sizeof(blob));
}

size_t usign_write_secret(
	char *file, size_t capacity, const char *comment, const struct usign_secret *key)
{
	uint8_t blob[SECRET_SIZE] = "EdBK";
	size_t size;

	/* No rounds, so the salt salts nothing; it is left zero. */
	memset(blob + SECRET_SALT, 0, SECRET_CHECKSUM - SECRET_SALT);
	checksum_of(blob + SECRET_CHECKSUM, key->secret);
	memcpy(blob + SECRET_KEYNUM, key->keynum, USIGN_KEYNUM_SIZE);
	memcpy(blob + SECRET_KEY, key->secret, USIGN_SECRET_SIZE);
	size = write_file(file, capacity, comment, blob, sizeof(blob));
	sodium_memzero(blob, sizeof(blob));
	return size;
}

size_t usign_write_signature(
	char *file, size_t capacity, const char *comment, const struct usign_signature *signature)
{
	uint8_t blob[SIGNATURE_SIZE];

	pack_signature(blob, signature);
	return write_file(file, capacity, comment, blob, sizeof(blob));
}

void usign_public_to_blob(
	char text[static USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], const struct usign_public *key)
{
	uint8_t blob[PUBLIC_SIZE];

	pack_public(blob, key);
	bytes_to_base64(text, blob, sizeof(blob));
}

void usign_signature_to_blob(char text[static USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1],
	const struct usign_signature *signature)
{
	uint8_t blob[SIGNATURE_SIZE];

	pack_signature(blob, signature);
	bytes_to_base64(text, blob, sizeof(blob));
}

static bool read_blob(uint8_t *blob, size_t blob_size, const char *text)
{
	size_t decoded, text_size = strlen(text);

	return text_size == bytes_base64_size(blob_size) &&
	       bytes_from_base64(blob, blob_size, &decoded, text, text_size) &&
	       decoded == blob_size && memcmp(blob, "Ed", 2) == 0;
}

bool usign_public_from_blob(struct usign_public *key, const char *text)
{
	uint8_t blob[PUBLIC_SIZE];

	if (!read_blob(blob, sizeof(blob), text))
		return false;
	unpack_public(key, blob);
	return true;
}

bool usign_signature_from_blob(struct usign_signature *signature, const char *text)
{
	uint8_t blob[SIGNATURE_SIZE];

	if (!read_blob(blob, sizeof(blob), text))
		return false;
	unpack_signature(signature, blob);
	return true;
}

void usign_from_seed(struct usign_secret *secret, const uint8_t seed[static USIGN_SEED_SIZE])
{
	uint8_t key[USIGN_KEY_SIZE], hash[BYTES_HASH_SIZE];

	(void)crypto_sign_seed_keypair(key, secret->secret, seed);
	bytes_sha256(hash, key, sizeof(key));
	memcpy(secret->keynum, hash, USIGN_KEYNUM_SIZE);
}

void usign_public_of(struct usign_public *key, const struct usign_secret *secret)
{
	memcpy(key->keynum, secret->keynum, USIGN_KEYNUM_SIZE);
	/* libsodium keeps the public key behind the seed. */
	memcpy(key->key, secret->secret + USIGN_SEED_SIZE, USIGN_KEY_SIZE);
}

void usign_fingerprint(char text[static USIGN_FINGERPRINT_TEXT_SIZE + 1],
	const uint8_t keynum[static USIGN_KEYNUM_SIZE])
{
	bytes_to_hex(text, keynum, USIGN_KEYNUM_SIZE);
}

void usign_sign(struct usign_signature *signature, const struct usign_secret *secret,
	const void *message, size_t size)
{
	memcpy(signature->keynum, secret->keynum, USIGN_KEYNUM_SIZE);
	(void)crypto_sign_detached(signature->signature, NULL, message, size, secret->secret);
}

/*
 * libsodium refuses S >= L, keys of small order and keys that are not canonical, and R of small
 * order (unless it was built with ED25519_COMPAT, which no distribution does; the tests would
 * tell).
 */
bool usign_verify(const struct usign_public *key, const struct usign_signature *signature,
	const void *message, size_t size)
{
	return memcmp(key->keynum, signature->keynum, USIGN_KEYNUM_SIZE) == 0 &&
	       crypto_sign_verify_detached(signature->signature, message, size, key->key) == 0;
}
