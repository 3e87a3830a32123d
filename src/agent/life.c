// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <string.h>

#include "agent/node.h"

bool life_is_busy(const struct agent *agent)
{
	return state_is_busy(agent->journal.state);
}

/* A node that restarts in one of the others begins again with the download, which is quick. */
static bool is_journalled(enum node_state state)
{
	return state != STATE_DOWNLOADING && state != STATE_DOWNLOAD_ERROR &&
	       state != STATE_UPGRADE_READY && state != STATE_UPGRADE_SCHEDULED &&
	       state != STATE_UPGRADE_AVAILABLE;
}

static void set_reason(struct agent *agent, enum reason reason, const char *message)
{
	agent->journal.reason = reason;
	text_set(agent->journal.message, sizeof(agent->journal.message), message);
	agent->changed = true;
}

static void set_state(
	struct agent *agent, enum node_state state, enum reason reason, const char *message)
{
	agent_log(agent,
		state == STATE_INTERNAL_ERROR || state == STATE_UPGRADE_CHECK_FAILED ? LOG_ERROR
										     : LOG_INFO,
		"state", "%s -> %s%s%s%s%s", state_name(agent->journal.state), state_name(state),
		reason != REASON_NONE ? ": " : "", reason_word(reason),
		message[0] != '\0' ? ": " : "", message);
	set_reason(agent, reason, message);
	agent->journal.state = state;
	agent->state_since_ms = agent->now_ms;
	if (agent->active_until_ms < agent->now_ms + AGENT_ACTIVE_STATE_MS)
		agent->active_until_ms = agent->now_ms + AGENT_ACTIVE_STATE_MS;
	if (is_journalled(state))
		agent->journal_due = true;
}

enum reason life_ask(struct agent *agent, enum signal signal, const struct machine_facts *facts,
	enum reason reason, const char *message)
{
	enum node_state next;
	enum reason objection = machine_ask(agent->journal.state, signal, facts, &next);

	if (objection == REASON_NONE)
		set_state(agent, next, reason, message);
	return objection;
}

enum reason life_signal(
	struct agent *agent, enum signal signal, enum reason reason, const char *message)
{
	static const struct machine_facts none;

	return life_ask(agent, signal, &none, reason, message);
}

/* ---- the upgrade as the roster shows it ---- */

bool life_question(const struct agent *agent, uint32_t wave, struct upgrade_question *question)
{
	const struct book_order *start = book_start(&agent->book);
	const struct book_order *schedule = book_schedule(&agent->book, wave);

	if (start == NULL)
		return false;
	memset(question, 0, sizeof(*question));
	question->start = &start->order.start;
	question->epoch = start->order.epoch;
	memcpy(question->upgrade, start->order.upgrade, ORDER_UPGRADE_SIZE);
	question->wave = wave;
	question->scheduled = schedule != NULL;
	if (schedule != NULL)
		memcpy(question->schedule_id, schedule->id, BYTES_HASH_SIZE);
	return true;
}

void life_records(const struct agent *agent, const struct record **records)
{
	const struct order_start *start = &book_start(&agent->book)->order.start;

	for (uint32_t i = 0; i < start->participant_count; i++) {
		const struct roster_entry *entry =
			roster_find(&agent->roster, start->participants[i].name);

		/* Only the key that the start order pins speaks for a participant. */
		records[i] = entry != NULL && bytes_same_32(entry->notice->key.key,
						      start->participants[i].key)
				     ? &entry->notice->record
				     : NULL;
	}
}

/* ---- the outlook ---- */

static void count_entry(struct agent *agent, struct roster_entry *entry)
{
	struct outlook *outlook = &agent->outlook;
	const struct order_participant *participant =
		&outlook->question.start->participants[entry->seat];
	uint32_t marks = 0, before = entry->marks;

	/* Only the key that the start order pins speaks for a participant. An old record that
	 * others still pass on is no sign of life: a newer one is. */
	if (bytes_same_32(entry->notice->key.key, participant->key))
		marks = upgrade_marks(
			&outlook->question, entry->seat, &entry->notice->record, entry->moved);
	entry->marks = marks & ROSTER_MARKS;
	upgrade_count_change(&outlook->count, before, marks);
}

