// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/neighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/bytes.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/command.h"
#include "io/socket.h"
#include "io/timer.h"

static const char magic[] = "LOCKSTEP\1"; /* with the version */

/* ff02::4c:6f63:6b */
static const struct in6_addr group = { { { 0xff, 2, [11] = 0x4c, 0x6f, 0x63, 0, 0x6b } } };

enum {
	HELLOS_A_TURN = 64,           /* read at most so many before others get their turn */
	DISCOVER_DEADLINE_MS = 25000, /* LibreMesh's pings one interface after the other */
	GREETINGS = 3,                /* hellos in quick succession at the start … */
	GREETING_MS = 500,
	ANSWER_PAUSE_MS = 250, /* … and one for everybody new, at most so often */
};

/* On the wire, see neighbours.h. */
struct hello {
	uint8_t magic[sizeof(magic) - 1];
	uint8_t http_port[2];
	uint8_t gossip_port[2];
	uint8_t digest[8];
	uint8_t mesh_hash[4];
	uint8_t name_size;
	uint8_t rest[LIMITS_NAME_SIZE + NEIGHBOURS_OFFER_MAX]; /* name and offer */
};

enum origin {
	ORIGIN_LIST = 1,
	ORIGIN_HELLO,
	ORIGIN_DISCOVER,
};

struct place {
	bool used;
	bool marked; /* discover: seen in this run */
	enum origin origin;
	uint64_t heard_ms;
	uint32_t interval_ms; /* that it seems to keep */
	struct neighbour_address address;
};

struct neighbours {
	struct neighbours_callbacks callbacks;
	struct event_base *base;
	struct event *timer, *readable;
	struct command *discover;
	int fd; /* -1: no interfaces */
	bool active;
	bool announced;
	uint16_t gossip_port; /* our own */
	uint32_t greetings;   /* said */
	uint64_t said_ms;     /* the last hello */
	uint64_t discover_ms;
	uint8_t mesh_hash[BYTES_HASH_SIZE];
	struct neighbours_setup setup;
	bool joined[NEIGHBOURS_INTERFACES_MAX];
	unsigned indexes[NEIGHBOURS_INTERFACES_MAX];
	struct place places[LIMITS_NEIGHBOURS_MAX];
};

const struct neighbour_address *neighbours_address(
	const struct neighbours *neighbours, uint32_t number)
{
	if (number >= LIMITS_NEIGHBOURS_MAX || !neighbours->places[number].used)
		return NULL;
	return &neighbours->places[number].address;
}

uint32_t neighbours_find(const struct neighbours *neighbours, const char *host)
{
	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++) {
		if (neighbours->places[i].used &&
			strcmp(neighbours->places[i].address.host, host) == 0)
			return i;
	}
	return UINT32_MAX;
}

static uint32_t take_place(struct neighbours *neighbours, const char *host, enum origin origin)
{
	uint32_t number = neighbours_find(neighbours, host);

	if (number != UINT32_MAX)
		return number;
	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++) {
		struct place *place = &neighbours->places[i];

		if (place->used)
			continue;
		memset(place, 0, sizeof(*place));
		place->used = true;
		place->origin = origin;
		place->interval_ms = NEIGHBOURS_HELLO_IDLE_MS;
		place->address.http_port = neighbours->setup.http_port;
		place->address.gossip_port = neighbours->setup.gossip_port;
		text_set(place->address.host, sizeof(place->address.host), host);
		return i;
	}
	return UINT32_MAX;
}

uint32_t neighbours_take(struct neighbours *neighbours, const char *host)
{
	return take_place(neighbours, host, ORIGIN_LIST);
}

void neighbours_set_gossip_port(struct neighbours *neighbours, uint16_t port)
{
	neighbours->gossip_port = port;
}

void neighbours_drop(struct neighbours *neighbours, uint32_t number)
{
	if (number >= LIMITS_NEIGHBOURS_MAX)
		return;
	neighbours->places[number].used = false;
	neighbours->callbacks.down(neighbours->callbacks.context, number);
}

/* ---- hellos ---- */

