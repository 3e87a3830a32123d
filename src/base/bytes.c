// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/bytes.h"

#include <string.h>

#include <sodium.h>

#include "base/ensure.h"

uint32_t bytes_get_u32be(const uint8_t bytes[static 4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

void bytes_put_u32be(uint8_t bytes[static 4], uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 24);
	bytes[1] = (uint8_t)(value >> 16);
	bytes[2] = (uint8_t)(value >> 8);
	bytes[3] = (uint8_t)value;
}

bool bytes_are_zero(const void *bytes, size_t size)
{
	const uint8_t *at = bytes, *end = at + size;

	while (at < end && *at == 0)
		at++;
	return at == end;
}

void bytes_to_hex(char *text, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = '\0';
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

bool bytes_from_hex(uint8_t *bytes, size_t size, const char *text)
{
	if (strlen(text) != 2 * size)
		return false;
	for (size_t i = 0; i < 2 * size; i++) {
		if (digit_value(text[i]) < 0)
			return false;
	}
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return true;
}

size_t bytes_base64_size(size_t size)
{
	return (size + 2) / 3 * 4;
}

void bytes_to_base64(char *text, const uint8_t *bytes, size_t size)
{
	char *end = sodium_bin2base64(
		text, bytes_base64_size(size) + 1, bytes, size, sodium_base64_VARIANT_ORIGINAL);

	ensure(end != NULL);
}

bool bytes_from_base64(uint8_t *bytes, size_t size, const char *text, size_t text_size)
{
	size_t decoded;
	const char *end;

	/* Where char is signed, libsodium 1.0.18 takes what is not ASCII for a slash. */
	for (size_t i = 0; i < text_size; i++) {
		if ((text[i] & 0x80) != 0)
			return false;
	}
	return sodium_base642bin(bytes, size, text, text_size, NULL, &decoded, &end,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       decoded == size && end == text + text_size;
}

void bytes_sha256(uint8_t hash[static BYTES_HASH_SIZE], const void *data, size_t size)
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, data, size);
	crypto_hash_sha256_final(&state, hash);
}

bool bytes_same_32(const uint8_t a[static 32], const uint8_t b[static 32])
{
	return memcmp(a, b, 32) == 0;
}
