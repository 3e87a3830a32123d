// SPDX-License-Identifier: AGPL-3.0-or-later
/* What LimeApp sees of a node (docs/limeapp.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "gossip/slice.h"
#include "world.h"

#include <json-c/json.h>

enum {
	COUNTDOWN_MS = 30000,
	WINDOW_S = 600,
	PATIENCE_MS = 120000,
	CONFIRMED_MS = 120000,
	SPREAD_MS = 40000, /* until all have what one says of itself */
	DEAD_MS = 700000,  /* … and until nobody has it any more */
};

/* ---- reading ---- */

static struct json_object *parse(const char *bytes, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);

	assert_non_null(object);
	return object;
}

/* What GET /v1/limeapp answers; the caller gives it to json_free(). */
static struct json_object *look(struct world *world, uint32_t node)
{
	char buffer[4096];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	agent_view_limeapp(world_agent(world, node), world_now(world), &text);
	assert_false(text_cut(&text));
	return parse(buffer, text.size);
}

/* What node `at` has of `node` in shared-state; NULL if nothing. */
static struct json_object *look_from(struct world *world, uint32_t at, uint32_t node)
{
	static const char nothing[] = "{\"stateSlice\":[]}";
	static char buffer[65536];
	struct json_object *found = NULL;
	struct slice_reader reader;
	struct slice_entry entry;
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	agent_answer(world_agent(world, at), world_now(world), "mesh_wide_upgrade", nothing,
		strlen(nothing), &text);
	assert_false(text_cut(&text));
	slice_reader_init(&reader, buffer, text.size);
	while (slice_reader_next(&reader, &entry)) {
		if (strcmp(entry.key, world_name(world, node)) == 0)
			found = parse(entry.data, entry.data_size);
	}
	return found;
}

static const char *word(struct json_object *object, const char *member)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, member, &value));
	assert_true(json_object_is_type(value, json_type_string));
	return json_object_get_string(value);
}

static int64_t number(struct json_object *object, const char *member)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, member, &value));
	assert_true(json_object_is_type(value, json_type_int));
	return json_object_get_int64(value);
}

#define assert_member(world, node, member, expected)                                               \
	assert_words(world, node, member, expected, __LINE__)

static void assert_words(
	struct world *world, uint32_t node, const char *member, const char *expected, int line)
{
	struct json_object *object = look(world, node);

	if (strcmp(word(object, member), expected) != 0)
		fail_msg("line %d: %s of %s is %s", line, member, world_name(world, node),
			word(object, member));
	json_free(object);
}

static void assert_state(struct world *world, uint32_t node, const char *state)
{
	assert_words(world, node, "upgrade_state", state, __LINE__);
}

/* Others see it too, a little later. */
static void assert_seen(struct world *world, uint32_t at, uint32_t node, const char *state)
{
	struct json_object *object;

	world_run(world, SPREAD_MS);
	object = look_from(world, at, node);
	assert_non_null(object);
	assert_string_equal(word(object, "upgrade_state"), state);
	json_free(object);
}

/* ---- a mesh ---- */

static struct world *chain3(uint64_t seed)
{
	struct world *world = world_new(3, seed);

	world_chain(world);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	return world;
}

static void open_upgrade(struct world *world, enum order_confirm confirm)
{
	assert_int_equal(world_start_upgrade(world, 0,
				 &(struct world_start){ .release = 2, .confirm = confirm }),
		REASON_NONE);
}

static void make_ready(struct world *world)
{
	open_upgrade(world, ORDER_CONFIRM_OPERATOR);
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
}

static void make_trial(struct world *world, uint32_t window_s)
{
	make_ready(world);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, window_s), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_CONFIRMATION_PENDING, PATIENCE_MS));
}

static void make_confirmed(struct world *world)
{
	make_trial(world, WINDOW_S);
	world_run(world, 20000);
	assert_int_equal(world_confirm(world, 1, 0, NULL), REASON_NONE);
	assert_true(world_until_state(world, STATE_UPDATED, 5000));
}

