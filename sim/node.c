// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/ensure.h"
#include "base/text.h"
#include "core/state.h"
#include "sim/plain.h"
#include "sim/world.h"

enum {
	STATUS_CAPACITY = 8192,
	HEALTH_US = 20000,
	MEASURE_US = 30000,
};

/* ---- clocks ---- */

uint64_t node_clock_ms(const struct world *world, const struct node *node)
{
	uint64_t passed_us = world_now_us(world) - node->clock_since_us;

	return node->clock_base_ms +
	       passed_us * (uint64_t)(1000000 + node->clock_ppm) / (1000000 * WORLD_US);
}

/* When the node's clock will show that. */
static uint64_t when_us(const struct node *node, uint64_t clock_ms)
{
	uint64_t rate = (uint64_t)(1000000 + node->clock_ppm);

	if (clock_ms <= node->clock_base_ms)
		return node->clock_since_us;
	return node->clock_since_us +
	       ((clock_ms - node->clock_base_ms) * WORLD_US * 1000000 + rate - 1) / rate;
}

/* ---- what happened to it, as others see it ---- */

static const char *find_member(
	struct world *world, struct node *node, const char *member, char *status)
{
	char name[64];
	struct text text;
	const char *at;

	text_init(&text, status, STATUS_CAPACITY);
	agent_view_status(node->agent, node_clock_ms(world, node), &text);
	snprintf(name, sizeof(name), "\"%s\":", member);
	at = strstr(status, name);
	return at != NULL ? at + strlen(name) : NULL;
}

bool node_status(
	struct world *world, struct node *node, const char *member, char *text, size_t size)
{
	char status[STATUS_CAPACITY];
	const char *at = find_member(world, node, member, status);
	size_t length;

	if (at == NULL || *at != '"')
		return false;
	at++;
	length = strcspn(at, "\"");
	snprintf(text, size, "%.*s", (int)length, at);
	return true;
}

