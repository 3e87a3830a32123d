// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "gossip/same.h"
#include "gossip/session.h"
#include "gossip/slice.h"
#include "gossip/store.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BYTES(text) text, sizeof(text) - 1
#define TYPE "mesh_wide_upgrade"
#define EMPTY "{\"stateSlice\":[]}"

/* ---- Exchanges recorded between real shared-state-async programs --------------------------- */

struct golden {
	char c2s[4096], s2c[4096];
	size_t c2s_size, s2c_size;
	/* Of message 4 and message 6. */
	const char *sent, *answered;
	size_t sent_size, answered_size;
};

static const struct golden_case {
	const char *name;
	size_t step; /* bytes at a time */
} golden_cases[] = {
	{ "01-cli-get-empty", 1 },
	{ "01-cli-get-empty", 4096 },
	{ "02-cli-insert-1", 1 },
	{ "02-cli-insert-1", 4096 },
	{ "03-cli-get-1", 1 },
	{ "03-cli-get-1", 4096 },
	{ "04-cli-insert-3", 1 },
	{ "04-cli-insert-3", 7 },
	{ "04-cli-insert-3", 4096 },
	{ "05-cli-get-4", 1 },
	{ "05-cli-get-4", 4096 },
	{ "10-peer-to-peer-1", 1 },
	{ "10-peer-to-peer-1", 4096 },
	{ "10-peer-to-peer-2", 1 },
	{ "10-peer-to-peer-2", 4096 },
};

static size_t load(const char *name, const char *direction, char *bytes, size_t capacity)
{
	char path[512];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "%s/golden/%s.%s.bin", TESTS_DATA, name, direction);
	file = fopen(path, "rb");
	assert_non_null(file);
	size = fread(bytes, 1, capacity, file);
	assert_in_range(size, 1, capacity - 1);
	fclose(file);
	return size;
}

/* The data of the message that starts at byte 8, after version and echo or acknowledgement. */
static const char *data_of(const char *stream, size_t *size)
{
	size_t name_size = (uint8_t)stream[8];

	*size = bytes_get_u32be((const uint8_t *)stream + 9 + name_size);
	return stream + 9 + name_size + 4;
}

static void load_golden(struct golden *golden, const char *name)
{
	golden->c2s_size = load(name, "c2s", golden->c2s, sizeof(golden->c2s));
	golden->s2c_size = load(name, "s2c", golden->s2c, sizeof(golden->s2c));
	golden->sent = data_of(golden->c2s, &golden->sent_size);
	golden->answered = data_of(golden->s2c, &golden->answered_size);
}

/* Is every entry of `part` in `whole`, with the same author, ttl and data? */
static bool contains(const char *whole, size_t whole_size, const char *part, size_t part_size)
{
	struct slice_reader part_reader, whole_reader;
	struct slice_entry wanted, entry;

	slice_reader_init(&part_reader, part, part_size);
	while (slice_reader_next(&part_reader, &wanted)) {
		bool found = false;

		slice_reader_init(&whole_reader, whole, whole_size);
		while (!found && slice_reader_next(&whole_reader, &entry))
			found = strcmp(entry.key, wanted.key) == 0 &&
				strcmp(entry.author, wanted.author) == 0 &&
				entry.ttl_s == wanted.ttl_s &&
				same_value(
					entry.data, entry.data_size, wanted.data, wanted.data_size);
		if (!found)
			return false;
	}
	return !part_reader.bad;
}

static void assert_same_entries(const char *one, size_t one_size, const char *other, size_t size)
{
	assert_true(contains(one, one_size, other, size));
	assert_true(contains(other, size, one, one_size));
}

/* What the session has to say is taken in small bites. */
static void drain(struct session *session, char *out, size_t *out_size)
{
	size_t size;
	const void *bytes;

	while ((bytes = session_output(session, &size)) != NULL) {
		if (size > 100)
			size = 100;
		memcpy(out + *out_size, bytes, size);
		*out_size += size;
		session_sent(session, size);
	}
}

