// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/chronicle.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/words.h"

static const char magic[] = "lockstep-history 1 ";

static_assert(sizeof(((struct chronicle *)0)->upgrades) == sizeof(((struct chronicle *)0)->numbers),
	"an upgrade is its numbers");

/* ---- lines ---- */

/*
 * An upgrade's line holds members of a JSON object, orders as the last. A participant's is
 * "STATES NAME REASON", where "D12C0" is state C at once, and D 12 s after the upgrade had begun.
 */
enum {
	MARK = '"',     /* begins an upgrade's line, and no other */
	STEP_SIZE = 11, /* of one state */
};

static char *next_line(const char *line)
{
	char *end = strchr(line, '\n');

	return end != NULL ? end + 1 : strchr(line, '\0');
}

/* From this line on, the first of an upgrade; or the end. */
static char *find_upgrade(char *line)
{
	while (line[0] != '\0' && line[0] != MARK)
		line = next_line(line);
	return line;
}

/* The number, and what is behind it. */
static uint32_t take_number(const char *at, char **rest)
{
	return (uint32_t)strtoul(at, rest, 10);
}

/* What is behind the next blank; NULL if there is none. */
static char *next_word(const char *word)
{
	char *end = word != NULL ? strchr(word, ' ') : NULL;

	return end != NULL ? end + 1 : NULL;
}

static void cut(char *from, const char *to)
{
	memmove(from, to, strlen(to) + 1);
}

/* Those of the upgrade at this place, or the next one. */
static void forget_nodes(char *at)
{
	char *nodes = next_line(find_upgrade(at));

	cut(nodes, find_upgrade(nodes));
}

/* Puts `with` in the place of `size` bytes, if need be at the cost of what is behind them. False if
 * there is no room. */
static bool replace(struct chronicle *chronicle, char *at, size_t size, const char *with)
{
	const char *end = chronicle->text + sizeof(chronicle->text);
	size_t with_size = strlen(with);

	if (at + with_size + strlen(at + size) >= end) {
		forget_nodes(at);
		if (at + with_size + strlen(at + size) >= end)
			return false;
	}
	cut(at + with_size, at + size);
	memcpy(at, with, with_size);
	return true;
}

/* ---- what happens ---- */

static uint32_t stamp(struct chronicle *chronicle)
{
	if (chronicle->upgrades[0].last_s < chronicle->now_s)
		chronicle->upgrades[0].last_s = chronicle->now_s;
	return chronicle->upgrades[0].last_s;
}

/* Makes room for another one before it. Of the oldest nothing is left. */
static void close_upgrade(struct chronicle *chronicle)
{
	struct chronicle_upgrade *upgrade = &chronicle->upgrades[0];
	char *line = chronicle->text;

	if (upgrade->ended_s == 0)
		upgrade->ended_s = stamp(chronicle);
	memmove(upgrade + 1, upgrade, sizeof(*upgrade) * (CHRONICLE_UPGRADES_MAX - 1));
	memset(upgrade, 0, sizeof(*upgrade));
	forget_nodes(next_line(line));
	for (unsigned i = 1; i < CHRONICLE_UPGRADES_MAX; i++)
		line = find_upgrade(next_line(line));
	line[0] = '\0';
}

void chronicle_begin(struct chronicle *chronicle, const struct order *start)
{
	char line[1024], *at = chronicle->text;
	struct text text;

	text_init(&text, line, sizeof(line));
	order_write_start(&text, start);
	text_add_format(&text, ",\"participants\":%" PRIu32 ",\"orders\":[",
		start->start.participant_count);
	if (strncmp(at, line, text.size) == 0)
		return;
	text_add(&text, "\n");
	close_upgrade(chronicle);
	chronicle->upgrades[0].begun_s = stamp(chronicle);
	/* Without room, the last of them are not told of. */
	for (uint32_t i = 0; replace(chronicle, at, 0, line) && i < start->start.participant_count;
		i++) {
		snprintf(line, sizeof(line), " %s \n", start->start.participants[i].name);
		at = next_line(at);
	}
}

/* One that finds no room is only counted. */
void chronicle_take_order(struct chronicle *chronicle, uint32_t number, const struct order *order,
	const uint8_t signed_by[static CHRONICLE_SIGNER_SIZE])
{
	char hex[2 * CHRONICLE_SIGNER_SIZE + 1], json[128];
	uint32_t wave = order->kind == ORDER_SCHEDULE  ? order->schedule.wave
			: order->kind == ORDER_CONFIRM ? order->confirm.wave
						       : 0;

	if (number < chronicle->upgrades[0].order_count)
		return;
	bytes_to_hex(hex, signed_by, CHRONICLE_SIGNER_SIZE);
	snprintf(json, sizeof(json),
		"%s{\"kind\":\"%s\",\"at\":%" PRIu32 ",\"signed_by\":\"%s\",\"wave\":%" PRIu32 "}",
		chronicle->upgrades[0].order_count++ > 0 ? "," : "", order_kind_word(order->kind),
		stamp(chronicle), hex, wave);
	(void)replace(chronicle, next_line(chronicle->text) - 1, 0, json);
}

