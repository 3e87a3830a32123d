// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"
#include "release/verdict.h"

void download_start(struct agent *agent)
{
	struct download *download = &agent->download;
	struct outstanding outstanding = download->outstanding;

	memset(download, 0, sizeof(*download));
	download->outstanding = outstanding;
	agent->download_phase = DOWNLOAD_RELEASE;
	download->ask_next_ms = agent->now_ms;
	download->ask_pause_ms = AGENT_RELEASE_PAUSE_MS;
	download->progress_ms = agent->now_ms;
}

void download_stop(struct agent *agent, bool drop_image)
{
	if (agent->download_phase == DOWNLOAD_CHUNKS)
		(void)agent_act(agent, ACTION_FETCH_STOP);
	if (drop_image && agent->download_phase > DOWNLOAD_RELEASE)
		(void)agent_act(agent, ACTION_IMAGE_DROP);
	agent->download_phase = DOWNLOAD_IDLE;
}

uint64_t download_held_bytes(const struct agent *agent)
{
	const struct download *download = &agent->download;
	uint64_t bytes;

	if (agent->download_phase < DOWNLOAD_CHUNKS)
		return 0;
	bytes = (uint64_t)download->planner.held.held_count * download->image.chunk_size;
	return bytes < download->image.size ? bytes : download->image.size;
}

/* `message` "": the reason's own sentence. */
static void refuse(struct agent *agent, enum reason reason, const char *message)
{
	if (message[0] == '\0')
		message = reason_sentence(reason);
	/* The table lets only a download fail: one that stood still came back to life first. */
	if (agent->journal.state == STATE_DOWNLOAD_ERROR ||
		agent->journal.state == STATE_DOWNLOADING) {
		if (life_signal(agent, SIGNAL_REFUSE, reason, message) == REASON_NONE)
			download_stop(agent, true);
	}
}

static void image_file_failed(struct agent *agent, const char *message)
{
	if (life_signal(agent, SIGNAL_FAULT, REASON_IMAGE_FILE_FAILED, message) == REASON_NONE)
		download_stop(agent, true);
}

static void made_progress(struct agent *agent)
{
	agent->download.progress_ms = agent->now_ms;
	if (agent->journal.state == STATE_DOWNLOAD_ERROR)
		(void)life_signal(agent, SIGNAL_FETCH_AGAIN, REASON_NONE, "");
}

/* ---- the release ---- */

enum {
	RELEASE_SOURCES_MAX = 1 + LIMITS_NEIGHBOURS_MAX + AGENT_FAR_MAX + LIMITS_IMAGE_URLS_MAX,
	ROUNDS_OF_DOUBT =
		2, /* whole rounds of releases that lack signatures before we believe it */
};

static void end_round(struct agent *agent)
{
	struct download *download = &agent->download;

	download->ask_cursor = 0;
	download->ask_next_ms =
		agent->now_ms +
		(download->ask_again ? AGENT_RELEASE_OFFER_MS
				     : prng_roughly(&agent->prng, download->ask_pause_ms));
	download->ask_again = false;
	download->ask_pause_ms += download->ask_pause_ms / 2;
	if (download->ask_pause_ms > AGENT_RELEASE_PAUSE_MAX_MS)
		download->ask_pause_ms = AGENT_RELEASE_PAUSE_MAX_MS;
	if (download->round_verdict == REASON_NONE)
		download->rounds = 0;
	else if (++download->rounds >= ROUNDS_OF_DOUBT)
		refuse(agent, download->round_verdict, "");
	download->round_verdict = REASON_NONE;
}

