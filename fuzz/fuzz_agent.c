// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: in which order everything happens to a node, and all that he can say to it.
 * The input is a script, one event a line, whose first letter says what it is; the world behind the
 * node answers what it asks for as tests/world.c does. Texts have the placeholders of fuzz_fill().
 *
 *   tMS         time passes                     o…  g… an operator's order, posted or by gossip
 *   uN UN dN    neighbour N is up, named, down  O…  G… the same, signed by a stranger
 *   r… R… n…    a record of node2, signed by    sT… data of type T (0 to 3) by gossip
 *               node2, a stranger, or us        A   all answers as they should be
 *   j           the next journal fails          aHW…  one answer: H is how, k as it should be,
 *   l           a local release                     f failed, n not held, w wrong; W is what was
 *   b           the daemon starts again             asked, r release, c chunk, m map, i image,
 *   p           the board loses its power           f flasher, else the oldest
 *   kN…         neighbour N offers an image: its first hash bytes ('=': of ours), a level, a map
 *   m           as r, of node3, a stranger      x     the daemon starts again on a board with one
 *   q           whoever asks gets our state           slot, and without LimeApp's data
 *
 * The node must live, and what the outside sees must be sound. It must never ask for a flash unless
 * a start and a schedule for it were really signed by the operator and given to it, and then only
 * with the image that the release key signed, whole.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/journal.h"
#include "common.h"
#include "core/order.h"
#include "faults.h"
#include "gossip/slice.h"

enum {
	EVENTS_MAX = 300, /* of one input */
	PENDING_MAX = 256,
	ORDERS_MAX = 64,
	CHECK_EACH = 32, /* events between two looks at everything */
	ANSWERS_MAX = 64,
};

/* An order that the operator really signed and that was given to the node. */
struct given {
	enum order_kind kind;
	uint8_t id[BYTES_HASH_SIZE];
	uint8_t start_id[BYTES_HASH_SIZE];
	uint32_t wave; /* our own in a start, or that of a schedule */
	bool names_us; /* a start, and for the release whose image we have */
};

struct world {
	struct agent *agent;
	struct actions *actions;
	uint64_t now_ms;
	uint32_t boots;
	uint32_t window_s;
	bool runs_new, trial, fell_back, journal_fails, local, single_slot;
	char *journal;
	size_t journal_size;
	struct action pending[PENDING_MAX]; /* not answered yet */
	uint32_t pending_count;
	bool image_open, checked;
	bool held[FUZZ_CHUNKS];
	uint8_t image[FUZZ_IMAGE_SIZE];
	struct given given[ORDERS_MAX];
	uint32_t given_count;
	uint8_t last_start_id[BYTES_HASH_SIZE];
};

static void step(struct world *world, const struct event *event);

/* ---- what was really ordered ---- */

static void remember(struct world *world, const char *text, size_t size)
{
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct given *given = &world->given[world->given_count];
	struct order order;

	if (world->given_count == ORDERS_MAX || order_decode(&order, text, size, FUZZ_MESH, problem,
							sizeof(problem)) != REASON_NONE)
		return;
	memset(given, 0, sizeof(*given));
	given->kind = order.kind;
	bytes_sha256(given->id, text, size);
	if (order.kind == ORDER_START) {
		uint32_t index = order_find_participant(&order.start, FUZZ_NAME);

		memcpy(world->last_start_id, given->id, BYTES_HASH_SIZE);
		given->names_us =
			index != UINT32_MAX &&
			memcmp(order.start.participants[index].key, fuzz_public(FUZZ_NODE)->key,
				ORDER_KEY_SIZE) == 0 &&
			memcmp(order.start.release_id, fuzz_release()->id, BYTES_HASH_SIZE) == 0;
		if (given->names_us)
			given->wave = order.start.participants[index].wave;
	} else if (order.kind == ORDER_SCHEDULE) {
		memcpy(given->start_id, order.schedule.start_id, BYTES_HASH_SIZE);
		given->wave = order.schedule.wave;
	}
	world->given_count++;
	order_free(&order);
}

