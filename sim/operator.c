// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/ensure.h"
#include "base/text.h"
#include "core/state.h"
#include "sim/world.h"

enum {
	LOOK_US = 2000000,
	PATIENCE_S = 240, /* with nodes that do not become ready */
	FOREVER_S = 86400,
	DUEL_S = 60, /* two who start at the same moments do so at multiples of this */
};

enum phase {
	PHASE_IDLE = 0,
	PHASE_READY,   /* waits until all are ready */
	PHASE_RUNNING, /* waits for what comes of the flash */
	PHASE_DONE,
};

/* ---- what he sees ---- */

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, name, &value);
	return value;
}

static const char *string(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* How many of the wave's participants are in one of the states. */
struct tally {
	uint32_t participants, ready, scheduled, pending, updated, reverted, over;
};

static void count(struct tally *tally, struct json_object *view, const char *version, uint32_t wave)
{
	struct json_object *rows = member(view, "nodes");

	memset(tally, 0, sizeof(*tally));
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *state = string(row, "state");

		if (!json_object_get_boolean(member(row, "participant")) ||
			(uint32_t)json_object_get_int64(member(row, "wave")) != wave)
			continue;
		tally->participants++;
		tally->ready += strcmp(state, "UPGRADE_READY") == 0;
		tally->scheduled += strcmp(state, "UPGRADE_SCHEDULED") == 0;
		tally->pending += strcmp(state, "CONFIRMATION_PENDING") == 0;
		tally->reverted += strcmp(state, "REVERTED") == 0;
		tally->over += strcmp(state, "ABORTED") == 0 ||
			       strcmp(state, "INTERNAL_ERROR") == 0 ||
			       strcmp(state, "UPGRADE_CHECK_FAILED") == 0;
		tally->updated += strcmp(state, "UPDATED") == 0 &&
				  strcmp(string(row, "version"), version) == 0;
	}
}

/* ---- what he orders ---- */

static struct world_order *keep(struct world *world, const struct order *order,
	const struct usign_secret *key, bool trusted)
{
	struct world_order *kept = &world->orders[world->order_count];
	struct usign_signature signature;
	char problem[256];

	if (world->order_count == WORLD_ORDERS_MAX)
		return NULL;
	kept->text = malloc(LIMITS_ORDER_SIZE + 1);
	ensure(kept->text != NULL);
	kept->size = order_encode(order, kept->text, LIMITS_ORDER_SIZE + 1);
	ensure(kept->size > 0);
	ensure(order_decode(&kept->order, kept->text, kept->size, order->mesh, problem,
		       sizeof(problem)) == REASON_NONE);
	usign_sign(&signature, key, kept->text, kept->size);
	usign_signature_to_blob(kept->blob, &signature);
	order_id(kept->id, kept->text, kept->size);
	kept->trusted = trusted;
	kept->posted_us = world_now_us(world);
	if (order->kind == ORDER_START)
		kept->release = releases_find(world, order->start.release_id);
	world->order_count++;
	return kept;
}

enum reason operator_post(struct world *world, struct node *node, const struct world_order *order)
{
	struct event event = { .kind = EVENT_ORDER };

	if (order == NULL || node->agent == NULL)
		return REASON_NO_SOURCE;
	event.order.request = 1;
	event.order.order = order->text;
	event.order.order_size = order->size;
	event.order.signature = order->blob;
	world->answer = REASON_JOURNAL_FAILED;
	node_step(world, node, &event);
	trace_say(world, node, "order", "%s of epoch %" PRIu64 " is posted: %s",
		order_kind_word(order->order.kind), order->order.epoch, reason_word(world->answer));
	if (world->answer == REASON_NONE && !order->trusted)
		check_breach(world, "I2", "%s takes a forged order", node->name);
	else if (world->answer == REASON_NONE)
		promise_check_taken(world, node, order);
	return world->answer;
}

