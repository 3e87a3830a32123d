// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Prints docs/state-machine.md from the table in core/machine.h. dev/check-docs compares.
 */
#include <stdio.h>

#include "core/machine.h"

static void print_signals_between(
	const struct machine_row *rows, size_t count, enum node_state from, enum node_state to)
{
	const char *separator = "";

	for (size_t i = 0; i < count; i++) {
		if (rows[i].from != from || rows[i].to != to)
			continue;
		printf("%s%s%s", separator, signal_name(rows[i].signal),
			rows[i].guard != GUARD_NONE ? "?" : "");
		separator = ", ";
	}
}

static bool has_row(
	const struct machine_row *rows, size_t count, enum node_state from, enum node_state to)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].from == from && rows[i].to == to)
			return true;
	}
	return false;
}

/* One arrow for each pair of states; FAULT's target would have one from nearly everywhere. */
static void print_diagram(const struct machine_row *rows, size_t count)
{
	puts("```mermaid\nstateDiagram-v2\n    [*] --> UPDATED");
	for (unsigned from = 0; from < STATE_COUNT; from++) {
		for (unsigned to = 0; to < STATE_COUNT; to++) {
			if (from == to || !has_row(rows, count, from, to))
				continue;
			printf("    %s --> %s: ", state_name(from), state_name(to));
			print_signals_between(rows, count, from, to);
			putchar('\n');
		}
	}
	puts("```\n");
}

static void print_table(const struct machine_row *rows, size_t count)
{
	puts("| from | signal | to | only if |\n| --- | --- | --- | --- |");
	for (size_t i = 0; i < count; i++) {
		printf("| `%s` | `%s` | `%s` | %s |\n", state_name(rows[i].from),
			signal_name(rows[i].signal), state_name(rows[i].to),
			machine_guard_sentence(rows[i].guard));
	}
	putchar('\n');
}

static void print_signals(void)
{
	puts("| signal | means |\n| --- | --- |");
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		printf("| `%s` | %s |\n", signal_name(i), signal_sentence(i));
}

int main(void)
{
	size_t count;
	const struct machine_row *rows = machine_rows(&count);

	puts("# The state machine\n\n"
	     "Printed by `dev/state-machine.c` from the table in `src/core/machine.c`; do not edit "
	     "it "
	     "here.\n"
	     "A node changes its state by a row of this table and by nothing else. A signal "
	     "without a "
	     "row for the\npresent state changes nothing.\n\n"
	     "## The picture\n\n"
	     "A question mark is a signal with a guard, which the table tells. Arrows from a state "
	     "to "
	     "itself are not\ndrawn.\n");
	print_diagram(rows, count);
	puts("## The table\n");
	print_table(rows, count);
	puts("## The signals\n");
	print_signals();
	return ferror(stdout) || fflush(stdout) != 0;
}
