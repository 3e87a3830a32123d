// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/range.h"

#include <stddef.h>
#include <string.h>

/* Reads the digits at `*text`, if any. False if they are more than a file can have bytes. */
static bool take_number(const char **text, uint64_t *value, bool *given)
{
	const char *at = *text;

	*value = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (*value > UINT64_MAX / 20)
			return false;
		*value = *value * 10 + (uint64_t)(*at - '0');
	}
	*given = at != *text;
	*text = at;
	return true;
}

bool range_parse(struct range *range, const char *text, uint64_t file_size)
{
	uint64_t first, last;
	bool first_given, last_given;

	if (strncmp(text, "bytes=", 6) != 0)
		return false;
	text += 6;
	if (!take_number(&text, &first, &first_given) || *text++ != '-' ||
		!take_number(&text, &last, &last_given) || *text != '\0')
		return false;

	if (!first_given) {
		if (!last_given || last == 0 || file_size == 0)
			return false;
		first = last < file_size ? file_size - last : 0;
		last = file_size - 1;
	} else if (!last_given || last >= file_size) {
		if (last_given && last < first)
			return false;
		last = file_size - 1;
	}
	if (first >= file_size || last < first)
		return false;
	*range = (struct range){ .offset = first, .size = last - first + 1 };
	return true;
}