/* ---- tests ---- */

static void test_idle_node(void **state)
{
	struct world *world = chain3(1);
	struct json_object *object;

	(void)state;
	object = look(world, 1);
	assert_string_equal(word(object, "upgrade_state"), "DEFAULT");
	assert_string_equal(word(object, "main_node"), "NO");
	assert_string_equal(word(object, "eupgradestate"), "not-initiated");
	assert_string_equal(word(object, "error"), "");
	assert_string_equal(word(object, "board_name"), "demo,alpha");
	assert_string_equal(word(object, "current_fw"), "Demo 1.0");
	assert_string_equal(word(object, "node_ip"), "10.77.0.2");
	assert_int_equal(number(object, "timestamp"), 0);
	assert_int_equal(number(object, "retry_count"), 0);
	assert_int_equal(number(object, "safeupgrade_start_mark"), 0);
	assert_int_equal(number(object, "su_start_time_out"), 0);
	assert_false(json_has(object, "candidate_fw"));
	assert_false(json_has(object, "repo_url"));
	json_free(object);
	world_free(world);
}

/* One source of truth: what is published is what is answered here. */
static void test_published_is_what_is_shown(void **state)
{
	struct world *world = chain3(2);
	struct json_object *here, *there;

	(void)state;
	make_ready(world);
	world_run(world, SPREAD_MS);
	here = look(world, 2);
	there = look_from(world, 0, 2);
	assert_non_null(there);
	assert_true(json_object_equal(here, there));
	assert_string_equal(word(here, "candidate_fw"), "Demo 2.0");
	assert_int_equal(number(here, "timestamp"), 1);
	json_free(here);
	json_free(there);
	world_free(world);
}

static void test_main_node_is_where_it_was_started(void **state)
{
	struct world *world = chain3(3);

	(void)state;
	assert_member(world, 0, "main_node", "NO");
	make_ready(world);
	assert_member(world, 0, "main_node", "MAIN_NODE");
	assert_member(world, 1, "main_node", "NO");
	assert_member(world, 2, "main_node", "NO");
	assert_int_equal(world_abort(world, 2), REASON_NONE);
	assert_true(world_until_state(world, STATE_ABORTED, 5000));
	/* Only while it is open. */
	assert_member(world, 0, "main_node", "NO");
	world_free(world);
}

static void assert_timers(struct world *world, uint32_t node, int64_t start_s, int64_t confirm_s)
{
	struct json_object *object = look(world, node);
	int64_t start = number(object, "safeupgrade_start_remaining");
	int64_t confirm = number(object, "confirm_remaining");

	assert_int_equal(number(object, "safeupgrade_start_remining"), start);
	assert_int_equal(number(object, "confirm_remining"), confirm);
	assert_in_range(start + 10, start_s + 8, start_s + 10);
	assert_in_range(confirm + 10, confirm_s + 8, confirm_s + 10);
	json_free(object);
}

static void test_timers(void **state)
{
	struct world *world = chain3(4);
	struct json_object *object;

	(void)state;
	make_ready(world);
	object = look(world, 2);
	assert_int_equal(number(object, "confirm_remaining"), -1);
	assert_int_equal(number(object, "safeupgrade_start_remaining"), -1);
	assert_int_equal(number(object, "su_start_time_out"), 0);
	json_free(object);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, 10000);
	assert_state(world, 2, "UPGRADE_SCHEDULED");
	assert_timers(world, 2, (COUNTDOWN_MS - 10000) / 1000, -1);
	object = look(world, 2);
	assert_int_equal(number(object, "su_start_time_out"), COUNTDOWN_MS / 1000);
	json_free(object);
	assert_true(world_until_state(world, STATE_FLASHING, COUNTDOWN_MS));
	assert_state(world, 2, "UPGRADE_SCHEDULED");
	assert_timers(world, 2, -1, -1);
	assert_true(world_until_state(world, STATE_CONFIRMATION_PENDING, PATIENCE_MS));
	assert_timers(world, 2, -1, WINDOW_S - 1);
	world_free(world);
}