/* What the recorded server knew before: what it answered beyond what it was sent. */
static void fill_with_earlier(struct store *store, const struct golden *golden)
{
	struct slice_reader reader;
	struct slice_entry entry;

	slice_reader_init(&reader, golden->answered, golden->answered_size);
	while (slice_reader_next(&reader, &entry)) {
		char buffer[2048];
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		slice_write_begin(&text);
		slice_write_entry(
			&text, entry.key, entry.author, entry.ttl_s, entry.data, entry.data_size);
		slice_write_end(&text);
		if (!contains(golden->sent, golden->sent_size, buffer, text.size))
			(void)store_merge(store, buffer, text.size, "test", true);
	}
}

static void replay_client(const struct golden_case *c, const struct golden *golden, bool recorded)
{
	struct store store;
	struct session session;
	struct text text;
	char c2s[sizeof(golden->c2s)], out[8192], state[4096];
	size_t out_size = 0, at = 0, size;

	memcpy(c2s, golden->c2s, golden->c2s_size);
	store_init(&store);
	fill_with_earlier(&store, golden);
	session_init_server(&session);
	while (at < golden->c2s_size) {
		size_t step = golden->c2s_size - at < c->step ? golden->c2s_size - at : c->step;

		at += session_feed(&session, c2s + at, step);
		if (session_wants(&session) == SESSION_ANSWER) {
			const char *data = session_data(&session, &size);

			/* Not a byte before the message is complete. */
			assert_int_equal(at, golden->c2s_size - 4);
			assert_string_equal(session_type(&session), TYPE);
			(void)store_merge(&store, data, size, "node2", true);
			text_init(&text, state, sizeof(state));
			store_write(&store, &text);
			assert_false(text_cut(&text));
			assert_same_entries(
				state, text.size, golden->answered, golden->answered_size);
			if (recorded)
				session_answer(&session, golden->answered, golden->answered_size);
			else
				session_answer(&session, state, text.size);
			/* Our message is shorter, so what acknowledges it is another number. */
			bytes_put_u32be((uint8_t *)c2s + at, session.sent_message_size);
		}
		drain(&session, out, &out_size);
	}
	assert_int_equal(session_wants(&session), SESSION_DONE);
	assert_int_equal(session_error(&session), SESSION_OK);
	if (recorded) {
		assert_int_equal(out_size, golden->s2c_size);
		assert_memory_equal(out, golden->s2c, golden->s2c_size);
		assert_memory_equal(c2s, golden->c2s, golden->c2s_size);
	} else {
		assert_memory_equal(out, golden->s2c, 8 + 1 + strlen(TYPE));
		const char *data = data_of(out, &size);
		assert_int_equal(data + size - out, out_size);
		assert_same_entries(data, size, golden->answered, golden->answered_size);
	}
	session_free(&session);
	store_free(&store);
}

static void test_recorded_client(void **state)
{
	const struct golden_case *c = *state;
	struct golden golden;

	load_golden(&golden, c->name);
	replay_client(c, &golden, true);
	replay_client(c, &golden, false);
}

static void test_recorded_server(void **state)
{
	const struct golden_case *c = *state;
	struct golden golden;
	struct session session;
	struct store store;
	struct text text;
	char out[4096], merged[4096];
	size_t out_size = 0, at = 0, size;

	load_golden(&golden, c->name);
	store_init(&store);
	(void)store_merge(&store, golden.sent, golden.sent_size, "node9", false);
	assert_true(session_init_client(&session, TYPE));
	session.little_endian_echo = true;
	drain(&session, out, &out_size);
	assert_int_equal(out_size, 4);
	while (at < golden.s2c_size) {
		size_t step = golden.s2c_size - at < c->step ? golden.s2c_size - at : c->step;

		at += session_feed(&session, golden.s2c + at, step);
		if (session_wants(&session) == SESSION_ANSWER)
			session_answer(&session, golden.sent, golden.sent_size);
		if (session_wants(&session) == SESSION_TAKE) {
			const char *data = session_data(&session, &size);

			assert_string_equal(session_type(&session), TYPE);
			assert_int_equal(size, golden.answered_size);
			assert_memory_equal(data, golden.answered, size);
			(void)store_merge(&store, data, size, "node9", true);
			session_taken(&session);
		}
		drain(&session, out, &out_size);
	}
	assert_int_equal(session_wants(&session), SESSION_DONE);
	assert_int_equal(session_error(&session), SESSION_OK);
	assert_int_equal(out_size, golden.c2s_size);
	assert_memory_equal(out, golden.c2s, golden.c2s_size);

	text_init(&text, merged, sizeof(merged));
	store_write(&store, &text);
	assert_same_entries(merged, text.size, golden.answered, golden.answered_size);
	session_free(&session);
	store_free(&store);
}

