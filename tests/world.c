// SPDX-License-Identifier: AGPL-3.0-or-later
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "base/text.h"
#include "release/manifest.h"

enum {
	RELEASES_MAX = 8,
	POSTED_MAX = 64,
	SLICE_CAPACITY = 262144,
	HELLO_MS = 1000,
	WINDOW_NONE = 0,
};

static const char *const boards[WORLD_BOARDS] = { "demo,alpha", "demo,beta" };
static const char mesh_name[] = "world";

enum item_kind {
	ITEM_EVENT = 0, /* step the node with `event` */
	ITEM_WRITE,     /* the connection of an exchange of `node` with `peer` stands */
	ITEM_PUSH,      /* … and what was written arrives at `node` from `peer` */
	ITEM_BOOT,
	ITEM_REBOOT, /* what the flasher asked for */
	ITEM_WINDOW, /* the board's own confirm window ends */
	ITEM_HELLO,
	ITEM_NEWS, /* a hello that tells of new chunks */
	ITEM_GONE, /* a neighbour was silent for too long */
};

struct item {
	uint64_t at_ms;
	uint64_t order; /* first in, first out within a millisecond */
	enum item_kind kind;
	uint32_t node;
	uint32_t boot; /* of the node when this was made; another boot drops it; 0: any */
	uint32_t peer;
	uint32_t peer_boot;
	const char *type;
	char *data; /* owned */
	size_t data_size;
	struct event event;
};

struct wnode {
	struct agent *agent;
	char name[16];
	struct agent_setup setup;
	struct world_faults faults;
	bool powered;
	bool source;   /* an operator's directory with all releases is here */
	uint32_t boot; /* counts daemon starts; events of an older one are dropped */
	uint32_t board_boots;
	uint32_t board;
	uint32_t running; /* release number of the firmware that runs */
	uint32_t stable;
	uint32_t armed;         /* release number that boots next on trial; 0: none */
	uint32_t image_release; /* what the image on disk belongs to */
	uint32_t window_s;
	uint64_t window_end_ms;
	bool trial;
	bool fell_back;
	uint64_t wake_ms;
	char *journal;
	size_t journal_size;
	uint32_t journal_writes;
	uint32_t measures;
	uint32_t changes;
	uint64_t flashed_ms;
	uint32_t flash_count;
	bool has_release[RELEASES_MAX];  /* manifest in its work directory */
	uint8_t sha256[BYTES_HASH_SIZE]; /* of the image that is open */
	bool open;
	uint8_t held[WORLD_CHUNKS];
	uint8_t image[WORLD_CHUNKS * WORLD_CHUNK_SIZE];
	bool link_up[WORLD_NODES_MAX];
	bool linked[WORLD_NODES_MAX];
	bool heard[WORLD_NODES_MAX];
	uint64_t heard_ms[WORLD_NODES_MAX];
};

struct wrelease {
	char version[32];
	uint8_t id[BYTES_HASH_SIZE];
	char *manifest;
	size_t manifest_size;
	struct usign_signature signature;
	uint8_t images[WORLD_BOARDS][WORLD_IMAGE_SIZE];
	uint8_t sha256[WORLD_BOARDS][BYTES_HASH_SIZE];
};

struct world {
	uint64_t now_ms;
	uint64_t next_order;
	uint32_t node_count;
	struct wnode nodes[WORLD_NODES_MAX];
	struct usign_secret release_key, operator_key, stranger_key;
	uint32_t release_count; /* releases[0] is not used */
	struct wrelease releases[RELEASES_MAX];
	struct item *items;
	size_t item_count, item_capacity;
	uint8_t last_start_id[BYTES_HASH_SIZE];
	uint8_t last_upgrade[ORDER_UPGRADE_SIZE];
	uint64_t last_epoch;
	enum reason answer;
	struct {
		char *text;
		size_t size;
		char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	} posted[POSTED_MAX];
	uint32_t posted_count;
	bool loud;
};

/* ---- time ---- */

static struct item *add_item(
	struct world *world, uint64_t delay_ms, enum item_kind kind, uint32_t node)
{
	struct item *item;

	if (world->item_count == world->item_capacity) {
		world->item_capacity = world->item_capacity == 0 ? 256 : world->item_capacity * 2;
		world->items = realloc(world->items, world->item_capacity * sizeof(*world->items));
		assert(world->items != NULL);
	}
	item = &world->items[world->item_count++];
	memset(item, 0, sizeof(*item));
	item->at_ms = world->now_ms + delay_ms;
	item->order = world->next_order++;
	item->kind = kind;
	item->node = node;
	item->boot = world->nodes[node].boot;
	return item;
}

static char *copy_bytes(const void *bytes, size_t size)
{
	char *copy = malloc(size + 1);

	assert(copy != NULL);
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}

static struct event *add_event(
	struct world *world, uint32_t node, uint64_t delay_ms, enum event_kind kind)
{
	struct item *item = add_item(world, delay_ms, ITEM_EVENT, node);

	item->event.kind = kind;
	return &item->event;
}

/* ---- links ---- */

static bool radio_is_on(const struct wnode *node)
{
	return node->powered && node->agent != NULL && !(node->trial && node->faults.no_mesh);
}

static bool can_talk(const struct world *world, uint32_t a, uint32_t b)
{
	return world->nodes[a].linked[b] && world->nodes[a].link_up[b] &&
	       radio_is_on(&world->nodes[a]) && radio_is_on(&world->nodes[b]);
}

/* Nodes further away are reached over any path that is up. */
static bool can_route(const struct world *world, uint32_t from, uint32_t to)
{
	bool reached[WORLD_NODES_MAX] = { false };
	bool news = true;

	reached[from] = true;
	while (news) {
		news = false;
		for (uint32_t a = 0; a < world->node_count; a++) {
			for (uint32_t b = 0; reached[a] && b < world->node_count; b++) {
				if (!reached[b] && can_talk(world, a, b))
					news = reached[b] = true;
			}
		}
	}
	return reached[to];
}

