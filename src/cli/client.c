// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/text.h"
#include "io/http_client.h"
#include "io/timer.h"

enum {
	DEADLINE_MS = 15000,
	ANSWER_SIZE_MAX = 4194304,
	URL_SIZE = 512,
};

struct waiting {
	struct http_fetch request;
	char *bytes; /* with a terminator; NULL if there is no answer */
	size_t size;
	uint32_t status;
	char problem[256];
};

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	struct waiting *waiting = context;

	(void)token;
	waiting->status = result->status;
	if (result->outcome == HTTP_FAILED) {
		text_set(waiting->problem, sizeof(waiting->problem), result->problem);
		return;
	}
	waiting->bytes = options_allocate(result->size + 1);
	waiting->size = result->size;
	memcpy(waiting->bytes, result->bytes, result->size);
}

static void fetch(struct waiting *waiting)
{
	struct event_base *base = timer_new_base();
	struct http_client *client = base != NULL ? http_client_new(base) : NULL;

	waiting->request.deadline_ms = DEADLINE_MS;
	waiting->request.done = on_done;
	waiting->request.context = waiting;
	if (client == NULL || !http_client_get(client, &waiting->request))
		options_fail("internal", "out of memory");
	while (http_client_count(client) > 0 && event_base_loop(base, EVLOOP_ONCE) == 0)
		;
	http_client_free(client);
	event_base_free(base);
}

/* The node said no: in its own words, if they are fit to be printed. */
static _Noreturn void fail_refused(const struct waiting *waiting)
{
	struct json_reader reader;
	struct json_object *error =
		client_member(json_parse(&reader, waiting->bytes, waiting->size), "error");
	const char *message = client_string(error, "message");
	const char *reason = client_string(error, "reason");

	if (message[0] != '\0' && text_is_printable(message, 1000))
		options_fail(reason, "%s (%s)", message, reason);
	options_fail(
		"internal", "the node answered with HTTP status %u", (unsigned)waiting->status);
}

char *client_ask(
	const struct options *options, const char *path, const char *body, size_t body_size)
{
	char url[URL_SIZE];
	const char *base = options->url != NULL ? options->url : "http://localhost";
	size_t base_size = strlen(base);
	struct waiting waiting = {
		.request.url = url,
		.request.control = options->url == NULL ? options->socket : NULL,
		.request.body = body,
		.request.body_size = body_size,
		.request.size = ANSWER_SIZE_MAX,
	};

	while (base_size > 0 && base[base_size - 1] == '/')
		base_size--;
	snprintf(url, sizeof(url), "%.*s%s", (int)base_size, base, path);
	fetch(&waiting);
	if (waiting.bytes == NULL)
		options_fail("no_daemon",
			"no daemon answers at %s (%s); is it running? Try --socket PATH or --url "
			"http://HOST:PORT.",
			options->url != NULL ? options->url : options->socket, waiting.problem);
	if (waiting.status / 100 != 2)
		fail_refused(&waiting);
	return waiting.bytes;
}

char *client_fetch(const char *url, size_t size_max, size_t *size)
{
	struct waiting waiting = { .request.url = url, .request.size = size_max };

	fetch(&waiting);
	if (waiting.bytes == NULL)
		options_fail("fetch_failed", "%s: %s", url, waiting.problem);
	if (waiting.status / 100 != 2)
		options_fail("fetch_failed", "%s: HTTP status %u", url, (unsigned)waiting.status);
	*size = waiting.size;
	return waiting.bytes;
}

struct json_object *client_get(const struct options *options, const char *path)
{
	char *answer = client_ask(options, path, NULL, 0);
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, answer, strlen(answer));

	free(answer);
	if (object == NULL)
		options_fail("internal", "the node's answer is not JSON");
	return object;
}

struct json_object *client_look(const struct options *options, const char *path)
{
	char *answer;

	if (!options->json)
		return client_get(options, path);
	answer = client_ask(options, path, NULL, 0);
	(void)printf("%s\n", answer);
	free(answer);
	return NULL;
}

struct json_object *client_member(struct json_object *object, const char *member)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, member, &value);
	return value;
}

const char *client_text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

const char *client_string(struct json_object *object, const char *member)
{
	return client_text(client_member(object, member));
}

uint64_t client_u64(struct json_object *object, const char *member, uint64_t fallback)
{
	struct json_object *value = client_member(object, member);

	return json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : fallback;
}

bool client_bool(struct json_object *object, const char *member)
{
	return json_object_get_uint64(client_member(object, member)) != 0;
}

size_t client_count(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *client_at(struct json_object *array, size_t index)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_get_idx(array, index)
							   : NULL;
}
