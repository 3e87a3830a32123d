// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/ensure.h"
#include "base/text.h"
#include "io/pace.h"
#include "io/socket.h"
#include "io/stream.h"
#include "io/timer.h"

enum {
	CONNECTIONS_MAX = LIMITS_HTTP_CONNECTIONS_MAX + HTTP_CONTROL_CONNECTIONS_MAX,
	UNSENT_IN_KERNEL = 16384, /* bytes */
	LINGER_S = 2,
};

enum state {
	READING_HEAD = 0,
	READING_BODY,
	HANDLING,
	STREAMING,
	CLOSING,   /* what is left goes out */
	LINGERING, /* all is out; a close with unread input would destroy it on its way */
};

/* A connection, and the request that it carries at the moment. */
struct http_request {
	struct http_server *server;
	struct bufferevent *stream;
	struct event *timer;
	enum state state;
	bool control;
	bool advancing; /* advance() is on the stack and goes on by itself */
	bool due;       /* of a stream: there is something to tell, … */
	bool resting;   /* … but its last event was just now: the timer runs */
	uint64_t id;    /* of the request, and the order in which connections came to idle */
	http_stream_tell *tell;
	uint64_t number; /* which is its own */
	struct pace pace;
	struct http_request_head head;
	char parameters[HTTP_PARAMETERS_MAX][HTTP_PARAMETER_SIZE + 1];
	char extra_headers[HTTP_EXTRA_HEADERS_SIZE + 1];
};

struct http_server {
	struct event_base *base;
	const struct http_route *routes;
	void *context;
	struct stream_listener *listener, *control_listener;
	struct event *keepalive;
	uint32_t rate; /* bytes in a second, all connections together; 0: no limit */
	bool polite;
	uint64_t last_id;
	struct http_request *connections[CONNECTIONS_MAX];
	char control_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static struct evbuffer *output_of(const struct http_request *request)
{
	return bufferevent_get_output(request->stream);
}

/* Bytes that wait to go out. */
static size_t unsent(const struct http_request *request)
{
	return evbuffer_get_length(output_of(request));
}

static void drop(struct http_request *request)
{
	struct http_server *server = request->server;

	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++)
		if (server->connections[i] == request)
			server->connections[i] = NULL;
	bufferevent_free(request->stream);
	event_free(request->timer);
	free(request);
}

static void set_timer(struct http_request *request, uint32_t seconds)
{
	timer_start(request->timer, seconds * 1000);
}

/* ---- Replies ------------------------------------------------------------------------------- */

/* "200 OK" */
static const char *status_line(uint32_t status)
{
	static const char lines[] = "200 OK\0"
				    "202 Accepted\0"
				    "206 Partial Content\0"
				    "400 Bad Request\0"
				    "403 Forbidden\0"
				    "404 Not Found\0"
				    "405 Method Not Allowed\0"
				    "409 Conflict\0"
				    "413 Content Too Large\0"
				    "416 Range Not Satisfiable\0"
				    "431 Request Header Fields Too Large\0"
				    "500 Internal Server Error\0"
				    "503 Service Unavailable\0";
	const char *line = lines;

	while (line[0] != '\0' && strtoul(line, NULL, 10) != status)
		line += strlen(line) + 1;
	ensure(line[0] != '\0');
	return line;
}

/* `size`: of the body, or UINT64_MAX if it ends with the connection. */
static void write_head(
	struct http_request *request, uint32_t status, const char *content_type, uint64_t size)
{
	struct evbuffer *output = output_of(request);

	ensure(request->state == HANDLING);
	evbuffer_add_printf(
		output, "HTTP/1.1 %s\r\nContent-Type: %s\r\n", status_line(status), content_type);
	if (size == UINT64_MAX)
		request->head.keep_alive = false;
	else
		evbuffer_add_printf(output, "Content-Length: %llu\r\n", (unsigned long long)size);
	/* Reading is open to everybody, so also to the page of another node. A part of a file is
	 * for no page, and there are many: each byte counts. */
	evbuffer_add_printf(output, "%s%s%s%s%s\r\n",
		status == 206 || request->head.method == HTTP_POST
			? ""
			: "Access-Control-Allow-Origin: *\r\n",
		status == 206 ? "" : "X-Content-Type-Options: nosniff\r\n",
		status == 206 || strstr(request->extra_headers, "Cache-Control:") != NULL
			? ""
			: "Cache-Control: no-cache\r\n",
		request->head.keep_alive ? "" : "Connection: close\r\n", request->extra_headers);
	request->extra_headers[0] = '\0';
}