/* ---- boards ---- */

static void perform(struct world *world, uint32_t node, const struct actions *actions);

static void step(struct world *world, uint32_t node, const struct event *event)
{
	struct wnode *wnode = &world->nodes[node];
	struct actions *actions = malloc(sizeof(*actions));

	assert(actions != NULL);
	if (wnode->agent != NULL) {
		wnode->wake_ms = agent_step(wnode->agent, world->now_ms, event, actions);
		perform(world, node, actions);
	}
	free(actions);
}

static void stop_daemon(struct wnode *node)
{
	if (node->agent != NULL) {
		agent_close(node->agent);
		free(node->agent);
	}
	node->agent = NULL;
	node->boot++;
	memset(node->heard, 0, sizeof(node->heard));
}

static void start_daemon(struct world *world, uint32_t number)
{
	struct wnode *node = &world->nodes[number];
	struct event tick = { .kind = EVENT_TICK };
	struct agent_setup *setup = malloc(sizeof(*setup));

	assert(setup != NULL);
	assert(node->agent == NULL);
	*setup = node->setup;
	text_set(setup->version, sizeof(setup->version),
		node->faults.mislabelled && node->running > 1
			? "Demo, mislabelled"
			: world->releases[node->running].version);
	snprintf(setup->boot_id, sizeof(setup->boot_id), "boot-%u", node->board_boots);
	setup->flasher.trial = node->trial;
	setup->flasher.fell_back = node->fell_back;
	setup->flasher.remaining_ms = node->trial && node->window_end_ms > world->now_ms
					      ? (int64_t)(node->window_end_ms - world->now_ms)
					      : -1;
	setup->journal = node->journal;
	setup->journal_size = node->journal_size;
	setup->seed = setup->seed * 31 + node->boot;
	node->agent = calloc(1, agent_size());
	assert(node->agent != NULL);
	agent_init(node->agent, setup, world->now_ms);
	free(setup);
	step(world, number, &tick);
	if (node->source && node->agent != NULL) {
		struct event offer = { .kind = EVENT_LOCAL_RELEASE };

		memcpy(offer.local_release.release_id, world->releases[world->release_count].id,
			BYTES_HASH_SIZE);
		step(world, number, &offer);
	}
	add_item(world, 1 + number * 7 % 50, ITEM_HELLO, number);
}

/* What lies in /tmp is gone. */
static void lose_memory(struct wnode *node)
{
	memset(node->has_release, 0, sizeof(node->has_release));
	node->open = false;
	memset(node->held, 0, sizeof(node->held));
}

static void boot_board(struct world *world, uint32_t number)
{
	struct wnode *node = &world->nodes[number];

	node->board_boots++;
	if (node->armed != 0 && node->faults.never_boots) {
		/* The boot loader tries, fails, and takes the stable slot. */
		node->armed = 0;
		node->fell_back = true;
	}
	if (node->armed != 0) {
		node->running = node->armed;
		node->armed = 0;
		node->trial = node->setup.flasher.slots == 2;
		if (node->trial) {
			node->window_end_ms = world->now_ms + node->window_s * UINT64_C(1000);
			add_item(world, node->window_s * UINT64_C(1000), ITEM_WINDOW, number)
				->peer_boot = node->board_boots;
		} else {
			node->stable = node->running;
		}
	} else {
		if (node->trial)
			node->fell_back = true;
		node->running = node->stable;
		node->trial = false;
	}
	start_daemon(world, number);
}

static void power_off(struct world *world, uint32_t number)
{
	struct wnode *node = &world->nodes[number];

	(void)world;
	node->powered = false;
	stop_daemon(node);
	lose_memory(node);
}

static void reboot(struct world *world, uint32_t number, uint64_t after_ms)
{
	power_off(world, number);
	world->nodes[number].powered = true;
	add_item(world, after_ms, ITEM_BOOT, number);
}

/* ---- releases ---- */

static const struct wrelease *release_by_id(
	const struct world *world, const uint8_t *id, uint32_t *number)
{
	for (uint32_t i = 1; i <= world->release_count; i++) {
		if (memcmp(world->releases[i].id, id, BYTES_HASH_SIZE) == 0) {
			*number = i;
			return &world->releases[i];
		}
	}
	return NULL;
}

static bool find_image(
	const struct world *world, const uint8_t *sha256, uint32_t *release, uint32_t *board)
{
	for (*release = 1; *release <= world->release_count; (*release)++) {
		for (*board = 0; *board < WORLD_BOARDS; (*board)++) {
			if (memcmp(world->releases[*release].sha256[*board], sha256,
				    BYTES_HASH_SIZE) == 0)
				return true;
		}
	}
	return false;
}

static void write_image(struct text *text, struct wrelease *release, uint32_t board)
{
	uint8_t hashes[WORLD_CHUNKS * BYTES_HASH_SIZE];
	char encoded[sizeof(hashes) * 2];
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	for (uint32_t i = 0; i < WORLD_CHUNKS; i++) {
		size_t offset = (size_t)i * WORLD_CHUNK_SIZE;
		size_t size = WORLD_IMAGE_SIZE - offset;

		bytes_sha256(hashes + i * BYTES_HASH_SIZE, release->images[board] + offset,
			size < WORLD_CHUNK_SIZE ? size : WORLD_CHUNK_SIZE);
	}
	bytes_to_base64(encoded, hashes, sizeof(hashes));
	bytes_to_hex(hex, release->sha256[board], BYTES_HASH_SIZE);
	text_add_format(text,
		"{\"boards\":[\"%s\"],\"file\":\"images/"
		"%u.bin\",\"kind\":\"sysupgrade\",\"size\":%d,"
		"\"sha256\":\"%s\",\"chunk_size\":%d,\"chunks\":\"%s\",\"compat_version\":\"1.0\","
		"\"urls\":[]}",
		boards[board], board, WORLD_IMAGE_SIZE, hex, WORLD_CHUNK_SIZE, encoded);
}

