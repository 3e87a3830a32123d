// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: whole hello datagrams and the address they come from, and a discover program
 * prints what the mesh's routing told it. The door to this is a socket that is bound to an
 * interface, which no fuzzer can have, so the file is taken in whole, and its inside is called. The
 * first byte of a line says what follows: 'd' output of the discover program, else a hello, which
 * gets the magic and the mesh for a first 'h'.
 */
#include <assert.h>
#include <stdlib.h>

#include "common.h"
#include "io/neighbours.c" /* NOLINT: see above */

static bool up[LIMITS_NEIGHBOURS_MAX];

static void on_up(
	void *context, uint32_t number, const char *name, bool has_digest, uint64_t digest)
{
	(void)context;
	(void)digest;
	assert(number < LIMITS_NEIGHBOURS_MAX);
	/* The agent takes it for a name. */
	assert(has_digest ? text_is_name(name) : name[0] == '\0');
	up[number] = true;
}

static void on_down(void *context, uint32_t number)
{
	(void)context;
	assert(number < LIMITS_NEIGHBOURS_MAX && up[number]);
	up[number] = false;
}

static uint64_t on_digest(void *context)
{
	(void)context;
	return 7;
}

static void hear(struct neighbours *neighbours, const uint8_t *bytes, size_t size, bool framed)
{
	struct sockaddr_in6 from = { .sin6_family = AF_INET6, .sin6_scope_id = 1 };
	struct hello hello;

	from.sin6_addr.s6_addr[0] = 0xfe;
	from.sin6_addr.s6_addr[1] = 0x80;
	memset(&hello, 0, sizeof(hello));
	if (size > 0) {
		from.sin6_addr.s6_addr[15] = bytes[0] % 40;
		from.sin6_scope_id = bytes[0] == 255 ? 2 : 1;
		bytes++;
		size--;
	}
	if (size > sizeof(hello))
		size = sizeof(hello);
	memcpy(&hello, bytes, size);
	if (framed) {
		memcpy(hello.magic, magic, sizeof(hello.magic));
		memcpy(hello.mesh_hash, neighbours->mesh_hash, sizeof(hello.mesh_hash));
		if (size > offsetof(struct hello, name))
			hello.name_size = (uint8_t)(size - offsetof(struct hello, name));
	}
	hear_hello(neighbours, &hello, size, &from);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct neighbours_callbacks callbacks = { on_up, on_down, on_digest, NULL };
	struct neighbours_setup *setup = calloc(1, sizeof(*setup));
	struct event_base *base = timer_new_base();
	struct neighbours *neighbours;

	assert(setup != NULL && base != NULL);
	memset(up, 0, sizeof(up));
	setup->name = FUZZ_NAME;
	setup->mesh = FUZZ_MESH;
	setup->http_port = 8430;
	setup->gossip_port = 3490;
	setup->discover = "";
	neighbours = neighbours_new(base, setup, &callbacks);
	assert(neighbours != NULL);
	neighbours->setup.interface_count = 1;
	neighbours->indexes[0] = 1;
	neighbours->said_ms = UINT64_MAX / 2; /* says none itself */
	while (size > 0) {
		const uint8_t *end = memchr(bytes, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - bytes) : size;

		if (line_size > 0 && bytes[0] == 'd') {
			char *output = fuzz_string(bytes + 1, line_size - 1);

			for (char *at = output; *at != '\0'; at++)
				*at = *at == ';' ? '\n' : *at;
			on_discovered(neighbours, 0, output, line_size - 1);
			free(output);
		} else if (line_size > 0) {
			hear(neighbours, bytes + 1, line_size - 1, bytes[0] == 'h');
		}
		line_size += end != NULL;
		bytes += line_size;
		size -= line_size;
	}
	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++) {
		const struct neighbour_address *address = neighbours_address(neighbours, i);

		assert((address != NULL) == up[i]);
		assert(address == NULL || neighbours_find(neighbours, address->host) == i);
	}
	neighbours_free(neighbours);
	event_base_free(base);
	free(setup);
	return 0;
}
