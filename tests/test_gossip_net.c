// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "daemon/gossip_net.h"
#include "gossip/store.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BYTES(text) text, sizeof(text) - 1
#define TYPE "mesh_wide_upgrade"
#define V "\0\0\0\1"
#define NAME "\x11" TYPE
#define EMPTY "{\"stateSlice\":[]}"

enum {
	PATIENCE_MS = 20000,    /* a test fails only after this */
	SHORT_DEADLINE_MS = 50, /* of peers that are to run into it */
	LONG_DEADLINE_MS = 15000,
	BAD_PEERS_MAX = 200,
};

/* One node: its state and its net. */
struct side {
	struct gossip_net *net;
	struct store store;
	bool remote_seen;
	uint32_t merge_count;
	uint32_t neighbour_seen;
	uint32_t asked_neighbour; /* for whom it wrote last */
	uint32_t rtt_ms;
	const char *says;   /* instead of the store, if not NULL */
	size_t answer_size; /* instead of the store: so many bytes of nonsense */
	uint32_t over_count;
	uint32_t ok_count;
	uint32_t over_neighbour;
	char why[128];
};

struct world {
	const void *row; /* of the table that the test runs through */
	struct event_base *base;
	struct side server, client;
	int bad[BAD_PEERS_MAX];
	uint32_t bad_count;
};

static bool speaks(void *context, const char *type)
{
	(void)context;
	return strcmp(type, TYPE) == 0;
}

static void merge(void *context, const char *type, const char *data, size_t data_size,
	const struct sockaddr *from, uint32_t neighbour, uint32_t rtt_ms)
{
	struct side *side = context;

	assert_string_equal(type, TYPE);
	(void)store_merge(&side->store, data, data_size, "somebody", true);
	side->remote_seen = !gossip_net_is_local(from);
	side->neighbour_seen = neighbour;
	side->rtt_ms = rtt_ms;
	side->merge_count++;
}

static void answer(void *context, uint32_t neighbour, const char *type, const char *data,
	size_t data_size, struct text *text)
{
	struct side *side = context;

	assert_string_equal(type, TYPE);
	assert_true(neighbour != UINT32_MAX || (data != NULL && data_size >= 2));
	side->asked_neighbour = neighbour;
	for (size_t i = 0; i < side->answer_size; i++)
		text_add(text, " ");
	if (side->says != NULL)
		text_add(text, side->says);
	else if (side->answer_size == 0)
		store_write(&side->store, text);
}

static void over(void *context, uint32_t neighbour, const char *type, bool ok, const char *why)
{
	struct side *side = context;

	assert_string_equal(type, TYPE);
	side->over_count++;
	side->ok_count += ok;
	side->over_neighbour = neighbour;
	text_set(side->why, sizeof(side->why), why);
}

static const struct gossip_net_callbacks callbacks = { speaks, merge, answer, over };

