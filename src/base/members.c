// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/members.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/reason.h"
#include "base/words.h"

enum {
	BASE64_BYTES_MAX = 32,
};

static void read_word(struct json_reader *reader, struct json_object *object,
	const struct member *member, uint32_t *value)
{
	char word[LIMITS_REASON_SIZE + 1] = "";

	json_get_string(reader, object, member->name, word, sizeof(word));
	if (member->kind == MEMBER_REASON) {
		*value = reason_from_word(word);
		return;
	}
	*value = words_find(member->words, word);
	if (*value == WORDS_NONE)
		json_fail(reader, member->name, "is not known");
}

static void read_string(struct json_reader *reader, struct json_object *object,
	const struct member *member, char *string)
{
	json_get_string(reader, object, member->name, string, member->size);
	if (!json_ok(reader))
		return;
	if (member->kind == MEMBER_PRINTABLE && !text_is_printable(string, member->size - 1u))
		json_fail(reader, member->name, "is not printable");
	if (member->kind == MEMBER_NAME && !text_is_name(string))
		json_fail(reader, member->name, "is not a name");
}

static void read_member(struct json_reader *reader, struct json_object *object,
	const struct member *member, void *into)
{
	uint64_t number;
	uint32_t word;

	switch (member->kind) {
	case MEMBER_NUMBER:
		number = json_get_u64(reader, object, member->name, member->min,
			member->max > 0 ? member->max : MEMBERS_NUMBER_MAX);
		word = (uint32_t)number;
		if (member->size == sizeof(number))
			memcpy(into, &number, sizeof(number));
		else
			memcpy(into, &word, sizeof(word));
		break;
	case MEMBER_BOOL:
		*(bool *)into = json_get_optional_bool(reader, object, member->name, false);
		break;
	case MEMBER_WORD:
	case MEMBER_REASON:
		read_word(reader, object, member, &word);
		memcpy(into, &word, sizeof(word));
		break;
	case MEMBER_HEX:
		json_get_hex(reader, object, member->name, into, member->size);
		break;
	case MEMBER_BASE64:
		json_get_base64(reader, object, member->name, into, member->size);
		break;
	default:
		read_string(reader, object, member, into);
	}
}

void members_read(struct json_reader *reader, struct json_object *object,
	const struct member *members, size_t count, void *into)
{
	for (const struct member *member = members; member < members + count; member++) {
		if (member->flags == 0 || json_has(object, member->name))
			read_member(reader, object, member, (char *)into + member->offset);
	}
}

static void write_member(
	struct text *text, const struct member *member, const void *from, bool is_zero)
{
	char base64[BASE64_BYTES_MAX / 3 * 4 + 5];
	const char *string = from;
	uint64_t number;
	uint32_t word;

	memcpy(&word, from, member->size < sizeof(word) ? member->size : sizeof(word));
	switch (member->kind) {
	case MEMBER_NUMBER:
		number = word;
		if (member->size == sizeof(number))
			memcpy(&number, from, sizeof(number));
		text_add_member_u64(text, member->name, number);
		return;
	case MEMBER_BOOL:
		text_add_member_bool(text, member->name, !is_zero);
		return;
	case MEMBER_HEX:
		text_add_member_hex(text, member->name, from,
			is_zero && member->flags == MEMBER_SPARSE ? 0 : member->size);
		return;
	case MEMBER_BASE64:
		bytes_to_base64(base64, from, member->size);
		string = base64;
		break;
	case MEMBER_WORD:
		string = words_at(member->words, word);
		break;
	case MEMBER_REASON:
		string = reason_word(word);
		break;
	}
	text_add_member_string(text, member->name, string);
}

void members_write(
	struct text *text, const struct member *members, size_t count, const void *from, bool whole)
{
	for (const struct member *member = members; member < members + count; member++) {
		const uint8_t *at = (const uint8_t *)from + member->offset;
		bool is_zero = sodium_is_zero(at, member->kind >= MEMBER_STRING ? 1 : member->size);

		if (whole || !is_zero || member->flags != MEMBER_SPARSE)
			write_member(text, member, at, is_zero);
	}
}
