// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/api.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/words.h"
#include "daemon/measure.h"
#include "io/clock.h"
#include "io/packages.h"

/* ---- views ---- */

typedef void view(const struct node *node, uint64_t now_ms, struct text *text);

static void view_status(const struct node *node, uint64_t now_ms, struct text *text)
{
	agent_view_status(node->agent, now_ms, text);
}

static void view_mesh(const struct node *node, uint64_t now_ms, struct text *text)
{
	agent_view_mesh(node->agent, now_ms, text);
}

static void view_limeapp(const struct node *node, uint64_t now_ms, struct text *text)
{
	agent_view_limeapp(node->agent, now_ms, text);
}

static void view_log(const struct node *node, uint64_t now_ms, struct text *text)
{
	(void)now_ms;
	log_view(node->log, text);
}

static void add_package(void *context, const char *name, const char *version)
{
	text_add_member_string(context, name, version);
}

static void view_board(const struct node *node, uint64_t now_ms, struct text *text)
{
	const struct board *board = &node->board;
	const char *manager;

	(void)now_ms;
	text_begin_object(text);
	text_add_member_string(text, "name", board->name);
	text_add_member_string(text, "version", board->version);
	text_add_member_string(text, "release", board->release);
	text_add_member_string(text, "target", board->target);
	text_add_member_string(text, "architecture", board->architecture);
	text_add_member(text, "packages");
	text_begin_object(text);
	manager = packages_read("", add_package, text);
	text_end_object(text);
	text_add_member_string(text, "package_manager", manager);
	text_end_object(text);
}

static void view_expected(const struct node *node, uint64_t now_ms, struct text *text)
{
	const char *list = node->expected != NULL ? node->expected : "";

	(void)now_ms;
	text_begin_object(text);
	text_begin_list(text, "nodes");
	while (list[0] != '\0') {
		char name[LIMITS_NAME_SIZE + 1];
		size_t size = strcspn(list, ",");

		if (size <= LIMITS_NAME_SIZE) {
			memcpy(name, list, size);
			name[size] = '\0';
			if (text_is_name(name))
				text_add_json_string(text, name);
		}
		list += size + (list[size] == ',');
	}
	text_end_list(text);
	text_end_object(text);
}

/* In memory that the caller frees; NULL without memory. */
static char *render(const struct node *node, view *write, size_t *size)
{
	uint64_t now_ms = clock_now_ms();
	struct text text;
	char *bytes;

	text_init(&text, NULL, 0);
	write(node, now_ms, &text);
	*size = text.size;
	bytes = malloc(text.size + 1);
	if (bytes == NULL)
		return NULL;
	text_init(&text, bytes, text.size + 1);
	write(node, now_ms, &text);
	if (text.size < *size) /* what is read of files may change meanwhile */
		*size = text.size;
	return bytes;
}

static void refuse_for_memory(struct http_request *request)
{
	http_reply_error(request, 503, "internal", "There is not enough memory.");
}

static void reply_view(const struct node *node, struct http_request *request, view *write)
{
	size_t size;
	char *bytes = render(node, write, &size);

	if (bytes != NULL)
		http_reply(request, 200, "application/json", bytes, size);
	else
		refuse_for_memory(request);
	free(bytes);
}

/* A file of ours, or its beginning. */
static void reply_file(
	struct http_request *request, const char *type, const char *path, uint32_t size_max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat file;

	if (fd >= 0 && fstat(fd, &file) == 0 && file.st_size > 0) {
		http_reply_file(request, 200, type, fd, 0,
			file.st_size < size_max ? (uint64_t)file.st_size : size_max);
		return;
	}
	if (fd >= 0)
		close(fd);
	http_reply_error(request, 404, "not_found", "This is not installed here.");
}

static void get_page(void *context, struct http_request *request)
{
	const struct node *node = context;
	char path[FILES_PATH_SIZE + 1];

	if (!files_join(path, node->config->web_directory, "index.html"))
		path[0] = '\0';
	reply_file(request, "text/html; charset=utf-8", path, UINT32_MAX);
}

