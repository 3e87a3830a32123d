// SPDX-License-Identifier: AGPL-3.0-or-later
#include "base/json.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/words.h"

bool json_ok(const struct json_reader *reader)
{
	return reader->wrong == NULL;
}

void json_fail(struct json_reader *reader, const char *member, const char *wrong)
{
	if (!json_ok(reader))
		return;
	reader->wrong = wrong;
	text_set(reader->member, sizeof(reader->member), member);
}

void json_explain(const struct json_reader *reader, char *buffer, size_t capacity)
{
	snprintf(buffer, capacity, "%s %s",
		reader->member[0] != '\0' ? reader->member : "the document",
		reader->wrong != NULL ? reader->wrong : "is fine");
}

static bool only_blanks(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (strchr(" \t\r\n", bytes[i]) == NULL || bytes[i] == '\0')
			return false;
	}
	return true;
}

struct json_object *json_parse(struct json_reader *reader, const char *bytes, size_t size)
{
	struct json_tokener *tokener;
	struct json_object *object;
	size_t end;

	memset(reader, 0, sizeof(*reader));
	if (size > INT_MAX || !text_is_utf8(bytes, size)) {
		reader->wrong = "is not UTF-8";
		return NULL;
	}
	tokener = json_tokener_new_ex(LIMITS_JSON_DEPTH);
	if (tokener == NULL) {
		reader->wrong = "needs more memory than there is";
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	object = json_tokener_parse_ex(tokener, bytes, (int)size);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (object == NULL)
		reader->wrong = "is not JSON, or nested too deeply";
	else if (!only_blanks(bytes + end, size - end))
		reader->wrong = "is followed by something else";
	else if (!json_object_is_type(object, json_type_object))
		reader->wrong = "is not an object";
	else
		return object;
	json_object_put(object);
	return NULL;
}

void json_free(struct json_object *object)
{
	json_object_put(object);
}

bool json_has(struct json_object *object, const char *member)
{
	return json_object_object_get_ex(object, member, NULL); /* false also for no object */
}

/* By json-c's enum json_type. */
static const char expected[] =
	"must be null\0must be true or false\0must be a number\0must be a whole number\0"
	"must be an object\0must be a list\0must be a string\0";

/* The member if it is there and of this type; NULL with the reader failed otherwise. */
static struct json_object *get(struct json_reader *reader, struct json_object *object,
	const char *member, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_ok(reader))
		return NULL;
	if (!json_object_object_get_ex(object, member, &value)) {
		json_fail(reader, member, "is missing");
		return NULL;
	}
	if (!json_object_is_type(value, type)) {
		json_fail(reader, member, words_at(expected, type));
		return NULL;
	}
	return value;
}

static void copy_string(struct json_reader *reader, const char *member, struct json_object *value,
	char *buffer, size_t capacity)
{
	const char *string = json_object_get_string(value);
	size_t size = (size_t)json_object_get_string_len(value);

	if (strlen(string) != size)
		json_fail(reader, member, "holds a NUL");
	else if (!text_copy(buffer, capacity, string))
		json_fail(reader, member, "is too long");
}

void json_get_string(struct json_reader *reader, struct json_object *object, const char *member,
	char *buffer, size_t capacity)
{
	struct json_object *value = get(reader, object, member, json_type_string);

	if (value != NULL)
		copy_string(reader, member, value, buffer, capacity);
}

void json_get_optional_string(struct json_reader *reader, struct json_object *object,
	const char *member, char *buffer, size_t capacity)
{
	ensure(capacity > 0);

	if (json_has(object, member))
		json_get_string(reader, object, member, buffer, capacity);
	else
		buffer[0] = '\0';
}

const char *json_get_string_view(
	struct json_reader *reader, struct json_object *object, const char *member, size_t *size)
{
	struct json_object *value = get(reader, object, member, json_type_string);

	if (value == NULL) {
		*size = 0;
		return NULL;
	}
	*size = (size_t)json_object_get_string_len(value);
	return json_object_get_string(value);
}

uint64_t json_get_u64(struct json_reader *reader, struct json_object *object, const char *member,
	uint64_t min, uint64_t max)
{
	struct json_object *value = get(reader, object, member, json_type_int);
	uint64_t number;

	if (value == NULL)
		return min;
	number = json_object_get_uint64(value);
	/* What is below zero is 0 to json-c, when asked for a uint64. */
	if (json_object_get_string(value)[0] == '-' || number < min || number > max) {
		json_fail(reader, member, "is out of range");
		return min;
	}
	return number;
}

uint64_t json_get_optional_u64(struct json_reader *reader, struct json_object *object,
	const char *member, uint64_t min, uint64_t max, uint64_t fallback)
{
	return json_has(object, member) ? json_get_u64(reader, object, member, min, max) : fallback;
}

bool json_get_optional_bool(
	struct json_reader *reader, struct json_object *object, const char *member, bool fallback)
{
	struct json_object *value;

	if (!json_has(object, member))
		return fallback;
	value = get(reader, object, member, json_type_boolean);
	return value != NULL ? json_object_get_uint64(value) != 0 : fallback;
}

void json_get_bytes(struct json_reader *reader, struct json_object *object, const char *member,
	uint8_t *bytes, size_t size, bool hex)
{
	size_t text_size;
	const char *text = json_get_string_view(reader, object, member, &text_size);

	if (text == NULL)
		return;
	if (!hex && !bytes_from_base64(bytes, size, text, text_size))
		json_fail(reader, member, "must be base64 of the right length");
	if (hex && (text_size != 2 * size || !bytes_from_hex(bytes, size, text)))
		json_fail(reader, member, "must be lowercase hex digits of the right number");
}

struct json_object *json_get_object(
	struct json_reader *reader, struct json_object *object, const char *member)
{
	return get(reader, object, member, json_type_object);
}

struct json_object *json_get_array(struct json_reader *reader, struct json_object *object,
	const char *member, size_t count_max)
{
	struct json_object *value = get(reader, object, member, json_type_array);

	if (value != NULL && json_object_array_length(value) > count_max) {
		json_fail(reader, member, "has too many entries");
		return NULL;
	}
	return value;
}

size_t json_array_count(struct json_object *array)
{
	return array != NULL ? json_object_array_length(array) : 0;
}

struct json_object *json_array_object(
	struct json_reader *reader, struct json_object *array, const char *member, size_t index)
{
	struct json_object *value = array != NULL ? json_object_array_get_idx(array, index) : NULL;

	if (json_object_is_type(value, json_type_object))
		return value;
	json_fail(reader, member, "must hold objects");
	return NULL;
}

void json_array_string(struct json_reader *reader, struct json_object *array, const char *member,
	size_t index, char *buffer, size_t capacity)
{
	struct json_object *value = array != NULL ? json_object_array_get_idx(array, index) : NULL;

	if (!json_ok(reader))
		return;
	if (!json_object_is_type(value, json_type_string))
		json_fail(reader, member, "must hold strings");
	else
		copy_string(reader, member, value, buffer, capacity);
}

uint32_t json_get_strings(struct json_reader *reader, struct json_object *object,
	const char *member, char *strings, size_t stride, uint32_t count_max)
{
	struct json_object *list = json_get_array(reader, object, member, count_max);
	uint32_t count = (uint32_t)json_array_count(list);

	for (uint32_t i = 0; i < count && json_ok(reader); i++, strings += stride) {
		json_array_string(reader, list, member, i, strings, stride);
		if (json_ok(reader) && !text_is_printable(strings, stride - 1))
			json_fail(reader, member, "must be printable");
	}
	return json_ok(reader) ? count : 0;
}