static void ask_for_release(struct agent *agent)
{
	struct download *download = &agent->download;
	uint32_t end = RELEASE_SOURCES_MAX;
	struct agent_source source;
	struct action *action;

	if (download->asking && !agent_is_due(agent, download->ask_deadline_ms))
		return;
	download->asking = false;
	if (!agent_is_due(agent, download->ask_next_ms))
		return;
	/* At first neighbours alone: they will have it in a moment. */
	if (download->ask_pause_ms == AGENT_RELEASE_PAUSE_MS)
		end = 1 + LIMITS_NEIGHBOURS_MAX;
	while (download->ask_cursor < end && !sources_release(agent, download->ask_cursor, &source))
		download->ask_cursor++;
	if (download->ask_cursor == end) {
		end_round(agent);
		if (agent->download_phase == DOWNLOAD_RELEASE)
			agent_wake_at(agent, download->ask_next_ms);
		return;
	}
	action = agent_act(agent, ACTION_FETCH_RELEASE);
	if (action == NULL)
		return;
	action->fetch_release.source = source;
	memcpy(action->fetch_release.release_id, sources_start(agent)->release_id, BYTES_HASH_SIZE);
	download->ask_cursor++;
	download->asking = true;
	download->ask_deadline_ms = agent->now_ms + AGENT_RELEASE_DEADLINE_MS;
}

static void open_image(struct agent *agent)
{
	struct download *download = &agent->download;
	struct action *action = agent_act(agent, ACTION_IMAGE_OPEN);

	if (action == NULL)
		return;
	action->image_open.image = &download->image;
	memcpy(action->image_open.release_id, sources_start(agent)->release_id, BYTES_HASH_SIZE);
	agent->download_phase = DOWNLOAD_OPENING;
	download->outstanding.open++;
}

static void judge_release(struct agent *agent, const struct event *event)
{
	const struct order_start *start = sources_start(agent);
	struct download *download = &agent->download;
	struct verdict_question question = {
		.release_id = start->release_id,
		.manifest_bytes = event->release.manifest,
		.manifest_size = event->release.manifest_size,
		.signatures = event->release.signatures,
		.signature_count = event->release.signature_count,
		.trusted = &agent->setup.release_keys,
		.threshold = agent->setup.release_threshold,
		.board = agent->setup.board,
		.sequence_floor = agent->journal.release_sequence,
		.allow_downgrade = start->allow_downgrade,
		.compat_version = agent->setup.compat_version,
	};
	char detail[LIMITS_MESSAGE_SIZE + 1];
	enum reason reason;

	detail[0] = '\0';
	reason = verdict_give(
		&question, &download->manifest, &download->image, detail, sizeof(detail));
	if (reason == REASON_RELEASE_MISMATCH || reason == REASON_TOO_FEW_SIGNATURES) {
		/* That may be this source's fault alone: the others are asked before it counts. */
		agent_log(agent, LOG_WARNING, "release_refused", "from peer %" PRIu32 ": %s %s",
			event->release.peer, reason_word(reason), detail);
		if (reason == REASON_TOO_FEW_SIGNATURES)
			download->round_verdict = reason;
		return;
	}
	if (reason == REASON_NONE &&
		(download->manifest.sequence != start->sequence ||
			strcmp(download->manifest.version, start->version) != 0)) {
		reason = REASON_RELEASE_MISMATCH;
		text_set(detail, sizeof(detail), "The order names another version or sequence.");
	}
	if (reason == REASON_NONE && agent->setup.flasher.slots < 2 && !start->allow_single_slot)
		reason = REASON_SINGLE_SLOT;
	if (reason != REASON_NONE) {
		refuse(agent, reason, detail);
		return;
	}
	made_progress(agent);
	open_image(agent);
}

/* ---- the chunks ---- */

static void add_peer(struct agent *agent, uint32_t peer, enum planner_rank rank)
{
	(void)planner_peer_up(&agent->download.planner, peer, rank);
}

/* A neighbour, if it may have what we lack. */
static bool add_neighbour(struct agent *agent, uint32_t neighbour)
{
	if (!sources_neighbour_may_help(agent, neighbour))
		return false;
	add_peer(agent, neighbour, PLANNER_NEIGHBOUR);
	return true;
}

