// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdio.h>
#include <string.h>

#include "agent/node.h"
#include "base/ensure.h"

/* Refused whatever happens later: not worth a second verification. */
static bool is_final_refusal(enum reason reason)
{
	return reason == REASON_BAD_ORDER || reason == REASON_WRONG_MESH ||
	       reason == REASON_UNKNOWN_KIND || reason == REASON_OLD_EPOCH ||
	       reason == REASON_BAD_SIGNATURE || reason == REASON_UNTRUSTED_KEY;
}

/*
 * The id of an offer for the memory of refusals covers the signature too: a good order under a bad
 * signature must not shut out the same order under its good one.
 */
static void refusal_id(uint8_t refusal[static BYTES_HASH_SIZE],
	const uint8_t id[static BYTES_HASH_SIZE], const char *signature)
{
	uint8_t hashes[2 * BYTES_HASH_SIZE];

	memcpy(hashes, id, BYTES_HASH_SIZE);
	bytes_sha256(hashes + BYTES_HASH_SIZE, signature, strlen(signature));
	bytes_sha256(refusal, hashes, sizeof(hashes));
}

static bool was_refused(const struct agent *agent, const uint8_t id[static BYTES_HASH_SIZE])
{
	for (uint32_t i = 0; i < AGENT_REFUSED_MAX; i++) {
		if (bytes_same_32(agent->refused[i], id))
			return true;
	}
	return false;
}

static void remember_refusal(struct agent *agent, const uint8_t id[static BYTES_HASH_SIZE])
{
	memcpy(agent->refused[agent->refused_next], id, BYTES_HASH_SIZE);
	agent->refused_next = (agent->refused_next + 1) % AGENT_REFUSED_MAX;
}

static enum reason verify(const struct agent *agent, const char *blob, const char *text,
	size_t size, struct usign_signature *signature)
{
	const struct keyring *trusted = &agent->setup.operator_keys;

	if (!usign_signature_from_blob(signature, blob))
		return REASON_BAD_SIGNATURE;
	if (keyring_verify(trusted, signature, text, size) != NULL)
		return REASON_NONE;
	for (uint32_t i = 0; i < trusted->key_count; i++) {
		if (memcmp(trusted->keys[i].keynum, signature->keynum, USIGN_KEYNUM_SIZE) == 0)
			return REASON_BAD_SIGNATURE;
	}
	return REASON_UNTRUSTED_KEY;
}

/* Verified and read, if NONE. */
static enum reason open_offer(const struct agent *agent, const struct order_offer *offer,
	struct usign_signature *signature, struct order *order, char *message, size_t capacity)
{
	enum reason reason =
		verify(agent, offer->signature, offer->text, offer->text_size, signature);

	return reason == REASON_NONE ? order_decode(order, offer->text, offer->text_size,
					       agent->setup.mesh, message, capacity)
				     : reason;
}

bool accept_peek(const struct agent *agent, const struct order_offer *offer, struct order *order)
{
	struct usign_signature signature;
	char problem[LIMITS_MESSAGE_SIZE + 1];

	return offer->text_size <= LIMITS_ORDER_SIZE &&
	       open_offer(agent, offer, &signature, order, problem, sizeof(problem)) == REASON_NONE;
}

/* ---- what is no order: an offer ---- */

enum reason agent_judge_offer(const struct agent *agent, const char *text, size_t size,
	const char *signature, struct release_offer *offer, char *message, size_t capacity)
{
	uint64_t next = agent->journal.highest_epoch + 1;
	struct usign_signature parsed;
	enum reason reason = verify(agent, signature, text, size, &parsed);

	if (reason == REASON_NONE)
		reason = offer_decode(
			offer, text, size, agent->setup.mesh, agent->setup.name, message, capacity);
	/* For no other upgrade, or it could be brought again years later. */
	if (reason == REASON_NONE && offer->epoch != next)
		reason = offer->epoch < next ? REASON_OLD_EPOCH : REASON_EPOCH_GAP;
	return reason;
}

/* ---- start ---- */

