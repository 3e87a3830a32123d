/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_PAGE_H
#define DAEMON_PAGE_H

/*
 * The page for a browser: the files in WEB, which are compressed there and go out so, from the disk
 * to the network without a detour. What no browser of today takes, no browser gets.
 */
#include <stdint.h>

struct http_request;

/* Handlers of routes; the context is the node. */
void page_get(void *context, struct http_request *request); /* WEB/index.html.gz */
/* WEB/assets/NAME.gz, of a kind that a page is made of. Names hold a hash of what they are the
 * names of, so that a browser asks once. */
void page_get_asset(void *context, struct http_request *request);

/* A file of ours, or its beginning, with more headers (http_add_header) unless NULL; 404 if it is
 * not there. */
void page_reply_file(struct http_request *request, const char *type, const char *path,
	uint32_t size_max, const char *headers);

#endif
