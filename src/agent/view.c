// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/node.h"
#include "base/words.h"
#include "core/phase.h"

enum {
	WAITING_NAMES_MAX = 64,
};

static void write_record(
	struct text *text, const struct record_whole *record, const struct usign_public *key)
{
	char blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1];

	record_write_members(record, true, text);
	usign_public_to_blob(blob, key);
	text_add_member_string(text, "key", blob);
}

void agent_view_status(const struct agent *agent, uint64_t now_ms, struct text *text)
{
	struct usign_public key;
	struct record_whole record = agent->published;

	(void)now_ms;
	usign_public_of(&key, &agent->setup.node_key);
	text_set(record.record.name, sizeof(record.record.name), agent->setup.name);
	/* Progress is published once a second; this node may look at its own as it is. */
	if (agent->download_phase >= DOWNLOAD_CHUNKS)
		record.record.held_bytes = download_held_bytes(agent);
	text_begin_object(text);
	text_add_member_string(text, "mesh", agent->setup.mesh);
	write_record(text, &record, &key);
	text_add(text, agent->attached ? ",\"attached\":true" : ",\"attached\":false");
	text_add_member_string(text, "lockstep", LOCKSTEP_VERSION);
	text_end_object(text);
}

/* ---- the upgrade as a whole ---- */

struct scene {
	struct upgrade_question question;
	struct upgrade_count count;
	const struct book_order *start;
	const struct book_order *schedule; /* of the wave that the question is about */
	const struct book_order *confirm;
	enum upgrade_phase phase;
	const struct record *records[LIMITS_PARTICIPANTS_MAX];
};

/* The wave that was scheduled last; or, once that one is confirmed, the next. */
static uint32_t present_wave(const struct agent *agent, struct scene *scene)
{
	uint32_t wave = book_last_wave(&agent->book);

	if (wave == UINT32_MAX)
		return 0;
	(void)life_question(agent, wave, &scene->question);
	upgrade_count(&scene->count, &scene->question, scene->records);
	if (wave + 1 < scene->start->order.start.wave_count && scene->count.confirmed > 0)
		return wave + 1;
	return wave;
}

static enum upgrade_phase phase_of(const struct agent *agent, const struct scene *scene)
{
	const struct upgrade_count *count = &scene->count;

	if (count->confirmed > 0 && count->confirmed >= count->running &&
		count->confirmed + count->reverted >= count->past)
		return PHASE_CONFIRMED;
	if (count->running > 0)
		return PHASE_CONFIRMING;
	if (count->past > 0)
		return PHASE_FLASHING;
	if (book_abort(&agent->book) != NULL)
		return PHASE_ABORTED;
	if (count->reverted > 0)
		return PHASE_REVERTED;
	if (scene->schedule == NULL)
		return PHASE_OPEN;
	/* A countdown that is long over and that nobody follows any more was given up. */
	if (scene->schedule->countdown_known &&
		agent->now_ms > scene->schedule->deadline_ms + scene->start->order.start.hold_ms &&
		count->scheduled == 0)
		return PHASE_ABORTED;
	return PHASE_SCHEDULED;
}

static bool set_scene(const struct agent *agent, struct scene *scene)
{
	uint32_t wave;

	scene->start = book_start(&agent->book);
	if (scene->start == NULL)
		return false;
	life_records(agent, scene->records);
	wave = present_wave(agent, scene);
	(void)life_question(agent, wave, &scene->question);
	scene->schedule = book_schedule(&agent->book, wave);
	scene->confirm = book_confirm(&agent->book, wave, 0);
	if (scene->confirm != NULL)
		scene->question.confirm = &scene->confirm->order.confirm;
	upgrade_count(&scene->count, &scene->question, scene->records);
	scene->phase = phase_of(agent, scene);
	return true;
}

bool agent_phase(const struct agent *agent, enum upgrade_phase *phase)
{
	struct scene scene;
	bool known = set_scene(agent, &scene);

	if (known)
		*phase = scene.phase;
	return known;
}

static void write_waiting(struct text *text, const struct scene *scene)
{
	const struct order_participant *participant;
	enum upgrade_step step = UPGRADE_STEP_READY;
	uint32_t at = 0, names = 0;

	text_add_member(text, "waiting");
	if (scene->phase > PHASE_CONFIRMING) {
		text_add(text, "null");
		return;
	}
	if (scene->phase == PHASE_SCHEDULED)
		step = UPGRADE_STEP_SCHEDULED;
	else if (scene->phase != PHASE_OPEN)
		step = scene->count.running < scene->count.participants ? UPGRADE_STEP_RUNNING
									: UPGRADE_STEP_HEALTHY;
	text_begin_object(text);
	text_add_member_string(text, "reason", reason_word(REASON_WAITING_FOR_PARTICIPANTS));
	text_begin_list(text, "names");
	while (names++ < WAITING_NAMES_MAX && (participant = upgrade_next_missing(&scene->question,
						       scene->records, step, &at)) != NULL) {
		text_add_json_string(text, participant->name);
	}
	text_end_list(text);
	text_end_object(text);
}

