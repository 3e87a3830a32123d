// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEN(word) word word word word word word word word word word
#define LONG TEN("/0123456789abcdefghijklmnopqrstuv") /* more than any text may have */

static bool parse(struct config *config, const char *text, char problem[160])
{
	size_t size = strlen(text);
	char *copy = malloc(size > 0 ? size : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text, size);
	ok = config_parse(config, copy, size, problem, 160);
	free(copy);
	return ok;
}

/* What the documentation says of a file that names only the mesh. */
static void test_defaults(void **state)
{
	struct config config;
	char problem[160];

	(void)state;
	memset(&config, 0x5a, sizeof(config));
	assert_true(parse(&config, "{\"mesh\":\"demo\"}", problem));
	assert_string_equal(config.mesh, "demo");
	assert_string_equal(config.name, "");
	assert_string_equal(config.address, "");
	assert_string_equal(config.http_listen, "::");
	assert_int_equal(config.http_port, 8430);
	assert_string_equal(config.control, "/var/run/lockstep.sock");
	assert_string_equal(config.gossip_listen, "::");
	assert_int_equal(config.gossip_port, 3490);
	assert_string_equal(config.discover, "");
	assert_int_equal(config.interface_count, 0);
	assert_int_equal(config.neighbour_count, 0);
	assert_string_equal(config.flasher, "/usr/lib/lockstep/flashers/sysupgrade");
	assert_int_equal(config.environment_count, 0);
	assert_string_equal(config.board, "");
	assert_string_equal(config.version, "");
	assert_string_equal(config.compat_version, "1.0");
	assert_string_equal(config.config_directory, "/etc/lockstep");
	assert_string_equal(config.state_directory, "/etc/lockstep");
	assert_string_equal(config.work_directory, "/tmp/lockstep");
	assert_int_equal(config.threshold, 1);
	assert_int_equal(config.rate_limit_kbit, 0);
	assert_false(config.polite);
	assert_true(config.limeapp_projection);
	assert_string_equal(config.attach, "/usr/lib/lockstep/attach");
	assert_string_equal(config.expected, "/usr/lib/lockstep/reference-state");
	assert_string_equal(config.host_file, "/tmp/shared-state/shared-state-async.conf");
	assert_int_equal(config.type_count, 0);
}

static void test_everything_set(void **state)
{
	struct config config;
	char problem[160];

	(void)state;
	assert_true(parse(&config,
		"{\"mesh\":\"demo\",\"name\":\"alpha\",\"address\":\"10.1.2.3:80\","
		"\"http\":{\"listen\":\"127.0.0.1\",\"port\":81,\"control\":\"\"},"
		"\"gossip\":{\"listen\":\"::1\",\"port\":0,\"attach\":\"/d\",\"host_file\":\"/e\","
		"\"types\":[\"bat-hosts\",\"node_info\"]},"
		"\"neighbours\":{\"discover\":\"/bin/true\",\"list\":[\"10.1.2.4\",\"fd00::2\"],"
		"\"interfaces\":[\"wlan0-mesh\",\"eth0\"]},"
		"\"flasher\":\"/opt/flasher\",\"flasher_environment\":{\"A\":\"1\",\"B_2\":\"\"},"
		"\"board\":\"demo,alpha\",\"version\":\"Demo 1.0\",\"compat_version\":\"1.1\","
		"\"directories\":{\"config\":\"/a\",\"state\":\"/b\",\"work\":\"/c\"},"
		"\"threshold\":32,\"rate_limit_kbit\":2000,\"polite\":true,\"limeapp_projection\":"
		"false,"
		"\"a member of tomorrow\":{}}",
		problem));
	assert_string_equal(config.name, "alpha");
	assert_string_equal(config.address, "10.1.2.3:80");
	assert_string_equal(config.http_listen, "127.0.0.1");
	assert_int_equal(config.http_port, 81);
	assert_string_equal(config.control, "");
	assert_string_equal(config.gossip_listen, "::1");
	assert_int_equal(config.gossip_port, 0);
	assert_string_equal(config.discover, "/bin/true");
	assert_int_equal(config.neighbour_count, 2);
	assert_string_equal(config.neighbours[1], "fd00::2");
	assert_int_equal(config.interface_count, 2);
	assert_string_equal(config.interfaces[0], "wlan0-mesh");
	assert_string_equal(config.flasher, "/opt/flasher");
	assert_int_equal(config.environment_count, 2);
	assert_string_equal(config.environment[0], "A=1");
	assert_string_equal(config.environment[1], "B_2=");
	assert_string_equal(config.board, "demo,alpha");
	assert_string_equal(config.version, "Demo 1.0");
	assert_string_equal(config.compat_version, "1.1");
	assert_string_equal(config.config_directory, "/a");
	assert_string_equal(config.state_directory, "/b");
	assert_string_equal(config.work_directory, "/c");
	assert_int_equal(config.threshold, 32);
	assert_int_equal(config.rate_limit_kbit, 2000);
	assert_true(config.polite);
	assert_false(config.limeapp_projection);
	assert_string_equal(config.attach, "/d");
	assert_string_equal(config.host_file, "/e");
	assert_int_equal(config.type_count, 2);
	assert_string_equal(config.types[0], "bat-hosts");
	assert_string_equal(config.types[1], "node_info");
}

