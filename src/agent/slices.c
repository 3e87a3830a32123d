// SPDX-License-Identifier: AGPL-3.0-or-later
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"
#include "base/json.h"
#include "base/words.h"
#include "gossip/slice.h"

static const char type_names[] = "lockstep_nodes\0lockstep_orders\0mesh_wide_upgrade\0";

enum {
	/* Left free at the end of a slice, so that no entry makes it too long. */
	SLICE_MARGIN = 8192,
	ORDER_PASSES_MAX = 4, /* start, schedule, confirm: each may need the one before */
};

static uint32_t find_other(const struct agent *agent, const char *name)
{
	uint32_t i = 0;

	while (i < agent->setup.type_count && strcmp(agent->setup.types[i], name) != 0)
		i++;
	return i;
}

enum agent_type slices_find_type(const struct agent *agent, const char *name)
{
	unsigned found = words_find(type_names, name);

	if (found == TYPE_PROJECTION && !agent->setup.projection)
		return TYPE_COUNT;
	if (found < TYPE_OTHERS)
		return (enum agent_type)found;
	return find_other(agent, name) < agent->setup.type_count ? TYPE_OTHERS : TYPE_COUNT;
}

const char *slices_type_name(
	const struct agent *agent, enum agent_type type, const struct neighbour *neighbour)
{
	return type < TYPE_OTHERS ? words_at(type_names, type)
				  : agent->setup.types[neighbour->other];
}

bool agent_speaks(const struct agent *agent, const char *type)
{
	enum agent_type found = slices_find_type(agent, type);

	/* The host has the others' types itself. */
	return found < TYPE_OTHERS || (found == TYPE_OTHERS && !agent->attached);
}

/* Which of the stores, for a type that is merged by shared-state's own rules. */
static uint32_t store_of(const struct agent *agent, enum agent_type type, const char *name)
{
	return type == TYPE_PROJECTION ? 0 : 1 + find_other(agent, name);
}

uint64_t slices_change(const struct agent *agent, enum agent_type type)
{
	switch (type) {
	case TYPE_NODES:
		return agent->roster.change;
	case TYPE_ORDERS:
		return agent->book.change;
	case TYPE_PROJECTION:
		return agent->projection_change;
	default:
		return 0; /* told in their turn, as shared-state itself does */
	}
}

uint64_t agent_digest(const struct agent *agent)
{
	return agent->roster.digest * UINT64_C(0x9e3779b97f4a7c15) + book_digest(&agent->book);
}

/* ---- slices out ---- */

static int64_t ttl_left_s(uint32_t expires_s, uint64_t now_ms)
{
	return expires_s > now_ms / 1000 ? (int64_t)(expires_s - now_ms / 1000) : 1;
}

static bool slice_is_full(const struct text *text, size_t more)
{
	return text->size + more + SLICE_MARGIN > LIMITS_SLICE_SIZE;
}

static void write_node(const struct roster_entry *entry, uint64_t now_ms, struct text *text)
{
	const struct notice *notice = entry->notice;

	slice_write_entry(text, notice->record.name, notice->record.name,
		ttl_left_s(roster_expires_s(entry), now_ms), notice->envelope,
		notice->envelope_size);
}

/* What came since then and the neighbour is not known to have. If not all finds room, the digests
 * tell the difference. */
static void write_news(const struct agent *agent, uint64_t now_ms, uint64_t after_change,
	uint32_t neighbour, struct text *text)
{
	const struct roster_entry *entry = NULL;
	uint32_t has = roster_sender(neighbour);

	while ((entry = roster_next(&agent->roster, entry, (uint32_t)after_change)) != NULL) {
		if ((entry->had & has) == 0 && !slice_is_full(text, entry->notice->envelope_size))
			write_node(entry, now_ms, text);
	}
}

/*
 * The roster's digest in parts: who compares two knows which part of the records to send, and sends
 * a whole roster to nobody who has most of it.
 */
enum { PART_SIZE = 4, PARTS_SIZE = ROSTER_PARTS * PART_SIZE };