uint32_t world_release(struct world *world, uint32_t without_board, bool forged)
{
	uint32_t number = ++world->release_count;
	struct wrelease *release = &world->releases[number];
	char buffer[8192];
	struct text text;
	struct prng prng;
	bool first = true;

	assert(number < RELEASES_MAX);
	prng_init(&prng, number);
	snprintf(release->version, sizeof(release->version), "Demo %u.0", number);
	text_init(&text, buffer, sizeof(buffer));
	text_add_format(&text,
		"{\"lockstep\":1,\"version\":\"%s\",\"sequence\":%u,\"created\":\"2026-11-23T10:00:"
		"00Z\","
		"\"info_url\":\"\",\"images\":[",
		release->version, number);
	for (uint32_t board = 0; board < WORLD_BOARDS; board++) {
		for (size_t i = 0; i < WORLD_IMAGE_SIZE; i++)
			release->images[board][i] = (uint8_t)prng_next(&prng);
		bytes_sha256(release->sha256[board], release->images[board], WORLD_IMAGE_SIZE);
		if (board == without_board)
			continue;
		text_add(&text, first ? "" : ",");
		first = false;
		write_image(&text, release, board);
	}
	text_add(&text, "]}");
	assert(!text_cut(&text));
	release->manifest = copy_bytes(buffer, text.size);
	release->manifest_size = text.size;
	bytes_sha256(release->id, buffer, text.size);
	usign_sign(&release->signature, forged ? &world->stranger_key : &world->release_key, buffer,
		text.size);
	return number;
}

/* ---- what an agent asks for ---- */

static bool has_release(const struct world *world, uint32_t node, uint32_t number)
{
	return world->nodes[node].source || world->nodes[node].has_release[number];
}

/* The node that a source means, if it can be reached; UINT32_MAX if not. */
static uint32_t resolve(const struct world *world, uint32_t node, const struct agent_source *source)
{
	if (source->peer < LIMITS_NEIGHBOURS_MAX)
		return can_talk(world, node, source->peer) ? source->peer : UINT32_MAX;
	if (source->peer == AGENT_PEER_LOCAL)
		return world->nodes[node].source ? node : UINT32_MAX;
	for (uint32_t i = 0; i < world->node_count; i++) {
		char url[LIMITS_URL_SIZE + 1];

		snprintf(url, sizeof(url), "http://%s", world->nodes[i].setup.address);
		if (strcmp(url, source->url) == 0 && can_route(world, node, i))
			return i;
	}
	return UINT32_MAX;
}

static void fetch_release(struct world *world, uint32_t node, const struct action *action)
{
	uint32_t peer = resolve(world, node, &action->fetch_release.source), number = 0;
	const struct wrelease *release =
		release_by_id(world, action->fetch_release.release_id, &number);
	struct item *item;

	if (release == NULL || peer == UINT32_MAX || !has_release(world, peer, number)) {
		struct event *event =
			add_event(world, node, 2 * WORLD_LATENCY_MS, EVENT_RELEASE_FAILED);

		event->release_failed.peer = action->fetch_release.source.peer;
		memcpy(event->release_failed.release_id, action->fetch_release.release_id,
			BYTES_HASH_SIZE);
		return;
	}
	world->nodes[node].has_release[number] = true;
	item = add_item(world, 2 * WORLD_LATENCY_MS, ITEM_EVENT, node);
	item->event.kind = EVENT_RELEASE;
	item->event.release.peer = action->fetch_release.source.peer;
	memcpy(item->event.release.release_id, release->id, BYTES_HASH_SIZE);
	item->event.release.manifest = release->manifest;
	item->event.release.manifest_size = release->manifest_size;
	item->event.release.signatures = &release->signature;
	item->event.release.signature_count = 1;
}

static void open_image(struct world *world, uint32_t number, const struct action *action)
{
	struct wnode *node = &world->nodes[number];
	struct item *item = add_item(world, 5, ITEM_EVENT, number);
	uint8_t wire[(WORLD_CHUNKS + 7) / 8] = { 0 };

	if (!node->open ||
		memcmp(node->sha256, action->image_open.image->sha256, BYTES_HASH_SIZE) != 0)
		memset(node->held, 0, sizeof(node->held));
	memcpy(node->sha256, action->image_open.image->sha256, BYTES_HASH_SIZE);
	node->open = true;
	for (uint32_t i = 0; i < WORLD_CHUNKS; i++)
		wire[i / 8] |= (uint8_t)(node->held[i] << (i % 8));
	item->data = copy_bytes(wire, sizeof(wire));
	item->event.kind = EVENT_IMAGE_OPENED;
	item->event.image_opened.error = EVENT_IMAGE_OK;
	item->event.image_opened.local = node->source;
	item->event.image_opened.held = (const uint8_t *)item->data;
	item->event.image_opened.held_size = sizeof(wire);
}

