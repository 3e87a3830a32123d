// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "sim/plain.h"
#include "sim/world.h"

enum {
	HELLO_ACTIVE_MS = 1000,
	HELLO_IDLE_MS = 5000,
	HELLOS_MISSED = 4,
	EXCHANGE_DEADLINE_MS = 5000,
	STRAGGLE_MS_MAX = 15000,
	RETRANSMIT_MS = 200, /* TCP's first timeout; it doubles */
	RETRANSMITS_MAX = 6,
	CHUNK_MS = 20, /* where links have no rate */
	/* What goes over a link that has one, beside the data themselves */
	HELLO_SIZE = 150,
	EXCHANGE_SIZE = 500,
	QUESTION_SIZE = 150,
	ANSWER_SIZE = 150,
	CHUNK_WIRE_SIZE = LIMITS_CHUNK_SIZE,
	FETCH_DEADLINE_MS = 10000,
	FAR_HOPS_MAX = 64,
	LOCAL_US = 1000,
};

/* ---- who reaches whom ---- */

static bool radio_is_on(const struct node *node)
{
	return node->powered && !node->deaf;
}

/* Firmware that cannot speak to that of others splits the mesh while both are about. */
static bool speak_alike(const struct world *world, const struct node *a, const struct node *b)
{
	return world->releases[a->running].foreign == world->releases[b->running].foreign;
}

bool net_can_talk(const struct world *world, const struct node *from, const struct peer *to)
{
	const struct node *other = &world->nodes[to->node];
	const struct link *link = &world->links[to->link];

	return link->up[link->a != from->number] && radio_is_on(from) && radio_is_on(other) &&
	       speak_alike(world, from, other) &&
	       (!world->partitioned || world->side[from->number] == world->side[other->number]);
}

/* A connection needs both directions. */
static bool can_connect(const struct world *world, const struct node *node, const struct peer *peer)
{
	const struct node *other = &world->nodes[peer->node];

	return node_runs(other) && net_can_talk(world, node, peer) &&
	       net_can_talk(world, other, &other->peers[peer->number]);
}

/* How many hops to a node over links that are up; 0 if there is no way. */
static uint32_t hops_to(const struct world *world, const struct node *from, uint32_t to)
{
	uint8_t *hops = calloc(world->node_count, 1);
	uint32_t found = 0;
	bool more = true;

	ensure(hops != NULL);
	hops[from->number] = 1;
	for (uint32_t round = 1; more && round < FAR_HOPS_MAX && hops[to] == 0; round++) {
		more = false;
		for (uint32_t i = 0; i < world->node_count; i++) {
			for (uint32_t j = 0; hops[i] == round && j < world->nodes[i].peer_count;
				j++) {
				const struct peer *peer = &world->nodes[i].peers[j];

				if (hops[peer->node] != 0 ||
					!can_connect(world, &world->nodes[i], peer))
					continue;
				hops[peer->node] = (uint8_t)(round + 1);
				more = true;
			}
		}
	}
	if (hops[to] > 1)
		found = hops[to] - 1u;
	free(hops);
	return found;
}

uint64_t net_soonest_us(const struct world *world)
{
	return world->options.latency_ms * WORLD_US / 2 + 20;
}

/* One way, with what may hold a packet up. */
static uint64_t one_way_us(struct world *world)
{
	uint64_t us = net_soonest_us(world);

	us += world->options.latency_ms * WORLD_US * prng_below(world_prng(world), 101) / 100;
	if (world_strikes(world, world->options.delay))
		us += prng_below(world_prng(world), 800) * WORLD_US;
	return us;
}

/* TCP hides losses as delays, until it gives up. */
static bool transfer_us(struct world *world, uint32_t packets, uint64_t *us)
{
	uint64_t wait_us = RETRANSMIT_MS * WORLD_US;

	*us = 0;
	for (uint32_t i = 0; i < packets; i++) {
		*us += one_way_us(world);
		for (uint32_t tries = 0; world_strikes(world, world->options.loss); tries++) {
			if (tries == RETRANSMITS_MAX)
				return false;
			*us += wait_us;
			wait_us *= 2;
		}
	}
	return *us < EXCHANGE_DEADLINE_MS * WORLD_US;
}