/* Does a new start beat the upgrade that the book holds? */
static enum reason start_beats(
	const struct agent *agent, const struct order *order, const struct order_offer *offer)
{
	const struct book_order *current = book_start(&agent->book);
	int ids;

	if (order->epoch > agent->journal.highest_epoch + AGENT_EPOCH_JUMP_MAX)
		return REASON_EPOCH_GAP;
	if (order->epoch > agent->journal.highest_epoch)
		return REASON_NONE;
	if (current == NULL)
		return REASON_OLD_EPOCH;
	/* Two operators, one epoch: the lower id, until one is scheduled; then that one. */
	if (book_is_scheduled(&agent->book))
		return REASON_ALREADY_SCHEDULED;
	if (offer->scheduled_elsewhere)
		return REASON_NONE;
	ids = memcmp(order->upgrade, current->order.upgrade, ORDER_UPGRADE_SIZE);
	if (ids == 0)
		return REASON_ALREADY_STARTED;
	return ids < 0 ? REASON_NONE : REASON_LOST_TO_LOWER_ID;
}

bool accept_names_us(struct agent *agent, const struct order_start *start, uint32_t *wave)
{
	uint32_t index = order_find_participant(start, agent->setup.name);
	struct usign_public own;

	if (index == UINT32_MAX)
		return false;
	usign_public_of(&own, &agent->setup.node_key);
	if (!bytes_same_32(start->participants[index].key, own.key)) {
		agent_log(agent, LOG_WARNING, "namesake",
			"the start order names a %s with another node key; this node is not meant",
			agent->setup.name);
		return false;
	}
	*wave = start->participants[index].wave;
	return true;
}

/* What a start order makes of this node. */
struct place {
	bool named;
	bool was_in; /* the upgrade that is open */
	bool orphan; /* firmware on trial, and the journal that told of its upgrade is lost: the
			mesh tells us again */
	uint32_t wave;
};

static const struct machine_facts start_facts = { .supersedes = true };

/* Asks before anything is touched: a refusal leaves the old upgrade as it was. */
static enum reason may_start(struct agent *agent, const struct order *order,
	const struct order_offer *offer, struct place *place)
{
	enum reason reason = start_beats(agent, order, offer);
	enum node_state next;

	if (reason != REASON_NONE)
		return reason;
	place->named = accept_names_us(agent, &order->start, &place->wave);
	place->was_in = agent->participant && life_is_busy(agent);
	/* Of another upgrade it cannot be. */
	place->orphan = place->named && agent->journal.state == STATE_CONFIRMATION_PENDING &&
			book_start(&agent->book) == NULL &&
			strcmp(order->start.version, agent->setup.version) == 0;
	if (place->orphan || (!place->named && !place->was_in))
		return REASON_NONE;
	reason = machine_ask(agent->journal.state, place->named ? SIGNAL_START : SIGNAL_SUPERSEDE,
		&start_facts, &next);
	/* We are past the point where we could leave it. */
	return reason == REASON_WRONG_STATE && !place->named ? REASON_ALREADY_SCHEDULED : reason;
}

static void apply_start(struct agent *agent, const struct order *order, const struct place *place)
{
	enum reason reason = REASON_NONE;

	if (place->was_in)
		download_stop(agent, true);
	agent->journal.highest_epoch = order->epoch;
	agent->participant = place->named;
	agent->wave = place->wave;
	if (place->orphan)
		return;
	agent->journal.flashed = false;
	agent->healthy = false;
	agent->confirm_decided = false;
	agent->window_known = false;
	agent->journal.window_s = 0;
	agent->journal.previous_version[0] = '\0';
	if (place->named) {
		reason = life_ask(agent, SIGNAL_START, &start_facts, REASON_NONE, "");
		download_start(agent);
	} else if (place->was_in) {
		reason = life_signal(agent, SIGNAL_SUPERSEDE, REASON_SUPERSEDED, "");
	} else if (order->start.sequence > agent->journal.release_sequence &&
		   strcmp(order->start.version, agent->setup.version) != 0) {
		(void)life_signal(agent, SIGNAL_NEWER_RELEASE, REASON_NONE, "");
	}
	ensure(reason == REASON_NONE);
}