static void open_side(struct side *side, struct event_base *base, const char *key)
{
	store_init(&side->store);
	(void)store_put(&side->store, key, key, 100, BYTES("{\"state\":\"DEFAULT\"}"));
	side->net = gossip_net_new(base, &callbacks, side);
	assert_non_null(side->net);
	gossip_net_set_deadline(side->net, LONG_DEADLINE_MS);
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->row = *state;
	world->base = event_base_new();
	assert_non_null(world->base);
	open_side(&world->server, world->base, "server");
	open_side(&world->client, world->base, "client");
	assert_int_equal(gossip_net_listen(world->server.net, "::", 0), 0);
	assert_true(gossip_net_port(world->server.net) != 0);
	*state = world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;

	for (uint32_t i = 0; i < world->bad_count; i++)
		close(world->bad[i]);
	gossip_net_free(world->server.net);
	gossip_net_free(world->client.net);
	store_free(&world->server.store);
	store_free(&world->client.store);
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

static void turn(struct world *world)
{
	(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	usleep(200);
}

#define RUN_UNTIL(world, condition)                                                                \
	do {                                                                                       \
		uint64_t until_ms = now_ms() + PATIENCE_MS;                                        \
		while (!(condition)) {                                                             \
			assert_true(now_ms() < until_ms);                                          \
			turn(world);                                                               \
		}                                                                                  \
	} while (0)

/* A connection of a peer that is played here by hand. */
static int dial(struct world *world)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(gossip_net_port(world->server.net)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(world->bad_count < BAD_PEERS_MAX);
	world->bad[world->bad_count++] = fd;
	return fd;
}

static void reset(struct world *world)
{
	struct linger linger = { .l_onoff = 1 };
	int fd = world->bad[--world->bad_count];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}

/* Stops early if the other side closed. */
static void say(struct world *world, int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		turn(world);
		if (sent < 0 && errno != EAGAIN)
			return;
		if (sent > 0) {
			bytes += sent;
			size -= (size_t)sent;
		}
	}
}

/* Reads until the other side closes. */
static size_t hear_all(struct world *world, int fd, char *heard, size_t capacity)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;
	size_t size = 0;

	for (;;) {
		ssize_t got = recv(fd, heard + size, capacity - size, MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			return size;
		if (got > 0)
			size += (size_t)got;
		assert_true(size < capacity);
		assert_true(now_ms() < until_ms);
		turn(world);
	}
}

/* Another connection exchanges as it should, both ways. */
static void exchange_well_with(struct world *world, const char *address)
{
	uint32_t before = world->client.over_count, merged = world->server.merge_count;

	world->client.asked_neighbour = 0;
	assert_int_equal(gossip_net_exchange(world->client.net, 7, address,
				 gossip_net_port(world->server.net), TYPE),
		0);
	/* What we say is written when the peer is there, and not before. */
	assert_int_equal(world->client.over_count, before);
	assert_int_equal(world->client.asked_neighbour, 0);
	RUN_UNTIL(world, world->client.over_count > before);
	assert_string_equal(world->client.why, "done");
	assert_int_equal(world->client.over_count, before + 1);
	assert_int_equal(world->client.ok_count, world->client.over_count);
	assert_int_equal(world->client.over_neighbour, 7);
	assert_int_equal(world->client.neighbour_seen, 7);
	assert_int_equal(world->client.asked_neighbour, 7);
	assert_true(world->server.merge_count > merged);
	assert_int_equal(world->server.neighbour_seen, UINT32_MAX);
	assert_false(world->server.remote_seen);
	assert_true(world->client.rtt_ms >= 1);
	assert_true(world->server.rtt_ms >= 1);
	assert_true(world->client.store.entry_count >= 2);
	assert_true(world->server.store.entry_count >= 2);
}

static void exchange_well(struct world *world)
{
	exchange_well_with(world, "127.0.0.1");
}

/* ---- What strangers do (the names say it), while somebody else is served ------------------- */

enum after {
	STAYS = 0, /* keeps the connection, and is closed at the deadline */
	IS_CLOSED, /* by the server, at once */
	RESETS,    /* in the midst of it */
	HALF_CLOSES,
};

static const struct peer_case {
	const char *name;
	const char *says;
	size_t says_size;
	enum after after;
	const char *hears;
	size_t hears_size;
} peer_cases[] = {
	{ "stays silent", BYTES(""), STAYS, BYTES("") },
	{ "stops in the version", BYTES("\0\0"), STAYS, BYTES("") },
	{ "stops after the version", BYTES(V), STAYS, BYTES(V) },
	{ "stops after the echo", BYTES(V V), STAYS, BYTES(V) },
	{ "stops in the name", BYTES(V V "\x11mesh"), STAYS, BYTES(V) },
	{ "holds a truncated message open", BYTES(V V NAME "\0\0\1\0{\"stateSl"), STAYS, BYTES(V) },
	{ "closes before the version", BYTES(""), HALF_CLOSES, BYTES("") },
	{ "closes after the version", BYTES(V), HALF_CLOSES, BYTES(V) },
	{ "wrong version", BYTES("\0\0\0\2"), IS_CLOSED, BYTES("") },
	{ "garbage", BYTES("\xfa\xce\x8d\x00\xff\x01\x02\x03"), IS_CLOSED, BYTES("") },
	{ "HTTP request", BYTES("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"), IS_CLOSED,
		BYTES("") },
	{ "garbage after the versions", BYTES(V V "\xff\xfe\xfd\xfc\xfb"), IS_CLOSED, BYTES(V) },
	{ "data length 0", BYTES(V V NAME "\0\0\0\0"), IS_CLOSED, BYTES(V) },
	{ "data length 1", BYTES(V V NAME "\0\0\0\1x"), IS_CLOSED, BYTES(V) },
	{ "data length above 1 MiB", BYTES(V V NAME "\0\x10\0\1"), IS_CLOSED, BYTES(V) },
	{ "name length 0", BYTES(V V "\0"), IS_CLOSED, BYTES(V) },
	{ "name length above 128", BYTES(V V "\x81"), IS_CLOSED, BYTES(V) },
	{ "unknown type", BYTES(V V "\x05weird\0\0\0\2{}"), IS_CLOSED, BYTES(V "\0\0\0\x0c") },
	{ "resets at once", BYTES(""), RESETS, BYTES("") },
	{ "resets after the version", BYTES(V), RESETS, BYTES("") },
	{ "resets in the message", BYTES(V V NAME "\0\0\1\0{\"state"), RESETS, BYTES("") },
	{ "resets instead of acknowledging", BYTES(V V NAME "\0\0\0\2{}"), RESETS, BYTES("") },
};

static void test_peer(void **state)
{
	struct world *world = *state;
	const struct peer_case *c = world->row;
	char heard[256];
	int fd;

	gossip_net_set_deadline(
		world->server.net, c->after == STAYS ? 4 * SHORT_DEADLINE_MS : LONG_DEADLINE_MS);
	fd = dial(world);
	RUN_UNTIL(world, gossip_net_counts(world->server.net)->accepted == 1);
	gossip_net_set_deadline(world->server.net, LONG_DEADLINE_MS);
	/* Byte by byte, so that the server has its turn before the peer gets to the bad one. */
	for (size_t i = 0; i < c->says_size; i++)
		say(world, fd, c->says + i, 1);
	if (c->after == RESETS)
		reset(world);
	else if (c->after == HALF_CLOSES)
		shutdown(fd, SHUT_WR);
	exchange_well(world);
	if (c->after == RESETS)
		return;
	assert_int_equal(hear_all(world, fd, heard, sizeof(heard)), c->hears_size);
	assert_memory_equal(heard, c->hears, c->hears_size);
	exchange_well(world);
}

/* What the server hears of a peer that says all this, with `data` as its message's data. */
static int say_message(struct world *world, const char *data, size_t size, size_t announced)
{
	int fd = dial(world);
	uint8_t length[4];

	bytes_put_u32be(length, (uint32_t)announced);
	say(world, fd, BYTES(V V NAME));
	say(world, fd, (const char *)length, 4);
	say(world, fd, data, size);
	return fd;
}

/* Version and acknowledgement of a message with so much data. */
static void assert_acknowledged(const char *heard, size_t data_size)
{
	uint8_t ack[4];

	bytes_put_u32be(ack, (uint32_t)(1 + strlen(TYPE) + 4 + data_size));
	assert_memory_equal(heard, V, 4);
	assert_memory_equal(heard + 4, ack, 4);
}

static void test_a_peer_that_never_acknowledges(void **state)
{
	struct world *world = *state;
	char heard[4096];
	int fd;

	gossip_net_set_deadline(world->server.net, 4 * SHORT_DEADLINE_MS);
	fd = say_message(world, BYTES(EMPTY), sizeof(EMPTY) - 1);
	gossip_net_set_deadline(world->server.net, LONG_DEADLINE_MS);
	exchange_well(world);
	assert_true(hear_all(world, fd, heard, sizeof(heard)) > 30);
	assert_acknowledged(heard, sizeof(EMPTY) - 1);
	exchange_well(world);
}

/* Its answer to our version comes with its own version: that was no round trip. */
static void test_a_peer_that_does_not_wait(void **state)
{
	static const char message[] = V V NAME "\0\0\0\x11" EMPTY;
	struct world *world = *state;
	int fd = dial(world);

	say(world, fd, BYTES(message));
	RUN_UNTIL(world, world->server.merge_count > 0);
	assert_int_equal(world->server.rtt_ms, 1);
	exchange_well(world);
}

static void test_a_peer_that_half_closes_in_its_data(void **state)
{
	static const char data[] = "{\"stateSlice\":[{\"key\":\"half\",\"value\":{\"mAuthor\":\"\","
				   "\"mTtl\":5,\"mData\":1}}]}";
	struct world *world = *state;
	char heard[4096];
	int fd = say_message(world, data, sizeof(data) - 1, 1000);

	shutdown(fd, SHUT_WR);
	exchange_well(world);
	assert_true(hear_all(world, fd, heard, sizeof(heard)) > 30);
	assert_acknowledged(heard, sizeof(data) - 1);
	/* It was whole but for NULs, so it counts. */
	assert_int_equal(world->server.store.entry_count, 3);
}

static void test_half_a_million_brackets(void **state)
{
	enum { SIZE = 500000 };
	struct world *world = *state;
	char *brackets = malloc(SIZE), heard[4096];
	int fd;

	assert_non_null(brackets);
	memset(brackets, '[', SIZE);
	fd = say_message(world, brackets, SIZE, SIZE);
	exchange_well(world);
	say(world, fd, BYTES("\0\0\0\0")); /* a wrong acknowledgement, so that it ends */
	assert_true(hear_all(world, fd, heard, sizeof(heard)) > 30);
	assert_acknowledged(heard, SIZE);
	assert_int_equal(world->server.store.entry_count, 2);
	free(brackets);
}

static void test_a_reset_before_it_is_accepted(void **state)
{
	struct world *world = *state;

	/* The loop does not run in between. */
	for (int i = 0; i < 20; i++) {
		(void)dial(world);
		reset(world);
	}
	exchange_well(world);
	RUN_UNTIL(world, gossip_net_counts(world->server.net)->answered == 1);
}

static void test_sixty_that_wait(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 60; i++)
		(void)dial(world);
	exchange_well(world);
	assert_int_equal(gossip_net_counts(world->server.net)->displaced, 0);
}