static void begin(const struct operator_state *state, struct order *order, enum order_kind kind)
{
	memset(order, 0, sizeof(*order));
	order->kind = kind;
	order->epoch = state->epoch;
	memcpy(order->upgrade, state->upgrade, ORDER_UPGRADE_SIZE);
	text_set(order->mesh, sizeof(order->mesh), "sim");
	text_set(order->issued, sizeof(order->issued), "2026-11-23T10:00:00Z");
}

static enum reason order(
	struct world *world, struct operator_state *state, const struct order *what)
{
	enum reason reason = operator_post(world, &world->nodes[state->node],
		keep(world, what, &world->operator_keys[state->number], true));

	if (reason == REASON_NONE && what->kind == ORDER_SCHEDULE)
		chaos_scheduled(world, &what->schedule);
	return reason;
}

/* People know who moved away, once there is peace. */
static bool is_known_gone(const struct world *world, const char *name)
{
	for (uint32_t i = 0; i < world->node_count && !world->chaos; i++) {
		if (strcmp(world->nodes[i].name, name) == 0)
			return world->nodes[i].gone || world->nodes[i].apart;
	}
	return false;
}

static uint32_t list_participants(
	struct world *world, struct json_object *view, struct order_participant *participants)
{
	struct json_object *rows = member(view, "nodes");
	uint32_t count = 0, waves = world->options.waves;

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		struct order_participant *participant = &participants[count];
		struct usign_public key;

		if (!usign_public_from_blob(&key, string(row, "key")) ||
			count == LIMITS_PARTICIPANTS_MAX ||
			is_known_gone(world, string(row, "name")))
			continue;
		text_set(participant->name, sizeof(participant->name), string(row, "name"));
		memcpy(participant->key, key.key, ORDER_KEY_SIZE);
		/* No wave is empty: the first ones go one by one. */
		participant->wave = count < waves ? count : waves - 1;
		count++;
	}
	return count;
}

static bool start(struct world *world, struct operator_state *state, struct json_object *view)
{
	const struct options *options = &world->options;
	struct order_participant *participants =
		calloc(LIMITS_PARTICIPANTS_MAX, sizeof(*participants));
	const struct world_release *release = &world->releases[state->release];
	struct event event = { .kind = EVENT_LOCAL_RELEASE };
	struct order order_start;
	enum reason reason;

	ensure(participants != NULL);
	state->epoch = (uint64_t)json_object_get_int64(member(view, "highest_epoch")) + 1;
	for (uint32_t i = 0; i < ORDER_UPGRADE_SIZE; i++)
		state->upgrade[i] = (uint8_t)prng_next(world_prng(world));
	begin(state, &order_start, ORDER_START);
	memcpy(order_start.start.release_id, release->id, BYTES_HASH_SIZE);
	order_start.start.sequence = state->release;
	text_set(order_start.start.version, sizeof(order_start.start.version), release->version);
	order_start.start.confirm =
		options->auto_confirm ? ORDER_CONFIRM_AUTO : ORDER_CONFIRM_OPERATOR;
	order_start.start.policy = options->best_effort ? ORDER_BEST_EFFORT : ORDER_ATOMIC;
	order_start.start.quorum_percent = options->quorum;
	order_start.start.hold_ms = options->hold_s * 1000;
	order_start.start.catch_up = options->catch_up;
	order_start.start.allow_single_slot = true;
	order_start.start.participants = participants;
	order_start.start.participant_count = list_participants(world, view, participants);
	rate_begin(world);
	/* As the command line: first where it lies, then the order. */
	world->nodes[state->node].offers = state->release;
	memcpy(event.local_release.release_id, release->id, BYTES_HASH_SIZE);
	node_step(world, &world->nodes[state->node], &event);
	reason = order(world, state, &order_start);
	if (reason == REASON_NONE)
		memcpy(state->start_id, world->orders[world->order_count - 1].id, BYTES_HASH_SIZE);
	free(participants);
	return reason == REASON_NONE;
}

