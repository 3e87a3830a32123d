// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"
#include "base/json.h"
#include "base/words.h"
#include "gossip/slice.h"

const char slices_type_names[] = "lockstep_nodes\0lockstep_orders\0mesh_wide_upgrade\0";

enum {
	/* Left free at the end of a slice, so that no entry makes it too long. */
	SLICE_MARGIN = 8192,
	ORDER_PASSES_MAX = 4, /* start, schedule, confirm: each may need the one before */
};

enum agent_type slices_find_type(const char *name)
{
	unsigned found = words_find(slices_type_names, name);

	return found < TYPE_COUNT ? (enum agent_type)found : TYPE_COUNT;
}

bool agent_speaks(const struct agent *agent, const char *type)
{
	enum agent_type found = slices_find_type(type);

	return found < TYPE_PROJECTION || (found == TYPE_PROJECTION && agent->setup.projection);
}

uint64_t slices_change(const struct agent *agent, enum agent_type type)
{
	switch (type) {
	case TYPE_NODES:
		return agent->roster.change;
	case TYPE_ORDERS:
		return agent->book.change;
	default:
		return agent->projection_change;
	}
}

uint64_t agent_digest(const struct agent *agent)
{
	return roster_digest(&agent->roster) * UINT64_C(0x9e3779b97f4a7c15) +
	       book_digest(&agent->book);
}

/* ---- slices out ---- */

static int64_t ttl_left_s(uint64_t expires_ms, uint64_t now_ms)
{
	return expires_ms > now_ms ? (int64_t)((expires_ms - now_ms) / 1000) + 1 : 1;
}

static bool slice_is_full(const struct text *text, size_t more)
{
	return text->size + more + SLICE_MARGIN > LIMITS_SLICE_SIZE;
}

