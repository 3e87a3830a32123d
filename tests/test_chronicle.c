// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "core/chronicle.h"

#include <json-c/json.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define MAGIC "lockstep-history 1 "

enum {
	NOW_S = 1795500000,
	ANSWER_SIZE = 1 << 20,
};

static const uint8_t signer[CHRONICLE_SIGNER_SIZE] = { 0xab, 0xcd, 0, 0, 0, 0, 0, 7 };

/* ---- making ---- */

/* It is large: of the heap, as a node's is of none. */
static struct chronicle *chronicle_at(uint32_t now_s)
{
	struct chronicle *chronicle = calloc(1, sizeof(*chronicle));

	assert_non_null(chronicle);
	chronicle->now_s = now_s;
	return chronicle;
}

/* A start with this epoch, which is its id too, of so many participants. */
static struct order start_of(uint8_t epoch, uint32_t count, const char *prefix)
{
	struct order order = { .kind = ORDER_START, .epoch = epoch, .upgrade = { epoch } };

	order.start.release_id[0] = 0xee;
	order.start.sequence = 12;
	snprintf(order.start.version, sizeof(order.start.version), "Demo \"%u.0\"", epoch);
	order.start.participant_count = count;
	order.start.participants = calloc(count, sizeof(*order.start.participants));
	assert_non_null(order.start.participants);
	for (uint32_t i = 0; i < count; i++)
		snprintf(order.start.participants[i].name, LIMITS_NAME_SIZE + 1, "%s%u", prefix,
			i + 1);
	return order;
}

static void begin_named(
	struct chronicle *chronicle, uint8_t epoch, uint32_t count, const char *prefix)
{
	struct order start = start_of(epoch, count, prefix);

	chronicle_begin(chronicle, &start);
	chronicle_take_order(chronicle, 0, &start, signer);
	free(start.start.participants);
}

static void begin(struct chronicle *chronicle, uint8_t epoch, uint32_t count)
{
	begin_named(chronicle, epoch, count, "node");
}

static void order(struct chronicle *chronicle, uint32_t number, enum order_kind kind, uint32_t wave)
{
	struct order order = { .kind = kind };

	if (kind == ORDER_SCHEDULE)
		order.schedule.wave = wave;
	else if (kind == ORDER_CONFIRM)
		order.confirm.wave = wave;
	else
		memset(order.abort.reason, 'x', LIMITS_MESSAGE_SIZE); /* is no wave */
	chronicle_take_order(chronicle, number, &order, signer);
}

/* ---- looking ---- */

/* The answer; the caller frees it. */
static char *answer_of(const struct chronicle *chronicle, uint32_t now_s)
{
	char *answer = malloc(ANSWER_SIZE);
	struct text text;
	size_t size;

	assert_non_null(answer);
	text_init(&text, NULL, 0);
	chronicle_write(chronicle, now_s, &text);
	size = text.size;
	text_init(&text, answer, ANSWER_SIZE);
	chronicle_write(chronicle, now_s, &text);
	assert_false(text_cut(&text));
	assert_int_equal(text.size, size);
	return answer;
}

static struct json_object *parse(const struct chronicle *chronicle, uint32_t now_s)
{
	char *answer = answer_of(chronicle, now_s);
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, answer, strlen(answer));

	assert_non_null(object);
	free(answer);
	return object;
}

#define assert_answer(chronicle, expected) assert_answer_at(chronicle, NOW_S, expected, __LINE__)

static void assert_answer_at(
	const struct chronicle *chronicle, uint32_t now_s, const char *expected, int line)
{
	char *answer = answer_of(chronicle, now_s);

	if (strcmp(answer, expected) != 0)
		fail_msg("line %d:\n%s\nis not\n%s", line, answer, expected);
	free(answer);
}

/* The node's of this number in the upgrade of this number, newest first. */
static struct json_object *node_of(struct json_object *object, size_t upgrade, size_t node)
{
	object = json_object_object_get(object, "upgrades");
	object = json_object_array_get_idx(object, upgrade);
	object = json_object_object_get(object, "nodes");
	return json_object_array_get_idx(object, node);
}

