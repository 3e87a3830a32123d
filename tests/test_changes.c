// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What readers of /v1/events are told of src/agent/view.c: whoever puts the changes into what he
 * was told before has the mesh as it is, whenever he was told, and little of it was told twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/prng.h"
#include "world.h"

enum {
	NODES = 7,
	AT = NODES - 1, /* who is watched is no participant, and so never reboots */
	READERS = 5,
	STEP_MS = 100,
	LONG_STEP_MS = 5000, /* while little happens */
	PATIENCE_MS = 120000,
	LONG_MS = 60000,
	DEAD_MS = 3000000, /* until nobody has a record any more */
	VIEW_SIZE = 65536,
};

struct reader {
	uint32_t pause_ms; /* between two events, at most */
	uint64_t next_ms;
	uint32_t changes; /* that it was told of */
	uint64_t cursor;
	struct json_object *mesh; /* without nodes … */
	struct json_object *rows; /* … which are here, by name */
	uint32_t wholes, parts;   /* events */
	uint32_t told_rows;       /* in the parts */
};

static struct {
	struct world *world;
	struct prng prng;
	struct reader readers[READERS];
} t;

/* Members that time alone changes. */
static void drop_times(struct json_object *object)
{
	static const char *const names[] = { "seen_ms", "countdown_ms", "window_remaining_ms" };

	for (size_t i = 0; object != NULL && i < 3; i++)
		json_object_object_del(object, names[i]);
}

/* A document as it was told; the cursor is what the reader then has. True if it is a part. */
static bool tell(uint64_t *cursor, struct json_object **mesh, struct json_object **nodes)
{
	static char buffer[VIEW_SIZE];
	const struct agent *agent = world_agent(t.world, AT);
	struct json_object *upgrade;
	struct json_reader reader;
	struct text text;
	bool part;

	text_init(&text, buffer, sizeof(buffer));
	part = agent_view_changes(agent, world_now(t.world), *cursor, &text);
	assert_false(text_cut(&text));
	*cursor = agent_view_cursor(agent);
	assert_true(*cursor != 0);
	*mesh = json_parse(&reader, buffer, text.size);
	assert_non_null(*mesh);
	assert_true(json_object_object_get_ex(*mesh, "upgrade", &upgrade));
	drop_times(upgrade);
	assert_true(json_object_object_get_ex(*mesh, "nodes", nodes));
	(void)json_object_get(*nodes);
	json_object_object_del(*mesh, "nodes");
	return part;
}

static void put_rows(struct json_object *rows, struct json_object *nodes)
{
	for (size_t i = 0; i < json_object_array_length(nodes); i++) {
		struct json_object *row = json_object_array_get_idx(nodes, i), *name;

		assert_true(json_object_object_get_ex(row, "name", &name));
		drop_times(row);
		json_object_object_add(rows, json_object_get_string(name), json_object_get(row));
	}
}

/* An event comes to the reader. */
static void hear(struct reader *reader)
{
	struct json_object *mesh, *nodes;
	bool part = tell(&reader->cursor, &mesh, &nodes);

	reader->changes = world_change_count(t.world, AT);
	json_free(reader->mesh);
	reader->mesh = mesh;
	if (!part) {
		json_free(reader->rows);
		reader->rows = json_object_new_object();
		reader->wholes++;
	} else {
		struct json_object *names = json_object_new_object();

		put_rows(names, nodes);
		/* Nobody is in it twice. */
		assert_int_equal(
			json_object_object_length(names), (int)json_object_array_length(nodes));
		json_free(names);
		reader->parts++;
		reader->told_rows += (uint32_t)json_object_array_length(nodes);
	}
	put_rows(reader->rows, nodes);
	json_free(nodes);
}

/* What the reader has is what the node says. */
static void compare(const struct reader *reader)
{
	struct json_object *mesh, *nodes, *rows = json_object_new_object();
	uint64_t cursor = 0;

	assert_false(tell(&cursor, &mesh, &nodes));
	put_rows(rows, nodes);
	if (!json_object_equal(reader->mesh, mesh))
		fail_msg("he has %s, it is %s", json_object_to_json_string(reader->mesh),
			json_object_to_json_string(mesh));
	if (!json_object_equal(reader->rows, rows))
		fail_msg("he has %s, it is %s", json_object_to_json_string(reader->rows),
			json_object_to_json_string(rows));
	assert_true(cursor == reader->cursor);
	json_free(mesh);
	json_free(nodes);
	json_free(rows);
}

/* Time passes, and readers are told whenever it is their turn and there is news for them. */
static void watch_for(uint64_t ms)
{
	uint64_t end_ms = world_now(t.world) + ms;

	while (world_now(t.world) < end_ms) {
		world_run(t.world, ms >= LONG_MS ? LONG_STEP_MS : STEP_MS);
		for (int i = 0; i < READERS; i++) {
			struct reader *reader = &t.readers[i];

			if (reader->changes == world_change_count(t.world, AT)) {
				if (prng_below(&t.prng, 20) == 0)
					compare(reader); /* it is up to date */
				continue;
			}
			if (world_now(t.world) < reader->next_ms)
				continue;
			reader->next_ms =
				world_now(t.world) + 1 + prng_below(&t.prng, reader->pause_ms);
			hear(reader);
			compare(reader);
		}
	}
}

static void watch_until(enum node_state state)
{
	uint64_t end_ms = world_now(t.world) + PATIENCE_MS;
	bool reached = false;

	while (!reached && world_now(t.world) < end_ms) {
		watch_for(STEP_MS);
		reached = true;
		for (uint32_t i = 0; i < AT; i++)
			reached &= world_is_up(t.world, i) && world_state(t.world, i) == state;
	}
	assert_true(reached);
}