/* In this one the entries' author asks a peer whose copies have aged a second less. */
static void test_a_recorded_author_refuses_the_longer_lived_copy(void **state)
{
	struct golden golden;
	struct store store;
	struct text text;
	char kept[4096];

	(void)state;
	load_golden(&golden, "10-peer-to-peer-2");
	store_init(&store);
	(void)store_merge(&store, golden.sent, golden.sent_size, "node1", false);
	assert_false(store_merge(&store, golden.answered, golden.answered_size, "node1", true));
	text_init(&text, kept, sizeof(kept));
	store_write(&store, &text);
	assert_same_entries(kept, text.size, golden.sent, golden.sent_size);
	store_free(&store);
}

static void test_recorded_numbers_survive_byte_for_byte(void **state)
{
	static const char *const kept[] = { "3.5,", "1e100,", "0.1,", "1.0,",
		"\"u64\": 18446744073709551615,", "\"i64\": -9223372036854775808,",
		"\"big\": 1.2345678901234566e29", "\\u0001 del \x7f" };
	struct golden golden;
	struct store store;
	struct text text;
	char buffer[4096];

	(void)state;
	load_golden(&golden, "04-cli-insert-3");
	store_init(&store);
	assert_true(store_merge(&store, golden.sent, golden.sent_size, "here", true));
	text_init(&text, buffer, sizeof(buffer));
	store_write(&store, &text);
	for (size_t i = 0; i < COUNT(kept); i++)
		assert_non_null(strstr(buffer, kept[i]));
	store_free(&store);
}

/* ---- What peers do that the recorded ones did not ------------------------------------------ */

#define V "\0\0\0\1"
#define NAME "\x01t"