static void fetch_chunkmap(struct world *world, uint32_t number, const struct action *action)
{
	uint32_t peer = resolve(world, number, &action->fetch_chunkmap.source);
	struct item *item = add_item(world, 2 * WORLD_LATENCY_MS, ITEM_EVENT, number);
	uint8_t wire[(WORLD_CHUNKS + 7) / 8] = { 0 };

	item->event.kind = EVENT_CHUNKMAP;
	item->event.chunkmap.peer = action->fetch_chunkmap.source.peer;
	if (peer == UINT32_MAX)
		return;
	for (uint32_t i = 0; i < WORLD_CHUNKS; i++) {
		const struct wnode *other = &world->nodes[peer];

		if (other->source || (other->open && other->held[i] &&
					     memcmp(other->sha256, action->fetch_chunkmap.sha256,
						     BYTES_HASH_SIZE) == 0))
			wire[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	item->data = copy_bytes(wire, sizeof(wire));
	item->event.chunkmap.wire = (const uint8_t *)item->data;
	item->event.chunkmap.wire_size = sizeof(wire);
}

static void fetch_chunk(struct world *world, uint32_t number, const struct action *action)
{
	uint32_t peer = resolve(world, number, &action->fetch_chunk.source), release, board;
	uint32_t chunk = action->fetch_chunk.chunk;
	struct item *item = add_item(world, 20 + 2 * WORLD_LATENCY_MS, ITEM_EVENT, number);
	const struct wnode *other;
	bool own_image;

	item->event.kind = EVENT_CHUNK;
	item->event.chunk.peer = action->fetch_chunk.source.peer;
	item->event.chunk.chunk = chunk;
	item->event.chunk.outcome = EVENT_CHUNK_FAILED;
	if (peer == UINT32_MAX)
		return;
	other = &world->nodes[peer];
	own_image = other->open && other->held[chunk] &&
		    memcmp(other->sha256, action->fetch_chunk.sha256, BYTES_HASH_SIZE) == 0;
	item->event.chunk.outcome = EVENT_CHUNK_NOT_HELD;
	if (!own_image && !other->source)
		return;
	if (!find_image(world, action->fetch_chunk.sha256, &release, &board))
		return;
	item->data = copy_bytes(world->releases[release].images[board] + action->fetch_chunk.offset,
		action->fetch_chunk.size);
	if (other->faults.wrong_chunks)
		item->data[0] = (char)~item->data[0];
	item->event.chunk.outcome = EVENT_CHUNK_CAME;
	item->event.chunk.bytes = (const uint8_t *)item->data;
	item->event.chunk.size = action->fetch_chunk.size;
}

static void drop_chunk_items(struct world *world, uint32_t node)
{
	for (size_t i = 0; i < world->item_count; i++) {
		struct item *item = &world->items[i];

		if (item->node == node && item->kind == ITEM_EVENT &&
			(item->event.kind == EVENT_CHUNK || item->event.kind == EVENT_CHUNKMAP))
			item->boot = UINT32_MAX;
	}
}

static void write_chunk(struct world *world, uint32_t number, const struct action *action)
{
	struct wnode *node = &world->nodes[number];
	struct event *event;

	assert(node->open);
	memcpy(node->image + action->image_write.offset, action->image_write.bytes,
		action->image_write.size);
	node->held[action->image_write.chunk] = 1;
	event = add_event(world, number, 0, EVENT_CHUNK_WRITTEN);
	event->chunk_written.chunk = action->image_write.chunk;
	event->chunk_written.error = EVENT_IMAGE_OK;
}

static void start_flash(struct world *world, uint32_t number, uint32_t window_s)
{
	struct wnode *node = &world->nodes[number];
	uint32_t board;
	struct event *event;

	node->flashed_ms = world->now_ms;
	node->flash_count++;
	node->fell_back = false;
	node->window_s = window_s;
	if (node->faults.flash_fails) {
		event = add_event(world, number, WORLD_FLASH_MS / 2, EVENT_FLASHER);
		event->flasher.verb = FLASHER_FLASH;
		text_set(
			event->flasher.message, sizeof(event->flasher.message), "mtd: write error");
		return;
	}
	if (node->faults.cut_flash) {
		node->faults.cut_flash = false;
		reboot(world, number, WORLD_FLASH_MS / 2 + WORLD_BOOT_MS);
		return;
	}
	assert(find_image(world, node->sha256, &node->image_release, &board));
	assert(board == node->board); /* I1 */
	add_item(world, node->faults.slow_flash ? WORLD_SLOW_FLASH_MS : WORLD_FLASH_MS, ITEM_REBOOT,
		number);
}

static void run_flasher(struct world *world, uint32_t number, const struct action *action)
{
	struct wnode *node = &world->nodes[number];
	struct event *event;

	switch (action->flasher.verb) {
	case FLASHER_FLASH:
		start_flash(world, number, action->flasher.window_s);
		return;
	case FLASHER_REVERT:
		reboot(world, number, WORLD_BOOT_MS);
		return;
	case FLASHER_CONFIRM:
		if (!node->faults.forgets_confirm) {
			node->trial = false;
			node->stable = node->running;
			node->window_end_ms = WINDOW_NONE;
		}
		break;
	default:
		break;
	}
	event = add_event(world, number, 10, EVENT_FLASHER);
	event->flasher.verb = action->flasher.verb;
	event->flasher.ok = !(action->flasher.verb == FLASHER_CHECK && node->faults.check_fails);
	event->flasher.remaining_ms =
		node->trial ? (int64_t)(node->window_end_ms - world->now_ms) : -1;
}

static void start_exchange(struct world *world, uint32_t node, const struct action *action)
{
	uint32_t peer = action->exchange.neighbour;
	struct item *item;

	if (!can_talk(world, node, peer)) {
		struct event *event = add_event(world, node, 1000, EVENT_EXCHANGE_OVER);

		event->exchange_over.neighbour = peer;
		event->exchange_over.type = action->exchange.type;
		return;
	}
	item = add_item(world, WORLD_LATENCY_MS * 4, ITEM_WRITE, node);
	item->peer = peer;
	item->type = action->exchange.type;
}

static void write_exchange(struct world *world, const struct item *write)
{
	struct item *push = add_item(world, WORLD_LATENCY_MS, ITEM_PUSH, write->peer);
	struct text text;

	push->peer = write->node;
	push->peer_boot = world->nodes[write->node].boot;
	push->type = write->type;
	push->data = malloc(SLICE_CAPACITY);
	assert(push->data != NULL);
	text_init(&text, push->data, SLICE_CAPACITY);
	agent_slice_for(
		world->nodes[write->node].agent, world->now_ms, write->peer, write->type, &text);
	assert(!text_cut(&text));
	push->data_size = text.size;
}

static void finish_exchange(struct world *world, const struct item *push)
{
	struct wnode *asker = &world->nodes[push->peer];
	struct event event = { .kind = EVENT_SLICE };
	struct text text;
	struct item *item;
	char *answer;

	if (asker->boot != push->peer_boot)
		return;
	if (!can_talk(world, push->node, push->peer)) {
		struct event *over = add_event(world, push->peer, 1000, EVENT_EXCHANGE_OVER);

		over->exchange_over.neighbour = push->node;
		over->exchange_over.type = push->type;
		return;
	}
	event.slice.type = push->type;
	event.slice.data = push->data;
	event.slice.data_size = push->data_size;
	event.slice.neighbour = push->peer;
	event.slice.remote = true;
	event.slice.rtt_ms = 2 * WORLD_LATENCY_MS;
	step(world, push->node, &event);
	if (world->nodes[push->node].agent == NULL)
		return;
	answer = malloc(SLICE_CAPACITY);
	assert(answer != NULL);
	text_init(&text, answer, SLICE_CAPACITY);
	agent_answer(world->nodes[push->node].agent, world->now_ms, push->type, push->data,
		push->data_size, &text);
	assert(!text_cut(&text));
	item = add_item(world, WORLD_LATENCY_MS, ITEM_EVENT, push->peer);
	item->data = answer;
	item->event = event;
	item->event.slice.data = answer;
	item->event.slice.data_size = text.size;
	item->event.slice.neighbour = push->node;
	item->event.slice.answer = true;
	item = add_item(world, WORLD_LATENCY_MS, ITEM_EVENT, push->peer);
	item->event.kind = EVENT_EXCHANGE_OVER;
	item->event.exchange_over.neighbour = push->node;
	item->event.exchange_over.type = push->type;
	item->event.exchange_over.ok = true;
}

/* False if nothing after it may be done. */
static bool write_journal(struct world *world, uint32_t number, const struct action *action)
{
	struct wnode *node = &world->nodes[number];

	if (node->faults.journal_fails) {
		add_event(world, number, 0, EVENT_JOURNAL_FAILED);
		return false;
	}
	free(node->journal);
	node->journal = copy_bytes(action->journal.bytes, action->journal.size);
	node->journal_size = action->journal.size;
	node->journal_writes++;
	if (node->faults.cut_at_journal > 0 && --node->faults.cut_at_journal == 0) {
		reboot(world, number, WORLD_BOOT_MS);
		return false;
	}
	return true;
}

static bool perform_one(struct world *world, uint32_t number, const struct action *action)
{
	struct wnode *node = &world->nodes[number];
	struct event *event;
	uint32_t release, board;

	switch (action->kind) {
	case ACTION_JOURNAL:
		return write_journal(world, number, action);
	case ACTION_HELLO:
		add_item(world, WORLD_LATENCY_MS, ITEM_NEWS, number);
		break;
	case ACTION_EXCHANGE:
		start_exchange(world, number, action);
		break;
	case ACTION_ANSWER:
		world->answer = action->answer.reason;
		break;
	case ACTION_FETCH_RELEASE:
		fetch_release(world, number, action);
		break;
	case ACTION_IMAGE_OPEN:
		open_image(world, number, action);
		break;
	case ACTION_FETCH_CHUNKMAP:
		fetch_chunkmap(world, number, action);
		break;
	case ACTION_FETCH_CHUNK:
		fetch_chunk(world, number, action);
		break;
	case ACTION_FETCH_STOP:
		drop_chunk_items(world, number);
		break;
	case ACTION_IMAGE_WRITE:
		write_chunk(world, number, action);
		break;
	case ACTION_IMAGE_HASH:
		event = add_event(world, number, 5, EVENT_IMAGE_HASHED);
		bytes_sha256(event->image_hashed.sha256, node->image, WORLD_IMAGE_SIZE);
		event->image_hashed.trailer_ok = true;
		break;
	case ACTION_IMAGE_DROP:
		node->open = false;
		memset(node->held, 0, sizeof(node->held));
		break;
	case ACTION_FLASHER:
		run_flasher(world, number, action);
		break;
	case ACTION_HEALTH:
		event = add_event(world, number, 10, EVENT_HEALTH);
		event->health.ok = !node->faults.unhealthy;
		event->health.gateway_ok = true;
		break;
	case ACTION_MEASURE:
		event = add_event(world, number, 20, EVENT_MEASURED);
		event->measured.neighbour = action->measure.neighbour;
		event->measured.kbit = node->faults.no_measure ? 0 : 20000;
		node->measures++;
		break;
	case ACTION_CHANGED:
		node->changes++;
		break;
	case ACTION_LOG:
		if (world->loud)
			fprintf(stderr, "%8llu %-7s %s: %s\n", (unsigned long long)world->now_ms,
				node->name, action->log.code, action->log.text);
		break;
	}
	(void)release;
	(void)board;
	return world->nodes[number].agent != NULL;
}

static void perform(struct world *world, uint32_t number, const struct actions *actions)
{
	for (uint32_t i = 0; i < actions->count; i++) {
		if (!perform_one(world, number, &actions->list[i]))
			return;
	}
}

/* ---- the loop ---- */

static void say_hello(struct world *world, uint32_t number)
{
	struct wnode *node = &world->nodes[number];
	uint8_t offer[AGENT_OFFER_MAX];
	size_t size = agent_offer(node->agent, offer);

	for (uint32_t peer = 0; peer < world->node_count; peer++) {
		struct wnode *other = &world->nodes[peer];
		struct event event = { .kind = EVENT_NEIGHBOUR_UP };

		if (!can_talk(world, number, peer))
			continue;
		other->heard[number] = true;
		other->heard_ms[number] = world->now_ms;
		event.neighbour_up.neighbour = number;
		text_set(event.neighbour_up.name, sizeof(event.neighbour_up.name), node->name);
		event.neighbour_up.has_digest = true;
		event.neighbour_up.digest = agent_digest(node->agent);
		event.neighbour_up.offer = offer;
		event.neighbour_up.offer_size = size;
		step(world, peer, &event);
	}
	for (uint32_t peer = 0; peer < world->node_count; peer++) {
		struct event event = { .kind = EVENT_NEIGHBOUR_DOWN };

		if (!node->heard[peer] || world->now_ms < node->heard_ms[peer] + 3500)
			continue;
		node->heard[peer] = false;
		event.neighbour_down.neighbour = peer;
		step(world, number, &event);
	}
}

static void run_item(struct world *world, const struct item *item)
{
	struct wnode *node = &world->nodes[item->node];

	if (item->kind == ITEM_PUSH) {
		finish_exchange(world, item);
		return;
	}
	if (item->kind == ITEM_WINDOW) {
		if (node->board_boots == item->peer_boot && node->trial && node->powered)
			reboot(world, item->node, WORLD_BOOT_MS);
		return;
	}
	if (item->boot != node->boot)
		return;
	switch (item->kind) {
	case ITEM_EVENT:
		step(world, item->node, &item->event);
		break;
	case ITEM_WRITE:
		if (node->agent != NULL)
			write_exchange(world, item);
		break;
	case ITEM_BOOT:
		if (node->powered && node->agent == NULL)
			boot_board(world, item->node);
		break;
	case ITEM_REBOOT:
		node->armed = node->image_release;
		reboot(world, item->node, WORLD_BOOT_MS);
		break;
	case ITEM_HELLO:
		if (node->agent != NULL)
			add_item(world, HELLO_MS, ITEM_HELLO, item->node);
		/* fall through */
	case ITEM_NEWS:
		if (node->agent != NULL)
			say_hello(world, item->node);
		break;
	default:
		break;
	}
}

/* The next thing to happen: an item, or a node that wants to be woken. */
static bool run_next(struct world *world, uint64_t end_ms)
{
	struct event tick = { .kind = EVENT_TICK };
	uint64_t best_ms = end_ms;
	size_t best_item = SIZE_MAX;
	uint32_t best_node = UINT32_MAX;

	for (size_t i = 0; i < world->item_count; i++) {
		const struct item *item = &world->items[i];

		if (item->at_ms < best_ms ||
			(item->at_ms == best_ms &&
				(best_item == SIZE_MAX ||
					item->order < world->items[best_item].order))) {
			best_ms = item->at_ms;
			best_item = i;
		}
	}
	for (uint32_t i = 0; i < world->node_count; i++) {
		const struct wnode *node = &world->nodes[i];
		uint64_t wake_ms = node->wake_ms > world->now_ms ? node->wake_ms : world->now_ms;

		if (node->agent != NULL && node->wake_ms != UINT64_MAX && wake_ms < best_ms) {
			best_ms = wake_ms;
			best_item = SIZE_MAX;
			best_node = i;
		}
	}
	if (best_node != UINT32_MAX && best_item == SIZE_MAX) {
		world->now_ms = best_ms;
		step(world, best_node, &tick);
		return true;
	}
	if (best_item == SIZE_MAX) {
		world->now_ms = end_ms;
		return false;
	} else {
		struct item item = world->items[best_item];

		world->items[best_item] = world->items[--world->item_count];
		if (item.at_ms > world->now_ms)
			world->now_ms = item.at_ms;
		run_item(world, &item);
		free(item.data);
	}
	return true;
}

void world_run(struct world *world, uint64_t ms)
{
	uint64_t end_ms = world->now_ms + ms;

	while (world->now_ms < end_ms && run_next(world, end_ms))
		;
}

bool world_until(struct world *world, bool (*holds)(struct world *world, const void *context),
	const void *context, uint64_t ms)
{
	uint64_t end_ms = world->now_ms + ms;

	while (!holds(world, context)) {
		if (world->now_ms >= end_ms || !run_next(world, end_ms))
			return holds(world, context);
	}
	return true;
}

static bool all_in_state(struct world *world, const void *context)
{
	enum node_state state = *(const enum node_state *)context;
	uint32_t up = 0;

	for (uint32_t i = 0; i < world->node_count; i++) {
		if (!world->nodes[i].powered)
			continue;
		if (world->nodes[i].agent == NULL || agent_state(world->nodes[i].agent) != state)
			return false;
		up++;
	}
	return up > 0;
}

bool world_until_state(struct world *world, enum node_state state, uint64_t ms)
{
	return world_until(world, all_in_state, &state, ms);
}

/* ---- setting up ---- */

/* Low byte first: the same keys on every machine. */
static void key_from(struct usign_secret *key, uint8_t kind, uint64_t number)
{
	uint8_t seed[USIGN_SEED_SIZE] = { kind };

	for (uint32_t i = 0; i < sizeof(number); i++)
		seed[8 + i] = (uint8_t)(number >> 8 * i);
	usign_from_seed(key, seed);
}

struct world *world_new(uint32_t nodes, uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	struct usign_public key;

	assert(world != NULL);
	assert(nodes <= WORLD_NODES_MAX);
	world->node_count = nodes;
	world->now_ms = 1000;
	world->loud = getenv("WORLD_LOUD") != NULL;
	key_from(&world->release_key, 1, 0);
	key_from(&world->operator_key, 2, 0);
	key_from(&world->stranger_key, 3, 0);
	world_release(world, UINT32_MAX, false);
	for (uint32_t i = 0; i < nodes; i++) {
		struct wnode *node = &world->nodes[i];

		snprintf(node->name, sizeof(node->name), "node%u", i + 1);
		text_set(node->setup.name, sizeof(node->setup.name), node->name);
		text_set(node->setup.mesh, sizeof(node->setup.mesh), mesh_name);
		snprintf(
			node->setup.address, sizeof(node->setup.address), "10.77.0.%u:8430", i + 1);
		text_set(node->setup.board, sizeof(node->setup.board), boards[0]);
		key_from(&node->setup.node_key, 9, i);
		usign_public_of(&key, &world->release_key);
		assert(keyring_add(&node->setup.release_keys, &key));
		usign_public_of(&key, &world->operator_key);
		assert(keyring_add(&node->setup.operator_keys, &key));
		node->setup.release_threshold = 1;
		node->setup.flasher.slots = 2;
		node->setup.seed = seed * 1000 + i;
		node->setup.projection = true;
		node->running = node->stable = 1;
		node->wake_ms = UINT64_MAX;
	}
	world->nodes[0].source = true;
	return world;
}

void world_free(struct world *world)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		stop_daemon(&world->nodes[i]);
		free(world->nodes[i].journal);
	}
	for (size_t i = 0; i < world->item_count; i++)
		free(world->items[i].data);
	for (uint32_t i = 0; i < RELEASES_MAX; i++)
		free(world->releases[i].manifest);
	for (uint32_t i = 0; i < world->posted_count; i++)
		free(world->posted[i].text);
	free(world->items);
	free(world);
}

