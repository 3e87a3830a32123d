// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: whole hello datagrams, the address they come from, and when they come; and a
 * discover program prints what the mesh's routing told it. The door to this is a socket that is
 * bound to an interface, which no fuzzer can have, so the file is taken in whole, with other calls
 * in the place of those that reach for the network, the clock and the program. The first byte of a
 * line says what happens:
 *
 *   d…  the discover program prints this, ';' for a new line; D… and fails
 *   h…  a hello; magic, mesh and the name's size are filled in: the name ends before the first byte
 *       below '-', the offer follows. g… the same as it is
 *   gX  the first byte, like that of h, is the last of the address it comes from; 255 is of another
 *       interface, 254 of no link, 253 of no network
 *   wN  N tenths of a second pass, and the clock is looked at
 *   aN  N is odd: an upgrade is under way
 *
 * Any other first byte is as g.
 */
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common.h"
#include "faults.h"
#include "io/clock.h"
#include "io/command.h"
#include "io/neighbours.h"
#include "io/socket.h"
#include "io/timer.h"

/* What there is of the world; it gives what the input says. */
static struct {
	uint64_t now_ms;
	const uint8_t *datagram; /* the next */
	size_t datagram_size;
	struct sockaddr_in6 from;
	socklen_t from_size;
	uint32_t said; /* hellos of ours */
	const struct command_request *discover;
} world;

static ssize_t next_datagram(void *bytes, size_t size, struct sockaddr *from, socklen_t *from_size)
{
	size_t got = world.datagram_size < size ? world.datagram_size : size;

	if (world.datagram == NULL) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(bytes, world.datagram, got);
	memcpy(from, &world.from, sizeof(world.from));
	*from_size = world.from_size;
	world.datagram = NULL;
	return (ssize_t)got;
}

static ssize_t say_datagram(const void *bytes, size_t size)
{
	void *copy = fuzz_copy(bytes, size);

	free(copy);
	world.said++;
	return (ssize_t)size;
}

static struct command *begin_command(const struct command_request *request)
{
	static struct command_request kept;

	kept = *request;
	world.discover = &kept;
	/* Nobody looks into it. */
	return (struct command *)&kept;
}

#define recvfrom(fd, bytes, size, flags, from, from_size)                                          \
	((void)(fd), next_datagram(bytes, size, from, from_size))
#define sendto(fd, bytes, size, flags, to, to_size) ((void)(to), say_datagram(bytes, size))
#define setsockopt(fd, level, option, value, size) ((void)(value), 0)
#define if_nametoindex(name) ((name)[0] == 'l' ? 1u : 0u)
#define socket_bind(address, size, type, only_v6) ((void)(address), socket(AF_UNIX, type, 0))
#define clock_now_ms() (world.now_ms)
#define command_run(base, request) begin_command(request)
#define command_cancel(command) ((void)(command), world.discover = NULL)

#include "io/neighbours.c" /* NOLINT: see above */

static bool up[LIMITS_NEIGHBOURS_MAX];

static void on_up(void *context, uint32_t number, const struct neighbours_hello *hello)
{
	(void)context;
	assert(number < LIMITS_NEIGHBOURS_MAX);
	/* The agent takes it for a name. */
	up[number] = true;
	if (hello == NULL)
		return;
	assert(text_is_name(hello->name));
	assert(hello->offer_size <= NEIGHBOURS_OFFER_MAX + LIMITS_NAME_SIZE);
	/* It lies within what was read. */
	free(fuzz_copy(hello->offer, hello->offer_size));
}

static void on_down(void *context, uint32_t number)
{
	(void)context;
	assert(number < LIMITS_NEIGHBOURS_MAX && up[number]);
	up[number] = false;
}

static size_t on_tell(void *context, uint64_t *digest, uint8_t offer[NEIGHBOURS_OFFER_MAX])
{
	(void)context;
	*digest = 7;
	memset(offer, 7, NEIGHBOURS_OFFER_MAX);
	return NEIGHBOURS_OFFER_MAX;
}