/* Bytes that lie in memory anyway and that no radio can compress to nothing: our own program's. */
static void get_probe(void *context, struct http_request *request)
{
	(void)context;
	reply_file(request, "application/octet-stream", "/proc/self/exe", MEASURE_SIZE);
}

static void get_status(void *context, struct http_request *request)
{
	reply_view(context, request, view_status);
}

static void get_mesh(void *context, struct http_request *request)
{
	reply_view(context, request, view_mesh);
}

static void get_board(void *context, struct http_request *request)
{
	reply_view(context, request, view_board);
}

static void get_expected(void *context, struct http_request *request)
{
	reply_view(context, request, view_expected);
}

static void get_limeapp(void *context, struct http_request *request)
{
	reply_view(context, request, view_limeapp);
}

static void get_log(void *context, struct http_request *request)
{
	reply_view(context, request, view_log);
}

static void get_history(void *context, struct http_request *request)
{
	reply_view(context, request, history_view);
}

static void get_events(void *context, struct http_request *request)
{
	size_t size;
	char *bytes = render(context, view_mesh, &size);

	if (bytes == NULL)
		refuse_for_memory(request);
	else if (http_reply_stream(request))
		http_stream_send(request, "mesh", bytes, size);
	free(bytes);
}

void api_tell(struct node *node)
{
	size_t size;
	char *bytes;

	if (http_server_stream_count(node->server) == 0)
		return;
	bytes = render(node, view_mesh, &size);
	if (bytes != NULL)
		http_server_send(node->server, "mesh", bytes, size);
	free(bytes);
}

/* ---- releases and images ---- */

static void get_manifest(void *context, struct http_request *request)
{
	releases_serve_manifest(((struct node *)context)->releases, request);
}

static void get_signatures(void *context, struct http_request *request)
{
	releases_serve_signatures(((struct node *)context)->releases, request);
}

static void get_image(void *context, struct http_request *request)
{
	images_serve(((struct node *)context)->images, request);
}

static void get_chunks(void *context, struct http_request *request)
{
	images_serve_chunks(((struct node *)context)->images, request);
}

/* ---- orders ---- */

static uint32_t status_of(enum reason reason)
{
	switch (reason) {
	case REASON_NONE:
	case REASON_ALREADY_KNOWN:
		return 202;
	case REASON_UNTRUSTED_KEY:
	case REASON_BAD_SIGNATURE:
		return 403;
	case REASON_BAD_ORDER:
	case REASON_WRONG_MESH:
	case REASON_UNKNOWN_KIND:
	case REASON_UNKNOWN_WAVE:
		return 400;
	default:
		return 409;
	}
}

static void reply_hash(struct http_request *request, uint32_t status, const char *name,
	const uint8_t hash[static BYTES_HASH_SIZE])
{
	char hex[BYTES_HASH_TEXT_SIZE + 1], body[BYTES_HASH_TEXT_SIZE + 32];
	int size;

	bytes_to_hex(hex, hash, BYTES_HASH_SIZE);
	size = snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", name, hex);
	http_reply(request, status, "application/json", body, (size_t)size);
}

void api_answer(struct node *node, const struct action *action)
{
	struct http_request *request = http_server_find(node->server, action->answer.request);
	uint32_t status = status_of(action->answer.reason);

	if (request == NULL)
		return;
	if (status == 202)
		reply_hash(request, status, "id", action->answer.id);
	else
		http_reply_error(request, status, reason_word(action->answer.reason),
			action->answer.message);
}

static void post_order(void *context, struct http_request *request)
{
	struct node *node = context;
	struct event event = { .kind = EVENT_ORDER };
	char signature[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1] = "";
	char problem[LIMITS_MESSAGE_SIZE + 1];
	uint64_t id = http_request_id(request);
	struct json_reader reader;
	struct json_object *object;
	size_t size;
	const char *body = http_request_body(request, &size);

	object = json_parse(&reader, body, size);
	event.order.order = json_get_string_view(&reader, object, "order", &event.order.order_size);
	json_get_string(&reader, object, "signature", signature, sizeof(signature));
	if (!json_ok(&reader)) {
		json_explain(&reader, problem, sizeof(problem));
		http_reply_error(request, 400, "bad_order", problem);
		json_free(object);
		return;
	}
	event.order.request = id;
	event.order.signature = signature;
	node_step(node, &event);
	json_free(object);
	/* No answer came: it waited for a journal that could not be written. */
	request = http_server_find(node->server, id);
	if (request != NULL)
		http_reply_error(request, 500, reason_word(REASON_JOURNAL_FAILED),
			reason_sentence(REASON_JOURNAL_FAILED));
}

