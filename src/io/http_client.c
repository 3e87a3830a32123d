// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/http_client.h"

#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/http_head.h"
#include "io/lookup.h"
#include "io/socket.h"
#include "io/timer.h"
#include "io/url.h"

enum {
	REFUSAL_SIZE = 4096,
	CHUNK_LINE_SIZE = 256, /* of the chunked transfer coding, with extensions */
	REST_MS_MIN = 2,
	REST_MS_MAX = 8,
};

enum state {
	IDLE = 0,
	READING_HEAD,
	READING_SIZED, /* `left` bytes of body are to come */
	READING_TO_END,
	READING_CHUNK_SIZE,
	READING_CHUNK, /* `left` bytes of this chunk are to come */
	READING_CHUNK_END,
	READING_TRAILER,
};

struct job {
	struct http_client *client;
	struct job *next;
	struct connection *connection; /* NULL while it waits */
	struct event *timer;           /* the deadline; at once, if there is a problem */
	const char *problem;           /* why it cannot even begin; or NULL */
	bool retried;
	bool is_control;
	uint32_t status;
	uint8_t *body; /* of the reply; owned */
	size_t body_size, body_capacity;
	size_t looked_size;      /* of the body, when it was looked at last */
	uint64_t over_ms;        /* the deadline */
	struct http_fetch fetch; /* of its strings only `body` is used after http_client_get() */
	struct url url;
	char host[sizeof(((struct sockaddr_un *)0)->sun_path) + URL_HOST_SIZE];
	char posted[]; /* what `fetch.body` points to */
};

struct connection {
	struct http_client *client;
	struct lookup *lookup; /* while its host's name is looked up */
	struct bufferevent *stream;
	struct job *job; /* NULL while idle */
	enum state state;
	bool used_before; /* it carried a whole exchange: the server may close it at any time */
	bool keep_alive;
	uint64_t left;   /* bytes */
	size_t body_max; /* bytes */
	struct event *rest_timer;
	uint64_t read_ms; /* when some of the body was read last */
	uint16_t port;
	char host[sizeof(((struct job *)0)->host)];
};

struct http_client {
	struct event_base *base;
	struct job *jobs; /* in the order in which they came */
	uint32_t job_count;
	struct connection *connections[HTTP_CLIENT_CONNECTIONS_MAX];
};

static void pump(struct http_client *client);

static void drop_connection(struct connection *connection)
{
	struct http_client *client = connection->client;

	for (uint32_t i = 0; i < HTTP_CLIENT_CONNECTIONS_MAX; i++)
		if (client->connections[i] == connection)
			client->connections[i] = NULL;
	/* Who waited for his reply asks again over another one. */
	for (struct job *job = client->jobs; job != NULL; job = job->next)
		if (job->connection == connection)
			job->connection = NULL;
	if (connection->lookup != NULL)
		lookup_cancel(connection->lookup);
	timer_free(connection->rest_timer);
	bufferevent_free(connection->stream);
	free(connection);
}

static void free_job(struct job *job)
{
	timer_free(job->timer);
	free(job->body);
	free(job);
}

static void unlink_job(struct job *job)
{
	struct job **link = &job->client->jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	job->client->job_count--;
}

/* The job is over; its connection is idle or gone already. */
static void finish(struct job *job, const struct http_result *result)
{
	struct http_client *client = job->client;

	ensure(job->connection == NULL);
	unlink_job(job);
	event_del(job->timer);
	job->fetch.done(job->fetch.context, job->fetch.token, result);
	free_job(job);
	pump(client);
}

static void fail(struct job *job, const char *problem)
{
	const struct http_result result = {
		.outcome = HTTP_FAILED,
		.status = job->status,
		.problem = problem,
	};

	if (job->connection != NULL)
		drop_connection(job->connection);
	finish(job, &result);
}