static void test_more_that_wait_than_there_are_places(void **state)
{
	enum { WAITING = 100 };
	struct world *world = *state;
	char heard[16];

	for (uint32_t i = 0; i < WAITING; i++) {
		(void)dial(world);
		RUN_UNTIL(world, gossip_net_counts(world->server.net)->accepted == i + 1);
	}
	exchange_well(world);
	/* The oldest had to go. */
	assert_int_equal(gossip_net_counts(world->server.net)->displaced,
		WAITING + 1 - LIMITS_GOSSIP_CONNECTIONS_MAX);
	assert_int_equal(hear_all(world, world->bad[0], heard, sizeof(heard)), 0);
	assert_int_equal(recv(world->bad[WAITING - 1], heard, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_unfinished_messages_are_bounded(void **state)
{
	enum { PEERS = 12, SIZE = 900000 };
	struct world *world = *state;
	char *blanks = malloc(SIZE);

	assert_non_null(blanks);
	memset(blanks, ' ', SIZE);
	for (int i = 0; i < PEERS; i++)
		(void)say_message(world, blanks, SIZE, SIZE + 1);
	exchange_well(world);
	assert_in_range(gossip_net_counts(world->server.net)->displaced,
		PEERS - LIMITS_GOSSIP_BUFFERED_MAX / SIZE, PEERS - 1);
	free(blanks);
}

static void test_the_largest_slice(void **state)
{
	struct world *world = *state;
	uint32_t before = world->client.over_count;

	for (size_t more = 0; more < 2; more++) {
		world->server.answer_size = LIMITS_SLICE_SIZE;
		world->client.answer_size = LIMITS_SLICE_SIZE + more;
		assert_int_equal(gossip_net_exchange(world->client.net, 7, "127.0.0.1",
					 gossip_net_port(world->server.net), TYPE),
			0);
		RUN_UNTIL(world, world->client.over_count > before + more);
		assert_string_equal(
			world->client.why, more ? "our state does not fit into a message" : "done");
	}
	world->client.answer_size = 0;
}

static void test_a_state_of_ours_that_is_too_large(void **state)
{
	struct world *world = *state;
	uint32_t before = world->client.over_count;

	world->server.answer_size = LIMITS_SLICE_SIZE + 1;
	assert_int_equal(gossip_net_exchange(world->client.net, 7, "127.0.0.1",
				 gossip_net_port(world->server.net), TYPE),
		0);
	RUN_UNTIL(world, world->client.over_count > before);
	assert_int_equal(world->client.ok_count, 0);
	/* What came is merged all the same. */
	assert_int_equal(world->server.merge_count, 1);
	world->server.answer_size = 0;
	world->client.ok_count = world->client.over_count;
	exchange_well(world);
}

static void test_out_of_descriptors(void **state)
{
	struct world *world = *state;
	struct rlimit before, none;
	uint32_t turns = 0;
	uint64_t until_ms;
	int lowest = dup(0);

	(void)dial(world);
	(void)dial(world);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	/* The listener is readable all the time, and yet the loop sleeps. */
	until_ms = now_ms() + 150;
	while (now_ms() < until_ms) {
		(void)event_base_loop(world->base, EVLOOP_ONCE);
		turns++;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(turns < 20);
	assert_int_equal(gossip_net_counts(world->server.net)->accepted, 0);
	exchange_well(world);
	assert_int_equal(gossip_net_counts(world->server.net)->accepted, 3);
}

static void test_ipv6(void **state)
{
	struct world *world = *state;
	struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool possible = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0;

	if (fd >= 0)
		close(fd);
	if (!possible)
		skip();
	exchange_well_with(world, "::1");
}

static void test_many_at_once(void **state)
{
	enum { EXCHANGES = 40 };
	struct world *world = *state;

	for (uint32_t i = 0; i < EXCHANGES; i++)
		assert_int_equal(gossip_net_exchange(world->client.net, i, "127.0.0.1",
					 gossip_net_port(world->server.net), TYPE),
			0);
	RUN_UNTIL(world, world->client.over_count == EXCHANGES);
	assert_int_equal(world->client.ok_count, EXCHANGES);
	assert_int_equal(gossip_net_counts(world->client.net)->completed, EXCHANGES);
}

/* ---- Servers that are played by hand ------------------------------------------------------- */

/* What a server says before it closes (or does not), and what we make of it. */
static const struct server_case {
	const char *name;
	const char *says;
	size_t says_size;
	bool closes;
	const char *why; /* NULL: nobody waits any longer */
} server_cases[] = {
	{ "server closes at once", BYTES(""), true, "the peer closed the connection too early" },
	{ "server with another version", BYTES("\0\0\0\2"), false,
		"the peer speaks another protocol" },
	{ "server that does not know the type", BYTES(V "\0\0\0\x27"), true,
		"the data type is not known there" },
	{ "server that acknowledges wrongly", BYTES(V "\0\0\0\x26"), false,
		"the peer acknowledged another number of bytes" },
	{ "server that announces too much", BYTES(V "\0\0\0\x27" NAME "\0\x10\0\1"), false,
		"the peer announced a length that cannot be" },
	{ "server that stays silent", BYTES(""), false, NULL },
	{ "server that stops in its message", BYTES(V "\0\0\0\x27" NAME "\0\0\1\0{"), false, NULL },
	{ "server that half-closes in its data", BYTES(V "\0\0\0\x27" NAME "\0\0\1\0{"), true,
		"done" },
	{ "server that answers another type", BYTES(V "\0\0\0\x27\x05weird\0\0\0\2{}"), false,
		"done" },
};

static int listen_by_hand(uint16_t *port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(here);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
	*port = ntohs(here.sin_port);
	return fd;
}

static void test_server(void **state)
{
	struct world *world = *state;
	const struct server_case *c = world->row;
	const char *why = c->why != NULL ? c->why : strerror(ETIMEDOUT);
	uint16_t port;
	int listener = listen_by_hand(&port), fd;

	world->client.says = EMPTY;
	if (c->why == NULL)
		gossip_net_set_deadline(world->client.net, SHORT_DEADLINE_MS);
	assert_int_equal(gossip_net_exchange(world->client.net, 3, "127.0.0.1", port, TYPE), 0);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	world->bad[world->bad_count++] = fd;
	say(world, fd, c->says, c->says_size);
	if (c->closes)
		shutdown(fd, SHUT_WR);
	RUN_UNTIL(world, world->client.over_count > 0);
	assert_string_equal(world->client.why, why);
	assert_int_equal(world->client.over_count, 1);
	assert_int_equal(world->client.ok_count, strcmp(why, "done") == 0);
	assert_int_equal(world->client.over_neighbour, 3);
	close(listener);
	gossip_net_set_deadline(world->client.net, LONG_DEADLINE_MS);
	world->client.says = NULL;
	world->client.ok_count = 1;
	exchange_well(world);
}

static void test_nobody_listens(void **state)
{
	struct world *world = *state;
	uint16_t port;

	close(listen_by_hand(&port));
	/* Some kernels say so at once. */
	if (gossip_net_exchange(world->client.net, 1, "127.0.0.1", port, TYPE) == 0) {
		RUN_UNTIL(world, world->client.over_count == 1);
		assert_string_equal(world->client.why, strerror(ECONNREFUSED));
		assert_int_equal(world->client.ok_count, 0);
	}
}

static void test_addresses_that_are_none(void **state)
{
	static const char *const addresses[] = { "", "localhost", "10.0.0.1:3490", " 127.0.0.1",
		"fe80::1%nosuchlink", "127.0.0.1\n", "::g" };
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(addresses); i++)
		assert_true(
			gossip_net_exchange(world->client.net, 1, addresses[i], 3490, TYPE) < 0);
	for (int i = 0; i < 20; i++)
		turn(world);
	assert_int_equal(world->client.over_count, 0);
}

static void test_outgoing_exchanges_are_bounded(void **state)
{
	enum { LARGE = LIMITS_GOSSIP_BUFFERED_MAX / LIMITS_SLICE_SIZE + 2 };
	struct world *world = *state;
	uint16_t port;
	int listener = listen_by_hand(&port), error = 0;
	uint32_t count = 0;

	/* Who writes more than what there is room for makes room. */
	world->client.answer_size = LIMITS_SLICE_SIZE;
	for (; count < LARGE; count++) {
		assert_int_equal(
			gossip_net_exchange(world->client.net, count, "127.0.0.1", port, TYPE), 0);
		world->bad[world->bad_count] = accept(listener, NULL, NULL);
		assert_true(world->bad[world->bad_count++] >= 0);
	}
	for (int i = 0; i < 20; i++)
		turn(world);
	for (uint32_t i = 0; i < LARGE; i++)
		assert_int_equal(send(world->bad[i], "\0\0\0\1", 4, 0), 4);
	RUN_UNTIL(world, world->client.over_count > 0);
	assert_string_equal(world->client.why, strerror(ENOBUFS));
	for (count -= world->client.over_count; error == 0 && count < 1000;)
		if ((error = gossip_net_exchange(
			     world->client.net, count, "127.0.0.1", port, TYPE)) == 0)
			count++;
	assert_int_equal(error, -ENOBUFS);
	assert_in_range(count, 1, GOSSIP_NET_OUTGOING_MAX);
	close(listener);
}

static void test_a_port_that_is_taken(void **state)
{
	struct world *world = *state;

	assert_int_equal(
		gossip_net_listen(world->client.net, "::", gossip_net_port(world->server.net)),
		-EADDRINUSE);
	assert_int_equal(gossip_net_listen(world->client.net, "nonsense", 0), -EINVAL);
	assert_int_equal(gossip_net_port(world->client.net), 0);
}

static void test_who_is_local(void **state)
{
	static const struct {
		const char *address;
		bool local;
	} rows[] = { { "::1", true }, { "::ffff:127.0.0.1", true }, { "::ffff:127.9.9.9", true },
		{ "::ffff:10.0.0.1", false }, { "fe80::1", false }, { "::", false },
		{ "::127.0.0.1", false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

		assert_int_equal(inet_pton(AF_INET6, rows[i].address, &address.sin6_addr), 1);
		assert_int_equal(gossip_net_is_local((struct sockaddr *)&address), rows[i].local);
	}
	for (uint32_t i = 126; i <= 128; i++) {
		struct sockaddr_in address = { .sin_family = AF_INET,
			.sin_addr = { htonl(i << 24 | 1) } };

		assert_int_equal(gossip_net_is_local((struct sockaddr *)&address), i == 127);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

static void add(struct CMUnitTest *test, const char *name, CMUnitTestFunction run, const void *row)
{
	*test = (struct CMUnitTest){ .name = name,
		.test_func = run,
		.setup_func = open_world,
		.teardown_func = close_world,
		.initial_state = (void *)(uintptr_t)row };
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		TEST(test_a_peer_that_never_acknowledges),
		TEST(test_a_peer_that_does_not_wait),
		TEST(test_a_peer_that_half_closes_in_its_data),
		TEST(test_half_a_million_brackets),
		TEST(test_a_reset_before_it_is_accepted),
		TEST(test_sixty_that_wait),
		TEST(test_more_that_wait_than_there_are_places),
		TEST(test_unfinished_messages_are_bounded),
		TEST(test_the_largest_slice),
		TEST(test_a_state_of_ours_that_is_too_large),
		TEST(test_out_of_descriptors),
		TEST(test_ipv6),
		TEST(test_many_at_once),
		TEST(test_nobody_listens),
		TEST(test_addresses_that_are_none),
		TEST(test_outgoing_exchanges_are_bounded),
		TEST(test_a_port_that_is_taken),
		TEST(test_who_is_local),
	};
	static struct CMUnitTest tests[COUNT(single) + COUNT(peer_cases) + COUNT(server_cases)];
	size_t count = COUNT(single);

	memcpy(tests, single, sizeof(single));
	for (size_t i = 0; i < COUNT(peer_cases); i++)
		add(&tests[count++], peer_cases[i].name, test_peer, &peer_cases[i]);
	for (size_t i = 0; i < COUNT(server_cases); i++)
		add(&tests[count++], server_cases[i].name, test_server, &server_cases[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