void world_link(struct world *world, uint32_t a, uint32_t b)
{
	world->nodes[a].linked[b] = world->nodes[b].linked[a] = true;
	world->nodes[a].link_up[b] = world->nodes[b].link_up[a] = true;
}

void world_chain(struct world *world)
{
	for (uint32_t i = 1; i < world->node_count; i++)
		world_link(world, i - 1, i);
}

void world_grid(struct world *world, uint32_t columns)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		if (i % columns != 0)
			world_link(world, i - 1, i);
		if (i >= columns)
			world_link(world, i - columns, i);
	}
}

void world_set_board(struct world *world, uint32_t node, uint32_t board)
{
	world->nodes[node].board = board;
	text_set(world->nodes[node].setup.board, sizeof(world->nodes[node].setup.board),
		boards[board]);
}

void world_set_slots(struct world *world, uint32_t node, uint32_t slots)
{
	world->nodes[node].setup.flasher.slots = slots;
}

void world_start(struct world *world)
{
	for (uint32_t i = 0; i < world->node_count; i++) {
		world->nodes[i].powered = true;
		boot_board(world, i);
	}
	world_run(world, 5000);
}

struct world_faults *world_faults(struct world *world, uint32_t node)
{
	return &world->nodes[node].faults;
}

void world_link_set(struct world *world, uint32_t a, uint32_t b, bool up)
{
	world->nodes[a].link_up[b] = world->nodes[b].link_up[a] = up;
}