/* A server is fed these bytes, answers with EMPTY if it gets so far, and is told of the end. */
static const struct server_case {
	const char *name;
	const char *in;
	size_t in_size;
	bool end;
	enum session_wants wants;
	enum session_error error;
	const char *out;
	size_t out_size;
} server_cases[] = {
	{ "server: silence", BYTES(""), false, SESSION_MORE, SESSION_OK, BYTES("") },
	{ "server: half a version", BYTES("\0\0"), false, SESSION_MORE, SESSION_OK, BYTES("") },
	{ "server: version", BYTES(V), false, SESSION_MORE, SESSION_OK, BYTES(V) },
	{ "server: version 2", BYTES("\0\0\0\2"), false, SESSION_FAILED, SESSION_BAD_VERSION,
		BYTES("") },
	{ "server: version in the wrong order", BYTES("\1\0\0\0"), false, SESSION_FAILED,
		SESSION_BAD_VERSION, BYTES("") },
	{ "server: HTTP request", BYTES("GET / HTTP/1.1\r\n\r\n"), false, SESSION_FAILED,
		SESSION_BAD_VERSION, BYTES("") },
	{ "server: any echo will do",
		BYTES(V "\xde\xad\xbe\xef" NAME "\0\0\0\2{}"
			"\0\0\0\x17"),
		false, SESSION_DONE, SESSION_OK, BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY) },
	{ "server: big-endian echo",
		BYTES(V V NAME "\0\0\0\2{}"
			       "\0\0\0\x17"),
		false, SESSION_DONE, SESSION_OK, BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY) },
	{ "server: not acknowledged yet", BYTES(V V NAME "\0\0\0\2{}"), false, SESSION_MORE,
		SESSION_OK, BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY) },
	{ "server: never acknowledged", BYTES(V V NAME "\0\0\0\2{}"), true, SESSION_DONE,
		SESSION_CLOSED, BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY) },
	{ "server: wrong acknowledgement",
		BYTES(V V NAME "\0\0\0\2{}"
			       "\0\0\0\x16"),
		false, SESSION_FAILED, SESSION_BAD_ACK,
		BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY) },
	{ "server: name of no bytes", BYTES(V V "\0"), false, SESSION_FAILED,
		SESSION_BAD_NAME_LENGTH, BYTES(V) },
	{ "server: name of 129 bytes", BYTES(V V "\x81"), false, SESSION_FAILED,
		SESSION_BAD_NAME_LENGTH, BYTES(V) },
	{ "server: name of 128 bytes", BYTES(V V "\x80"), false, SESSION_MORE, SESSION_OK,
		BYTES(V) },
	{ "server: no data", BYTES(V V NAME "\0\0\0\0"), false, SESSION_FAILED,
		SESSION_BAD_DATA_LENGTH, BYTES(V) },
	{ "server: one byte of data", BYTES(V V NAME "\0\0\0\1"), false, SESSION_FAILED,
		SESSION_BAD_DATA_LENGTH, BYTES(V) },
	{ "server: 1 MiB of data", BYTES(V V NAME "\0\x10\0\0"), false, SESSION_MORE, SESSION_OK,
		BYTES(V) },
	{ "server: 1 MiB and a byte", BYTES(V V NAME "\0\x10\0\1"), false, SESSION_FAILED,
		SESSION_BAD_DATA_LENGTH, BYTES(V) },
	{ "server: 4 GiB", BYTES(V V NAME "\xff\xff\xff\xff"), false, SESSION_FAILED,
		SESSION_BAD_DATA_LENGTH, BYTES(V) },
	{ "server: unfinished message", BYTES(V V NAME "\0\0\0\x64{}"), false, SESSION_MORE,
		SESSION_OK, BYTES(V) },
	{ "server: half-closed in the data", BYTES(V V NAME "\0\0\0\x64{}"), true, SESSION_DONE,
		SESSION_CLOSED, BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY) },
	{ "server: half-closed before the data", BYTES(V V NAME "\0\0\0\x64"), true, SESSION_DONE,
		SESSION_CLOSED, BYTES(V "\0\0\0\x06" NAME "\0\0\0\x11" EMPTY) },
	{ "server: closed in the name", BYTES(V V "\x05mesh"), true, SESSION_FAILED, SESSION_CLOSED,
		BYTES(V) },
	{ "server: closed at once", BYTES(""), true, SESSION_FAILED, SESSION_CLOSED, BYTES("") },
	{ "server: unknown type", BYTES(V V "\x01u\0\0\0\2{}"), false, SESSION_DONE,
		SESSION_UNKNOWN_TYPE, BYTES(V "\0\0\0\x08") },
	{ "server: a NUL does not end a name", BYTES(V V "\x03t\0x\0\0\0\2{}"), false, SESSION_DONE,
		SESSION_UNKNOWN_TYPE, BYTES(V "\0\0\0\x0a") },
	{ "server: control character in a name", BYTES(V V "\x02t\n\0\0\0\2{}"), false,
		SESSION_DONE, SESSION_UNKNOWN_TYPE, BYTES(V "\0\0\0\x09") },
};

static void feed_server(struct session *session, const char *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && session_wants(session) == SESSION_MORE) {
		at += session_feed(session, bytes + at, size - at);
		if (session_wants(session) != SESSION_ANSWER)
			continue;
		if (strcmp(session_type(session), "t") == 0)
			session_answer(session, BYTES(EMPTY));
		else
			session_refuse(session);
	}
}

static void test_server(void **state)
{
	const struct server_case *c = *state;

	for (size_t step = 1; step <= 64; step += 63) {
		struct session session;
		char out[256];
		size_t out_size = 0;

		session_init_server(&session);
		for (size_t at = 0; at < c->in_size; at += step)
			feed_server(&session, c->in + at,
				c->in_size - at < step ? c->in_size - at : step);
		if (c->end) {
			session_feed_end(&session);
			if (session_wants(&session) == SESSION_ANSWER)
				session_answer(&session, BYTES(EMPTY));
		}
		drain(&session, out, &out_size);
		assert_int_equal(session_wants(&session), c->wants);
		assert_int_equal(session_error(&session), c->error);
		assert_int_equal(out_size, c->out_size);
		assert_memory_equal(out, c->out, out_size);
		session_free(&session);
	}
}