/* How long it is from now until then. */
static void write_remaining(
	struct text *text, const char *name, bool known, uint64_t end_ms, uint64_t now_ms)
{
	text_add_member(text, name);
	if (known)
		text_add_u64(text, end_ms > now_ms ? end_ms - now_ms : 0);
	else
		text_add(text, "null");
}

static void write_upgrade(
	const struct agent *agent, uint64_t now_ms, struct text *text, const struct scene *scene)
{
	const struct order_start *start = &scene->start->order.start;
	const struct book_order *schedule = scene->schedule;
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];

	text_begin_object(text);
	order_write_start(text, &scene->start->order);
	text_add_member_hex(text, "start", scene->start->id, BYTES_HASH_SIZE);
	text_add_member_string(
		text, "confirm", start->confirm == ORDER_CONFIRM_AUTO ? "auto" : "operator");
	text_add_member_string(
		text, "policy", start->policy == ORDER_ATOMIC ? "atomic" : "best-effort");
	text_add_member_u64(text, "quorum", start->quorum_percent);
	text_add_member_u64(text, "waves", start->wave_count);
	text_add_member_bool(text, "allow_single_slot", start->allow_single_slot);
	text_add_member_bool(text, "allow_downgrade", start->allow_downgrade);
	text_add_member_string(text, "phase", words_at(phase_words, scene->phase));
	text_add_member_u64(text, "wave", scene->question.wave);
	text_add_member_hex(text, "schedule", scene->question.schedule_id,
		schedule != NULL ? BYTES_HASH_SIZE : 0);
	write_remaining(text, "countdown_ms",
		scene->phase == PHASE_SCHEDULED && schedule->countdown_known,
		schedule != NULL ? schedule->deadline_ms : 0, now_ms);
	text_add_member_u64(text, "confirm_window_s",
		schedule != NULL ? schedule->order.schedule.confirm_window_s : 0);
	write_remaining(text, "window_remaining_ms",
		agent->journal.state == STATE_CONFIRMATION_PENDING && agent->window_known,
		agent->window_end_ms, now_ms);
	usign_fingerprint(fingerprint, scene->start->signature.keynum);
	text_add_member_string(text, "signed_by", fingerprint);
	write_waiting(text, scene);
	text_end_object(text);
}

/* ---- the nodes ---- */

/* A node that was seen, a participant, or both; NULL for what it is not. */
static void write_node(const struct agent *agent, uint64_t now_ms, struct text *text,
	const struct roster_entry *entry, const struct order_participant *participant)
{
	const char *name = entry != NULL ? entry->notice->record.name : participant->name;
	bool here = strcmp(name, agent->setup.name) == 0;
	uint64_t seen_ms = now_ms; /* of ourselves: now */
	struct record_whole record;

	if (entry != NULL && !here)
		seen_ms = (uint64_t)entry->seen_s * 1000;
	text_begin_object(text);
	text_add_member_bool(text, "participant", participant != NULL);
	text_add_member_bool(text, "here", entry != NULL && here);
	text_add_member_bool(text, "neighbour",
		entry != NULL && sources_neighbour_named(agent, name) != AGENT_PEER_NONE);
	write_remaining(text, "seen_ms", entry != NULL, now_ms, seen_ms);
	if (entry != NULL) {
		notice_tell(entry->notice, &record);
		write_record(text, &record, &entry->notice->key);
	} else {
		text_add_member_string(text, "name", name);
		text_add_member_u64(text, "wave", participant->wave);
	}
	text_end_object(text);
}