bool net_can_connect(const struct world *world, const struct node *node, const struct peer *peer)
{
	return can_connect(world, node, peer);
}

bool net_transfer_us(struct world *world, uint32_t packets, uint64_t *us)
{
	return transfer_us(world, packets, us);
}

/* ---- hellos ---- */

static void deliver_hello(struct world *world, struct node *node, struct peer *peer)
{
	uint32_t copies = 1 + world_strikes(world, world->options.duplicate);
	uint8_t offer[AGENT_OFFER_MAX];
	size_t size = agent_offer(node->agent, offer);
	uint64_t sent_us;

	if (!net_can_talk(world, node, peer) || world_strikes(world, world->options.loss))
		return;
	sent_us = rate_send_us(world, node, peer, HELLO_SIZE + size);
	while (copies-- > 0) {
		struct happening *hello =
			world_plan(world, sent_us + one_way_us(world), HAPPENS_EVENT, peer->node);

		hello->event.kind = EVENT_NEIGHBOUR_UP;
		hello->event.neighbour_up.neighbour = peer->number;
		text_set(hello->event.neighbour_up.name, sizeof(hello->event.neighbour_up.name),
			node->name);
		hello->event.neighbour_up.has_digest = true;
		hello->event.neighbour_up.digest = agent_digest(node->agent);
		if (size == 0)
			continue;
		hello->data = malloc(size);
		ensure(hello->data != NULL);
		memcpy(hello->data, offer, size);
		hello->event.neighbour_up.offer = (const uint8_t *)hello->data;
		hello->event.neighbour_up.offer_size = size;
	}
}

void net_say_hello(struct world *world, struct node *node)
{
	for (uint32_t i = 0; i < node->peer_count; i++)
		deliver_hello(world, node, &node->peers[i]);
}

static void miss_hellos(struct world *world, struct node *node)
{
	for (uint32_t i = 0; i < node->peer_count && node->agent != NULL; i++) {
		struct event event = { .kind = EVENT_NEIGHBOUR_DOWN };
		struct heard *heard = &node->peers[i].heard;

		if (!heard->now || world->nodes[node->peers[i].node].plain != NULL ||
			world_now_us(world) <
				heard->at_us + HELLOS_MISSED * HELLO_IDLE_MS * WORLD_US)
			continue;
		heard->now = false;
		event.neighbour_down.neighbour = i;
		node_step(world, node, &event);
	}
}

void net_hello(struct world *world, struct node *node)
{
	uint64_t pause_ms = agent_active(node->agent) ? HELLO_ACTIVE_MS : HELLO_IDLE_MS;

	(void)world_plan(world, (pause_ms - 50 + prng_below(world_prng(world), 100)) * WORLD_US,
		HAPPENS_HELLO, node->number);
	net_say_hello(world, node);
	miss_hellos(world, node);
}

/* ---- exchanges ---- */

static void exchange_over(struct world *world, uint64_t after_us, struct node *node, uint32_t peer,
	const char *type, bool ok)
{
	struct happening *over = world_plan(world, after_us, HAPPENS_EVENT, node->number);

	over->event.kind = EVENT_EXCHANGE_OVER;
	over->event.exchange_over.neighbour = peer;
	over->event.exchange_over.type = type;
	over->event.exchange_over.ok = ok;
}

/* What goes to a peer: an opening, or the answer to what it sent. */
static char *slice_of(struct world *world, struct node *node, uint32_t peer, const char *type,
	const struct happening *push, size_t *size)
{
	uint64_t now_ms = node_clock_ms(world, node);
	struct text text;
	char *data;

	if (node->plain != NULL)
		return plain_slice(world, node, type, size);
	text_init(&text, world_lane(world)->scratch, WORLD_SLICE_CAPACITY);
	if (push != NULL)
		agent_answer(node->agent, now_ms, type, push->data, push->data_size, &text);
	else
		agent_slice_for(node->agent, now_ms, peer, type, &text);
	ensure(!text_cut(&text));
	data = malloc(text.size + 1);
	ensure(data != NULL);
	memcpy(data, text.buffer, text.size + 1);
	*size = text.size;
	return data;
}

