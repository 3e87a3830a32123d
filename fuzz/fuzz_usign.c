// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: signature files of a release and the blobs in orders and records; an
 * operator brings key files from elsewhere. The first byte of the input says what the rest is. What
 * is read must be written as it was, and what was not made by the key must not verify.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"

static const char message[] = "what was signed";

static void read_public(const char *file, size_t size)
{
	char again[USIGN_FILE_SIZE_MAX], blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1];
	struct usign_public key, other;
	struct usign_signature signature;
	enum usign_error error = usign_read_public(&key, file, size);
	bool ok;

	assert(usign_error_sentence(error) != NULL);
	if (error != USIGN_OK)
		return;
	size = usign_write_public(again, sizeof(again), "again", &key);
	error = usign_read_public(&other, again, size);
	assert(error == USIGN_OK && memcmp(&key, &other, sizeof(key)) == 0);
	usign_public_to_blob(blob, &key);
	ok = usign_public_from_blob(&other, blob);
	assert(ok && memcmp(&key, &other, sizeof(key)) == 0);
	usign_sign(&signature, fuzz_secret(FUZZ_STRANGER), message, sizeof(message));
	memcpy(signature.keynum, key.keynum, USIGN_KEYNUM_SIZE);
	ok = usign_verify(&key, &signature, message, sizeof(message));
	assert(!ok || memcmp(key.key, fuzz_public(FUZZ_STRANGER)->key, USIGN_KEY_SIZE) == 0);
}

static void read_secret(const char *file, size_t size)
{
	char again[USIGN_FILE_SIZE_MAX];
	struct usign_secret key, other;
	struct usign_signature signature;
	enum usign_error error = usign_read_secret(&key, file, size);

	if (error != USIGN_OK)
		return;
	size = usign_write_secret(again, sizeof(again), "again", &key);
	error = usign_read_secret(&other, again, size);
	assert(error == USIGN_OK && memcmp(&key, &other, sizeof(key)) == 0);
	usign_sign(&signature, &key, message, sizeof(message));
}

static void read_signature(const char *file, size_t size)
{
	char again[USIGN_FILE_SIZE_MAX], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_signature signature, other;
	enum usign_error error = usign_read_signature(&signature, file, size);
	bool ok;

	if (error != USIGN_OK)
		return;
	size = usign_write_signature(again, sizeof(again), "again", &signature);
	error = usign_read_signature(&other, again, size);
	assert(error == USIGN_OK && memcmp(&signature, &other, sizeof(other)) == 0);
	usign_signature_to_blob(blob, &signature);
	ok = usign_signature_from_blob(&other, blob);
	assert(ok && memcmp(&signature, &other, sizeof(other)) == 0);
	memcpy(signature.keynum, fuzz_public(FUZZ_OPERATOR)->keynum, USIGN_KEYNUM_SIZE);
	ok = usign_verify(fuzz_public(FUZZ_OPERATOR), &signature, message, sizeof(message));
	assert(!ok);
}

static void read_blobs(const char *text)
{
	char again[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_public key;
	struct usign_signature signature;

	/* There is one way to write a value: what differs is refused. */
	if (usign_public_from_blob(&key, text)) {
		usign_public_to_blob(again, &key);
		assert(strcmp(text, again) == 0);
	}
	if (usign_signature_from_blob(&signature, text)) {
		usign_signature_to_blob(again, &signature);
		assert(strcmp(text, again) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *file, *text;

	faults_plan(&bytes, &size);
	if (size == 0)
		return 0;
	file = fuzz_copy(bytes + 1, size - 1);
	text = fuzz_string(bytes + 1, size - 1);
	if (bytes[0] == 'p')
		read_public(file, size - 1);
	else if (bytes[0] == 's')
		read_secret(file, size - 1);
	else if (bytes[0] == 'g')
		read_signature(file, size - 1);
	else
		read_blobs(text);
	free(file);
	free(text);
	return 0;
}