static void count_all(struct agent *agent)
{
	upgrade_count_nobody(&agent->outlook.count, &agent->outlook.question);
	for (uint32_t i = 0; i < agent->roster.count; i++) {
		struct roster_entry *entry = &agent->roster.entries[i];

		entry->marks = 0;
		if (entry->seat != ROSTER_NO_SEAT)
			count_entry(agent, entry);
	}
}

/* Of several confirm orders the one that is fulfilled counts; else the last. */
static void pick_confirm(struct agent *agent)
{
	struct outlook *outlook = &agent->outlook;
	const struct book_order *order;

	count_all(agent);
	while ((order = book_confirm(&agent->book, agent->wave, outlook->confirms)) != NULL) {
		outlook->confirms++;
		outlook->question.confirm = &order->order.confirm;
		count_all(agent);
		if (upgrade_is_complete(&outlook->count, &outlook->question) &&
			!order_is_without(&order->order.confirm, agent->setup.name))
			return;
	}
}

/* Only another start order changes them. */
static void find_seats(struct agent *agent)
{
	const struct book_order *start = book_start(&agent->book);

	if (start == NULL || agent->outlook.start_change == start->change)
		return;
	agent->outlook.start_change = start->change;
	for (uint32_t i = 0; i < agent->roster.count; i++) {
		struct roster_entry *entry = &agent->roster.entries[i];

		entry->seat = life_find_seat(agent, entry->notice->record.name);
	}
}

void life_look(struct agent *agent)
{
	struct outlook *outlook = &agent->outlook;

	if (outlook->book_change == agent->book.change &&
		(outlook->confirms < 2 || outlook->roster_change == agent->roster.change))
		return;
	outlook->book_change = agent->book.change;
	outlook->roster_change = agent->roster.change;
	outlook->confirms = 0;
	find_seats(agent);
	outlook->known = life_question(agent, agent->wave, &outlook->question);
	outlook->schedule = book_schedule(&agent->book, agent->wave);
	if (outlook->known)
		pick_confirm(agent);
	outlook->known &= agent->participant;
}

const uint8_t *life_seat_key(const struct agent *agent, uint16_t seat)
{
	return seat != ROSTER_NO_SEAT ? book_start(&agent->book)->order.start.participants[seat].key
				      : NULL;
}

uint16_t life_find_seat(const struct agent *agent, const char *name)
{
	const struct book_order *start = book_start(&agent->book);

	return start != NULL ? (uint16_t)order_find_participant(&start->order.start, name)
			     : ROSTER_NO_SEAT;
}

void life_record_news(struct agent *agent, uint16_t seat)
{
	struct roster_entry *entry = roster_newest(&agent->roster);

	entry->seat = seat;
	/* If the book has changed since, all are counted anew anyway. */
	if (seat != ROSTER_NO_SEAT && agent->outlook.book_change == agent->book.change)
		count_entry(agent, entry);
}

/* "node3, node7 and 2 more": those of the wave that have not done the step. */
static void name_missing(
	const struct agent *agent, enum upgrade_step step, char *message, size_t capacity)
{
	const struct upgrade_question *question = &agent->outlook.question;
	const struct record *records[LIMITS_PARTICIPANTS_MAX];
	const struct order_participant *participant;
	struct text text;
	uint32_t at = 0, missing = 0;

	life_records(agent, records);
	text_init(&text, message, capacity);
	while ((participant = upgrade_next_missing(question, records, step, &at)) != NULL) {
		missing++;
		if (text.size + strlen(participant->name) + 24 < capacity) {
			text_add(&text, missing > 1 ? ", " : "");
			text_add(&text, participant->name);
		}
	}
	if (text.size + 16 < capacity && missing > 1)
		text_add_format(&text, " (%" PRIu32 " nodes)", missing);
}

/* Why nothing happens yet, with who has not done the step. Not a change of state, and not worth a
 * write to flash; nor, in a large mesh, a record for each who is missing less. */
static void wait_because(struct agent *agent, enum reason reason, enum upgrade_step step)
{
	char names[LIMITS_MESSAGE_SIZE + 1] = "";

	if (reason == agent->journal.reason && !agent_is_due(agent, agent->waiting_next_ms))
		return;
	agent->waiting_next_ms = agent->now_ms + agent_progress_ms(agent);
	if (reason != REASON_WAITING_FOR_OPERATOR && reason != REASON_OPERATOR)
		name_missing(agent, step, names, sizeof(names));
	if (agent->journal.reason != reason || strcmp(agent->journal.message, names) != 0)
		set_reason(agent, reason, names);
}

