/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "release/usign.h"

/*
 * The key that --key names: a file, or "passphrase", which is asked for on the terminal (without
 * echo) or read from standard input, and derived for `mesh`. False with `problem` saying why.
 * The caller wipes the key.
 */
__attribute__((warn_unused_result)) bool secret_load(struct usign_secret *secret,
	const char *key_argument, const char *mesh, char *problem, size_t capacity);

/* Reads a passphrase as above; false if there is none. */
__attribute__((warn_unused_result)) bool secret_read_passphrase(
	char *passphrase, size_t capacity, char *problem, size_t problem_capacity);

#endif
