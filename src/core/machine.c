// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/machine.h"

#include "base/ensure.h"

static enum reason guard_supersedes(const struct machine_facts *facts)
{
	return facts->supersedes ? REASON_NONE : REASON_ALREADY_STARTED;
}

static enum reason guard_scheduled(const struct machine_facts *facts)
{
	(void)facts;
	return REASON_ALREADY_SCHEDULED;
}

static enum reason guard_too_late(const struct machine_facts *facts)
{
	(void)facts;
	return REASON_TOO_LATE;
}

/*
 * The commit rule. Who was not seen in UPGRADE_SCHEDULED may never flash, so nobody goes first; but
 * once somebody is past the flash, to stay behind would split the mesh.
 */
static enum reason guard_commit(const struct machine_facts *facts)
{
	if (facts->committed || facts->past_flash_seen)
		return REASON_NONE;
	return REASON_WAITING_FOR_PARTICIPANTS;
}

static enum reason guard_nobody_past(const struct machine_facts *facts)
{
	return facts->past_flash_seen ? REASON_WAITING_FOR_PARTICIPANTS : REASON_NONE;
}

static enum reason guard_confirm(const struct machine_facts *facts)
{
	if (facts->named_without)
		return REASON_OPERATOR;
	if (facts->confirm_ordered && facts->wave_complete)
		return REASON_NONE;
	if (facts->confirmed_seen && facts->healthy)
		return REASON_NONE;
	if (facts->confirm_ordered)
		return REASON_PARTICIPANTS_MISSING;
	if (!facts->healthy)
		return REASON_WAITING_FOR_HEALTH;
	if (!facts->confirm_auto)
		return REASON_WAITING_FOR_OPERATOR;
	return facts->wave_healthy ? REASON_NONE : REASON_WAITING_FOR_PARTICIPANTS;
}

static enum reason guard_rejoin(const struct machine_facts *facts)
{
	return facts->catch_up && facts->confirmed_seen ? REASON_NONE : REASON_WRONG_STATE;
}

static const struct {
	machine_guard *guard;
	const char *sentence;
} guard_sentences[] = {
	{ guard_supersedes, "the new one has a higher epoch, or the lower id before any schedule" },
	{ guard_scheduled, "refused: already_scheduled" },
	{ guard_too_late, "refused: too_late" },
	{ guard_commit, "every participant of the wave (or the quorum) was seen scheduled for this "
			"very order, or one "
			"of them is past the flash" },
	{ guard_nobody_past, "nobody of the wave is past the flash" },
	{ guard_confirm, "ordered and every participant that was not named away runs the new "
			 "firmware; or healthy and "
			 "another one confirmed; or automatic and the whole wave is healthy" },
	{ guard_rejoin, "the policy says catch_up, and a participant of the wave has confirmed" },
};