static bool was_ordered(const struct world *world)
{
	for (uint32_t i = 0; i < world->given_count; i++) {
		const struct given *start = &world->given[i];

		if (start->kind != ORDER_START || !start->names_us)
			continue;
		for (uint32_t j = 0; j < world->given_count; j++) {
			const struct given *schedule = &world->given[j];

			if (schedule->kind == ORDER_SCHEDULE && schedule->wave == start->wave &&
				memcmp(schedule->start_id, start->id, BYTES_HASH_SIZE) == 0)
				return true;
		}
	}
	return false;
}

static void check_flash(const struct world *world)
{
	assert(was_ordered(world));
	assert(world->image_open && world->checked);
	for (uint32_t i = 0; i < FUZZ_CHUNKS; i++)
		assert(world->held[i]);
	assert(memcmp(world->image, fuzz_release()->image, FUZZ_IMAGE_SIZE) == 0);
	assert(!world->trial);
}

/* ---- the board ---- */

static void stop(struct world *world)
{
	agent_close(world->agent);
	free(world->agent);
	world->agent = NULL;
	world->pending_count = 0;
}

static void start(struct world *world)
{
	struct agent_setup *setup = fuzz_setup();
	struct event tick = { .kind = EVENT_TICK };

	if (world->runs_new)
		text_set(setup->version, sizeof(setup->version), "Fuzz 2.0");
	setup->boot_id[5] = (char)('1' + world->boots % 9);
	if (world->single_slot) {
		setup->flasher.slots = 1;
		setup->projection = false;
	}
	/* In every other life it carries what is nonsense to it. */
	setup->type_count = world->boots % 2;
	text_set(setup->types[0], sizeof(setup->types[0]), "nonsense");
	setup->flasher.trial = world->trial;
	setup->flasher.fell_back = world->fell_back;
	if (world->trial)
		setup->flasher.remaining_ms = (int64_t)world->window_s * 1000;
	setup->journal = world->journal;
	setup->journal_size = world->journal_size;
	setup->seed = world->boots;
	world->agent = calloc(1, agent_size());
	assert(world->agent != NULL);
	faults_on();
	agent_init(world->agent, setup, world->now_ms);
	faults_off();
	free(setup);
	step(world, &tick);
}

/* What lies in memory is gone. */
static void boot(struct world *world)
{
	stop(world);
	world->boots++;
	world->image_open = false;
	world->checked = false;
	memset(world->held, 0, sizeof(world->held));
	start(world);
}

static void flash(struct world *world)
{
	world->fell_back = false;
	world->runs_new = true;
	world->trial = true;
	boot(world);
}

static void go_back(struct world *world)
{
	if (world->trial) {
		world->runs_new = false;
		world->fell_back = true;
	}
	world->trial = false;
	boot(world);
}

/* ---- what the node says ---- */

static void look_at_text(const struct text *text)
{
	struct slice_reader reader;
	struct slice_entry entry;

	assert(!text_cut(text));
	slice_reader_init(&reader, text->buffer, text->size);
	while (slice_reader_next(&reader, &entry))
		;
	assert(!reader.bad);
}

/* What an exchange with this neighbour would carry. */
static void look_at_slice(const struct world *world, uint32_t neighbour, const char *type)
{
	char *buffer = malloc(LIMITS_SLICE_SIZE + 1);
	struct text text;

	assert(buffer != NULL);
	text_init(&text, buffer, LIMITS_SLICE_SIZE + 1);
	agent_slice_for(world->agent, world->now_ms, neighbour, type, &text);
	look_at_text(&text);
	free(buffer);
}