static void post_directory(void *context, struct http_request *request)
{
	struct node *node = context;
	char path[FILES_PATH_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];
	const struct directory *directory = NULL;
	struct json_reader reader;
	struct json_object *object;
	size_t size;
	const char *body = http_request_body(request, &size);

	object = json_parse(&reader, body, size);
	json_get_string(&reader, object, "path", path, sizeof(path));
	json_free(object);
	if (!json_ok(&reader))
		json_explain(&reader, problem, sizeof(problem));
	else if (path[0] != '/')
		text_set(problem, sizeof(problem), "path must begin with a slash");
	else
		directory = node_add_directory(node, path, problem, sizeof(problem));
	if (directory != NULL)
		reply_hash(request, 200, "release", directory->release_id);
	else
		http_reply_error(request, 400, reason_word(REASON_BAD_RELEASE), problem);
}

/* ---- numbers ---- */

/* Name, type and help of each number of get_metrics(), in its order. */
static const char metrics[] =
	"uptime_seconds\0gauge\0Since the daemon started.\0"
	"state\0gauge\0The node's state, by its place in docs/state-machine.md.\0"
	"upgrade_active\0gauge\0"
	"1 while an upgrade is under way.\0"
	"exchanges_ok_total\0counter\0Gossip exchanges of ours that worked.\0"
	"exchanges_failed_total\0counter\0Gossip exchanges of ours that failed.\0"
	"gossip_accepted_total\0counter\0Gossip connections of others.\0"
	"gossip_displaced_total\0counter\0Gossip connections that had to give way.\0"
	"event_streams\0gauge\0Readers of /v1/events.\0";

static void get_metrics(void *context, struct http_request *request)
{
	struct node *node = context;
	const struct gossip_net_counts *counts = gossip_net_counts(node->gossip);
	const uint64_t values[] = {
		(clock_now_ms() - node->started_ms) / 1000,
		agent_state(node->agent),
		agent_active(node->agent),
		node->exchanges_ok,
		node->exchanges_failed,
		counts->accepted,
		counts->displaced,
		http_server_stream_count(node->server),
	};
	char buffer[4096];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *name = words_at(metrics, 3 * i);
		const char *type = words_at(metrics, 3 * i + 1);

		text_add_format(&text,
			"# HELP lockstep_%s %s\n# TYPE lockstep_%s %s\nlockstep_%s %" PRIu64 "\n",
			name, words_at(metrics, 3 * i + 2), name, type, name, values[i]);
	}
	http_reply(request, 200, "text/plain; version=0.0.4", buffer, text.size);
}

const struct http_route api_routes[] = {
	{ "/", get_page, HTTP_GET, false },
	{ "/v1/status", get_status, HTTP_GET, false },
	{ "/v1/mesh", get_mesh, HTTP_GET, false },
	{ "/v1/board", get_board, HTTP_GET, false },
	{ "/v1/expected", get_expected, HTTP_GET, false },
	{ "/v1/events", get_events, HTTP_GET, false },
	{ "/v1/history", get_history, HTTP_GET, false },
	{ "/v1/log", get_log, HTTP_GET, false },
	{ "/v1/limeapp", get_limeapp, HTTP_GET, false },
	{ "/v1/releases/*/release.json", get_manifest, HTTP_GET, false },
	{ "/v1/releases/*/signatures", get_signatures, HTTP_GET, false },
	{ "/v1/images/*", get_image, HTTP_GET, false },
	{ "/v1/images/*/chunks", get_chunks, HTTP_GET, false },
	{ "/v1/probe", get_probe, HTTP_GET, false },
	{ "/metrics", get_metrics, HTTP_GET, false },
	{ "/v1/orders", post_order, HTTP_POST, false },
	{ "/v1/directory", post_directory, HTTP_POST, true },
	{ 0 },
};
