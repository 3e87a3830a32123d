// SPDX-License-Identifier: AGPL-3.0-or-later
/* What LimeApp's plug-in makes of a mesh that the daemon tells of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "limeapp/mesh.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define HERE(state)                                                                                \
	"{\"name\":\"node5\",\"participant\":true,\"here\":true,\"seen_ms\":0,\"state\":\"" state  \
	"\",\"upgrade\":\"0011223344556677\",\"flashed\":true,\"version\":\"Demo 1.0\",\"board\":" \
	"\"demo,alpha\",\"address\":\"10.77.0.5:8430\",\"release_sequence\":3}"
#define OTHER(name, state, seen_ms)                                                                \
	"{\"name\":\"" name "\",\"participant\":true,\"here\":false,\"seen_ms\":" seen_ms          \
	",\"state\":\"" state "\"}"
#define STRANGER(name, state)                                                                      \
	"{\"name\":\"" name                                                                        \
	"\",\"participant\":false,\"here\":false,\"seen_ms\":1,\"state\":\"" state "\"}"
#define UNSEEN(name)                                                                               \
	"{\"name\":\"" name "\",\"participant\":true,\"here\":false,\"seen_ms\":null,\"wave\":0}"
#define UPGRADE(waiting)                                                                           \
	"{\"id\":\"8899aabbccddeeff\",\"version\":\"Demo 2.0\",\"confirm_window_s\":600,"          \
	"\"waiting\":" waiting "}"

static struct json_object *document(const char *upgrade, const char *nodes)
{
	char text[8192];
	struct json_reader reader;
	int size = snprintf(text, sizeof(text), "{\"mesh\":\"demo\",\"upgrade\":%s,\"nodes\":[%s]}",
		upgrade, nodes);

	return json_parse(&reader, text, (size_t)size);
}

static void take(struct mesh *mesh, const char *upgrade, const char *nodes)
{
	struct json_object *object = document(upgrade, nodes);

	assert_non_null(object);
	assert_true(mesh_take(mesh, object));
}

static const struct {
	const char *name, *nodes;
	bool busy;        /* somebody is */
	uint32_t rank;    /* ours among those that are ready */
	const char *seen; /* who would take part */
} meshes[] = {
	{ "alone and idle", HERE("UPDATED"), false, 0, "node5" },
	{ "alone and ready", HERE("UPGRADE_READY"), true, 0, "node5" },
	{ "who ended is not busy",
		OTHER("node1", "ABORTED", "1") "," OTHER("node2", "REVERTED", "1") "," OTHER(
			"node3", "INTERNAL_ERROR", "1") "," OTHER("node4", "UPGRADE_CHECK_FAILED",
			"1") "," HERE("UPGRADE_AVAILABLE"),
		false, 0, "node1,node2,node3,node4,node5" },
	{ "who downloads is busy", OTHER("node1", "DOWNLOADING", "1") "," HERE("UPDATED"), true, 0,
		"node1,node5" },
	{ "who cannot download is busy", HERE("UPDATED") "," OTHER("node6", "DOWNLOAD_ERROR", "1"),
		true, 0, "node5,node6" },
	{ "who flashes is busy", HERE("UPDATED") "," OTHER("node6", "FLASHING", "119999"), true, 0,
		"node5,node6" },
	{ "who was lost in the flash is not busy for ever",
		HERE("UPDATED") "," OTHER("node6", "FLASHING", "120001"), false, 0, "node5,node6" },
	{ "who is on trial is busy",
		HERE("UPDATED") "," OTHER("node6", "CONFIRMATION_PENDING", "1"), true, 0,
		"node5,node6" },
	{ "rank by name",
		OTHER("node1", "UPGRADE_READY", "1") "," OTHER("node2", "UPGRADE_READY",
			"1") "," HERE("UPGRADE_READY") "," OTHER("node6", "UPGRADE_READY", "1"),
		true, 2, "node1,node2,node5,node6" },
	{ "who is not ready has no turn",
		OTHER("node1", "DOWNLOADING", "1") "," OTHER(
			"node2", "UPGRADE_READY", "1") "," HERE("UPGRADE_READY"),
		true, 1, "node1,node2,node5" },
	{ "who was lost has no turn",
		OTHER("node1", "UPGRADE_READY", "130000") "," HERE("UPGRADE_READY"), true, 0,
		"node1,node5" },
	{ "who takes no part has no turn",
		STRANGER("node1", "UPGRADE_READY") "," HERE("UPGRADE_READY"), true, 0,
		"node1,node5" },
	{ "who was not seen for long takes no part",
		OTHER("node1", "UPDATED", "660000") "," OTHER(
			"node2", "UPDATED", "660001") "," HERE("UPDATED"),
		false, 0, "node1,node5" },
	{ "who was never seen takes no part", UNSEEN("node1") "," HERE("UPDATED"), false, 0,
		"node5" },
	{ "a state of a later version", HERE("UPDATED") "," OTHER("node6", "DANCING", "1"), false,
		0, "node5" },
};

