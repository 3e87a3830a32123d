// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"

enum {
	/* Room that is kept for the journal, the answer and the log, which must never be lost. */
	ACTIONS_RESERVED = 8,
	/* What is said must never crowd out what is done. */
	ACTIONS_LOGS_MAX = 32,
};

size_t agent_size(void)
{
	return sizeof(struct agent);
}

static bool is_reserved_kind(enum action_kind kind)
{
	return kind == ACTION_JOURNAL || kind == ACTION_ANSWER || kind == ACTION_CHANGED;
}

struct action *agent_act(struct agent *agent, enum action_kind kind)
{
	struct actions *actions = agent->actions;
	uint32_t limit = LIMITS_ACTIONS_MAX;

	if (actions == NULL) /* agent_init() logs nothing and asks for nothing */
		return NULL;
	if (kind == ACTION_LOG)
		limit = ACTIONS_LOGS_MAX;
	else if (!is_reserved_kind(kind))
		limit -= ACTIONS_RESERVED;
	if (actions->count >= limit) {
		if (kind != ACTION_LOG)
			agent_wake_at(agent, agent->now_ms);
		return NULL;
	}
	actions->list[actions->count].kind = kind;
	return &actions->list[actions->count++];
}

bool agent_has_room(struct agent *agent)
{
	if (agent->actions->count < LIMITS_ACTIONS_MAX - ACTIONS_RESERVED)
		return true;
	agent_wake_at(agent, agent->now_ms);
	return false;
}

uint32_t agent_progress_ms(const struct agent *agent)
{
	uint32_t fair_ms = agent->roster.count * AGENT_PROGRESS_NODE_MS;

	return fair_ms > AGENT_PROGRESS_MS ? fair_ms : AGENT_PROGRESS_MS;
}

void agent_wake_at(struct agent *agent, uint64_t ms)
{
	if (ms < agent->wake_ms)
		agent->wake_ms = ms;
}

bool agent_is_due(struct agent *agent, uint64_t ms)
{
	if (agent->now_ms >= ms)
		return true;
	agent_wake_at(agent, ms);
	return false;
}

bool agent_ask_flasher(struct agent *agent, enum agent_flasher_verb verb, uint32_t window_s)
{
	struct action *action = agent_act(agent, ACTION_FLASHER);

	if (action == NULL)
		return false;
	action->flasher.verb = verb;
	action->flasher.window_s = window_s;
	return true;
}

void agent_log(
	struct agent *agent, enum action_log_level level, const char *code, const char *format, ...)
{
	struct action *action = agent_act(agent, ACTION_LOG);
	va_list arguments;

	if (action == NULL)
		return;
	action->log.level = level;
	action->log.code = code;
	va_start(arguments, format);
	vsnprintf(action->log.text, sizeof(action->log.text), format, arguments);
	va_end(arguments);
}

void agent_init(struct agent *agent, const struct agent_setup *setup, uint64_t now_ms)
{
	ensure(text_is_name(setup->name) && setup->release_threshold >= 1);

	memset(agent, 0, sizeof(*agent));
	agent->setup = *setup;
	agent->setup.journal = NULL;
	agent->now_ms = now_ms;
	prng_init(&agent->prng, setup->seed);
	book_init(&agent->book);
	roster_init(&agent->roster);
	agent->stores_aged_ms = now_ms; /* stores are empty when they are zero */
	if (setup->journal != NULL && !journal_decode(&agent->journal, &agent->book, setup->mesh,
					      setup->journal, setup->journal_size, now_ms))
		agent->journal_foreign = true;
	boot_begin(agent);
}

void agent_close(struct agent *agent)
{
	book_clear(&agent->book);
	roster_free(&agent->roster);
	for (uint32_t i = 0; i <= agent->setup.type_count; i++)
		store_free(&agent->stores[i]);
	free(agent->journal_bytes);
	agent->journal_bytes = NULL;
}

static void answer_order(struct agent *agent, const struct event *event)
{
	struct order_offer offer = {
		.text = event->order.order,
		.text_size = event->order.order_size,
		.signature = event->order.signature,
		.posted = true,
		.from = AGENT_PEER_NONE,
	};
	struct book_order *taken = NULL;
	char message[LIMITS_MESSAGE_SIZE + 1];
	enum reason reason = accept_order(agent, &offer, &taken, message, sizeof(message));
	struct action *action = agent_act(agent, ACTION_ANSWER);

	ensure(action != NULL);
	action->answer.request = event->order.request;
	order_id(action->answer.id, event->order.order, event->order.order_size);
	action->answer.reason = reason;
	text_set(action->answer.message, sizeof(action->answer.message),
		message[0] != '\0' ? message : reason_sentence(reason));
	if (reason == REASON_NONE && taken != NULL && taken->order.kind == ORDER_SCHEDULE) {
		taken->countdown_known = true;
		taken->hops = BOOK_HOPS_ENTRY;
		taken->deadline_ms = agent->now_ms + taken->order.schedule.countdown_ms;
	}
}

