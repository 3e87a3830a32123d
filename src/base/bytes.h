/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

/* Numbers, hex and base64 in bytes, without regard to the machine's own order. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BYTES_HASH_SIZE = 32,                       /* SHA-256 */
	BYTES_HASH_TEXT_SIZE = BYTES_HASH_SIZE * 2, /* lowercase hex */
};

uint32_t bytes_get_u32be(const uint8_t bytes[static 4]);
void bytes_put_u32be(uint8_t bytes[static 4], uint32_t value);

bool bytes_are_zero(const void *bytes, size_t size);

/* Writes 2 × size lowercase digits and a terminator. */
void bytes_to_hex(char *text, const uint8_t *bytes, size_t size);

/*
 * Exactly 2 × size lowercase hex digits and then the end of the text: nothing before, between or
 * after. `bytes` is untouched on failure. (A leading blank that gave an empty hash was
 * CVE-2020-7982.)
 */
__attribute__((warn_unused_result)) bool bytes_from_hex(
	uint8_t *bytes, size_t size, const char *text);

/* Bytes of base64 text, without terminator, that `size` bytes take, padding included. */
size_t bytes_base64_size(size_t size);

/* Standard alphabet with padding; writes bytes_base64_size(size) characters and a terminator. */
void bytes_to_base64(char *text, const uint8_t *bytes, size_t size);

/* Strict: exactly `size` bytes, canonical padding, no blanks. After a failure `bytes` hold
 * anything.
 */
__attribute__((warn_unused_result)) bool bytes_from_base64(
	uint8_t *bytes, size_t size, const char *text, size_t text_size);

/* SHA-256 of a buffer. */
void bytes_sha256(uint8_t hash[static BYTES_HASH_SIZE], const void *data, size_t size);

/* Two hashes, or two keys: both have 32 bytes. */
bool bytes_same_32(const uint8_t a[static 32], const uint8_t b[static 32]);

#endif