/* Participants of other waves need not flash now, but the mesh is whole only with them. */
static bool sees_other_waves(const struct outlook *outlook)
{
	const struct order_start *start = outlook->question.start;
	uint32_t others = start->participant_count - outlook->count.participants;

	return outlook->count.others_seen * 100 >= others * start->quorum_percent;
}

static void find_facts(const struct agent *agent, struct outlook *outlook)
{
	const struct upgrade_question *question = &outlook->question;
	const struct upgrade_count *count = &outlook->count;
	const struct order_start *start = question->start;
	/* What somebody confirmed does not go back any more. */
	bool goes_back =
		start->policy == ORDER_ATOMIC && count->reverted > 0 && count->confirmed == 0;

	/* Who was named away may not keep what he would flash now. */
	bool named_without =
		question->confirm != NULL && order_is_without(question->confirm, agent->setup.name);

	outlook->facts = (struct machine_facts){
		.committed = upgrade_is_committed(count) && !named_without,
		.past_flash_seen = count->past > (agent->journal.flashed ? 1u : 0u) && !goes_back &&
				   !named_without,
		.healthy = agent->healthy,
		.named_without = named_without,
		.confirm_ordered = question->confirm != NULL,
		.confirm_auto = start->confirm == ORDER_CONFIRM_AUTO,
		.wave_complete = upgrade_is_complete(count, question),
		.wave_healthy = upgrade_is_healthy(count, question),
		.confirmed_seen = count->confirmed > 0,
		.catch_up = start->catch_up,
	};
}

/* ---- before the flash ---- */

/* When a node that could not flash gives up. */
static uint64_t hold_end(const struct outlook *outlook)
{
	const struct book_order *schedule = outlook->schedule;
	uint64_t from_ms = schedule->countdown_known
				   ? schedule->deadline_ms
				   : schedule->came_ms + schedule->order.schedule.countdown_ms;

	return from_ms + outlook->question.start->hold_ms;
}

static void give_up(struct agent *agent, const struct outlook *outlook)
{
	enum reason reason = outlook->schedule->countdown_known ? REASON_NOT_EVERYONE_SCHEDULED
								: REASON_COUNTDOWN_LOST;
	char names[LIMITS_MESSAGE_SIZE + 1];

	if (!agent_is_due(agent, hold_end(outlook)))
		return;
	name_missing(agent, UPGRADE_STEP_SCHEDULED, names, sizeof(names));
	if (life_ask(agent, SIGNAL_HOLD_OVER, &outlook->facts, reason, names) == REASON_NONE)
		download_stop(agent, true);
}

static void begin_flash(struct agent *agent, const struct outlook *outlook)
{
	uint32_t window_s = outlook->schedule->order.schedule.confirm_window_s;
	enum reason objection;

	/* The action is taken first: a state that says FLASHING without it would wait for ever. */
	if (!agent_ask_flasher(agent, FLASHER_FLASH, window_s))
		return;
	objection = life_ask(agent, SIGNAL_COUNTDOWN_OVER, &outlook->facts, REASON_NONE, "");
	if (objection != REASON_NONE) {
		agent->actions->count--;
		wait_because(agent, objection, UPGRADE_STEP_SCHEDULED);
		give_up(agent, outlook);
		return;
	}
	agent->journal.flashed = true;
	agent->journal.window_s = window_s;
	text_set(agent->journal.previous_version, sizeof(agent->journal.previous_version),
		agent->setup.version);
	agent->flash_deadline_ms = agent->now_ms + AGENT_FLASH_PATIENCE_MS;
	agent_log(agent, LOG_INFO, "flash", "the flash begins%s",
		outlook->facts.committed ? "" : ", to catch up with the others");
}

static void think_scheduled(struct agent *agent, const struct outlook *outlook)
{
	const struct book_order *schedule = outlook->schedule;

	if (schedule->countdown_known && !agent_is_due(agent, schedule->deadline_ms))
		return;
	if (schedule->countdown_known || outlook->facts.past_flash_seen)
		begin_flash(agent, outlook);
	else
		give_up(agent, outlook);
	if (agent->journal.state == STATE_UPGRADE_SCHEDULED)
		agent_wake_at(agent, hold_end(outlook));
}