static size_t count_nodes(struct json_object *object, size_t upgrade)
{
	object = json_object_object_get(object, "upgrades");
	object = json_object_array_get_idx(object, upgrade);
	return json_object_array_length(json_object_object_get(object, "nodes"));
}

/* What comes of it on disk and back, after which it is the same. */
static struct chronicle *reborn(const struct chronicle *chronicle, uint32_t now_s)
{
	struct chronicle *after = chronicle_at(now_s);
	size_t size, again_size;
	char *bytes = chronicle_encode(chronicle, &size), *again;

	assert_non_null(bytes);
	assert_in_range(size, SEAL_SIZE, CHRONICLE_FILE_MAX);
	assert_int_equal(strlen(bytes), size);
	assert_true(chronicle_decode(after, bytes, size));
	again = chronicle_encode(after, &again_size);
	assert_int_equal(again_size, size);
	assert_memory_equal(bytes, again, size);
	free(bytes);
	free(again);
	return after;
}

/* ---- tests ---- */

static void test_nothing_has_happened(void **state)
{
	struct chronicle *chronicle = chronicle_at(0);
	struct chronicle *after = reborn(chronicle, 0);

	(void)state;
	assert_answer(chronicle, "{\"now\":1795500000,\"upgrades\":[]}");
	assert_answer(after, "{\"now\":1795500000,\"upgrades\":[]}");
	free(chronicle);
	free(after);
}

#define HEAD(epoch, participants)                                                                  \
	"{\"id\":\"0" epoch "00000000000000\",\"epoch\":" epoch ",\"release\":\"ee"                \
	"00000000000000000000000000000000000000000000000000000000000000\","                        \
	"\"version\":\"Demo \\\"" epoch ".0\\\"\",\"sequence\":12,\"participants\":" participants  \
	",\"orders\":["
#define ORDER(kind, at, wave)                                                                      \
	"{\"kind\":\"" kind "\",\"at\":" at ",\"signed_by\":\"abcd000000000007\",\"wave\":" wave "}"

static const char whole[] = "{\"now\":1795500300,\"upgrades\":[" HEAD("7", "2") ORDER(
	"start", "1795500000", "0") "," ORDER("schedule", "1795500100", "3") "," ORDER("confirm",
	"1795500200", "3") "," ORDER("abort", "1795500201",
	"0") "],\"begun\":1795500000,\"phase\":\"confirmed\",\"ended\":1795500202,\"nodes\":["
	     "{\"name\":\"node1\",\"reason\":\"\",\"states\":[[\"DOWNLOADING\",1795500001],"
	     "[\"UPGRADE_READY\",1795500050],[\"UPDATED\",1795500200]]},"
	     "{\"name\":\"node2\",\"reason\":\"window_over\",\"states\":[[\"REVERTED\",1795500200]]"
	     "}"
	     "]}]}";

static void make_whole(struct chronicle *chronicle)
{
	chronicle->now_s = NOW_S;
	begin(chronicle, 7, 2);
	chronicle->now_s = NOW_S + 1;
	chronicle_take_state(chronicle, 0, STATE_DOWNLOADING, REASON_NONE);
	chronicle->now_s = NOW_S + 50;
	chronicle_take_state(chronicle, 0, STATE_UPGRADE_READY, REASON_NONE);
	chronicle->now_s = NOW_S + 60;
	/* The same state for another reason, and somebody who is not of the upgrade */
	chronicle_take_state(chronicle, 0, STATE_UPGRADE_READY, REASON_WAITING_FOR_PARTICIPANTS);
	chronicle_take_state(chronicle, 2, STATE_UPGRADE_READY, REASON_NONE);
	chronicle_take_state(chronicle, UINT16_MAX, STATE_UPGRADE_READY, REASON_NONE);
	chronicle->now_s = NOW_S + 100;
	order(chronicle, 1, ORDER_SCHEDULE, 3);
	assert_true(chronicle_take_phase(chronicle, PHASE_SCHEDULED));
	assert_false(chronicle_take_phase(chronicle, PHASE_SCHEDULED));
	chronicle->now_s = NOW_S + 200;
	order(chronicle, 1, ORDER_SCHEDULE, 3); /* known */
	order(chronicle, 2, ORDER_CONFIRM, 3);
	chronicle_take_state(chronicle, 0, STATE_UPDATED, REASON_NONE);
	chronicle_take_state(chronicle, 1, STATE_REVERTED, REASON_WINDOW_OVER);
	chronicle->now_s = NOW_S + 201;
	order(chronicle, 3, ORDER_ABORT, 0);
	chronicle->now_s = NOW_S + 202;
	assert_true(chronicle_take_phase(chronicle, PHASE_CONFIRMED));
}

