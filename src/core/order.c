// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/text.h"

#define EPOCH_MAX ((UINT64_C(1) << 53) - 1) /* what every JSON reader keeps exactly */

enum {
	HOLD_DEFAULT_MS = 30000,
};

static const char *const kind_words[ORDER_KIND_COUNT] = { "start", "schedule", "confirm", "abort" };

const char *order_kind_word(enum order_kind kind)
{
	ensure((unsigned)kind < ORDER_KIND_COUNT);

	return kind_words[kind];
}

void order_id(uint8_t id[static BYTES_HASH_SIZE], const char *bytes, size_t size)
{
	bytes_sha256(id, bytes, size);
}

static void read_release(
	struct json_reader *reader, struct json_object *object, struct order_start *start)
{
	struct json_object *release = json_get_object(reader, object, "release");
	struct json_object *urls;

	json_get_hex(reader, release, "id", start->release_id, BYTES_HASH_SIZE);
	json_get_string(reader, release, "version", start->version, sizeof(start->version));
	if (json_ok(reader) && !text_is_printable(start->version, LIMITS_VERSION_SIZE))
		json_fail(reader, "version", "is not printable");
	start->sequence = json_get_u64(reader, release, "sequence", 0, EPOCH_MAX);
	if (!json_ok(reader) || !json_has(release, "urls"))
		return;
	urls = json_get_array(reader, release, "urls", LIMITS_IMAGE_URLS_MAX);
	start->url_count = (uint32_t)json_array_count(urls);
	for (uint32_t i = 0; i < start->url_count; i++) {
		json_array_string(reader, urls, "urls", i, start->urls[i], sizeof(start->urls[i]));
		if (json_ok(reader) && !text_is_printable(start->urls[i], LIMITS_URL_SIZE))
			json_fail(reader, "urls", "are not printable");
	}
}

static void read_policy(
	struct json_reader *reader, struct json_object *object, struct order_start *start)
{
	struct json_object *policy = json_get_object(reader, object, "policy");
	char word[16] = "";

	json_get_string(reader, policy, "confirm", word, sizeof(word));
	if (strcmp(word, "auto") == 0)
		start->confirm = ORDER_CONFIRM_AUTO;
	else if (strcmp(word, "operator") != 0)
		json_fail(reader, "confirm", "must be auto or operator");
	json_get_string(reader, policy, "kind", word, sizeof(word));
	if (strcmp(word, "best-effort") == 0)
		start->policy = ORDER_BEST_EFFORT;
	else if (strcmp(word, "atomic") != 0)
		json_fail(reader, "kind", "must be atomic or best-effort");
	start->quorum_percent =
		(uint32_t)json_get_optional_u64(reader, policy, "quorum", 1, ORDER_QUORUM_MAX, 100);
	start->hold_ms = (uint32_t)json_get_optional_u64(
		reader, policy, "hold_ms", LIMITS_HOLD_MIN_MS, LIMITS_HOLD_MAX_MS, HOLD_DEFAULT_MS);
	start->allow_single_slot =
		json_get_optional_bool(reader, policy, "allow_single_slot", false);
	start->allow_downgrade = json_get_optional_bool(reader, policy, "allow_downgrade", false);
	start->catch_up = json_get_optional_bool(reader, policy, "catch_up", true);
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, ORDER_KEY_SIZE);
}

/* One key, one participant: who holds two names would count twice in every quorum. */
static bool keys_are_distinct(const struct order_start *start)
{
	uint8_t(*keys)[ORDER_KEY_SIZE] = malloc(start->participant_count * sizeof(*keys));
	bool distinct = keys != NULL;

	for (uint32_t i = 0; distinct && i < start->participant_count; i++)
		memcpy(keys[i], start->participants[i].key, ORDER_KEY_SIZE);
	if (distinct)
		qsort(keys, start->participant_count, sizeof(*keys), compare_keys);
	for (uint32_t i = 1; distinct && i < start->participant_count; i++)
		distinct = memcmp(keys[i - 1], keys[i], ORDER_KEY_SIZE) != 0;
	free(keys);
	return distinct;
}