static void think_before(struct agent *agent, const struct outlook *outlook)
{
	if (outlook->schedule == NULL)
		return;
	if (agent->journal.state == STATE_UPGRADE_READY) {
		if (life_ask(agent, SIGNAL_SCHEDULE, &outlook->facts, REASON_NONE, "") ==
			REASON_NONE)
			think_scheduled(agent, outlook);
		return;
	}
	give_up(agent, outlook);
}

static void think_aborted(struct agent *agent, const struct outlook *outlook)
{
	if (agent->journal.reason != REASON_NOT_EVERYONE_SCHEDULED &&
		agent->journal.reason != REASON_COUNTDOWN_LOST)
		return;
	/* An abort that came after it had given up counts all the same. */
	if (book_abort(&agent->book) != NULL)
		return;
	if (life_ask(agent, SIGNAL_REJOIN, &outlook->facts, REASON_NONE, "") == REASON_NONE)
		download_start(agent);
}

/* ---- the flash ---- */

static void think_flashing(struct agent *agent)
{
	if (!agent_is_due(agent, agent->flash_deadline_ms))
		return;
	if (agent->flash_deadline_ms >= agent->state_since_ms + AGENT_FLASH_PATIENCE_MS) {
		(void)life_signal(agent, SIGNAL_FLASH_FAILED, REASON_FLASHER_FAILED,
			"the board did not reboot");
		return;
	}
	/* The daemon restarted in the middle and no reboot came: do it again, from the start. */
	agent->journal.flashed = false;
	if (life_signal(agent, SIGNAL_RESUME, REASON_FLASH_INTERRUPTED, "") == REASON_NONE)
		download_start(agent);
}

/* ---- the trial ---- */

bool life_runs_wrong_version(const struct agent *agent, const struct order_start *start)
{
	return strcmp(agent->setup.version, start->version) != 0 &&
	       agent->journal.previous_version[0] != '\0' &&
	       strcmp(agent->setup.version, agent->journal.previous_version) == 0;
}

static void judge_health(struct agent *agent, struct outlook *outlook)
{
	/* Once somebody has confirmed, those that went back since do not take others along. */
	bool wave_runs =
		outlook->count.running >= outlook->count.needed || outlook->count.confirmed > 0;
	bool healthy = agent->hooks_ok && wave_runs &&
		       !life_runs_wrong_version(agent, outlook->question.start) &&
		       sees_other_waves(outlook);

	if (agent->healthy != healthy) {
		agent->healthy = healthy;
		agent->changed = true;
		agent_log(agent, LOG_INFO, "health", healthy ? "healthy" : "not healthy");
	}
	outlook->facts.healthy = healthy;
}

static void ask_health(struct agent *agent)
{
	if (!agent->health_under_way && agent_is_due(agent, agent->health_next_ms))
		agent->health_under_way = agent_act(agent, ACTION_HEALTH) != NULL;
}

void life_health_over(struct agent *agent, const struct event *event)
{
	agent->health_under_way = false;
	agent->health_next_ms = agent->now_ms + AGENT_HEALTH_MS;
	agent->hooks_ok = event->health.ok && event->health.gateway_ok;
	if (!agent->hooks_ok && agent->journal.state == STATE_CONFIRMATION_PENDING)
		agent_log(agent, LOG_WARNING, "health", "%s",
			event->health.ok ? "the gateway is not there" : event->health.message);
}

static void go_back(struct agent *agent, const struct outlook *outlook)
{
	enum reason reason = REASON_WINDOW_OVER;
	char names[LIMITS_MESSAGE_SIZE + 1];

	names[0] = '\0';
	if (outlook != NULL && outlook->count.running < outlook->count.participants) {
		reason = REASON_WAVE_REVERTED;
		name_missing(agent, UPGRADE_STEP_RUNNING, names, sizeof(names));
	} else if (outlook != NULL && !agent->hooks_ok) {
		reason = REASON_UNHEALTHY;
	}
	if (agent->setup.flasher.slots < 2) {
		(void)life_signal(agent, SIGNAL_FAULT, reason,
			"This board has no way back to the old firmware.");
		return;
	}
	if (agent_ask_flasher(agent, FLASHER_REVERT, 0) &&
		life_signal(agent, SIGNAL_GO_BACK, reason, names) != REASON_NONE)
		agent->actions->count--;
}

static void ask_confirm(struct agent *agent)
{
	if (!agent->confirm_under_way && agent_is_due(agent, agent->confirm_next_ms))
		agent->confirm_under_way = agent_ask_flasher(agent, FLASHER_CONFIRM, 0);
}