static void abort_it(struct world *world, struct operator_state *state, struct json_object *view)
{
	struct json_object *upgrade = member(view, "upgrade");
	struct order what;

	begin(state, &what, ORDER_ABORT);
	/* Whatever is open there, his own or another's. */
	if (upgrade != NULL &&
		bytes_from_hex(what.upgrade, ORDER_UPGRADE_SIZE, string(upgrade, "id")))
		what.epoch = (uint64_t)json_object_get_int64(member(upgrade, "epoch"));
	if (what.epoch > 0)
		(void)order(world, state, &what);
}

static bool schedule(struct world *world, struct operator_state *state)
{
	struct order what;

	begin(state, &what, ORDER_SCHEDULE);
	memcpy(what.schedule.start_id, state->start_id, BYTES_HASH_SIZE);
	what.schedule.wave = state->wave;
	what.schedule.countdown_ms = world->options.countdown_s * 1000;
	what.schedule.confirm_window_s = world->options.window_s;
	world->scheduled_us = world_now_us(world);
	return order(world, state, &what) == REASON_NONE;
}

/* Without those that are back, now and then; a refusal is no harm. */
static void confirm(struct world *world, struct operator_state *state, struct json_object *view)
{
	struct json_object *rows = member(view, "nodes");
	char(*names)[LIMITS_NAME_SIZE + 1] = calloc(world->node_count, sizeof(*names));
	struct order what;

	ensure(names != NULL);
	begin(state, &what, ORDER_CONFIRM);
	what.confirm.wave = state->wave;
	what.confirm.without = names;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (!json_object_get_boolean(member(row, "participant")) ||
			(uint32_t)json_object_get_int64(member(row, "wave")) != state->wave ||
			strcmp(string(row, "state"), "CONFIRMATION_PENDING") == 0 ||
			strcmp(string(row, "state"), "UPDATED") == 0)
			continue;
		text_set(names[what.confirm.without_count++], LIMITS_NAME_SIZE + 1,
			string(row, "name"));
	}
	(void)order(world, state, &what);
	free(names);
}

/* ---- his day ---- */

static void rest(
	struct world *world, struct operator_state *state, uint32_t phase, uint32_t patience_s)
{
	state->phase = phase;
	state->until_us = world_now_us(world) + patience_s * WORLD_S;
	if (phase == PHASE_IDLE && world->chaos && world->options.duel)
		state->until_us += DUEL_S * WORLD_S - state->until_us % (DUEL_S * WORLD_S);
}

/* When he looks next. Who fights a duel is there to the microsecond. */
static uint64_t next_look_us(struct world *world, const struct operator_state *state)
{
	uint64_t us = LOOK_US + prng_below(world_prng(world), LOOK_US);

	if (world->options.duel && state->phase == PHASE_IDLE &&
		state->until_us > world_now_us(world) && state->until_us - world_now_us(world) < us)
		us = state->until_us - world_now_us(world);
	return us;
}

/* With nodes that do not become ready: through plain peers all news is slow. */
static uint32_t patience_s(const struct world *world)
{
	return PATIENCE_S +
	       (world->options.plain > 0 && !world->chaos ? 4 * bound_news_s(world) : 0);
}

static bool is_open(struct json_object *view, const struct operator_state *state)
{
	struct json_object *upgrade = member(view, "upgrade");
	uint8_t id[ORDER_UPGRADE_SIZE];

	return upgrade != NULL && bytes_from_hex(id, sizeof(id), string(upgrade, "id")) &&
	       memcmp(id, state->upgrade, sizeof(id)) == 0;
}

static void upgrade_over(struct world *world, struct operator_state *state)
{
	state->upgrades--;
	rest(world, state, state->upgrades > 0 ? PHASE_IDLE : PHASE_DONE,
		5 + prng_below(world_prng(world), 40));
}

