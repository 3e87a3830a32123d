// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "io/http_client.h"
#include "io/http_server.h"
#include "io/range.h"

enum { FILE_SIZE = 300000, DEADLINE_MS = 5000 };

static struct {
	struct event_base *base;
	struct http_server *server;
	struct http_client *client;
	FILE *file;
	uint8_t bytes[FILE_SIZE];
	char directory[64];
	char control[96];
	/* what the last result was */
	uint32_t done;
	uint32_t wanted;
	uint64_t token;
	enum http_outcome outcome;
	uint32_t status;
	size_t size;
	char body[FILE_SIZE + 1];
	char problem[100];
	struct {
		uint64_t token;
		enum http_outcome outcome;
		uint8_t first; /* byte of the body */
	} told[16];
	/* what the server saw */
	uint32_t handled;
	uint64_t pending_id;
	/* a raw peer */
	struct evconnlistener *raw;
	struct bufferevent *raw_streams[16];
	const char *raw_reply;
	bool raw_closes;
	uint32_t raw_accepted;
	char raw_heard[4096];
	/* what is told in streams */
	uint32_t asked;
	bool tells_nothing;
	size_t event_size;
	struct bufferevent *talking; /* a plain peer */
	const char *until;           /* what it waits for */
} t;

/* ---- The server's side --------------------------------------------------------------------- */

static void get_text(void *context, struct http_request *request)
{
	assert_ptr_equal(context, &t);
	t.handled++;
	http_reply(request, 200, "text/plain", "hello", 5);
}

static void get_parameters(void *context, struct http_request *request)
{
	char text[300];

	(void)context;
	snprintf(text, sizeof(text), "%s,%s", http_request_parameter(request, 0),
		http_request_parameter(request, 1));
	http_reply(request, 200, "text/plain", text, strlen(text));
}

static void get_kept(void *context, struct http_request *request)
{
	(void)context;
	http_add_header(request, "Cache-Control: max-age=9");
	http_reply(request, 200, "text/plain", "kept", 4);
}

static void get_taken(void *context, struct http_request *request)
{
	(void)context;
	http_reply_bytes(request, 200, "text/plain", strdup("taken"), 5);
}

static void get_file(void *context, struct http_request *request)
{
	struct range range = { .offset = 0, .size = FILE_SIZE };
	const char *text = http_request_range(request);

	(void)context;
	if (text != NULL && !range_parse(&range, text, FILE_SIZE))
		http_reply_error(request, 416, "bad_range", "There is no such range.");
	else
		http_reply_file(request, text != NULL ? 206 : 200, "application/octet-stream",
			dup(fileno(t.file)), range.offset, range.size);
}

static void get_later(void *context, struct http_request *request)
{
	(void)context;
	t.pending_id = http_request_id(request);
}

static void post_echo(void *context, struct http_request *request)
{
	size_t size;
	const char *body = http_request_body(request, &size);

	(void)context;
	http_reply(request, 202, "text/plain", body, size);
}

static void get_who(void *context, struct http_request *request)
{
	(void)context;
	if (http_request_is_control(request))
		http_reply(request, 200, "text/plain", "control", 7);
	else
		http_reply(request, 200, "text/plain", "network", 7);
}

/* The event says how many it has told of: "first 1", then "more 2", … */
static bool tell(void *context, struct http_request *stream)
{
	uint64_t *number = http_stream_number(stream);
	size_t size = 32 + t.event_size;
	char *line;

	assert_ptr_equal(context, &t);
	t.asked++;
	if (t.tells_nothing)
		return false;
	line = malloc(size);
	assert_non_null(line);
	memset(line, ' ', size);
	snprintf(line, size, "%u of %u", (unsigned)++*number, (unsigned)t.asked);
	line[strlen(line)] = ' ';
	http_stream_send(stream, *number == 1 ? "first" : "more", line, size);
	return true;
}

static void get_events(void *context, struct http_request *request)
{
	(void)context;
	http_reply_stream(request, tell);
}

static const struct http_route routes[] = {
	{ "/text", get_text, HTTP_GET, false },
	{ "/v1/*/x/*", get_parameters, HTTP_GET, false },
	{ "/kept", get_kept, HTTP_GET, false },
	{ "/taken", get_taken, HTTP_GET, false },
	{ "/file", get_file, HTTP_GET, false },
	{ "/later", get_later, HTTP_GET, false },
	{ "/echo", post_echo, HTTP_POST, false },
	{ "/who", get_who, HTTP_GET, false },
	{ "/secret", get_text, HTTP_GET, true },
	{ "/events", get_events, HTTP_GET, false },
	{ 0 },
};

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.base = event_base_new();
	t.server = http_server_new(t.base, routes, &t);
	t.client = http_client_new(t.base);
	t.file = tmpfile();
	strcpy(t.directory, "/tmp/lockstep-http-XXXXXX");
	if (t.base == NULL || t.server == NULL || t.client == NULL || t.file == NULL ||
		mkdtemp(t.directory) == NULL)
		return -1;
	snprintf(t.control, sizeof(t.control), "%s/control", t.directory);
	for (size_t i = 0; i < FILE_SIZE; i++)
		t.bytes[i] = (uint8_t)(i * 7 + i / 251);
	fwrite(t.bytes, 1, FILE_SIZE, t.file);
	fflush(t.file);
	if (http_server_listen(t.server, "127.0.0.1", 0) != 0 ||
		http_server_listen_control(t.server, t.control) != 0)
		return -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_client_free(t.client);
	if (t.server != NULL)
		http_server_free(t.server);
	for (uint32_t i = 0; i < t.raw_accepted; i++)
		if (t.raw_streams[i] != NULL)
			bufferevent_free(t.raw_streams[i]);
	if (t.raw != NULL)
		evconnlistener_free(t.raw);
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	event_base_free(t.base);
	fclose(t.file);
	rmdir(t.directory);
	return 0;
}