static void test_whole_upgrade(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S), *after;

	(void)state;
	make_whole(chronicle);
	assert_answer_at(chronicle, NOW_S + 300, whole, __LINE__);
	after = reborn(chronicle, 0);
	assert_answer_at(after, NOW_S + 300, whole, __LINE__);
	free(chronicle);
	free(after);
}

/* The reason is that of now, and not why it waited before. */
static void test_reason_changes_without_a_state(void **state)
{
	static const struct {
		enum reason reason;
		const char *word;
	} rows[] = {
		{ REASON_NONE, "" },
		{ REASON_WAITING_FOR_PARTICIPANTS, "waiting_for_participants" },
		{ REASON_OPERATOR, "operator" },
		{ REASON_NONE, "" },
	};
	struct chronicle *chronicle = chronicle_at(NOW_S);

	(void)state;
	begin(chronicle, 1, 3);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_object *object;

		chronicle_take_state(chronicle, 1, STATE_ABORTED, rows[i].reason);
		object = parse(chronicle, NOW_S);
		assert_string_equal(
			json_object_to_json_string_ext(
				json_object_object_get(node_of(object, 0, 1), "states"), 0),
			"[[\"ABORTED\",1795500000]]");
		assert_string_equal(json_object_get_string(json_object_object_get(
					    node_of(object, 0, 1), "reason")),
			rows[i].word);
		assert_string_equal(json_object_get_string(json_object_object_get(
					    node_of(object, 0, 2), "reason")),
			"");
		json_free(object);
	}
	free(chronicle);
}

/* Another version must read what this one wrote: neither states nor phases may change their
 * places. */
static void test_file_is_what_it_was(void **state)
{
	static const char document[] =
		"1795500000 1795500009 1795500010 5 2 9 8 7 6 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 "
		"0 0 0 0 0 0 0 0 0 0 "
		"\"id\":\"00\",\"orders\":[{\"kind\":\"start\"},{\"kind\":\"abort\"}\n"
		"L11K10J9I8H7G6F5E4D3C2B1A0 node1 flasher_check\n"
		" node2 \n"
		"\"id\":\"11\",\"orders\":[{\"kind\":\"start\"}\n"
		"A4294967286 old \n";
	static const char expected[] =
		"{\"now\":1795500010,\"upgrades\":["
		"{\"id\":\"00\",\"orders\":[{\"kind\":\"start\"},{\"kind\":\"abort\"}],"
		"\"begun\":1795500000,\"phase\":\"aborted\",\"ended\":1795500009,\"nodes\":["
		"{\"name\":\"node1\",\"reason\":\"flasher_check\",\"states\":["
		"[\"UPDATED\",1795500000],[\"UPGRADE_AVAILABLE\",1795500001],"
		"[\"DOWNLOADING\",1795500002],[\"UPGRADE_READY\",1795500003],"
		"[\"UPGRADE_SCHEDULED\",1795500004],[\"FLASHING\",1795500005],"
		"[\"CONFIRMATION_PENDING\",1795500006],[\"REVERTED\",1795500007],"
		"[\"ABORTED\",1795500008],[\"DOWNLOAD_ERROR\",1795500009],"
		"[\"UPGRADE_CHECK_FAILED\",1795500010],[\"INTERNAL_ERROR\",1795500011]]},"
		"{\"name\":\"node2\",\"reason\":\"\",\"states\":[]}]},"
		"{\"id\":\"11\",\"orders\":[{\"kind\":\"start\"}],"
		"\"begun\":9,\"phase\":\"reverted\",\"ended\":8,\"nodes\":["
		"{\"name\":\"old\",\"reason\":\"\",\"states\":[[\"UPDATED\",4294967295]]}]}]}";
	char bytes[SEAL_SIZE + sizeof(document)], hex[BYTES_HASH_TEXT_SIZE + 1];
	uint8_t hash[BYTES_HASH_SIZE];
	struct chronicle *chronicle = chronicle_at(0);
	size_t size;
	char *again;

	(void)state;
	bytes_sha256(hash, document, sizeof(document) - 1);
	bytes_to_hex(hex, hash, sizeof(hash));
	snprintf(bytes, sizeof(bytes), MAGIC "%s\n%s", hex, document);
	assert_true(chronicle_decode(chronicle, bytes, sizeof(bytes) - 1));
	assert_answer_at(chronicle, 0, expected, __LINE__);
	again = chronicle_encode(chronicle, &size);
	assert_int_equal(size, sizeof(bytes) - 1);
	assert_memory_equal(again, bytes, size);
	free(again);
	free(chronicle);
}