static_assert(SLICE_DIGEST_SIZE == (PARTS_SIZE + 2) / 3 * 4, "it is base64");

static void write_parts(const struct agent *agent, uint8_t wire[static PARTS_SIZE])
{
	for (uint32_t i = 0; i < ROSTER_PARTS; i++)
		bytes_put_u32be(wire + i * PART_SIZE, agent->roster.parts[i]);
}

/* Those of which the other has not the same. */
static void write_different(const struct agent *agent, uint64_t now_ms,
	const uint8_t theirs[static PARTS_SIZE], struct text *text)
{
	const struct roster_entry *entry = NULL;
	uint8_t ours[PARTS_SIZE];

	write_parts(agent, ours);
	if (memcmp(ours, theirs, PARTS_SIZE) == 0)
		return;
	while ((entry = roster_next(&agent->roster, entry, 0)) != NULL) {
		size_t part = roster_part(entry->notice) * PART_SIZE;

		if (memcmp(ours + part, theirs + part, PART_SIZE) != 0 &&
			!slice_is_full(text, entry->notice->envelope_size))
			write_node(entry, now_ms, text);
	}
}

/* An order can have 64 KiB: it is written where it goes. */
static void write_order(const struct agent *agent, const struct book_order *slot, uint64_t now_ms,
	struct text *text)
{
	char key[BYTES_HASH_TEXT_SIZE + 1];

	bytes_to_hex(key, slot->id, BYTES_HASH_SIZE);
	slice_write_entry_begin(text, key, agent->setup.name, slot->ttl_floor_s);
	book_write_order(slot, text);
	if (slot->countdown_known) {
		text_add_member_u64(text, "hops", slot->hops);
		text_add_member_u64(text, "remaining_ms",
			slot->deadline_ms > now_ms ? slot->deadline_ms - now_ms : 0);
	}
	text_end_object(text);
	slice_write_entry_end(text);
}

/* What came since then and the neighbour is not known to have; all that still counts down, if
 * `counting`. */
static void write_orders(const struct agent *agent, uint64_t now_ms, uint64_t after_change,
	uint32_t neighbour, bool counting, struct text *text)
{
	uint32_t has = roster_sender(neighbour);
	/* Sent sorted by key, as shared-state does. There are few. */
	const struct book_order *sorted[LIMITS_ORDERS_MAX];
	uint32_t count = 0;

	for (const struct book_order *slot = agent->book.start; slot != NULL; slot = slot->next) {
		uint32_t at = count;

		if (!(counting && slot->countdown_known && slot->deadline_ms > now_ms) &&
			(slot->change <= after_change || (slot->had & has) != 0))
			continue;
		while (at > 0 && memcmp(sorted[at - 1]->id, slot->id, BYTES_HASH_SIZE) > 0) {
			sorted[at] = sorted[at - 1];
			at--;
		}
		sorted[at] = slot;
		count++;
	}
	for (uint32_t i = 0; i < count && !slice_is_full(text, sorted[i]->order.text_size * 2); i++)
		write_order(agent, sorted[i], now_ms, text);
}

static void write_book_digest(const struct agent *agent, char digest[static SLICE_DIGEST_SIZE + 1])
{
	snprintf(digest, SLICE_DIGEST_SIZE + 1, "%016" PRIx64, book_digest(&agent->book));
}

void agent_slice_for(struct agent *agent, uint64_t now_ms, uint32_t neighbour, const char *type,
	struct text *text)
{
	enum agent_type found = slices_find_type(agent, type);
	struct exchange *exchange;
	char digest[SLICE_DIGEST_SIZE + 1] = "";
	uint8_t parts[PARTS_SIZE];

	ensure(neighbour < LIMITS_NEIGHBOURS_MAX && found < TYPE_COUNT);

