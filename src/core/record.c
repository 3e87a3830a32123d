// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/record.h"

#include <string.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/text.h"

enum {
	COUNTER_MAX_BITS = 53, /* what every JSON reader keeps exactly */
};
#define COUNTER_MAX ((UINT64_C(1) << COUNTER_MAX_BITS) - 1)

int record_compare_age(const struct record *a, const struct record *b)
{
	if (a->incarnation != b->incarnation)
		return a->incarnation > b->incarnation ? 1 : -1;
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence ? 1 : -1;
	return 0;
}

static void read_upgrade(
	struct json_reader *reader, struct json_object *object, struct record *record)
{
	if (json_has(object, "epoch")) {
		record->epoch = json_get_u64(reader, object, "epoch", 1, COUNTER_MAX);
		json_get_hex(reader, object, "upgrade", record->upgrade, ORDER_UPGRADE_SIZE);
	}
	if (json_has(object, "order"))
		json_get_hex(reader, object, "order", record->order, BYTES_HASH_SIZE);
	record->wave =
		(uint32_t)json_get_optional_u64(reader, object, "wave", 0, LIMITS_WAVES_MAX - 1, 0);
	record->flashed = json_get_optional_bool(reader, object, "flashed", false);
	record->healthy = json_get_optional_bool(reader, object, "healthy", false);
	record->source = json_get_optional_bool(reader, object, "source", false);
	record->held_bytes = json_get_optional_u64(reader, object, "held_bytes", 0, COUNTER_MAX, 0);
	record->image_bytes =
		json_get_optional_u64(reader, object, "image_bytes", 0, COUNTER_MAX, 0);
	record->window_s = (uint32_t)json_get_optional_u64(
		reader, object, "window_s", 0, LIMITS_CONFIRM_WINDOW_MAX_S, 0);
}

static void read_texts(
	struct json_reader *reader, struct json_object *object, struct record *record)
{
	char word[LIMITS_REASON_SIZE + 1];

	json_get_optional_string(
		reader, object, "version", record->version, sizeof(record->version));
	json_get_optional_string(reader, object, "board", record->board, sizeof(record->board));
	json_get_optional_string(
		reader, object, "address", record->address, sizeof(record->address));
	json_get_optional_string(
		reader, object, "message", record->message, sizeof(record->message));
	json_get_optional_string(reader, object, "reason", word, sizeof(word));
	record->reason = word[0] != '\0' ? reason_from_word(word) : REASON_NONE;
	if (!json_ok(reader))
		return;
	if (!text_is_printable(record->version, LIMITS_VERSION_SIZE))
		json_fail(reader, "version", "is not printable");
	if (!text_is_printable(record->board, LIMITS_BOARD_SIZE))
		json_fail(reader, "board", "is not printable");
	if (!text_is_printable(record->address, LIMITS_ADDRESS_SIZE))
		json_fail(reader, "address", "is not printable");
	if (!text_is_printable(record->message, LIMITS_MESSAGE_SIZE))
		json_fail(reader, "message", "is not printable");
}

bool record_decode(struct record *record, const char *bytes, size_t size, const char *mesh,
	char *problem, size_t problem_capacity)
{
	struct record decoded = { 0 };
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	char text[LIMITS_MESH_SIZE + 1] = "";
	bool ok;

	json_get_u64(&reader, object, "lockstep", RECORD_FORMAT, RECORD_FORMAT);
	json_get_string(&reader, object, "mesh", text, sizeof(text));
	if (json_ok(&reader) && strcmp(text, mesh) != 0)
		json_fail(&reader, "mesh", "is another mesh");
	json_get_string(&reader, object, "name", decoded.name, sizeof(decoded.name));
	if (json_ok(&reader) && !text_is_name(decoded.name))
		json_fail(&reader, "name", "is not a host name");
	json_get_string(&reader, object, "state", text, sizeof(text));
	if (json_ok(&reader) && !state_from_name(&decoded.state, text))
		json_fail(&reader, "state", "is not known");
	decoded.incarnation = json_get_u64(&reader, object, "incarnation", 1, COUNTER_MAX);
	decoded.sequence = json_get_u64(&reader, object, "sequence", 0, COUNTER_MAX);
	decoded.highest_epoch =
		json_get_optional_u64(&reader, object, "highest_epoch", 0, COUNTER_MAX, 0);
	decoded.release_sequence =
		json_get_optional_u64(&reader, object, "release_sequence", 0, COUNTER_MAX, 0);
	decoded.slots = (uint32_t)json_get_optional_u64(&reader, object, "slots", 0, 2, 0);
	read_upgrade(&reader, object, &decoded);
	read_texts(&reader, object, &decoded);

	ok = json_ok(&reader);
	if (ok)
		*record = decoded;
	else
		json_explain(&reader, problem, problem_capacity);
	json_free(object);
	return ok;
}

