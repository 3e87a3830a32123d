// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "sim/world.h"

void trace_symbol(struct node *node, char symbol)
{
	if (node->symbol_count == node->symbol_capacity) {
		node->symbol_capacity = node->symbol_capacity == 0 ? 64 : node->symbol_capacity * 2;
		node->symbols = realloc(node->symbols, node->symbol_capacity);
		ensure(node->symbols != NULL);
	}
	node->symbols[node->symbol_count++] = symbol;
}

static void say_json(struct world *world, const char *node, const char *code, const char *words)
{
	char line[1024];
	struct text text;

	text_init(&text, line, sizeof(line));
	text_add(&text, "{");
	text_add_member_u64(&text, "us", world_now_us(world));
	text_add_member_string(&text, "node", node);
	text_add_member_string(&text, "code", code);
	text_add_member_string(&text, "text", words);
	text_add(&text, "}");
	fprintf(world->log, "%s\n", line);
}

void trace_say(
	struct world *world, const struct node *node, const char *code, const char *format, ...)
{
	const char *name = node != NULL ? node->name : "";
	char words[512];
	va_list arguments;

	if (world->log == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	if (world->json)
		say_json(world, name, code, words);
	else
		fprintf(world->log, "%9.3f  %-8s %s: %s\n", (double)world_now_us(world) / 1000000.0,
			name, code, words);
}

void trace_print(const struct world *world, FILE *file)
{
	fprintf(file,
		"  u updated  d downloading  r ready  s scheduled  F flashing  c confirmation "
		"pending\n"
		"  R reverted  a aborted  e download error  x check failed  I internal error\n"
		"  * boot  ! power lost  ~ daemon restarted  j clock jumped  . gone  p plain "
		"peer\n");
	for (uint32_t i = 0; i < world->node_count; i++)
		fprintf(file, "  %-8s %.*s\n", world->nodes[i].name,
			(int)world->nodes[i].symbol_count,
			world->nodes[i].symbols != NULL ? world->nodes[i].symbols : "");
}