/* A client for type "t" with data "{}", 8 bytes of message, is fed these. */
static const struct client_case {
	const char *name;
	const char *in;
	size_t in_size;
	bool end;
	enum session_wants wants;
	enum session_error error;
	const char *type; /* what it took, NULL: nothing */
	const char *ack;  /* what it says after its message */
} client_cases[] = {
	{ "client: whole exchange", BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11" EMPTY), false,
		SESSION_DONE, SESSION_OK, "t", "\0\0\0\x17" },
	{ "client: the name that came counts", BYTES(V "\0\0\0\x08\x02xy\0\0\0\x02{}"), false,
		SESSION_DONE, SESSION_OK, "xy", "\0\0\0\x09" },
	{ "client: wrong version", BYTES("\0\0\0\0"), false, SESSION_FAILED, SESSION_BAD_VERSION,
		NULL, NULL },
	{ "client: wrong acknowledgement", BYTES(V "\0\0\0\x07"), false, SESSION_FAILED,
		SESSION_BAD_ACK, NULL, NULL },
	{ "client: acknowledged and closed", BYTES(V "\0\0\0\x08"), true, SESSION_FAILED,
		SESSION_UNKNOWN_TYPE, NULL, NULL },
	{ "client: closed before the acknowledgement", BYTES(V), true, SESSION_FAILED,
		SESSION_CLOSED, NULL, NULL },
	{ "client: name too long", BYTES(V "\0\0\0\x08\xff"), false, SESSION_FAILED,
		SESSION_BAD_NAME_LENGTH, NULL, NULL },
	{ "client: too much data", BYTES(V "\0\0\0\x08" NAME "\0\x10\0\1"), false, SESSION_FAILED,
		SESSION_BAD_DATA_LENGTH, NULL, NULL },
	{ "client: closed in the data", BYTES(V "\0\0\0\x08" NAME "\0\0\0\x11{\"st"), true,
		SESSION_DONE, SESSION_OK, "t", "\0\0\0\x0a" },
};

static void test_client(void **state)
{
	const struct client_case *c = *state;
	struct session session;
	char out[256], took[LIMITS_TYPE_NAME_SIZE + 1] = "";
	size_t out_size = 0, before;

	assert_true(session_init_client(&session, "t"));
	for (size_t at = 0; at < c->in_size && session_wants(&session) == SESSION_MORE;) {
		at += session_feed(&session, c->in + at, c->in_size - at);
		if (session_wants(&session) == SESSION_ANSWER)
			session_answer(&session, BYTES("{}"));
	}
	drain(&session, out, &out_size);
	before = out_size;
	if (c->end)
		session_feed_end(&session);
	if (session_wants(&session) == SESSION_TAKE) {
		strcpy(took, session_type(&session));
		session_taken(&session);
	}
	drain(&session, out, &out_size);
	assert_int_equal(session_wants(&session), c->wants);
	assert_int_equal(session_error(&session), c->error);
	assert_string_equal(took, c->type != NULL ? c->type : "");
	assert_int_equal(out_size - before, c->ack != NULL ? 4 : 0);
	if (c->ack != NULL)
		assert_memory_equal(out + before, c->ack, 4);
	session_free(&session);
}

static void test_a_client_echoes_in_its_own_order(void **state)
{
	(void)state;
	for (int little = 0; little < 2; little++) {
		struct session session;
		char out[64];
		size_t out_size = 0;

		assert_true(session_init_client(&session, "t"));
		session.little_endian_echo = little;
		assert_false(session_version_answered(&session));
		assert_int_equal(session_feed(&session, V "more", 8), 4);
		assert_true(session_version_answered(&session));
		/* Nothing is written before the peer is there. */
		assert_int_equal(session_wants(&session), SESSION_ANSWER);
		session_answer(&session, BYTES("{}"));
		assert_int_equal(session_wants(&session), SESSION_MORE);
		drain(&session, out, &out_size);
		assert_int_equal(out_size, 16);
		assert_memory_equal(out, V, 4);
		assert_memory_equal(out + 4, little ? "\1\0\0\0" : "\0\0\0\1", 4);
		assert_memory_equal(out + 8, NAME "\0\0\0\2{}", 8);
		session_free(&session);
	}
}