/* ---- what follows a start ---- */

static enum reason belongs(const struct agent *agent, const struct order *order)
{
	const struct book_order *start = book_start(&agent->book);

	if (start == NULL || order->epoch != start->order.epoch ||
		memcmp(order->upgrade, start->order.upgrade, ORDER_UPGRADE_SIZE) != 0)
		return REASON_UNKNOWN_UPGRADE;
	return REASON_NONE;
}

static enum reason may_schedule(const struct agent *agent, const struct order *order)
{
	const struct book_order *start = book_start(&agent->book);
	const struct order_schedule *schedule = &order->schedule;

	if (!bytes_same_32(schedule->start_id, start->id))
		return REASON_BAD_ORDER;
	if (schedule->wave >= start->order.start.wave_count)
		return REASON_UNKNOWN_WAVE;
	if (book_abort(&agent->book) != NULL)
		return REASON_OPERATOR;
	if (book_schedule(&agent->book, schedule->wave) != NULL)
		return REASON_ALREADY_SCHEDULED;
	return REASON_NONE;
}

/* A posted confirm is refused where it would only wait: the operator must know who is missing. */
static enum reason may_confirm(const struct agent *agent, const struct order *order, bool posted,
	char *message, size_t capacity)
{
	const struct record *records[LIMITS_PARTICIPANTS_MAX];
	struct upgrade_question question;
	struct upgrade_count count;
	const struct order_participant *participant;
	struct text text;
	uint32_t at = 0, named = 0;

	if (order->confirm.wave >= book_start(&agent->book)->order.start.wave_count)
		return REASON_UNKNOWN_WAVE;
	if (book_schedule(&agent->book, order->confirm.wave) == NULL)
		return REASON_WRONG_STATE;
	if (!posted || !life_question(agent, order->confirm.wave, &question))
		return REASON_NONE;
	question.confirm = &order->confirm;
	life_records(agent, records);
	upgrade_count(&count, &question, records);
	if (upgrade_is_complete(&count, &question))
		return REASON_NONE;
	text_init(&text, message, capacity);
	text_add(&text, "Not running the new firmware:");
	while (named < 8 && (participant = upgrade_next_missing(
				     &question, records, UPGRADE_STEP_RUNNING, &at)) != NULL) {
		if (order_is_without(question.confirm, participant->name))
			continue;
		text_add(&text, named++ > 0 ? ", " : " ");
		text_add(&text, participant->name);
	}
	text_add(&text, ".");
	return REASON_PARTICIPANTS_MISSING;
}

static enum reason may_abort(const struct agent *agent, bool posted)
{
	if (book_abort(&agent->book) != NULL)
		return REASON_ALREADY_KNOWN;
	/* In gossip it is passed on all the same: others may still be before the flash. */
	if (posted && agent->participant &&
		(agent->journal.state == STATE_FLASHING ||
			agent->journal.state == STATE_CONFIRMATION_PENDING))
		return REASON_TOO_LATE;
	return REASON_NONE;
}

static void apply_abort(struct agent *agent, const struct order *order)
{
	if (!agent->participant)
		return;
	if (life_signal(agent, SIGNAL_ABORT, REASON_OPERATOR, order->abort.reason) == REASON_NONE)
		download_stop(agent, true);
}

static enum reason may_follow(const struct agent *agent, const struct order *order, bool posted,
	char *message, size_t capacity)
{
	enum reason reason = belongs(agent, order);

	if (reason != REASON_NONE)
		return reason;
	if (order->kind == ORDER_ABORT)
		return may_abort(agent, posted);
	if (order->kind == ORDER_SCHEDULE)
		reason = may_schedule(agent, order);
	else
		reason = may_confirm(agent, order, posted, message, capacity);
	/* The last place is the abort's: whatever was ordered before, it must find room. */
	if (reason == REASON_NONE && agent->book.count >= LIMITS_ORDERS_MAX - 1)
		reason = REASON_TOO_MANY_ORDERS;
	return reason;
}

