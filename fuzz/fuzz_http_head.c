// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: every byte of a request to this node, and of a reply to a request of ours.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common.h"
#include "faults.h"
#include "io/http_head.h"

static void check_request(const char *bytes, size_t size)
{
	struct http_request_head head;

	memset(&head, 0x5a, sizeof(head));
	if (!http_head_read_request(&head, bytes, size)) {
		assert(head.body_size == UINT64_C(0x5a5a5a5a5a5a5a5a));
		return;
	}
	assert(head.path[0] == '/' && strlen(head.path) <= HTTP_PATH_SIZE);
	assert(strchr(head.path, '?') == NULL && strchr(head.path, ' ') == NULL);
	assert(!head.has_range || strlen(head.range) <= HTTP_RANGE_SIZE);
}

static void check_reply(const char *bytes, size_t size)
{
	struct http_reply_head head;

	memset(&head, 0x5a, sizeof(head));
	if (!http_head_read_reply(&head, bytes, size)) {
		assert(head.status == 0x5a5a5a5a);
		return;
	}
	assert(head.status >= 100 && head.status <= 599);
	/* Two lengths are one too many. */
	assert(!(head.chunked && head.size_known));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct evbuffer *input = evbuffer_new();
	ssize_t head_size;
	char *copy;

	faults_plan(&bytes, &size);
	assert(input != NULL);
	/* In two pieces, as it may come. */
	evbuffer_add(input, bytes, size / 2);
	evbuffer_add(input, bytes + size / 2, size - size / 2);
	head_size = http_head_size(input);
	assert(head_size <= (ssize_t)size && head_size <= LIMITS_HTTP_HEADERS_SIZE);
	if (head_size > 0) {
		copy = fuzz_copy(bytes, (size_t)head_size);
		check_request(copy, (size_t)head_size);
		check_reply(copy, (size_t)head_size);
		free(copy);
	}
	evbuffer_free(input);
	return 0;
}