/* Who sent it has given up and may have sent newer ones since; it arrives all the same. */
static void straggle(struct world *world, struct node *node, const struct action *action)
{
	struct peer *peer = &node->peers[action->exchange.neighbour];
	struct happening *push = world_plan(world,
		(EXCHANGE_DEADLINE_MS + prng_below(world_prng(world), STRAGGLE_MS_MAX)) * WORLD_US,
		HAPPENS_PUSH, peer->node);

	push->boot = 0;
	push->peer = peer->number;
	push->rtt_ms = 2 * world->options.latency_ms; /* its handshake went well */
	push->type = action->exchange.type;
	push->data = slice_of(
		world, node, action->exchange.neighbour, push->type, NULL, &push->data_size);
}

void net_exchange(struct world *world, struct node *node, const struct action *action)
{
	uint32_t number = action->exchange.neighbour;
	struct peer *peer = &node->peers[number];
	uint64_t handshake_us, version_us, data_us;
	struct happening *write;

	ensure(number < node->peer_count);
	if (!can_connect(world, node, peer) || !transfer_us(world, 3, &handshake_us) ||
		!transfer_us(world, 1, &version_us) || !transfer_us(world, 1, &data_us)) {
		if (can_connect(world, node, peer) &&
			world_strikes(world, world->options.straggler))
			straggle(world, node, action);
		exchange_over(world, EXCHANGE_DEADLINE_MS * WORLD_US, node, number,
			action->exchange.type, false);
		return;
	}
	write = world_plan(world, handshake_us + version_us, HAPPENS_WRITE, node->number);
	write->peer = number;
	write->way_us = data_us;
	write->rtt_ms = (uint32_t)((version_us + data_us) / WORLD_US);
	write->type = action->exchange.type;
}

/* The peer's version has come: what is sent to it is written now. */
void net_write(struct world *world, struct node *node, const struct happening *write)
{
	struct peer *peer = &node->peers[write->peer];
	struct happening *push;
	uint64_t sent_us;
	size_t size;
	char *data;

	if (!node_runs(node))
		return;
	data = slice_of(world, node, write->peer, write->type, NULL, &size);
	sent_us = rate_send_us(world, node, peer, EXCHANGE_SIZE + size);
	push = world_plan(world, sent_us + write->way_us, HAPPENS_PUSH, peer->node);
	push->boot = 0;
	push->peer = peer->number;
	push->peer_boot = node->boot;
	push->rtt_ms = write->rtt_ms;
	push->type = write->type;
	push->data = data;
	push->data_size = size;
}

static void merge(
	struct world *world, struct node *node, uint32_t peer, const struct happening *push)
{
	struct event event = { .kind = EVENT_SLICE };

	if (node->plain != NULL) {
		plain_merge(world, node, push);
		return;
	}
	event.slice.type = push->type;
	event.slice.data = push->data;
	event.slice.data_size = push->data_size;
	event.slice.neighbour = peer;
	event.slice.remote = true;
	event.slice.rtt_ms = push->rtt_ms;
	node_step(world, node, &event);
}

/* An old message comes once more, later, as if from the same peer. */
static void replay_later(struct world *world, const struct happening *push)
{
	struct happening *again = world_plan(world,
		(1 + prng_below(world_prng(world), 120)) * WORLD_S, HAPPENS_PUSH, push->node);

	again->boot = 0;
	again->peer = push->peer;
	again->peer_boot = 0;
	again->rtt_ms = push->rtt_ms;
	again->type = push->type;
	again->data = malloc(push->data_size + 1);
	ensure(again->data != NULL);
	memcpy(again->data, push->data, push->data_size + 1);
	again->data_size = push->data_size;
}