static void check_waves(struct json_reader *reader, struct order_start *start)
{
	bool used[LIMITS_WAVES_MAX] = { false };

	for (uint32_t i = 0; i < start->participant_count; i++) {
		uint8_t wave = start->participants[i].wave;

		used[wave] = true;
		if (wave >= start->wave_count)
			start->wave_count = wave + 1u;
	}
	for (uint32_t wave = 0; wave < start->wave_count; wave++) {
		if (!used[wave])
			json_fail(reader, "participants", "leave a wave empty");
	}
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

		json_get_string(reader, item, "name", participant->name, sizeof(participant->name));
		json_get_base64(reader, item, "key", participant->key, ORDER_KEY_SIZE);
		participant->wave = (uint8_t)json_get_optional_u64(
			reader, item, "wave", 0, LIMITS_WAVES_MAX - 1, 0);
		if (json_ok(reader) && !text_is_name(participant->name))
			json_fail(reader, "name", "is not a host name");
		if (i > 0 && strcmp(start->participants[i - 1].name, participant->name) >= 0)
			json_fail(reader, "participants", "must be sorted by name, each once");
	}
	if (json_ok(reader) && !keys_are_distinct(start))
		json_fail(reader, "participants", "must each have a key of their own");
	if (json_ok(reader))
		check_waves(reader, start);
}

static void read_start(struct json_reader *reader, struct json_object *object, struct order *order)
{
	read_release(reader, object, &order->start);
	read_policy(reader, object, &order->start);
	read_participants(reader, object, &order->start);
}

static void read_schedule(
	struct json_reader *reader, struct json_object *object, struct order *order)
{
	struct order_schedule *schedule = &order->schedule;

	json_get_hex(reader, object, "start", schedule->start_id, BYTES_HASH_SIZE);
	schedule->wave =
		(uint32_t)json_get_optional_u64(reader, object, "wave", 0, LIMITS_WAVES_MAX - 1, 0);
	schedule->countdown_ms = (uint32_t)json_get_u64(
		reader, object, "countdown_ms", LIMITS_COUNTDOWN_MIN_MS, LIMITS_COUNTDOWN_MAX_MS);
	schedule->confirm_window_s = (uint32_t)json_get_u64(reader, object, "confirm_window_s",
		LIMITS_CONFIRM_WINDOW_MIN_S, LIMITS_CONFIRM_WINDOW_MAX_S);
}

static void read_confirm(
	struct json_reader *reader, struct json_object *object, struct order *order)
{
	struct order_confirmation *confirm = &order->confirm;
	struct json_object *list;
	size_t count;

	confirm->wave =
		(uint32_t)json_get_optional_u64(reader, object, "wave", 0, LIMITS_WAVES_MAX - 1, 0);
	if (!json_ok(reader) || !json_has(object, "without"))
		return;
	list = json_get_array(reader, object, "without", LIMITS_PARTICIPANTS_MAX);
	count = json_array_count(list);
	if (count == 0)
		return;
	confirm->without = calloc(count, sizeof(*confirm->without));
	if (confirm->without == NULL) {
		json_fail(reader, "without", "needs more memory than there is");
		return;
	}
	confirm->without_count = (uint32_t)count;
	for (uint32_t i = 0; i < count && json_ok(reader); i++) {
		json_array_string(reader, list, "without", i, confirm->without[i],
			sizeof(confirm->without[i]));
		if (json_ok(reader) && !text_is_name(confirm->without[i]))
			json_fail(reader, "without", "must hold host names");
		if (i > 0 && strcmp(confirm->without[i - 1], confirm->without[i]) >= 0)
			json_fail(reader, "without", "must be sorted, each name once");
	}
}

