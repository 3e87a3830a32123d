// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "io/files.h"
#include "io/neighbours.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HEAD_SIZE 26
#define DIGEST UINT64_C(0x0123456789abcdef)

enum {
	PORT = 18430, /* in a network of our own, where every port is free */
	PATIENCE_S = 60,
	UPS_MAX = 64,
};

static bool alone; /* in a network of our own; without that nothing can be sent here */

static struct in6_addr address_of(const char *text)
{
	struct in6_addr address;

	assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
	return address;
}

static struct sockaddr_in6 socket_address(const char *host)
{
	return (struct sockaddr_in6){ .sin6_family = AF_INET6,
		.sin6_addr = address_of(host),
		.sin6_scope_id = host[0] == ':' ? 0 : 1 };
}

static int bind_to(const char *host)
{
	struct sockaddr_in6 address = socket_address(host);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Whoever may make a network only as root of a namespace of his own has to be called so there. */
static bool unshare_network(void)
{
	uid_t user = geteuid();
	FILE *map;
	bool done;

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	map = fopen("/proc/self/uid_map", "w");
	if (map == NULL)
		return false;
	done = fprintf(map, "0 %u 1", (unsigned)user) > 0;
	return fclose(map) == 0 && done;
}

/* The kernel first looks whether anybody else has the address. */
static bool becomes_ours(const char *host)
{
	int fd = -1;

	for (int i = 0; fd < 0 && i < PATIENCE_S * 100; i++) {
		fd = bind_to(host);
		usleep(10000);
	}
	return close(fd) == 0;
}

/* A network with nothing but lo, which gets two link-local addresses. By iproute2: an emulator does
 * not know every ioctl. */
static int make_network(void **state)
{
	static const char commands[] = "ip link set lo up && "
				       "ip address add fe80::1/64 dev lo && "
				       "ip address add fe80::2/64 dev lo";

	(void)state;
	alone = unshare_network() && system(commands) == 0 && becomes_ours("fe80::1") &&
		becomes_ours("fe80::2");
	return 0;
}

/* Somebody who listens to one `struct neighbours`. */
struct watch {
	struct event_base *base;
	struct neighbours_setup setup;
	struct neighbours *neighbours;
	uint32_t hellos; /* written */
	uint32_t ups;
	uint32_t wanted; /* ups that end the loop */
	uint32_t number;
	char name[LIMITS_NAME_SIZE + 1];
	bool has_digest;
	uint64_t digest;
	uint8_t offer[NEIGHBOURS_OFFER_MAX];
	size_t offer_size;
};

static void on_up(void *context, uint32_t number, const struct neighbours_hello *hello)
{
	struct watch *watch = context;

	watch->ups++;
	watch->number = number;
	snprintf(watch->name, sizeof(watch->name), "%s", hello != NULL ? hello->name : "");
	watch->has_digest = hello != NULL;
	watch->digest = hello != NULL ? hello->digest : 0;
	watch->offer_size = hello != NULL ? hello->offer_size : 0;
	if (watch->offer_size > 0)
		memcpy(watch->offer, hello->offer, hello->offer_size);
	if (watch->ups >= watch->wanted)
		(void)event_base_loopbreak(watch->base);
}

static void on_down(void *context, uint32_t number)
{
	(void)context;
	fail_msg("neighbour %u is gone", number);
}

static size_t on_tell(void *context, uint64_t *digest, uint8_t offer[NEIGHBOURS_OFFER_MAX])
{
	struct watch *watch = context;

	watch->hellos++;
	if (watch->wanted == 0)
		(void)event_base_loopbreak(watch->base);
	*digest = DIGEST;
	memset(offer, 0x5a, NEIGHBOURS_OFFER_MAX);
	return NEIGHBOURS_OFFER_MAX;
}

static void start(struct watch *watch, const char *name)
{
	struct neighbours_callbacks callbacks = { on_up, on_down, on_tell, watch };

	watch->base = event_base_new();
	watch->setup.name = name;
	watch->setup.mesh = "demo";
	watch->setup.http_port = PORT;
	watch->setup.gossip_port = PORT + 1;
	if (watch->setup.discover == NULL)
		watch->setup.discover = "";
	watch->neighbours = neighbours_new(watch->base, &watch->setup, &callbacks);
	assert_non_null(watch->neighbours);
	assert_int_equal(watch->ups, 0);
}

static void stop(struct watch *watch)
{
	neighbours_free(watch->neighbours);
	event_base_free(watch->base);
}

/* With hellos on lo; the first one is written when this returns. */
static void start_on_lo(struct watch *watch, const char *name)
{
	watch->setup.interface_count = 1;
	memcpy(watch->setup.interfaces[0], "lo", 3);
	start(watch, name);
	assert_int_not_equal(event_base_dispatch(watch->base), -1);
	assert_true(watch->hellos > 0);
}

/* Until so many were up. */
static void wait_for(struct watch *watch, uint32_t ups)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	watch->wanted = ups;
	assert_int_equal(event_base_loopexit(watch->base, &patience), 0);
	while (watch->ups < ups && !event_base_got_exit(watch->base))
		assert_int_not_equal(event_base_dispatch(watch->base), -1);
	assert_int_equal(watch->ups, ups);
}

