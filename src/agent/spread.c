// SPDX-License-Identifier: AGPL-3.0-or-later
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"

static uint64_t roughly_in(struct agent *agent, uint32_t ms)
{
	return agent->now_ms + prng_roughly(&agent->prng, ms);
}

static uint32_t push_gap_ms(const struct agent *agent, enum agent_type type)
{
	uint32_t gap_ms = AGENT_PUSH_GAP_CALM_MS;

	if (type == TYPE_ORDERS)
		return AGENT_PUSH_GAP_MS;
	if (type >= TYPE_PROJECTION)
		return AGENT_PUSH_GAP_PROJECTION_MS;
	if (!agent_active(agent))
		return AGENT_PUSH_GAP_IDLE_MS;
	if (book_schedule(&agent->book, agent->wave) != NULL)
		gap_ms = AGENT_PUSH_GAP_MS;
	return gap_ms + agent->roster.count / AGENT_PUSH_GAP_NODES;
}

/* ---- neighbours ---- */

static void note_digest(struct agent *agent, struct neighbour *neighbour)
{
	uint64_t own = agent_digest(agent);
	bool same_as_before =
		neighbour->differed_own == own && neighbour->differed_theirs == neighbour->digest;
	uint64_t soon_ms = agent->now_ms + prng_below(&agent->prng, 200);

	if (!neighbour->has_digest || neighbour->digest == own) {
		neighbour->differs_since_ms = 0;
		neighbour->mend_ms = UINT64_MAX;
		return;
	}
	/* Not since they were last seen to agree: hellos are rare in an idle mesh. */
	if (neighbour->differs_since_ms == 0)
		neighbour->differs_since_ms = agent->now_ms;
	/* A difference that an exchange did not mend (one refuses what the other holds) can wait.
	 */
	if (same_as_before)
		soon_ms = roughly_in(agent, AGENT_SYNC_IDLE_MS);
	if (neighbour->mend_ms > soon_ms)
		neighbour->mend_ms = soon_ms;
}

/* While news comes in, digests differ everywhere: that says nothing, unless it lasts. */
static void mend_difference(struct agent *agent, struct neighbour *neighbour)
{
	uint64_t own = agent_digest(agent);
	uint64_t quiet_ms = agent->news_ms + AGENT_QUIET_MS + push_gap_ms(agent, TYPE_NODES);

	if (!agent_is_due(agent, neighbour->mend_ms))
		return;
	if (neighbour->digest != own &&
		agent->now_ms < neighbour->differs_since_ms + agent_progress_ms(agent) &&
		!agent_is_due(agent, quiet_ms))
		return;
	neighbour->mend_ms = UINT64_MAX;
	if (neighbour->digest == own)
		return;
	neighbour->differed_own = own;
	neighbour->differed_theirs = neighbour->digest;
	neighbour->types[TYPE_NODES].periodic_ms = agent->now_ms;
	neighbour->types[TYPE_ORDERS].periodic_ms = agent->now_ms;
}

static const char *title_of(const struct neighbour *neighbour)
{
	if (neighbour->host)
		return "the shared-state of this machine";
	return neighbour->name[0] != '\0' ? neighbour->name : "one without a name";
}