void world_power(struct world *world, uint32_t node, bool on)
{
	if (!on) {
		power_off(world, node);
		return;
	}
	assert(!world->nodes[node].powered);
	world->nodes[node].powered = true;
	add_item(world, WORLD_BOOT_MS, ITEM_BOOT, node);
}

void world_restart_daemon(struct world *world, uint32_t node)
{
	assert(world->nodes[node].agent != NULL);
	stop_daemon(&world->nodes[node]);
	start_daemon(world, node);
}

void world_lose_journal(struct world *world, uint32_t node)
{
	struct wnode *wnode = &world->nodes[node];

	stop_daemon(wnode);
	free(wnode->journal);
	wnode->journal = NULL;
	wnode->journal_size = 0;
	start_daemon(world, node);
}

bool world_is_up(const struct world *world, uint32_t node)
{
	return world->nodes[node].agent != NULL;
}

struct agent *world_agent(struct world *world, uint32_t node)
{
	return world->nodes[node].agent;
}

const char *world_name(const struct world *world, uint32_t node)
{
	return world->nodes[node].name;
}

const char *world_version(const struct world *world, uint32_t node)
{
	return world->releases[world->nodes[node].running].version;
}

enum node_state world_state(struct world *world, uint32_t node)
{
	assert(world->nodes[node].agent != NULL);
	return agent_state(world->nodes[node].agent);
}

