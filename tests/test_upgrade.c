// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "core/upgrade.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum {
	NODES_MAX = 16,
	EPOCH = 7,
	WAVE = 1,
};

/*
 * A wave, one letter a participant:
 *   .  not seen             d  downloads                r  has its image
 *   s  scheduled            S  scheduled by another schedule
 *   f  flashes              p  new firmware, not healthy yet
 *   h  new firmware, healthy                            c  confirmed
 *   v  back on the old one  a  aborted                  u  updated, never flashed
 *   x  healthy, but in another upgrade                  X  … of another epoch
 *   |  what follows is of another wave
 */
struct mesh {
	struct order_participant participants[NODES_MAX];
	struct order_start start;
	struct record records[NODES_MAX];
	const struct record *seen[NODES_MAX];
	char without[2][LIMITS_NAME_SIZE + 1];
	struct order_confirmation confirm;
	struct upgrade_question question;
};

static const struct {
	char letter;
	enum node_state state;
	bool flashed;
	bool healthy;
} letters[] = {
	{ 'd', STATE_DOWNLOADING, false, false },
	{ 'r', STATE_UPGRADE_READY, false, false },
	{ 's', STATE_UPGRADE_SCHEDULED, false, false },
	{ 'S', STATE_UPGRADE_SCHEDULED, false, false },
	{ 'f', STATE_FLASHING, false, false },
	{ 'p', STATE_CONFIRMATION_PENDING, true, false },
	{ 'h', STATE_CONFIRMATION_PENDING, true, true },
	{ 'c', STATE_UPDATED, true, true },
	{ 'v', STATE_REVERTED, true, true },
	{ 'a', STATE_ABORTED, false, true },
	{ 'u', STATE_UPDATED, false, true },
	{ 'x', STATE_CONFIRMATION_PENDING, true, true },
	{ 'X', STATE_CONFIRMATION_PENDING, true, true },
};

static void put(struct mesh *mesh, char letter, uint8_t wave)
{
	uint32_t i = mesh->start.participant_count++;
	struct order_participant *participant = &mesh->participants[i];
	struct record *record = &mesh->records[i];

	assert_in_range(i, 0, NODES_MAX - 1);
	snprintf(participant->name, sizeof(participant->name), "n%02u", i);
	participant->wave = wave;
	mesh->seen[i] = NULL;
	for (size_t j = 0; j < COUNT(letters); j++) {
		if (letters[j].letter != letter)
			continue;
		record->state = letters[j].state;
		record->flashed = letters[j].flashed;
		record->healthy = letters[j].healthy;
		record->epoch = EPOCH + (letter == 'X');
		memset(record->upgrade, letter == 'x' ? 0x22 : 0x11, ORDER_UPGRADE_SIZE);
		memset(record->order, letter == 'S' ? 0x44 : 0x33, BYTES_HASH_SIZE);
		mesh->seen[i] = record;
		return;
	}
	assert_int_equal(letter, '.');
}

/* `without` names the first so many participants away; -1: there is no confirm order. */
static void build(
	struct mesh *mesh, const char *wave, uint32_t quorum, enum order_policy policy, int without)
{
	uint8_t number = WAVE;

	memset(mesh, 0, sizeof(*mesh));
	for (; *wave != '\0'; wave++) {
		if (*wave == '|')
			number++;
		else
			put(mesh, *wave, number);
	}
	mesh->start.participants = mesh->participants;
	mesh->start.wave_count = number + 1u;
	mesh->start.quorum_percent = quorum;
	mesh->start.policy = policy;
	for (int i = 0; i < without; i++)
		snprintf(mesh->without[i], sizeof(mesh->without[i]), "n%02d", i);
	mesh->confirm.wave = WAVE;
	mesh->confirm.without = mesh->without;
	mesh->confirm.without_count = without > 0 ? (uint32_t)without : 0;
	mesh->question.start = &mesh->start;
	mesh->question.epoch = EPOCH;
	mesh->question.wave = WAVE;
	mesh->question.scheduled = true;
	memset(mesh->question.upgrade, 0x11, ORDER_UPGRADE_SIZE);
	memset(mesh->question.schedule_id, 0x33, BYTES_HASH_SIZE);
	if (without >= 0)
		mesh->question.confirm = &mesh->confirm;
}

static struct count_case {
	const char *name;
	const char *wave;
	uint32_t all[3];    /* participants, needed, asked */
	uint32_t marked[9]; /* ready, scheduled, past, running, healthy, confirmed, back, … */
} count_cases[] = {
	{ "count: nobody seen", "...", { 3, 3, 3 }, { 0 } },
	{ "count: on the way", "udr", { 3, 3, 3 }, { 1 } },
	{ "count: scheduled", "sss", { 3, 3, 3 }, { 3, 3 } },
	{ "count: scheduled otherwise", "sSS", { 3, 3, 3 }, { 3, 1 } },
	{ "count: flashing went through scheduled", "ff", { 2, 2, 2 }, { 2, 2, 2 } },
	{ "count: one of each after the flash", "fphc", { 4, 4, 4 }, { 4, 4, 4, 3, 2, 1, 0, 3 } },
	{ "count: back is not past", "vh", { 2, 2, 2 }, { 1, 1, 1, 1, 1, 0, 1, 1 } },
	{ "count: aborted is nothing", "aa", { 2, 2, 2 }, { 0 } },
	{ "count: another upgrade is nothing", "xXh", { 3, 3, 3 }, { 1, 1, 1, 1, 1, 0, 0, 1 } },
	{ "count: other waves are only seen", "h|hc.", { 1, 1, 1 }, { 1, 1, 1, 1, 1, 0, 0, 1, 2 } },
};

