// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/usign.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/words.h"

static const char comment_prefix[] = "untrusted comment: ";

enum {
	KIND_SIZE = 2, /* "Ed" before what the structs hold */
	VALUE_SIZE_MAX = sizeof(struct usign_signature),
	CHECKSUM_SIZE = 8,
	COMMENT_SIZE_MAX = 1024,
};

struct secret_blob {
	uint8_t kind[4];             /* "EdBK" */
	uint8_t rounds[4], salt[16]; /* none, so the salt salts nothing: both are zero */
	uint8_t checksum[CHECKSUM_SIZE];
	struct usign_secret key;
};

static_assert(sizeof(struct secret_blob) == 104, "packed");
static_assert(sizeof(struct usign_public) == USIGN_KEYNUM_SIZE + USIGN_KEY_SIZE, "packed");
static_assert(sizeof(struct usign_signature) == USIGN_KEYNUM_SIZE + USIGN_SIGNATURE_SIZE, "packed");

/* By enum usign_error. */
static const char sentences[] =
	"it is fine\0"
	"the first line is not \"untrusted comment: ...\"\0"
	"the second line is not base64 of the right length, or more follows it\0"
	"it is not a plain Ed25519 key or signature (a key with a password cannot be used)\0"
	"the secret key is damaged\0";

const char *usign_error_sentence(enum usign_error error)
{
	return words_at(sentences, error);
}

static enum usign_error read_blob(void *blob, size_t blob_size, const char *text, size_t text_size)
{
	if (!bytes_from_base64(blob, blob_size, text, text_size))
		return USIGN_BAD_BASE64;
	return memcmp(blob, "Ed", KIND_SIZE) == 0 ? USIGN_OK : USIGN_BAD_KIND;
}

static enum usign_error read_file(void *blob, size_t blob_size, const char *file, size_t size)
{
	const char *line = size > 0 ? memchr(file, '\n', size) : NULL;
	size_t prefix = sizeof(comment_prefix) - 1, text_size;

	if (line == NULL || (size_t)(line - file) < prefix ||
		memcmp(file, comment_prefix, prefix) != 0)
		return USIGN_NO_COMMENT;
	line++;
	text_size = (size_t)(file + size - line);
	if (text_size > 0 && line[text_size - 1] == '\n')
		text_size--;
	return read_blob(blob, blob_size, line, text_size);
}

static size_t write_file(
	char *file, size_t capacity, const char *comment, const void *blob, size_t blob_size)
{
	char encoded[2 * sizeof(struct secret_blob)];
	int size;

	ensure(capacity >= USIGN_FILE_SIZE_MAX);
	ensure(strlen(comment) <= COMMENT_SIZE_MAX - sizeof(comment_prefix));
	ensure(strchr(comment, '\n') == NULL);

	bytes_to_base64(encoded, blob, blob_size);
	size = snprintf(file, capacity, "%s%s\n%s\n", comment_prefix, comment, encoded);
	sodium_memzero(encoded, sizeof(encoded));
	return (size_t)size;
}

/* A public key or a signature, which have one form. */
static enum usign_error read_value(void *value, size_t value_size, const char *file, size_t size)
{
	uint8_t blob[KIND_SIZE + VALUE_SIZE_MAX];
	enum usign_error error = read_file(blob, KIND_SIZE + value_size, file, size);

	if (error == USIGN_OK)
		memcpy(value, blob + KIND_SIZE, value_size);
	return error;
}

static size_t pack_value(
	uint8_t blob[static KIND_SIZE + VALUE_SIZE_MAX], const void *value, size_t value_size)
{
	memcpy(blob, "Ed", KIND_SIZE);
	memcpy(blob + KIND_SIZE, value, value_size);
	return KIND_SIZE + value_size;
}

static size_t write_value(
	char *file, size_t capacity, const char *comment, const void *value, size_t value_size)
{
	uint8_t blob[KIND_SIZE + VALUE_SIZE_MAX];

	return write_file(file, capacity, comment, blob, pack_value(blob, value, value_size));
}

static void value_to_blob(char *text, const void *value, size_t value_size)
{
	uint8_t blob[KIND_SIZE + VALUE_SIZE_MAX];

	bytes_to_base64(text, blob, pack_value(blob, value, value_size));
}

static bool value_from_blob(void *value, size_t value_size, const char *text)
{
	uint8_t blob[KIND_SIZE + VALUE_SIZE_MAX];

	if (read_blob(blob, KIND_SIZE + value_size, text, strlen(text)) != USIGN_OK)
		return false;
	memcpy(value, blob + KIND_SIZE, value_size);
	return true;
}

enum usign_error usign_read_public(struct usign_public *key, const char *file, size_t size)
{
	return read_value(key, sizeof(*key), file, size);
}

enum usign_error usign_read_signature(
	struct usign_signature *signature, const char *file, size_t size)
{
	return read_value(signature, sizeof(*signature), file, size);
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
	struct secret_blob blob;
	uint8_t checksum[CHECKSUM_SIZE];
	enum usign_error error = read_file(&blob, sizeof(blob), file, size);

	if (error == USIGN_OK && (memcmp(blob.kind, "EdBK", sizeof(blob.kind)) != 0 ||
					 !bytes_are_zero(blob.rounds, sizeof(blob.rounds))))
		error = USIGN_BAD_KIND;
	if (error == USIGN_OK) {
		checksum_of(checksum, blob.key.secret);
		if (memcmp(checksum, blob.checksum, CHECKSUM_SIZE) != 0)
			error = USIGN_BAD_CHECKSUM;
	}
	if (error == USIGN_OK)
		*key = blob.key;
	sodium_memzero(&blob, sizeof(blob));
	return error;
}

size_t usign_write_public(
	char *file, size_t capacity, const char *comment, const struct usign_public *key)
{
	return write_value(file, capacity, comment, key, sizeof(*key));
}

size_t usign_write_secret(
	char *file, size_t capacity, const char *comment, const struct usign_secret *key)
{
	struct secret_blob blob = { .kind = { 'E', 'd', 'B', 'K' }, .key = *key };
	size_t size;

	checksum_of(blob.checksum, key->secret);
	size = write_file(file, capacity, comment, &blob, sizeof(blob));
	sodium_memzero(&blob, sizeof(blob));
	return size;
}

size_t usign_write_signature(
	char *file, size_t capacity, const char *comment, const struct usign_signature *signature)
{
	return write_value(file, capacity, comment, signature, sizeof(*signature));
}

void usign_public_to_blob(
	char text[static USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], const struct usign_public *key)
{
	value_to_blob(text, key, sizeof(*key));
}

void usign_signature_to_blob(char text[static USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1],
	const struct usign_signature *signature)
{
	value_to_blob(text, signature, sizeof(*signature));
}

bool usign_public_from_blob(struct usign_public *key, const char *text)
{
	return value_from_blob(key, sizeof(*key), text);
}

bool usign_signature_from_blob(struct usign_signature *signature, const char *text)
{
	return value_from_blob(signature, sizeof(*signature), text);
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