/* Looks again when the deadline is over, or, where bytes must come all the time, before. */
static void watch(struct job *job)
{
	uint64_t now_ms = clock_now_ms();
	uint64_t left_ms = job->over_ms > now_ms ? job->over_ms - now_ms : 0;

	job->looked_size = job->body_size;
	if (job->fetch.stall_ms > 0 && left_ms > job->fetch.stall_ms)
		left_ms = job->fetch.stall_ms;
	timer_start(job->timer, (uint32_t)left_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct job *job = context;
	bool moves = job->body_size >= job->looked_size + HTTP_STALL_SIZE ||
		     (job->connection != NULL && job->connection->job != job);

	(void)fd, (void)what;
	if (job->problem == NULL && moves && clock_now_ms() < job->over_ms)
		watch(job);
	else
		fail(job, job->problem != NULL ? job->problem : "It took too long.");
}

/* ---- Reading a reply ----------------------------------------------------------------------- */

/* To the reply to the next request, which may be here already. */
static void go_on(struct connection *connection)
{
	connection->job = connection->client->jobs;
	while (connection->job != NULL && connection->job->connection != connection)
		connection->job = connection->job->next;
	connection->state = connection->job != NULL ? READING_HEAD : IDLE;
	if (connection->job != NULL)
		bufferevent_trigger(connection->stream, EV_READ,
			BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	else
		bufferevent_set_timeouts(connection->stream,
			&(struct timeval){ .tv_sec = HTTP_CLIENT_IDLE_S }, NULL);
}

static void complete(struct connection *connection)
{
	struct job *job = connection->job;
	struct http_result result = {
		.outcome = job->status / 100 == 2 ? HTTP_CAME : HTTP_REFUSED,
		.status = job->status,
		.bytes = job->body_size > 0 ? job->body : (const uint8_t *)"",
		.size = job->body_size,
	};

	if (result.outcome == HTTP_CAME && job->fetch.ranged && result.size != job->fetch.size) {
		fail(job, "The reply has another size.");
		return;
	}
	job->connection = NULL;
	connection->used_before = true;
	if (connection->keep_alive)
		go_on(connection);
	else
		drop_connection(connection);
	finish(job, &result);
}

/* What may be wrong with a reply before its body came; NULL if nothing is. */
static const char *judge(const struct job *job, const struct http_reply_head *head)
{
	if (head->status / 100 != 2)
		return NULL;
	/* A server that knows no ranges sends everything: fine if all was wanted. */
	if (job->fetch.ranged && head->status != 206 &&
		(job->fetch.offset != 0 || !head->size_known || head->body_size != job->fetch.size))
		return "The server does not know ranges.";
	if (head->size_known && head->body_size > job->fetch.size)
		return "The reply is too large.";
	if (job->fetch.ranged && head->size_known && head->body_size != job->fetch.size)
		return "The reply has another size.";
	return NULL;
}

/* Each reader returns true if there may be more to read at once. */
static bool read_head(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	ssize_t size = http_head_size(input);
	struct job *job = connection->job;
	struct http_reply_head head;
	const char *problem;

	if (size == 0)
		return false;
	if (size < 0 || !http_head_read_reply(
				&head, (const char *)evbuffer_pullup(input, size), (size_t)size)) {
		fail(job, "The reply is not HTTP.");
		return false;
	}
	evbuffer_drain(input, (size_t)size);
	if (head.status < 200)
		return true;
	job->status = head.status;
	problem = judge(job, &head);
	if (problem != NULL) {
		fail(job, problem);
		return false;
	}
	connection->keep_alive = head.keep_alive;
	connection->body_max = head.status / 100 == 2 ? job->fetch.size : REFUSAL_SIZE;
	connection->left = head.body_size;
	if (head.status == 204 || head.status == 304)
		connection->left = 0;
	connection->state = head.chunked      ? READING_CHUNK_SIZE
			    : head.size_known ? READING_SIZED
					      : READING_TO_END;
	if (connection->state == READING_TO_END)
		connection->keep_alive = false;
	connection->read_ms = clock_now_ms();
	/* What the server says beside a refusal is not worth a long wait. */
	if (connection->left > connection->body_max) {
		connection->left = 0;
		connection->keep_alive = false;
	}
	if (connection->state == READING_SIZED && connection->left == 0) {
		complete(connection);
		return false;
	}
	return true;
}

/* Room for so many more bytes of body. False if that is too much, or there is no memory. */
static bool make_room(struct connection *connection, uint64_t size)
{
	struct job *job = connection->job;
	size_t capacity = 2 * job->body_capacity;
	uint8_t *body;

	if (size > connection->body_max - job->body_size) {
		fail(job, "The reply is too large.");
		return false;
	}
	if (job->body_size + size <= job->body_capacity)
		return true;
	if (capacity < job->body_size + size)
		capacity = job->body_size + (size_t)size;
	body = realloc(job->body, capacity);
	if (body == NULL) {
		fail(job, "There is not enough memory.");
		return false;
	}
	job->body = body;
	job->body_capacity = capacity;
	return true;
}

/* ---- A long body ---- */

static void on_rested(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd, (void)what;
	bufferevent_enable(connection->stream, EV_READ);
}

/*
 * Lets some of what is left come before it is read. The kernel acknowledges what was read, so that
 * there are a few acknowledgements to a chunk, not one to each second packet: on a radio each of
 * them takes its turn from somebody. The end of the body is not waited for.
 */
static void rest(struct connection *connection, size_t came)
{
	uint64_t now_ms = clock_now_ms();
	uint64_t rest_ms = connection->left * (now_ms - connection->read_ms) * 3 / (4 * came + 1);

	connection->read_ms = now_ms;
	if (rest_ms > REST_MS_MAX)
		rest_ms = REST_MS_MAX;
	if (rest_ms < REST_MS_MIN || connection->rest_timer == NULL ||
		!timer_start(connection->rest_timer, (uint32_t)rest_ms))
		return;
	bufferevent_disable(connection->stream, EV_READ);
}

/* All that is there, past the stream, which takes it in small pieces. */
static size_t read_on(struct connection *connection)
{
	struct job *job = connection->job;
	ssize_t size = read(bufferevent_getfd(connection->stream), job->body + job->body_size,
		(size_t)connection->left);

	if (size <= 0) /* the stream will see why */
		return 0;
	job->body_size += (size_t)size;
	return (size_t)size;
}

static bool read_body(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	size_t size = evbuffer_get_length(input);
	struct job *job = connection->job;

	if (connection->state != READING_TO_END && size > connection->left)
		size = (size_t)connection->left;
	/* Of a length that is known, all at once. */
	if (!make_room(connection, connection->state == READING_SIZED ? connection->left : size))
		return false;
	if (size > 0)
		memcpy(job->body + job->body_size, evbuffer_pullup(input, (ev_ssize_t)size), size);
	evbuffer_drain(input, size);
	job->body_size += size;
	if (connection->state == READING_TO_END)
		return false;
	connection->left -= size;
	if (connection->state == READING_SIZED && connection->left > 0) {
		size_t more = read_on(connection);

		connection->left -= more;
		if (connection->left > 0)
			rest(connection, size + more);
	}
	if (connection->left > 0)
		return false;
	if (connection->state == READING_CHUNK) {
		connection->state = READING_CHUNK_END;
		return true;
	}
	complete(connection);
	return false;
}

static bool parse_chunk_size(uint64_t *size, const char *line)
{
	size_t digits = strcspn(line, "; \t");

	for (size_t i = 0; i < digits; i++)
		if (strchr("0123456789abcdefABCDEF", line[i]) == NULL)
			return false;
	*size = strtoul(line, NULL, 16);
	return digits > 0 && digits <= 8;
}

/* A line of the chunked transfer coding. */
static bool read_line(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	size_t size;
	char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_CRLF_STRICT);
	bool good = true;

	if (line == NULL) {
		good = evbuffer_get_length(input) <= CHUNK_LINE_SIZE;
		if (!good)
			fail(connection->job, "The reply is not HTTP.");
		return false;
	}
	if (connection->state == READING_CHUNK_SIZE) {
		good = parse_chunk_size(&connection->left, line);
		connection->state = connection->left > 0 ? READING_CHUNK : READING_TRAILER;
	} else if (connection->state == READING_CHUNK_END) {
		good = size == 0;
		connection->state = READING_CHUNK_SIZE;
	} else if (size == 0) {
		free(line);
		complete(connection);
		return false;
	}
	free(line);
	if (!good)
		fail(connection->job, "The reply is not HTTP.");
	return good;
}

static void on_read(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;
	bool more = true;

	(void)stream;
	/* After a reader that returns false the connection may be gone. */
	while (more) {
		switch (connection->state) {
		case IDLE:
			/* Nobody asked. */
			drop_connection(connection);
			return;
		case READING_HEAD:
			more = read_head(connection);
			break;
		case READING_SIZED:
		case READING_TO_END:
		case READING_CHUNK:
			more = read_body(connection);
			break;
		case READING_CHUNK_SIZE:
		case READING_CHUNK_END:
		case READING_TRAILER:
			more = read_line(connection);
			break;
		}
	}
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct connection *connection = context;
	struct http_client *client = connection->client;
	struct job *job = connection->job;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		socket_set(bufferevent_getfd(stream), IPPROTO_TCP, TCP_NODELAY, 1);
		return;
	}
	if (job == NULL) {
		drop_connection(connection);
		pump(client);
	} else if ((what & BEV_EVENT_EOF) != 0 && connection->state == READING_TO_END) {
		complete(connection);
	} else if (connection->used_before && connection->state == READING_HEAD && !job->retried) {
		/* The server closed the idle connection while our request was on its way. */
		drop_connection(connection);
		job->retried = true;
		pump(client);
	} else {
		fail(job, (what & BEV_EVENT_EOF) != 0 ? "The connection ended too early."
						      : "The connection failed.");
	}
}