static void read_abort(struct json_reader *reader, struct json_object *object, struct order *order)
{
	json_get_optional_string(
		reader, object, "reason", order->abort.reason, sizeof(order->abort.reason));
	if (json_ok(reader) && !text_is_printable(order->abort.reason, LIMITS_MESSAGE_SIZE))
		json_fail(reader, "reason", "is not printable");
}

typedef void read_kind(struct json_reader *reader, struct json_object *object, struct order *order);

static read_kind *const readers[ORDER_KIND_COUNT] = {
	[ORDER_START] = read_start,
	[ORDER_SCHEDULE] = read_schedule,
	[ORDER_CONFIRM] = read_confirm,
	[ORDER_ABORT] = read_abort,
};

/* Which kind, and is it ours to read at all? */
static enum reason read_head(struct json_reader *reader, struct json_object *object,
	struct order *order, const char *mesh)
{
	uint64_t format;
	char word[LIMITS_NAME_SIZE + 1] = "";

	format = json_get_u64(reader, object, "lockstep", 0, EPOCH_MAX);
	if (!json_ok(reader))
		return REASON_BAD_ORDER;
	if (format != ORDER_FORMAT) {
		json_fail(reader, "lockstep", "is a version that is not known here");
		return REASON_UNKNOWN_KIND;
	}
	json_get_string(reader, object, "mesh", order->mesh, sizeof(order->mesh));
	if (!json_ok(reader))
		return REASON_BAD_ORDER;
	if (strcmp(order->mesh, mesh) != 0) {
		json_fail(reader, "mesh", "is another mesh");
		return REASON_WRONG_MESH;
	}
	json_get_string(reader, object, "kind", word, sizeof(word));
	if (!json_ok(reader))
		return REASON_BAD_ORDER;
	for (unsigned kind = 0; kind < ORDER_KIND_COUNT; kind++) {
		if (strcmp(word, kind_words[kind]) == 0) {
			order->kind = (enum order_kind)kind;
			return REASON_NONE;
		}
	}
	json_fail(reader, "kind", "is not known here");
	return REASON_UNKNOWN_KIND;
}

enum reason order_decode(struct order *order, const char *bytes, size_t size, const char *mesh,
	char *problem, size_t problem_capacity)
{
	struct order decoded;
	struct json_reader reader;
	struct json_object *object;
	enum reason reason;

	memset(&decoded, 0, sizeof(decoded));
	if (size > LIMITS_ORDER_SIZE) {
		object = NULL;
		reader = (struct json_reader){ .wrong = "is larger than 64 KiB" };
	} else {
		object = json_parse(&reader, bytes, size);
	}
	reason = json_ok(&reader) ? read_head(&reader, object, &decoded, mesh) : REASON_BAD_ORDER;
	if (reason == REASON_NONE) {
		json_get_hex(&reader, object, "upgrade", decoded.upgrade, ORDER_UPGRADE_SIZE);
		decoded.epoch = json_get_u64(&reader, object, "epoch", 1, EPOCH_MAX);
		json_get_optional_string(
			&reader, object, "issued", decoded.issued, sizeof(decoded.issued));
		if (json_ok(&reader) && !text_is_printable(decoded.issued, ORDER_ISSUED_SIZE))
			json_fail(&reader, "issued", "is not printable");
		readers[decoded.kind](&reader, object, &decoded);
		if (!json_ok(&reader))
			reason = REASON_BAD_ORDER;
	}
	json_free(object);
	if (reason != REASON_NONE) {
		json_explain(&reader, problem, problem_capacity);
		order_free(&decoded);
		return reason;
	}
	*order = decoded;
	return REASON_NONE;
}