static void write_nodes(const struct agent *agent, uint64_t now_ms, uint64_t after_change,
	uint32_t not_from, struct text *text)
{
	for (uint32_t i = 0; i < agent->roster.count; i++) {
		const struct roster_entry *entry = agent->roster.entries[i];

		if (entry->change <= after_change ||
			(not_from != AGENT_PEER_NONE && entry->from == not_from))
			continue;
		if (slice_is_full(text, entry->envelope_size))
			break;
		slice_write_entry(text, entry->record.name, entry->record.name,
			ttl_left_s(entry->expires_ms, now_ms), entry->envelope,
			entry->envelope_size);
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

static void write_orders(const struct agent *agent, uint64_t now_ms, uint64_t after_change,
	uint32_t not_from, struct text *text)
{
	/* Sent sorted by key, as shared-state does. There are few. */
	const struct book_order *sorted[LIMITS_ORDERS_MAX];
	uint32_t count = 0;

	for (const struct book_order *slot = agent->book.start; slot != NULL; slot = slot->next) {
		uint32_t at = count;

		if (slot->change <= after_change ||
			(not_from != AGENT_PEER_NONE && slot->from == not_from))
			continue;
		while (at > 0 && memcmp(sorted[at - 1]->id, slot->id, BYTES_HASH_SIZE) > 0) {
			sorted[at] = sorted[at - 1];
			at--;
		}
		sorted[at] = slot;
		count++;
	}
	for (uint32_t i = 0; i < count && !slice_is_full(text, sorted[i]->text_size * 2); i++)
		write_order(agent, sorted[i], now_ms, text);
}

/* Who has the same digest needs no answer. False while a countdown runs: it is always news. */
static bool write_digest(const struct agent *agent, uint64_t now_ms, enum agent_type type,
	char digest[static SLICE_DIGEST_SIZE + 1])
{
	uint64_t value = roster_digest(&agent->roster);

	if (type == TYPE_ORDERS) {
		value = book_digest(&agent->book);
		for (const struct book_order *slot = agent->book.start; slot != NULL;
			slot = slot->next) {
			if (slot->order.kind == ORDER_SCHEDULE &&
				(!slot->countdown_known || slot->deadline_ms > now_ms))
				return false;
		}
	}
	snprintf(digest, SLICE_DIGEST_SIZE + 1, "%016" PRIx64, value);
	return type == TYPE_NODES || type == TYPE_ORDERS;
}

void agent_slice_for(const struct agent *agent, uint64_t now_ms, uint32_t neighbour,
	const char *type, struct text *text)
{
	enum agent_type found = slices_find_type(type);
	char digest[SLICE_DIGEST_SIZE + 1];
	uint64_t after_change = 0;

	ensure(neighbour < LIMITS_NEIGHBOURS_MAX || neighbour == AGENT_PEER_NONE);

	if (found == TYPE_PROJECTION) {
		store_write(&agent->projection, text);
		return;
	}
	if (neighbour != AGENT_PEER_NONE && found < TYPE_COUNT)
		after_change = agent->neighbours[neighbour].types[found].sent_change;
	slice_write_begin(text);
	if (found == TYPE_NODES)
		write_nodes(agent, now_ms, after_change, neighbour, text);
	else if (found == TYPE_ORDERS)
		write_orders(agent, now_ms, after_change, neighbour, text);
	text_end_list(text);
	if (neighbour != AGENT_PEER_NONE && write_digest(agent, now_ms, found, digest))
		text_add_member_string(text, "lockstep", digest);
	text_end_object(text);
}

void agent_slice(const struct agent *agent, uint64_t now_ms, const char *type, struct text *text)
{
	agent_slice_for(agent, now_ms, AGENT_PEER_NONE, type, text);
}

void agent_answer(const struct agent *agent, uint64_t now_ms, const char *type, const char *data,
	size_t data_size, struct text *text)
{
	struct slice_reader reader;
	char digest[SLICE_DIGEST_SIZE + 1];

	slice_reader_init(&reader, data, data_size);
	if (write_digest(agent, now_ms, slices_find_type(type), digest) &&
		strcmp(reader.digest, digest) == 0) {
		slice_write_begin(text);
		slice_write_end(text);
		return;
	}
	agent_slice(agent, now_ms, type, text);
}

/* ---- slices in: records ---- */

const uint8_t *slices_pinned_key(const struct agent *agent, const char *name)
{
	const struct book_order *start = book_start(&agent->book);
	uint32_t index;

	if (start == NULL)
		return NULL;
	index = order_find_participant(&start->order.start, name);
	return index != UINT32_MAX ? start->order.start.participants[index].key : NULL;
}

/*
 * What the mesh says of ourselves is a rumour. If it is ours and newer than what we say (our memory
 * was lost), we go on above it; anything else only tells which TTL to outbid.
 */
static void hear_of_ourselves(struct agent *agent, const struct roster_offer *offer)
{
	struct roster_entry *own = roster_find(&agent->roster, agent->setup.name);
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct usign_public key, ours;
	struct record record;

	if (own != NULL && roster_is_same(own, offer))
		return;
	usign_public_of(&ours, &agent->setup.node_key);
	if (roster_open(offer, &record, &key, problem, sizeof(problem)) &&
		bytes_same_32(key.key, ours.key) &&
		record.incarnation >= agent->journal.incarnation &&
		record_compare_age(&record, &agent->published) > 0) {
		agent->journal.incarnation = record.incarnation + 1;
		agent->journal_due = true;
		agent->published_ever = false;
		return;
	}
	if (own != NULL && offer->ttl_s > ttl_left_s(own->expires_ms, agent->now_ms) &&
		offer->ttl_s < ROSTER_TTL_MAX_S)
		own->expires_ms = agent->now_ms + (uint64_t)(offer->ttl_s + ROSTER_OUTBID_S) * 1000;
}

static void take_nodes(struct agent *agent, const struct event *event)
{
	struct slice_reader reader;
	struct slice_entry entry;
	char problem[LIMITS_MESSAGE_SIZE + 1];

	slice_reader_init(&reader, event->slice.data, event->slice.data_size);
	while (slice_reader_next(&reader, &entry)) {
		struct roster_offer offer = {
			.mesh = agent->setup.mesh,
			.name = entry.key,
			.envelope = entry.data,
			.envelope_size = entry.data_size,
			.ttl_s = entry.ttl_s,
			.pinned = slices_pinned_key(agent, entry.key),
			.from = event->slice.neighbour,
			.now_ms = agent->now_ms,
		};
		enum roster_news news;

		if (!text_is_name(entry.key))
			continue;
		if (strcmp(entry.key, agent->setup.name) == 0) {
			hear_of_ourselves(agent, &offer);
			continue;
		}
		news = roster_take(&agent->roster, &offer, problem, sizeof(problem));
		if (news == ROSTER_REFUSED)
			agent_log(agent, LOG_WARNING, "record_refused",
				"a record that calls itself %s: %s", entry.key, problem);
		if (news == ROSTER_NEWS) {
			agent->changed = true;
			download_record_news(agent, roster_find(&agent->roster, entry.key));
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
 * the schedule was posted, so that no estimate ever comes back to its own origin; among equals the
 * newest, which follows the entry node's clock. An answer was written half a round trip ago; a push
 * was written before its connection: a handshake, the version's way there and back, and half.
 */
static void take_countdown(struct agent *agent, struct book_order *slot,
	const struct order_value *value, const struct event *event)
{
	uint32_t rtt_ms = event->slice.rtt_ms;
	uint64_t age_ms = event->slice.answer ? rtt_ms / 2 : (uint64_t)rtt_ms * 5 / 2;
	uint64_t remaining_ms = value->remaining_ms;
	uint32_t countdown_ms = slot->order.schedule.countdown_ms;
	/* It began before it came here; our clock may run a little faster. */
	uint64_t latest_ms = slot->came_ms + countdown_ms + countdown_ms / 1024;
	uint8_t hops;

	if (!value->has_countdown || value->hops >= BOOK_HOPS_MAX)
		return;
	hops = (uint8_t)(value->hops + 1);
	if (slot->countdown_known && (hops > slot->hops || agent->now_ms >= slot->deadline_ms))
		return;
	if (slot->countdown_known && hops == slot->hops && !event->slice.answer)
		return;
	remaining_ms -= age_ms < remaining_ms ? age_ms : remaining_ms;
	if (!slot->countdown_known || hops < slot->hops)
		slot->change = ++agent->book.change; /* those behind us want to know */
	slot->countdown_known = true;
	slot->hops = hops;
	slot->deadline_ms = agent->now_ms + remaining_ms;
	/* A plain peer's copy does not age: asked again and again, it would never end. */
	if (slot->deadline_ms > latest_ms)
		slot->deadline_ms = latest_ms;
	agent->changed = true;
	if (!event->slice.answer && event->slice.neighbour < LIMITS_NEIGHBOURS_MAX) {
		struct neighbour *neighbour = &agent->neighbours[event->slice.neighbour];

		neighbour->types[TYPE_ORDERS].periodic_ms = agent->now_ms + AGENT_REFINE_MS;
	}
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
	else if (store_merge(&agent->projection, event->slice.data, event->slice.data_size,
			 agent->setup.name, event->slice.remote))
		agent->projection_change++;
}