	exchange = &agent->neighbours[neighbour].types[found];
	exchange->going_change = slices_change(agent, found);
	if (found >= TYPE_PROJECTION) {
		store_write(&agent->stores[store_of(agent, found, type)], text);
		return;
	}
	slice_write_begin(text);
	if (found == TYPE_ORDERS) {
		write_orders(agent, now_ms, exchange->sent_change, neighbour, false, text);
		write_book_digest(agent, digest);
	} else {
		write_news(agent, now_ms, exchange->sent_change, neighbour, text);
		if (exchange->asks) {
			write_parts(agent, parts);
			bytes_to_base64(digest, parts, sizeof(parts));
		}
	}
	text_end_list(text);
	text_add_member_string(text, "lockstep", digest);
	text_end_object(text);
}

void agent_answer(const struct agent *agent, uint64_t now_ms, const char *type, const char *data,
	size_t data_size, struct text *text)
{
	enum agent_type found = slices_find_type(agent, type);
	struct slice_reader reader;
	char digest[SLICE_DIGEST_SIZE + 1];
	uint8_t parts[PARTS_SIZE];

	if (found == TYPE_PROJECTION || found == TYPE_OTHERS) {
		store_write(&agent->stores[store_of(agent, found, type)], text);
		return;
	}
	slice_reader_init(&reader, data, data_size);
	slice_write_begin(text);
	if (found == TYPE_ORDERS) {
		write_book_digest(agent, digest);
		write_orders(agent, now_ms,
			reader.has_digest && strcmp(reader.digest, digest) == 0 ? UINT64_MAX : 0,
			AGENT_PEER_NONE, true, text);
	} else if (found == TYPE_NODES && !reader.has_digest) {
		write_news(agent, now_ms, 0, AGENT_PEER_NONE, text);
	} else if (found == TYPE_NODES &&
		   bytes_from_base64(parts, sizeof(parts), reader.digest, strlen(reader.digest))) {
		write_different(agent, now_ms, parts, text);
	}
	slice_write_end(text);
}

/* ---- slices in: records ---- */

/*
 * What the mesh says of ourselves is a rumour. If it is ours and newer than what we say (our memory
 * was lost), we go on above it; anything else only tells which TTL to outbid.
 */
static void hear_of_ourselves(struct agent *agent, const struct notice_offer *offer)
{
	struct roster_entry *own = roster_find(&agent->roster, agent->setup.name);
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct usign_public ours;
	struct notice *notice;

	if (own != NULL && notice_is_same(own->notice, offer))
		return;
	usign_public_of(&ours, &agent->setup.node_key);
	notice = notice_open(offer, problem, sizeof(problem));
	if (notice != NULL && bytes_same_32(notice->key.key, ours.key) &&
		notice->record.incarnation >= agent->journal.incarnation &&
		record_compare_age(&notice->record, &agent->published.record) > 0) {
		agent->journal.incarnation = notice->record.incarnation + 1;
		agent->journal_due = true;
		agent->published_ever = false;
	} else if (own != NULL && offer->ttl_s > ttl_left_s(roster_expires_s(own), agent->now_ms) &&
		   offer->ttl_s < ROSTER_TTL_MAX_S) {
		roster_extend(own, (uint32_t)(agent->now_ms / 1000 + (uint64_t)offer->ttl_s +
					      ROSTER_OUTBID_S));
	}
	notice_free(notice);
}

static void take_nodes(struct agent *agent, const struct event *event)
{
	struct slice_reader reader;
	struct slice_entry entry;
	char problem[LIMITS_MESSAGE_SIZE + 1];

	life_look(agent); /* who has which seat */
	slice_reader_init(&reader, event->slice.data, event->slice.data_size);
	while (slice_reader_next(&reader, &entry)) {
		struct notice_offer offer = {
			.mesh = agent->setup.mesh,
			.name = entry.key,
			.envelope = entry.data,
			.envelope_size = entry.data_size,
			.ttl_s = entry.ttl_s,
			.from = event->slice.neighbour,
			.now_ms = agent->now_ms,
		};
		struct roster_entry *known = roster_find(&agent->roster, entry.key);
		enum roster_news news;
		uint16_t seat;

		if (known == NULL && !text_is_name(entry.key))
			continue;
		if (strcmp(entry.key, agent->setup.name) == 0) {
			hear_of_ourselves(agent, &offer);
			continue;
		}
		seat = known != NULL ? known->seat : life_find_seat(agent, entry.key);
		offer.pinned = life_seat_key(agent, seat);
		news = roster_take(&agent->roster, known, &offer, problem, sizeof(problem));
		if (news == ROSTER_REFUSED)
			agent_log(agent, LOG_WARNING, "record_refused",
				"a record that calls itself %s: %s", entry.key, problem);
		if (news == ROSTER_NEWS) {
			agent->changed = true;
			agent->news_ms = agent->now_ms;
			life_record_news(agent, seat);
			download_record_news(agent);
		}
	}
}

