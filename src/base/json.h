/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_JSON_H
#define BASE_JSON_H

/*
 * Reading our own JSON documents (orders, records, releases, configuration) with json-c: bounded,
 * strict, and with an error that names the member. The getters are chained: after the first one
 * that fails the others do nothing, so that a decoder reads like the document's description and
 * looks at the outcome once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

struct json_reader {
	const char *wrong; /* NULL while all is well; else what is wrong: "is missing", … */
	char member[64];   /* of which member; "" for the document itself */
};

/*
 * Parses exactly `size` bytes: valid UTF-8, one JSON object, strict syntax, at most
 * LIMITS_JSON_DEPTH levels, nothing but blanks after it. NULL on failure, with `reader` telling
 * why. The caller gives the object back with json_free().
 */
__attribute__((warn_unused_result)) struct json_object *json_parse(
	struct json_reader *reader, const char *bytes, size_t size);
void json_free(struct json_object *object); /* NULL is fine */

bool json_ok(const struct json_reader *reader);

/* Makes the reader fail from outside, for checks of the caller's own. The first failure stays. */
void json_fail(struct json_reader *reader, const char *member, const char *wrong);

/* "member is missing", for people. */
void json_explain(const struct json_reader *reader, char *buffer, size_t capacity);

bool json_has(struct json_object *object, const char *member);

/* A string without NUL of at most capacity-1 bytes. */
void json_get_string(struct json_reader *reader, struct json_object *object, const char *member,
	char *buffer, size_t capacity);
/* The same, "" if the member is not there. */
void json_get_optional_string(struct json_reader *reader, struct json_object *object,
	const char *member, char *buffer, size_t capacity);
/* The string where it lies in the object, as long as that lives; its length in `*size`. */
const char *json_get_string_view(
	struct json_reader *reader, struct json_object *object, const char *member, size_t *size);
/* An integer min..max; not a float, not a string. */
uint64_t json_get_u64(struct json_reader *reader, struct json_object *object, const char *member,
	uint64_t min, uint64_t max);
/* The same, `fallback` if the member is not there. */
uint64_t json_get_optional_u64(struct json_reader *reader, struct json_object *object,
	const char *member, uint64_t min, uint64_t max, uint64_t fallback);
bool json_get_optional_bool(
	struct json_reader *reader, struct json_object *object, const char *member, bool fallback);
/* Exactly `size` bytes: 2 × size lowercase hex digits, or else strict base64. */
void json_get_bytes(struct json_reader *reader, struct json_object *object, const char *member,
	uint8_t *bytes, size_t size, bool hex);

/* The object or array of this name; NULL (and the reader fails) if there is none. */
struct json_object *json_get_object(
	struct json_reader *reader, struct json_object *object, const char *member);
struct json_object *json_get_array(struct json_reader *reader, struct json_object *object,
	const char *member, size_t count_max);
size_t json_array_count(struct json_object *array);
/* Element `index` as an object; NULL (and the reader fails) if it is none. */
struct json_object *json_array_object(
	struct json_reader *reader, struct json_object *array, const char *member, size_t index);
/* Element `index` as a string of at most capacity-1 bytes. */
void json_array_string(struct json_reader *reader, struct json_object *array, const char *member,
	size_t index, char *buffer, size_t capacity);
/* A list of at most `count_max` printable strings of at most stride-1 bytes, `stride` bytes apart;
 * returns how many. */
uint32_t json_get_strings(struct json_reader *reader, struct json_object *object,
	const char *member, char *strings, size_t stride, uint32_t count_max);

#endif