void net_pushed(struct world *world, const struct happening *push)
{
	struct node *node = &world->nodes[push->node];
	struct peer *peer = &node->peers[push->peer];
	struct node *asker = &world->nodes[peer->node];
	struct happening *answer;
	uint64_t back_us;
	size_t size;
	char *data;

	if (!node_runs(node))
		return;
	if (push->peer_boot == 0) { /* a replay: nobody waits for an answer */
		merge(world, node, push->peer, push);
		return;
	}
	if (world_strikes(world, world->options.replay))
		replay_later(world, push);
	if (!can_connect(world, asker, &asker->peers[peer->number])) {
		if (asker->boot == push->peer_boot)
			exchange_over(world, EXCHANGE_DEADLINE_MS * WORLD_US, asker, peer->number,
				push->type, false);
		return;
	}
	merge(world, node, push->peer, push);
	if (!node_runs(asker) || asker->boot != push->peer_boot)
		return;
	if (!node_runs(node) || !transfer_us(world, 1, &back_us)) {
		exchange_over(world, EXCHANGE_DEADLINE_MS * WORLD_US, asker, peer->number,
			push->type, false);
		return;
	}
	data = slice_of(world, node, WORLD_NONE, push->type, push, &size);
	back_us += rate_send_us(world, node, peer, EXCHANGE_SIZE + size);
	if (asker->plain != NULL) {
		answer = world_plan(world, back_us, HAPPENS_PUSH, asker->number);
		answer->peer = peer->number;
		answer->type = push->type;
		answer->data = data;
		answer->data_size = size;
		return;
	}
	answer = world_plan(world, back_us, HAPPENS_EVENT, asker->number);
	answer->data = data;
	answer->event.kind = EVENT_SLICE;
	answer->event.slice.type = push->type;
	answer->event.slice.data = data;
	answer->event.slice.data_size = size;
	answer->event.slice.neighbour = peer->number;
	answer->event.slice.remote = true;
	answer->event.slice.answer = true;
	answer->event.slice.rtt_ms = push->rtt_ms;
	exchange_over(world, back_us, asker, peer->number, push->type, true);
}

/* ---- fetches ---- */

/* The node that a source means, and how long one message there takes; NULL if it is out of reach.
 */
static struct node *resolve(
	struct world *world, struct node *node, const struct agent_source *source, uint64_t *us)
{
	uint32_t hops = 1, number;

	*us = LOCAL_US;
	if (source->peer == AGENT_PEER_LOCAL)
		return node;
	if (source->peer < LIMITS_NEIGHBOURS_MAX) {
		if (source->peer >= node->peer_count ||
			!can_connect(world, node, &node->peers[source->peer]))
			return NULL;
		number = node->peers[source->peer].node;
	} else {
		if (sscanf(source->url, "http://node-%u:8430", &number) != 1 ||
			number >= world->node_count || world->nodes[number].agent == NULL)
			return NULL;
		hops = hops_to(world, node, number);
		if (hops == 0)
			return NULL;
	}
	if (!transfer_us(world, 2 * hops, us))
		return NULL;
	return &world->nodes[number];
}

static struct happening *plan_answer(
	struct world *world, uint64_t after_us, const struct fetch *fetch, enum event_kind kind)
{
	struct happening *happening = world_plan(world, after_us, HAPPENS_EVENT, fetch->asker);

	happening->boot = fetch->asker_boot;
	happening->fetches = fetch->asker_fetches;
	happening->event.kind = kind;
	return happening;
}

static void answer_release(
	struct world *world, uint64_t after_us, const struct fetch *fetch, uint32_t number)
{
	const struct world_release *release = &world->releases[number];
	struct event *event;

	event = &plan_answer(
		world, after_us, fetch, number != 0 ? EVENT_RELEASE : EVENT_RELEASE_FAILED)
			 ->event;
	if (number == 0) {
		event->release_failed.peer = fetch->source;
		memcpy(event->release_failed.release_id, fetch->id, BYTES_HASH_SIZE);
		return;
	}
	event->release.peer = fetch->source;
	memcpy(event->release.release_id, release->id, BYTES_HASH_SIZE);
	event->release.manifest = release->manifest;
	event->release.manifest_size = release->manifest_size;
	event->release.signatures = release->signatures;
	event->release.signature_count = release->signature_count;
}

