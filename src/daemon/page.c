// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/page.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "daemon/node.h"

/* What an asset's name may end in, and what it is then. */
static const char types[] = "js\0text/javascript\0"
			    "css\0text/css\0"
			    "svg\0image/svg+xml\0"
			    "json\0application/json\0";

void page_reply_file(struct http_request *request, const char *type, const char *path,
	uint32_t size_max, const char *headers)
{
	uint64_t size;
	int fd = files_open(path, O_RDONLY, &size);

	if (fd < 0) {
		http_reply_error(request, 404, "not_found", "This is not installed here.");
		return;
	}
	if (headers != NULL)
		http_add_header(request, headers);
	http_reply_file(request, 200, type, fd, 0, size < size_max ? size : size_max);
}

static void reply_packed(const struct node *node, struct http_request *request, const char *type,
	const char *name, const char *headers)
{
	char path[FILES_PATH_SIZE + HTTP_PARAMETER_SIZE + sizeof("/assets/.gz")];

	snprintf(path, sizeof(path), "%s/%s.gz", node->config->web_directory, name);
	page_reply_file(request, type, path, UINT32_MAX, headers);
}

void page_get(void *context, struct http_request *request)
{
	/* In no frame of another page: what is clicked here can flash a mesh. */
	reply_packed(context, request, "text/html; charset=utf-8", "index.html",
		"Content-Encoding: gzip\r\nX-Frame-Options: DENY");
}

void page_get_asset(void *context, struct http_request *request)
{
	const char *name = http_request_parameter(request, 0), *ending = strrchr(name, '.');
	unsigned type = ending != NULL ? words_find(types, ending + 1) : WORDS_NONE;
	char path[HTTP_PARAMETER_SIZE + sizeof("assets/")];

	/* A parameter has no slash, so it is no type itself. */
	if (name[0] == '.' || type == WORDS_NONE) {
		http_reply_error(request, 404, "not_found", "There is no such page.");
		return;
	}
	snprintf(path, sizeof(path), "assets/%s", name);
	reply_packed(context, request, words_at(types, type + 1), path,
		"Content-Encoding: gzip\r\nCache-Control: max-age=31536000, immutable");
}