/* ---- Connections --------------------------------------------------------------------------- */

static int connect_control(struct connection *connection)
{
	struct sockaddr_un address;

	if (!socket_set_path(&address, connection->host))
		return -1;
	return bufferevent_socket_connect(
		connection->stream, (const struct sockaddr *)&address, sizeof(address));
}

/* Fails the job, but not now: its caller is not back yet. */
static void doom(struct job *job, const char *problem)
{
	job->problem = problem;
	timer_start(job->timer, 0);
}

static void on_lookup(void *context, const struct sockaddr *address, socklen_t size)
{
	struct connection *connection = context;

	connection->lookup = NULL;
	if ((address == NULL ||
		    bufferevent_socket_connect(connection->stream, address, (int)size) != 0) &&
		connection->job != NULL)
		doom(connection->job, "There is no way to this host.");
}

static int connect_host(struct connection *connection, const struct url *url)
{
	struct addrinfo *found;
	int result;

	if (socket_find_address(&found, url->host, url->port) == 0) {
		result = bufferevent_socket_connect(
			connection->stream, found->ai_addr, (int)found->ai_addrlen);
		evutil_freeaddrinfo(found);
		return result;
	}
	if (url->is_ipv6)
		return -1; /* no number, or no such interface */
	connection->lookup =
		lookup_start(connection->client->base, url->host, url->port, on_lookup, connection);
	return connection->lookup != NULL ? 0 : -1;
}