/* Beside the mesh there is this; `problem` begins with the member that is wrong. */
static struct refusal_case {
	const char *name;
	const char *members;
	const char *problem;
} refusal_cases[] = {
	{ "refused: name is no host name", "\"name\":\"al pha\"", "name must be a host name" },
	{ "refused: name leads elsewhere", "\"name\":\"../alpha\"", "name " },
	{ "refused: name is a number", "\"name\":1", "name " },
	{ "refused: name is null", "\"name\":null", "name " },
	{ "refused: address too long", "\"address\":\"" LONG "\"", "address " },
	{ "refused: http is a number", "\"http\":8430", "http " },
	{ "refused: http is a list", "\"http\":[]", "http " },
	{ "refused: listen too long", "\"http\":{\"listen\":\"" LONG "\"}", "listen " },
	{ "refused: port too high", "\"http\":{\"port\":65536}", "port " },
	{ "refused: negative port", "\"http\":{\"port\":-1}", "port " },
	{ "refused: port as text", "\"http\":{\"port\":\"80\"}", "port " },
	{ "refused: socket path too long", "\"http\":{\"control\":\"" LONG "\"}", "control " },
	{ "refused: gossip is text", "\"gossip\":\"on\"", "gossip " },
	{ "refused: gossip listens on a number", "\"gossip\":{\"listen\":0}", "listen " },
	{ "refused: gossip port broken", "\"gossip\":{\"port\":3490.5}", "port " },
	{ "refused: neighbours is a list", "\"neighbours\":[\"10.0.0.1\"]", "neighbours " },
	{ "refused: discover is true", "\"neighbours\":{\"discover\":true}", "discover " },
	{ "refused: list is text", "\"neighbours\":{\"list\":\"10.0.0.1\"}", "list " },
	{ "refused: list holds a number", "\"neighbours\":{\"list\":[10]}", "list " },
	{ "refused: list too long",
		"\"neighbours\":{\"list\":[" TEN("\"a\",") TEN("\"a\",")
			TEN("\"a\",") "\"a\",\"a\",\"a\"]}",
		"list " },
	{ "refused: neighbour too long", "\"neighbours\":{\"list\":[\"" LONG "\"]}", "list " },
	{ "refused: interfaces is text", "\"neighbours\":{\"interfaces\":\"eth0\"}",
		"interfaces " },
	{ "refused: interface name too long",
		"\"neighbours\":{\"interfaces\":[\"0123456789abcdef\"]}", "interfaces " },
	{ "refused: too many interfaces",
		"\"neighbours\":{\"interfaces\":[" TEN("\"a\",") "\"a\",\"a\",\"a\",\"a\",\"a\","
								 "\"a\",\"a\"]}",
		"interfaces " },
	{ "refused: attach too long", "\"gossip\":{\"attach\":\"" LONG "\"}", "attach " },
	{ "refused: types are text", "\"gossip\":{\"types\":\"node_info\"}", "types " },
	{ "refused: a type without a name", "\"gossip\":{\"types\":[\"\"]}", "types " },
	{ "refused: a type's name too long", "\"gossip\":{\"types\":[\"" LONG "\"]}", "types" },
	{ "refused: too many types",
		"\"gossip\":{\"types\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
		"types " },
	{ "refused: flasher too long", "\"flasher\":\"" LONG "\"", "flasher " },
	{ "refused: environment is a list", "\"flasher_environment\":[]", "flasher_environment " },
	{ "refused: environment holds a number", "\"flasher_environment\":{\"A\":1}",
		"flasher_environment must hold strings" },
	{ "refused: environment value too long", "\"flasher_environment\":{\"A\":\"" LONG "\"}",
		"flasher_environment " },
	{ "refused: environment name with =", "\"flasher_environment\":{\"A=B\":\"1\"}",
		"flasher_environment " },
	{ "refused: environment without name", "\"flasher_environment\":{\"\":\"1\"}",
		"flasher_environment " },
	{ "refused: too many in the environment",
		"\"flasher_environment\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\","
		"\"f\":\"\",\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\",\"k\":\"\",\"l\":\"\","
		"\"m\":\"\",\"n\":\"\",\"o\":\"\",\"p\":\"\",\"q\":\"\"}",
		"flasher_environment " },
	{ "refused: board too long", "\"board\":\"" LONG "\"", "board " },
	{ "refused: version is a number", "\"version\":2", "version " },
	{ "refused: compat version is a number", "\"compat_version\":1.1", "compat_version " },
	{ "refused: compat version too long", "\"compat_version\":\"1.000000000000000\"",
		"compat_version " },
	{ "refused: directories is text", "\"directories\":\"/etc\"", "directories " },
	{ "refused: config directory too long", "\"directories\":{\"config\":\"" LONG "\"}",
		"config " },
	{ "refused: state directory is null", "\"directories\":{\"state\":null}", "state " },
	{ "refused: work directory is a list", "\"directories\":{\"work\":[]}", "work " },
	{ "refused: nobody has to sign", "\"threshold\":0", "threshold " },
	{ "refused: more must sign than can be trusted", "\"threshold\":33", "threshold " },
	{ "refused: threshold as text", "\"threshold\":\"1\"", "threshold " },
	{ "refused: negative rate", "\"rate_limit_kbit\":-1", "rate_limit_kbit " },
	{ "refused: projection is 1", "\"limeapp_projection\":1", "limeapp_projection " },
};