/* ---- all kinds ---- */

/* Judges what is genuine, and enters it into the book. */
static enum reason enter_order(struct agent *agent, struct order *order,
	const struct order_offer *offer, const struct usign_signature *signature,
	struct book_order **taken, char *message, size_t capacity)
{
	struct place place = { .wave = 0 };
	enum reason reason = REASON_OLD_EPOCH;

	if (order->epoch >= agent->journal.highest_epoch)
		reason = order->kind == ORDER_START
				 ? may_start(agent, order, offer, &place)
				 : may_follow(agent, order, offer->posted, message, capacity);
	if (reason != REASON_NONE)
		return reason;
	*taken = book_add(&agent->book, order, signature, agent->now_ms);
	if (*taken == NULL)
		return REASON_INTERNAL;
	(*taken)->had = roster_sender(offer->from);
	(*taken)->posted = offer->posted;
	agent->journal_due = true;
	agent->active_until_ms = agent->now_ms + AGENT_ACTIVE_ORDER_MS;
	if (order->kind == ORDER_START) {
		apply_start(agent, order, &place);
	} else if (order->kind == ORDER_ABORT) {
		agent->active_until_ms = agent->now_ms + AGENT_ACTIVE_STATE_MS;
		agent->heartbeat_ms = 0; /* LimeApp shows it also where no state changes */
		apply_abort(agent, order);
	}
	return REASON_NONE;
}

static void log_outcome(struct agent *agent, const struct order *order, enum reason reason,
	const struct usign_signature *signature, bool posted)
{
	bool accepted = reason == REASON_NONE;
	const char *how = posted ? "posted here" : "heard from the mesh";
	char fingerprint[USIGN_FINGERPRINT_TEXT_SIZE + 1];
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];

	usign_fingerprint(fingerprint, signature->keynum);
	bytes_to_hex(upgrade, order->upgrade, ORDER_UPGRADE_SIZE);
	agent_log(agent,
		accepted ? LOG_INFO
		: posted ? LOG_WARNING
			 : LOG_DEBUG,
		accepted ? "order_accepted" : "order_refused",
		"%s of upgrade %s, signed by %s%s %s", order_kind_word(order->kind), upgrade,
		fingerprint, accepted ? "," : ":", accepted ? how : reason_word(reason));
}

enum reason accept_order(struct agent *agent, const struct order_offer *offer,
	struct book_order **taken, char *message, size_t capacity)
{
	uint8_t id[BYTES_HASH_SIZE], refusal[BYTES_HASH_SIZE];
	struct usign_signature signature;
	struct order order;
	enum reason reason;

	*taken = NULL;
	message[0] = '\0';
	if (offer->text_size > LIMITS_ORDER_SIZE) {
		text_set(message, capacity, "The order is too long.");
		return REASON_BAD_ORDER;
	}
	order_id(id, offer->text, offer->text_size);
	refusal_id(refusal, id, offer->signature);
	if (!offer->posted && was_refused(agent, refusal))
		return REASON_BAD_ORDER;
	*taken = book_find(&agent->book, id);
	/* Gossip brings every order again and again; whoever posts one hears what his is worth. */
	if (*taken != NULL && !offer->posted)
		return REASON_ALREADY_KNOWN;

	reason = open_offer(agent, offer, &signature, &order, message, capacity);
	if (reason == REASON_NONE && *taken != NULL) {
		order_free(&order);
		return REASON_ALREADY_KNOWN;
	}
	*taken = NULL;
	if (reason != REASON_NONE) {
		agent_log(
			agent, LOG_WARNING, "order_refused", "%s %s", reason_word(reason), message);
	} else {
		reason = enter_order(agent, &order, offer, &signature, taken, message, capacity);
		log_outcome(agent, &order, reason, &signature, offer->posted);
		agent->changed = true;
		if (reason != REASON_NONE)
			order_free(&order);
	}
	if (is_final_refusal(reason))
		remember_refusal(agent, refusal);
	return reason;
}
