// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "io/files.h"
#include "release/passphrase.h"
#include "release/usign.h"

static const char usage[] =
	"Usage: lockstep key generate NAME\n"
	"       lockstep key derive --mesh MESH [--generate]\n"
	"       lockstep key show FILE\n"
	"\n"
	"Keys are files in the format of usign and signify.\n"
	"  generate   writes NAME.sec (keep it secret) and NAME.pub (give it to every node)\n"
	"  derive     reads a community passphrase and prints the public key that belongs to it;\n"
	"             --generate makes up a good passphrase of six words first\n"
	"  show       prints what kind of key FILE is, and its fingerprint\n"
	"\n"
	"Nodes trust a public key that lies in /etc/lockstep/trust/operator/ (orders) or\n"
	"/etc/lockstep/trust/release/ (releases).\n";

/* Never over a file that is there: a lost key cannot be made again. */
static int write_new(const struct options *options, const char *path, const char *bytes,
	size_t size, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		return options_fail(options, "exists",
			"%s is there already and is not overwritten; choose another name", path);
	if (fd < 0)
		return options_fail(options, "internal", "%s: %s", path, strerror(errno));
	ok = write(fd, bytes, size) == (ssize_t)size;
	ok = fsync(fd) == 0 && ok;
	ok = close(fd) == 0 && ok;
	return ok ? CLI_DONE : options_fail(options, "internal", "%s cannot be written", path);
}

static int generate(const struct options *options, const char *name)
{
	char path[FILES_PATH_SIZE + 1], file[USIGN_FILE_SIZE_MAX], comment[128];
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	uint8_t seed[USIGN_SEED_SIZE];
	struct usign_secret secret;
	struct usign_public key;
	size_t size;
	int status;

	if (strlen(name) > FILES_PATH_SIZE - 5)
		return options_fail(options, "bad_name", "the name is too long");
	randombytes_buf(seed, sizeof(seed));
	usign_from_seed(&secret, seed);
	randombytes_buf(secret.keynum, sizeof(secret.keynum));
	usign_public_of(&key, &secret);
	snprintf(path, sizeof(path), "%s.sec", name);
	size = usign_write_secret(file, sizeof(file), "lockstep secret key", &secret);
	status = write_new(options, path, file, size, 0600);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(file, sizeof(file));
	if (status != CLI_DONE)
		return status;
	usign_fingerprint(fingerprint, key.keynum);
	snprintf(comment, sizeof(comment), "lockstep public key %s", fingerprint);
	snprintf(path, sizeof(path), "%s.pub", name);
	size = usign_write_public(file, sizeof(file), comment, &key);
	status = write_new(options, path, file, size, 0644);
	if (status == CLI_DONE && options->json)
		printf("{\"fingerprint\":\"%s\"}\n", fingerprint);
	else if (status == CLI_DONE)
		printf("Wrote %s.sec (keep it secret) and %s.pub, fingerprint %s.\n", name, name,
			fingerprint);
	return status;
}

static int derive(const struct options *options, const char *mesh, bool make_up)
{
	char passphrase[256], problem[256], file[USIGN_FILE_SIZE_MAX], comment[128];
	uint8_t bits[12];
	const char *weakness;
	struct usign_secret secret;
	struct usign_public key;

	if (make_up) {
		randombytes_buf(bits, sizeof(bits));
		passphrase_from_bits(passphrase, sizeof(passphrase), bits);
		fprintf(stderr, "Passphrase (write it down, tell only operators): %s\n",
			passphrase);
	} else if (!secret_read_passphrase(
			   passphrase, sizeof(passphrase), problem, sizeof(problem))) {
		return options_fail(options, "no_passphrase", "%s", problem);
	}
	weakness = passphrase_weakness(passphrase);
	if (weakness != NULL) {
		sodium_memzero(passphrase, sizeof(passphrase));
		return options_fail(options, "weak_passphrase",
			"%s Six made-up words: lockstep key derive --mesh %s --generate", weakness,
			mesh);
	}
	if (!passphrase_derive(&secret, passphrase, mesh))
		return options_fail(options, "internal", "deriving the key needs 32 MiB of memory");
	usign_public_of(&key, &secret);
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(passphrase, sizeof(passphrase));
	snprintf(comment, sizeof(comment), "lockstep passphrase key of mesh %s", mesh);
	(void)usign_write_public(file, sizeof(file), comment, &key);
	fputs(file, stdout);
	return CLI_DONE;
}

static int show(const struct options *options, const char *path)
{
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1] = "";
	char *file = NULL;
	size_t size = 0;
	const char *kind = NULL;
	struct usign_signature signature;
	struct usign_secret secret;
	struct usign_public key;
	int error = files_read(path, USIGN_FILE_SIZE_MAX, &file, &size);

	if (error != 0)
		return options_fail(options, "internal", "%s: %s", path, strerror(-error));
	if (usign_read_public(&key, file, size) == USIGN_OK) {
		kind = "public key";
		usign_fingerprint(fingerprint, key.keynum);
	} else if (usign_read_signature(&signature, file, size) == USIGN_OK) {
		kind = "signature";
		usign_fingerprint(fingerprint, signature.keynum);
	} else if (usign_read_secret(&secret, file, size) == USIGN_OK) {
		kind = "secret key";
		usign_fingerprint(fingerprint, secret.keynum);
		sodium_memzero(&secret, sizeof(secret));
	}
	sodium_memzero(file, size);
	free(file);
	if (kind == NULL)
		return options_fail(options, "bad_key",
			"%s is no key or signature of usign or signify (or it has a password)",
			path);
	if (options->json)
		printf("{\"kind\":\"%s\",\"fingerprint\":\"%s\"}\n", kind, fingerprint);
	else
		printf("%s %s\n", kind, fingerprint);
	return CLI_DONE;
}

int key_main(int argc, char **argv)
{
	struct options options;
	const char *option, *words[2] = { NULL, NULL }, *mesh = NULL;
	bool make_up = false;
	int status, count = 0;

	options_init(&options, usage, argc, argv);
	while (options_next(&options, &option, &status)) {
		if (strcmp(option, "--mesh") == 0) {
			mesh = options_value(&options, option, &status);
			if (mesh == NULL)
				return status;
		} else if (strcmp(option, "--generate") == 0) {
			make_up = true;
		} else if (option[0] == '-' || count == 2) {
			return options_wrong(&options, "does not know", option);
		} else {
			words[count++] = option;
		}
	}
	if (status >= 0)
		return status;
	if (count == 2 && strcmp(words[0], "generate") == 0)
		return generate(&options, words[1]);
	if (count == 2 && strcmp(words[0], "show") == 0)
		return show(&options, words[1]);
	if (count == 1 && strcmp(words[0], "derive") == 0 && mesh != NULL && text_is_name(mesh))
		return derive(&options, mesh, make_up);
	return options_wrong(
		&options, "needs one of", "generate NAME, derive --mesh MESH, show FILE");
}
