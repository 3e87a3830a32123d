// SPDX-License-Identifier: AGPL-3.0-or-later
#include "release/trailer.h"

#include <string.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"
#include "base/words.h"

enum {
	MAGIC = 0x46577830, /* "FWx0" */
	FOOTER_SIZE = 16,
	INFO_HEADER_SIZE = 8,
	SIGNATURE_SIZE_MAX = 1024,
	TYPE_SIGNATURE = 0,
	TYPE_INFO = 1,
	CHUNKS_MAX = 4, /* one signature on one metadata in practice */
};

/* By enum trailer_error. */
static const char sentences[] = "it is fine\0"
				"there is none\0"
				"it names a size that cannot be\0"
				"its checksum is wrong\0"
				"it is of a kind that is not known\0"
				"its metadata cannot be read\0";

const char *trailer_error_sentence(enum trailer_error error)
{
	return words_at(sentences, error);
}

/* CRC-32 as fwtool has it: reflected, from all ones, without the final inversion. The table is made
 * anew: that takes no time, and a router's flash is small. */
static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
	uint32_t table[256], crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? UINT32_C(0xedb88320) : 0);
	}
	for (size_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
	return crc;
}

/* Only text that people and boards can be called by is taken; the first devices are enough. */
static void read_devices(struct json_reader *reader, struct json_object *object, const char *member,
	struct trailer *trailer)
{
	struct json_object *list;
	size_t count;

	if (!json_has(object, member))
		return;
	list = json_get_array(reader, object, member, TRAILER_METADATA_SIZE);
	count = json_array_count(list);
	for (size_t i = 0; i < count && trailer->device_count < LIMITS_IMAGE_BOARDS_MAX; i++) {
		char name[256];

		json_array_string(reader, list, member, i, name, sizeof(name));
		if (!json_ok(reader))
			return;
		/* A sentence for old tools may stand where a device is expected. */
		if (text_is_printable(name, LIMITS_BOARD_SIZE))
			text_set(trailer->devices[trailer->device_count++], LIMITS_BOARD_SIZE + 1,
				name);
	}
}

static enum trailer_error read_metadata(struct trailer *trailer, const char *json, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, json, size);
	bool moved;

	json_get_optional_string(&reader, object, "compat_version", trailer->compat_version,
		sizeof(trailer->compat_version));
	if (trailer->compat_version[0] == '\0')
		text_set(trailer->compat_version, sizeof(trailer->compat_version), "1.0");
	/* From another compat_version on, the real devices stand under another name. */
	moved = strcmp(trailer->compat_version, "1.0") != 0 &&
		json_has(object, "new_supported_devices");
	read_devices(
		&reader, object, moved ? "new_supported_devices" : "supported_devices", trailer);
	if (json_has(object, "version"))
		json_get_optional_string(&reader, json_get_object(&reader, object, "version"),
			"version", trailer->version, sizeof(trailer->version));
	json_free(object);
	return json_ok(&reader) ? TRAILER_OK : TRAILER_BAD_METADATA;
}

/* The chunk that ends at `end`; on TRAILER_OK *size is all of it. */
static enum trailer_error read_chunk(
	struct trailer *trailer, const uint8_t *file, size_t end, size_t *size, uint8_t *type)
{
	const uint8_t *footer;
	size_t body;

	if (end < FOOTER_SIZE)
		return TRAILER_NONE;
	footer = file + end - FOOTER_SIZE;
	if (bytes_get_u32be(footer) != MAGIC)
		return TRAILER_NONE;
	*type = footer[8];
	*size = bytes_get_u32be(footer + 12);
	if (*type != TYPE_SIGNATURE && *type != TYPE_INFO)
		return TRAILER_BAD_TYPE;
	if (*size <= FOOTER_SIZE || *size > end)
		return TRAILER_BAD_SIZE;
	body = *size - FOOTER_SIZE;
	if (*type == TYPE_SIGNATURE ? body > SIGNATURE_SIZE_MAX
				    : body <= INFO_HEADER_SIZE ||
					      body > INFO_HEADER_SIZE + TRAILER_METADATA_SIZE)
		return TRAILER_BAD_SIZE;
	if (crc_of(file, end - FOOTER_SIZE) != bytes_get_u32be(footer + 4))
		return TRAILER_BAD_CRC;
	if (*type == TYPE_SIGNATURE) {
		trailer->signed_chunk = true;
		return TRAILER_OK;
	}
	return read_metadata(trailer, (const char *)file + end - *size + INFO_HEADER_SIZE,
		body - INFO_HEADER_SIZE);
}

enum trailer_error trailer_read(struct trailer *trailer, const uint8_t *file, size_t image_size)
{
	struct trailer found = { 0 };
	enum trailer_error error = TRAILER_OK;
	size_t end = image_size, size;
	uint8_t type = TYPE_SIGNATURE;

	/* From the end backwards, until the metadata was found. */
	for (int i = 0; i < CHUNKS_MAX && type != TYPE_INFO; i++) {
		error = read_chunk(&found, file, end, &size, &type);
		if (error != TRAILER_OK)
			return error;
		end -= size;
	}
	if (type != TYPE_INFO)
		return TRAILER_BAD_TYPE;
	*trailer = found;
	return TRAILER_OK;
}

size_t trailer_write(uint8_t *out, size_t capacity, const uint8_t *file, size_t size,
	const char *metadata_json, size_t metadata_size)
{
	size_t total = INFO_HEADER_SIZE + metadata_size + FOOTER_SIZE;
	uint8_t *footer = out + INFO_HEADER_SIZE + metadata_size;
	uint32_t crc;

	if (metadata_size > TRAILER_METADATA_SIZE || total > capacity)
		return 0;
	memset(out, 0, INFO_HEADER_SIZE);
	memcpy(out + INFO_HEADER_SIZE, metadata_json, metadata_size);
	memset(footer, 0, FOOTER_SIZE);
	bytes_put_u32be(footer, MAGIC);
	/* The file and what we put behind it lie apart: the checksum goes on from one to the other.
	 */
	crc = crc_of(file, size);
	for (size_t i = 0; i < INFO_HEADER_SIZE + metadata_size; i++) {
		crc ^= out[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
	}
	bytes_put_u32be(footer + 4, crc);
	footer[8] = TYPE_INFO;
	bytes_put_u32be(footer + 12, (uint32_t)total);
	return total;
}
