// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
	NODES_MAX = 8,
	LINKS_MAX = 16,
};

struct graph {
	struct topology topology;
	struct topology_link links[LINKS_MAX];
	struct topology_node nodes[NODES_MAX];
};

/* "01 12 23" is a chain; all links have 1000 kbit/s, or, as in "01=250", what they say. */
static void draw(struct graph *graph, uint32_t node_count, const char *links)
{
	memset(graph, 0, sizeof(*graph));
	graph->topology.node_count = node_count;
	graph->topology.link_capacity = LINKS_MAX;
	graph->topology.links = graph->links;
	graph->topology.nodes = graph->nodes;
	while (*links != '\0') {
		uint32_t a = (uint32_t)(links[0] - '0'), b = (uint32_t)(links[1] - '0'),
			 kbit = 1000;

		links += 2;
		if (*links == '=')
			for (kbit = 0, links++; *links >= '0' && *links <= '9'; links++)
				kbit = kbit * 10 + (uint32_t)(*links - '0');
		topology_add_link(&graph->topology, a, b, kbit);
		links += *links == ' ';
	}
}

static struct cut_case {
	const char *name;
	uint32_t node_count;
	const char *links;
	const char *lost; /* a digit for each node: how many its loss cuts off from node 0 */
} cut_cases[] = {
	{ "nobody", 1, "", "0" },
	{ "two without a link", 2, "", "00" },
	{ "a pair", 2, "01", "00" },
	{ "a chain", 4, "01 12 23", "0210" },
	{ "a chain from the middle", 4, "10 02 23", "0010" },
	{ "a ring", 4, "01 12 23 30", "0000" },
	{ "two rings that share a node", 5, "01 12 20 23 34 42", "00200" },
	{ "a star seen from a tip", 4, "01 12 13", "0200" },
	{ "a part that was never there", 5, "01 12 34", "01000" },
	{ "the last link closes a ring", 3, "12 01 20", "000" },
};

static void test_cut(void **state)
{
	const struct cut_case *c = *state;
	struct graph graph;

	draw(&graph, c->node_count, c->links);
	for (uint32_t i = 0; i < c->node_count; i++)
		assert_int_equal(topology_count_cut_off(&graph.topology, 0, i), c->lost[i] - '0');
}

static bool wants(const void *context, uint32_t node)
{
	return strchr(context, '0' + (int)node) != NULL;
}

static struct spread_case {
	const char *name;
	uint32_t node_count;
	const char *links;
	const char *images[2]; /* the nodes that want it; each image has 125 000 bytes, 1 s at 1000
				*/
	uint32_t unreached;
	uint64_t duration_ms;
} spread_cases[] = {
	{ "nobody wants it", 2, "01", { "" }, 0, 0 },
	{ "the source wants it", 2, "01", { "0" }, 0, 0 },
	{ "a pair", 2, "01", { "1" }, 0, 1000 },
	{ "a pair, half as fast", 2, "01=500", { "01" }, 0, 2000 },
	{ "a chain: every link carries it once", 4, "01 12 23", { "123" }, 0, 1000 },
	{ "a chain: only the end wants it", 4, "01 12 23", { "3" }, 0, 1000 },
	{ "two images over one link", 3, "01 12", { "1", "2" }, 0, 2000 },
	{ "two images on two links", 3, "01 02", { "1", "2" }, 0, 1000 },
	{ "the slowest link of the way counts", 3, "01=2000 12=250", { "12" }, 0, 4000 },
	{ "the faster way round", 3, "02=100 01 12", { "12" }, 0, 1000 },
	{ "both ends measured: the slower counts", 2, "01=2000 10=500", { "1" }, 0, 2000 },
	{ "the other way round", 2, "01=500 10=2000", { "1" }, 0, 2000 },
	{ "no way to one", 3, "01", { "12" }, 1, 1000 },
	{ "no way to a pair that hangs together", 4, "01 23", { "0123" }, 2, 1000 },
	{ "no links at all", 2, "", { "01" }, 1, 0 },
};

static void test_spread(void **state)
{
	const struct spread_case *c = *state;
	uint32_t unreached = 0;
	struct graph graph;

	draw(&graph, c->node_count, c->links);
	topology_begin_spread(&graph.topology, 0);
	for (int i = 0; i < 2 && c->images[i] != NULL; i++)
		unreached += topology_carry(&graph.topology, 0, 125000, wants, c->images[i]);
	assert_int_equal(unreached, c->unreached);
	assert_int_equal(topology_duration_ms(&graph.topology), c->duration_ms);
}

static void test_what_is_no_link(void **state)
{
	struct graph graph;

	(void)state;
	draw(&graph, 3, "00 03 30 01=0");
	assert_int_equal(graph.topology.link_count, 0);
	topology_add_link(&graph.topology, 0, UINT32_MAX, 5);
	assert_int_equal(graph.topology.link_count, 0);
}

static void test_no_room(void **state)
{
	struct graph graph;

	(void)state;
	draw(&graph, 4, "01");
	graph.topology.link_capacity = 2;
	topology_add_link(&graph.topology, 1, 2, 10);
	topology_add_link(&graph.topology, 2, 3, 10);
	assert_int_equal(graph.topology.link_count, 2);
	/* What is there already can still become slower. */
	topology_add_link(&graph.topology, 2, 1, 5);
	assert_int_equal(graph.links[1].kbit, 5);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	struct CMUnitTest tests[COUNT(cut_cases) + COUNT(spread_cases) + 2] = {
		cmocka_unit_test(test_what_is_no_link),
		cmocka_unit_test(test_no_room),
	};
	size_t count = 2;

	for (size_t i = 0; i < COUNT(cut_cases); i++)
		tests[count++] = (struct CMUnitTest){ cut_cases[i].name, test_cut, NULL, NULL,
			&cut_cases[i] };
	for (size_t i = 0; i < COUNT(spread_cases); i++)
		tests[count++] = (struct CMUnitTest){ spread_cases[i].name, test_spread, NULL, NULL,
			&spread_cases[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
