/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_MEMBERS_H
#define BASE_MEMBERS_H

/*
 * The members of a JSON object and where they lie in a struct, described once for both ways:
 *
 *   static const struct member members[] = {
 *           MEMBER(struct record, wave, NUMBER, "wave", .max = 15, .flags = MEMBER_SPARSE),
 *           MEMBER(struct record, state, WORD, "state", .words = state_words),
 *   };
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/text.h"

#define MEMBERS_NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* what every JSON reader keeps exactly */

enum member_kind {
	MEMBER_NUMBER = 0, /* uint32_t or uint64_t */
	MEMBER_BOOL,
	MEMBER_WORD,   /* an enum whose words these are */
	MEMBER_REASON, /* enum reason; a word that is not known is REASON_INTERNAL */
	MEMBER_HEX,    /* bytes */
	MEMBER_BASE64,
	MEMBER_STRING,    /* char[]: any text … */
	MEMBER_PRINTABLE, /* … that people and terminals may see */
	MEMBER_NAME,      /* … that is a name (base/text.h) */
};

enum {
	MEMBER_OPTIONAL = 1, /* may be missing: what the struct holds stays */
	MEMBER_SPARSE = 2,   /* the same, and not written while it is zero or empty */
};

struct member {
	const char *name;
	union {
		struct {
			uint32_t min, max; /* of a number; max 0: MEMBERS_NUMBER_MAX */
		};
		const char *words;
	};
	uint16_t offset, size; /* in the struct, bytes */
	uint8_t kind, flags;
};

#define MEMBER(type, field, member_kind, member_name, ...)                                         \
	{                                                                                          \
		.name = member_name, .offset = offsetof(type, field),                              \
		.size = sizeof(((type *)0)->field), .kind = MEMBER_##member_kind, __VA_ARGS__      \
	}

/* Reads `count` members of `object`, from `member` on, into the struct at `into`. */
void members_read(struct json_reader *reader, struct json_object *object,
	const struct member *member, size_t count, void *into);

/* Writes them from the struct at `from`. `whole`: what is sparse is written too, zero bytes as "".
 */
void members_write(
	struct text *text, const struct member *member, size_t count, const void *from, bool whole);

#endif
