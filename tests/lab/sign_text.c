// SPDX-License-Identifier: AGPL-3.0-or-later
/* sign-text KEY.sec: the signature blob of standard input's bytes, as orders and offers carry it.
 * For tests, which make texts that no command of ours would. */
#include <stdio.h>

#include <sodium.h>

#include "release/usign.h"

enum { TEXT_SIZE_MAX = 131072 };

int main(int argc, char **argv)
{
	static char text[TEXT_SIZE_MAX];
	char file[USIGN_FILE_SIZE_MAX], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	FILE *key = argc == 2 ? fopen(argv[1], "r") : NULL;
	struct usign_signature signature;
	struct usign_secret secret;
	size_t size;

	if (key == NULL || sodium_init() < 0)
		return 2;
	size = fread(file, 1, sizeof(file), key);
	fclose(key);
	if (usign_read_secret(&secret, file, size) != USIGN_OK)
		return 2;
	size = fread(text, 1, sizeof(text), stdin);
	usign_sign(&signature, &secret, text, size);
	usign_signature_to_blob(blob, &signature);
	return puts(blob) < 0;
}