static struct happening *answer_chunk(struct world *world, uint64_t after_us,
	const struct fetch *fetch, enum event_chunk_outcome outcome)
{
	struct happening *happening = plan_answer(world, after_us, fetch, EVENT_CHUNK);

	happening->event.chunk.peer = fetch->source;
	happening->event.chunk.chunk = fetch->chunk;
	happening->event.chunk.outcome = outcome;
	return happening;
}

static struct happening *answer_chunkmap(
	struct world *world, uint64_t after_us, const struct fetch *fetch)
{
	struct happening *happening = plan_answer(world, after_us, fetch, EVENT_CHUNKMAP);

	happening->event.chunkmap.peer = fetch->source;
	return happening;
}

/* Nobody answers. */
static void answer_failed(struct world *world, const struct fetch *fetch)
{
	uint64_t after_us = fetch->deadline_us - world_now_us(world);

	if (fetch->kind == ACTION_FETCH_RELEASE)
		answer_release(world, after_us, fetch, 0);
	else if (fetch->kind == ACTION_FETCH_CHUNKMAP)
		(void)answer_chunkmap(world, after_us, fetch);
	else
		(void)answer_chunk(world, after_us, fetch, EVENT_CHUNK_FAILED);
}

/* To whom the asker asks, or back. */
static uint64_t send_us(struct world *world, const struct fetch *fetch, struct node *from,
	uint32_t to, uint64_t bytes)
{
	struct node *asker = &world->nodes[fetch->asker];
	const struct peer *peer;

	if (fetch->source >= LIMITS_NEIGHBOURS_MAX)
		return rate_send_far_us(world, from, to, bytes);
	peer = &asker->peers[fetch->source];
	if (from != asker)
		peer = &from->peers[peer->number];
	return rate_send_us(world, from, peer, bytes);
}

/* Half of the way there and back, the source looks what it has. */
static void ask(struct world *world, struct node *node, const struct agent_source *source,
	struct fetch *fetch)
{
	struct node *peer;
	uint64_t us;

	fetch->asker = node->number;
	fetch->asker_boot = node->boot;
	fetch->asker_fetches = node->fetches;
	fetch->source = source->peer;
	fetch->deadline_us = world_now_us(world) + FETCH_DEADLINE_MS * WORLD_US;
	peer = resolve(world, node, source, &us);
	if (peer == NULL) {
		answer_failed(world, fetch);
	} else {
		uint64_t sent_us = send_us(world, fetch, node, peer->number, QUESTION_SIZE);
		struct happening *question =
			world_plan(world, sent_us + us / 2, HAPPENS_SERVE, peer->number);

		question->boot = 0;
		question->fetch = *fetch;
		question->fetch.back_us = us - us / 2;
	}
}

void net_fetch_release(struct world *world, struct node *node, const struct action *action)
{
	struct fetch fetch = { .kind = action->kind };

	memcpy(fetch.id, action->fetch_release.release_id, BYTES_HASH_SIZE);
	ask(world, node, &action->fetch_release.source, &fetch);
}

void net_fetch_chunkmap(struct world *world, struct node *node, const struct action *action)
{
	struct fetch fetch = { .kind = action->kind };

	memcpy(fetch.id, action->fetch_chunkmap.sha256, BYTES_HASH_SIZE);
	ask(world, node, &action->fetch_chunkmap.source, &fetch);
}

void net_fetch_chunk(struct world *world, struct node *node, const struct action *action)
{
	struct fetch fetch = { .kind = action->kind,
		.chunk = action->fetch_chunk.chunk,
		.offset = action->fetch_chunk.offset,
		.size = action->fetch_chunk.size };

	memcpy(fetch.id, action->fetch_chunk.sha256, BYTES_HASH_SIZE);
	ask(world, node, &action->fetch_chunk.source, &fetch);
}

/* What is under way arrives and is not wanted any more. */
void net_stop_fetches(struct node *node)
{
	node->fetches++;
}

/* ---- at the source ---- */

