// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/history.h"

#include <stdlib.h>

#include "agent/book.h"
#include "daemon/node.h"
#include "io/clock.h"

static const char file[] = "history";

void history_open(struct node *node)
{
	struct history *history = &node->history;
	size_t size;
	char *bytes = node_read_state(node, file, CHRONICLE_FILE_MAX, &size);

	history->save_ms = UINT64_MAX;
	if (bytes != NULL && !chronicle_decode(&history->chronicle, bytes, size))
		log_write(node->log, LOG_LEVEL_WARNING, file, "damaged: it does not count");
	free(bytes);
}

static void on_heard(void *context, uint32_t seat, enum node_state state, enum reason reason)
{
	chronicle_take_state(context, seat, state, reason);
}

static void take_news(struct node *node)
{
	struct history *history = &node->history;
	struct chronicle *chronicle = &history->chronicle;
	const struct book_order *slot = agent_orders(node->agent);

	chronicle->now_s = (uint32_t)clock_unix_s();
	/* Only another start has another place there. */
	if (slot != NULL && slot->change != history->start) {
		history->start = slot->change;
		history->heard = 0;
		history->endings = 0;
		history->save_ms = UINT64_MAX;
		chronicle_begin(chronicle, &slot->order);
	}
	for (uint32_t number = 0; slot != NULL; slot = slot->next)
		chronicle_take_order(chronicle, number++, &slot->order, slot->signature.keynum);
	history->heard = agent_hear(node->agent, history->heard, on_heard, chronicle);
}

void history_look(struct node *node)
{
	struct history *history = &node->history;
	enum upgrade_phase phase;

	if (!agent_phase(node->agent, &phase) || !chronicle_take_phase(&history->chronicle, phase))
		return;
	history->save_ms = UINT64_MAX;
	if (phase >= PHASE_CONFIRMED && history->endings++ < HISTORY_ENDINGS_MAX)
		history->save_ms = clock_now_ms() + HISTORY_SETTLE_MS;
}

void history_save(struct node *node)
{
	size_t size;
	char *bytes;

	take_news(node);
	history_look(node);
	node->history.save_ms = UINT64_MAX;
	bytes = chronicle_encode(&node->history.chronicle, &size);
	if (bytes != NULL)
		node_write_state(node, file, bytes, size);
	free(bytes);
}

void history_follow(struct node *node, uint64_t now_ms)
{
	if (now_ms >= node->history.save_ms)
		history_save(node);
	else
		take_news(node);
}

void history_view(const struct node *node, uint64_t now_ms, struct text *text)
{
	(void)now_ms;
	chronicle_write(&node->history.chronicle, (uint32_t)clock_unix_s(), text);
}