static void neighbour_up(struct agent *agent, const struct event *event)
{
	struct neighbour *neighbour = &agent->neighbours[event->neighbour_up.neighbour];
	bool was_up = neighbour->up;

	ensure(event->neighbour_up.neighbour < LIMITS_NEIGHBOURS_MAX);

	if (was_up && strcmp(neighbour->name, event->neighbour_up.name) != 0)
		was_up = false;
	if (!was_up) {
		uint32_t kbit = strcmp(neighbour->name, event->neighbour_up.name) == 0
					? neighbour->kbit
					: 0;

		/* What became of the other one can be told no more. */
		agent->renamed += neighbour->name[0] != '\0' &&
				  strcmp(neighbour->name, event->neighbour_up.name) != 0;
		memset(neighbour, 0, sizeof(*neighbour));
		neighbour->up = true;
		neighbour->flipped = agent->roster.change;
		neighbour->host = event->neighbour_up.host;
		agent->attached |= neighbour->host;
		if (agent->neighbours_end <= event->neighbour_up.neighbour)
			agent->neighbours_end = event->neighbour_up.neighbour + 1;
		neighbour->kbit = kbit;
		neighbour->mend_ms = UINT64_MAX;
		/* Who tells digests is asked for what differs, and asks: nothing is sent blindly.
		 */
		if (event->neighbour_up.has_digest)
			neighbour->types[TYPE_NODES].sent_change = agent->roster.change;
		if (text_is_name(event->neighbour_up.name))
			text_set(
				neighbour->name, sizeof(neighbour->name), event->neighbour_up.name);
		for (unsigned type = 0; type < TYPE_COUNT; type++)
			neighbour->types[type].periodic_ms =
				agent->now_ms + prng_below(&agent->prng, 100);
		agent->changed = true;
		agent_log(agent, LOG_INFO, "neighbour", "%s is here", title_of(neighbour));
	}
	if (neighbour->host) {
		neighbour->types[TYPE_ORDERS].periodic_ms = agent->now_ms;
		if (agent_active(agent))
			neighbour->types[TYPE_NODES].periodic_ms = agent->now_ms;
		return;
	}
	neighbour->has_digest = event->neighbour_up.has_digest;
	neighbour->digest = event->neighbour_up.digest;
	note_digest(agent, neighbour);
	if (!was_up) {
		links_neighbour_up(agent, event->neighbour_up.neighbour);
		download_neighbour_up(agent, event->neighbour_up.neighbour);
	}
	download_offer(agent, event);
}

static void neighbour_down(struct agent *agent, const struct event *event)
{
	struct neighbour *neighbour = &agent->neighbours[event->neighbour_down.neighbour];

	ensure(event->neighbour_down.neighbour < LIMITS_NEIGHBOURS_MAX);

	if (!neighbour->up)
		return;
	neighbour->up = false;
	neighbour->flipped = agent->roster.change;
	agent->attached &= !neighbour->host;
	agent->links_stale = true;
	agent->changed = true;
	agent_log(agent, LOG_INFO, "neighbour", "%s is gone", title_of(neighbour));
	download_neighbour_down(agent, event->neighbour_down.neighbour);
}

/* What is not urgent goes to all neighbours at the same moments: it is looked through once. But
 * these are no neighbour's moments: two would send each other the same. */
static uint64_t next_push_ms(const struct agent *agent, enum agent_type type)
{
	uint32_t gap_ms = push_gap_ms(agent, type);
	uint64_t next_ms = agent->now_ms + gap_ms;
	uint64_t phase_ms = next_ms + gap_ms / 2 + (uint32_t)agent->setup.seed;

	return type == TYPE_NODES ? next_ms + gap_ms / 2 - phase_ms % gap_ms : next_ms;
}

static void schedule_periodic(struct agent *agent, struct neighbour *neighbour, unsigned type)
{
	uint32_t interval_ms = agent_active(agent) && type < TYPE_PROJECTION ? AGENT_SYNC_ACTIVE_MS
									     : AGENT_SYNC_IDLE_MS;

	if (type == TYPE_OTHERS)
		interval_ms /= agent->setup.type_count;
	if ((neighbour->has_digest && type < TYPE_PROJECTION) ||
		(neighbour->host && !agent_active(agent)))
		neighbour->types[type].periodic_ms = UINT64_MAX;
	else
		neighbour->types[type].periodic_ms = roughly_in(agent, interval_ms);
}