static void test_phases_have_their_words(void **state)
{
	static const struct {
		enum upgrade_phase phase;
		const char *members;
	} rows[] = {
		{ PHASE_OPEN, "\"phase\":\"open\",\"ended\":null" },
		{ PHASE_SCHEDULED, "\"phase\":\"scheduled\",\"ended\":null" },
		{ PHASE_FLASHING, "\"phase\":\"flashing\",\"ended\":null" },
		{ PHASE_CONFIRMING, "\"phase\":\"confirming\",\"ended\":null" },
		{ PHASE_CONFIRMED, "\"phase\":\"confirmed\",\"ended\":1795500009" },
		{ PHASE_ABORTED, "\"phase\":\"aborted\",\"ended\":1795500009" },
		{ PHASE_REVERTED, "\"phase\":\"reverted\",\"ended\":1795500009" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct chronicle *chronicle = chronicle_at(NOW_S);
		char *answer;

		begin(chronicle, 1, 1);
		chronicle->now_s = NOW_S + 9;
		assert_int_equal(chronicle_take_phase(chronicle, rows[i].phase), i > 0);
		answer = answer_of(chronicle, NOW_S + 9);
		assert_non_null(strstr(answer, rows[i].members));
		free(answer);
		free(chronicle);
	}
}

/* An end stays one unless somebody flashes after all, and no lesser one takes its place. */
static void test_phases_after_an_end(void **state)
{
	static const enum upgrade_phase ends[] = { PHASE_CONFIRMED, PHASE_ABORTED, PHASE_REVERTED };

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		for (int phase = PHASE_OPEN; phase <= PHASE_REVERTED; phase++) {
			struct chronicle *chronicle = chronicle_at(NOW_S);
			const struct chronicle_upgrade *upgrade = &chronicle->upgrades[0];
			bool goes_on = phase == PHASE_FLASHING || phase == PHASE_CONFIRMING;
			bool better = phase >= PHASE_CONFIRMED && phase < (int)ends[i];

			begin(chronicle, 1, 1);
			assert_true(chronicle_take_phase(chronicle, ends[i]));
			chronicle->now_s = NOW_S + 5;
			assert_int_equal(chronicle_take_phase(chronicle, (enum upgrade_phase)phase),
				goes_on || better);
			assert_int_equal(upgrade->phase,
				goes_on || better ? (enum upgrade_phase)phase : ends[i]);
			assert_int_equal(upgrade->ended_s, goes_on ? 0 : NOW_S);
			if (goes_on) {
				chronicle->now_s = NOW_S + 7;
				assert_true(chronicle_take_phase(chronicle, PHASE_REVERTED));
				assert_int_equal(upgrade->ended_s, NOW_S + 7);
			}
			free(chronicle);
		}
	}
}

