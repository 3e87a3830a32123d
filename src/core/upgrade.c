// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/upgrade.h"

#include <string.h>

#include "base/ensure.h"

bool upgrade_is_of(const struct upgrade_question *question, const struct record *record)
{
	return record->epoch == question->epoch &&
	       memcmp(record->upgrade, question->upgrade, ORDER_UPGRADE_SIZE) == 0;
}

static bool follows_schedule(const struct upgrade_question *question, const struct record *record)
{
	return question->scheduled && bytes_same_32(record->order, question->schedule_id);
}

/* How many steps are behind it. */
static unsigned steps_done(const struct record *record)
{
	switch (record->state) {
	case STATE_UPGRADE_READY:
		return UPGRADE_STEP_READY + 1;
	case STATE_UPGRADE_SCHEDULED:
		return UPGRADE_STEP_SCHEDULED + 1;
	case STATE_FLASHING:
		return UPGRADE_STEP_PAST + 1;
	case STATE_CONFIRMATION_PENDING:
		return (record->healthy ? UPGRADE_STEP_HEALTHY : UPGRADE_STEP_RUNNING) + 1;
	case STATE_UPDATED:
		return record->flashed ? UPGRADE_STEP_CONFIRMED + 1 : 0;
	default:
		return 0;
	}
}

bool upgrade_has_done(const struct upgrade_question *question, const struct record *record,
	enum upgrade_step step)
{
	return record != NULL && upgrade_is_of(question, record) && steps_done(record) > step &&
	       (step != UPGRADE_STEP_SCHEDULED || follows_schedule(question, record));
}

/*
 * More than half whatever the policy says: two halves of a split mesh must never both be enough, or
 * one epoch could flash two releases.
 */
static uint32_t needed_of(const struct order_start *start, uint32_t participants)
{
	uint32_t quorum = (participants * start->quorum_percent + 99) / 100;
	uint32_t majority = participants / 2 + 1;

	return quorum > majority ? quorum : majority;
}

void upgrade_count(struct upgrade_count *count, const struct upgrade_question *question,
	const struct record *const *records)
{
	const struct order_start *start = question->start;

	ensure(start->participant_count <= LIMITS_PARTICIPANTS_MAX);

	memset(count, 0, sizeof(*count));
	for (uint32_t i = 0; i < start->participant_count; i++) {
		const struct order_participant *participant = &start->participants[i];
		const struct record *record = records[i];
		unsigned done = 0;

		if (participant->wave != question->wave)
			continue;
		if (record != NULL && upgrade_is_of(question, record)) {
			done = steps_done(record);
			count->reverted += record->state == STATE_REVERTED;
		}
		count->participants++;
		count->ready += done > UPGRADE_STEP_READY;
		count->scheduled +=
			done > UPGRADE_STEP_SCHEDULED && follows_schedule(question, record);
		count->past += done > UPGRADE_STEP_PAST;
		count->running += done > UPGRADE_STEP_RUNNING;
		count->healthy += done > UPGRADE_STEP_HEALTHY;
		count->confirmed += done > UPGRADE_STEP_CONFIRMED;
		if (question->confirm == NULL ||
			!order_is_without(question->confirm, participant->name)) {
			count->asked++;
			count->asked_running += done > UPGRADE_STEP_RUNNING;
		}
	}
	count->needed = needed_of(start, count->participants);
}

bool upgrade_is_committed(const struct upgrade_count *count)
{
	return count->participants > 0 && count->scheduled >= count->needed;
}

/* Best effort still wants the quorum; atomic wants everybody who was not named away. */
bool upgrade_is_complete(const struct upgrade_count *count, const struct upgrade_question *question)
{
	return count->asked_running == count->asked ||
	       (count->running >= count->needed &&
		       (count->reverted == 0 || question->start->policy == ORDER_BEST_EFFORT));
}

bool upgrade_is_healthy(const struct upgrade_count *count, const struct upgrade_question *question)
{
	if (question->start->policy == ORDER_ATOMIC && count->reverted > 0)
		return false;
	return count->healthy >= count->needed;
}

const struct order_participant *upgrade_next_missing(const struct upgrade_question *question,
	const struct record *const *records, enum upgrade_step step, uint32_t *at)
{
	while (*at < question->start->participant_count) {
		uint32_t i = (*at)++;
		const struct order_participant *participant = &question->start->participants[i];

		if (participant->wave == question->wave &&
			!upgrade_has_done(question, records[i], step))
			return participant;
	}
	return NULL;
}