static void put_u16be(uint8_t bytes[static 2], uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static uint16_t get_u16be(const uint8_t bytes[static 2])
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Returns its size. */
static size_t write_hello(const struct neighbours *neighbours, struct hello *hello)
{
	const struct neighbours_setup *setup = &neighbours->setup;
	size_t name_size = strlen(setup->name), offer_size;
	uint64_t digest;

	memcpy(hello->rest, setup->name, name_size);
	offer_size = neighbours->callbacks.tell(
		neighbours->callbacks.context, &digest, hello->rest + name_size);
	memcpy(hello->magic, magic, sizeof(hello->magic));
	put_u16be(hello->http_port, setup->http_port);
	put_u16be(hello->gossip_port, neighbours->gossip_port);
	bytes_put_u32be(hello->digest, (uint32_t)(digest >> 32));
	bytes_put_u32be(hello->digest + 4, (uint32_t)digest);
	memcpy(hello->mesh_hash, neighbours->mesh_hash, sizeof(hello->mesh_hash));
	hello->name_size = (uint8_t)name_size;
	return offsetof(struct hello, rest) + name_size + offer_size;
}

/* Interfaces of routers come and go (a radio that restarts): join again when the index changes. */
static void follow_interface(struct neighbours *neighbours, uint32_t i)
{
	unsigned index = if_nametoindex(neighbours->setup.interfaces[i]);
	struct ipv6_mreq request = { .ipv6mr_multiaddr = group, .ipv6mr_interface = index };

	if (index == neighbours->indexes[i] && neighbours->joined[i])
		return;
	neighbours->indexes[i] = index;
	neighbours->joined[i] = false;
	if (index == 0)
		return;
	neighbours->joined[i] = setsockopt(neighbours->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request,
					sizeof(request)) == 0 ||
				errno == EADDRINUSE;
}

void neighbours_say_hello(struct neighbours *neighbours)
{
	struct hello hello;
	size_t size = write_hello(neighbours, &hello);
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(neighbours->setup.http_port),
		.sin6_addr = group,
	};

	neighbours->said_ms = clock_now_ms();
	for (uint32_t i = 0; i < neighbours->setup.interface_count; i++) {
		follow_interface(neighbours, i);
		if (neighbours->indexes[i] == 0)
			continue;
		to.sin6_scope_id = neighbours->indexes[i];
		/* A link that is down drops it: then nobody hears us, which is true. */
		(void)sendto(neighbours->fd, &hello, size, 0, (struct sockaddr *)&to, sizeof(to));
	}
}

static bool is_our_interface(const struct neighbours *neighbours, unsigned index)
{
	for (uint32_t i = 0; i < neighbours->setup.interface_count; i++) {
		if (neighbours->indexes[i] == index)
			return index != 0;
	}
	return false;
}