/* The page has no way out of CONFIRMED. */
static void test_confirmed_ends_by_itself(void **state)
{
	struct world *world = chain3(5);

	(void)state;
	make_confirmed(world);
	for (uint32_t i = 0; i < 3; i++) {
		assert_state(world, i, "CONFIRMED");
		assert_member(world, i, "main_node", "NO");
		assert_member(world, i, "eupgradestate", "not-initiated");
	}
	assert_seen(world, 0, 2, "CONFIRMED");
	world_run(world, CONFIRMED_MS - SPREAD_MS - 5000);
	assert_state(world, 0, "CONFIRMED");
	world_run(world, 5100);
	assert_state(world, 0, "DEFAULT");
	assert_seen(world, 0, 2, "DEFAULT");
	assert_seen(world, 2, 0, "DEFAULT");
	world_free(world);
}

/* Nobody orders a confirmation, so nothing but the state itself keeps the mesh awake. */
static void test_confirmed_ends_by_itself_after_a_quiet_upgrade(void **state)
{
	struct world *world = chain3(6);

	(void)state;
	open_upgrade(world, ORDER_CONFIRM_AUTO);
	assert_true(world_until_state(world, STATE_UPGRADE_READY, PATIENCE_MS));
	world_run(world, 3600000);
	assert_int_equal(world_schedule(world, 0, 0, COUNTDOWN_MS, WINDOW_S), REASON_NONE);
	world_run(world, COUNTDOWN_MS + 1000);
	assert_true(world_until_state(world, STATE_UPDATED, PATIENCE_MS));
	assert_state(world, 1, "CONFIRMED");
	world_run(world, CONFIRMED_MS);
	assert_state(world, 1, "DEFAULT");
	assert_seen(world, 0, 2, "DEFAULT");
	world_free(world);
}

static void test_confirmed_ends_with_the_next_start(void **state)
{
	struct world *world = chain3(7);

	(void)state;
	make_confirmed(world);
	/* Node 3 is not named, and runs that release: its state stays what it is. */
	assert_int_equal(world_start_upgrade(world, 0,
				 &(struct world_start){ .release = 2, .participants = 2 }),
		REASON_NONE);
	world_run(world, 2000);
	for (uint32_t i = 0; i < 3; i++) {
		struct json_object *object = look(world, i);

		assert_string_not_equal(word(object, "upgrade_state"), "CONFIRMED");
		json_free(object);
	}
	assert_int_equal(world_state(world, 2), STATE_UPDATED);
	assert_state(world, 2, "DEFAULT");
	world_free(world);
}

static void test_confirmed_ends_with_a_restart(void **state)
{
	struct world *world = chain3(8);

	(void)state;
	make_confirmed(world);
	world_restart_daemon(world, 1);
	world_run(world, 3000);
	assert_int_equal(world_state(world, 1), STATE_UPDATED);
	assert_state(world, 1, "DEFAULT");
	assert_state(world, 2, "CONFIRMED");
	world_free(world);
}

/* While anybody is DOWNLOADING the page offers nothing at all: who does not get on says so. */
static void test_download_that_stands_still(void **state)
{
	struct world *world = chain3(9);

	(void)state;
	world_faults(world, 0)->wrong_chunks = true;
	open_upgrade(world, ORDER_CONFIRM_OPERATOR);
	world_run(world, 3000);
	assert_state(world, 2, "DOWNLOADING");
	assert_member(world, 2, "eupgradestate", "downloading");
	world_run(world, 60000);
	assert_int_equal(world_state(world, 2), STATE_DOWNLOAD_ERROR);
	assert_state(world, 2, "ERROR");
	assert_member(world, 2, "eupgradestate", "download-failed");
	assert_seen(world, 0, 2, "ERROR");
	assert_int_equal(world_abort(world, 0), REASON_NONE);
	world_run(world, 5000);
	for (uint32_t i = 0; i < 3; i++) {
		assert_state(world, i, "ABORTED");
		assert_member(world, i, "eupgradestate", "not-initiated");
		assert_member(world, i, "error", "");
	}
	world_free(world);
}