static void test_count(void **state)
{
	const struct count_case *c = *state;
	struct mesh mesh;
	struct upgrade_count count;

	build(&mesh, c->wave, 100, ORDER_ATOMIC, -1);
	memset(&count, 0x5a, sizeof(count));
	upgrade_count(&count, &mesh.question, mesh.seen);
	assert_int_equal(count.participants, c->all[0]);
	assert_int_equal(count.needed, c->all[1]);
	assert_int_equal(count.asked, c->all[2]);
	assert_memory_equal(count.marked, c->marked, sizeof(count.marked));
}

/* Kept up with each record, the count is what counting all anew gives. */
static void test_count_is_kept_up(void **state)
{
	static const char signs[] = ".udrsSfphcvaxX";
	static const char base[] = "sssss|sss";
	struct prng prng;

	(void)state;
	prng_init(&prng, 7);
	for (int round = 0; round < 200; round++) {
		char before[sizeof(base)], now[sizeof(base)];
		struct mesh old, new;
		struct upgrade_count kept, anew;

		for (size_t i = 0; i < sizeof(base); i++) {
			before[i] = now[i] = base[i];
			if (base[i] != 's')
				continue;
			before[i] = signs[prng_below(&prng, sizeof(signs) - 1)];
			now[i] = signs[prng_below(&prng, sizeof(signs) - 1)];
		}
		build(&old, before, 80, ORDER_ATOMIC, round % 3 - 1);
		build(&new, now, 80, ORDER_ATOMIC, round % 3 - 1);
		upgrade_count(&kept, &old.question, old.seen);
		upgrade_count(&anew, &new.question, new.seen);
		for (uint32_t i = 0; i < new.start.participant_count; i++)
			upgrade_count_change(&kept,
				upgrade_marks(&old.question, i, old.seen[i], true),
				upgrade_marks(&new.question, i, new.seen[i], true));
		assert_memory_equal(&kept, &anew, sizeof(kept));
	}
}

#define A ORDER_ATOMIC
#define B ORDER_BEST_EFFORT

static struct rule_case {
	const char *name;
	const char *wave;
	uint32_t quorum;
	enum order_policy policy;
	int without;
	bool committed;
	bool complete;
	bool healthy;
} rule_cases[] = {
	{ "rule: all scheduled", "ssss", 100, A, -1, true, false, false },
	{ "rule: one not seen", "sss.", 100, A, -1, false, false, false },
	{ "rule: one only ready", "sssr", 100, A, -1, false, false, false },
	{ "rule: one follows another schedule", "sssS", 100, A, -1, false, false, false },
	{ "rule: one is gone on ahead", "sssf", 100, A, -1, true, false, false },
	{ "rule: one of another wave does not help", "sss.|s", 100, A, -1, false, false, false },
	{ "rule: quorum of three quarters", "sss.", 75, A, -1, true, false, false },
	{ "rule: quorum is rounded up", "sss.", 76, A, -1, false, false, false },
	{ "rule: half is never enough", "ss..", 1, A, -1, false, false, false },
	{ "rule: half is never enough by best effort", "ss..", 50, B, -1, false, false, false },
	{ "rule: more than half", "sss..", 1, A, -1, true, false, false },
	{ "rule: one alone", "s", 1, A, -1, true, false, false },

	{ "rule: all new", "pppp", 100, A, -1, true, true, false },
	{ "rule: all healthy", "hhhh", 100, A, -1, true, true, true },
	{ "rule: confirmed is healthy", "cccc", 100, A, -1, true, true, true },
	{ "rule: one not well", "hhhp", 100, A, -1, true, true, false },
	{ "rule: one not well within the quorum", "hhhp", 75, A, -1, true, true, true },
	{ "rule: one still flashes", "hhhf", 100, A, -1, true, false, false },
	{ "rule: one is back", "hhhv", 75, A, -1, true, false, false },
	{ "rule: one is back by best effort", "hhhv", 75, B, -1, true, true, true },
	{ "rule: two are back by best effort", "hhvv", 50, B, -1, false, false, false },
	{ "rule: one gone within the quorum", "hhh.", 75, A, -1, true, true, true },

	{ "rule: named away, and back", "vhhh", 100, A, 1, false, true, false },
	{ "rule: named away, and not seen", ".hhh", 100, A, 1, false, true, false },
	{ "rule: another one than was named away", "h.hh", 100, A, 1, false, false, false },
	{ "rule: one named away of two", "..hh", 100, A, 1, false, false, false },
	{ "rule: two named away", "..hh", 100, A, 2, false, true, false },
	{ "rule: nobody named away", "h.hh", 100, A, 0, false, false, false },
	{ "rule: named away but there", "hhh.", 100, A, 1, false, false, false },
};