static void hear_hello(struct neighbours *neighbours, const struct hello *hello, size_t size,
	const struct sockaddr_in6 *from)
{
	char host[LIMITS_ADDRESS_SIZE + 1], name[LIMITS_NAME_SIZE + 1] = "";
	size_t before_offer = offsetof(struct hello, rest) + hello->name_size;
	struct neighbours_hello news = { .name = name };
	uint64_t at_ms = clock_now_ms();
	struct place *place;
	uint32_t number;

	if (size < offsetof(struct hello, rest) ||
		memcmp(hello->magic, magic, sizeof(hello->magic)) != 0 ||
		memcmp(hello->mesh_hash, neighbours->mesh_hash, sizeof(hello->mesh_hash)) != 0 ||
		hello->name_size > LIMITS_NAME_SIZE || size < before_offer)
		return;
	memcpy(name, hello->rest, hello->name_size);
	if (strlen(name) != hello->name_size || !text_is_name(name) ||
		strcmp(name, neighbours->setup.name) == 0 ||
		!is_our_interface(neighbours, from->sin6_scope_id) ||
		getnameinfo((const struct sockaddr *)from, sizeof(*from), host, sizeof(host), NULL,
			0, NI_NUMERICHOST) != 0)
		return;
	number = take_place(neighbours, host, ORIGIN_HELLO);
	if (number == UINT32_MAX)
		return;
	place = &neighbours->places[number];
	/* Who is new has perhaps not heard us: he need not wait for our next hello. */
	if (place->heard_ms == 0 && at_ms >= neighbours->said_ms + ANSWER_PAUSE_MS)
		neighbours_say_hello(neighbours);
	/* It tells by its hellos which interval it keeps now; a short one only once it was kept. */
	place->interval_ms =
		place->heard_ms != 0 && at_ms - place->heard_ms < 2 * NEIGHBOURS_HELLO_ACTIVE_MS
			? NEIGHBOURS_HELLO_ACTIVE_MS
			: NEIGHBOURS_HELLO_IDLE_MS;
	place->heard_ms = at_ms;
	if (place->origin == ORIGIN_DISCOVER)
		place->origin = ORIGIN_HELLO; /* from now on its hellos tell of it */
	place->address.http_port = get_u16be(hello->http_port);
	place->address.gossip_port = get_u16be(hello->gossip_port);
	news.digest =
		(uint64_t)bytes_get_u32be(hello->digest) << 32 | bytes_get_u32be(hello->digest + 4);
	news.offer = (const uint8_t *)hello + before_offer;
	news.offer_size = size - before_offer;
	neighbours->callbacks.up(neighbours->callbacks.context, number, &news);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct neighbours *neighbours = context;

	(void)what;
	for (int i = 0; i < HELLOS_A_TURN; i++) {
		struct hello hello;
		struct sockaddr_in6 from;
		socklen_t from_size = sizeof(from);
		ssize_t size = recvfrom(fd, &hello, sizeof(hello), MSG_DONTWAIT,
			(struct sockaddr *)&from, &from_size);

		if (size < 0)
			return;
		if (from_size == sizeof(from) && from.sin6_family == AF_INET6 &&
			IN6_IS_ADDR_LINKLOCAL(&from.sin6_addr))
			hear_hello(neighbours, &hello, (size_t)size, &from);
	}
}

static int open_socket(const struct neighbours *neighbours)
{
	struct sockaddr_in6 any = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(neighbours->setup.http_port),
	};
	int fd = socket_bind((struct sockaddr *)&any, sizeof(any), SOCK_DGRAM, true);

	if (fd >= 0) {
		socket_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
		socket_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
	}
	return fd;
}

/* ---- the discover program: one numeric address a line ---- */

static bool is_numeric(const char *line)
{
	char host[LIMITS_ADDRESS_SIZE + 1];
	struct in6_addr address6;
	struct in_addr address4;

	if (!text_copy(host, sizeof(host), line))
		return false;
	host[strcspn(host, "%")] = '\0';
	return inet_pton(AF_INET6, host, &address6) == 1 ||
	       (strchr(line, '%') == NULL && inet_pton(AF_INET, host, &address4) == 1);
}

static void on_discovered(void *context, int status, const char *output, size_t size)
{
	struct neighbours *neighbours = context;

	(void)size;
	neighbours->discover = NULL;
	if (status != 0)
		return;
	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++)
		neighbours->places[i].marked = false;
	for (const char *line = output; *line != '\0'; line += strcspn(line, "\n")) {
		char host[LIMITS_ADDRESS_SIZE + 1];
		uint32_t number;

		line += *line == '\n';
		text_set(host, sizeof(host), line);
		host[strcspn(host, "\n")] = '\0';
		if (!is_numeric(host))
			continue;
		number = take_place(neighbours, host, ORIGIN_DISCOVER);
		if (number == UINT32_MAX)
			break;
		neighbours->places[number].marked = true;
		/* One that also says hello is heard of by its hellos. */
		if (neighbours->places[number].origin == ORIGIN_DISCOVER)
			neighbours->callbacks.up(neighbours->callbacks.context, number, NULL);
	}
	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++) {
		if (neighbours->places[i].used && neighbours->places[i].origin == ORIGIN_DISCOVER &&
			!neighbours->places[i].marked)
			neighbours_drop(neighbours, i);
	}
}