static int set_up(void **state)
{
	static const uint32_t pauses_ms[READERS] = { 1, 500, 5000, 60000, 600000 };

	(void)state;
	memset(&t, 0, sizeof(t));
	prng_init(&t.prng, 7);
	t.world = world_new(NODES, 5);
	for (uint32_t i = 0; i + 1 < NODES; i++)
		world_link(t.world, i, i + 1);
	world_link(t.world, 0, AT);
	world_release(t.world, UINT32_MAX, false);
	world_release(t.world, UINT32_MAX, false);
	for (int i = 0; i < READERS; i++)
		t.readers[i].pause_ms = pauses_ms[i];
	world_start(t.world);
	watch_for(20000);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < READERS; i++) {
		json_free(t.readers[i].mesh);
		json_free(t.readers[i].rows);
	}
	world_free(t.world);
	return 0;
}

static void upgrade(uint32_t release)
{
	assert_int_equal(world_start_upgrade(t.world, 0,
				 &(struct world_start){ .release = release, .participants = AT }),
		REASON_NONE);
	watch_until(STATE_UPGRADE_READY);
	watch_for(5000);
	assert_int_equal(world_schedule(t.world, 1, 0, 10000, 600), REASON_NONE);
	watch_until(STATE_CONFIRMATION_PENDING);
	watch_for(20000);
	assert_int_equal(world_confirm(t.world, 2, 0, NULL), REASON_NONE);
	watch_until(STATE_UPDATED);
	watch_for(20000);
}

static uint32_t wholes(void)
{
	uint32_t count = 0;

	for (int i = 0; i < READERS; i++)
		count += t.readers[i].wholes;
	return count;
}

static void test_upgrades(void **state)
{
	const struct reader *quick = &t.readers[0];

	(void)state;
	upgrade(2);
	upgrade(3);
	/* All of them once at the beginning and at each start, and no more than that. */
	assert_int_equal(quick->wholes, 3);
	assert_true(quick->parts > 50);
	/* Most of what is told is told because it changed: a record is told once. */
	assert_true(quick->told_rows < quick->parts * 2);
}

/* One who was told by what came is told nothing where nothing came. */
static void test_nothing_new(void **state)
{
	struct json_object *mesh, *nodes;
	uint64_t cursor = 0;

	(void)state;
	assert_false(tell(&cursor, &mesh, &nodes));
	assert_int_equal(json_object_array_length(nodes), NODES);
	json_free(mesh);
	json_free(nodes);
	world_run(t.world, 2000); /* flips of neighbours are told twice, if no record comes */
	(void)tell(&cursor, &mesh, &nodes);
	json_free(mesh);
	json_free(nodes);
	assert_true(tell(&cursor, &mesh, &nodes));
	assert_int_equal(json_object_array_length(nodes), 0);
	json_free(mesh);
	json_free(nodes);
}

/* Whether a node is a neighbour is not in its record. */
static void test_links(void **state)
{
	uint32_t before;

	(void)state;
	watch_for(600000);
	before = wholes();
	for (int i = 0; i < 5; i++) {
		world_link_set(t.world, 0, AT, false);
		watch_for(1000 + prng_below(&t.prng, 30000));
		world_link_set(t.world, 0, AT, true);
		watch_for(1000 + prng_below(&t.prng, 30000));
	}
	watch_for(600000);
	assert_int_equal(wholes(), before);
}

/* What becomes of the neighbour whose number another one takes before anybody was told. */
static void test_number_of_another(void **state)
{
	struct actions *actions = calloc(1, sizeof(*actions));
	struct event event = { .kind = EVENT_NEIGHBOUR_UP };

	(void)state;
	assert_non_null(actions);
	event.neighbour_up.neighbour = 20;
	for (uint32_t i = 1; i < 4; i++) {
		text_set(event.neighbour_up.name, sizeof(event.neighbour_up.name),
			world_name(t.world, i));
		(void)agent_step(world_agent(t.world, AT), world_now(t.world), &event, actions);
		if (i == 2) /* one is told of it, the others are not */
			hear(&t.readers[0]);
	}
	for (int i = 0; i < READERS; i++) {
		hear(&t.readers[i]);
		compare(&t.readers[i]);
	}
	free(actions);
}

/* A node that is gone is told of by the whole list. */
static void test_who_is_forgotten(void **state)
{
	uint32_t before;

	(void)state;
	watch_for(600000);
	before = wholes();
	world_power(t.world, 3, false);
	watch_for(600000);
	assert_int_equal(wholes(), before);
	watch_for(DEAD_MS);
	assert_true(wholes() > before);
	assert_int_equal(json_object_object_length(t.readers[0].rows), NODES - 1);
	world_power(t.world, 3, true);
	watch_for(60000);
	assert_int_equal(json_object_object_length(t.readers[0].rows), NODES);
}

/* A participant that nobody has heard of is in the list, and becomes a node when it comes. */
static void test_participant_that_comes_late(void **state)
{
	(void)state;
	world_power(t.world, 4, false);
	watch_for(DEAD_MS);
	assert_int_equal(world_start_upgrade(t.world, 0,
				 &(struct world_start){ .release = 2, .participants = AT }),
		REASON_NONE);
	watch_for(20000);
	world_power(t.world, 4, true);
	watch_until(STATE_UPGRADE_READY);
	watch_for(700000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_upgrades),
		TEST(test_nothing_new),
		TEST(test_links),
		TEST(test_number_of_another),
		TEST(test_who_is_forgotten),
		TEST(test_participant_that_comes_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