static void test_meshes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(meshes); i++) {
		struct mesh mesh;
		struct text text;
		char seen[256];

		take(&mesh, "null", meshes[i].nodes);
		text_init(&text, seen, sizeof(seen));
		mesh_list_seen(&mesh, &text);
		if (mesh_is_anybody_busy(&mesh) != meshes[i].busy ||
			mesh_rank(&mesh, STATE_UPGRADE_READY) != meshes[i].rank ||
			strcmp(seen, meshes[i].seen) != 0)
			fail_msg("%s: busy %d, rank %u, seen %s", meshes[i].name,
				mesh_is_anybody_busy(&mesh),
				(unsigned)mesh_rank(&mesh, STATE_UPGRADE_READY), seen);
		mesh_free(&mesh);
	}
}

static void test_this_node(void **state)
{
	struct mesh mesh;

	(void)state;
	take(&mesh, UPGRADE("null"),
		OTHER("node1", "UPDATED", "1") "," HERE("CONFIRMATION_PENDING"));
	assert_string_equal(mesh.name, "node5");
	assert_string_equal(mesh.upgrade, "8899aabbccddeeff");
	assert_string_equal(mesh.version, "Demo 2.0");
	assert_int_equal(mesh.confirm_window_s, 600);
	assert_int_equal(mesh.here.state, STATE_CONFIRMATION_PENDING);
	assert_true(mesh.here.flashed);
	assert_string_equal(mesh.here.upgrade, "0011223344556677");
	assert_string_equal(mesh.here.version, "Demo 1.0");
	assert_string_equal(mesh.here.board, "demo,alpha");
	assert_string_equal(mesh.here.address, "10.77.0.5:8430");
	assert_int_equal(mesh.here.release_sequence, 3);
	mesh_free(&mesh);
	take(&mesh, "null", HERE("UPDATED"));
	assert_string_equal(mesh.upgrade, "");
	mesh_free(&mesh);
}

static void test_missing(void **state)
{
	static const struct {
		const char *waiting, *names;
	} rows[] = {
		{ "null", "" },
		{ "{\"reason\":\"x\",\"names\":[]}", "" },
		{ "{\"reason\":\"x\",\"names\":[\"node2\"]}", "node2" },
		{ "{\"reason\":\"x\",\"names\":[\"node2\",\"node7\"]}", "node2, node7" },
		{ "{\"reason\":\"x\",\"names\":[\"node2\",7]}", "node2" },
		{ "{\"reason\":\"x\"}", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char upgrade[512], names[64];
		struct mesh mesh;
		struct text text;

		snprintf(upgrade, sizeof(upgrade),
			"{\"id\":\"8899aabbccddeeff\",\"version\":\"Demo 2.0\",\"waiting\":%s}",
			rows[i].waiting);
		take(&mesh, upgrade, HERE("UPGRADE_READY"));
		text_init(&text, names, sizeof(names));
		mesh_missing(&mesh, &text);
		if (strcmp(names, rows[i].names) != 0)
			fail_msg("%s: %s", rows[i].waiting, names);
		mesh_free(&mesh);
	}
}

static void test_what_is_no_mesh(void **state)
{
	static const struct {
		const char *name, *upgrade, *nodes;
	} rows[] = {
		{ "nobody", "null", "" },
		{ "not us", "null", OTHER("node1", "UPDATED", "1") },
		{ "no object", "null", "7" },
		{ "no state", "null", "{\"name\":\"node5\",\"here\":true}" },
		{ "strange state", "null", HERE("DANCING") },
		{ "no name", "null", "{\"here\":true,\"state\":\"UPDATED\"}" },
		{ "upgrade without id", "{\"version\":\"2\"}", HERE("UPDATED") },
		{ "upgrade with a long id", "{\"id\":\"00112233445566778\",\"version\":\"2\"}",
			HERE("UPDATED") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_object *object = document(rows[i].upgrade, rows[i].nodes);
		struct mesh mesh;

		assert_non_null(object);
		if (mesh_take(&mesh, object))
			fail_msg("%s was taken", rows[i].name);
		json_free(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meshes),
		cmocka_unit_test(test_this_node),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_what_is_no_mesh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