/* clang-format off */
static const struct machine_row rows[] = {
	{ STATE_UPDATED, SIGNAL_NEWER_RELEASE, NULL, STATE_UPGRADE_AVAILABLE },
	{ STATE_UPDATED, SIGNAL_START, NULL, STATE_DOWNLOADING },
	{ STATE_UPDATED, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_UPGRADE_AVAILABLE, SIGNAL_START, NULL, STATE_DOWNLOADING },
	{ STATE_UPGRADE_AVAILABLE, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_DOWNLOADING, SIGNAL_START, guard_supersedes, STATE_DOWNLOADING },
	{ STATE_DOWNLOADING, SIGNAL_REFUSE, NULL, STATE_UPGRADE_CHECK_FAILED },
	{ STATE_DOWNLOADING, SIGNAL_FETCH_FAIL, NULL, STATE_DOWNLOAD_ERROR },
	{ STATE_DOWNLOADING, SIGNAL_IMAGE_READY, NULL, STATE_UPGRADE_READY },
	{ STATE_DOWNLOADING, SIGNAL_HOLD_OVER, guard_nobody_past, STATE_ABORTED },
	{ STATE_DOWNLOADING, SIGNAL_ABORT, NULL, STATE_ABORTED },
	{ STATE_DOWNLOADING, SIGNAL_SUPERSEDE, NULL, STATE_ABORTED },
	{ STATE_DOWNLOADING, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_DOWNLOAD_ERROR, SIGNAL_START, guard_supersedes, STATE_DOWNLOADING },
	{ STATE_DOWNLOAD_ERROR, SIGNAL_REFUSE, NULL, STATE_UPGRADE_CHECK_FAILED },
	{ STATE_DOWNLOAD_ERROR, SIGNAL_FETCH_AGAIN, NULL, STATE_DOWNLOADING },
	{ STATE_DOWNLOAD_ERROR, SIGNAL_HOLD_OVER, guard_nobody_past, STATE_ABORTED },
	{ STATE_DOWNLOAD_ERROR, SIGNAL_ABORT, NULL, STATE_ABORTED },
	{ STATE_DOWNLOAD_ERROR, SIGNAL_SUPERSEDE, NULL, STATE_ABORTED },
	{ STATE_DOWNLOAD_ERROR, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_UPGRADE_READY, SIGNAL_START, guard_supersedes, STATE_DOWNLOADING },
	{ STATE_UPGRADE_READY, SIGNAL_SCHEDULE, NULL, STATE_UPGRADE_SCHEDULED },
	{ STATE_UPGRADE_READY, SIGNAL_ABORT, NULL, STATE_ABORTED },
	{ STATE_UPGRADE_READY, SIGNAL_SUPERSEDE, NULL, STATE_ABORTED },
	{ STATE_UPGRADE_READY, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_UPGRADE_SCHEDULED, SIGNAL_START, guard_scheduled, STATE_UPGRADE_SCHEDULED },
	{ STATE_UPGRADE_SCHEDULED, SIGNAL_COUNTDOWN_OVER, guard_commit, STATE_FLASHING },
	{ STATE_UPGRADE_SCHEDULED, SIGNAL_HOLD_OVER, guard_nobody_past, STATE_ABORTED },
	{ STATE_UPGRADE_SCHEDULED, SIGNAL_ABORT, NULL, STATE_ABORTED },
	{ STATE_UPGRADE_SCHEDULED, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_FLASHING, SIGNAL_START, guard_scheduled, STATE_FLASHING },
	{ STATE_FLASHING, SIGNAL_ABORT, guard_too_late, STATE_FLASHING },
	{ STATE_FLASHING, SIGNAL_FLASH_FAILED, NULL, STATE_INTERNAL_ERROR },
	{ STATE_FLASHING, SIGNAL_BOOTED_NEW, NULL, STATE_CONFIRMATION_PENDING },
	{ STATE_FLASHING, SIGNAL_BOOTED_OLD, NULL, STATE_REVERTED },
	{ STATE_FLASHING, SIGNAL_RESUME, NULL, STATE_DOWNLOADING },
	{ STATE_FLASHING, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_CONFIRMATION_PENDING, SIGNAL_START, guard_scheduled, STATE_CONFIRMATION_PENDING },
	{ STATE_CONFIRMATION_PENDING, SIGNAL_ABORT, guard_too_late, STATE_CONFIRMATION_PENDING },
	{ STATE_CONFIRMATION_PENDING, SIGNAL_CONFIRM, guard_confirm, STATE_UPDATED },
	{ STATE_CONFIRMATION_PENDING, SIGNAL_GO_BACK, NULL, STATE_REVERTED },
	{ STATE_CONFIRMATION_PENDING, SIGNAL_BOOTED_OLD, NULL, STATE_REVERTED },
	{ STATE_CONFIRMATION_PENDING, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_REVERTED, SIGNAL_START, NULL, STATE_DOWNLOADING },
	{ STATE_REVERTED, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_ABORTED, SIGNAL_START, NULL, STATE_DOWNLOADING },
	{ STATE_ABORTED, SIGNAL_REJOIN, guard_rejoin, STATE_DOWNLOADING },
	{ STATE_ABORTED, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_UPGRADE_CHECK_FAILED, SIGNAL_START, NULL, STATE_DOWNLOADING },
	{ STATE_UPGRADE_CHECK_FAILED, SIGNAL_ABORT, NULL, STATE_ABORTED },
	{ STATE_UPGRADE_CHECK_FAILED, SIGNAL_SUPERSEDE, NULL, STATE_ABORTED },
	{ STATE_UPGRADE_CHECK_FAILED, SIGNAL_FAULT, NULL, STATE_INTERNAL_ERROR },

	{ STATE_INTERNAL_ERROR, SIGNAL_START, NULL, STATE_DOWNLOADING },
	{ STATE_INTERNAL_ERROR, SIGNAL_ABORT, NULL, STATE_ABORTED },
	{ STATE_INTERNAL_ERROR, SIGNAL_SUPERSEDE, NULL, STATE_ABORTED },
	{ STATE_INTERNAL_ERROR, SIGNAL_BOOTED_OLD, NULL, STATE_REVERTED },
	{ STATE_INTERNAL_ERROR, SIGNAL_BOOTED_NEW, NULL, STATE_CONFIRMATION_PENDING },
};
/* clang-format on */

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static const char *const signal_names[SIGNAL_COUNT] = {
#define SIGNAL_NAME(name, sentence) #name,
	SIGNALS(SIGNAL_NAME)
#undef SIGNAL_NAME
};

static const char *const signal_sentences[SIGNAL_COUNT] = {
#define SIGNAL_SENTENCE(name, sentence) sentence,
	SIGNALS(SIGNAL_SENTENCE)
#undef SIGNAL_SENTENCE
};

const struct machine_row *machine_rows(size_t *count)
{
	*count = ROW_COUNT;
	return rows;
}

const char *machine_guard_sentence(machine_guard *guard)
{
	for (size_t i = 0; i < sizeof(guard_sentences) / sizeof(guard_sentences[0]); i++) {
		if (guard_sentences[i].guard == guard)
			return guard_sentences[i].sentence;
	}
	return "";
}

const char *signal_name(enum signal signal)
{
	ensure((unsigned)signal < SIGNAL_COUNT);

	return signal_names[signal];
}

const char *signal_sentence(enum signal signal)
{
	ensure((unsigned)signal < SIGNAL_COUNT);

	return signal_sentences[signal];
}

enum reason machine_ask(enum node_state state, enum signal signal,
	const struct machine_facts *facts, enum node_state *next)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		enum reason objection;

		if (rows[i].from != state || rows[i].signal != signal)
			continue;
		objection = rows[i].guard != NULL ? rows[i].guard(facts) : REASON_NONE;
		if (objection != REASON_NONE)
			return objection;
		*next = rows[i].to;
		return REASON_NONE;
	}
	return REASON_WRONG_STATE;
}