/* Somebody further away, if there is a place for him. */
static void add_far(struct agent *agent, const char *name)
{
	uint32_t place = 0;

	while (place < AGENT_FAR_MAX && agent->download.far_names[place][0] != '\0') {
		if (strcmp(agent->download.far_names[place++], name) == 0)
			return;
	}
	if (place == AGENT_FAR_MAX)
		return;
	text_set(agent->download.far_names[place], LIMITS_NAME_SIZE + 1, name);
	add_peer(agent, AGENT_PEER_FAR + place, PLANNER_FAR);
}

static void add_peers(struct agent *agent, bool local)
{
	struct download *download = &agent->download;
	struct agent_source source;

	if (local) {
		struct chunkmap full;

		chunkmap_init(&full, download->image.chunk_count);
		for (uint32_t i = 0; i < full.chunk_count; i++)
			chunkmap_add(&full, i);
		add_peer(agent, AGENT_PEER_LOCAL, PLANNER_NEIGHBOUR);
		planner_map_over(&download->planner, AGENT_PEER_LOCAL, &full, agent->now_ms);
	}
	for (uint32_t i = 0; i < LIMITS_NEIGHBOURS_MAX; i++)
		(void)add_neighbour(agent, i);
	for (uint32_t i = 0; i < LIMITS_IMAGE_URLS_MAX; i++) {
		if (sources_url(agent, i, &source))
			add_peer(agent, AGENT_PEER_URL + i, PLANNER_URL);
	}
	sources_choose_far(agent, download->far_names);
	for (uint32_t i = 0; i < AGENT_FAR_MAX && download->far_names[i][0] != '\0'; i++)
		add_peer(agent, AGENT_PEER_FAR + i, PLANNER_FAR);
}

static void log_image(struct agent *agent)
{
	const struct download *download = &agent->download;

	agent_log(agent, LOG_INFO, "image", "%s: %" PRIu32 " of %" PRIu32 " chunks are here",
		download->image.file, download->planner.held.held_count,
		download->image.chunk_count);
}

static void image_opened(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;
	struct chunkmap held;

	ensure(download->outstanding.open > 0);
	download->outstanding.open--;
	if (agent->download_phase != DOWNLOAD_OPENING || download->outstanding.open > 0)
		return;
	if (event->image_opened.error == EVENT_IMAGE_NO_SPACE) {
		refuse(agent, REASON_NO_SPACE, event->image_opened.message);
		return;
	}
	if (event->image_opened.error != EVENT_IMAGE_OK) {
		image_file_failed(agent, event->image_opened.message);
		return;
	}
	planner_init(&download->planner, download->image.chunk_count, prng_next(&agent->prng));
	if (chunkmap_decode(&held, download->image.chunk_count, event->image_opened.held,
		    event->image_opened.held_size) == CHUNKMAP_OK)
		planner_hold(&download->planner, &held);
	agent->download_phase = DOWNLOAD_CHUNKS;
	made_progress(agent);
	agent->hello_due = true;
	add_peers(agent, event->image_opened.local);
	log_image(agent);
}

static void write_chunk(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;
	/* The event is the first thing of its step: there is room. */
	struct action *action = agent_act(agent, ACTION_IMAGE_WRITE);

	ensure(action != NULL);
	action->image_write.chunk = event->chunk.chunk;
	action->image_write.offset = (uint64_t)event->chunk.chunk * download->image.chunk_size;
	action->image_write.bytes = event->chunk.bytes;
	action->image_write.size = event->chunk.size;
	download->outstanding.write++;
}