static void write_record(struct text *text, const struct record *record, const char *mesh)
{
	char hex[BYTES_HASH_TEXT_SIZE + 1];
	static const uint8_t no_order[BYTES_HASH_SIZE];

	text_add(text, "{");
	text_add_member_u64(text, "lockstep", RECORD_FORMAT);
	text_add_member_string(text, "mesh", mesh);
	text_add_member_string(text, "name", record->name);
	text_add_member_u64(text, "incarnation", record->incarnation);
	text_add_member_u64(text, "sequence", record->sequence);
	text_add_member_string(text, "state", state_name(record->state));
	if (record->reason != REASON_NONE)
		text_add_member_string(text, "reason", reason_word(record->reason));
	if (record->message[0] != '\0')
		text_add_member_string(text, "message", record->message);
	if (record->highest_epoch != 0)
		text_add_member_u64(text, "highest_epoch", record->highest_epoch);
	if (record->epoch != 0) {
		text_add_member_u64(text, "epoch", record->epoch);
		bytes_to_hex(hex, record->upgrade, ORDER_UPGRADE_SIZE);
		text_add_member_string(text, "upgrade", hex);
	}
	if (memcmp(record->order, no_order, sizeof(no_order)) != 0) {
		bytes_to_hex(hex, record->order, BYTES_HASH_SIZE);
		text_add_member_string(text, "order", hex);
	}
	if (record->wave != 0)
		text_add_member_u64(text, "wave", record->wave);
	if (record->flashed)
		text_add_member_bool(text, "flashed", true);
	if (record->healthy)
		text_add_member_bool(text, "healthy", true);
	if (record->source)
		text_add_member_bool(text, "source", true);
	if (record->held_bytes != 0)
		text_add_member_u64(text, "held_bytes", record->held_bytes);
	if (record->image_bytes != 0)
		text_add_member_u64(text, "image_bytes", record->image_bytes);
	if (record->release_sequence != 0)
		text_add_member_u64(text, "release_sequence", record->release_sequence);
	if (record->slots != 0)
		text_add_member_u64(text, "slots", record->slots);
	if (record->window_s != 0)
		text_add_member_u64(text, "window_s", record->window_s);
	text_add_member_string(text, "version", record->version);
	text_add_member_string(text, "board", record->board);
	if (record->address[0] != '\0')
		text_add_member_string(text, "address", record->address);
	text_add(text, "}");
}

size_t record_encode(
	const struct record *record, const char *mesh, char buffer[static LIMITS_RECORD_SIZE + 1])
{
	struct record shorter = *record;
	struct text text;

	text_init(&text, buffer, LIMITS_RECORD_SIZE + 1);
	write_record(&text, &shorter, mesh);
	if (text_cut(&text)) {
		/* The rest always fits, but for text that is all escapes; then the version goes
		 * too. */
		shorter.message[0] = '\0';
		text_init(&text, buffer, LIMITS_RECORD_SIZE + 1);
		write_record(&text, &shorter, mesh);
	}
	if (text_cut(&text)) {
		shorter.version[0] = '\0';
		shorter.board[0] = '\0';
		text_init(&text, buffer, LIMITS_RECORD_SIZE + 1);
		write_record(&text, &shorter, mesh);
	}
	ensure(!text_cut(&text));
	return text.size;
}
