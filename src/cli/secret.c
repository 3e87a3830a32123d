// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "base/text.h"
#include "io/files.h"
#include "release/passphrase.h"

enum {
	PASSPHRASE_SIZE = 255,
};

static bool read_line(char *line, size_t capacity)
{
	if (fgets(line, (int)capacity, stdin) == NULL)
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

bool secret_read_passphrase(
	char *passphrase, size_t capacity, char *problem, size_t problem_capacity)
{
	bool terminal = isatty(STDIN_FILENO) == 1, ok;
	struct termios before, silent;

	if (terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		fputs("Passphrase of the community: ", stderr);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		ok = read_line(passphrase, capacity);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	} else {
		ok = read_line(passphrase, capacity);
	}
	if (!ok || passphrase[0] == '\0') {
		text_set(problem, problem_capacity, "no passphrase was given");
		return false;
	}
	return true;
}

static bool load_file(struct usign_secret *secret, const char *path, char *problem, size_t capacity)
{
	char *file = NULL;
	size_t size = 0;
	int error = files_read(path, USIGN_FILE_SIZE_MAX, &file, &size);
	enum usign_error wrong = USIGN_OK;

	if (error == 0) {
		wrong = usign_read_secret(secret, file, size);
		sodium_memzero(file, size);
	}
	free(file);
	if (error == 0 && wrong == USIGN_OK)
		return true;
	snprintf(problem, capacity, "%s: %s", path,
		error != 0 ? strerror(-error) : usign_error_sentence(wrong));
	return false;
}

bool secret_load(struct usign_secret *secret, const char *key_argument, const char *mesh,
	char *problem, size_t capacity)
{
	char passphrase[PASSPHRASE_SIZE + 1];
	bool ok;

	if (strcmp(key_argument, "passphrase") != 0)
		return load_file(secret, key_argument, problem, capacity);
	if (mesh == NULL) {
		text_set(problem, capacity,
			"a passphrase belongs to a mesh, and none is named here");
		return false;
	}
	if (!secret_read_passphrase(passphrase, sizeof(passphrase), problem, capacity))
		return false;
	ok = passphrase_derive(secret, passphrase, mesh);
	sodium_memzero(passphrase, sizeof(passphrase));
	if (!ok)
		text_set(problem, capacity, "deriving the key needs 32 MiB of memory");
	return ok;
}
