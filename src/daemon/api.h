/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_API_H
#define DAEMON_API_H

/* The HTTP interface of docs/api.md, as one table. */
#include "daemon/node.h"

typedef void api_view(const struct node *node, uint64_t now_ms, struct text *text);

/* What a view writes, in memory that the caller frees; NULL without memory. */
char *api_render(const struct node *node, api_view *write, size_t *size);
void api_reply_text(struct http_request *request, const char *bytes, size_t size);

/* The error of an order or an offer, with the reason's own sentence where there is no message. */
void api_refuse(struct http_request *request, enum reason reason, const char *message);
/* {"NAME":"64 hex"} */
void api_reply_hash(struct http_request *request, uint32_t status, const char *name,
	const uint8_t hash[static BYTES_HASH_SIZE]);

/* {"NAME":TEXT,"signature":BLOB}: what somebody signed. False after having replied 400. */
struct api_signed {
	struct json_object *object; /* has the text; the caller frees it */
	const char *text;
	size_t size;
	char signature[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
};
__attribute__((warn_unused_result)) bool api_read_signed(
	struct http_request *request, const char *name, struct api_signed *posted);

extern const struct http_route api_routes[];

/* Answers a posted order, if it is still waiting. */
void api_answer(struct node *node, const struct action *action);

#endif