/* The whole reply is in the output. The next request on the connection may be here already. */
static void end_reply(struct http_request *request)
{
	evbuffer_drain(bufferevent_get_input(request->stream), (size_t)request->head.body_size);
	request->state = request->head.keep_alive ? READING_HEAD : CLOSING;
	request->id = ++request->server->last_id;
	set_timer(request, HTTP_IDLE_S);
	if (!request->advancing)
		bufferevent_trigger(request->stream, EV_READ,
			BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void http_add_header(struct http_request *request, const char *line)
{
	size_t used = strlen(request->extra_headers);
	size_t room = sizeof(request->extra_headers) - used;
	int size = snprintf(request->extra_headers + used, room, "%s\r\n", line);

	ensure((size_t)size < room);
}

void http_reply(struct http_request *request, uint32_t status, const char *content_type,
	const void *bytes, size_t size)
{
	write_head(request, status, content_type, size);
	if (request->head.method != HTTP_HEAD)
		evbuffer_add(output_of(request), bytes, size);
	end_reply(request);
}

static void free_taken(const void *bytes, size_t size, void *context)
{
	(void)size, (void)context;
	free((void *)(uintptr_t)bytes);
}

/* Takes bytes of malloc(), without a copy of them. */
static bool add_taken(struct http_request *request, char *bytes, size_t size)
{
	if (evbuffer_add_reference(output_of(request), bytes, size, free_taken, NULL) == 0)
		return true;
	free(bytes);
	return false;
}

void http_reply_bytes(struct http_request *request, uint32_t status, const char *content_type,
	char *bytes, size_t size)
{
	write_head(request, status, content_type, size);
	if (request->head.method == HTTP_HEAD)
		free(bytes);
	else if (!add_taken(request, bytes, size))
		request->head.keep_alive = false; /* as in http_reply_file() */
	end_reply(request);
}

void http_reply_error(
	struct http_request *request, uint32_t status, const char *reason, const char *message)
{
	char buffer[1024];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "{\"error\":{");
	text_add_member_string(&text, "reason", reason);
	text_add_member_string(&text, "message", message);
	text_add(&text, "}}");
	ensure(!text_cut(&text));
	http_reply(request, status, "application/json", buffer, text.size);
}

/* Those who have something to send share the rate, each from its next reply on; the kernel paces
 * it. */
static void limit_rate(struct http_request *request)
{
	const struct http_server *server = request->server;
	int fd = bufferevent_getfd(request->stream);
	uint32_t rate = server->polite ? pace_find(&request->pace, fd) : INT32_MAX;
	uint32_t busy = 0;

	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++)
		busy += server->connections[i] != NULL && unsent(server->connections[i]) > 0;
	if (server->rate > 0 && server->rate / busy < rate)
		rate = server->rate / busy;
	if (rate < INT32_MAX)
		socket_set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, (int)rate);
}

void http_reply_file(struct http_request *request, uint32_t status, const char *content_type,
	int fd, uint64_t offset, uint64_t size)
{
	write_head(request, status, content_type, size);
	if (request->head.method == HTTP_HEAD || size == 0) {
		close(fd);
	} else if (evbuffer_add_file(output_of(request), fd, (ev_off_t)offset, (ev_off_t)size) !=
		   0) {
		/* The head is out: only the end of the connection can say now that this failed. */
		close(fd);
		request->head.keep_alive = false;
	}
	limit_rate(request);
	end_reply(request);
}

uint32_t http_server_stream_count(const struct http_server *server)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++)
		count += server->connections[i] != NULL &&
			 server->connections[i]->state == STREAMING;
	return count;
}

static void tell(struct http_request *stream)
{
	stream->resting = timer_start(stream->timer, HTTP_STREAM_GAP_MS);
	stream->due = !stream->tell(stream->server->context, stream);
}

