/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include <stddef.h>

#include "cli/options.h"
#include "release/usign.h"

enum {
	SECRET_PASSPHRASE_SIZE = 255,
};

/*
 * Signs with the key that --key names: a file, or "passphrase", which is asked for on the terminal
 * (without echo) or read from standard input, and derived for `mesh`; NULL where passphrases are of
 * no use. Ends the process if there is no key, as do the others.
 */
void secret_sign(const struct options *options, struct usign_signature *signature,
	const char *message, size_t size, const char *mesh);

/* Reads a passphrase as above. */
void secret_read_passphrase(char passphrase[static SECRET_PASSPHRASE_SIZE + 1]);

/* Derives the key and wipes the passphrase. */
void secret_derive(struct usign_secret *secret, char passphrase[static SECRET_PASSPHRASE_SIZE + 1],
	const char *mesh);

#endif