/* A new one, or one that no node may take: too few keys signed it, or it is an old one. */
static void choose_release(struct world *world, struct operator_state *state)
{
	bool wrong = world_strikes(world, world->options.untrusted);

	if (wrong && prng_below(world_prng(world), 3) == 0) {
		state->release = 1 + prng_below(world_prng(world), world->release_count);
		state->has_release = false;
	} else if (wrong || !state->has_release) {
		state->release = releases_make(world, !wrong);
		state->has_release = !wrong;
	}
}

static void begin_upgrade(
	struct world *world, struct operator_state *state, struct json_object *view)
{
	if (world_now_us(world) < state->until_us)
		return;
	if ((!state->has_release &&
		    world->release_count + (world->chaos ? 4 : 1) >= WORLD_RELEASES_MAX) ||
		world->order_count + (world->chaos ? 80 : 40) > WORLD_ORDERS_MAX) {
		state->upgrades = 1;
		upgrade_over(world, state);
		return;
	}
	choose_release(world, state);
	state->wave = 0;
	state->will_abort = world_strikes(world, world->options.aborts);
	state->will_leave = world_strikes(world, world->options.operator_leaves);
	if (start(world, state, view)) {
		state->has_release = false;
		rest(world, state, PHASE_READY, patience_s(world));
		return;
	}
	/* Somebody's upgrade is in the way. */
	abort_it(world, state, view);
	rest(world, state, PHASE_IDLE, 5 + prng_below(world_prng(world), 20));
}

static void wait_for_ready(
	struct world *world, struct operator_state *state, struct json_object *view)
{
	struct tally tally;
	bool impatient = world_now_us(world) >= state->until_us;

	if (!is_open(view, state)) { /* another operator won */
		upgrade_over(world, state);
		return;
	}
	count(&tally, view, world->releases[state->release].version, state->wave);
	if (state->will_abort && prng_below(world_prng(world), 6) == 0) {
		abort_it(world, state, view);
		upgrade_over(world, state);
		return;
	}
	/* As many as the policy asks for are enough for him, too. */
	if ((tally.ready + tally.scheduled) * 100 < tally.participants * world->options.quorum &&
		!impatient)
		return;
	if (impatient && (prng_below(world_prng(world), 2) == 0 || tally.ready == 0)) {
		abort_it(world, state, view);
		upgrade_over(world, state);
		return;
	}
	if (!schedule(world, state)) {
		upgrade_over(world, state);
		return;
	}
	rest(world, state, PHASE_RUNNING,
		world->options.countdown_s + world->options.hold_s + world->options.window_s + 60);
}

static void wait_for_flash(
	struct world *world, struct operator_state *state, struct json_object *view)
{
	struct tally tally;

	if (!is_open(view, state)) {
		upgrade_over(world, state);
		return;
	}
	count(&tally, view, world->releases[state->release].version, state->wave);
	if (state->will_abort && tally.pending == 0 && prng_below(world_prng(world), 8) == 0)
		abort_it(world, state, view);
	if (!world->options.auto_confirm && tally.pending > 0 &&
		(tally.pending + tally.updated == tally.participants ||
			(tally.reverted + tally.over > 0 &&
				prng_below(world_prng(world), 30) == 0)))
		confirm(world, state, view);
	if (tally.updated == tally.participants && state->wave + 1 < world->options.waves &&
		state->wave + 1 < tally.participants + state->wave + 1) {
		state->wave++;
		rest(world, state, PHASE_READY, patience_s(world));
	} else if (tally.updated + tally.reverted + tally.over == tally.participants ||
		   world_now_us(world) >= state->until_us) {
		upgrade_over(world, state);
	}
}