static void exchange_over(struct agent *agent, const struct event *event)
{
	uint32_t number = event->exchange_over.neighbour;
	struct exchange *exchange;
	enum agent_type type = slices_find_type(agent, event->exchange_over.type);
	uint32_t pause_ms = AGENT_RETRY_MS;

	if (number >= LIMITS_NEIGHBOURS_MAX || type == TYPE_COUNT)
		return;
	exchange = &agent->neighbours[number].types[type];
	exchange->under_way = false;
	if (event->exchange_over.ok) {
		exchange->failures = 0;
		exchange->sent_change = exchange->going_change;
		exchange->next_ms = type == TYPE_PROJECTION && agent->neighbours[number].host
					    ? agent->now_ms + AGENT_PUSH_GAP_HOST_MS
					    : next_push_ms(agent, type);
		return;
	}
	for (uint32_t i = 0; i < exchange->failures && pause_ms < AGENT_RETRY_MAX_MS; i++)
		pause_ms *= 2;
	exchange->failures++;
	exchange->next_ms = roughly_in(agent, pause_ms);
	if (agent->neighbours[number].host) {
		agent->host_next_ms = exchange->next_ms;
		agent->host_turn--;
	}
	if (exchange->periodic_ms > exchange->next_ms)
		exchange->periodic_ms = exchange->next_ms;
}

static void take_slice(struct agent *agent, const struct event *event)
{
	uint32_t number = event->slice.neighbour;
	enum agent_type type = slices_find_type(agent, event->slice.type);

	if (type == TYPE_COUNT)
		return;
	slices_take(agent, type, event);
	/* Who came to us gets our whole state in the answer, if he is a plain neighbour. */
	if (!event->slice.answer && number < LIMITS_NEIGHBOURS_MAX &&
		(type >= TYPE_PROJECTION || !agent->neighbours[number].has_digest) &&
		!agent->neighbours[number].types[type].under_way)
		agent->neighbours[number].types[type].sent_change = slices_change(agent, type);
}

void spread_event(struct agent *agent, const struct event *event)
{
	switch (event->kind) {
	case EVENT_NEIGHBOUR_UP:
		neighbour_up(agent, event);
		break;
	case EVENT_NEIGHBOUR_DOWN:
		neighbour_down(agent, event);
		break;
	case EVENT_SLICE:
		take_slice(agent, event);
		break;
	case EVENT_EXCHANGE_OVER:
		exchange_over(agent, event);
		break;
	default:
		ensure(false);
	}
}

/* ---- our own record ---- */

static void write_own_record(const struct agent *agent, struct record_whole *whole)
{
	struct record *record = &whole->record;
	const struct book_order *start = book_start(&agent->book);
	const struct book_order *schedule = book_schedule(&agent->book, agent->wave);

	/* Padding too: records are compared as bytes. */
	memset(whole, 0, sizeof(*whole));
	record->incarnation = agent->journal.incarnation;
	record->state = agent->journal.state;
	record->reason = agent->journal.reason;
	record->highest_epoch = agent->journal.highest_epoch;
	record->release_sequence = agent->journal.release_sequence;
	record->slots = agent->setup.flasher.slots;
	text_set(record->name, sizeof(record->name), agent->setup.name);
	text_set(whole->version, sizeof(whole->version), agent->setup.version);
	text_set(record->board, sizeof(record->board), agent->setup.board);
	text_set(record->address, sizeof(record->address), agent->setup.address);
	text_set(whole->message, sizeof(whole->message), agent->journal.message);
	memcpy(whole->links, agent->links, sizeof(whole->links));
	record->source = start != NULL && agent->local_release &&
			 bytes_same_32(agent->local_release_id, start->order.start.release_id);
	if (start == NULL || !agent->participant)
		return;
	record->epoch = start->order.epoch;
	memcpy(record->upgrade, start->order.upgrade, ORDER_UPGRADE_SIZE);
	record->wave = agent->wave;
	record->flashed = agent->journal.flashed;
	record->healthy = agent->healthy;
	/* Who is not scheduled does not say so, or the others would count on it. */
	if (schedule != NULL &&
		(agent->journal.state == STATE_UPGRADE_SCHEDULED || agent->journal.flashed))
		memcpy(record->order, schedule->id, BYTES_HASH_SIZE);
	if (agent->journal.state == STATE_CONFIRMATION_PENDING)
		record->window_s = agent->journal.window_s;
	if (agent->download_phase >= DOWNLOAD_CHUNKS) {
		record->held_bytes = download_held_bytes(agent);
		record->image_bytes = agent->download.image.size;
	}
}