uint64_t node_status_number(struct world *world, struct node *node, const char *member)
{
	char status[STATUS_CAPACITY];
	const char *at = find_member(world, node, member, status);

	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

bool node_status_true(struct world *world, struct node *node, const char *member)
{
	char status[STATUS_CAPACITY];
	const char *at = find_member(world, node, member, status);

	return at != NULL && strncmp(at, "true", 4) == 0;
}

char *node_view_text(struct world *world, struct node *node)
{
	uint64_t now_ms = node_clock_ms(world, node);
	struct text text;
	char *view;

	text_init(&text, NULL, 0);
	agent_view_mesh(node->agent, now_ms, &text);
	view = malloc(text.size + 1);
	ensure(view != NULL);
	text_init(&text, view, text.size + 1);
	agent_view_mesh(node->agent, now_ms, &text);
	return view;
}

struct json_object *node_view(struct world *world, struct node *node)
{
	struct json_object *view;
	char *text;

	if (node->agent == NULL)
		return NULL;
	text = node_view_text(world, node);
	view = json_tokener_parse(text);
	free(text);
	return view;
}

/* ---- a daemon's life ---- */

bool node_runs(const struct node *node)
{
	return node->agent != NULL || (node->plain != NULL && node->plain->up);
}

void node_stop_daemon(struct node *node)
{
	if (node->plain != NULL)
		plain_stop(node);
	if (node->agent != NULL) {
		agent_close(node->agent);
		free(node->agent);
	}
	node->agent = NULL;
	node->halted = false;
	node->boot++;
	node->wake_us = node->planned_us = UINT64_MAX;
	for (uint32_t i = 0; i < node->peer_count; i++)
		node->peers[i].heard.now = false;
}

/* As the daemon, which remembers the last one. */
static void offer_directory(struct world *world, struct node *node)
{
	struct event event = { .kind = EVENT_LOCAL_RELEASE };

	if (node->offers == 0 || node->agent == NULL)
		return;
	memcpy(event.local_release.release_id, world->releases[node->offers].id, BYTES_HASH_SIZE);
	node_step(world, node, &event);
}

static void start_agent(struct world *world, struct node *node)
{
	const struct event tick = { .kind = EVENT_TICK };
	struct agent_setup *setup = malloc(sizeof(*setup));
	uint64_t now_ms = node_clock_ms(world, node);
	uint64_t window_end_us = node->window_end_us;

	ensure(node->agent == NULL && setup != NULL);
	*setup = node->setup;
	text_set(setup->version, sizeof(setup->version), world->releases[node->running].version);
	snprintf(setup->boot_id, sizeof(setup->boot_id), "boot-%u", (unsigned)node->board_boots);
	setup->flasher.slots = node->slots;
	setup->flasher.trial = node->trial;
	setup->flasher.fell_back = node->fell_back;
	setup->flasher.remaining_ms =
		!node->trial ? -1
			     : (int64_t)(window_end_us > world_now_us(world)
						 ? (window_end_us - world_now_us(world)) / WORLD_US
						 : 0);
	setup->journal = node->journal;
	setup->journal_size = node->journal_size;
	setup->seed = prng_next(world_prng(world));
	node->agent = calloc(1, agent_size());
	ensure(node->agent != NULL);
	agent_init(node->agent, setup, now_ms);
	free(setup);
	node->state = STATE_COUNT;
	promise_before_boot(node);
	node_step(world, node, &tick);
	promise_check_boot(world, node);
	offer_directory(world, node);
	if (node->agent == NULL)
		return;
	(void)world_plan(
		world, prng_below(world_prng(world), 500) * WORLD_US, HAPPENS_HELLO, node->number);
	(void)world_plan(world, prng_below(world_prng(world), 1000) * WORLD_US, HAPPENS_DISCOVER,
		node->number);
}

void node_start_daemon(struct world *world, struct node *node)
{
	if (node->plain != NULL)
		plain_start(world, node);
	else
		start_agent(world, node);
}

/* ---- steps ---- */

/* True if it is another one. */
static bool note_state(struct world *world, struct node *node)
{
	static const char symbols[] = "uadrsFcRAexI";
	enum node_state state = agent_state(node->agent);

	if (state == node->state)
		return false;
	node->state = state;
	if (state == STATE_UPGRADE_READY)
		rate_note_ready(world, node);
	trace_symbol(node, symbols[state]);
	check_state(world, node);
	if (state == STATE_REVERTED && world->options.rehearse)
		check_breach(world, "R1", "%s goes back (only a rehearsal)", node->name);
	return true;
}

static void perform_health(struct world *world, struct node *node)
{
	struct happening *happening = world_plan(world, HEALTH_US, HAPPENS_EVENT, node->number);

	happening->event.kind = EVENT_HEALTH;
	/* A board with one slot is never on trial, and its new firmware is no better for it. */
	happening->event.health.ok = node->fate.is_healthy || (node->slots == 2 && !node->trial);
	happening->event.health.gateway_ok = true;
}

static void perform_measure(struct world *world, struct node *node, const struct action *action)
{
	struct happening *happening = world_plan(world, MEASURE_US, HAPPENS_EVENT, node->number);

	happening->event.kind = EVENT_MEASURED;
	happening->event.measured.neighbour = action->measure.neighbour;
	happening->event.measured.kbit = 10000 + action->measure.neighbour;
}

/* False if what follows must not be done. */
static bool perform(struct world *world, struct node *node, const struct action *action)
{
	switch (action->kind) {
	case ACTION_JOURNAL:
		return board_write_journal(world, node, action);
	case ACTION_HELLO:
		net_say_hello(world, node);
		break;
	case ACTION_EXCHANGE:
		net_exchange(world, node, action);
		break;
	case ACTION_ANSWER:
		world->answer = action->answer.reason;
		break;
	case ACTION_FETCH_RELEASE:
		net_fetch_release(world, node, action);
		break;
	case ACTION_IMAGE_OPEN:
		board_open_image(world, node, action);
		break;
	case ACTION_FETCH_CHUNKMAP:
		net_fetch_chunkmap(world, node, action);
		break;
	case ACTION_FETCH_CHUNK:
		net_fetch_chunk(world, node, action);
		break;
	case ACTION_FETCH_STOP:
		net_stop_fetches(node);
		break;
	case ACTION_IMAGE_WRITE:
		board_write_chunk(world, node, action);
		break;
	case ACTION_IMAGE_HASH:
		board_hash_image(world, node);
		break;
	case ACTION_IMAGE_DROP:
		memset(&node->disk, 0, sizeof(node->disk));
		break;
	case ACTION_FLASHER:
		board_perform_flasher(world, node, action);
		break;
	case ACTION_HEALTH:
		perform_health(world, node);
		break;
	case ACTION_MEASURE:
		perform_measure(world, node, action);
		break;
	case ACTION_CHANGED:
		break;
	case ACTION_LOG:
		trace_say(world, node, action->log.code, "%s", action->log.text);
		break;
	}
	return node->agent != NULL && !node->halted;
}

static void step(struct world *world, struct node *node, const struct event *event)
{
	struct actions *actions = world_lane(world)->actions;
	uint64_t wake_ms;
	uint32_t i;
	bool changed;

	wake_ms = agent_step(node->agent, node_clock_ms(world, node), event, actions);
	changed = note_state(world, node);
	for (i = 0; i < actions->count; i++) {
		/* Power may go between any two actions. */
		if (i > 0 && world_strikes(world, world->options.power_cut / 8)) {
			trace_symbol(node, '!');
			board_reboot(
				world, node, (2 + prng_below(world_prng(world), 20)) * WORLD_S);
		}
		if (node->agent == NULL || !perform(world, node, &actions->list[i]))
			break;
	}
	if (node->agent == NULL || node->halted)
		return;
	if (changed && i == actions->count)
		check_state_done(world, node);
	node->wake_us = wake_ms == UINT64_MAX ? UINT64_MAX : when_us(node, wake_ms);
	if (node->wake_us != UINT64_MAX)
		node_wake(world, node);
}

void node_step(struct world *world, struct node *node, const struct event *event)
{
	struct node *before = world_act(world, node);

	if (node->agent != NULL && !node->halted)
		step(world, node, event);
	(void)world_act(world, before);
}

/* One wake-up waits in the queue; if it turns out to be too early, it is planned anew. */
void node_wake(struct world *world, struct node *node)
{
	uint64_t after_us =
		node->wake_us > world_now_us(world) ? node->wake_us - world_now_us(world) : 0;

	/* An agent that wants to be called at once gets a little time first, as from a real loop.
	 */
	if (after_us == 0) {
		after_us = 50;
		node->wake_us = world_now_us(world) + after_us;
	}
	if (node->planned_us <= node->wake_us)
		return;
	node->planned_us = node->wake_us;
	(void)world_plan(world, after_us, HAPPENS_WAKE, node->number);
}
