// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the addresses in records, from which URLs are made, and the Range header of
 * a request. The first byte of the input says what the rest is.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"
#include "io/range.h"
#include "io/url.h"

static void check_url(const char *text)
{
	struct url url;

	if (!url_parse(&url, text))
		return;
	assert(url.host[0] != '\0' && url.path[0] == '/' && url.port != 0);
	/* What would end a request's line, or a header, never goes into one. */
	for (const char *at = url.path; *at != '\0'; at++)
		assert((uint8_t)*at > ' ' && *at != 0x7f);
	for (const char *at = url.host; *at != '\0'; at++)
		assert((uint8_t)*at > ' ' && *at != 0x7f && *at != '/');
}

static void check_range(const char *text, uint64_t file_size)
{
	struct range range = { 7, 7 };

	if (range_parse(&range, text, file_size)) {
		assert(range.size >= 1 && range.offset < file_size);
		assert(range.size <= file_size - range.offset);
	} else {
		assert(range.offset == 7 && range.size == 7);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text, *whole;

	faults_plan(&bytes, &size);
	if (size == 0)
		return 0;
	text = fuzz_string(bytes + 1, size - 1);
	whole = fuzz_string(bytes, size);
	if (bytes[0] == 'r') {
		check_range(text, 0);
		check_range(text, 1000);
		check_range(text, UINT64_MAX);
	} else {
		check_url(text);
		check_url(whole);
	}
	free(whole);
	free(text);
	return 0;
}