static void test_refusal_is_told_in_words(void **state)
{
	struct world *world = chain3(10);

	(void)state;
	world_faults(world, 1)->check_fails = true;
	open_upgrade(world, ORDER_CONFIRM_OPERATOR);
	world_run(world, 20000);
	assert_int_equal(world_state(world, 1), STATE_UPGRADE_CHECK_FAILED);
	assert_state(world, 1, "ERROR");
	assert_member(world, 1, "eupgradestate", "not-initiated");
	{
		struct json_object *object = look(world, 1);

		assert_memory_equal(word(object, "error"),
			"UPGRADE_CHECK_FAILED: The flasher refused the image. ", 52);
		json_free(object);
	}
	assert_int_equal(world_abort(world, 0), REASON_NONE);
	world_run(world, 3000);
	assert_state(world, 1, "ABORTED");
	world_free(world);
}

static void test_sentence_is_not_said_twice(void **state)
{
	struct world *world = world_new(2, 11);
	struct json_object *object;
	const char *error;

	(void)state;
	world_chain(world);
	world_set_slots(world, 1, 1);
	world_release(world, UINT32_MAX, false);
	world_start(world);
	open_upgrade(world, ORDER_CONFIRM_OPERATOR);
	world_run(world, 20000);
	assert_int_equal(world_state(world, 1), STATE_UPGRADE_CHECK_FAILED);
	object = look(world, 1);
	error = word(object, "error");
	assert_non_null(strstr(error, reason_sentence(REASON_SINGLE_SLOT)));
	assert_null(strstr(strstr(error, reason_sentence(REASON_SINGLE_SLOT)) + 1,
		reason_sentence(REASON_SINGLE_SLOT)));
	json_free(object);
	world_free(world);
}

/* Nobody confirmed: the node says that it went back, and why; one abort leads out of it. */
static void test_revert_is_told_in_words(void **state)
{
	struct world *world = chain3(12);

	(void)state;
	make_trial(world, 60);
	world_run(world, 90000);
	for (uint32_t i = 0; i < 3; i++) {
		struct json_object *object = look(world, i);

		assert_int_equal(world_state(world, i), STATE_REVERTED);
		assert_string_equal(word(object, "upgrade_state"), "ERROR");
		assert_memory_equal(word(object, "error"), "REVERTED: ", 10);
		assert_null(strstr(word(object, "error"), "firmware_file_not_found"));
		assert_string_equal(word(object, "main_node"), "NO");
		assert_string_equal(word(object, "eupgradestate"), "not-initiated");
		assert_string_equal(word(object, "current_fw"), "Demo 1.0");
		json_free(object);
	}
	assert_int_equal(world_abort(world, 2), REASON_NONE);
	world_run(world, 5000);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(world_state(world, i), STATE_REVERTED);
		assert_state(world, i, "ABORTED");
		assert_member(world, i, "error", "");
	}
	assert_seen(world, 0, 2, "ABORTED");
	world_restart_daemon(world, 1);
	world_run(world, 3000);
	assert_state(world, 1, "ABORTED");
	world_free(world);
}

/* No order can lead out of an error whose upgrade nobody remembers. */
static void test_error_of_a_forgotten_upgrade(void **state)
{
	struct world *world = world_new(1, 13);

	(void)state;
	world_release(world, UINT32_MAX, false);
	world_start(world);
	make_trial(world, 60);
	world_lose_journal(world, 0);
	world_run(world, 90000);
	assert_int_equal(world_state(world, 0), STATE_REVERTED);
	assert_state(world, 0, "DEFAULT");
	assert_member(world, 0, "error", "");
	world_free(world);
}