/* The answer to a message; with its own digest there is little to say. */
static void look_at_answer(
	const struct world *world, const char *type, const char *data, size_t size)
{
	char *buffer = malloc(LIMITS_SLICE_SIZE + 1);
	struct text text;

	assert(buffer != NULL);
	text_init(&text, buffer, LIMITS_SLICE_SIZE + 1);
	agent_answer(world->agent, world->now_ms, type, data, size, &text);
	look_at_text(&text);
	free(buffer);
}

/* Whoever asks with digests of other records gets all of ours. */
static void look_at_difference(const struct world *world)
{
	char digest[SLICE_DIGEST_SIZE + 1], message[SLICE_DIGEST_SIZE + 64];

	memset(digest, 'A', SLICE_DIGEST_SIZE);
	memcpy(digest + SLICE_DIGEST_SIZE - 2, "==", sizeof("=="));
	snprintf(message, sizeof(message), "{\"stateSlice\":[],\"lockstep\":\"%s\"}", digest);
	look_at_answer(world, "lockstep_nodes", message, strlen(message));
}

static void look_at_answers(const struct world *world)
{
	static const char *const all[] = { "lockstep_nodes", "lockstep_orders", "mesh_wide_upgrade",
		"nonsense" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *buffer = malloc(LIMITS_SLICE_SIZE + 1);
		struct text text;

		assert(buffer != NULL);
		text_init(&text, buffer, LIMITS_SLICE_SIZE + 1);
		/* What the agent did not ask for it need not write. */
		if (agent_speaks(world->agent, all[i])) {
			agent_slice_for(world->agent, world->now_ms, 1, all[i], &text);
			look_at_text(&text);
		}
		look_at_answer(world, all[i], buffer, text.size);
		free(buffer);
	}
	look_at_difference(world);
}

/* ---- what the node asks for ---- */

static void write_chunk(struct world *world, const struct action *action)
{
	uint32_t chunk = action->image_write.chunk;

	/* Only what was signed ever comes onto the disk. */
	assert(world->image_open && chunk < FUZZ_CHUNKS);
	assert(action->image_write.offset == (uint64_t)chunk * FUZZ_CHUNK_SIZE);
	assert(action->image_write.size <= FUZZ_IMAGE_SIZE - action->image_write.offset);
	memcpy(world->image + action->image_write.offset, action->image_write.bytes,
		action->image_write.size);
	assert(memcmp(world->image + action->image_write.offset,
		       fuzz_release()->image + action->image_write.offset,
		       action->image_write.size) == 0);
	world->held[chunk] = true;
}

static void stop_fetches(struct world *world)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < world->pending_count; i++) {
		if (world->pending[i].kind != ACTION_FETCH_CHUNK &&
			world->pending[i].kind != ACTION_FETCH_CHUNKMAP)
			world->pending[kept++] = world->pending[i];
	}
	world->pending_count = kept;
}

static void keep_journal(struct world *world, const struct action *action)
{
	struct journal journal = { 0 };
	struct book book;
	bool ok;

	free(world->journal);
	world->journal = fuzz_copy(action->journal.bytes, action->journal.size);
	world->journal_size = action->journal.size;
	book_init(&book);
	ok = journal_decode(&journal, &book, FUZZ_MESH, world->journal, world->journal_size, 0);
	assert(ok);
	book_clear(&book);
}

/* False if nothing after it may be done. */
static bool perform(struct world *world, const struct action *action)
{
	switch (action->kind) {
	case ACTION_JOURNAL:
		if (world->journal_fails)
			return false;
		keep_journal(world, action);
		return true;
	case ACTION_ANSWER:
	case ACTION_CHANGED:
	case ACTION_HELLO:
	case ACTION_LOG:
		return true;
	case ACTION_FETCH_STOP:
		stop_fetches(world);
		return true;
	case ACTION_IMAGE_DROP:
		world->image_open = false;
		memset(world->held, 0, sizeof(world->held));
		return true;
	case ACTION_IMAGE_OPEN:
		assert(memcmp(action->image_open.image->sha256, fuzz_release()->sha256,
			       BYTES_HASH_SIZE) == 0);
		world->image_open = true;
		world->checked = false;
		break;
	case ACTION_IMAGE_WRITE:
		write_chunk(world, action);
		break;
	case ACTION_FLASHER:
		if (action->flasher.verb == FLASHER_FLASH) {
			check_flash(world);
			world->window_s = action->flasher.window_s;
		}
		break;
	case ACTION_EXCHANGE:
		look_at_slice(world, action->exchange.neighbour, action->exchange.type);
		break;
	default:
		break;
	}
	assert(world->pending_count < PENDING_MAX);
	world->pending[world->pending_count++] = *action;
	return true;
}