/* ---- The client's side --------------------------------------------------------------------- */

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	assert_ptr_equal(context, &t);
	t.done++;
	t.token = token;
	t.outcome = result->outcome;
	t.status = result->status;
	t.size = result->size;
	assert_true(result->size <= FILE_SIZE);
	if (result->size > 0)
		memcpy(t.body, result->bytes, result->size);
	t.body[result->size] = '\0';
	if (t.done <= 16) {
		t.told[t.done - 1].token = token;
		t.told[t.done - 1].outcome = result->outcome;
		t.told[t.done - 1].first = (uint8_t)t.body[0];
	}
	snprintf(
		t.problem, sizeof(t.problem), "%s", result->problem != NULL ? result->problem : "");
	assert_int_equal(result->outcome == HTTP_FAILED, result->problem != NULL);
	if (t.done >= t.wanted)
		event_base_loopbreak(t.base);
}

static struct http_fetch fetch_of(const char *url, size_t size)
{
	return (struct http_fetch){
		.url = url,
		.size = size,
		.deadline_ms = DEADLINE_MS,
		.done = on_done,
		.context = &t,
		.token = 42,
	};
}

static const char *url_of(uint16_t port, const char *path)
{
	static char url[300];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)port, path);
	return url;
}

static const char *own_url(const char *path)
{
	return url_of(http_server_port(t.server), path);
}

static void run(const struct http_fetch *fetch)
{
	uint32_t before = t.done;

	t.wanted = before + 1;
	assert_true(http_client_get(t.client, fetch));
	assert_int_equal(t.done, before); /* never from within */
	event_base_dispatch(t.base);
	assert_int_equal(t.done, before + 1);
	assert_int_equal(t.token, 42);
}

static void get(const char *path, size_t size)
{
	struct http_fetch fetch = fetch_of(own_url(path), size);

	run(&fetch);
}

static void on_raw_read(struct bufferevent *stream, void *context)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	size_t used = strlen(t.raw_heard);

	(void)context;
	used += evbuffer_remove(input, t.raw_heard + used, sizeof(t.raw_heard) - used - 1);
	t.raw_heard[used] = '\0';
	if (strstr(t.raw_heard, "\r\n\r\n") == NULL || t.raw_reply == NULL)
		return;
	bufferevent_write(stream, t.raw_reply, strlen(t.raw_reply));
}

static void on_raw_written(struct bufferevent *stream, void *context)
{
	(void)context;
	if (t.raw_closes && t.raw_reply != NULL && strstr(t.raw_heard, "\r\n\r\n") != NULL)
		shutdown(bufferevent_getfd(stream), SHUT_WR);
}

static void on_raw_accept(struct evconnlistener *listener, evutil_socket_t fd,
	struct sockaddr *address, int size, void *context)
{
	struct bufferevent *stream;

