// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/members.h"
#include "base/words.h"

enum {
	HOLD_DEFAULT_MS = 30000,
	HEAD_MESH = 0, /* the first of the head, which are read apart */
	HEAD_KIND,
};

static const char kind_words[] = "start\0schedule\0confirm\0abort\0";

static const struct member head_members[] = {
	[HEAD_MESH] = MEMBER(struct order, mesh, STRING, "mesh"),
	[HEAD_KIND] = MEMBER(struct order, kind, WORD, "kind", .words = kind_words),
	MEMBER(struct order, upgrade, HEX, "upgrade"),
	MEMBER(struct order, epoch, NUMBER, "epoch", .min = 1),
	MEMBER(struct order, issued, PRINTABLE, "issued", .flags = MEMBER_OPTIONAL),
};

static const struct member release_members[] = {
	MEMBER(struct order_start, release_id, HEX, "id"),
	MEMBER(struct order_start, version, PRINTABLE, "version"),
	MEMBER(struct order_start, sequence, NUMBER, "sequence"),
};

static const struct member policy_members[] = {
	MEMBER(struct order_start, confirm, WORD, "confirm", .words = "operator\0auto\0"),
	MEMBER(struct order_start, policy, WORD, "kind", .words = "atomic\0best-effort\0"),
	MEMBER(struct order_start, quorum_percent, NUMBER, "quorum", .min = 1,
		.max = ORDER_QUORUM_MAX, .flags = MEMBER_OPTIONAL),
	MEMBER(struct order_start, hold_ms, NUMBER, "hold_ms", .min = LIMITS_HOLD_MIN_MS,
		.max = LIMITS_HOLD_MAX_MS, .flags = MEMBER_OPTIONAL),
	MEMBER(struct order_start, allow_single_slot, BOOL, "allow_single_slot",
		.flags = MEMBER_OPTIONAL),
	MEMBER(struct order_start, allow_downgrade, BOOL, "allow_downgrade",
		.flags = MEMBER_OPTIONAL),
	MEMBER(struct order_start, catch_up, BOOL, "catch_up", .flags = MEMBER_OPTIONAL),
};

static const struct member participant_members[] = {
	MEMBER(struct order_participant, name, NAME, "name"),
	MEMBER(struct order_participant, key, BASE64, "key"),
	MEMBER(struct order_participant, wave, NUMBER, "wave", .max = LIMITS_WAVES_MAX - 1,
		.flags = MEMBER_SPARSE),
};

static const struct member schedule_members[] = {
	MEMBER(struct order, schedule.start_id, HEX, "start"),
	MEMBER(struct order, schedule.wave, NUMBER, "wave", .max = LIMITS_WAVES_MAX - 1,
		.flags = MEMBER_OPTIONAL),
	MEMBER(struct order, schedule.countdown_ms, NUMBER, "countdown_ms",
		.min = LIMITS_COUNTDOWN_MIN_MS, .max = LIMITS_COUNTDOWN_MAX_MS),
	MEMBER(struct order, schedule.confirm_window_s, NUMBER, "confirm_window_s",
		.min = LIMITS_CONFIRM_WINDOW_MIN_S, .max = LIMITS_CONFIRM_WINDOW_MAX_S),
};

static const struct member confirm_members[] = {
	MEMBER(struct order, confirm.wave, NUMBER, "wave", .max = LIMITS_WAVES_MAX - 1,
		.flags = MEMBER_OPTIONAL),
};

static const struct member abort_members[] = {
	MEMBER(struct order, abort.reason, PRINTABLE, "reason", .flags = MEMBER_OPTIONAL),
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Of each kind, what is not a list or an object. */
static const struct {
	const struct member *members;
	size_t count;
} bodies[ORDER_KIND_COUNT] = {
	[ORDER_START] = { NULL, 0 },
	[ORDER_SCHEDULE] = { schedule_members, COUNT(schedule_members) },
	[ORDER_CONFIRM] = { confirm_members, COUNT(confirm_members) },
	[ORDER_ABORT] = { abort_members, COUNT(abort_members) },
};

const char *order_kind_word(enum order_kind kind)
{
	ensure((unsigned)kind < ORDER_KIND_COUNT);

	return words_at(kind_words, kind);
}

void order_write_start(struct text *text, const struct order *order)
{
	const struct order_start *start = &order->start;

	text_add_member_hex(text, "id", order->upgrade, ORDER_UPGRADE_SIZE);
	text_add_member_u64(text, "epoch", order->epoch);
	text_add_member_hex(text, "release", start->release_id, BYTES_HASH_SIZE);
	text_add_member_string(text, "version", start->version);
	text_add_member_u64(text, "sequence", start->sequence);
}

void order_id(uint8_t id[static BYTES_HASH_SIZE], const char *bytes, size_t size)
{
	bytes_sha256(id, bytes, size);
}

static void read_release(
	struct json_reader *reader, struct json_object *object, struct order_start *start)
{
	struct json_object *member = json_get_object(reader, object, "release");

	members_read(reader, member, release_members, COUNT(release_members), start);
	if (json_has(member, "urls"))
		start->url_count = json_get_strings(reader, member, "urls", start->urls[0],
			sizeof(start->urls[0]), LIMITS_IMAGE_URLS_MAX);
}

static void read_policy(
	struct json_reader *reader, struct json_object *object, struct order_start *start)
{
	start->quorum_percent = ORDER_QUORUM_MAX;
	start->hold_ms = HOLD_DEFAULT_MS;
	start->catch_up = true;
	members_read(reader, json_get_object(reader, object, "policy"), policy_members,
		COUNT(policy_members), start);
}

/* One key, one participant: who holds two names would count twice in every quorum. */
static bool keys_are_distinct(const struct order_start *start)
{
	for (uint32_t i = 0; i < start->participant_count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (bytes_same_32(start->participants[i].key, start->participants[j].key))
				return false;
		}
	}
	return true;
}