static void step(struct world *world, const struct event *event)
{
	struct event failed = { .kind = EVENT_JOURNAL_FAILED };
	bool done = true;

	world->now_ms++;
	faults_on();
	(void)agent_step(world->agent, world->now_ms, event, world->actions);
	faults_off();
	assert(world->actions->count <= LIMITS_ACTIONS_MAX);
	for (uint32_t i = 0; i < world->actions->count && done; i++)
		done = perform(world, &world->actions->list[i]);
	if (!done) {
		world->journal_fails = false;
		step(world, &failed);
	}
}

/* ---- answers ---- */

static void answer_release(
	struct world *world, const struct action *asked, char how, const char *rest, size_t size)
{
	const struct fuzz_release *release = fuzz_release();
	struct event event = { .kind = how == 'k' || how == 'w' ? EVENT_RELEASE
								: EVENT_RELEASE_FAILED };

	event.release.peer = asked->fetch_release.source.peer;
	memcpy(event.release.release_id, asked->fetch_release.release_id, BYTES_HASH_SIZE);
	if (event.kind == EVENT_RELEASE) {
		event.release.manifest = how == 'k' ? release->manifest : rest;
		event.release.manifest_size = how == 'k' ? release->manifest_size : size;
		event.release.signatures = &release->signature;
		event.release.signature_count = 1;
	}
	step(world, &event);
}

static void answer_chunk(
	struct world *world, const struct action *asked, char how, const char *rest, size_t size)
{
	struct event event = { .kind = EVENT_CHUNK };

	event.chunk.peer = asked->fetch_chunk.source.peer;
	event.chunk.chunk = asked->fetch_chunk.chunk;
	event.chunk.outcome = how == 'n'   ? EVENT_CHUNK_NOT_HELD
			      : how == 'f' ? EVENT_CHUNK_FAILED
					   : EVENT_CHUNK_CAME;
	if (how == 'k') {
		assert(asked->fetch_chunk.offset + asked->fetch_chunk.size <= FUZZ_IMAGE_SIZE);
		event.chunk.bytes = fuzz_release()->image + asked->fetch_chunk.offset;
		event.chunk.size = asked->fetch_chunk.size;
	} else if (how == 'w') {
		event.chunk.bytes = (const uint8_t *)rest;
		event.chunk.size = size;
	}
	step(world, &event);
}

static void answer_map(
	struct world *world, const struct action *asked, char how, const char *rest, size_t size)
{
	static const uint8_t all[] = { (1 << FUZZ_CHUNKS) - 1 };
	struct event event = { .kind = EVENT_CHUNKMAP };

	event.chunkmap.peer = asked->fetch_chunkmap.source.peer;
	if (how == 'k') {
		event.chunkmap.wire = all;
		event.chunkmap.wire_size = sizeof(all);
	} else if (how == 'w') {
		event.chunkmap.wire = (const uint8_t *)rest;
		event.chunkmap.wire_size = size;
	}
	step(world, &event);
}