static struct connection *connect_for(struct job *job, struct connection **room)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return NULL;
	/* Deferred, so that a connection that fails at once does not call back from within us. */
	connection->stream = bufferevent_socket_new(
		job->client->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (connection->stream == NULL) {
		free(connection);
		return NULL;
	}
	*room = connection;
	connection->client = job->client;
	connection->port = job->url.port;
	text_set(connection->host, sizeof(connection->host), job->host);
	bufferevent_setcb(connection->stream, on_read, NULL, on_event, connection);
	connection->rest_timer = evtimer_new(job->client->base, on_rested, connection);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	if ((job->is_control ? connect_control(connection) : connect_host(connection, &job->url)) ==
		0)
		return connection;
	drop_connection(connection);
	return NULL;
}

static bool is_to_same_host(const struct connection *connection, const struct job *job)
{
	return connection->port == job->url.port && strcmp(connection->host, job->host) == 0;
}

static bool has_room(const struct connection *connection)
{
	uint32_t count = 0;

	for (const struct job *job = connection->client->jobs; job != NULL; job = job->next)
		count += job->connection == connection;
	return count < HTTP_PIPELINED_MAX;
}

/* A connection to the job's host that can take it, or room for a new one (then `*room` is not
 * NULL), or neither. */
static struct connection *find_connection(const struct job *job, struct connection ***room)
{
	struct http_client *client = job->client;
	struct connection **idle = NULL, *same = NULL;
	uint32_t count = 0;

	*room = NULL;
	for (uint32_t i = 0; i < HTTP_CLIENT_CONNECTIONS_MAX; i++) {
		struct connection **at = &client->connections[i];

		if (*at == NULL) {
			*room = at;
		} else if (!is_to_same_host(*at, job)) {
			if ((*at)->job == NULL)
				idle = at;
		} else if ((*at)->job == NULL) {
			same = *at;
		} else if (job->fetch.pipelined && (*at)->job->fetch.pipelined) {
			*room = NULL;
			return has_room(*at) ? *at : NULL;
		} else {
			count++;
		}
	}
	if (same == NULL && count >= HTTP_CONNECTIONS_PER_HOST) {
		*room = NULL;
	} else if (same == NULL && *room == NULL && idle != NULL) {
		drop_connection(*idle);
		*room = idle;
	}
	return same;
}