/*
 * What the list held after the journal was not done, and what was already promised by it may be
 * wrong after a power cut: this node steps out until the next start. Not on trial: there the board
 * knows all that matters, and who steps out goes back alone while the others keep the firmware.
 */
static void journal_failed(struct agent *agent)
{
	agent_log(agent, LOG_ERROR, "journal_failed", "the journal could not be written");
	agent->download.outstanding = agent->outstanding_before;
	agent->health_under_way = false;
	agent->confirm_under_way = false;
	if (!life_is_busy(agent) || agent->journal.state == STATE_CONFIRMATION_PENDING)
		return;
	download_stop(agent, false);
	if (life_signal(agent, SIGNAL_FAULT, REASON_JOURNAL_FAILED, "") == REASON_NONE)
		agent->journal_due = false;
}

static void take_event(struct agent *agent, const struct event *event)
{
	switch (event->kind) {
	case EVENT_TICK:
		break;
	case EVENT_ORDER:
		answer_order(agent, event);
		break;
	case EVENT_NEIGHBOUR_UP:
	case EVENT_NEIGHBOUR_DOWN:
	case EVENT_SLICE:
	case EVENT_EXCHANGE_OVER:
		spread_event(agent, event);
		break;
	case EVENT_RELEASE:
	case EVENT_RELEASE_FAILED:
	case EVENT_IMAGE_OPENED:
	case EVENT_CHUNKMAP:
	case EVENT_CHUNK:
	case EVENT_CHUNK_WRITTEN:
	case EVENT_IMAGE_HASHED:
		download_event(agent, event);
		break;
	case EVENT_FLASHER:
		if (event->flasher.verb == FLASHER_CHECK)
			download_flasher_checked(agent, event);
		else
			life_flasher_over(agent, event);
		break;
	case EVENT_HEALTH:
		life_health_over(agent, event);
		break;
	case EVENT_MEASURED:
		links_measured(agent, event);
		break;
	case EVENT_JOURNAL_FAILED:
		journal_failed(agent);
		break;
	case EVENT_LOCAL_RELEASE:
		agent->local_release = true;
		memcpy(agent->local_release_id, event->local_release.release_id, BYTES_HASH_SIZE);
		agent->download.ask_next_ms = agent->now_ms;
		break;
	}
}

/* The journal goes first: nothing of this step is done before it is known to survive. */
static void write_journal(struct agent *agent)
{
	struct actions *actions = agent->actions;
	size_t size = 0;
	char *bytes = journal_encode(&agent->journal, &agent->book, &size);
	struct action *action;

	agent->journal_due = false;
	if (bytes == NULL) {
		/* No memory: nothing that waits for the journal may happen, and who waits for an
		 * answer hears that. */
		uint32_t kept = 0;

		for (uint32_t i = 0; i < actions->count; i++) {
			if (actions->list[i].kind != ACTION_ANSWER)
				continue;
			actions->list[kept] = actions->list[i];
			actions->list[kept++].answer.reason = REASON_JOURNAL_FAILED;
		}
		actions->count = kept;
		agent->journal_due = true;
		agent_wake_at(agent, agent->now_ms + AGENT_RETRY_MS);
		return;
	}
	agent->journal_bytes = bytes;
	action = agent_act(agent, ACTION_JOURNAL);
	ensure(action != NULL);
	memmove(&actions->list[1], &actions->list[0],
		(actions->count - 1) * sizeof(actions->list[0]));
	actions->list[0].kind = ACTION_JOURNAL;
	actions->list[0].journal.bytes = bytes;
	actions->list[0].journal.size = size;
}

uint64_t agent_step(
	struct agent *agent, uint64_t now_ms, const struct event *event, struct actions *actions)
{
	/* A monotonic clock that went back would be the machine's fault; we only stand still. */
	if (now_ms > agent->now_ms)
		agent->now_ms = now_ms;
	agent->wake_ms = UINT64_MAX;
	agent->actions = actions;
	actions->count = 0;
	free(agent->journal_bytes); /* it is written, or never will be */
	agent->journal_bytes = NULL;

	if (agent->journal_foreign) {
		agent->journal_foreign = false;
		agent_log(agent, LOG_ERROR, "journal_unreadable",
			"the journal is torn, damaged or of another mesh: it does not count");
	}
	take_event(agent, event);
	agent->outstanding_before = agent->download.outstanding;
	life_think(agent);
	download_think(agent);
	links_think(agent);
	spread_publish(agent);
	spread_think(agent);
	if (agent->hello_due && agent_is_due(agent, agent->hello_next_ms)) {
		agent->hello_due = false;
		agent->hello_next_ms = agent->now_ms + AGENT_HELLO_GAP_MS;
		(void)agent_act(agent, ACTION_HELLO);
	}
	if (agent->journal_due)
		write_journal(agent);
	if (agent->changed) {
		agent->changed = false;
		(void)agent_act(agent, ACTION_CHANGED);
	}
	agent->actions = NULL;
	return agent->wake_ms;
}

enum node_state agent_state(const struct agent *agent)
{
	return agent->journal.state;
}

bool agent_active(const struct agent *agent)
{
	return life_is_busy(agent) || agent->now_ms < agent->active_until_ms;
}