static void answer_image(struct world *world, const struct action *asked, char how)
{
	static const uint8_t none[] = { 0 };
	enum event_image_error error = how == 'f'   ? EVENT_IMAGE_FAILED
				       : how == 'n' ? EVENT_IMAGE_NO_SPACE
						    : EVENT_IMAGE_OK;
	struct event event = { .kind = EVENT_IMAGE_OPENED };

	if (asked->kind == ACTION_IMAGE_OPEN) {
		event.image_opened.error = error;
		event.image_opened.local = world->local;
		event.image_opened.held = none;
		event.image_opened.held_size = sizeof(none);
	} else if (asked->kind == ACTION_IMAGE_WRITE) {
		event.kind = EVENT_CHUNK_WRITTEN;
		event.chunk_written.chunk = asked->image_write.chunk;
		event.chunk_written.error = error;
	} else {
		event.kind = EVENT_IMAGE_HASHED;
		event.image_hashed.error = error;
		event.image_hashed.trailer_ok = how == 'k';
		bytes_sha256(event.image_hashed.sha256, world->image, FUZZ_IMAGE_SIZE);
	}
	step(world, &event);
}

static void answer_flasher(struct world *world, const struct action *asked, char how)
{
	struct event event = { .kind = EVENT_FLASHER };

	event.flasher.verb = asked->flasher.verb;
	event.flasher.ok = how == 'k';
	if (how == 'k' && asked->flasher.verb == FLASHER_FLASH) {
		flash(world);
		return;
	}
	if (how == 'k' && asked->flasher.verb == FLASHER_REVERT) {
		go_back(world);
		return;
	}
	if (how == 'k' && asked->flasher.verb == FLASHER_CONFIRM)
		world->trial = false;
	if (how == 'k' && asked->flasher.verb == FLASHER_CHECK)
		world->checked = true;
	event.flasher.remaining_ms = world->trial ? 20000 : -1;
	step(world, &event);
}

static void answer_other(struct world *world, const struct action *asked, char how)
{
	struct event event = { .kind = EVENT_EXCHANGE_OVER };

	if (asked->kind == ACTION_EXCHANGE) {
		event.exchange_over.neighbour = asked->exchange.neighbour;
		event.exchange_over.type = asked->exchange.type;
		event.exchange_over.ok = how == 'k';
	} else if (asked->kind == ACTION_HEALTH) {
		event.kind = EVENT_HEALTH;
		event.health.ok = how == 'k';
		event.health.gateway_ok = how != 'n';
	} else {
		event.kind = EVENT_MEASURED;
		event.measured.neighbour = asked->measure.neighbour;
		event.measured.kbit = how == 'k' ? 20000 : how == 'w' ? UINT32_MAX : 0;
	}
	step(world, &event);
}

static char letter_of(const struct action *asked)
{
	switch (asked->kind) {
	case ACTION_FETCH_RELEASE:
		return 'r';
	case ACTION_FETCH_CHUNK:
		return 'c';
	case ACTION_FETCH_CHUNKMAP:
		return 'm';
	case ACTION_IMAGE_OPEN:
	case ACTION_IMAGE_WRITE:
	case ACTION_IMAGE_HASH:
		return 'i';
	case ACTION_FLASHER:
		return 'f';
	default:
		return ' ';
	}
}

static void answer(struct world *world, char how, const char *rest, size_t size)
{
	struct action asked;
	uint32_t at = 0;

	if (world->pending_count == 0)
		return;
	while (size > 0 && at < world->pending_count && letter_of(&world->pending[at]) != *rest)
		at++;
	if (at == world->pending_count)
		at = 0;
	if (size > 0) {
		rest++;
		size--;
	}
	asked = world->pending[at];
	world->pending_count--;
	memmove(&world->pending[at], &world->pending[at + 1],
		(world->pending_count - at) * sizeof(world->pending[0]));
	switch (asked.kind) {
	case ACTION_FETCH_RELEASE:
		answer_release(world, &asked, how, rest, size);
		break;
	case ACTION_FETCH_CHUNK:
		answer_chunk(world, &asked, how, rest, size);
		break;
	case ACTION_FETCH_CHUNKMAP:
		answer_map(world, &asked, how, rest, size);
		break;
	case ACTION_IMAGE_OPEN:
	case ACTION_IMAGE_WRITE:
	case ACTION_IMAGE_HASH:
		answer_image(world, &asked, how);
		break;
	case ACTION_FLASHER:
		answer_flasher(world, &asked, how);
		break;
	default:
		answer_other(world, &asked, how);
		break;
	}
}