/* ---- slices in: orders ---- */

struct order_value {
	struct json_object *object; /* what the offer points into */
	struct order_offer offer;
	char signature[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	bool has_countdown;
	uint8_t hops;
	uint32_t remaining_ms;
};

static bool open_value(struct order_value *value, const struct slice_entry *entry)
{
	struct json_reader reader;

	memset(value, 0, sizeof(*value));
	value->object = json_parse(&reader, entry->data, entry->data_size);
	value->offer.text =
		json_get_string_view(&reader, value->object, "order", &value->offer.text_size);
	value->offer.signature = value->signature;
	json_get_string(
		&reader, value->object, "signature", value->signature, sizeof(value->signature));
	if (json_ok(&reader) && json_has(value->object, "hops")) {
		value->has_countdown = true;
		value->hops =
			(uint8_t)json_get_u64(&reader, value->object, "hops", 0, BOOK_HOPS_MAX);
		value->remaining_ms = (uint32_t)json_get_u64(
			&reader, value->object, "remaining_ms", 0, LIMITS_COUNTDOWN_MAX_MS);
	}
	if (json_ok(&reader))
		return true;
	json_free(value->object);
	return false;
}

/*
 * The countdown is unsigned and ages on its way. Each node believes those who are nearer to where
 * the schedule was posted, so that no estimate ever comes back to its own origin. What comes was
 * written half a round trip ago. What a lost packet held up is late by what nobody measures, but
 * the whole exchange took longer then: among equals the quickest answer counts, until the clocks
 * may have drifted apart by more than a slower one would be wrong.
 */
static void take_countdown(struct agent *agent, struct book_order *slot,
	const struct order_value *value, const struct event *event)
{
	uint32_t number = event->slice.neighbour, rtt_ms = event->slice.rtt_ms;
	uint64_t age_ms = rtt_ms / 2;
	uint64_t error_ms = BOOK_PUSH_ERROR_MS, deadline_ms = agent->now_ms + value->remaining_ms;
	uint32_t countdown_ms = slot->order.schedule.countdown_ms;
	/* It began before it came here; our clock may run a little faster. A plain peer's copy does
	 * not age: asked again and again, it would never end. */
	uint64_t latest_ms = slot->came_ms + countdown_ms + countdown_ms / 1024;
	struct exchange *exchange = number < LIMITS_NEIGHBOURS_MAX
					    ? &agent->neighbours[number].types[TYPE_ORDERS]
					    : NULL;
	bool equal = slot->countdown_known && value->hops + 1 == slot->hops;

	if (!value->has_countdown || value->hops >= BOOK_HOPS_MAX ||
		(slot->countdown_known &&
			(value->hops + 1 > slot->hops || agent->now_ms >= slot->deadline_ms)))
		return;
	if (event->slice.answer && exchange != NULL)
		error_ms = agent->now_ms - exchange->began_ms;
	else if (exchange != NULL && exchange->periodic_ms > agent->now_ms + AGENT_REFINE_MS)
		exchange->periodic_ms = agent->now_ms + AGENT_REFINE_MS;
	if (equal && error_ms > slot->error_ms + (agent->now_ms - slot->estimated_ms) / 1000)
		return;
	deadline_ms = deadline_ms > agent->now_ms + age_ms ? deadline_ms - age_ms : agent->now_ms;
	if (deadline_ms > latest_ms)
		deadline_ms = latest_ms;
	/* Those behind us want to know. */
	if (!equal || deadline_ms + BOOK_CORRECTION_MS < slot->deadline_ms ||
		deadline_ms > slot->deadline_ms + BOOK_CORRECTION_MS) {
		slot->change = ++agent->book.change;
		slot->had = roster_sender(number);
	}
	slot->countdown_known = true;
	slot->hops = (uint8_t)(value->hops + 1);
	slot->deadline_ms = deadline_ms;
	slot->error_ms = (uint32_t)error_ms;
	slot->estimated_ms = agent->now_ms;
	agent->changed = true;
}

/* Is a schedule for this start among the entries? Then the start was not alone there any more. */
static bool schedule_came_along(
	const struct agent *agent, const struct event *event, const struct order_offer *start)
{
	uint8_t start_id[BYTES_HASH_SIZE];
	struct slice_reader reader;
	struct slice_entry entry;
	bool found = false;

	order_id(start_id, start->text, start->text_size);
	slice_reader_init(&reader, event->slice.data, event->slice.data_size);
	while (!found && slice_reader_next(&reader, &entry)) {
		struct order_value value;
		struct order order;

		if (!open_value(&value, &entry))
			continue;
		if (accept_peek(agent, &value.offer, &order)) {
			found = order.kind == ORDER_SCHEDULE &&
				bytes_same_32(order.schedule.start_id, start_id);
			order_free(&order);
		}
		json_free(value.object);
	}
	return found;
}

/* True if the entry was news: then others in the slice may make sense now. */
static bool take_order(
	struct agent *agent, const struct event *event, const struct slice_entry *entry)
{
	uint8_t id[BYTES_HASH_SIZE];
	struct book_order *slot = NULL;
	struct order_value value;
	enum reason reason = REASON_ALREADY_KNOWN;