static void check_waves(struct json_reader *reader, struct order_start *start)
{
	uint32_t used = 0; /* one bit for each wave */

	for (uint32_t i = 0; i < start->participant_count; i++) {
		uint32_t wave = start->participants[i].wave;

		used |= 1u << wave;
		if (wave >= start->wave_count)
			start->wave_count = wave + 1;
	}
	if (used != (1u << start->wave_count) - 1)
		json_fail(reader, "participants", "leave a wave empty");
}

static void read_participants(
	struct json_reader *reader, struct json_object *object, struct order_start *start)
{
	struct json_object *list =
		json_get_array(reader, object, "participants", LIMITS_PARTICIPANTS_MAX);
	size_t count = json_array_count(list);

	if (json_ok(reader) && count == 0)
		json_fail(reader, "participants", "are none");
	if (!json_ok(reader))
		return;
	start->participants = calloc(count, sizeof(*start->participants));
	if (start->participants == NULL) {
		json_fail(reader, "participants", "need more memory than there is");
		return;
	}
	start->participant_count = (uint32_t)count;
	for (uint32_t i = 0; i < count && json_ok(reader); i++) {
		struct json_object *item = json_array_object(reader, list, "participants", i);
		struct order_participant *participant = &start->participants[i];

		members_read(
			reader, item, participant_members, COUNT(participant_members), participant);
		if (i > 0 && strcmp(start->participants[i - 1].name, participant->name) >= 0)
			json_fail(reader, "participants", "must be sorted by name, each once");
	}
	if (json_ok(reader) && !keys_are_distinct(start))
		json_fail(reader, "participants", "must each have a key of their own");
	if (json_ok(reader))
		check_waves(reader, start);
}

static void read_without(struct json_reader *reader, struct json_object *object,
	struct order_confirmation *confirmation)
{
	struct json_object *list;
	size_t count;

	if (!json_has(object, "without"))
		return;
	list = json_get_array(reader, object, "without", LIMITS_PARTICIPANTS_MAX);
	count = json_array_count(list);
	if (count == 0)
		return;
	confirmation->without = calloc(count, sizeof(*confirmation->without));
	if (confirmation->without == NULL) {
		json_fail(reader, "without", "needs more memory than there is");
		return;
	}
	confirmation->without_count = json_get_strings(reader, object, "without",
		confirmation->without[0], sizeof(confirmation->without[0]), (uint32_t)count);
	for (uint32_t i = 0; i < confirmation->without_count; i++) {
		if (!text_is_name(confirmation->without[i]))
			json_fail(reader, "without", "must hold host names");
		if (i > 0 && strcmp(confirmation->without[i - 1], confirmation->without[i]) >= 0)
			json_fail(reader, "without", "must be sorted, each name once");
	}
}

/* Which kind, and is it ours to read at all? */
static enum reason read_head(struct json_reader *reader, struct json_object *object,
	struct order *order, const char *mesh)
{
	uint64_t format = json_get_u64(reader, object, "lockstep", 0, MEMBERS_NUMBER_MAX);
	char word[LIMITS_REASON_SIZE + 1] = "";