/* ---- what happens to the node ---- */

static void give_slice(struct world *world, const char *type, const char *data, size_t size)
{
	struct event event = { .kind = EVENT_SLICE };
	char *exact = fuzz_copy(data, size);

	event.slice.type = type;
	event.slice.data = exact;
	event.slice.data_size = size;
	event.slice.neighbour = size % 5 == 0 ? AGENT_PEER_NONE : 1;
	event.slice.remote = true;
	event.slice.answer = size % 2 == 0;
	event.slice.rtt_ms = 10;
	step(world, &event);
	if (!event.slice.answer && world->agent != NULL)
		look_at_answer(world, type, exact, size);
	free(exact);
}

static void give_order(
	struct world *world, enum fuzz_key key, bool posted, const char *text, size_t size)
{
	struct event event = { .kind = EVENT_ORDER };
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	size_t filled_size, slice_size;
	char *filled = fuzz_fill(text, size, world->last_start_id, &filled_size);

	if (key == FUZZ_OPERATOR)
		remember(world, filled, filled_size);
	if (posted) {
		fuzz_sign(blob, key, filled, filled_size);
		event.order.order = filled;
		event.order.order_size = filled_size;
		event.order.signature = blob;
		step(world, &event);
	} else {
		char *slice = fuzz_order_slice(key, filled, filled_size, 3000, &slice_size);

		give_slice(world, "lockstep_orders", slice, slice_size);
		free(slice);
	}
	free(filled);
}

static void give_record(
	struct world *world, enum fuzz_key key, const char *name, const char *text, size_t size)
{
	size_t filled_size, envelope_size, slice_size;
	char *filled = fuzz_fill(text, size, world->last_start_id, &filled_size);
	char *envelope = fuzz_envelope(key, filled, filled_size, &envelope_size);
	char *slice = fuzz_slice(name, envelope, envelope_size, &slice_size);

	give_slice(world, "lockstep_nodes", slice, slice_size);
	free(slice);
	free(envelope);
	free(filled);
}

static void meet(struct world *world, char digit, bool up, const char *name)
{
	struct event event = { .kind = up ? EVENT_NEIGHBOUR_UP : EVENT_NEIGHBOUR_DOWN };
	uint32_t number = (uint32_t)digit % LIMITS_NEIGHBOURS_MAX;

	if (up) {
		event.neighbour_up.neighbour = number;
		event.neighbour_up.has_digest = number % 2 == 1;
		event.neighbour_up.host = number == 4;
		event.neighbour_up.digest = world->now_ms;
		if (event.neighbour_up.has_digest)
			text_set(event.neighbour_up.name, sizeof(event.neighbour_up.name), name);
	} else {
		event.neighbour_down.neighbour = number;
	}
	step(world, &event);
}

static void offer(struct world *world, char digit, const char *text, size_t size)
{
	struct event event = { .kind = EVENT_NEIGHBOUR_UP };
	bool ours = size > 0 && *text == '=';
	size_t id_size = ours ? 8 : 0;
	uint8_t *bytes;

	text += ours;
	size -= ours;
	/* Exactly so much memory: nothing is read beyond it. */
	bytes = malloc(id_size + size + 1);
	assert(bytes != NULL);
	memcpy(bytes, fuzz_release()->sha256, id_size);
	memcpy(bytes + id_size, text, size);
	event.neighbour_up.neighbour = (uint32_t)digit % LIMITS_NEIGHBOURS_MAX;
	event.neighbour_up.has_digest = true;
	event.neighbour_up.digest = world->now_ms;
	event.neighbour_up.offer = fuzz_copy(bytes, id_size + size);
	event.neighbour_up.offer_size = id_size + size;
	step(world, &event);
	free((void *)(uintptr_t)event.neighbour_up.offer);
	free(bytes);
}