void chronicle_take_state(
	struct chronicle *chronicle, uint32_t seat, enum node_state state, enum reason reason)
{
	char *line = next_line(chronicle->text), *why, *rest;
	char step[STEP_SIZE + 1];

	while (seat-- > 0 && line[0] != MARK)
		line = next_line(line);
	why = next_word(next_word(line));
	if (line[0] == MARK || why == NULL)
		return;
	(void)replace(chronicle, why, strcspn(why, "\n"), reason_word(reason));
	if (line[0] == 'A' + (char)state)
		return;
	snprintf(step, sizeof(step), "%c%" PRIu32, 'A' + (char)state,
		stamp(chronicle) - chronicle->upgrades[0].begun_s);
	/* If there are too many, the newest takes the place of the one before. */
	rest = line;
	if (strcspn(line, " ") > CHRONICLE_STATES_SIZE - STEP_SIZE)
		(void)take_number(line + 1, &rest);
	(void)replace(chronicle, line, (size_t)(rest - line), step);
}

bool chronicle_take_phase(struct chronicle *chronicle, enum upgrade_phase phase)
{
	struct chronicle_upgrade *upgrade = &chronicle->upgrades[0];

	if (phase == upgrade->phase ||
		(upgrade->ended_s != 0 && (phase < PHASE_FLASHING || phase > upgrade->phase)))
		return false;
	upgrade->phase = phase;
	if (phase < PHASE_CONFIRMED)
		upgrade->ended_s = 0;
	else if (upgrade->ended_s == 0)
		upgrade->ended_s = stamp(chronicle);
	return true;
}

/* ---- what is told ---- */

/* A file that is sound may still be of a version that knows more. */
static unsigned at_most(unsigned number, unsigned max)
{
	return number < max ? number : max;
}

static void write_node(struct text *text, const char *line, uint32_t begun_s)
{
	const char *name = next_word(line), *why = next_word(name), *state;
	char *rest;

	if (why == NULL)
		return;
	text_begin_object(text);
	text_add_format(text, "\"name\":\"%.*s\",\"reason\":\"%.*s\",\"states\":[",
		(int)(why - name - 1), name, (int)strcspn(why, "\n"), why);
	for (state = name - 1; state > line;) {
		const char *comma = state < name - 1 ? "," : "";

		while (--state > line && state[0] < 'A')
			;
		text_add_format(text, "%s[\"%s\",%" PRIu32 "]", comma,
			state_name(at_most((unsigned)(state[0] - 'A'), STATE_COUNT - 1)),
			begun_s + take_number(state + 1, &rest));
	}
	text_add(text, "]}");
}

static void write_upgrade(
	struct text *text, const struct chronicle_upgrade *upgrade, const char *line, int size)
{
	text_begin_object(text);
	text_add_format(text,
		"%.*s],\"begun\":%" PRIu32 ",\"phase\":\"%s\",\"ended\":%s%.0" PRIu32
		",\"nodes\":[",
		size, line, upgrade->begun_s,
		words_at(phase_words, at_most(upgrade->phase, PHASE_REVERTED)),
		upgrade->ended_s == 0 ? "null" : "", upgrade->ended_s);
}

void chronicle_write(const struct chronicle *chronicle, uint32_t now_s, struct text *text)
{
	const struct chronicle_upgrade *upgrade = &chronicle->upgrades[0];
	unsigned number = 0;
	uint32_t begun_s = 0;
	const char *next;

	/* Nothing that is told is later than now. */
	if (now_s < upgrade->last_s)
		now_s = upgrade->last_s;
	text_add_format(text, "{\"now\":%" PRIu32 ",\"upgrades\":[", now_s);
	for (const char *line = chronicle->text; line[0] != '\0'; line = next) {
		next = next_line(line);
		if (line[0] == MARK) {
			upgrade = &chronicle->upgrades[number++ % CHRONICLE_UPGRADES_MAX];
			begun_s = upgrade->begun_s;
			write_upgrade(text, upgrade, line, (int)(next - line - 1));
		} else {
			write_node(text, line, begun_s);
		}
		if (next[0] == MARK || next[0] == '\0')
			text_add(text, "]}");
	}
	text_add(text, "]}");
}

/* ---- the file ---- */

static void write_file(struct text *text, const void *of)
{
	const struct chronicle *chronicle = of;

	for (unsigned i = 0; i < CHRONICLE_NUMBERS; i++)
		text_add_format(text, "%" PRIu32 " ", chronicle->numbers[i]);
	text_add(text, chronicle->text);
}

char *chronicle_encode(const struct chronicle *chronicle, size_t *size)
{
	return seal_encode(magic, write_file, chronicle, size);
}

bool chronicle_decode(struct chronicle *chronicle, char *bytes, size_t size)
{
	char *at = bytes + SEAL_SIZE;

	if (seal_open(magic, bytes, &size) == NULL)
		return false;
	for (unsigned i = 0; i < CHRONICLE_NUMBERS; i++)
		chronicle->numbers[i] = (uint32_t)strtoul(at, &at, 10);
	if (at[0] == ' ' && text_copy(chronicle->text, sizeof(chronicle->text), at + 1))
		return true;
	memset(chronicle->numbers, 0, sizeof(chronicle->numbers));
	return false;
}
