/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

/* Requests to a node and to other servers. What cannot be had ends the process. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

struct json_object;

/* GET `path` from the node, or POST `body` to it. The answer with a terminator, for the caller to
 * free. */
char *client_ask(
	const struct options *options, const char *path, const char *body, size_t body_size);

/* GET a URL of anywhere, at most `size_max` bytes; the caller frees them. */
char *client_fetch(const char *url, size_t size_max, size_t *size);

/* GET `path` as a JSON object, which the caller gives back with json_free(). */
struct json_object *client_get(const struct options *options, const char *path);

/* The same, to be shown to people; with --json it is printed as it comes, and NULL returned. */
struct json_object *client_look(const struct options *options, const char *path);

/* Members of an answer; what is not there or of another kind is "" or the fallback. */
const char *client_string(struct json_object *object, const char *member);
const char *client_text(struct json_object *value); /* of a string itself */
uint64_t client_u64(struct json_object *object, const char *member, uint64_t fallback);
bool client_bool(struct json_object *object, const char *member);
struct json_object *client_member(struct json_object *object, const char *member);
size_t client_count(struct json_object *array);
struct json_object *client_at(struct json_object *array, size_t index); /* NULL: no more */

#endif