static void chunk_came(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;
	uint32_t chunk = event->chunk.chunk, peer = event->chunk.peer;
	enum planner_outcome outcome = PLANNER_FAILED;
	char who[LIMITS_URL_SIZE + 1];

	if (agent->download_phase != DOWNLOAD_CHUNKS || chunk >= download->image.chunk_count)
		return;
	if (event->chunk.outcome == EVENT_CHUNK_NOT_HELD)
		outcome = PLANNER_NOT_HELD;
	else if (event->chunk.outcome == EVENT_CHUNK_CAME)
		outcome = image_chunk_is(
				  &download->image, chunk, event->chunk.bytes, event->chunk.size)
				  ? PLANNER_GOOD
				  : PLANNER_WRONG;
	if (outcome == PLANNER_WRONG && !planner_banned(&download->planner, peer)) {
		sources_describe(agent, peer, who, sizeof(who));
		agent_log(agent, LOG_WARNING, "wrong_chunk",
			"%s served a wrong chunk %" PRIu32 "; it is not asked again", who, chunk);
	}
	if (planner_chunk_over(&download->planner, peer, chunk, outcome, agent->now_ms)) {
		made_progress(agent);
		write_chunk(agent, event);
	}
}

static void chunk_written(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;

	if (download->outstanding.write > 0)
		download->outstanding.write--;
	if (agent->download_phase != DOWNLOAD_CHUNKS)
		return;
	if (event->chunk_written.error == EVENT_IMAGE_NO_SPACE)
		refuse(agent, REASON_NO_SPACE, "");
	else if (event->chunk_written.error != EVENT_IMAGE_OK)
		image_file_failed(agent, reason_sentence(REASON_IMAGE_FILE_FAILED));
	else
		agent->changed = agent->hello_due = true;
}

/* ---- what neighbours tell without being asked ---- */

enum { OFFER_ID_SIZE = 8, OFFER_HEAD_SIZE = OFFER_ID_SIZE + 1 };

size_t agent_offer(const struct agent *agent, uint8_t offer[static AGENT_OFFER_MAX])
{
	const struct download *download = &agent->download;
	const struct chunkmap *held = &download->planner.held;
	size_t size = chunkmap_wire_size(held->chunk_count);

	if (agent->download_phase < DOWNLOAD_CHUNKS)
		return 0;
	memcpy(offer, download->image.sha256, OFFER_ID_SIZE);
	offer[OFFER_ID_SIZE] = download->level;
	memcpy(offer + OFFER_HEAD_SIZE, held->bits, size);
	return OFFER_HEAD_SIZE + size;
}

/* Who is behind us learns at once if it is no good to wait for us; else with our next chunk. */
static void tell_level(struct agent *agent)
{
	struct download *download = &agent->download;
	uint8_t level = planner_level(&download->planner, agent->now_ms);

	agent->hello_due |= level > download->level;
	download->level = level;
}

/* Whoever has an image has its release: he is asked for it at once, for each image once. */
static void note_offer(struct agent *agent, uint32_t neighbour, uint32_t image)
{
	struct download *download = &agent->download;
	uint64_t soon_ms = agent->now_ms + AGENT_RELEASE_OFFER_MS;

	if (download->offered[neighbour] == image)
		return;
	download->offered[neighbour] = image;
	if (download->asking)
		download->ask_again = true;
	else if (download->ask_next_ms > soon_ms)
		download->ask_next_ms = soon_ms;
}

void download_offer(struct agent *agent, const struct event *event)
{
	const uint8_t *offer = event->neighbour_up.offer;
	size_t size = event->neighbour_up.offer_size;
	uint32_t neighbour = event->neighbour_up.neighbour;
	struct download *download = &agent->download;
	struct chunkmap map;

	if (size <= OFFER_HEAD_SIZE)
		return;
	if (agent->download_phase == DOWNLOAD_RELEASE)
		note_offer(agent, neighbour, bytes_get_u32be(offer));
	if (agent->download_phase != DOWNLOAD_CHUNKS ||
		memcmp(offer, download->image.sha256, OFFER_ID_SIZE) != 0 ||
		chunkmap_decode(&map, download->image.chunk_count, offer + OFFER_HEAD_SIZE,
			size - OFFER_HEAD_SIZE) != CHUNKMAP_OK)
		return;
	planner_level_told(&download->planner, neighbour, offer[OFFER_ID_SIZE]);
	planner_map_over(&download->planner, neighbour, &map, agent->now_ms);
}