	if (!bytes_from_hex(id, sizeof(id), entry->key))
		return false;
	slot = book_find(&agent->book, id);
	if (slot != NULL)
		slot->had |= roster_sender(event->slice.neighbour);
	/* A start of 64 KiB that we know is not read again and again. */
	if (slot != NULL && slot->order.kind != ORDER_SCHEDULE)
		return false;
	if (!open_value(&value, entry))
		return false;
	if (slot == NULL) {
		char message[LIMITS_MESSAGE_SIZE + 1];

		value.offer.from = event->slice.neighbour;
		reason = accept_order(agent, &value.offer, &slot, message, sizeof(message));
		if (reason == REASON_LOST_TO_LOWER_ID &&
			schedule_came_along(agent, event, &value.offer)) {
			value.offer.scheduled_elsewhere = true;
			reason = accept_order(agent, &value.offer, &slot, message, sizeof(message));
		}
	}
	if (slot != NULL && slot->order.kind == ORDER_SCHEDULE)
		take_countdown(agent, slot, &value, event);
	json_free(value.object);
	return reason == REASON_NONE;
}

static void take_orders(struct agent *agent, const struct event *event)
{
	bool news = true;

	for (uint32_t pass = 0; news && pass < ORDER_PASSES_MAX; pass++) {
		struct slice_reader reader;
		struct slice_entry entry;

		news = false;
		slice_reader_init(&reader, event->slice.data, event->slice.data_size);
		while (slice_reader_next(&reader, &entry))
			news |= take_order(agent, event, &entry);
	}
}

void slices_take(struct agent *agent, enum agent_type type, const struct event *event)
{
	if (type == TYPE_NODES)
		take_nodes(agent, event);
	else if (type == TYPE_ORDERS)
		take_orders(agent, event);
	else if (store_merge(&agent->stores[store_of(agent, type, event->slice.type)],
			 event->slice.data, event->slice.data_size, agent->setup.name,
			 event->slice.remote) &&
		 type == TYPE_PROJECTION)
		agent->projection_change++;
}