enum reason world_reason(struct world *world, uint32_t node)
{
	char buffer[4096], *at, *end;
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	agent_view_status(world->nodes[node].agent, world->now_ms, &text);
	at = strstr(buffer, "\"reason\":\"");
	assert(at != NULL);
	at += strlen("\"reason\":\"");
	end = strchr(at, '"');
	assert(end != NULL);
	*end = '\0';
	return *at == '\0' ? REASON_NONE : reason_from_word(at);
}

uint64_t world_now(const struct world *world)
{
	return world->now_ms;
}

uint64_t world_flashed_ms(const struct world *world, uint32_t node)
{
	return world->nodes[node].flashed_ms;
}

uint32_t world_flash_count(const struct world *world, uint32_t node)
{
	return world->nodes[node].flash_count;
}

uint32_t world_journal_writes(const struct world *world, uint32_t node)
{
	return world->nodes[node].journal_writes;
}

uint32_t world_change_count(const struct world *world, uint32_t node)
{
	return world->nodes[node].changes;
}

uint32_t world_measure_count(const struct world *world, uint32_t node)
{
	return world->nodes[node].measures;
}

const struct usign_secret *world_node_key(const struct world *world, uint32_t node)
{
	return &world->nodes[node].setup.node_key;
}

/* ---- orders ---- */

static enum reason post_bytes(
	struct world *world, uint32_t node, const char *text, size_t size, const char *blob)
{
	struct event event = { .kind = EVENT_ORDER };

	event.order.request = 1;
	event.order.order = text;
	event.order.order_size = size;
	event.order.signature = blob;
	world->answer = REASON_COUNT;
	step(world, node, &event);
	return world->answer;
}

static enum reason post(
	struct world *world, uint32_t node, const struct order *order, bool untrusted)
{
	char *buffer = malloc(LIMITS_ORDER_SIZE + 1);
	struct usign_signature signature;
	size_t size;
	uint32_t nth = world->posted_count++;