static void map_came(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;
	struct chunkmap map;
	bool sound;

	if (agent->download_phase != DOWNLOAD_CHUNKS)
		return;
	sound = chunkmap_decode(&map, download->image.chunk_count, event->chunkmap.wire,
			event->chunkmap.wire_size) == CHUNKMAP_OK;
	planner_map_over(
		&download->planner, event->chunkmap.peer, sound ? &map : NULL, agent->now_ms);
}

static void ask_for_chunks(struct agent *agent)
{
	struct download *download = &agent->download;

	while (agent_has_room(agent)) {
		struct planner_ask ask = planner_next(&download->planner, agent->now_ms);
		struct agent_source source;
		struct action *action;

		if (ask.kind == PLANNER_ASK_NOTHING)
			break;
		if (!sources_peer(agent, ask.peer, &source)) {
			planner_peer_down(&download->planner, ask.peer);
			continue;
		}
		action = agent_act(agent,
			ask.kind == PLANNER_ASK_MAP ? ACTION_FETCH_CHUNKMAP : ACTION_FETCH_CHUNK);
		ensure(action != NULL);
		if (ask.kind == PLANNER_ASK_MAP) {
			action->fetch_chunkmap.source = source;
			memcpy(action->fetch_chunkmap.sha256, download->image.sha256,
				BYTES_HASH_SIZE);
			action->fetch_chunkmap.wire_size =
				chunkmap_wire_size(download->image.chunk_count);
			continue;
		}
		action->fetch_chunk.source = source;
		memcpy(action->fetch_chunk.sha256, download->image.sha256, BYTES_HASH_SIZE);
		action->fetch_chunk.chunk = ask.chunk;
		action->fetch_chunk.offset = (uint64_t)ask.chunk * download->image.chunk_size;
		action->fetch_chunk.size = image_chunk_bytes(&download->image, ask.chunk);
	}
	tell_level(agent);
	agent_wake_at(agent, planner_next_ms(&download->planner, agent->now_ms));
}

/* ---- the whole image ---- */

static void hash_image(struct agent *agent)
{
	if (agent_act(agent, ACTION_IMAGE_HASH) == NULL)
		return;
	agent->download_phase = DOWNLOAD_HASHING;
	agent->download.level = 0;
	agent->download.outstanding.hash++;
	log_image(agent);
}

static void image_hashed(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;
	bool asked;

	ensure(download->outstanding.hash > 0);
	download->outstanding.hash--;
	if (agent->download_phase != DOWNLOAD_HASHING || download->outstanding.hash > 0)
		return;
	if (event->image_hashed.error != EVENT_IMAGE_OK) {
		image_file_failed(agent, event->image_hashed.message);
		return;
	}
	if (!bytes_same_32(event->image_hashed.sha256, download->image.sha256)) {
		refuse(agent, REASON_HASH_MISMATCH, "");
		return;
	}
	if (!event->image_hashed.trailer_ok) {
		refuse(agent, REASON_FLASHER_CHECK, event->image_hashed.message);
		return;
	}
	asked = agent_ask_flasher(agent, FLASHER_CHECK, 0);
	ensure(asked);
	agent->download_phase = DOWNLOAD_CHECKING;
	download->outstanding.check++;
}

void download_flasher_checked(struct agent *agent, const struct event *event)
{
	struct download *download = &agent->download;

	if (download->outstanding.check > 0)
		download->outstanding.check--;
	if (agent->download_phase != DOWNLOAD_CHECKING || download->outstanding.check > 0)
		return;
	if (!event->flasher.ok) {
		refuse(agent, REASON_FLASHER_CHECK, event->flasher.message);
		return;
	}
	if (life_signal(agent, SIGNAL_IMAGE_READY, REASON_NONE, "") == REASON_NONE)
		agent->download_phase = DOWNLOAD_READY;
}

