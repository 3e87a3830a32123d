// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/secret.h"
#include "release/passphrase.h"
#include "release/usign.h"

static void generate(const struct options *options, const char *name)
{
	char path[FILES_PATH_SIZE + 1], file[USIGN_FILE_SIZE_MAX], comment[64];
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	uint8_t seed[USIGN_SEED_SIZE];
	struct usign_secret secret;
	struct usign_public key;
	size_t size;

	if (strlen(name) > FILES_PATH_SIZE - 5)
		options_fail("bad_name", "the name is too long");
	randombytes_buf(seed, sizeof(seed));
	usign_from_seed(&secret, seed);
	randombytes_buf(secret.keynum, sizeof(secret.keynum));
	usign_public_of(&key, &secret);
	snprintf(path, sizeof(path), "%s.sec", name);
	size = usign_write_secret(file, sizeof(file), "lockstep secret key", &secret);
	file_write_new(path, file, size, 0600);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(file, sizeof(file));
	usign_fingerprint(fingerprint, key.keynum);
	snprintf(comment, sizeof(comment), "lockstep public key %s", fingerprint);
	snprintf(path, sizeof(path), "%s.pub", name);
	size = usign_write_public(file, sizeof(file), comment, &key);
	file_write_new(path, file, size, 0644);
	if (options->json)
		printf("{\"fingerprint\":\"%s\"}\n", fingerprint);
	else
		printf("Wrote %s.sec (keep it secret) and %s.pub, fingerprint %s.\n", name, name,
			fingerprint);
}

static void derive(const struct options *options)
{
	char passphrase[SECRET_PASSPHRASE_SIZE + 1], file[USIGN_FILE_SIZE_MAX], comment[128];
	uint8_t bits[12];
	const char *weakness;
	struct usign_secret secret;
	struct usign_public key;

	if (options->generate) {
		randombytes_buf(bits, sizeof(bits));
		passphrase_from_bits(passphrase, sizeof(passphrase), bits);
		fprintf(stderr, "Passphrase (write it down, tell only operators): %s\n",
			passphrase);
	} else {
		secret_read_passphrase(passphrase);
	}
	weakness = passphrase_weakness(passphrase);
	if (weakness != NULL)
		options_fail("weak_passphrase",
			"%s Six made-up words: lockstep key derive --mesh %s --generate", weakness,
			options->mesh);
	secret_derive(&secret, passphrase, options->mesh);
	usign_public_of(&key, &secret);
	sodium_memzero(&secret, sizeof(secret));
	snprintf(comment, sizeof(comment), "lockstep passphrase key of mesh %s", options->mesh);
	(void)usign_write_public(file, sizeof(file), comment, &key);
	fputs(file, stdout);
}

static void show(const struct options *options, const char *path)
{
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	const char *kind;
	union {
		uint8_t keynum[USIGN_KEYNUM_SIZE]; /* is the first of all */
		struct usign_public key;
		struct usign_signature signature;
		struct usign_secret secret;
	} file;
	size_t size;
	char *bytes = file_read(path, USIGN_FILE_SIZE_MAX, &size);

	if (usign_read_public(&file.key, bytes, size) == USIGN_OK)
		kind = "public key";
	else if (usign_read_signature(&file.signature, bytes, size) == USIGN_OK)
		kind = "signature";
	else if (usign_read_secret(&file.secret, bytes, size) == USIGN_OK)
		kind = "secret key";
	else
		options_fail("bad_key",
			"%s is no key or signature of usign or signify (or it has a password)",
			path);
	usign_fingerprint(fingerprint, file.keynum);
	sodium_memzero(&file, sizeof(file));
	sodium_memzero(bytes, size);
	free(bytes);
	printf(options->json ? "{\"kind\":\"%s\",\"fingerprint\":\"%s\"}\n" : "%s %s\n", kind,
		fingerprint);
}

static int run(const struct options *options)
{
	const char *verb = options->word_count > 0 ? options->words[0] : "";

	if (options->word_count == 2 && strcmp(verb, "generate") == 0)
		generate(options, options->words[1]);
	else if (options->word_count == 2 && strcmp(verb, "show") == 0)
		show(options, options->words[1]);
	else if (options->word_count == 1 && strcmp(verb, "derive") == 0 && options->mesh != NULL &&
		 text_is_name(options->mesh))
		derive(options);
	else
		options_fail(NULL, "needs one of generate NAME, derive --mesh MESH, show FILE");
	return CLI_DONE;
}

const struct command command_key = {
	"key",
	"key generate NAME\n"
	"       lockstep key derive --mesh MESH [--generate]\n"
	"       lockstep key show FILE\n",
	OPTIONS_OF_KEY,
	2,
	run,
};