/* A router without a clock of its own boots in the past. */
static void test_times_never_run_backwards(void **state)
{
	struct chronicle *before = chronicle_at(NOW_S), *chronicle;
	struct json_object *object;

	(void)state;
	begin(before, 1, 1);
	before->now_s = NOW_S + 100;
	chronicle_take_state(before, 0, STATE_FLASHING, REASON_NONE);
	chronicle = reborn(before, 86400);
	chronicle_take_state(chronicle, 0, STATE_CONFIRMATION_PENDING, REASON_NONE);
	order(chronicle, 1, ORDER_CONFIRM, 0);
	chronicle->now_s = NOW_S + 99;
	chronicle_take_state(chronicle, 0, STATE_UPDATED, REASON_NONE);
	assert_true(chronicle_take_phase(chronicle, PHASE_CONFIRMED));
	object = parse(chronicle, 86400);
	assert_string_equal(json_object_to_json_string_ext(
				    json_object_object_get(node_of(object, 0, 0), "states"), 0),
		"[[\"FLASHING\",1795500100],[\"CONFIRMATION_PENDING\",1795500100],"
		"[\"UPDATED\",1795500100]]");
	assert_int_equal(json_object_get_int64(json_object_object_get(object, "now")), NOW_S + 100);
	assert_int_equal(chronicle->upgrades[0].ended_s, NOW_S + 100);
	json_free(object);
	/* The next one begins when it begins. */
	chronicle->now_s = 90000;
	begin(chronicle, 2, 1);
	assert_int_equal(chronicle->upgrades[0].begun_s, 90000);
	free(before);
	free(chronicle);
}

static void test_known_start_goes_on(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S), *after;

	(void)state;
	make_whole(chronicle);
	after = reborn(chronicle, NOW_S + 400);
	begin(after, 7, 2);
	order(after, 1, ORDER_SCHEDULE, 3);
	order(after, 2, ORDER_CONFIRM, 3);
	assert_answer_at(after, NOW_S + 300, whole, __LINE__);
	free(chronicle);
	free(after);
}

static void test_next_start_ends_the_one_before(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S);
	struct json_object *object;

	(void)state;
	begin(chronicle, 1, 2);
	chronicle_take_state(chronicle, 1, STATE_DOWNLOADING, REASON_NONE);
	order(chronicle, 1, ORDER_SCHEDULE, 0);
	assert_true(chronicle_take_phase(chronicle, PHASE_SCHEDULED));
	chronicle->now_s = NOW_S + 30;
	begin(chronicle, 2, 1);
	assert_answer_at(chronicle, NOW_S + 40,
		"{\"now\":1795500040,\"upgrades\":[" HEAD("2", "1") ORDER("start", "1795500030",
			"0") "],\"begun\":1795500030,\"phase\":\"open\",\"ended\":null,\"nodes\":["
			     "{\"name\":\"node1\",\"reason\":\"\",\"states\":[]}]}," HEAD("1", "2")
				     ORDER("start", "1795500000", "0") "," ORDER("schedule",
					     "1795500000", "0") "],\"begun\":1795500000,"
								"\"phase\":\"scheduled\","
								"\"ended\":1795500030,\"nodes\":["
								"{\"name\":\"node1\",\"reason\":"
								"\"\",\"states\":[]},"
								"{\"name\":\"node2\",\"reason\":"
								"\"\",\"states\":"
								"[[\"DOWNLOADING\",1795500000]]}"
								"]}]}",
		__LINE__);
	/* What comes now is of the new one. */
	for (uint32_t seat = 1; seat < 8; seat++)
		chronicle_take_state(chronicle, seat, STATE_FLASHING, REASON_NONE);
	object = parse(chronicle, NOW_S);
	assert_int_equal(
		json_object_array_length(json_object_object_get(node_of(object, 1, 1), "states")),
		1);
	json_free(object);
	free(chronicle);
}

static void test_eight_upgrades(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S);

	(void)state;
	for (uint8_t epoch = 1; epoch <= 20; epoch++) {
		struct json_object *object, *upgrades;
		size_t count;

		chronicle->now_s = NOW_S + epoch;
		begin(chronicle, epoch, epoch % 3 + 1);
		object = parse(chronicle, NOW_S + epoch);
		upgrades = json_object_object_get(object, "upgrades");
		count = json_object_array_length(upgrades);
		assert_int_equal(count, epoch < 8 ? epoch : 8);
		for (size_t i = 0; i < count; i++) {
			struct json_object *upgrade = json_object_array_get_idx(upgrades, i);
			uint32_t own = epoch - (uint32_t)i;

			assert_int_equal(
				json_object_get_int(json_object_object_get(upgrade, "epoch")), own);
			assert_int_equal(
				json_object_get_int(json_object_object_get(upgrade, "begun")),
				NOW_S + own);
			assert_int_equal(json_object_get_int(
						 json_object_object_get(upgrade, "participants")),
				own % 3 + 1);
			assert_int_equal(count_nodes(object, i), i < 2 ? own % 3 + 1 : 0);
		}
		json_free(object);
	}
	free(chronicle);
}