void operator_look(struct world *world, uint32_t number)
{
	struct operator_state *state = &world->operators[number];
	struct node *node = &world->nodes[state->node];
	struct json_object *view;

	if (state->phase == PHASE_DONE)
		return;
	world_plan(world, next_look_us(world, state), HAPPENS_OPERATOR, number)->boot = 0;
	if (state->will_leave && state->phase != PHASE_IDLE &&
		prng_below(world_prng(world), 20) == 0) {
		trace_say(world, NULL, "sim", "operator %" PRIu32 " goes away after the %s", number,
			order_kind_word(
				state->phase == PHASE_READY ? ORDER_START : ORDER_SCHEDULE));
		state->phase = PHASE_DONE;
		return;
	}
	if (node->gone || node->plain != NULL)
		state->node = (state->node + 1) % world->node_count;
	view = node_view(world, node);
	if (view == NULL)
		return;
	if (state->phase == PHASE_IDLE)
		begin_upgrade(world, state, view);
	else if (state->phase == PHASE_READY)
		wait_for_ready(world, state, view);
	else
		wait_for_flash(world, state, view);
	json_object_put(view);
}

void operator_stop(struct operator_state *state)
{
	state->phase = PHASE_DONE;
}

bool operator_is_done(const struct operator_state *state)
{
	return state->phase == PHASE_DONE;
}

void operator_begin(struct world *world, uint32_t number, uint32_t node, uint32_t upgrades)
{
	struct operator_state *state = &world->operators[number];

	memset(state, 0, sizeof(*state));
	state->number = number;
	state->node = node;
	state->upgrades = upgrades;
	rest(world, state, PHASE_IDLE, 10 + prng_below(world_prng(world), 30));
	world_plan(world, LOOK_US, HAPPENS_OPERATOR, number)->boot = 0;
}

/* ---- what a stranger tries ---- */

/* His own key, now and then under the number of an operator's. */
static enum reason post_forged(struct world *world, struct node *node, const struct order *forged)
{
	struct usign_secret key = world->stranger_key;

	if (prng_below(world_prng(world), 2) == 0)
		memcpy(key.keynum, world->operator_keys[0].keynum, sizeof(key.keynum));
	return operator_post(world, node, keep(world, forged, &key, false));
}

static void forge_order(struct world *world, struct node *node)
{
	const struct world_order *old =
		&world->orders[prng_below(world_prng(world), world->order_count)];
	struct order forged = old->order;

	if (prng_below(world_prng(world), 2) == 0) { /* replayed as it was */
		(void)operator_post(world, node, old);
		return;
	}
	forged.epoch += prng_below(world_prng(world), 3);
	if (forged.kind == ORDER_SCHEDULE)
		forged.schedule.countdown_ms = 1000;
	(void)post_forged(world, node, &forged);
}

static void forge_record(struct world *world, struct node *node)
{
	struct node *victim = &world->nodes[prng_below(world_prng(world), world->node_count)];
	struct event event = { .kind = EVENT_SLICE };
	char *data, *at;
	struct text text;
	size_t size;

	if (node->agent == NULL || victim->agent == NULL)
		return;
	text_init(&text, NULL, 0);
	agent_answer(victim->agent, node_clock_ms(world, victim), "lockstep_nodes", "", 0, &text);
	size = text.size;
	data = malloc(size + 1);
	ensure(data != NULL);
	text_init(&text, data, size + 1);
	agent_answer(victim->agent, node_clock_ms(world, victim), "lockstep_nodes", "", 0, &text);
	/* A lie of the same length in somebody's record: its signature does not fit any more. */
	for (at = data; (at = strstr(at, "\\\"sequence\\\":")) != NULL; at++)
		at[13] = at[13] == '9' ? '8' : '9';
	event.slice.type = "lockstep_nodes";
	event.slice.data = data;
	event.slice.data_size = size;
	event.slice.neighbour = AGENT_PEER_NONE;
	event.slice.remote = true;
	node_step(world, node, &event);
	free(data);
}

void operator_forge(struct world *world)
{
	struct node *node = &world->nodes[prng_below(world_prng(world), world->node_count)];

	if (world->order_count > 0 && prng_below(world_prng(world), 2) == 0)
		forge_order(world, node);
	else
		forge_record(world, node);
}