/* ---- the door ---- */

static void release_over(struct agent *agent, const struct event *event)
{
	/* Both events begin alike. */
	if (agent->download_phase != DOWNLOAD_RELEASE ||
		!bytes_same_32(event->release.release_id, sources_start(agent)->release_id))
		return;
	agent->download.asking = false;
	if (event->kind == EVENT_RELEASE)
		judge_release(agent, event);
}

void download_event(struct agent *agent, const struct event *event)
{
	switch (event->kind) {
	case EVENT_RELEASE:
	case EVENT_RELEASE_FAILED:
		release_over(agent, event);
		break;
	case EVENT_IMAGE_OPENED:
		image_opened(agent, event);
		break;
	case EVENT_CHUNKMAP:
		map_came(agent, event);
		break;
	case EVENT_CHUNK:
		chunk_came(agent, event);
		break;
	case EVENT_CHUNK_WRITTEN:
		chunk_written(agent, event);
		break;
	case EVENT_IMAGE_HASHED:
		image_hashed(agent, event);
		break;
	default:
		ensure(false);
	}
}

static void watch_for_stall(struct agent *agent)
{
	uint64_t stall_ms = agent->download.progress_ms + AGENT_STALL_MS;

	if (agent->journal.state != STATE_DOWNLOADING || !agent_is_due(agent, stall_ms))
		return;
	if (agent->download_phase == DOWNLOAD_CHUNKS &&
		planner_has_source(&agent->download.planner))
		(void)life_signal(agent, SIGNAL_FETCH_FAIL, REASON_FETCH_FAILED,
			"Nothing came for 20 s; trying again with pauses.");
	else
		(void)life_signal(agent, SIGNAL_FETCH_FAIL, REASON_NO_SOURCE,
			"Nobody in reach has what is missing; trying again with pauses.");
}

void download_think(struct agent *agent)
{
	struct download *download = &agent->download;

	if (agent->download_phase == DOWNLOAD_IDLE || agent->download_phase == DOWNLOAD_READY)
		return;
	if (agent->download_phase == DOWNLOAD_RELEASE)
		ask_for_release(agent);
	if (agent->download_phase == DOWNLOAD_CHUNKS) {
		if (!chunkmap_complete(&download->planner.held))
			ask_for_chunks(agent);
		else if (download->outstanding.write == 0)
			hash_image(agent);
	}
	if (agent->download_phase == DOWNLOAD_RELEASE || agent->download_phase == DOWNLOAD_CHUNKS)
		watch_for_stall(agent);
	else if (agent->download_phase != DOWNLOAD_IDLE)
		download->progress_ms = agent->now_ms;
}

void download_neighbour_up(struct agent *agent, uint32_t neighbour)
{
	if (agent->download_phase == DOWNLOAD_CHUNKS)
		(void)add_neighbour(agent, neighbour);
	if (agent->download_phase == DOWNLOAD_RELEASE)
		agent->download.ask_next_ms = agent->now_ms;
}

void download_neighbour_down(struct agent *agent, uint32_t neighbour)
{
	if (agent->download_phase == DOWNLOAD_CHUNKS)
		planner_peer_down(&agent->download.planner, neighbour);
}

void download_record_news(struct agent *agent)
{
	const struct record *record = &roster_newest(&agent->roster)->notice->record;
	uint32_t neighbour;

	if (agent->download_phase != DOWNLOAD_CHUNKS)
		return;
	neighbour = sources_neighbour_named(agent, record->name);
	if (neighbour != AGENT_PEER_NONE) {
		if (add_neighbour(agent, neighbour))
			planner_map_stale(&agent->download.planner, neighbour, agent->now_ms);
	} else if (record->address[0] != '\0' && sources_has_whole_image(agent, record)) {
		add_far(agent, record->name);
	}
}