/* The roster by name. */
static void sort_by_name(const struct roster *roster, const struct roster_entry **sorted)
{
	const struct roster_entry *entry = NULL;
	uint32_t count = 0;

	while ((entry = roster_next(roster, entry, 0)) != NULL) {
		uint32_t low = 0, high = count;

		while (low < high) {
			uint32_t middle = low + (high - low) / 2;

			if (strcmp(sorted[middle]->notice->record.name,
				    entry->notice->record.name) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		memmove(sorted + low + 1, sorted + low, (count++ - low) * sizeof(sorted[0]));
		sorted[low] = entry;
	}
}

/* Participants and roster, both by name, merged. */
static void write_nodes(
	const struct agent *agent, uint64_t now_ms, struct text *text, const struct scene *scene)
{
	const struct order_start *start = scene != NULL ? scene->question.start : NULL;
	uint32_t participants = start != NULL ? start->participant_count : 0;
	const struct roster_entry *sorted[LIMITS_NODES_MAX];
	uint32_t p = 0, r = 0;

	sort_by_name(&agent->roster, sorted);
	while (p < participants || r < agent->roster.count) {
		const struct roster_entry *entry = r < agent->roster.count ? sorted[r] : NULL;
		int order = entry == NULL       ? -1
			    : p == participants ? 1
						: strcmp(start->participants[p].name,
							  entry->notice->record.name);

		write_node(agent, now_ms, text, order >= 0 ? entry : NULL,
			order <= 0 ? &start->participants[p] : NULL);
		p += order <= 0;
		r += order >= 0;
	}
}

static void write_entry(const struct agent *agent, uint64_t now_ms, struct text *text,
	const struct scene *scene, const struct roster_entry *entry)
{
	const struct order_start *start = scene != NULL ? scene->question.start : NULL;
	uint32_t seat = start != NULL ? order_find_participant(start, entry->notice->record.name)
				      : UINT32_MAX;

	write_node(
		agent, now_ms, text, entry, seat != UINT32_MAX ? &start->participants[seat] : NULL);
}

/* What there is news of, and who became a neighbour or is none any more. */
static void write_changes(const struct agent *agent, uint64_t now_ms, struct text *text,
	const struct scene *scene, uint32_t change)
{
	const struct roster_entry *entry = NULL;

	while ((entry = roster_next(&agent->roster, entry, change)) != NULL)
		write_entry(agent, now_ms, text, scene, entry);
	for (uint32_t i = 0; i < agent->neighbours_end; i++) {
		const struct neighbour *neighbour = &agent->neighbours[i];

		/* At the same number it may have been before or after. */
		entry = (int32_t)(neighbour->flipped - change) >= 0
				? roster_find(&agent->roster, neighbour->name)
				: NULL;
		if (entry != NULL && !roster_changed(&agent->roster, entry, change))
			write_entry(agent, now_ms, text, scene, entry);
	}
}

/* In its upper half what only grows, with everything that changes who is in the list. */
uint64_t agent_view_cursor(const struct agent *agent)
{
	const struct book_order *start = book_start(&agent->book);
	uint32_t list = 1 + agent->roster.gone + agent->renamed +
			(start != NULL ? (uint32_t)start->change : 0);

	return (uint64_t)list << 32 | agent->roster.change;
}

bool agent_view_changes(
	const struct agent *agent, uint64_t now_ms, uint64_t cursor, struct text *text)
{
	bool whole = cursor >> 32 != agent_view_cursor(agent) >> 32;
	struct scene scene;
	bool known = set_scene(agent, &scene);

	text_begin_object(text);
	text_add_member_string(text, "lockstep", LOCKSTEP_VERSION);
	text_add_member_string(text, "mesh", agent->setup.mesh);
	text_add_member_string(text, "node", agent->setup.name);
	text_add_member_u64(text, "highest_epoch", agent->journal.highest_epoch);
	text_add_member(text, "upgrade");
	if (known)
		write_upgrade(agent, now_ms, text, &scene);
	else
		text_add(text, "null");
	text_begin_list(text, "nodes");
	if (whole)
		write_nodes(agent, now_ms, text, known ? &scene : NULL);
	else
		write_changes(agent, now_ms, text, known ? &scene : NULL, (uint32_t)cursor);
	text_end_list(text);
	text_end_object(text);
	return !whole;
}

void agent_view_mesh(const struct agent *agent, uint64_t now_ms, struct text *text)
{
	(void)agent_view_changes(agent, now_ms, 0, text);
}

/* ---- mesh_wide_upgrade ---- */

/* LimeApp's names for our states, by enum node_state (docs/limeapp.md). */
static const char projected_states[] =
	"DEFAULT\0DEFAULT\0DOWNLOADING\0READY_FOR_UPGRADE\0UPGRADE_SCHEDULED\0UPGRADE_SCHEDULED\0"
	"CONFIRMATION_PENDING\0ERROR\0ABORTED\0ERROR\0ERROR\0ERROR\0";

/* Nothing but another state leads out of what LimeApp shows for CONFIRMED and ERROR: the first ends
 * by itself, the second with an abort, also where nothing was left to be aborted. */
static const char *projected_state(const struct agent *agent, uint64_t now_ms)
{
	enum node_state state = agent->journal.state;
	const char *word = words_at(projected_states, state);

	if (state == STATE_UPDATED && agent->confirm_decided &&
		now_ms < agent->state_since_ms + AGENT_CONFIRMED_MS)
		return "CONFIRMED";
	if (word[0] != 'E')
		return word;
	if (book_start(&agent->book) == NULL)
		return words_at(projected_states, STATE_UPDATED);
	return book_abort(&agent->book) != NULL ? words_at(projected_states, STATE_ABORTED) : word;
}

static const char *projected_download(enum node_state state, bool busy)
{
	if (state == STATE_DOWNLOADING)
		return "downloading";
	if (state == STATE_DOWNLOAD_ERROR)
		return "download-failed";
	return busy ? "downloaded" : "not-initiated";
}

/* In words, for LimeApp shows them as they are. */
static void add_error(const struct agent *agent, const char *state, struct text *text)
{
	const char *sentence = reason_sentence(agent->journal.reason);
	const char *message = agent->journal.message;
	char words[2 * LIMITS_MESSAGE_SIZE + 1];

	words[0] = '\0';
	if (state[0] == 'E')
		snprintf(words, sizeof(words), "%s: %s %s", state_name(agent->journal.state),
			sentence, strcmp(sentence, message) != 0 ? message : "");
	text_add_member_string(text, "error", words);
}

/* LimeApp's two pages spell the timers differently: both spellings are there. */
static void add_timers(const struct agent *agent, uint64_t now_ms, struct text *text)
{
	const struct book_order *schedule = book_schedule(&agent->book, agent->wave);
	bool counting = agent->journal.state == STATE_UPGRADE_SCHEDULED && schedule != NULL &&
			schedule->countdown_known;
	bool pending = agent->journal.state == STATE_CONFIRMATION_PENDING && agent->window_known;
	uint64_t end_ms = counting ? schedule->deadline_ms : agent->window_end_ms;
	int32_t left_s = end_ms > now_ms ? (int32_t)((end_ms - now_ms) / 1000) : 0;
	int32_t start_s = counting ? left_s : -1, confirm_s = pending ? left_s : -1;

	text_add_format(text,
		",\"retry_count\":0,\"safeupgrade_start_mark\":0,\"su_start_time_out\":%" PRIu32
		",\"safeupgrade_start_remining\":%" PRId32
		",\"safeupgrade_start_remaining\":%" PRId32 ",\"confirm_remining\":%" PRId32
		",\"confirm_remaining\":%" PRId32,
		schedule != NULL ? schedule->order.schedule.countdown_ms / 1000 : 0, start_s,
		start_s, confirm_s, confirm_s);
}

/* node_ip is an address alone, without port or brackets. */
static void add_node_ip(const struct agent *agent, struct text *text)
{
	char host[LIMITS_ADDRESS_SIZE + 1];
	const char *from =
		agent->setup.address[0] == '[' ? agent->setup.address + 1 : agent->setup.address;
	char *end;

	text_set(host, sizeof(host), from);
	end = strchr(host, ']');
	if (end == NULL && strchr(host, ':') == strrchr(host, ':'))
		end = strchr(host, ':');
	if (end != NULL)
		*end = '\0';
	text_add_member_string(text, "node_ip", host);
}

void agent_view_limeapp(const struct agent *agent, uint64_t now_ms, struct text *text)
{
	const struct book_order *start = agent->participant ? book_start(&agent->book) : NULL;
	const char *state = projected_state(agent, now_ms);
	bool busy = life_is_busy(agent);
	bool main = busy && start != NULL && start->posted;

	text_begin_object(text);
	text_add_member_string(text, "upgrade_state", state);
	text_add_member_string(text, "main_node", main ? "MAIN_NODE" : "NO");
	text_add_member_string(
		text, "eupgradestate", projected_download(agent->journal.state, busy));
	add_error(agent, state, text);
	if (start != NULL) {
		text_add_member_string(text, "candidate_fw", start->order.start.version);
		if (start->order.start.url_count > 0)
			text_add_member_string(text, "repo_url", start->order.start.urls[0]);
	}
	text_add_member_u64(text, "timestamp", start != NULL ? start->order.epoch : 0);
	text_add_member_string(text, "board_name", agent->setup.board);
	text_add_member_string(text, "current_fw", agent->setup.version);
	add_node_ip(agent, text);
	add_timers(agent, now_ms, text);
	text_end_object(text);
}