static void run_discover(struct neighbours *neighbours)
{
	struct command_request request = {
		.arguments = { neighbours->setup.discover },
		.deadline_ms = DISCOVER_DEADLINE_MS,
		.over = on_discovered,
		.context = neighbours,
	};

	if (neighbours->setup.discover[0] == '\0' || neighbours->discover != NULL ||
		clock_now_ms() < neighbours->discover_ms)
		return;
	neighbours->discover_ms = clock_now_ms() + NEIGHBOURS_DISCOVER_MS;
	neighbours->discover = command_run(neighbours->base, &request);
}

/* ---- the clock ---- */

static uint32_t interval_ms(const struct neighbours *neighbours)
{
	if (neighbours->greetings < GREETINGS)
		return GREETING_MS;
	return neighbours->active ? NEIGHBOURS_HELLO_ACTIVE_MS : NEIGHBOURS_HELLO_IDLE_MS;
}

static void drop_silent(struct neighbours *neighbours)
{
	uint64_t at_ms = clock_now_ms();

	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++) {
		const struct place *place = &neighbours->places[i];

		if (place->used && place->origin == ORIGIN_HELLO &&
			at_ms > place->heard_ms + NEIGHBOURS_MISSED_MAX * place->interval_ms)
			neighbours_drop(neighbours, i);
	}
}

/* From the loop and not from neighbours_new(): nobody is called back before he has us. */
static void announce_list(struct neighbours *neighbours)
{
	const struct neighbours_setup *setup = &neighbours->setup;

	if (neighbours->announced)
		return;
	neighbours->announced = true;
	for (uint32_t i = 0; i < setup->address_count; i++) {
		uint32_t number = take_place(neighbours, setup->addresses[i], ORIGIN_LIST);

		if (number != UINT32_MAX)
			neighbours->callbacks.up(neighbours->callbacks.context, number, NULL);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct neighbours *neighbours = context;
	uint32_t next_ms = interval_ms(neighbours);

	(void)fd;
	(void)what;
	announce_list(neighbours);
	if (neighbours->greetings < GREETINGS)
		neighbours->greetings++;
	neighbours_say_hello(neighbours);
	drop_silent(neighbours);
	run_discover(neighbours);
	timer_start(neighbours->timer, next_ms);
}

void neighbours_set_active(struct neighbours *neighbours, bool active)
{
	if (neighbours->active == active)
		return;
	neighbours->active = active;
	timer_start(neighbours->timer, 0);
}

struct neighbours *neighbours_new(struct event_base *base, const struct neighbours_setup *setup,
	const struct neighbours_callbacks *callbacks)
{
	struct neighbours *neighbours = calloc(1, sizeof(*neighbours));

	if (neighbours == NULL)
		return NULL;
	neighbours->setup = *setup;
	neighbours->gossip_port = setup->gossip_port;
	neighbours->callbacks = *callbacks;
	neighbours->base = base;
	neighbours->fd = -1;
	bytes_sha256(neighbours->mesh_hash, setup->mesh, strlen(setup->mesh));
	neighbours->timer = evtimer_new(base, on_timer, neighbours);
	if (neighbours->timer == NULL || !timer_start(neighbours->timer, 0))
		goto failed;
	if (setup->interface_count > 0) {
		neighbours->fd = open_socket(neighbours);
		if (neighbours->fd >= 0)
			neighbours->readable = event_new(base, neighbours->fd, EV_READ | EV_PERSIST,
				on_readable, neighbours);
		if (neighbours->readable == NULL || event_add(neighbours->readable, NULL) != 0)
			goto failed;
	}
	return neighbours;

failed:
	neighbours_free(neighbours);
	return NULL;
}

void neighbours_free(struct neighbours *neighbours)
{
	if (neighbours == NULL)
		return;
	if (neighbours->discover != NULL)
		command_cancel(neighbours->discover);
	timer_free(neighbours->timer);
	timer_free(neighbours->readable);
	if (neighbours->fd >= 0)
		close(neighbours->fd);
	free(neighbours);
}