/* How it began, and how it ended. */
static void test_node_that_goes_on_and_off(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S);
	struct json_object *object, *states, *last;
	size_t count;
	int64_t before = 0;

	(void)state;
	begin(chronicle, 1, 2);
	for (unsigned i = 0; i < 1000; i++) {
		chronicle->now_s += 7;
		chronicle_take_state(chronicle, 0,
			i % 2 != 0 ? STATE_DOWNLOAD_ERROR : STATE_DOWNLOADING, REASON_NO_SOURCE);
	}
	chronicle_take_state(chronicle, 0, STATE_INTERNAL_ERROR, REASON_INTERNAL);
	object = parse(chronicle, chronicle->now_s);
	states = json_object_object_get(node_of(object, 0, 0), "states");
	count = json_object_array_length(states);
	assert_in_range(count, 12, 24);
	for (size_t i = 0; i < count; i++) {
		int64_t at = json_object_get_int64(
			json_object_array_get_idx(json_object_array_get_idx(states, i), 1));

		if (i == 0)
			assert_int_equal(at, NOW_S + 7);
		assert_true(at >= before);
		before = at;
	}
	last = json_object_array_get_idx(states, count - 1);
	assert_string_equal(
		json_object_to_json_string_ext(last, 0), "[\"INTERNAL_ERROR\",1795507000]");
	assert_string_equal(json_object_to_json_string_ext(node_of(object, 0, 1), 0),
		"{\"name\":\"node2\",\"reason\":\"\",\"states\":[]}");
	json_free(object);
	free(chronicle);
}

/* A usual upgrade of the largest mesh fits, with all that happens in it. */
static void test_largest_mesh(void **state)
{
	static const enum node_state way[] = { STATE_DOWNLOADING, STATE_UPGRADE_READY,
		STATE_UPGRADE_SCHEDULED, STATE_FLASHING, STATE_CONFIRMATION_PENDING,
		STATE_UPDATED };
	struct chronicle *chronicle = chronicle_at(NOW_S), *after;
	struct json_object *object;

	(void)state;
	begin_named(chronicle, 1, LIMITS_PARTICIPANTS_MAX, "community-node-1");
	begin_named(chronicle, 2, LIMITS_PARTICIPANTS_MAX, "community-node-1");
	for (size_t step = 0; step < COUNT(way); step++) {
		for (uint32_t i = 0; i < LIMITS_PARTICIPANTS_MAX; i++) {
			chronicle->now_s++;
			chronicle_take_state(chronicle, i, way[step], REASON_NONE);
		}
	}
	after = reborn(chronicle, NOW_S);
	object = parse(after, NOW_S);
	assert_int_equal(count_nodes(object, 0), LIMITS_PARTICIPANTS_MAX);
	for (uint32_t i = 0; i < LIMITS_PARTICIPANTS_MAX; i++)
		assert_int_equal(json_object_array_length(
					 json_object_object_get(node_of(object, 0, i), "states")),
			COUNT(way));
	json_free(object);
	free(chronicle);
	free(after);
}

/* What does not fit is not told; nothing else suffers from it. */
static void test_more_than_fits(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S), *after;
	struct json_object *object, *states;
	size_t told = 0;

	(void)state;
	for (uint8_t epoch = 1; epoch <= 2; epoch++) {
		/* 58 and at most 3 digits: as many as an order of 64 KiB can name */
		begin_named(chronicle, epoch, 512,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
		for (unsigned step = 0; step < 16; step++) {
			for (uint32_t i = 0; i < 512; i++) {
				chronicle->now_s++;
				chronicle_take_state(chronicle, i, (enum node_state)(step % 2),
					REASON_WAITING_FOR_PARTICIPANTS);
			}
		}
		order(chronicle, 1, ORDER_ABORT, 0);
	}
	after = reborn(chronicle, NOW_S);
	object = parse(after, NOW_S);
	assert_int_equal(count_nodes(object, 0), 512);
	assert_int_equal(count_nodes(object, 1), 0);
	for (uint32_t i = 0; i < 512; i++) {
		states = json_object_object_get(node_of(object, 0, i), "states");
		told += json_object_array_length(states);
		assert_true(json_object_array_length(states) >= 1);
	}
	assert_in_range(told, 512, 16 * 512 - 1);
	json_free(object);
	free(chronicle);
	free(after);
}