	if (json_ok(reader) && format != ORDER_FORMAT) {
		json_fail(reader, "lockstep", "is a version that is not known here");
		return REASON_UNKNOWN_KIND;
	}
	members_read(reader, object, &head_members[HEAD_MESH], 1, order);
	if (json_ok(reader) && strcmp(order->mesh, mesh) != 0) {
		json_fail(reader, "mesh", "is another mesh");
		return REASON_WRONG_MESH;
	}
	json_get_string(reader, object, "kind", word, sizeof(word));
	if (json_ok(reader) && words_find(kind_words, word) == WORDS_NONE) {
		json_fail(reader, "kind", "is not known here");
		return REASON_UNKNOWN_KIND;
	}
	members_read(
		reader, object, &head_members[HEAD_KIND], COUNT(head_members) - HEAD_KIND, order);
	if (bytes_are_zero(order->upgrade, ORDER_UPGRADE_SIZE)) /* which is "none" in records */
		json_fail(reader, "upgrade", "must not be zero");
	return json_ok(reader) ? REASON_NONE : REASON_BAD_ORDER;
}

static enum reason read_body(
	struct json_reader *reader, struct json_object *object, struct order *order)
{
	members_read(reader, object, bodies[order->kind].members, bodies[order->kind].count, order);
	if (order->kind == ORDER_START) {
		read_release(reader, object, &order->start);
		read_policy(reader, object, &order->start);
		read_participants(reader, object, &order->start);
	} else if (order->kind == ORDER_CONFIRM) {
		read_without(reader, object, &order->confirm);
	}
	return json_ok(reader) ? REASON_NONE : REASON_BAD_ORDER;
}

static enum reason keep_text(
	struct json_reader *reader, struct order *order, const char *bytes, size_t size)
{
	order->text = malloc(size);
	if (order->text == NULL) {
		json_fail(reader, "order", "needs more memory than there is");
		return REASON_BAD_ORDER;
	}
	memcpy(order->text, bytes, size);
	order->text_size = size;
	return REASON_NONE;
}

enum reason order_decode(struct order *order, const char *bytes, size_t size, const char *mesh,
	char *problem, size_t problem_capacity)
{
	struct json_reader reader = { .wrong = "is larger than 64 KiB" };
	struct json_object *object = NULL;
	struct order decoded;
	enum reason reason;

	memset(&decoded, 0, sizeof(decoded));
	if (size <= LIMITS_ORDER_SIZE)
		object = json_parse(&reader, bytes, size);
	reason = read_head(&reader, object, &decoded, mesh);
	if (reason == REASON_NONE)
		reason = read_body(&reader, object, &decoded);
	json_free(object);
	if (reason == REASON_NONE)
		reason = keep_text(&reader, &decoded, bytes, size);
	if (reason == REASON_NONE) {
		*order = decoded;
	} else {
		json_explain(&reader, problem, problem_capacity);
		order_free(&decoded);
	}
	return reason;
}

void order_free(struct order *order)
{
	if (order->kind == ORDER_START)
		free(order->start.participants);
	else if (order->kind == ORDER_CONFIRM)
		free(order->confirm.without);
	free(order->text);
	memset(order, 0, sizeof(*order));
}

uint32_t order_find_participant(const struct order_start *start, const char *name)
{
	uint32_t low = 0, high = start->participant_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(start->participants[middle].name, name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return UINT32_MAX;
}

bool order_is_without(const struct order_confirmation *confirm, const char *name)
{
	for (uint32_t i = 0; i < confirm->without_count; i++) {
		if (strcmp(confirm->without[i], name) == 0)
			return true;
	}
	return false;
}

static void write_start(struct text *text, const struct order_start *start)
{
	text_add_member(text, "release");
	text_begin_object(text);
	members_write(text, release_members, COUNT(release_members), start, false);
	text_add_member_strings(
		text, "urls", start->urls[0], sizeof(start->urls[0]), start->url_count);
	text_end_object(text);
	text_add_member(text, "policy");
	text_begin_object(text);
	members_write(text, policy_members, COUNT(policy_members), start, false);
	text_end_object(text);
	text_begin_list(text, "participants");
	for (uint32_t i = 0; i < start->participant_count; i++) {
		text_begin_object(text);
		members_write(text, participant_members, COUNT(participant_members),
			&start->participants[i], false);
		text_end_object(text);
	}
	text_end_list(text);
}

size_t order_encode(const struct order *order, char *buffer, size_t capacity)
{
	struct text text;

	ensure((unsigned)order->kind < ORDER_KIND_COUNT);

	text_init(&text, buffer, capacity);
	text_begin_object(&text);
	text_add_member_u64(&text, "lockstep", ORDER_FORMAT);
	members_write(&text, head_members, COUNT(head_members), order, false);
	members_write(&text, bodies[order->kind].members, bodies[order->kind].count, order, false);
	if (order->kind == ORDER_START)
		write_start(&text, &order->start);
	else if (order->kind == ORDER_CONFIRM)
		text_add_member_strings(&text, "without", (const char *)order->confirm.without,
			sizeof(order->confirm.without[0]), order->confirm.without_count);
	text_end_object(&text);
	return text_cut(&text) || text.size > LIMITS_ORDER_SIZE ? 0 : text.size;
}