static void hear(struct neighbours *neighbours, const uint8_t *bytes, size_t size, bool framed)
{
	struct hello hello;
	uint8_t *exact;

	world.from = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_scope_id = 1 };
	world.from.sin6_addr.s6_addr[0] = 0xfe;
	world.from.sin6_addr.s6_addr[1] = 0x80;
	world.from_size = sizeof(world.from);
	if (size > 0) {
		world.from.sin6_addr.s6_addr[15] = bytes[0] % 40;
		world.from.sin6_scope_id = bytes[0] == 255 ? 2 : 1;
		world.from.sin6_addr.s6_addr[1] = bytes[0] == 254 ? 0 : 0x80;
		world.from.sin6_family = bytes[0] == 253 ? AF_UNSPEC : AF_INET6;
		bytes++;
		size--;
	}
	exact = fuzz_copy(bytes, size);
	if (framed) {
		memset(&hello, 0, sizeof(hello));
		if (size > sizeof(hello))
			size = sizeof(hello);
		memcpy(&hello, bytes, size);
		memcpy(hello.magic, magic, sizeof(hello.magic));
		memcpy(hello.mesh_hash, neighbours->mesh_hash, sizeof(hello.mesh_hash));
		/* The name ends at the first byte that can be in none; the offer follows. */
		while (offsetof(struct hello, rest) + hello.name_size < size &&
			hello.rest[hello.name_size] >= '-')
			hello.name_size++;
	}
	world.datagram = framed ? (const uint8_t *)&hello : exact;
	world.datagram_size = size;
	faults_on();
	on_readable(neighbours->fd, EV_READ, neighbours);
	faults_off();
	free(exact);
}

static void discover(struct neighbours *neighbours, const uint8_t *bytes, size_t size, int status)
{
	char *output = fuzz_string(bytes, size);

	for (char *at = output; *at != '\0'; at++)
		*at = *at == ';' ? '\n' : *at;
	/* Also when nobody asked, as at the end of a deadline. */
	on_discovered(neighbours, status, output, size);
	world.discover = NULL;
	free(output);
}

static void take_line(struct neighbours *neighbours, const uint8_t *line, size_t size)
{
	const uint8_t *rest = line + 1;

	switch (line[0]) {
	case 'd':
	case 'D':
		discover(neighbours, rest, size - 1, line[0] == 'D');
		break;
	case 'w':
		world.now_ms += 100u * (size > 1 ? rest[0] : 0u);
		on_timer(-1, EV_TIMEOUT, neighbours);
		break;
	case 'a':
		neighbours_set_active(neighbours, size > 1 && rest[0] % 2 == 1);
		break;
	default:
		hear(neighbours, rest, size - 1, line[0] == 'h');
		break;
	}
}

static struct neighbours *make(struct event_base *base)
{
	const struct neighbours_callbacks callbacks = { on_up, on_down, on_tell, NULL };
	struct neighbours_setup *setup = calloc(1, sizeof(*setup));
	struct neighbours *neighbours;

	assert(setup != NULL);
	setup->name = FUZZ_NAME;
	setup->mesh = FUZZ_MESH;
	setup->http_port = 8430;
	setup->gossip_port = 3490;
	setup->discover = "/discover";
	setup->interface_count = 2;
	text_set(setup->interfaces[0], sizeof(setup->interfaces[0]), "lo");
	text_set(setup->interfaces[1], sizeof(setup->interfaces[1]), "gone");
	setup->address_count = 1;
	text_set(setup->addresses[0], sizeof(setup->addresses[0]), "10.0.0.9");
	faults_on();
	neighbours = neighbours_new(base, setup, &callbacks);
	faults_off();
	assert(neighbours != NULL || faults_happened());
	free(setup);
	return neighbours;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct event_base *base = timer_new_base();
	struct neighbours *neighbours;

	faults_plan(&bytes, &size);
	assert(base != NULL);
	memset(up, 0, sizeof(up));
	memset(&world, 0, sizeof(world));
	world.now_ms = 10000;
	neighbours = make(base);
	if (neighbours != NULL)
		on_timer(-1, EV_TIMEOUT, neighbours);
	while (neighbours != NULL && size > 0) {
		const uint8_t *end = memchr(bytes, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - bytes) : size;

		if (line_size > 0)
			take_line(neighbours, bytes, line_size);
		line_size += end != NULL;
		bytes += line_size;
		size -= line_size;
	}
	for (uint32_t i = 0; neighbours != NULL && i < LIMITS_NEIGHBOURS_MAX; i++) {
		const struct neighbour_address *address = neighbours_address(neighbours, i);

		assert((address != NULL) == up[i]);
		assert(address == NULL || neighbours_find(neighbours, address->host) == i);
	}
	neighbours_free(neighbours);
	event_base_free(base);
	return 0;
}
