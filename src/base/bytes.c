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

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* All checks come first: a refusal must leave no trace in the output. */
static bool base64_is_canonical(const char *text, size_t text_size, size_t padding)
{
	int last = text_size > 0 ? base64_value(text[text_size - 1 - padding]) : 0;

	for (size_t i = 0; i < text_size - padding; i++) {
		if (base64_value(text[i]) < 0)
			return false;
	}
	/* Spare bits are zero: one value has one text. */
	return padding == 0 || (last & (padding == 1 ? 3 : 15)) == 0;
}

bool bytes_from_base64(
	uint8_t *bytes, size_t capacity, size_t *size, const char *text, size_t text_size)
{
	size_t padding = 0, decoded;
	uint32_t group = 0;

	if (text_size % 4 != 0)
		return false;
	while (padding < 2 && padding < text_size && text[text_size - 1 - padding] == '=')
		padding++;
	decoded = text_size / 4 * 3 - padding;
	if (decoded > capacity || !base64_is_canonical(text, text_size, padding))
		return false;
	for (size_t i = 0; i < text_size; i++) {
		uint32_t value = i < text_size - padding ? (uint32_t)base64_value(text[i]) : 0;

		group = group << 6 | value;
		if (i % 4 != 3)
			continue;
		for (size_t j = 0; j < 3 && i / 4 * 3 + j < decoded; j++)
			bytes[i / 4 * 3 + j] = (uint8_t)(group >> (16 - 8 * j));
	}
	*size = decoded;
	return true;
}

void bytes_sha256(uint8_t hash[static BYTES_HASH_SIZE], const void *data, size_t size)
{
	(void)crypto_hash_sha256(hash, data, size);
}