#undef A
#undef B

static void test_rule(void **state)
{
	const struct rule_case *c = *state;
	struct mesh mesh;
	struct upgrade_count count;

	build(&mesh, c->wave, c->quorum, c->policy, c->without);
	upgrade_count(&count, &mesh.question, mesh.seen);
	assert_int_equal(upgrade_is_committed(&count), c->committed);
	assert_int_equal(upgrade_is_complete(&count, &mesh.question), c->complete);
	assert_int_equal(upgrade_is_healthy(&count, &mesh.question), c->healthy);
}

/* Two parts of a split wave are never both enough, whatever the policy asks for. */
static void test_two_parts_never_both_commit(void **state)
{
	(void)state;
	for (uint32_t size = 1; size < NODES_MAX; size++) {
		for (uint32_t quorum = 1; quorum <= ORDER_QUORUM_MAX; quorum++) {
			for (uint32_t part = 0; part <= size; part++) {
				char one[NODES_MAX + 1], other[NODES_MAX + 1];
				struct mesh mesh;
				struct upgrade_count here, there;

				memset(one, '.', sizeof(one));
				memset(other, '.', sizeof(other));
				memset(one, 's', part);
				memset(other + part, 's', size - part);
				one[size] = other[size] = '\0';
				build(&mesh, one, quorum, ORDER_BEST_EFFORT, -1);
				upgrade_count(&here, &mesh.question, mesh.seen);
				build(&mesh, other, quorum, ORDER_BEST_EFFORT, -1);
				upgrade_count(&there, &mesh.question, mesh.seen);
				assert_false(upgrade_is_committed(&here) &&
					     upgrade_is_committed(&there));
				assert_true(here.needed <= size);
			}
		}
	}
}

/* As long as no schedule is known here, nobody can follow it: not even one of zeroes. */
static void test_nobody_is_scheduled_before_the_schedule(void **state)
{
	struct mesh mesh;
	struct upgrade_count count;

	(void)state;
	build(&mesh, "sss", 100, ORDER_ATOMIC, -1);
	for (size_t i = 0; i < 3; i++)
		memset(mesh.records[i].order, 0, BYTES_HASH_SIZE);
	memset(mesh.question.schedule_id, 0, BYTES_HASH_SIZE);
	mesh.question.scheduled = false;
	upgrade_count(&count, &mesh.question, mesh.seen);
	assert_int_equal(count.ready, 3);
	assert_int_equal(count.scheduled, 0);
	assert_false(upgrade_is_committed(&count));
}

static struct step_case {
	const char *name;
	char letter;
	bool done[UPGRADE_STEP_CONFIRMED + 1]; /* in the order of the steps */
} step_cases[] = {
	{ "step: not seen", '.', { false, false, false, false, false, false } },
	{ "step: updated", 'u', { false, false, false, false, false, false } },
	{ "step: downloads", 'd', { false, false, false, false, false, false } },
	{ "step: ready", 'r', { true, false, false, false, false, false } },
	{ "step: scheduled", 's', { true, true, false, false, false, false } },
	{ "step: scheduled otherwise", 'S', { true, false, false, false, false, false } },
	{ "step: flashes", 'f', { true, true, true, false, false, false } },
	{ "step: pending", 'p', { true, true, true, true, false, false } },
	{ "step: healthy", 'h', { true, true, true, true, true, false } },
	{ "step: confirmed", 'c', { true, true, true, true, true, true } },
	{ "step: back", 'v', { false, false, false, false, false, false } },
	{ "step: aborted", 'a', { false, false, false, false, false, false } },
	{ "step: another upgrade", 'x', { false, false, false, false, false, false } },
	{ "step: another epoch", 'X', { false, false, false, false, false, false } },
};

static void test_step(void **state)
{
	const struct step_case *c = *state;
	struct mesh mesh;
	char wave[] = { c->letter, '\0' };

	build(&mesh, wave, 100, ORDER_ATOMIC, -1);
	for (int step = UPGRADE_STEP_READY; step <= UPGRADE_STEP_CONFIRMED; step++)
		assert_int_equal(
			upgrade_has_done(&mesh.question, mesh.seen[0], (enum upgrade_step)step),
			c->done[step]);
}

int main(void)
{
	static struct CMUnitTest
		tests[COUNT(count_cases) + COUNT(rule_cases) + COUNT(step_cases) + 3];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(count_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = count_cases[i].name,
			.test_func = test_count,
			.initial_state = &count_cases[i] };
	for (size_t i = 0; i < COUNT(rule_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = rule_cases[i].name,
			.test_func = test_rule,
			.initial_state = &rule_cases[i] };
	for (size_t i = 0; i < COUNT(step_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = step_cases[i].name,
			.test_func = test_step,
			.initial_state = &step_cases[i] };
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_count_is_kept_up);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_two_parts_never_both_commit);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(test_nobody_is_scheduled_before_the_schedule);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