/* Into the connection's output; once more if the first one came to nothing. */
static void write_request(const struct job *job, struct evbuffer *out)
{
	const struct http_fetch *fetch = &job->fetch;
	const struct url *url = &job->url;

	evbuffer_add_printf(out, "%s %s HTTP/1.1\r\nHost: %s%.*s%s:%u\r\n",
		fetch->body != NULL ? "POST" : "GET", url->path, url->is_ipv6 ? "[" : "",
		(int)strcspn(url->host, "%"), url->host, url->is_ipv6 ? "]" : "",
		(unsigned)url->port);
	if (fetch->ranged)
		evbuffer_add_printf(out, "Range: bytes=%" PRIu64 "-%" PRIu64 "\r\n", fetch->offset,
			fetch->offset + fetch->size - 1);
	if (fetch->body != NULL)
		evbuffer_add_printf(out,
			"Content-Type: application/json\r\nContent-Length: %zu\r\n",
			fetch->body_size);
	evbuffer_add(out, "\r\n", 2);
	if (fetch->body != NULL)
		evbuffer_add(out, fetch->body, fetch->body_size);
}

static void start(struct job *job, struct connection *connection)
{
	if (connection->job == NULL) {
		connection->job = job;
		connection->state = READING_HEAD;
	}
	job->connection = connection;
	bufferevent_set_timeouts(connection->stream, NULL, NULL);
	write_request(job, bufferevent_get_output(connection->stream));
}

/* Gives the jobs that wait a connection, as far as there are any. */
static void pump(struct http_client *client)
{
	for (struct job *job = client->jobs; job != NULL; job = job->next) {
		struct connection **room;
		struct connection *connection;

		if (job->connection != NULL || job->problem != NULL)
			continue;
		connection = find_connection(job, &room);
		if (connection == NULL && room != NULL) {
			connection = connect_for(job, room);
			if (connection == NULL) {
				doom(job, "There is no way to this host.");
				continue;
			}
		}
		if (connection != NULL)
			start(job, connection);
	}
}

static struct job *job_new(struct http_client *client, const struct http_fetch *fetch)
{
	struct job *job = calloc(1, sizeof(*job) + fetch->body_size);

	if (job == NULL)
		return NULL;
	job->client = client;
	job->fetch = *fetch;
	if (fetch->body != NULL)
		job->fetch.body = memcpy(job->posted, fetch->body, fetch->body_size);
	job->is_control = fetch->control != NULL;
	job->timer = evtimer_new(client->base, on_timer, job);
	if (job->timer != NULL)
		return job;
	free_job(job);
	return NULL;
}

bool http_client_get(struct http_client *client, const struct http_fetch *fetch)
{
	struct job **link = &client->jobs;
	struct job *job;

	ensure(fetch->done != NULL);
	ensure(!fetch->ranged || fetch->size > 0);
	if (client->job_count >= HTTP_CLIENT_FETCHES_MAX)
		return false;
	job = job_new(client, fetch);
	if (job == NULL)
		return false;
	while (*link != NULL)
		link = &(*link)->next;
	*link = job;
	client->job_count++;

	if (!url_parse(&job->url, fetch->url)) {
		doom(job, "This is not an http URL.");
		return true;
	}
	text_set(job->host, sizeof(job->host), job->is_control ? fetch->control : job->url.host);
	job->over_ms = clock_now_ms() + fetch->deadline_ms;
	watch(job);
	pump(client);
	return true;
}

void http_client_cancel(struct http_client *client, uint32_t group)
{
	struct job *next;

	for (struct job *job = client->jobs; job != NULL; job = next) {
		next = job->next;
		if (job->fetch.group != group)
			continue;
		if (job->connection != NULL)
			drop_connection(job->connection);
		unlink_job(job);
		free_job(job);
	}
	pump(client);
}

uint32_t http_client_count(const struct http_client *client)
{
	return client->job_count;
}

void http_client_free(struct http_client *client)
{
	struct job *next;

	for (struct job *job = client->jobs; job != NULL; job = next) {
		next = job->next;
		free_job(job);
	}
	client->jobs = NULL;
	for (uint32_t i = 0; i < HTTP_CLIENT_CONNECTIONS_MAX; i++)
		if (client->connections[i] != NULL)
			drop_connection(client->connections[i]);
	free(client);
}

struct http_client *http_client_new(struct event_base *base)
{
	struct http_client *client = calloc(1, sizeof(*client));

	if (client != NULL)
		client->base = base;
	return client;
}
