// SPDX-License-Identifier: AGPL-3.0-or-later
#include <string.h>

#include "agent/node.h"

static void begin_trial(struct agent *agent)
{
	int64_t remaining_ms = (int64_t)agent->journal.window_s * 1000;

	if (agent->setup.flasher.trial && agent->setup.flasher.remaining_ms >= 0)
		remaining_ms = agent->setup.flasher.remaining_ms;
	remaining_ms -=
		remaining_ms < AGENT_WINDOW_MARGIN_MS ? remaining_ms : AGENT_WINDOW_MARGIN_MS;
	agent->journal.flashed = true;
	agent->window_known = true;
	agent->window_end_ms = agent->now_ms + (uint64_t)remaining_ms;
	agent->health_next_ms = agent->now_ms;
}

/* What became of a flash, or of a trial, that the journal tells of? Only what runs is evidence. */
static void judge_boot(struct agent *agent)
{
	const struct agent_flasher_facts *flasher = &agent->setup.flasher;
	const struct book_order *start = book_start(&agent->book);
	bool same_boot = strcmp(agent->journal.boot_id, agent->setup.boot_id) == 0;
	bool changed = strcmp(agent->setup.version, agent->journal.previous_version) != 0;
	bool as_ordered =
		start != NULL && strcmp(agent->setup.version, start->order.start.version) == 0;
	/* With one slot nothing else tells: to flash what may run already would never end. */
	bool runs_new = flasher->slots < 2 ? changed || as_ordered : changed && as_ordered;

	if (flasher->trial) {
		if (agent->journal.state != STATE_CONFIRMATION_PENDING)
			(void)life_signal(agent, SIGNAL_BOOTED_NEW, REASON_NONE, "");
		begin_trial(agent);
		return;
	}
	if (flasher->fell_back) {
		(void)life_signal(agent, SIGNAL_BOOTED_OLD,
			agent->journal.state == STATE_FLASHING ? REASON_BOOT_FAILED
							       : REASON_WINDOW_OVER,
			"");
		return;
	}
	if (agent->journal.state == STATE_CONFIRMATION_PENDING) {
		if (flasher->slots < 2) {
			begin_trial(agent);
		} else if (start != NULL && life_runs_wrong_version(agent, &start->order.start)) {
			(void)life_signal(agent, SIGNAL_BOOTED_OLD, REASON_WINDOW_OVER, "");
		} else {
			/* Confirmed, but the journal did not hear of it any more. */
			life_keep_firmware(agent);
		}
		return;
	}
	if (same_boot) {
		agent->flash_deadline_ms = agent->now_ms + AGENT_FLASH_RESUME_MS;
	} else if (runs_new) {
		(void)life_signal(agent, SIGNAL_BOOTED_NEW, REASON_NONE, "");
		/* No trial any more, and a way back: it was confirmed while the disk was full. */
		if (flasher->slots < 2)
			begin_trial(agent);
		else
			life_keep_firmware(agent);
	} else {
		agent->journal.flashed = false;
		if (life_signal(agent, SIGNAL_RESUME, REASON_FLASH_INTERRUPTED, "") == REASON_NONE)
			download_start(agent);
	}
}

/*
 * New firmware on trial, and the journal says nothing of a flash. If it is lost, the window ends
 * the trial, unless the mesh tells what it is. If we decided to go back and the board did not, or
 * the board took so long over a flash that we gave it up and began another upgrade, then nobody
 * waits for this firmware: we go back at once. Nor do we say that this upgrade's flash is behind
 * us.
 */
static void begin_late_trial(struct agent *agent)
{
	bool flashed = agent->journal.flashed;
	bool unwanted = agent->journal.state == STATE_REVERTED ||
			(!flashed && book_start(&agent->book) != NULL);

	agent->journal.state = STATE_CONFIRMATION_PENDING;
	begin_trial(agent);
	if (!unwanted)
		return;
	agent->window_end_ms = agent->now_ms;
	agent->journal.flashed = flashed;
}

void boot_begin(struct agent *agent)
{
	const struct book_order *start = book_start(&agent->book);

	agent->journal.incarnation++;
	agent->state_since_ms = agent->now_ms;
	agent->participant =
		start != NULL && accept_names_us(agent, &start->order.start, &agent->wave);
	/* The incarnation must be on disk before a record of it is signed. */
	agent->journal_due = true;

	if (agent->journal.state == STATE_FLASHING ||
		agent->journal.state == STATE_CONFIRMATION_PENDING) {
		judge_boot(agent);
	} else if (agent->setup.flasher.trial) {
		begin_late_trial(agent);
	} else if (life_is_busy(agent)) {
		agent->journal.state = agent->participant ? STATE_DOWNLOADING : STATE_UPDATED;
		agent->journal.reason = REASON_NONE;
		agent->journal.message[0] = '\0';
		if (agent->participant)
			download_start(agent);
	}
	text_set(agent->journal.boot_id, sizeof(agent->journal.boot_id), agent->setup.boot_id);
}