static void tell_if_due(struct http_request *stream)
{
	if (stream->due && !stream->resting && unsent(stream) == 0)
		tell(stream);
}

void http_reply_stream(struct http_request *request, http_stream_tell *teller)
{
	if (http_server_stream_count(request->server) >= HTTP_STREAMS_MAX) {
		http_reply_error(request, 503, "too_many_streams", "Too many watch already.");
		return;
	}
	write_head(request, 200, "text/event-stream", UINT64_MAX);
	if (request->head.method == HTTP_HEAD) {
		end_reply(request);
		return;
	}
	request->state = STREAMING;
	request->tell = teller;
	tell(request);
}

void http_server_tell(struct http_server *server)
{
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct http_request *request = server->connections[i];

		if (request == NULL || request->state != STREAMING)
			continue;
		request->due = true;
		tell_if_due(request);
	}
}

uint64_t *http_stream_number(struct http_request *stream)
{
	return &stream->number;
}

void http_stream_send(struct http_request *stream, const char *event, char *line, size_t size)
{
	struct evbuffer *output = output_of(stream);

	ensure(stream->state == STREAMING && memchr(line, '\n', size) == NULL);
	evbuffer_add_printf(output, "event: %s\ndata: ", event);
	if (add_taken(stream, line, size))
		evbuffer_add(output, "\n\n", 2);
	else
		stream->state = CLOSING; /* who reads it drops an event that is cut off */
}

/* Who has not read the last event yet has enough to read. */
static void keep_streams_alive(evutil_socket_t fd, short what, void *context)
{
	struct http_server *server = context;

	(void)fd, (void)what;
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct http_request *request = server->connections[i];

		if (request != NULL && request->state == STREAMING && unsent(request) == 0)
			evbuffer_add(output_of(request), ":\n\n", 3);
	}
}

/* ---- Requests ------------------------------------------------------------------------------ */

enum http_method http_request_method(const struct http_request *request)
{
	return request->head.method == HTTP_HEAD ? HTTP_GET : request->head.method;
}

const char *http_request_path(const struct http_request *request)
{
	return request->head.path;
}

const char *http_request_parameter(const struct http_request *request, uint32_t index)
{
	ensure(index < HTTP_PARAMETERS_MAX);
	return request->parameters[index];
}

bool http_request_is_control(const struct http_request *request)
{
	return request->control;
}

const char *http_request_range(const struct http_request *request)
{
	return request->head.has_range ? request->head.range : NULL;
}

const char *http_request_body(const struct http_request *request, size_t *size)
{
	*size = (size_t)request->head.body_size;
	if (*size == 0)
		return "";
	return (const char *)evbuffer_pullup(
		bufferevent_get_input(request->stream), (ev_ssize_t)*size);
}

uint64_t http_request_id(const struct http_request *request)
{
	return request->id;
}

struct http_request *http_server_find(struct http_server *server, uint64_t id)
{
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct http_request *request = server->connections[i];

		if (request != NULL && request->state == HANDLING && request->id == id)
			return request;
	}
	return NULL;
}

/* Does the path fit the route's? Fills the parameters. */
static bool fits(struct http_request *request, const char *pattern)
{
	const char *path = request->head.path;
	uint32_t index = 0;

	while (*pattern != '\0') {
		size_t size = strcspn(path, "/");

		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		ensure(index < HTTP_PARAMETERS_MAX);
		if (size == 0 || size > HTTP_PARAMETER_SIZE)
			return false;
		memcpy(request->parameters[index], path, size);
		request->parameters[index++][size] = '\0';
		path += size;
		pattern++;
	}
	return *path == '\0';
}

static void dispatch(struct http_request *request)
{
	struct http_server *server = request->server;
	enum http_method method = http_request_method(request);
	bool path_known = false;

	request->state = HANDLING;
	request->id = ++server->last_id;
	for (const struct http_route *route = server->routes; route->path != NULL; route++) {
		if (!fits(request, route->path))
			continue;
		path_known = true;
		if (route->method != method)
			continue;
		if (route->control_only && !request->control)
			http_reply_error(request, 403, "control_only",
				"Only this machine's control socket may ask that.");
		else
			route->handle(server->context, request);
		return;
	}
	if (method == HTTP_OTHER || path_known)
		http_reply_error(request, 405, "bad_method", "This method is not possible here.");
	else
		http_reply_error(request, 404, "not_found", "There is no such page.");
}