static void test_what_does_not_fit_into_a_message_is_not_sent(void **state)
{
	struct session session;
	char *data = calloc(1, LIMITS_SLICE_SIZE + 1), name[LIMITS_TYPE_NAME_SIZE + 2] = "";
	size_t size;

	(void)state;
	assert_non_null(data);
	memset(name, 'n', LIMITS_TYPE_NAME_SIZE + 1);
	assert_false(session_init_client(&session, ""));
	assert_false(session_init_client(&session, name));
	name[LIMITS_TYPE_NAME_SIZE] = '\0';
	for (size_t more = 0; more < 2; more++) {
		assert_true(session_init_client(&session, name));
		session_feed(&session, V, 4);
		session_answer(&session, data, LIMITS_SLICE_SIZE + more);
		assert_int_equal(session_wants(&session), more ? SESSION_FAILED : SESSION_MORE);
		assert_int_equal(
			session_error(&session), more ? SESSION_STATE_TOO_LARGE : SESSION_OK);
		session_free(&session);
	}
	/* Without memory for it there is none. */
	assert_true(session_init_client(&session, "t"));
	session_feed(&session, V, 4);
	session_refuse(&session);
	assert_int_equal(session_error(&session), SESSION_NO_MEMORY);
	session_free(&session);

	session_init_server(&session);
	session_feed(&session, BYTES(V V NAME "\0\0\0\2{}"));
	assert_true(session_version_answered(&session));
	assert_int_equal(session_wants(&session), SESSION_ANSWER);
	session_answer(&session, data, LIMITS_SLICE_SIZE + 1);
	assert_int_equal(session_wants(&session), SESSION_DONE);
	assert_int_equal(session_error(&session), SESSION_STATE_TOO_LARGE);
	(void)session_output(&session, &size);
	assert_int_equal(size, 8); /* version and acknowledgement */
	session_free(&session);
	free(data);
}

static void test_an_announcement_costs_no_memory(void **state)
{
	struct session session;

	(void)state;
	session_init_server(&session);
	session_feed(&session, BYTES(V V NAME "\0\x10\0\0"
					      "abc"));
	assert_int_equal(session_wants(&session), SESSION_MORE);
	assert_in_range(session_buffered(&session), 3, 8192);
	session_free(&session);
	assert_int_equal(session_buffered(&session), 0);

	/* Nor does a short one cost more than it says. */
	session_init_server(&session);
	session_feed(&session, BYTES(V V NAME "\0\0\0\5abc"));
	assert_int_equal(session_buffered(&session), 4 + 5);
	session_free(&session);
}

static void add(struct CMUnitTest *test, const char *name, CMUnitTestFunction run, const void *row)
{
	*test = (struct CMUnitTest){
		.name = name, .test_func = run, .initial_state = (void *)(uintptr_t)row
	};
}

int main(void)
{
	static struct CMUnitTest
		tests[2 * COUNT(golden_cases) + COUNT(server_cases) + COUNT(client_cases) + 5] = {
			cmocka_unit_test(test_a_recorded_author_refuses_the_longer_lived_copy),
			cmocka_unit_test(test_recorded_numbers_survive_byte_for_byte),
			cmocka_unit_test(test_a_client_echoes_in_its_own_order),
			cmocka_unit_test(test_what_does_not_fit_into_a_message_is_not_sent),
			cmocka_unit_test(test_an_announcement_costs_no_memory),
		};
	static char names[2 * COUNT(golden_cases)][64];
	size_t count = 5;

	for (size_t i = 0; i < COUNT(golden_cases); i++) {
		const struct golden_case *c = &golden_cases[i];

		snprintf(names[2 * i], 64, "recorded client: %s by %zu", c->name, c->step);
		snprintf(names[2 * i + 1], 64, "recorded server: %s by %zu", c->name, c->step);
		add(&tests[count++], names[2 * i], test_recorded_client, c);
		add(&tests[count++], names[2 * i + 1], test_recorded_server, c);
	}
	for (size_t i = 0; i < COUNT(server_cases); i++)
		add(&tests[count++], server_cases[i].name, test_server, &server_cases[i]);
	for (size_t i = 0; i < COUNT(client_cases); i++)
		add(&tests[count++], client_cases[i].name, test_client, &client_cases[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