enum difference {
	DIFFERENCE_NONE = 0,
	DIFFERENCE_PROGRESS,
	DIFFERENCE_NEWS,
};

/* From what we published last. This is asked in every step. */
static enum difference compare_published(const struct agent *agent, const struct record_whole *now)
{
	const struct record_whole *before = &agent->published;
	struct record_whole same = *now;

	if (memcmp(now, before, sizeof(same)) == 0)
		return DIFFERENCE_NONE;
	same.record.held_bytes = before->record.held_bytes;
	same.record.image_bytes = before->record.image_bytes;
	return memcmp(&same, before, sizeof(same)) == 0 ? DIFFERENCE_PROGRESS : DIFFERENCE_NEWS;
}

static void publish_projection(struct agent *agent)
{
	char value[3072];
	struct text text;

	agent->projection_due_ms = agent->state_since_ms + AGENT_CONFIRMED_MS;
	if (agent->projection_due_ms <= agent->now_ms)
		agent->projection_due_ms = UINT64_MAX;
	text_init(&text, value, sizeof(value));
	agent_view_limeapp(agent, agent->now_ms, &text);
	if (!text_cut(&text) && store_put(&agent->stores[0], agent->setup.name, agent->setup.name,
					AGENT_PROJECTION_TTL_S, value, text.size))
		agent->projection_change++;
}

static uint32_t heartbeat_in_ms(const struct agent *agent)
{
	uint32_t fair_ms = AGENT_SELDOM * agent_progress_ms(agent);
	uint32_t active_ms =
		fair_ms > AGENT_HEARTBEAT_ACTIVE_MS ? fair_ms : AGENT_HEARTBEAT_ACTIVE_MS;

	return agent_active(agent) ? active_ms : AGENT_HEARTBEAT_IDLE_MS;
}

void spread_publish(struct agent *agent)
{
	struct record_whole record;
	enum difference difference = DIFFERENCE_NEWS;
	uint32_t pause_ms = heartbeat_in_ms(agent);

	write_own_record(agent, &record);
	if (agent->published_ever) {
		record.record.sequence = agent->published.record.sequence;
		difference = compare_published(agent, &record);
	}
	if (difference == DIFFERENCE_PROGRESS &&
		!agent_is_due(
			agent, agent->published_ms + AGENT_SELDOM * agent_progress_ms(agent))) {
		difference = DIFFERENCE_NONE;
	}
	/* After each record; and where the mesh turns out to be larger, after a boot. */
	if (agent->heartbeat_ms < agent->published_ms + pause_ms / 2)
		agent->heartbeat_ms = roughly_in(agent, pause_ms);
	if (difference == DIFFERENCE_NONE && agent->now_ms < agent->heartbeat_ms) {
		agent_wake_at(agent, agent->heartbeat_ms);
		if (agent->published_ever && agent->setup.projection &&
			agent_is_due(agent, agent->projection_due_ms))
			publish_projection(agent);
		return;
	}
	record.record.sequence = agent->published_ever ? agent->published.record.sequence + 1 : 0;
	if (!roster_put_own(&agent->roster, &record, agent->setup.mesh, &agent->setup.node_key,
		    agent->now_ms)) {
		agent_wake_at(agent, agent->now_ms + AGENT_RETRY_MS);
		return;
	}
	memcpy(&agent->published, &record, sizeof(record));
	agent->published_ever = true;
	agent->published_ms = agent->now_ms;
	agent->heartbeat_ms = 0; /* to be chosen anew */
	life_record_news(agent, life_find_seat(agent, record.record.name));
	agent->changed = true;
	/* Also with a heartbeat: its TTL must not run out in a quiet mesh. */
	if (agent->setup.projection && difference != DIFFERENCE_PROGRESS)
		publish_projection(agent);
	/* Our own record counts in every rule: look again with it. */
	agent_wake_at(agent, agent->now_ms);
}