static void assert_refused(const char *text, const char *says)
{
	struct config config, before;
	char problem[160] = "";

	memset(&config, 0x5a, sizeof(config));
	before = config;
	assert_false(parse(&config, text, problem));
	assert_memory_equal(&config, &before, sizeof(config));
	problem[strlen(says)] = '\0';
	assert_string_equal(problem, says);
}

static void test_refusal(void **state)
{
	const struct refusal_case *c = *state;
	char text[1024];

	snprintf(text, sizeof(text), "{\"mesh\":\"demo\",%s}", c->members);
	assert_refused(text, c->problem);
}

static struct document_case {
	const char *name;
	const char *text;
	const char *problem;
} document_cases[] = {
	{ "document: nothing", "", "the document is not JSON, or nested too deeply" },
	{ "document: a list", "[]", "the document is not an object" },
	{ "document: comma at the end", "{\"mesh\":\"demo\",}",
		"the document is not JSON, or nested too deeply" },
	{ "document: a comment", "{\"mesh\":\"demo\"} // ours", "the document is followed" },
	{ "document: Latin-1", "{\"mesh\":\"d\xe9mo\"}", "the document is not UTF-8" },
	{ "document: no mesh", "{}", "mesh is missing" },
	{ "document: empty mesh", "{\"mesh\":\"\"}", "mesh must be a name" },
	{ "document: mesh of two words", "{\"mesh\":\"our mesh\"}", "mesh must be a name" },
	{ "document: mesh too long", "{\"mesh\":\"" LONG "\"}", "mesh " },
};

static void test_document(void **state)
{
	const struct document_case *c = *state;

	assert_refused(c->text, c->problem);
}

/* HOST alone gets the port of our HTTP. */
static struct address_case {
	const char *name;
	const char *address;
	const char *completed;
} address_cases[] = {
	{ "address: none", "", "" },
	{ "address: IPv4", "10.1.2.3", "10.1.2.3:81" },
	{ "address: IPv4 and port", "10.1.2.3:9", "10.1.2.3:9" },
	{ "address: name", "alpha.mesh", "alpha.mesh:81" },
	{ "address: name and port", "alpha.mesh:9", "alpha.mesh:9" },
	{ "address: IPv6", "fd00::1", "[fd00::1]:81" },
	{ "address: IPv6 in brackets", "[fd00::1]", "[fd00::1]:81" },
	{ "address: IPv6 in brackets and port", "[fd00::1]:9", "[fd00::1]:9" },
	{ "address: link-local", "fe80::1%eth0", "[fe80::1%eth0]:81" },
};

static void test_address(void **state)
{
	const struct address_case *c = *state;
	struct config config;
	char text[256], problem[160];

	snprintf(text, sizeof(text),
		"{\"mesh\":\"demo\",\"address\":\"%s\",\"http\":{\"port\":81}}", c->address);
	assert_true(parse(&config, text, problem));
	assert_string_equal(config.address, c->completed);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_set),
	};
	static struct CMUnitTest tests[COUNT(refusal_cases) + COUNT(document_cases) +
				       COUNT(address_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(refusal_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = refusal_cases[i].name,
			.test_func = test_refusal,
			.initial_state = &refusal_cases[i] };
	for (size_t i = 0; i < COUNT(document_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = document_cases[i].name,
			.test_func = test_document,
			.initial_state = &document_cases[i] };
	for (size_t i = 0; i < COUNT(address_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = address_cases[i].name,
			.test_func = test_address,
			.initial_state = &address_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
