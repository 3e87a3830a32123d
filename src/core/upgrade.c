// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/upgrade.h"

#include <string.h>

#include "base/ensure.h"

/* The marks beyond those of the steps, which come first. */
enum {
	MARK_REVERTED = UPGRADE_STEP_CONFIRMED + 1,
	MARK_ASKED_RUNNING,
	MARK_OTHERS_SEEN,
	MARK_COUNT,
};

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

static bool is_asked(
	const struct upgrade_question *question, const struct order_participant *participant)
{
	return question->confirm == NULL || !order_is_without(question->confirm, participant->name);
}

void upgrade_count_nobody(struct upgrade_count *count, const struct upgrade_question *question)
{
	const struct order_start *start = question->start;

	ensure(start->participant_count <= LIMITS_PARTICIPANTS_MAX);

	memset(count, 0, sizeof(*count));
	for (uint32_t i = 0; i < start->participant_count; i++) {
		if (start->participants[i].wave != question->wave)
			continue;
		count->participants++;
		count->asked += is_asked(question, &start->participants[i]);
	}
	count->needed = needed_of(start, count->participants);
}

uint32_t upgrade_marks(const struct upgrade_question *question, uint32_t index,
	const struct record *record, bool alive)
{
	const struct order_participant *participant = &question->start->participants[index];
	unsigned done, marks;

	if (record == NULL)
		return 0;
	if (participant->wave != question->wave)
		return alive ? 1u << MARK_OTHERS_SEEN : 0;
	if (!upgrade_is_of(question, record))
		return 0;
	/* Who has done five steps has the marks of the first five. */
	done = steps_done(record);
	marks = (1u << done) - 1;
	if (!follows_schedule(question, record))
		marks &= ~(1u << UPGRADE_STEP_SCHEDULED);
	if (record->state == STATE_REVERTED)
		marks |= 1u << MARK_REVERTED;
	if (done > UPGRADE_STEP_RUNNING && is_asked(question, participant))
		marks |= 1u << MARK_ASKED_RUNNING;
	return marks;
}

void upgrade_count_change(struct upgrade_count *count, uint32_t before, uint32_t now)
{
	for (unsigned i = 0; i < MARK_COUNT; i++)
		count->marked[i] += (now >> i & 1u) - (before >> i & 1u);
}

void upgrade_count(struct upgrade_count *count, const struct upgrade_question *question,
	const struct record *const *records)
{
	upgrade_count_nobody(count, question);
	for (uint32_t i = 0; i < question->start->participant_count; i++)
		upgrade_count_change(count, 0, upgrade_marks(question, i, records[i], true));
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
