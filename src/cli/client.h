/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

/* One request to a node, and its answer. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

struct json_object;

struct client_answer {
	int status;  /* CLI_DONE, or what the command should end with; it was complained about then
		      */
	char *bytes; /* owned; with a terminator; NULL if there is none */
	size_t size;
	uint32_t http_status;
};

/* GET `path` from the node, or POST `body` to it. */
struct client_answer client_ask(
	const struct options *options, const char *path, const char *body, size_t body_size);

void client_forget(struct client_answer *answer);

/* GET a URL of anywhere, at most `size_max` bytes. */
struct client_answer client_fetch(const struct options *options, const char *url, size_t size_max);

/* GET `path` as a JSON object, which the caller gives back with json_free(). NULL after having
 * complained; `*status` is what to end with. */
struct json_object *client_get(const struct options *options, const char *path, int *status);

/* Members of an answer; what is not there or of another kind is "" or the fallback. */
const char *client_string(struct json_object *object, const char *member);
const char *client_text(struct json_object *value); /* of a string itself */
uint64_t client_u64(struct json_object *object, const char *member, uint64_t fallback);
bool client_bool(struct json_object *object, const char *member);
struct json_object *client_member(struct json_object *object, const char *member);
size_t client_count(struct json_object *array);
struct json_object *client_at(struct json_object *array, size_t index);

#endif