static void think_trial(struct agent *agent, struct outlook *outlook)
{
	enum node_state next;

	ask_health(agent);
	if (outlook != NULL) {
		enum reason objection;

		judge_health(agent, outlook);
		objection =
			machine_ask(agent->journal.state, SIGNAL_CONFIRM, &outlook->facts, &next);
		if (objection == REASON_NONE)
			agent->confirm_decided = true;
		else if (!agent->confirm_decided)
			wait_because(agent, objection, UPGRADE_STEP_HEALTHY);
	}
	if (agent->confirm_decided)
		ask_confirm(agent);
	if (agent_is_due(agent, agent->window_end_ms) && !agent->confirm_under_way)
		go_back(agent, outlook);
}

static void confirm_failed(struct agent *agent, const char *message)
{
	agent->confirm_under_way = false;
	agent->confirm_next_ms = agent->now_ms + AGENT_CONFIRM_RETRY_MS;
	set_reason(agent, REASON_CONFIRM_FAILED, message);
	agent_log(agent, LOG_ERROR, "confirm_failed", "%s", message);
}

void life_keep_firmware(struct agent *agent)
{
	const struct machine_facts facts = { .healthy = true, .confirmed_seen = true };
	const struct book_order *start = book_start(&agent->book);

	if (life_ask(agent, SIGNAL_CONFIRM, &facts, REASON_NONE, "") != REASON_NONE)
		return;
	/* Until LimeApp was told, and that it is over. */
	if (agent->active_until_ms < agent->now_ms + AGENT_CONFIRMED_MS)
		agent->active_until_ms = agent->now_ms + AGENT_CONFIRMED_MS;
	agent->setup.flasher.trial = false;
	agent->window_known = false;
	agent->healthy = false;
	if (start != NULL)
		agent->journal.release_sequence = start->order.start.sequence;
}

/* A flasher that says yes is no evidence; a confirm window that is gone is. */
static void confirm_over(struct agent *agent, const struct event *event)
{
	const char *problem = NULL;

	if (!event->flasher.ok)
		problem = event->flasher.message;
	else if (event->flasher.verb == FLASHER_REMAINING && event->flasher.remaining_ms >= 0)
		problem = "the flasher said yes, but the confirm window still runs";
	else if (event->flasher.verb == FLASHER_CONFIRM &&
		 !agent_ask_flasher(agent, FLASHER_REMAINING, 0))
		problem = "too much to do at once";

	if (problem != NULL) {
		confirm_failed(agent, problem);
	} else if (event->flasher.verb == FLASHER_REMAINING) {
		agent->confirm_under_way = false;
		life_keep_firmware(agent);
	}
}

void life_flasher_over(struct agent *agent, const struct event *event)
{
	switch (event->flasher.verb) {
	case FLASHER_FLASH:
		if (!event->flasher.ok)
			(void)life_signal(agent, SIGNAL_FLASH_FAILED, REASON_FLASHER_FAILED,
				event->flasher.message);
		break;
	case FLASHER_CONFIRM:
	case FLASHER_REMAINING:
		if (agent->journal.state == STATE_CONFIRMATION_PENDING && agent->confirm_under_way)
			confirm_over(agent, event);
		break;
	case FLASHER_REVERT:
		if (!event->flasher.ok)
			(void)life_signal(
				agent, SIGNAL_FAULT, REASON_REVERT_FAILED, event->flasher.message);
		break;
	case FLASHER_PROBE:
	case FLASHER_CHECK:
		break;
	}
}

void life_think(struct agent *agent)
{
	struct outlook *outlook = &agent->outlook;
	bool known;

	life_look(agent);
	known = outlook->known;
	if (known)
		find_facts(agent, outlook);
	switch (agent->journal.state) {
	case STATE_DOWNLOADING:
	case STATE_DOWNLOAD_ERROR:
	case STATE_UPGRADE_READY:
		if (known)
			think_before(agent, outlook);
		break;
	case STATE_UPGRADE_SCHEDULED:
		if (known && outlook->schedule != NULL)
			think_scheduled(agent, outlook);
		break;
	case STATE_FLASHING:
		think_flashing(agent);
		break;
	case STATE_CONFIRMATION_PENDING:
		think_trial(agent, known ? outlook : NULL);
		break;
	case STATE_ABORTED:
		if (known)
			think_aborted(agent, outlook);
		break;
	default:
		break;
	}
}