void order_free(struct order *order)
{
	if (order->kind == ORDER_START)
		free(order->start.participants);
	else if (order->kind == ORDER_CONFIRM)
		free(order->confirm.without);
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
	char encoded[BYTES_HASH_TEXT_SIZE + 1];

	text_add_member(text, "release");
	text_add(text, "{");
	bytes_to_hex(encoded, start->release_id, BYTES_HASH_SIZE);
	text_add_member_string(text, "id", encoded);
	text_add_member_string(text, "version", start->version);
	text_add_member_u64(text, "sequence", start->sequence);
	text_add_member_strings(
		text, "urls", start->urls[0], sizeof(start->urls[0]), start->url_count);
	text_add(text, "}");
	text_add_member(text, "policy");
	text_add(text, "{");
	text_add_member_string(
		text, "confirm", start->confirm == ORDER_CONFIRM_AUTO ? "auto" : "operator");
	text_add_member_string(
		text, "kind", start->policy == ORDER_ATOMIC ? "atomic" : "best-effort");
	text_add_member_u64(text, "quorum", start->quorum_percent);
	text_add_member_u64(text, "hold_ms", start->hold_ms);
	text_add_member_bool(text, "allow_single_slot", start->allow_single_slot);
	text_add_member_bool(text, "allow_downgrade", start->allow_downgrade);
	text_add_member_bool(text, "catch_up", start->catch_up);
	text_add(text, "}");
	text_add_member(text, "participants");
	text_add(text, "[");
	for (uint32_t i = 0; i < start->participant_count; i++) {
		const struct order_participant *participant = &start->participants[i];

		text_add(text, i > 0 ? ",{" : "{");
		text_add_member_string(text, "name", participant->name);
		bytes_to_base64(encoded, participant->key, ORDER_KEY_SIZE);
		text_add_member_string(text, "key", encoded);
		if (participant->wave != 0)
			text_add_member_u64(text, "wave", participant->wave);
		text_add(text, "}");
	}
	text_add(text, "]");
}

static void write_confirm(struct text *text, const struct order_confirmation *confirm)
{
	text_add_member_u64(text, "wave", confirm->wave);
	text_add_member(text, "without");
	text_add(text, "[");
	for (uint32_t i = 0; i < confirm->without_count; i++) {
		text_add(text, i > 0 ? "," : "");
		text_add_json_string(text, confirm->without[i], strlen(confirm->without[i]));
	}
	text_add(text, "]");
}

size_t order_encode(const struct order *order, char *buffer, size_t capacity)
{
	struct text text;
	char encoded[BYTES_HASH_TEXT_SIZE + 1];

	text_init(&text, buffer, capacity);
	text_add(&text, "{");
	text_add_member_u64(&text, "lockstep", ORDER_FORMAT);
	text_add_member_string(&text, "mesh", order->mesh);
	text_add_member_string(&text, "kind", order_kind_word(order->kind));
	bytes_to_hex(encoded, order->upgrade, ORDER_UPGRADE_SIZE);
	text_add_member_string(&text, "upgrade", encoded);
	text_add_member_u64(&text, "epoch", order->epoch);
	text_add_member_string(&text, "issued", order->issued);
	switch (order->kind) {
	case ORDER_START:
		write_start(&text, &order->start);
		break;
	case ORDER_SCHEDULE:
		bytes_to_hex(encoded, order->schedule.start_id, BYTES_HASH_SIZE);
		text_add_member_string(&text, "start", encoded);
		text_add_member_u64(&text, "wave", order->schedule.wave);
		text_add_member_u64(&text, "countdown_ms", order->schedule.countdown_ms);
		text_add_member_u64(&text, "confirm_window_s", order->schedule.confirm_window_s);
		break;
	case ORDER_CONFIRM:
		write_confirm(&text, &order->confirm);
		break;
	case ORDER_ABORT:
		text_add_member_string(&text, "reason", order->abort.reason);
		break;
	case ORDER_KIND_COUNT:
		ensure(false);
	}
	text_add(&text, "}");
	return text_cut(&text) || text.size > LIMITS_ORDER_SIZE ? 0 : text.size;
}