/* Names that do not even fit: those that are told are told rightly. */
static void test_more_names_than_fit(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S);
	struct json_object *object;
	size_t count;

	(void)state;
	begin_named(
		chronicle, 1, 2000, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	for (uint32_t i = 0; i < 2000; i++)
		chronicle_take_state(chronicle, i, STATE_UPDATED, REASON_NONE);
	object = parse(chronicle, NOW_S);
	count = count_nodes(object, 0);
	assert_in_range(count, 900, 1100);
	json_free(object);
	begin(chronicle, 2, 1);
	object = parse(chronicle, NOW_S);
	assert_int_equal(count_nodes(object, 0), 1);
	json_free(object);
	free(chronicle);
}

static void test_as_many_orders_as_there_are(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S);
	struct json_object *object, *orders;

	(void)state;
	begin(chronicle, 1, 1);
	for (uint32_t i = 1; i < LIMITS_ORDERS_MAX; i++)
		order(chronicle, i, i % 2 != 0 ? ORDER_SCHEDULE : ORDER_CONFIRM, i / 2 % 16);
	object = parse(chronicle, NOW_S);
	orders = json_object_object_get(
		json_object_array_get_idx(json_object_object_get(object, "upgrades"), 0), "orders");
	assert_int_equal(json_object_array_length(orders), LIMITS_ORDERS_MAX);
	json_free(object);
	free(chronicle);
}

static void assert_refused(const char *bytes, size_t size)
{
	struct chronicle *chronicle = chronicle_at(3);
	char *copy = malloc(size + 1);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	assert_false(chronicle_decode(chronicle, copy, size));
	assert_answer_at(chronicle, 4, "{\"now\":4,\"upgrades\":[]}", __LINE__);
	begin(chronicle, 1, 1);
	assert_int_equal(chronicle->upgrades[0].ended_s, 0);
	free(copy);
	free(chronicle);
}

static void test_torn_or_damaged(void **state)
{
	struct chronicle *chronicle = chronicle_at(NOW_S);
	size_t size;
	char *bytes;

	(void)state;
	make_whole(chronicle);
	bytes = chronicle_encode(chronicle, &size);
	assert_non_null(bytes);
	for (size_t cut = 0; cut < size; cut++)
		assert_refused(bytes, cut);
	for (size_t bit = 0; bit < 8 * size; bit += 3) {
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		assert_refused(bytes, size);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(bytes);
	free(chronicle);
}

/* Whole, by its hash, and yet not ours. */
static void test_foreign(void **state)
{
	static const char *const documents[] = {
		"",
		"\n",
		"1 2 3",
		"0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
		"{\"upgrades\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(documents); i++) {
		char bytes[512], hex[BYTES_HASH_TEXT_SIZE + 1];
		uint8_t hash[BYTES_HASH_SIZE];
		int size;

		bytes_sha256(hash, documents[i], strlen(documents[i]));
		bytes_to_hex(hex, hash, sizeof(hash));
		size = snprintf(bytes, sizeof(bytes), MAGIC "%s\n%s", hex, documents[i]);
		assert_refused(bytes, (size_t)size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_has_happened),
		cmocka_unit_test(test_whole_upgrade),
		cmocka_unit_test(test_reason_changes_without_a_state),
		cmocka_unit_test(test_file_is_what_it_was),
		cmocka_unit_test(test_phases_have_their_words),
		cmocka_unit_test(test_phases_after_an_end),
		cmocka_unit_test(test_times_never_run_backwards),
		cmocka_unit_test(test_known_start_goes_on),
		cmocka_unit_test(test_next_start_ends_the_one_before),
		cmocka_unit_test(test_eight_upgrades),
		cmocka_unit_test(test_node_that_goes_on_and_off),
		cmocka_unit_test(test_largest_mesh),
		cmocka_unit_test(test_more_than_fits),
		cmocka_unit_test(test_more_names_than_fit),
		cmocka_unit_test(test_as_many_orders_as_there_are),
		cmocka_unit_test(test_torn_or_damaged),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