static void send_from(const char *from, const uint8_t *bytes, size_t size)
{
	struct sockaddr_in6 to = socket_address(from);
	int fd = bind_to(from);

	assert_true(fd >= 0);
	to.sin6_port = htons(PORT);
	assert_int_equal(sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof(to)), size);
	close(fd);
}

/* As the header describes it, byte by byte. */
static size_t write_hello(uint8_t hello[128], const char *mesh, const char *name)
{
	static const uint8_t head[] = { 'L', 'O', 'C', 'K', 'S', 'T', 'E', 'P', 1, 0x20, 0xee, 0x0d,
		0xa2, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
	uint8_t hash[BYTES_HASH_SIZE];

	bytes_sha256(hash, mesh, strlen(mesh));
	memcpy(hello, head, sizeof(head));
	memcpy(hello + 21, hash, 4);
	hello[25] = (uint8_t)strlen(name);
	memcpy(hello + HEAD_SIZE, name, strlen(name));
	return HEAD_SIZE + strlen(name);
}

static void test_a_hello_says_whom_to_ask(void **state)
{
	struct watch watch = { 0 };
	const struct neighbour_address *address;
	uint8_t hello[128];
	size_t size = write_hello(hello, "demo", "beta");
	uint32_t number;

	(void)state;
	if (!alone)
		skip();
	start_on_lo(&watch, "alpha");
	send_from("fe80::2", hello, size);
	wait_for(&watch, 1);
	assert_string_equal(watch.name, "beta");
	assert_true(watch.has_digest && watch.digest == UINT64_C(0xfedcba9876543210));
	number = watch.number;
	assert_int_equal(neighbours_find(watch.neighbours, "fe80::2%lo"), number);
	address = neighbours_address(watch.neighbours, number);
	assert_string_equal(address->host, "fe80::2%lo");
	assert_int_equal(address->http_port, 8430);
	assert_int_equal(address->gossip_port, 3490);
	/* Heard again it keeps its number, and what it says now counts. */
	hello[10] = 0xef;
	hello[20] = 0x11;
	send_from("fe80::2", hello, size);
	wait_for(&watch, 2);
	assert_int_equal(watch.number, number);
	assert_true(watch.digest == UINT64_C(0xfedcba9876543211));
	assert_int_equal(neighbours_address(watch.neighbours, number)->http_port, 8431);
	assert_null(neighbours_address(watch.neighbours, number + 1));
	assert_null(neighbours_address(watch.neighbours, UINT32_MAX));
	stop(&watch);
}

static void test_a_hello_carries_an_offer(void **state)
{
	struct watch watch = { 0 };
	uint8_t hello[HEAD_SIZE + LIMITS_NAME_SIZE + NEIGHBOURS_OFFER_MAX];
	char name[LIMITS_NAME_SIZE + 1] = { 0 };
	size_t size;

	(void)state;
	if (!alone)
		skip();
	start_on_lo(&watch, "alpha");
	size = write_hello(hello, "demo", "beta");
	send_from("fe80::2", hello, size);
	wait_for(&watch, 1);
	assert_int_equal(watch.offer_size, 0);
	/* The longest name, and the most that may come after it. */
	memset(name, 'n', LIMITS_NAME_SIZE);
	size = write_hello(hello, "demo", name);
	for (size_t i = 0; i < NEIGHBOURS_OFFER_MAX; i++)
		hello[size + i] = (uint8_t)i;
	send_from("fe80::2", hello, size + NEIGHBOURS_OFFER_MAX);
	wait_for(&watch, 2);
	assert_string_equal(watch.name, name);
	assert_int_equal(watch.offer_size, NEIGHBOURS_OFFER_MAX);
	assert_memory_equal(watch.offer, hello + size, NEIGHBOURS_OFFER_MAX);
	stop(&watch);
}

/* A sound hello of `name` with one byte changed, or cut or lengthened. */
static struct packet_case {
	const char *name;
	const char *mesh;
	const char *from;
	const char *says;
	size_t at; /* of the byte that is changed; SIZE_MAX for none */
	uint8_t byte;
	int longer;
} packet_cases[] = {
	{ "packet: empty", "demo", "fe80::2", "", SIZE_MAX, 0, -26 },
	{ "packet: head cut", "demo", "fe80::2", "", SIZE_MAX, 0, -1 },
	{ "packet: no name", "demo", "fe80::2", "", SIZE_MAX, 0, 0 },
	{ "packet: name cut", "demo", "fe80::2", "gamma", SIZE_MAX, 0, -1 },
	{ "packet: name said to be longer", "demo", "fe80::2", "gamma", 25, 6, 0 },
	{ "packet: other magic", "demo", "fe80::2", "gamma", 0, 'l', 0 },
	{ "packet: version 2", "demo", "fe80::2", "gamma", 8, 2, 0 },
	{ "packet: another mesh", "emod", "fe80::2", "gamma", SIZE_MAX, 0, 0 },
	{ "packet: our own", "demo", "fe80::2", "alpha", SIZE_MAX, 0, 0 },
	{ "packet: name leads elsewhere", "demo", "fe80::2", "../gamma", SIZE_MAX, 0, 0 },
	{ "packet: name with NUL", "demo", "fe80::2", "gamma", 28, 0, 0 },
	{ "packet: from further away", "demo", "::1", "gamma", SIZE_MAX, 0, 0 },
};

static void test_packet(void **state)
{
	const struct packet_case *c = *state;
	struct watch watch = { 0 };
	uint8_t hello[256] = { 0 };
	size_t size = write_hello(hello, c->mesh, c->says);

	if (!alone)
		skip();
	start_on_lo(&watch, "alpha");
	if (c->at != SIZE_MAX)
		hello[c->at] = c->byte;
	send_from(c->from, hello, (size_t)((int)size + c->longer));
	/* When the next one is heard, this one was read too. */
	size = write_hello(hello, "demo", "beta");
	send_from("fe80::1", hello, size);
	wait_for(&watch, 1);
	assert_string_equal(watch.name, "beta");
	assert_int_equal(neighbours_find(watch.neighbours, "fe80::1%lo"), watch.number);
	assert_int_equal(neighbours_find(watch.neighbours, "fe80::2%lo"), UINT32_MAX);
	stop(&watch);
}

static void test_the_list_is_announced_from_the_loop(void **state)
{
	struct watch watch = { 0 };

	(void)state;
	watch.setup.address_count = 3;
	memcpy(watch.setup.addresses[0], "10.0.0.1", 9);
	memcpy(watch.setup.addresses[1], "fd00::2", 8);
	memcpy(watch.setup.addresses[2], "10.0.0.1", 9);
	start(&watch, "alpha");
	assert_int_equal(neighbours_find(watch.neighbours, "10.0.0.1"), UINT32_MAX);
	wait_for(&watch, 3);
	assert_string_equal(watch.name, "");
	assert_false(watch.has_digest);
	/* What is there twice is one neighbour. */
	assert_int_equal(watch.number, neighbours_find(watch.neighbours, "10.0.0.1"));
	assert_int_not_equal(watch.number, neighbours_find(watch.neighbours, "fd00::2"));
	assert_int_equal(neighbours_address(watch.neighbours, watch.number)->http_port, PORT);
	stop(&watch);
}

/* When every place is taken, a stranger is not heard, and nobody has to go for him. */
static void test_a_full_house(void **state)
{
	struct watch watch = { .wanted = LIMITS_NEIGHBOURS_MAX };
	uint8_t hello[128];

	(void)state;
	if (!alone)
		skip();
	watch.setup.address_count = LIMITS_NEIGHBOURS_MAX;
	for (int i = 0; i < LIMITS_NEIGHBOURS_MAX; i++)
		snprintf(watch.setup.addresses[i], LIMITS_ADDRESS_SIZE, "fd00::%d", i);
	memcpy(watch.setup.addresses[7], "fe80::1%lo", 11);
	start_on_lo(&watch, "alpha");
	wait_for(&watch, LIMITS_NEIGHBOURS_MAX);
	send_from("fe80::2", hello, write_hello(hello, "demo", "gamma"));
	send_from("fe80::1", hello, write_hello(hello, "demo", "beta"));
	wait_for(&watch, LIMITS_NEIGHBOURS_MAX + 1);
	assert_string_equal(watch.name, "beta");
	assert_int_equal(watch.number, 7);
	assert_int_equal(neighbours_find(watch.neighbours, "fe80::2%lo"), UINT32_MAX);
	stop(&watch);
}

static void test_discover(void **state)
{
	static const char script[] =
		"#!/bin/sh\nprintf '10.0.0.1\\n\\nnot an address\\n10.0.0.2 \\n10.0.0.3%%eth0\\n"
		"fe80::5%%eth0\\n/etc/passwd\\nfd00::6'\n";
	char path[] = TESTS_BINARY_DIR "/test_neighbours.discover";
	struct watch watch = { 0 };

	(void)state;
	assert_int_equal(files_write(path, script, sizeof(script) - 1, 0755), 0);
	watch.setup.discover = path;
	start(&watch, "alpha");
	wait_for(&watch, 3);
	assert_int_not_equal(neighbours_find(watch.neighbours, "10.0.0.1"), UINT32_MAX);
	assert_int_not_equal(neighbours_find(watch.neighbours, "fe80::5%eth0"), UINT32_MAX);
	assert_int_equal(neighbours_find(watch.neighbours, "fd00::6"), watch.number);
	stop(&watch);
	assert_int_equal(unlink(path), 0);
}

static void test_activity_is_told_at_once(void **state)
{
	struct watch watch = { 0 };
	uint32_t hellos;

	(void)state;
	if (!alone)
		skip();
	start_on_lo(&watch, "alpha");
	hellos = watch.hellos;
	neighbours_set_active(watch.neighbours, true);
	assert_int_not_equal(event_base_loop(watch.base, EVLOOP_NONBLOCK), -1);
	neighbours_set_active(watch.neighbours, true);
	assert_int_not_equal(event_base_loop(watch.base, EVLOOP_NONBLOCK), -1);
	assert_int_equal(watch.hellos, hellos + 1);
	stop(&watch);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_a_hello_says_whom_to_ask),
		cmocka_unit_test(test_a_hello_carries_an_offer),
		cmocka_unit_test(test_the_list_is_announced_from_the_loop),
		cmocka_unit_test(test_a_full_house),
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_activity_is_told_at_once),
	};
	static struct CMUnitTest tests[COUNT(packet_cases) + COUNT(others)];

	for (size_t i = 0; i < COUNT(packet_cases); i++)
		tests[i] = (struct CMUnitTest){ .name = packet_cases[i].name,
			.test_func = test_packet,
			.initial_state = &packet_cases[i] };
	memcpy(tests + COUNT(packet_cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, make_network, NULL);
}
