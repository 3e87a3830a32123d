// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "cli/file.h"
#include "release/passphrase.h"

void secret_read_passphrase(char passphrase[static SECRET_PASSPHRASE_SIZE + 1])
{
	struct termios before, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	size_t size = 0;

	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		fputs("Passphrase of the community: ", stderr);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	/* Byte by byte: stdio would keep a copy. */
	while (size < SECRET_PASSPHRASE_SIZE && read(STDIN_FILENO, passphrase + size, 1) == 1 &&
		passphrase[size] != '\n')
		size++;
	passphrase[size] = '\0';
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputs("\n", stderr);
	}
	passphrase[strcspn(passphrase, "\r\n")] = '\0';
	if (passphrase[0] == '\0')
		options_fail("no_passphrase", "no passphrase was given");
}

void secret_derive(struct usign_secret *secret, char passphrase[static SECRET_PASSPHRASE_SIZE + 1],
	const char *mesh)
{
	bool ok = passphrase_derive(secret, passphrase, mesh);

	sodium_memzero(passphrase, strlen(passphrase));
	if (!ok)
		options_fail("internal", PASSPHRASE_TROUBLE);
}

static void load(const struct options *options, struct usign_secret *secret, const char *mesh)
{
	char passphrase[SECRET_PASSPHRASE_SIZE + 1];
	enum usign_error error;
	size_t size;
	char *file;

	if (strcmp(options->key, "passphrase") == 0) {
		if (mesh == NULL)
			options_fail("bad_key",
				"a passphrase belongs to a mesh, and none is named here");
		secret_read_passphrase(passphrase);
		secret_derive(secret, passphrase, mesh);
		return;
	}
	file = file_read(options->key, USIGN_FILE_SIZE_MAX, &size);
	error = usign_read_secret(secret, file, size);
	sodium_memzero(file, size);
	free(file);
	if (error != USIGN_OK)
		options_fail("bad_key", "%s: %s", options->key, usign_error_sentence(error));
}

void secret_sign(const struct options *options, struct usign_signature *signature,
	const char *message, size_t size, const char *mesh)
{
	struct usign_secret secret;

	load(options, &secret, mesh);
	usign_sign(signature, &secret, message, size);
	sodium_memzero(&secret, sizeof(secret));
}