	assert(buffer != NULL);
	assert(nth < POSTED_MAX);
	size = order_encode(order, buffer, LIMITS_ORDER_SIZE + 1);
	assert(size > 0);
	usign_sign(
		&signature, untrusted ? &world->stranger_key : &world->operator_key, buffer, size);
	usign_signature_to_blob(world->posted[nth].blob, &signature);
	world->posted[nth].text = buffer;
	world->posted[nth].size = size;
	return post_bytes(world, node, buffer, size, world->posted[nth].blob);
}

enum reason world_replay(struct world *world, uint32_t node, uint32_t nth)
{
	assert(nth < world->posted_count);
	return post_bytes(world, node, world->posted[nth].text, world->posted[nth].size,
		world->posted[nth].blob);
}

static uint64_t highest_epoch(struct world *world, uint32_t node)
{
	char *buffer = malloc(65536), *at;
	struct text text;
	uint64_t epoch;

	assert(buffer != NULL);
	text_init(&text, buffer, 65536);
	agent_view_mesh(world->nodes[node].agent, world->now_ms, &text);
	at = strstr(buffer, "\"highest_epoch\":");
	assert(at != NULL);
	epoch = strtoull(at + strlen("\"highest_epoch\":"), NULL, 10);
	free(buffer);
	return epoch;
}

static void begin_order(struct order *order, enum order_kind kind)
{
	memset(order, 0, sizeof(*order));
	order->kind = kind;
	text_set(order->mesh, sizeof(order->mesh), mesh_name);
	text_set(order->issued, sizeof(order->issued), "2026-11-23T10:00:00Z");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct order_participant *)a)->name,
		((const struct order_participant *)b)->name);
}

enum reason world_start_upgrade(struct world *world, uint32_t node, const struct world_start *start)
{
	struct order_participant participants[WORLD_NODES_MAX];
	const struct wrelease *release = &world->releases[start->release];
	uint32_t count = start->participants != 0 ? start->participants : world->node_count;
	struct usign_public key;
	struct order order;
	enum reason reason;

	begin_order(&order, ORDER_START);
	order.epoch = start->epoch != 0 ? start->epoch : highest_epoch(world, node) + 1;
	if (start->upgrade != NULL)
		assert(bytes_from_hex(order.upgrade, ORDER_UPGRADE_SIZE, start->upgrade));
	else
		order.upgrade[7] = (uint8_t)order.epoch;
	memcpy(order.start.release_id, release->id, BYTES_HASH_SIZE);
	text_set(order.start.version, sizeof(order.start.version), release->version);
	order.start.sequence = start->release;
	order.start.confirm = start->confirm;
	order.start.policy = start->policy;
	order.start.quorum_percent = start->quorum_percent != 0 ? start->quorum_percent : 100;
	order.start.hold_ms = 5000;
	order.start.allow_single_slot = start->allow_single_slot;
	order.start.allow_downgrade = start->allow_downgrade;
	order.start.catch_up = !start->no_catch_up;
	memset(participants, 0, sizeof(participants));
	for (uint32_t i = 0; i < count; i++) {
		text_set(participants[i].name, sizeof(participants[i].name), world->nodes[i].name);
		usign_public_of(&key, &world->nodes[i].setup.node_key);
		memcpy(participants[i].key, key.key, ORDER_KEY_SIZE);
		participants[i].wave =
			start->second_wave_from != 0 && i >= start->second_wave_from ? 1 : 0;
	}
	qsort(participants, count, sizeof(participants[0]), compare_names);
	order.start.participants = participants;
	order.start.participant_count = count;
	reason = post(world, node, &order, start->untrusted_key);
	if (reason == REASON_NONE) {
		order_id(world->last_start_id, world->posted[world->posted_count - 1].text,
			world->posted[world->posted_count - 1].size);
		memcpy(world->last_upgrade, order.upgrade, ORDER_UPGRADE_SIZE);
		world->last_epoch = order.epoch;
	}
	return reason;
}

static void follow_start(struct world *world, struct order *order, enum order_kind kind)
{
	begin_order(order, kind);
	order->epoch = world->last_epoch;
	memcpy(order->upgrade, world->last_upgrade, ORDER_UPGRADE_SIZE);
}

enum reason world_schedule(
	struct world *world, uint32_t node, uint32_t wave, uint32_t countdown_ms, uint32_t window_s)
{
	struct order order;

	follow_start(world, &order, ORDER_SCHEDULE);
	memcpy(order.schedule.start_id, world->last_start_id, BYTES_HASH_SIZE);
	order.schedule.wave = wave;
	order.schedule.countdown_ms = countdown_ms;
	order.schedule.confirm_window_s = window_s;
	return post(world, node, &order, false);
}

enum reason world_confirm(struct world *world, uint32_t node, uint32_t wave, const char *without)
{
	char names[1][LIMITS_NAME_SIZE + 1];
	struct order order;

	follow_start(world, &order, ORDER_CONFIRM);
	order.confirm.wave = wave;
	if (without != NULL) {
		text_set(names[0], sizeof(names[0]), without);
		order.confirm.without = names;
		order.confirm.without_count = 1;
	}
	return post(world, node, &order, false);
}

enum reason world_abort(struct world *world, uint32_t node)
{
	struct order order;

	follow_start(world, &order, ORDER_ABORT);
	text_set(order.abort.reason, sizeof(order.abort.reason), "changed my mind");
	return post(world, node, &order, false);
}

void world_inject(
	struct world *world, uint32_t node, const char *type, const char *data, uint32_t rtt_ms)
{
	struct event event = { .kind = EVENT_SLICE };

	event.slice.type = type;
	event.slice.data = data;
	event.slice.data_size = strlen(data);
	event.slice.neighbour = AGENT_PEER_NONE;
	event.slice.remote = true;
	event.slice.rtt_ms = rtt_ms;
	step(world, node, &event);
}