/* A request that cannot be read to its end: what follows on the connection means nothing. */
static void refuse(
	struct http_request *request, uint32_t status, const char *reason, const char *message)
{
	request->state = HANDLING;
	request->head = (struct http_request_head){ .method = HTTP_GET };
	http_reply_error(request, status, reason, message);
}

/* False if more bytes are needed. */
static bool read_head(struct http_request *request)
{
	struct evbuffer *input = bufferevent_get_input(request->stream);
	ssize_t size = http_head_size(input);

	if (size == 0)
		return false;
	if (size < 0) {
		refuse(request, 431, "headers_too_large", "The request's headers are too large.");
		return true;
	}
	if (!http_head_read_request(
		    &request->head, (const char *)evbuffer_pullup(input, size), (size_t)size)) {
		refuse(request, 400, "bad_request", "This is not an HTTP request.");
		return true;
	}
	evbuffer_drain(input, (size_t)size);
	if (request->head.body_size > LIMITS_HTTP_BODY_SIZE) {
		refuse(request, 413, "body_too_large", "The request's body is too large.");
		return true;
	}
	request->state = READING_BODY;
	if (request->head.expect_continue && request->head.body_size > 0)
		evbuffer_add_printf(output_of(request), "HTTP/1.1 100 Continue\r\n\r\n");
	return true;
}

static bool read_body(struct http_request *request)
{
	size_t size;

	if (evbuffer_get_length(bufferevent_get_input(request->stream)) < request->head.body_size)
		return false;
	/* In one piece from here on. Without memory for that, the timer ends it. */
	if (http_request_body(request, &size) == NULL)
		return false;
	set_timer(request, HTTP_IDLE_S);
	dispatch(request);
	return true;
}

static void flushed(struct bufferevent *stream, void *context)
{
	struct http_request *request = context;

	if (request->state == STREAMING)
		tell_if_due(request);
	if (request->state != CLOSING || unsent(request) > 0)
		return;
	shutdown(bufferevent_getfd(stream), SHUT_WR);
	request->state = LINGERING;
	set_timer(request, LINGER_S);
}

static void advance(struct bufferevent *stream, void *context)
{
	struct http_request *request = context;
	bool more = true;

	if (request->advancing)
		return;
	request->advancing = true;
	while (more && (request->state == READING_HEAD || request->state == READING_BODY))
		more = request->state == READING_HEAD ? read_head(request) : read_body(request);
	request->advancing = false;
	if (request->state >= STREAMING)
		evbuffer_drain(bufferevent_get_input(stream), SIZE_MAX);
	flushed(stream, request);
}

/* ---- Connections --------------------------------------------------------------------------- */

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct http_request *request = context;

	(void)stream;
	/* Some clients say that they have nothing more to say before they read the answer. */
	if ((what & BEV_EVENT_EOF) != 0 &&
		(request->state == HANDLING ||
			(request->state < STREAMING && unsent(request) > 0) ||
			request->state == CLOSING)) {
		request->head.keep_alive = false;
		if (request->state != HANDLING)
			request->state = CLOSING;
		return;
	}
	drop(request);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct http_request *request = context;

	(void)fd, (void)what;
	if (request->state == STREAMING) {
		request->resting = false;
		tell_if_due(request);
		return;
	}
	/* A long reply may take its time as long as it moves; the stream's own timeout sees to
	 * that. */
	if (request->state != LINGERING && unsent(request) > 0)
		set_timer(request, HTTP_IDLE_S);
	else
		drop(request);
}

/* Where a new connection goes; NULL if there is no room. */
static struct http_request **find_room(struct http_server *server, bool control)
{
	uint32_t first = control ? LIMITS_HTTP_CONNECTIONS_MAX : 0;
	uint32_t end = control ? CONNECTIONS_MAX : LIMITS_HTTP_CONNECTIONS_MAX;
	struct http_request **oldest = NULL;