/* ---- what to exchange with whom ---- */

static bool has_news_for(const struct agent *agent, uint32_t number, unsigned type)
{
	const struct neighbour *neighbour = &agent->neighbours[number];
	uint64_t sent_change = neighbour->types[type].sent_change;

	if (type == TYPE_NODES) {
		const struct roster_entry *entry = NULL;

		do {
			entry = roster_next(&agent->roster, entry, (uint32_t)sent_change);
		} while (entry != NULL && (entry->had & 1u << number) != 0);
		return entry != NULL;
	}
	if (type == TYPE_ORDERS) {
		for (const struct book_order *slot = agent->book.start; slot != NULL;
			slot = slot->next) {
			if (slot->change > sent_change && (slot->had & 1u << number) == 0)
				return true;
		}
		return false;
	}
	return true;
}

static void begin_exchange(struct agent *agent, uint32_t number, unsigned type, bool asks)
{
	struct neighbour *neighbour = &agent->neighbours[number];
	struct exchange *exchange = &neighbour->types[type];
	struct action *action = agent_act(agent, ACTION_EXCHANGE);

	if (action == NULL)
		return;
	action->exchange.neighbour = number;
	if (type == TYPE_OTHERS && ++neighbour->other >= agent->setup.type_count)
		neighbour->other = 0;
	action->exchange.type = slices_type_name(agent, (enum agent_type)type, neighbour);
	exchange->under_way = true;
	exchange->asks = asks || !neighbour->has_digest;
	exchange->began_ms = agent->now_ms;
	exchange->deadline_ms = agent->now_ms + 3 * LIMITS_EXCHANGE_DEADLINE_MS;
	exchange->going_change = exchange->sent_change;
	if (exchange->asks)
		schedule_periodic(agent, neighbour, type);
}

static void consider(struct agent *agent, uint32_t number, unsigned type)
{
	struct exchange *exchange = &agent->neighbours[number].types[type];
	uint64_t due_ms = exchange->periodic_ms;
	bool asks = due_ms <= agent->now_ms;

	if (exchange->under_way && !agent_is_due(agent, exchange->deadline_ms))
		return;
	exchange->under_way = false;
	/* Now that it matters. */
	if (agent_active(agent) && !agent->neighbours[number].has_digest &&
		type < TYPE_PROJECTION && due_ms > agent->now_ms + AGENT_SYNC_ACTIVE_MS)
		due_ms = exchange->periodic_ms = agent->now_ms + AGENT_SYNC_ACTIVE_MS;
	/* What has come since the last exchange is looked through when it can go out. */
	if (slices_change(agent, (enum agent_type)type) != exchange->sent_change &&
		agent_is_due(agent, exchange->next_ms)) {
		/* All of it goes both ways: whoever is the first spares the other the same. */
		if (type == TYPE_PROJECTION && !agent->neighbours[number].host &&
			agent->now_ms > exchange->next_ms + AGENT_PUSH_GAP_PROJECTION_MS / 8) {
			exchange->next_ms =
				agent->now_ms +
				prng_below(&agent->prng, AGENT_PUSH_GAP_PROJECTION_MS / 2);
			agent_wake_at(agent, exchange->next_ms);
			return;
		}
		if (has_news_for(agent, number, type))
			due_ms = agent->now_ms;
		else
			exchange->sent_change = slices_change(agent, (enum agent_type)type);
	}
	if (due_ms < exchange->next_ms)
		due_ms = exchange->next_ms;
	if (agent_is_due(agent, due_ms))
		begin_exchange(agent, number, type, asks);
}

