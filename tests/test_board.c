// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "io/board.h"
#include "io/files.h"
#include "root.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEN(word) word word word word word word word word word word

static struct assignment_case {
	const char *name;
	const char *file;
	const char *value; /* NULL: not found, and what was there stays */
} assignment_cases[] = {
	{ "assignment: plain", "NAME=value\n", "value" },
	{ "assignment: without line end", "NAME=value", "value" },
	{ "assignment: double quotes", "NAME=\"two words\"\n", "two words" },
	{ "assignment: single quotes", "NAME='two words'\n", "two words" },
	{ "assignment: quotes inside", "NAME='say \"x\"'\n", "say \"x\"" },
	{ "assignment: one quote only", "NAME=\"value\n", "\"value" },
	{ "assignment: nothing", "NAME=\n", "" },
	{ "assignment: empty quotes", "NAME=''\n", "" },
	{ "assignment: a lone quote", "NAME='\n", "'" },
	{ "assignment: not the first", "A=1\n\nB=2\nNAME=value\nC=3\n", "value" },
	{ "assignment: the first of two", "NAME=one\nNAME=two\n", "one" },
	{ "assignment: a longer name before", "NAMES=x\nMY_NAME=y\nNAME=value\n", "value" },
	{ "assignment: never run", "NAME=$(reboot)`id`\n", "$(reboot)`id`" },
	{ "assignment: UTF-8", "NAME=\"Z\xc3\xbcrich\"\n", "Z\xc3\xbcrich" },
	{ "assignment: just as long as may be", "NAME=" TEN("012") "0\n", TEN("012") "0" },
	{ "assignment: too long", "NAME=" TEN("012") "01\n", NULL },
	{ "assignment: far too long", "NAME=" TEN(TEN("0123")) "\n", NULL },
	{ "assignment: not UTF-8", "NAME=Z\xfcrich\n", NULL },
	{ "assignment: moves the cursor", "NAME=\x1b[2J\n", NULL },
	{ "assignment: in a comment", "# NAME=value\n", NULL },
	{ "assignment: with a blank", "NAME =value\n", NULL },
	{ "assignment: only the name", "NAME\n", NULL },
	{ "assignment: empty file", "", NULL },
};

static void test_assignment(void **state)
{
	const struct assignment_case *c = *state;
	char value[32] = "before";
	char *file = strdup(c->file);

	assert_non_null(file);
	assert_int_equal(board_assignment(file, "NAME", value, sizeof(value)), c->value != NULL);
	assert_string_equal(value, c->value != NULL ? c->value : "before");
	free(file);
}

static void test_an_openwrt_router(void **state)
{
	struct board board;

	(void)state;
	root_put("/tmp/sysinfo/board_name", "tplink,archer-c7-v2\n");
	root_put("/etc/openwrt_release",
		"DISTRIB_ID='OpenWrt'\nDISTRIB_DESCRIPTION='LibreMesh 24.10 r123-ab'\n");
	root_put("/etc/os-release", "PRETTY_NAME=\"OpenWrt 24.10\"\n");
	root_put("/proc/sys/kernel/random/boot_id", "11112222-3333-4444-5555-666677778888\n");
	memset(&board, 0x5a, sizeof(board));
	board_read(&board, root);
	assert_string_equal(board.name, "tplink,archer-c7-v2");
	assert_string_equal(board.version, "LibreMesh 24.10 r123-ab");
	assert_string_equal(board.boot_id, "11112222-3333-4444-5555-666677778888");
	assert_true(board.hostname[0] == '\0' || text_is_name(board.hostname));
}

static void test_another_system(void **state)
{
	struct board board;

	(void)state;
	root_put("/etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n");
	root_put("/etc/openwrt_release", "DISTRIB_ID='OpenWrt'\n");
	board_read(&board, root);
	assert_string_equal(board.name, "");
	assert_string_equal(board.version, "Debian 12");
	assert_string_equal(board.boot_id, "");
}

/* What cannot be shown or sent is not known. */
static void test_a_board_with_odd_files(void **state)
{
	struct board board;

	(void)state;
	root_put("/tmp/sysinfo/board_name", TEN("0123456") "\n");
	root_put("/etc/openwrt_release", "DISTRIB_DESCRIPTION='a\tb'\n");
	root_put("/proc/sys/kernel/random/boot_id", "");
	board_read(&board, root);
	assert_string_equal(board.name, "");
	assert_string_equal(board.version, "");
	assert_string_equal(board.boot_id, "");
}

#define HEAD4                                                                                      \
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define DEFAULT4 "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
#define LAN4 "br-lan\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
#define ZERO6 "00000000000000000000000000000000"
#define DEFAULT6(interface)                                                                        \
	ZERO6 " 00 " ZERO6 " 00 fe800000000000000000000000000001 00000400 00000001 00000000 "      \
	      "00000003     " interface "\n"
#define MESH6                                                                                      \
	"fd000000000000000000000000000001 80 " ZERO6 " 00 " ZERO6                                  \
	" 00000400 00000001 00000000 00000001    wlan0\n"

static struct gateway_case {
	const char *name;
	const char *route;
	const char *ipv6_route;
	bool has;
} gateway_cases[] = {
	{ "gateway: no tables", NULL, NULL, false },
	{ "gateway: empty tables", "", "", false },
	{ "gateway: no route", HEAD4, "", false },
	{ "gateway: IPv4", HEAD4 DEFAULT4, "", true },
	{ "gateway: IPv4, not the first", HEAD4 LAN4 LAN4 DEFAULT4, "", true },
	{ "gateway: IPv4 without one", HEAD4 LAN4, "", false },
	{ "gateway: IPv4 behind many", HEAD4 TEN(TEN(TEN(LAN4))) DEFAULT4, "", true },
	{ "gateway: IPv6", HEAD4, DEFAULT6("eth0"), true },
	{ "gateway: IPv6 alone", NULL, DEFAULT6("eth0"), true },
	{ "gateway: IPv6, not the first", NULL, MESH6 DEFAULT6("eth0"), true },
	{ "gateway: IPv6, the unreachable one", NULL, MESH6 DEFAULT6("   lo"), false },
	{ "gateway: IPv6, after the unreachable one", NULL, DEFAULT6("   lo") DEFAULT6("eth0"),
		true },
	{ "gateway: IPv6 without one", NULL, MESH6, false },
	{ "gateway: IPv6 behind a whole mesh", NULL, TEN(TEN(TEN(MESH6))) DEFAULT6("eth0"), true },
	{ "gateway: IPv6, a whole mesh without one", NULL, TEN(TEN(TEN(MESH6))) DEFAULT6("   lo"),
		false },
};

static void test_gateway(void **state)
{
	const struct gateway_case *c = *state;

	if (c->route != NULL)
		root_put("/proc/net/route", c->route);
	if (c->ipv6_route != NULL)
		root_put("/proc/net/ipv6_route", c->ipv6_route);
	assert_int_equal(board_has_gateway(root), c->has);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test_setup_teardown(test_an_openwrt_router, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_another_system, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_a_board_with_odd_files, root_make, root_clear),
	};
	static struct CMUnitTest
		tests[COUNT(assignment_cases) + COUNT(gateway_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(assignment_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = assignment_cases[i].name,
			.test_func = test_assignment,
			.initial_state = &assignment_cases[i] };
	for (size_t i = 0; i < COUNT(gateway_cases); i++)
		tests[count++] = (struct CMUnitTest){ gateway_cases[i].name, test_gateway,
			root_make, root_clear, &gateway_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
