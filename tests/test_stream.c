// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/event.h>

#include "io/stream.h"

enum {
	PATIENCE_MS = 20000,
	DEADLINE_MS = 15000,
	MORE_THAN_BUFFERS_HOLD = 16 * 1048576,
};

struct end {
	struct stream *stream;
	uint32_t connected, flushed, ended, reads;
	int error;
	size_t received;
};

struct world {
	struct event_base *base;
	struct stream_listener *listener;
	struct end accepted, opened;
	struct sockaddr_storage peer;
	bool accepted_any;
	uint32_t deadline_ms;
};

static void on_connected(void *owner)
{
	((struct end *)owner)->connected++;
}

static void on_received(void *owner, const void *bytes, size_t size)
{
	struct end *end = owner;

	(void)bytes;
	end->received += size;
	end->reads++;
}

static void on_flushed(void *owner)
{
	((struct end *)owner)->flushed++;
}

static void on_ended(void *owner, int error)
{
	struct end *end = owner;

	end->ended++;
	end->error = error;
	if (error != 0) {
		stream_close(end->stream);
		end->stream = NULL;
	}
}

static const struct stream_callbacks callbacks = { on_connected, on_received, on_flushed,
	on_ended };

static void on_accepted(void *context, int fd, const struct sockaddr *from)
{
	struct world *world = context;

	assert_true(from->sa_family == AF_INET || from->sa_family == AF_INET6);
	world->accepted.stream =
		stream_adopt(world->base, fd, world->deadline_ms, &callbacks, &world->accepted);
	assert_non_null(world->accepted.stream);
	world->accepted_any = true;
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->base = event_base_new();
	assert_non_null(world->base);
	world->deadline_ms = DEADLINE_MS;
	assert_int_equal(
		stream_listen(&world->listener, world->base, "::", 0, on_accepted, world), 0);
	*state = world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;

	stream_close(world->accepted.stream);
	stream_close(world->opened.stream);
	stream_listener_free(world->listener);
	event_base_free(world->base);
	free(world);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#define RUN_UNTIL(world, condition)                                                                \
	do {                                                                                       \
		uint64_t until_ms = now_ms() + PATIENCE_MS;                                        \
		while (!(condition)) {                                                             \
			assert_true(now_ms() < until_ms);                                          \
			(void)event_base_loop((world)->base, EVLOOP_NONBLOCK);                     \
			usleep(200);                                                               \
		}                                                                                  \
	} while (0)

static void open_pair(struct world *world)
{
	assert_int_equal(stream_connect(&world->opened.stream, world->base, "127.0.0.1",
				 stream_listener_port(world->listener), DEADLINE_MS, &callbacks,
				 &world->opened, &world->peer),
		0);
	assert_int_equal(world->peer.ss_family, AF_INET);
	RUN_UNTIL(world, world->opened.connected == 1 && world->accepted_any);
}

static int dial(struct world *world)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(stream_listener_port(world->listener)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	RUN_UNTIL(world, world->accepted_any);
	return fd;
}

static void test_bytes_go_both_ways_and_the_end_after_them(void **state)
{
	struct world *world = *state;

	open_pair(world);
	assert_true(stream_send(world->opened.stream, "abc", 3));
	assert_true(stream_send(world->opened.stream, "defg", 4));
	assert_int_equal(stream_unsent(world->opened.stream), 7);
	assert_true(stream_send(world->accepted.stream, "hi", 2));
	assert_true(stream_send(world->accepted.stream, "", 0));
	RUN_UNTIL(world, world->accepted.received == 7 && world->opened.received == 2);
	RUN_UNTIL(world, world->opened.flushed == 1 && world->accepted.flushed == 1);
	/* Given in one turn, it went in one piece. */
	assert_int_equal(world->accepted.reads, 1);
	assert_int_equal(stream_unsent(world->opened.stream), 0);

	stream_close(world->opened.stream);
	world->opened.stream = NULL;
	RUN_UNTIL(world, world->accepted.ended == 1);
	assert_int_equal(world->accepted.error, 0);
	/* Told once. */
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	assert_int_equal(world->accepted.ended, 1);
}

static void test_much_arrives_whole(void **state)
{
	struct world *world = *state;
	char *bytes = calloc(1, MORE_THAN_BUFFERS_HOLD);

	assert_non_null(bytes);
	open_pair(world);
	assert_true(stream_send(world->accepted.stream, bytes, MORE_THAN_BUFFERS_HOLD));
	free(bytes);
	RUN_UNTIL(world, world->opened.received == MORE_THAN_BUFFERS_HOLD);
	assert_int_equal(world->accepted.flushed, 1);
}

/* What is written to a connection that is gone raises SIGPIPE if nobody sees to it. */
static void test_a_reset_while_much_waits(void **state)
{
	struct world *world = *state;
	struct linger linger = { .l_onoff = 1 };
	char *bytes = calloc(1, MORE_THAN_BUFFERS_HOLD);
	int fd = dial(world);

	assert_non_null(bytes);
	assert_true(stream_send(world->accepted.stream, bytes, MORE_THAN_BUFFERS_HOLD));
	free(bytes);
	shutdown(fd, SHUT_WR);
	RUN_UNTIL(world, world->accepted.ended == 1);
	assert_int_equal(world->accepted.error, 0);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	assert_true(stream_unsent(world->accepted.stream) > 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
	RUN_UNTIL(world, world->accepted.ended == 2);
	assert_true(world->accepted.error == -EPIPE || world->accepted.error == -ECONNRESET);
	assert_int_equal(world->accepted.flushed, 0);
}

static void test_the_deadline_comes_whatever_is_sent(void **state)
{
	struct world *world = *state;
	int fd;

	world->deadline_ms = 60;
	fd = dial(world);
	RUN_UNTIL(world, (send(fd, "x", 1, MSG_NOSIGNAL), world->accepted.ended == 1));
	assert_int_equal(world->accepted.error, -ETIMEDOUT);
	assert_true(world->accepted.received > 0);
	close(fd);
}

static void test_what_cannot_be_reached(void **state)
{
	struct world *world = *state;
	uint16_t port = stream_listener_port(world->listener);
	int error;

	stream_listener_free(world->listener);
	world->listener = NULL;
	error = stream_connect(&world->opened.stream, world->base, "127.0.0.1", port, DEADLINE_MS,
		&callbacks, &world->opened, &world->peer);
	if (error == 0) {
		RUN_UNTIL(world, world->opened.ended == 1);
		error = world->opened.error;
	}
	assert_int_equal(error, -ECONNREFUSED);
	assert_int_equal(world->opened.connected, 0);
	assert_int_equal(stream_connect(&world->opened.stream, world->base, "localhost", port,
				 DEADLINE_MS, &callbacks, &world->opened, &world->peer),
		-EINVAL);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_go_both_ways_and_the_end_after_them),
		TEST(test_much_arrives_whole),
		TEST(test_a_reset_while_much_waits),
		TEST(test_the_deadline_comes_whatever_is_sent),
		TEST(test_what_cannot_be_reached),
	};

	/* Whoever started us may have it ignored. */
	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
