// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/members.h"

#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/reason.h"
#include "base/words.h"

enum {
	BASE64_BYTES_MAX = 32,
};

/* What is a string in the document. */
static void read_text(struct json_reader *reader, struct json_object *object,
	const struct member *member, void *into)
{
	char word[LIMITS_REASON_SIZE + 1];
	bool is_word = member->kind < MEMBER_HEX;
	char *text = is_word ? word : into;
	const char *wrong = NULL;
	uint32_t value;

	json_get_string(reader, object, member->name, text, is_word ? sizeof(word) : member->size);
	if (!json_ok(reader))
		return;
	if (is_word) {
		value = member->kind == MEMBER_REASON ? reason_from_word(word)
						      : words_find(member->words, word);
		if (value == WORDS_NONE)
			wrong = "is not known";
		memcpy(into, &value, sizeof(value));
	} else if (member->kind == MEMBER_PRINTABLE && !text_is_printable(text, member->size)) {
		wrong = "is not printable";
	} else if (member->kind == MEMBER_NAME && !text_is_name(text)) {
		wrong = "is not a name";
	}
	if (wrong != NULL)
		json_fail(reader, member->name, wrong);
}

static void read_member(struct json_reader *reader, struct json_object *object,
	const struct member *member, void *into)
{
	uint64_t number;

	switch (member->kind) {
	case MEMBER_NUMBER:
		number = json_get_u64(reader, object, member->name, member->min,
			member->max > 0 ? member->max : MEMBERS_NUMBER_MAX);
		if (member->size == sizeof(number))
			*(uint64_t *)into = number;
		else
			*(uint32_t *)into = (uint32_t)number;
		break;
	case MEMBER_BOOL:
		*(bool *)into = json_get_optional_bool(reader, object, member->name, false);
		break;
	case MEMBER_HEX:
	case MEMBER_BASE64:
		json_get_bytes(reader, object, member->name, into, member->size,
			member->kind == MEMBER_HEX);
		break;
	default:
		read_text(reader, object, member, into);
	}
}

void members_read(struct json_reader *reader, struct json_object *object,
	const struct member *member, size_t count, void *into)
{
	for (; count > 0; count--, member++) {
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
	struct text *text, const struct member *member, size_t count, const void *from, bool whole)
{
	for (; count > 0; count--, member++) {
		const uint8_t *at = (const uint8_t *)from + member->offset;
		bool is_zero = bytes_are_zero(at, member->kind >= MEMBER_STRING ? 1 : member->size);

		if (whole || !is_zero || member->flags != MEMBER_SPARSE)
			write_member(text, member, at, is_zero);
	}
}
