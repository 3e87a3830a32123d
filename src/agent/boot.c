// SPDX-License-Identifier: AGPL-3.0-or-later
#include <string.h>

#include "agent/node.h"

static void begin_trial(struct agent *agent)
{
	int64_t remaining_ms = (int64_t)agent->window_s * 1000;

	if (agent->setup.flasher.trial && agent->setup.flasher.remaining_ms >= 0)
		remaining_ms = agent->setup.flasher.remaining_ms;
	remaining_ms -=
		remaining_ms < AGENT_WINDOW_MARGIN_MS ? remaining_ms : AGENT_WINDOW_MARGIN_MS;
	agent->flashed = true;
	agent->window_known = true;
	agent->window_end_ms = agent->now_ms + (uint64_t)remaining_ms;
	agent->health_next_ms = agent->now_ms;
}

/* What became of a flash, or of a trial, that the journal tells of? Only what runs is evidence. */
static void judge_boot(struct agent *agent, const struct journal *journal)
{
	const struct agent_flasher_facts *flasher = &agent->setup.flasher;
	const struct book_order *start = book_start(&agent->book);
	bool same_boot = strcmp(journal->boot_id, agent->setup.boot_id) == 0;
	bool runs_new = start != NULL &&
			strcmp(agent->setup.version, start->order.start.version) == 0 &&
			strcmp(agent->setup.version, agent->previous_version) != 0;

	if (flasher->trial) {
		if (agent->state != STATE_CONFIRMATION_PENDING)
			(void)life_signal(agent, SIGNAL_BOOTED_NEW, NULL, REASON_NONE, "");
		begin_trial(agent);
		return;
	}
	if (flasher->fell_back) {
		(void)life_signal(agent, SIGNAL_BOOTED_OLD, NULL,
			agent->state == STATE_FLASHING ? REASON_BOOT_FAILED : REASON_WINDOW_OVER,
			"");
		return;
	}
	if (agent->state == STATE_CONFIRMATION_PENDING) {
		const struct machine_facts facts = { .healthy = true, .confirmed_seen = true };

		if (flasher->slots < 2) {
			begin_trial(agent);
		} else if (start != NULL && life_runs_wrong_version(agent, &start->order.start)) {
			(void)life_signal(agent, SIGNAL_BOOTED_OLD, NULL, REASON_WINDOW_OVER, "");
		} else if (life_signal(agent, SIGNAL_CONFIRM, &facts, REASON_NONE, "") ==
			   REASON_NONE) {
			/* Confirmed, but the journal did not hear of it any more. */
			if (start != NULL)
				agent->release_sequence = start->order.start.sequence;
		}
		return;
	}
	if (same_boot) {
		agent->flash_deadline_ms = agent->now_ms + AGENT_FLASH_RESUME_MS;
	} else if (runs_new) {
		(void)life_signal(agent, SIGNAL_BOOTED_NEW, NULL, REASON_NONE, "");
		begin_trial(agent);
	} else {
		agent->flashed = false;
		if (life_signal(agent, SIGNAL_RESUME, NULL, REASON_FLASH_INTERRUPTED, "") ==
			REASON_NONE)
			download_start(agent);
	}
}

static bool is_named(const struct agent *agent, uint32_t *wave)
{
	const struct book_order *start = book_start(&agent->book);
	struct usign_public own;
	uint32_t index;

	if (start == NULL)
		return false;
	index = order_find_participant(&start->order.start, agent->setup.name);
	usign_public_of(&own, &agent->setup.node_key);
	if (index == UINT32_MAX ||
		memcmp(start->order.start.participants[index].key, own.key, ORDER_KEY_SIZE) != 0)
		return false;
	*wave = start->order.start.participants[index].wave;
	return true;
}

void boot_begin(struct agent *agent, const struct journal *journal)
{
	agent->state = journal->state;
	agent->reason = journal->reason;
	text_set(agent->message, sizeof(agent->message), journal->message);
	agent->highest_epoch = journal->highest_epoch;
	agent->incarnation = journal->incarnation + 1;
	agent->release_sequence = journal->release_sequence;
	agent->flashed = journal->flashed;
	agent->window_s = journal->window_s;
	text_set(agent->previous_version, sizeof(agent->previous_version),
		journal->previous_version);
	agent->state_since_ms = agent->now_ms;
	agent->participant = is_named(agent, &agent->wave);
	/* The incarnation must be on disk before a record of it is signed. */
	agent->journal_due = true;

	switch (agent->state) {
	case STATE_FLASHING:
	case STATE_CONFIRMATION_PENDING:
		judge_boot(agent, journal);
		break;
	case STATE_DOWNLOADING:
	case STATE_DOWNLOAD_ERROR:
	case STATE_UPGRADE_READY:
	case STATE_UPGRADE_SCHEDULED:
		agent->state = agent->participant ? STATE_DOWNLOADING : STATE_UPDATED;
		agent->reason = REASON_NONE;
		agent->message[0] = '\0';
		if (agent->participant)
			download_start(agent);
		break;
	default:
		if (!agent->setup.flasher.trial)
			break;
		/* New firmware on trial of which the journal knows nothing (it is lost, or we
		 * decided to go back and the board did not): the window ends it. */
		agent->state = STATE_CONFIRMATION_PENDING;
		begin_trial(agent);
		if (journal->state == STATE_REVERTED)
			agent->window_end_ms = agent->now_ms;
		break;
	}
}
