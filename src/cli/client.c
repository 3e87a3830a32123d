// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "io/http_client.h"

enum {
	DEADLINE_MS = 15000,
	ANSWER_SIZE_MAX = 4194304,
	URL_SIZE = 512,
};

struct waiting {
	struct client_answer answer;
	bool reached;
	char problem[256];
};

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	struct waiting *waiting = context;

	(void)token;
	waiting->answer.http_status = result->status;
	waiting->reached = result->outcome != HTTP_FAILED;
	if (result->problem != NULL)
		text_set(waiting->problem, sizeof(waiting->problem), result->problem);
	if (!waiting->reached)
		return;
	waiting->answer.bytes = malloc(result->size + 1);
	if (waiting->answer.bytes == NULL)
		return;
	if (result->size > 0)
		memcpy(waiting->answer.bytes, result->bytes, result->size);
	waiting->answer.bytes[result->size] = '\0';
	waiting->answer.size = result->size;
}

static void fetch(struct waiting *waiting, const struct http_fetch *request)
{
	struct event_base *base = event_base_new();
	struct http_client *client = base != NULL ? http_client_new(base) : NULL;

	text_set(waiting->problem, sizeof(waiting->problem),
		"the address is not one that can be used");
	if (client != NULL && http_client_get(client, request)) {
		while (http_client_count(client) > 0 && event_base_loop(base, EVLOOP_ONCE) == 0)
			;
	}
	http_client_free(client);
	if (base != NULL)
		event_base_free(base);
}

static int complain_refused(const struct options *options, const struct client_answer *answer)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, answer->bytes, answer->size);
	struct json_object *error = client_member(object, "error");
	const char *message = client_string(error, "message");
	int status;

	if (message[0] != '\0' && text_is_printable(message, 1000))
		status = options_fail(options, client_string(error, "reason"), "%s (%s)", message,
			client_string(error, "reason"));
	else
		status = options_fail(options, "internal", "the node answered with HTTP status %u",
			(unsigned)answer->http_status);
	json_free(object);
	return status;
}

struct client_answer client_ask(
	const struct options *options, const char *path, const char *body, size_t body_size)
{
	struct waiting waiting = { 0 };
	char url[URL_SIZE];
	const char *base = options->url != NULL ? options->url : "http://localhost";
	size_t base_size = strlen(base);
	struct http_fetch request = {
		.url = url,
		.control = options->url == NULL ? options->socket : NULL,
		.body = body,
		.body_size = body_size,
		.size = ANSWER_SIZE_MAX,
		.deadline_ms = DEADLINE_MS,
		.done = on_done,
		.context = &waiting,
	};
	struct text text;

	while (base_size > 0 && base[base_size - 1] == '/')
		base_size--;
	text_init(&text, url, sizeof(url));
	text_add_bytes(&text, base, base_size);
	text_add(&text, path);
	fetch(&waiting, &request);
	if (!waiting.reached) {
		(void)options_fail(options, "no_daemon",
			"no daemon answers at %s (%s); is it running? Try --socket PATH or --url "
			"http://HOST:PORT.",
			options->url != NULL ? options->url : options->socket, waiting.problem);
		waiting.answer.status = CLI_NO_DAEMON;
	} else if (waiting.answer.bytes == NULL) {
		waiting.answer.status = options_fail(options, "internal", "out of memory");
	} else if (waiting.answer.http_status / 100 != 2) {
		waiting.answer.status = complain_refused(options, &waiting.answer);
	}
	if (waiting.answer.status != CLI_DONE) {
		free(waiting.answer.bytes);
		waiting.answer.bytes = NULL;
	}
	return waiting.answer;
}

struct client_answer client_fetch(const struct options *options, const char *url, size_t size_max)
{
	struct waiting waiting = { 0 };
	struct http_fetch request = {
		.url = url,
		.size = size_max,
		.deadline_ms = DEADLINE_MS,
		.done = on_done,
		.context = &waiting,
	};

	fetch(&waiting, &request);
	if (waiting.answer.bytes != NULL && waiting.answer.http_status / 100 == 2)
		return waiting.answer;
	free(waiting.answer.bytes);
	waiting.answer.bytes = NULL;
	waiting.answer.status = options_fail(
		options, "fetch_failed", "%s cannot be fetched: %s", url, waiting.problem);
	return waiting.answer;
}

struct json_object *client_get(const struct options *options, const char *path, int *status)
{
	struct client_answer answer = client_ask(options, path, NULL, 0);
	struct json_reader reader;
	struct json_object *object;

	*status = answer.status;
	if (answer.bytes == NULL)
		return NULL;
	object = json_parse(&reader, answer.bytes, answer.size);
	free(answer.bytes);
	if (object == NULL)
		*status = options_fail(options, "internal", "the node's answer is not JSON");
	return object;
}

struct json_object *client_member(struct json_object *object, const char *member)
{
	struct json_object *value = NULL;

	if (object == NULL || !json_object_is_type(object, json_type_object))
		return NULL;
	(void)json_object_object_get_ex(object, member, &value);
	return value;
}

void client_forget(struct client_answer *answer)
{
	free(answer->bytes);
	answer->bytes = NULL;
}

const char *client_text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

const char *client_string(struct json_object *object, const char *member)
{
	struct json_object *value = client_member(object, member);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

uint64_t client_u64(struct json_object *object, const char *member, uint64_t fallback)
{
	struct json_object *value = client_member(object, member);

	return json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : fallback;
}

bool client_bool(struct json_object *object, const char *member)
{
	return json_object_get_boolean(client_member(object, member));
}

size_t client_count(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *client_at(struct json_object *array, size_t index)
{
	return json_object_array_get_idx(array, index);
}