	(void)listener, (void)address, (void)size, (void)context;
	assert_true(t.raw_accepted < 16);
	stream = bufferevent_socket_new(t.base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(stream, on_raw_read, on_raw_written, NULL, NULL);
	bufferevent_enable(stream, EV_READ | EV_WRITE);
	t.raw_streams[t.raw_accepted++] = stream;
}

/* A peer that answers every request with `reply`; NULL: never. Returns its port. */
static uint16_t raw_listen(const char *reply, bool closes)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	t.raw_reply = reply;
	t.raw_closes = closes;
	t.raw = evconnlistener_new_bind(t.base, on_raw_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 8,
		(const struct sockaddr *)&address, sizeof(address));
	assert_non_null(t.raw);
	assert_int_equal(
		getsockname(evconnlistener_get_fd(t.raw), (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

/* ---- Tests --------------------------------------------------------------------------------- */

static void test_get(void **state)
{
	(void)state;
	get("/text", 100);
	assert_int_equal(t.outcome, HTTP_CAME);
	assert_int_equal(t.status, 200);
	assert_string_equal(t.body, "hello");
	get("/text?query=1", 5);
	assert_int_equal(t.outcome, HTTP_CAME);
}

static void test_parameters(void **state)
{
	(void)state;
	get("/v1/aa/x/b-b.c", 100);
	assert_string_equal(t.body, "aa,b-b.c");
	get("/v1//x/b", 100);
	assert_int_equal(t.status, 404);
	get("/v1/a/x/", 100);
	assert_int_equal(t.status, 404);
	get("/v1/a/x/b/c", 100);
	assert_int_equal(t.status, 404);
}

static void test_refusals(void **state)
{
	(void)state;
	get("/nothing", 100);
	assert_int_equal(t.outcome, HTTP_REFUSED);
	assert_int_equal(t.status, 404);
	assert_string_equal(t.body, "{\"error\":{\"reason\":\"not_found\","
				    "\"message\":\"There is no such page.\"}}");
	get("/echo", 100);
	assert_int_equal(t.status, 405);
	get("/secret", 100);
	assert_int_equal(t.status, 403);
	assert_int_equal(t.handled, 0);
}

static void test_post(void **state)
{
	static char body[LIMITS_HTTP_BODY_SIZE + 1];
	struct http_fetch fetch = fetch_of(own_url("/echo"), sizeof(body));

	(void)state;
	memset(body, 'x', sizeof(body));
	fetch.body = body;
	fetch.body_size = LIMITS_HTTP_BODY_SIZE;
	run(&fetch);
	assert_int_equal(t.status, 202);
	assert_int_equal(t.size, LIMITS_HTTP_BODY_SIZE);
	assert_memory_equal(t.body, body, t.size);
	fetch.body_size = LIMITS_HTTP_BODY_SIZE + 1;
	run(&fetch);
	assert_int_equal(t.status, 413);
	fetch.body_size = 0;
	run(&fetch);
	assert_int_equal(t.status, 202);
	assert_int_equal(t.size, 0);
}

static void test_ranges(void **state)
{
	static const struct {
		uint64_t offset;
		size_t size;
		uint32_t status;
	} rows[] = {
		{ 0, 65536, 206 },
		{ 65536, 65536, 206 },
		{ FILE_SIZE - 1, 1, 206 },
		{ 0, FILE_SIZE, 206 },
		{ FILE_SIZE, 1, 416 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_fetch fetch = fetch_of(own_url("/file"), rows[i].size);

		fetch.ranged = true;
		fetch.offset = rows[i].offset;
		run(&fetch);
		assert_int_equal(t.status, rows[i].status);
		if (t.status != 206)
			continue;
		assert_int_equal(t.outcome, HTTP_CAME);
		assert_int_equal(t.size, rows[i].size);
		assert_memory_equal(t.body, t.bytes + rows[i].offset, t.size);
	}
}

static void test_whole_file(void **state)
{
	(void)state;
	get("/file", FILE_SIZE);
	assert_int_equal(t.outcome, HTTP_CAME);
	assert_memory_equal(t.body, t.bytes, FILE_SIZE);
	get("/file", FILE_SIZE - 1);
	assert_int_equal(t.outcome, HTTP_FAILED);
	assert_string_equal(t.problem, "The reply is too large.");
}

/* Ranges cut from a file that came whole would need as much memory as the file. */
static void test_server_without_ranges(void **state)
{
	struct http_fetch fetch = fetch_of(own_url("/text"), 5);

	(void)state;
	fetch.ranged = true;
	run(&fetch);
	assert_int_equal(t.outcome, HTTP_CAME); /* all of it was wanted */
	fetch.size = 4;
	run(&fetch);
	assert_int_equal(t.outcome, HTTP_FAILED);
	fetch.offset = 1;
	run(&fetch);
	assert_int_equal(t.outcome, HTTP_FAILED);
}

static void test_later_reply(void **state)
{
	struct http_fetch fetch = fetch_of(own_url("/later"), 100);
	struct http_request *request;

	(void)state;
	t.wanted = 1;
	assert_true(http_client_get(t.client, &fetch));
	while (t.pending_id == 0)
		event_base_loop(t.base, EVLOOP_ONCE);
	assert_null(http_server_find(t.server, t.pending_id + 1));
	request = http_server_find(t.server, t.pending_id);
	assert_non_null(request);
	http_reply(request, 200, "text/plain", "late", 4);
	assert_null(http_server_find(t.server, t.pending_id));
	event_base_dispatch(t.base);
	assert_string_equal(t.body, "late");
	get("/text", 100); /* and the connection goes on */
	assert_string_equal(t.body, "hello");
}

static void test_control_socket(void **state)
{
	struct http_fetch fetch = fetch_of("http://localhost/who", 100);
	struct stat status;

	(void)state;
	assert_int_equal(stat(t.control, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	fetch.control = t.control;
	run(&fetch);
	assert_string_equal(t.body, "control");
	fetch.url = "http://localhost/secret";
	run(&fetch);
	assert_string_equal(t.body, "hello");
	get("/who", 100);
	assert_string_equal(t.body, "network");
	fetch.control = "/nowhere/at/all";
	run(&fetch);
	assert_int_equal(t.outcome, HTTP_FAILED);
}

/* A daemon that died leaves its socket behind. */
static void test_stale_control_socket(void **state)
{
	struct http_server *other = http_server_new(t.base, routes, &t);
	char path[120];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	snprintf(path, sizeof(path), "%s/stale", t.directory);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(http_server_listen_control(other, path), 0);
	http_server_free(other);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_dual_stack(void **state)
{
	struct http_server *dual = http_server_new(t.base, routes, &t);
	struct http_fetch fetch;
	char url[64];

	(void)state;
	assert_int_equal(http_server_listen(dual, "::", 0), 0);
	fetch = fetch_of(url_of(http_server_port(dual), "/text"), 100);
	run(&fetch);
	assert_string_equal(t.body, "hello");
	snprintf(url, sizeof(url), "http://[::1]:%u/text", (unsigned)http_server_port(dual));
	fetch.url = url;
	run(&fetch);
	if (t.outcome == HTTP_CAME) /* not every machine has IPv6 */
		assert_string_equal(t.body, "hello");
	http_server_free(dual);
}

static void test_keep_alive(void **state)
{
	uint16_t port = raw_listen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false);
	struct http_fetch fetch = fetch_of(url_of(port, "/"), 100);

	(void)state;
	for (int i = 0; i < 5; i++) {
		t.raw_heard[0] = '\0';
		run(&fetch);
		assert_string_equal(t.body, "ok");
	}
	assert_int_equal(t.raw_accepted, 1);
	/* The server goes away while the connection idles: one more try, on a new one. */
	bufferevent_free(t.raw_streams[0]);
	t.raw_streams[0] = NULL;
	t.raw_heard[0] = '\0';
	run(&fetch);
	assert_string_equal(t.body, "ok");
	assert_int_equal(t.raw_accepted, 2);
}

static void test_two_connections_per_host(void **state)
{
	uint16_t port = raw_listen(NULL, false);
	struct http_fetch fetch = fetch_of(url_of(port, "/"), 100);

	(void)state;
	fetch.deadline_ms = 100;
	t.wanted = 6;
	for (int i = 0; i < 6; i++)
		assert_true(http_client_get(t.client, &fetch));
	assert_int_equal(http_client_count(t.client), 6);
	for (int i = 0; i < 10; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.raw_accepted, HTTP_CONNECTIONS_PER_HOST);
	event_base_dispatch(t.base);
	assert_int_equal(t.done, 6);
	assert_int_equal(http_client_count(t.client), 0);
}

/* Counts what a client asks before it hears anything. */
static uint32_t requests_heard(void)
{
	uint32_t count = 0;

	for (const char *at = t.raw_heard; (at = strstr(at, "\r\n\r\n")) != NULL; at += 4)
		count++;
	return count;
}

static void test_pipelined_fetches_share_one_connection(void **state)
{
	enum { FETCHES = HTTP_PIPELINED_MAX + 2 };
	uint16_t port = raw_listen(NULL, false);
	struct http_fetch fetch = fetch_of(url_of(port, "/"), 2);
	static const char reply[] = "HTTP/1.1 206 OK\r\nContent-Length: 2\r\n\r\n";

	(void)state;
	fetch.ranged = true;
	fetch.pipelined = true;
	t.wanted = FETCHES;
	for (int i = 0; i < FETCHES; i++) {
		fetch.token = (uint64_t)i;
		assert_true(http_client_get(t.client, &fetch));
	}
	for (int i = 0; i < 20; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.raw_accepted, 1);
	assert_int_equal(requests_heard(), HTTP_PIPELINED_MAX);
	/* Others are not held up: they have a connection of their own. */
	fetch.pipelined = false;
	fetch.token = FETCHES;
	t.wanted = FETCHES + 1;
	assert_true(http_client_get(t.client, &fetch));
	for (int i = 0; i < 20; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.raw_accepted, 2);
	/* In the order in which they were asked, also if two come in one piece. */
	for (uint64_t i = 0; i < FETCHES; i += 2) {
		for (uint64_t j = 0; j < 2; j++) {
			char body[2] = { (char)('0' + i + j), 'a' };

			bufferevent_write(t.raw_streams[0], reply, strlen(reply));
			bufferevent_write(t.raw_streams[0], body, 2);
		}
		while (t.done < i + 2)
			event_base_loop(t.base, EVLOOP_ONCE);
		for (uint64_t j = i; j < i + 2; j++) {
			assert_int_equal(t.told[j].token, j);
			assert_int_equal(t.told[j].first, '0' + j);
		}
	}
	assert_int_equal(t.raw_accepted, 2);
	assert_int_equal(http_client_count(t.client), 1);
}

/* What was asked over a connection that ends is asked over another one. */
static void test_pipelined_fetches_survive_their_connection(void **state)
{
	static const char reply[] = "HTTP/1.1 206 OK\r\nContent-Length: 2\r\n\r\nok";
	uint16_t port = raw_listen(NULL, false);
	struct http_fetch fetch = fetch_of(url_of(port, "/"), 2);

	(void)state;
	fetch.ranged = true;
	fetch.pipelined = true;
	t.wanted = 3;
	for (int i = 0; i < 3; i++)
		assert_true(http_client_get(t.client, &fetch));
	while (requests_heard() < 3)
		event_base_loop(t.base, EVLOOP_ONCE);
	bufferevent_write(t.raw_streams[0], reply, strlen(reply));
	while (t.done < 1)
		event_base_loop(t.base, EVLOOP_ONCE);
	assert_int_equal(t.outcome, HTTP_CAME);
	t.raw_heard[0] = '\0';
	bufferevent_free(t.raw_streams[0]);
	t.raw_streams[0] = NULL;
	while (requests_heard() < 2)
		event_base_loop(t.base, EVLOOP_ONCE);
	assert_int_equal(t.raw_accepted, 2);
	assert_int_equal(t.done, 1);
	bufferevent_write(t.raw_streams[1], reply, strlen(reply));
	bufferevent_write(t.raw_streams[1], reply, strlen(reply));
	event_base_dispatch(t.base);
	assert_int_equal(t.done, 3);
	assert_int_equal(t.outcome, HTTP_CAME);
}

/* A refusal in the middle takes nothing from the others. */
static void test_pipelined_refusal(void **state)
{
	struct http_fetch fetch = fetch_of(own_url("/file"), 1000);

	(void)state;
	fetch.ranged = true;
	fetch.pipelined = true;
	t.wanted = 5;
	for (uint64_t i = 0; i < 5; i++) {
		fetch.offset = i == 2 ? FILE_SIZE : i * 1000;
		fetch.token = i;
		assert_true(http_client_get(t.client, &fetch));
	}
	event_base_dispatch(t.base);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(t.told[i].token, i);
		assert_int_equal(t.told[i].outcome, i == 2 ? HTTP_REFUSED : HTTP_CAME);
		if (i != 2)
			assert_int_equal(t.told[i].first, t.bytes[i * 1000]);
	}
}

static void test_many_at_once(void **state)
{
	struct http_fetch fetch = fetch_of(own_url("/file"), 65536);

	(void)state;
	fetch.ranged = true;
	t.wanted = HTTP_CLIENT_FETCHES_MAX;
	for (uint32_t i = 0; i < HTTP_CLIENT_FETCHES_MAX; i++)
		assert_true(http_client_get(t.client, &fetch));
	assert_false(http_client_get(t.client, &fetch));
	event_base_dispatch(t.base);
	assert_int_equal(t.done, HTTP_CLIENT_FETCHES_MAX);
	assert_int_equal(t.outcome, HTTP_CAME);
}

static void test_silent_server(void **state)
{
	uint16_t port = raw_listen(NULL, false);
	struct http_fetch fetch = fetch_of(url_of(port, "/"), 100);

	(void)state;
	fetch.deadline_ms = 50;
	run(&fetch);
	assert_int_equal(t.outcome, HTTP_FAILED);
	assert_string_equal(t.problem, "It took too long.");
}

/* A byte now and then holds the other replies on its connection up, too. */
static void test_standstill(void **state)
{
	struct http_fetch fetch = fetch_of(url_of(raw_listen("HTTP/1.1 206 OK\r\nContent-Length: "
							     "8000\r\n\r\nsome",
							  false),
						   "/"),
		8000);

	(void)state;
	fetch.ranged = true;
	fetch.stall_ms = 50;
	run(&fetch);
	assert_int_equal(t.outcome, HTTP_FAILED);
	assert_string_equal(t.problem, "It took too long.");
}

static void test_cancel(void **state)
{
	uint16_t port = raw_listen(NULL, false);
	struct http_fetch fetch = fetch_of(url_of(port, "/"), 100);

	(void)state;
	fetch.deadline_ms = 60;
	fetch.group = 7;
	for (int i = 0; i < 5; i++)
		assert_true(http_client_get(t.client, &fetch));
	fetch.group = 8;
	fetch.token = 1234;
	assert_true(http_client_get(t.client, &fetch));
	event_base_loop(t.base, EVLOOP_ONCE);
	http_client_cancel(t.client, 7);
	assert_int_equal(http_client_count(t.client), 1);
	t.wanted = 1;
	event_base_dispatch(t.base);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.token, 1234);
}

static void on_done_cancel(void *context, uint64_t token, const struct http_result *result)
{
	http_client_cancel(t.client, 3);
	on_done(context, token, result);
}

static void test_cancel_from_callback(void **state)
{
	struct http_fetch fetch = fetch_of(own_url("/text"), 100);

	(void)state;
	fetch.group = 3;
	fetch.done = on_done_cancel;
	t.wanted = 1;
	for (int i = 0; i < 8; i++)
		assert_true(http_client_get(t.client, &fetch));
	event_base_dispatch(t.base);
	assert_int_equal(t.done, 1);
	assert_int_equal(http_client_count(t.client), 0);
}

/* What a server may answer to "give me at most 10 bytes", and what comes of it. */
static struct reply_case {
	const char *name;
	const char *reply;
	bool closes;
	enum http_outcome outcome;
	const char *body;
} reply_cases[] = {
	{ "reply: to the end", "HTTP/1.0 200 OK\r\n\r\nhello", true, HTTP_CAME, "hello" },
	{ "reply: to the end, too large", "HTTP/1.0 200 OK\r\n\r\nhello world", true, HTTP_FAILED,
		"" },
	{ "reply: chunked",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
		false, HTTP_CAME, "hello" },
	{ "reply: chunked, too large",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello "
		"\r\n5\r\nworld\r\n0"
		"\r\n\r\n",
		false, HTTP_FAILED, "" },
	{ "reply: chunked, huge",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\nhello", false,
		HTTP_FAILED, "" },
	{ "reply: chunked, no number",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n", false,
		HTTP_FAILED, "" },
	{ "reply: chunked, chunk longer than said",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
		false, HTTP_FAILED, "" },
	{ "reply: chunked, cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		true, HTTP_FAILED, "" },
	{ "reply: informational first",
		"HTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		false, HTTP_CAME, "ok" },
	{ "reply: no content", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false,
		HTTP_CAME, "" },
	{ "reply: too large", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", false,
		HTTP_FAILED, "" },
	{ "reply: cut", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", true, HTTP_FAILED,
		"" },
	{ "reply: more than said", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", false,
		HTTP_CAME, "he" },
	{ "reply: two lengths",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", false,
		HTTP_FAILED, "" },
	{ "reply: length and chunked",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
		false, HTTP_FAILED, "" },
	{ "reply: negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", false,
		HTTP_FAILED, "" },
	{ "reply: no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", false, HTTP_FAILED, "" },
	{ "reply: bad status", "HTTP/1.1 20 OK\r\n\r\n", false, HTTP_FAILED, "" },
	{ "reply: redirect is not followed",
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
		false, HTTP_REFUSED, "" },
	{ "reply: refusal with a long text",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 123456\r\n\r\n", false, HTTP_REFUSED,
		"" },
	{ "reply: nothing", "", true, HTTP_FAILED, "" },
};
enum { REPLY_CASES = sizeof(reply_cases) / sizeof(reply_cases[0]) };

static void test_reply(void **state)
{
	const struct reply_case *c = *state;
	struct http_fetch fetch;

	assert_int_equal(set_up(state), 0);
	fetch = fetch_of(url_of(raw_listen(c->reply, c->closes), "/"), 10);
	fetch.deadline_ms = c->reply[0] == '\0' ? 100 : DEADLINE_MS;
	run(&fetch);
	assert_int_equal(t.outcome, c->outcome);
	assert_string_equal(t.body, c->body);
	if (c->reply[0] != '\0')
		assert_string_not_equal(t.problem, "It took too long.");
	tear_down(state);
}

static void test_headers_without_end(void **state)
{
	static char reply[LIMITS_HTTP_HEADERS_SIZE * 2];
	struct http_fetch fetch;

	(void)state;
	strcpy(reply, "HTTP/1.1 200 OK\r\nX: ");
	memset(reply + strlen(reply), 'x', sizeof(reply) - 1 - strlen(reply));
	fetch = fetch_of(url_of(raw_listen(reply, false), "/"), 10);
	run(&fetch);
	assert_string_equal(t.problem, "The reply is not HTTP.");
}

static void test_hosts(void **state)
{
	static const char *const bad[] = { "", "https://127.0.0.1/", "http://", "http://[::1",
		"http://[fe80::1%nosuchif]:80/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/",
		"http://127.0.0.1/a b", "http://127.0.0.1\r\n/", "http://a@b/" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_fetch fetch = fetch_of(bad[i], 10);

		run(&fetch);
		assert_int_equal(t.outcome, HTTP_FAILED);
	}
}

static void test_refused_connection(void **state)
{
	struct http_fetch fetch = fetch_of(url_of(raw_listen(NULL, false), "/"), 10);

	(void)state;
	evconnlistener_free(t.raw);
	t.raw = NULL;
	run(&fetch);
	assert_string_equal(t.problem, "The connection failed.");
}

/* ---- What may come in as a request ---- */

static void on_plain_read(struct bufferevent *stream, void *context)
{
	struct evbuffer *input = bufferevent_get_input(stream);

	t.size += evbuffer_remove(input, t.body + t.size, FILE_SIZE - t.size);
	t.body[t.size] = '\0';
	(void)context;
	if (t.until != NULL && strstr(t.body, t.until) != NULL)
		event_base_loopbreak(t.base);
}

static void on_plain_event(struct bufferevent *stream, short what, void *context)
{
	(void)context;
	if (stream == t.talking && (what & BEV_EVENT_CONNECTED) == 0)
		event_base_loopbreak(t.base);
}

/* Sends bytes and collects what comes back in t.body, until `until` is in it or the server closes.
 */
static struct bufferevent *talk(const char *bytes, size_t size, const char *until)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(http_server_port(t.server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct bufferevent *stream = bufferevent_socket_new(t.base, -1, BEV_OPT_CLOSE_ON_FREE);

	t.size = 0;
	t.body[0] = '\0';
	bufferevent_setcb(stream, on_plain_read, NULL, on_plain_event, NULL);
	t.until = until;
	t.talking = stream;
	bufferevent_enable(stream, EV_READ | EV_WRITE);
	bufferevent_write(stream, bytes, size);
	bufferevent_socket_connect(stream, (const struct sockaddr *)&address, sizeof(address));
	event_base_dispatch(t.base);
	return stream;
}

static struct request_case {
	const char *name;
	const char *request;
	const char *reply; /* begins with this */
} request_cases[] = {
	{ "request: plain", "GET /text HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 " },
	{ "request: HTTP/1.0 closes", "GET /text HTTP/1.0\r\n\r\n", "HTTP/1.1 200 " },
	{ "request: PUT", "PUT /text HTTP/1.0\r\n\r\n", "HTTP/1.1 405 " },
	{ "request: DELETE", "DELETE /text HTTP/1.0\r\n\r\n", "HTTP/1.1 405 " },
	{ "request: OPTIONS", "OPTIONS /text HTTP/1.0\r\n\r\n", "HTTP/1.1 405 " },
	{ "request: POST where GET is", "POST /text HTTP/1.0\r\n\r\n", "HTTP/1.1 405 " },
	{ "request: no version", "GET /text\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: HTTP/2", "PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: no path", "GET  HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: proxy", "GET http://x/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: bare newlines", "GET /text HTTP/1.1\nHost: x\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: header without colon", "GET /text HTTP/1.1\r\nHost\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: folded header", "GET /text HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 400 " },
	{ "request: blank before the colon", "GET /text HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
		"HTTP/1.1 400 " },
	{ "request: two lengths",
		"POST /echo HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"HTTP/1.1 400 " },
	{ "request: chunked", "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 400 " },
	{ "request: endless length", "POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
		"HTTP/1.1 413 " },
	{ "request: length without digits", "POST /echo HTTP/1.1\r\nContent-Length: \r\n\r\n",
		"HTTP/1.1 400 " },
	{ "request: bad range", "GET /file HTTP/1.0\r\nRange: bytes=5-4\r\n\r\n", "HTTP/1.1 416 " },
	{ "request: endless range",
		"GET /file HTTP/1.0\r\nRange: bytes="
		"0000000000000000000000000000000000000000000000000000000000000000-1\r\n\r\n",
		"HTTP/1.1 416 " },
	{ "request: expects 100",
		"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 " },
};
enum { REQUEST_CASES = sizeof(request_cases) / sizeof(request_cases[0]) };

static void test_request(void **state)
{
	const struct request_case *c = *state;

	assert_int_equal(set_up(state), 0);
	bufferevent_free(talk(c->request, strlen(c->request), NULL));
	if (strncmp(t.body, c->reply, strlen(c->reply)) != 0)
		assert_string_equal(t.body, c->reply);
	tear_down(state);
}

static void test_head_has_no_body(void **state)
{
	static const char request[] = "HEAD /text HTTP/1.1\r\n\r\nHEAD /file HTTP/1.0\r\n\r\n";

	(void)state;
	bufferevent_free(talk(request, strlen(request), NULL));
	assert_non_null(strstr(t.body, "Content-Length: 5\r\n"));
	assert_non_null(strstr(t.body, "Content-Length: 300000\r\n"));
	assert_null(strstr(t.body, "hello"));
	assert_true(t.size < 1000);
}

static void test_pipelined_requests(void **state)
{
	static const char request[] = "GET /text HTTP/1.1\r\n\r\n"
				      "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nfirst"
				      "POST /echo HTTP/1.0\r\nContent-Length: 6\r\n\r\nsecond";
	const char *at;

	(void)state;
	bufferevent_free(talk(request, strlen(request), NULL));
	at = strstr(t.body, "hello");
	assert_non_null(at);
	at = strstr(at, "first");
	assert_non_null(at);
	assert_non_null(strstr(at, "second"));
}

static void test_large_head_is_refused(void **state)
{
	static char request[LIMITS_HTTP_HEADERS_SIZE * 2];

	(void)state;
	strcpy(request, "GET /text HTTP/1.1\r\nX: ");
	memset(request + strlen(request), 'x', sizeof(request) - 1 - strlen(request));
	bufferevent_free(talk(request, sizeof(request) - 1, NULL));
	assert_int_equal(strncmp(t.body, "HTTP/1.1 431 ", 13), 0);
}

static void test_nul_in_head_is_refused(void **state)
{
	static const char request[] = "GET /text HTTP/1.1\r\nX: \0\r\n\r\n";

	(void)state;
	bufferevent_free(talk(request, sizeof(request) - 1, NULL));
	assert_int_equal(strncmp(t.body, "HTTP/1.1 400 ", 13), 0);
}

static void test_cors(void **state)
{
	(void)state;
	bufferevent_free(talk("GET /text HTTP/1.0\r\n\r\n", 22, NULL));
	assert_non_null(strstr(t.body, "\r\nAccess-Control-Allow-Origin: *\r\n"));
	bufferevent_free(talk("POST /echo HTTP/1.0\r\n\r\n", 23, NULL));
	assert_null(strstr(t.body, "Access-Control"));
}

/* For this once, unless the handler says something else. */
static void test_caching(void **state)
{
	static const char request[] = "GET /kept HTTP/1.1\r\n\r\nGET /text HTTP/1.0\r\n\r\n";
	const char *second;

	(void)state;
	bufferevent_free(talk(request, strlen(request), NULL));
	second = strstr(t.body, "kept");
	assert_non_null(second);
	assert_non_null(strstr(t.body, "\r\nCache-Control: max-age=9\r\n"));
	assert_true(strstr(t.body, "no-cache") > second);
	assert_non_null(strstr(second, "\r\nCache-Control: no-cache\r\n"));
	assert_null(strstr(second, "max-age"));
}

static const char watch[] = "GET /events HTTP/1.1\r\n\r\n";

/* Until this has come, too. */
static void hear_until(const char *until)
{
	t.until = until;
	if (strstr(t.body, until) == NULL)
		event_base_dispatch(t.base);
	assert_non_null(strstr(t.body, until));
}

/* The loop turns for so long. */
static void turn_for(uint32_t ms)
{
	const struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	t.until = "\1"; /* which never comes */
	(void)event_base_loopexit(t.base, &time);
	event_base_dispatch(t.base);
}

static void test_streams(void **state)
{
	struct bufferevent *streams[HTTP_STREAMS_MAX];

	(void)state;
	for (int i = 0; i < HTTP_STREAMS_MAX; i++) {
		streams[i] = talk(watch, strlen(watch), "\n\n");
		assert_non_null(strstr(t.body, "Content-Type: text/event-stream\r\n"));
		assert_non_null(strstr(t.body, "\r\n\r\nevent: first\ndata: 1 of "));
	}
	assert_int_equal(http_server_stream_count(t.server), HTTP_STREAMS_MAX);
	bufferevent_free(talk("GET /events HTTP/1.0\r\n\r\n", 24, NULL));
	assert_int_equal(strncmp(t.body, "HTTP/1.1 503 ", 13), 0);
	bufferevent_free(talk("HEAD /events HTTP/1.0\r\n\r\n", 25, NULL));
	assert_int_equal(strncmp(t.body, "HTTP/1.1 503 ", 13), 0);
	assert_int_equal(t.asked, HTTP_STREAMS_MAX);
	for (int i = 0; i < HTTP_STREAMS_MAX; i++)
		bufferevent_free(streams[i]);
	while (http_server_stream_count(t.server) > 0)
		event_base_loop(t.base, EVLOOP_ONCE);
	bufferevent_free(talk("HEAD /events HTTP/1.1\r\n\r\n", 25, NULL));
	assert_int_equal(strncmp(t.body, "HTTP/1.1 200 ", 13), 0);
	assert_null(strstr(t.body, "event:"));
}

/* However often there is news, a stream is told so often and no more, and not where there is none.
 */
static void test_streams_are_told_in_turn(void **state)
{
	struct bufferevent *stream = talk(watch, strlen(watch), "\n\n");

	(void)state;
	for (int i = 0; i < 20; i++) {
		http_server_tell(t.server);
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(t.asked, 1); /* it had one just now */
	hear_until("event: more\ndata: 2 of 2");
	turn_for(2 * HTTP_STREAM_GAP_MS);
	assert_int_equal(t.asked, 2);
	http_server_tell(t.server); /* after a rest, at once */
	assert_int_equal(t.asked, 3);
	hear_until("data: 3 of 3");
	bufferevent_free(stream);
}

/* What cannot be told now is told later, without more news. */
static void test_stream_that_could_not_be_told(void **state)
{
	struct bufferevent *stream;

	(void)state;
	t.tells_nothing = true;
	stream = talk(watch, strlen(watch), "\r\n\r\n");
	assert_null(strstr(t.body, "event:"));
	assert_int_equal(t.asked, 1);
	t.tells_nothing = false;
	hear_until("event: first\ndata: 1 of 2");
	bufferevent_free(stream);
}

/* Counts the ends of events, and keeps the last bytes. */
static void on_drain(struct bufferevent *stream, void *context)
{
	uint32_t *ends = context;
	char bytes[4096], before = 'x';
	int size;

	while ((size = evbuffer_remove(bufferevent_get_input(stream), bytes, sizeof(bytes))) > 0) {
		for (int i = 0; i < size; i++) {
			*ends += bytes[i] == '\n' && before == '\n';
			before = bytes[i];
		}
	}
}

/* Who does not read gets no second event; when he goes on, he gets one for all that was missed. */
static void test_slow_reader(void **state)
{
	struct bufferevent *slow, *quick;
	uint32_t ends = 0;

	(void)state;
	t.event_size = 4000000;
	slow = talk(watch, strlen(watch), "\r\n\r\n");
	bufferevent_disable(slow, EV_READ);
	t.event_size = 0;
	quick = talk(watch, strlen(watch), "\n\n");
	for (int i = 0; i < 3; i++) {
		http_server_tell(t.server);
		turn_for(HTTP_STREAM_GAP_MS);
	}
	/* The quick one was told each time, or but once: when that was is the clock's affair. */
	assert_in_range(t.asked, 2 + 2, 2 + 3);
	assert_int_equal(http_server_stream_count(t.server), 2);
	bufferevent_free(quick);
	t.asked = 0;
	bufferevent_setcb(slow, on_drain, NULL, NULL, &ends);
	bufferevent_enable(slow, EV_READ);
	while (ends < 2)
		event_base_loop(t.base, EVLOOP_ONCE);
	turn_for(HTTP_STREAM_GAP_MS);
	assert_int_equal(ends, 2);
	assert_int_equal(t.asked, 1);
	bufferevent_free(slow);
}

/* An owned reply is the same as a copied one, for HEAD too. */
static void test_reply_that_is_taken(void **state)
{
	(void)state;
	bufferevent_free(talk("GET /taken HTTP/1.0\r\n\r\n", 23, NULL));
	assert_non_null(strstr(t.body, "Content-Length: 5\r\n"));
	assert_non_null(strstr(t.body, "\r\n\r\ntaken"));
	bufferevent_free(talk("HEAD /taken HTTP/1.0\r\n\r\n", 24, NULL));
	assert_non_null(strstr(t.body, "Content-Length: 5\r\n"));
	assert_null(strstr(t.body, "taken"));
}

/* When all connections are taken, one that idles gives way. */
static void test_connections_are_bounded(void **state)
{
	static struct bufferevent *streams[LIMITS_HTTP_CONNECTIONS_MAX + 5];
	struct http_fetch fetch = fetch_of("http://localhost/who", 100);

	(void)state;
	for (int i = 0; i < LIMITS_HTTP_CONNECTIONS_MAX + 5; i++) {
		streams[i] = talk("GET /text HTTP/1.1\r\n\r\n", 22, "hello");
		assert_non_null(strstr(t.body, "hello"));
	}
	fetch.control = t.control;
	run(&fetch);
	assert_string_equal(t.body, "control");
	for (int i = 0; i < LIMITS_HTTP_CONNECTIONS_MAX + 5; i++)
		bufferevent_free(streams[i]);
}

static void fetch_with_limit(uint32_t bytes_per_s, bool polite)
{
	struct http_server *limited = http_server_new(t.base, routes, &t);
	struct http_fetch fetch;

	http_server_limit_rate(limited, bytes_per_s, polite);
	assert_int_equal(http_server_listen(limited, "127.0.0.1", 0), 0);
	fetch = fetch_of(url_of(http_server_port(limited), "/file"), FILE_SIZE);
	for (int i = 0; i < 3; i++) {
		run(&fetch);
		assert_int_equal(t.outcome, HTTP_CAME);
		assert_memory_equal(t.body, t.bytes, FILE_SIZE);
	}
	http_server_free(limited);
}

static void test_rate_limit(void **state)
{
	(void)state;
	fetch_with_limit(100000000, false);
}

static void test_polite(void **state)
{
	(void)state;
	fetch_with_limit(0, true);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest plain[] = {
		TEST(test_get),
		TEST(test_parameters),
		TEST(test_refusals),
		TEST(test_post),
		TEST(test_ranges),
		TEST(test_whole_file),
		TEST(test_server_without_ranges),
		TEST(test_later_reply),
		TEST(test_control_socket),
		TEST(test_stale_control_socket),
		TEST(test_dual_stack),
		TEST(test_keep_alive),
		TEST(test_two_connections_per_host),
		TEST(test_pipelined_fetches_share_one_connection),
		TEST(test_pipelined_fetches_survive_their_connection),
		TEST(test_pipelined_refusal),
		TEST(test_many_at_once),
		TEST(test_silent_server),
		TEST(test_standstill),
		TEST(test_cancel),
		TEST(test_cancel_from_callback),
		TEST(test_headers_without_end),
		TEST(test_hosts),
		TEST(test_refused_connection),
		TEST(test_head_has_no_body),
		TEST(test_pipelined_requests),
		TEST(test_large_head_is_refused),
		TEST(test_nul_in_head_is_refused),
		TEST(test_cors),
		TEST(test_caching),
		TEST(test_streams),
		TEST(test_streams_are_told_in_turn),
		TEST(test_stream_that_could_not_be_told),
		TEST(test_slow_reader),
		TEST(test_reply_that_is_taken),
		TEST(test_connections_are_bounded),
		TEST(test_rate_limit),
		TEST(test_polite),
	};
	enum { PLAIN = sizeof(plain) / sizeof(plain[0]) };
	struct CMUnitTest tests[PLAIN + REPLY_CASES + REQUEST_CASES] = { 0 };

	memcpy(tests, plain, sizeof(plain));
	for (size_t i = 0; i < REPLY_CASES; i++) {
		tests[PLAIN + i].name = reply_cases[i].name;
		tests[PLAIN + i].test_func = test_reply;
		tests[PLAIN + i].initial_state = &reply_cases[i];
	}
	for (size_t i = 0; i < REQUEST_CASES; i++) {
		tests[PLAIN + REPLY_CASES + i].name = request_cases[i].name;
		tests[PLAIN + REPLY_CASES + i].test_func = test_request;
		tests[PLAIN + REPLY_CASES + i].initial_state = &request_cases[i];
	}
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