static void test_dead_node_is_forgotten(void **state)
{
	struct world *world = chain3(14);
	struct json_object *object;

	(void)state;
	make_ready(world);
	world_run(world, SPREAD_MS);
	world_power(world, 2, false);
	world_run(world, DEAD_MS);
	object = look_from(world, 0, 2);
	assert_null(object);
	object = look_from(world, 0, 1);
	assert_non_null(object);
	json_free(object);
	world_free(world);
}

/* ---- one alone ---- */

static const struct {
	const char *name, *address, *ip;
} addresses[] = {
	{ "IPv4 and port", "10.77.0.1:8430", "10.77.0.1" },
	{ "IPv4", "10.77.0.1", "10.77.0.1" },
	{ "IPv6 and port", "[fd00::1]:8430", "fd00::1" },
	{ "IPv6 in brackets", "[fd00::1]", "fd00::1" },
	{ "IPv6", "fd00::1", "fd00::1" },
	{ "a name", "node1.mesh:8430", "node1.mesh" },
	{ "nothing", "", "" },
};

static void make_alone(struct agent_setup *setup)
{
	uint8_t seed[USIGN_SEED_SIZE] = { 1 };

	memset(setup, 0, sizeof(*setup));
	text_set(setup->name, sizeof(setup->name), "node1");
	text_set(setup->mesh, sizeof(setup->mesh), "demo");
	usign_from_seed(&setup->node_key, seed);
	setup->release_threshold = 1;
	setup->flasher.slots = 2;
	setup->projection = true;
}

static void test_addresses(void **state)
{
	struct agent *agent = calloc(1, agent_size());

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char buffer[4096];
		struct agent_setup setup;
		struct json_object *object;
		struct text text;

		make_alone(&setup);
		text_set(setup.address, sizeof(setup.address), addresses[i].address);
		agent_init(agent, &setup, 1000);
		text_init(&text, buffer, sizeof(buffer));
		agent_view_limeapp(agent, 1000, &text);
		object = parse(buffer, text.size);
		if (strcmp(word(object, "node_ip"), addresses[i].ip) != 0)
			fail_msg("%s: %s", addresses[i].name, word(object, "node_ip"));
		json_free(object);
		agent_close(agent);
	}
	free(agent);
}

/* However long the names are, it is published. */
static void test_longest(void **state)
{
	struct agent *agent = calloc(1, agent_size());
	struct actions *actions = calloc(1, sizeof(*actions));
	const struct event tick = { .kind = EVENT_TICK };
	char buffer[16384];
	struct agent_setup setup;
	struct text text;

	(void)state;
	make_alone(&setup);
	memset(setup.board, '"', LIMITS_BOARD_SIZE);
	memset(setup.version, '"', LIMITS_VERSION_SIZE);
	memset(setup.address, 'x', LIMITS_ADDRESS_SIZE);
	agent_init(agent, &setup, 1000);
	(void)agent_step(agent, 1000, &tick, actions);
	text_init(&text, buffer, sizeof(buffer));
	agent_answer(agent, 1000, "mesh_wide_upgrade", "{\"stateSlice\":[]}", 17, &text);
	assert_non_null(strstr(buffer, "\"node1\""));
	agent_close(agent);
	free(agent);
	free(actions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_node),
		cmocka_unit_test(test_published_is_what_is_shown),
		cmocka_unit_test(test_main_node_is_where_it_was_started),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_confirmed_ends_by_itself),
		cmocka_unit_test(test_confirmed_ends_by_itself_after_a_quiet_upgrade),
		cmocka_unit_test(test_confirmed_ends_with_the_next_start),
		cmocka_unit_test(test_confirmed_ends_with_a_restart),
		cmocka_unit_test(test_download_that_stands_still),
		cmocka_unit_test(test_refusal_is_told_in_words),
		cmocka_unit_test(test_sentence_is_not_said_twice),
		cmocka_unit_test(test_revert_is_told_in_words),
		cmocka_unit_test(test_error_of_a_forgotten_upgrade),
		cmocka_unit_test(test_dead_node_is_forgotten),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