	for (uint32_t i = first; i < end; i++) {
		struct http_request **room = &server->connections[i];

		if (*room == NULL)
			return room;
		if ((*room)->state == READING_HEAD && unsent(*room) == 0 &&
			(oldest == NULL || (*room)->id < (*oldest)->id))
			oldest = room;
	}
	if (oldest != NULL)
		drop(*oldest);
	return oldest;
}

static struct http_request *connection_new(struct http_server *server, evutil_socket_t fd)
{
	struct http_request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return NULL;
	request->server = server;
	request->timer = evtimer_new(server->base, on_timer, request);
	/* The last, for from then on it has the descriptor. */
	if (request->timer != NULL)
		request->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (request->stream != NULL)
		return request;
	timer_free(request->timer);
	free(request);
	return NULL;
}

static void accept_connection(struct http_server *server, int fd, bool control)
{
	struct http_request **room = find_room(server, control);
	struct http_request *request = room != NULL ? connection_new(server, fd) : NULL;

	if (request == NULL) {
		close(fd);
		return;
	}
	*room = request;
	request->control = control;
	request->id = ++server->last_id;
	if (!control) {
		socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		/* What waits, waits here: the kernel's memory is no place for it. */
		socket_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_IN_KERNEL);
		socket_set(fd, IPPROTO_IPV6, IPV6_TCLASS, server->polite ? PACE_CLASS : 0);
	}
	bufferevent_setcb(request->stream, advance, flushed, on_event, request);
	bufferevent_setwatermark(
		request->stream, EV_READ, 0, LIMITS_HTTP_HEADERS_SIZE + LIMITS_HTTP_BODY_SIZE);
	bufferevent_set_timeouts(request->stream, NULL, &(struct timeval){ .tv_sec = HTTP_IDLE_S });
	set_timer(request, HTTP_IDLE_S);
	bufferevent_enable(request->stream, EV_READ | EV_WRITE);
}

static void on_accept(void *context, int fd, const struct sockaddr *from)
{
	(void)from;
	accept_connection(context, fd, false);
}

static void on_accept_control(void *context, int fd, const struct sockaddr *from)
{
	(void)from;
	accept_connection(context, fd, true);
}

int http_server_listen(struct http_server *server, const char *address, uint16_t port)
{
	ensure(server->listener == NULL);
	return stream_listen(&server->listener, server->base, address, port, on_accept, server);
}

int http_server_listen_control(struct http_server *server, const char *path)
{
	struct sockaddr_un address;
	struct stat old;
	mode_t mask;
	int error;

	ensure(server->control_listener == NULL);
	if (!socket_set_path(&address, path))
		return -ENAMETOOLONG;
	if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
		unlink(path);
	mask = umask(0177);
	error = stream_listen_at(&server->control_listener, server->base,
		(const struct sockaddr *)&address, sizeof(address), on_accept_control, server);
	umask(mask);
	if (error == 0)
		text_set(server->control_path, sizeof(server->control_path), path);
	return error;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->listener != NULL ? stream_listener_port(server->listener) : 0;
}

void http_server_limit_rate(struct http_server *server, uint32_t bytes_per_s, bool polite)
{
	server->rate = bytes_per_s;
	server->polite = polite;
}

struct http_server *http_server_new(
	struct event_base *base, const struct http_route *routes, void *context)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->base = base;
	server->routes = routes;
	server->context = context;
	server->keepalive = event_new(base, -1, EV_PERSIST, keep_streams_alive, server);
	if (server->keepalive == NULL) {
		http_server_free(server);
		return NULL;
	}
	timer_start(server->keepalive, HTTP_STREAM_KEEPALIVE_S * 1000);
	return server;
}

void http_server_free(struct http_server *server)
{
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++)
		if (server->connections[i] != NULL)
			drop(server->connections[i]);
	stream_listener_free(server->listener);
	stream_listener_free(server->control_listener);
	if (server->control_path[0] != '\0')
		unlink(server->control_path);
	timer_free(server->keepalive);
	free(server);
}