static bool holds(const struct node *node, const uint8_t *sha256, uint32_t release, uint32_t chunk)
{
	return (release != 0 && node->offers == release) ||
	       (node->disk.open && node->disk.held[chunk] &&
		       memcmp(node->disk.sha256, sha256, BYTES_HASH_SIZE) == 0);
}

static void serve_release(struct world *world, struct node *node, const struct fetch *fetch)
{
	uint32_t number = releases_find(world, fetch->id);
	bool has = number != 0 && (node->offers == number || node->has_release[number]);
	uint64_t sent_us = send_us(world, fetch, node, fetch->asker,
		ANSWER_SIZE + (has ? world->releases[number].manifest_size : 0));

	answer_release(world, sent_us + fetch->back_us, fetch, has ? number : 0);
}

static void serve_chunkmap(struct world *world, struct node *node, const struct fetch *fetch)
{
	size_t size = (world->options.chunks + 7) / 8;
	uint64_t sent_us = send_us(world, fetch, node, fetch->asker, ANSWER_SIZE + size);
	struct happening *answer = answer_chunkmap(world, sent_us + fetch->back_us, fetch);
	uint32_t release, board;

	(void)releases_find_image(world, fetch->id, &release, &board);
	answer->data = calloc(size, 1);
	ensure(answer->data != NULL);
	for (uint32_t i = 0; i < world->options.chunks; i++)
		answer->data[i / 8] |= (char)(holds(node, fetch->id, release, i) << (i % 8));
	answer->event.chunkmap.wire = (const uint8_t *)answer->data;
	answer->event.chunkmap.wire_size = size;
}

static void serve_chunk(struct world *world, struct node *node, const struct fetch *fetch)
{
	uint64_t back_us = fetch->back_us;
	struct happening *answer;
	uint32_t release, board;

	if (!releases_find_image(world, fetch->id, &release, &board) ||
		!holds(node, fetch->id, release, fetch->chunk)) {
		back_us += send_us(world, fetch, node, fetch->asker, ANSWER_SIZE);
		(void)answer_chunk(
			world, back_us + CHUNK_MS * WORLD_US, fetch, EVENT_CHUNK_NOT_HELD);
		return;
	}
	back_us += world->options.rate_kbit == 0 ? CHUNK_MS * WORLD_US
						 : send_us(world, fetch, node, fetch->asker,
							   ANSWER_SIZE + CHUNK_WIRE_SIZE);
	answer = answer_chunk(world, back_us, fetch, EVENT_CHUNK_CAME);
	answer->data = malloc(fetch->size);
	ensure(answer->data != NULL);
	memcpy(answer->data, world->releases[release].images[board] + fetch->offset, fetch->size);
	if (node->serves_wrong_chunks && world->chaos) {
		node->served_wrong = true;
		answer->data[prng_below(world_prng(world), fetch->size)] ^= 0x10;
	}
	answer->event.chunk.bytes = (const uint8_t *)answer->data;
	answer->event.chunk.size = fetch->size;
}

void net_served(struct world *world, const struct happening *question)
{
	struct node *node = &world->nodes[question->node];
	const struct fetch *fetch = &question->fetch;

	if (node->agent == NULL)
		answer_failed(world, fetch);
	else if (fetch->kind == ACTION_FETCH_RELEASE)
		serve_release(world, node, fetch);
	else if (fetch->kind == ACTION_FETCH_CHUNKMAP)
		serve_chunkmap(world, node, fetch);
	else
		serve_chunk(world, node, fetch);
}

bool net_arrived(struct world *world, struct node *node, const struct happening *happening)
{
	const struct event *event = &happening->event;

	if (node->agent == NULL)
		return false;
	switch (event->kind) {
	case EVENT_NEIGHBOUR_UP:
		node->peers[event->neighbour_up.neighbour].heard =
			(struct heard){ true, world_now_us(world) };
		return true;
	case EVENT_CHUNK:
	case EVENT_CHUNKMAP:
		return happening->fetches == node->fetches;
	case EVENT_RELEASE:
		node->has_release[releases_find(world, event->release.release_id)] = true;
		return true;
	default:
		return true;
	}
}