static void pass_time(struct world *world, const char *text, size_t size)
{
	struct event tick = { .kind = EVENT_TICK };
	uint64_t ms = 0;

	for (size_t i = 0; i < size && i < 8 && text[i] >= '0' && text[i] <= '9'; i++)
		ms = ms * 10 + (uint64_t)(text[i] - '0');
	world->now_ms += ms;
	step(world, &tick);
}

static void take_line(struct world *world, const char *line, size_t size)
{
	static const char *const types[] = { "lockstep_nodes", "lockstep_orders",
		"mesh_wide_upgrade", "nonsense" };
	struct event local = { .kind = EVENT_LOCAL_RELEASE };
	const char *rest = line + 1;

	if (size-- == 0)
		return;
	switch (*line) {
	case 't':
		pass_time(world, rest, size);
		break;
	case 'o':
	case 'O':
	case 'g':
	case 'G':
		give_order(world, *line == 'o' || *line == 'g' ? FUZZ_OPERATOR : FUZZ_STRANGER,
			*line == 'o' || *line == 'O', rest, size);
		break;
	case 'r':
		give_record(world, FUZZ_OTHER, "node2", rest, size);
		break;
	case 'R':
		give_record(world, FUZZ_STRANGER, "node2", rest, size);
		break;
	case 'n':
		give_record(world, FUZZ_NODE, FUZZ_NAME, rest, size);
		break;
	case 's':
		if (size > 0)
			give_slice(world, types[((uint8_t)*rest - (uint8_t)'0') % 4u], rest + 1,
				size - 1);
		break;
	case 'm':
		give_record(world, FUZZ_STRANGER, "node3", rest, size);
		break;
	case 'q':
		look_at_answers(world);
		break;
	case 'x':
		world->single_slot = true;
		stop(world);
		start(world);
		break;
	case 'k':
		if (size > 0)
			offer(world, *rest, rest + 1, size - 1);
		break;
	case 'u':
	case 'U':
	case 'd':
		if (size > 0)
			meet(world, *rest, *line != 'd', *line == 'U' ? "node9" : "node2");
		break;
	case 'a':
		if (size > 0)
			answer(world, *rest, rest + 1, size - 1);
		break;
	case 'A':
		for (uint32_t i = 0; i < ANSWERS_MAX && world->pending_count > 0; i++)
			answer(world, 'k', NULL, 0);
		break;
	case 'j':
		world->journal_fails = true;
		break;
	case 'l':
		world->local = true;
		memcpy(local.local_release.release_id, fuzz_release()->id, BYTES_HASH_SIZE);
		step(world, &local);
		break;
	case 'b':
		stop(world);
		start(world);
		break;
	case 'p':
		go_back(world);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct world *world = calloc(1, sizeof(*world));
	const char *line;

	faults_plan(&bytes, &size);
	line = (const char *)bytes;
	assert(world != NULL);
	world->actions = malloc(sizeof(*world->actions));
	assert(world->actions != NULL);
	world->now_ms = 1000;
	start(world);
	for (uint32_t i = 1; i <= EVENTS_MAX && size > 0; i++) {
		const char *end = memchr(line, '\n', size);
		size_t line_size = end != NULL ? (size_t)(end - line) : size;

		take_line(world, line, line_size);
		if (i % CHECK_EACH == 0)
			fuzz_check_agent(world->agent, world->now_ms);
		line_size += end != NULL;
		line += line_size;
		size -= line_size;
	}
	fuzz_check_agent(world->agent, world->now_ms);
	stop(world);
	free(world->journal);
	free(world->actions);
	free(world);
	return 0;
}