/* While a countdown runs, clocks drift apart: ask those nearer to its origin again. */
static void refresh_countdown(struct agent *agent)
{
	const struct book_order *schedule = book_schedule(&agent->book, agent->wave);
	uint64_t soon_ms = agent->now_ms + AGENT_SYNC_COUNTDOWN_MS;

	if (schedule == NULL || !schedule->countdown_known || schedule->hops == BOOK_HOPS_ENTRY ||
		schedule->deadline_ms <= agent->now_ms)
		return;
	for (uint32_t i = 0; i < agent->neighbours_end; i++) {
		struct neighbour *neighbour = &agent->neighbours[i];

		if (neighbour->up && neighbour->types[TYPE_ORDERS].periodic_ms > soon_ms)
			neighbour->types[TYPE_ORDERS].periodic_ms = soon_ms;
	}
}

static bool is_participant(const void *context, const char *name)
{
	const struct agent *agent = context;

	return strcmp(name, agent->setup.name) == 0 ||
	       life_find_seat(agent, name) != ROSTER_NO_SEAT;
}

static void age(struct agent *agent)
{
	uint64_t seconds = (agent->now_ms - agent->stores_aged_ms) / 1000;
	uint32_t aged_s = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;

	if (agent->now_ms >= agent->expire_ms) {
		uint32_t gone = agent->roster.gone;

		agent->expire_ms =
			roster_expire(&agent->roster, agent->now_ms, is_participant, agent);
		agent->changed |= agent->roster.gone != gone;
	}
	if (agent->expire_ms <= agent->now_ms)
		agent->expire_ms = agent->now_ms + AGENT_SYNC_IDLE_MS;
	/* A second's precision is all that a TTL has; it is not worth waking for. */
	if (seconds > 0) {
		for (uint32_t i = 0; i <= agent->setup.type_count; i++)
			store_age(&agent->stores[i], aged_s);
		agent->stores_aged_ms += seconds * 1000;
	}
}

static bool speaks(const struct agent *agent, unsigned type)
{
	if (type == TYPE_OTHERS)
		return agent->setup.type_count > 0 && !agent->attached;
	return type != TYPE_PROJECTION || agent->setup.projection;
}

/* An idle node costs its host one exchange in AGENT_SYNC_IDLE_MS: records every other time. But for
 * orders: nothing holds them back. */
static void consider_idle_host(struct agent *agent, uint32_t number)
{
	const struct exchange *types = agent->neighbours[number].types;
	unsigned next = TYPE_NODES;

	consider(agent, number, TYPE_ORDERS);
	if (!agent_is_due(agent, agent->host_next_ms))
		return;
	agent->host_next_ms = agent->now_ms + AGENT_SYNC_IDLE_MS;
	agent->host_turn++;
	if (agent->host_turn % 2 == 0)
		next = agent->host_turn % 4 == 0 && agent->setup.projection ? TYPE_PROJECTION
									    : TYPE_ORDERS;
	if (!types[next].under_way || agent->now_ms >= types[next].deadline_ms)
		begin_exchange(agent, number, next, true);
}

/* What is to be exchanged with this neighbour? */
static void consider_all(struct agent *agent, uint32_t number)
{
	const struct neighbour *neighbour = &agent->neighbours[number];

	if (!agent_active(agent) && neighbour->host) {
		consider_idle_host(agent, number);
		return;
	}
	/* Plain neighbours are the host's to sync with, until it matters. */
	if (!agent_active(agent) && agent->attached && !neighbour->has_digest)
		return;
	for (unsigned type = 0; type < TYPE_COUNT; type++) {
		if (speaks(agent, type))
			consider(agent, number, type);
	}
}

void spread_think(struct agent *agent)
{
	age(agent);
	refresh_countdown(agent);
	for (uint32_t number = 0; number < agent->neighbours_end; number++) {
		if (!agent->neighbours[number].up)
			continue;
		mend_difference(agent, &agent->neighbours[number]);
		consider_all(agent, number);
	}
}
