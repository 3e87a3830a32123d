// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/record.h"

#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "base/ensure.h"
#include "base/members.h"

/* In the order in which they are written. */
static const struct member members[] = {
	MEMBER(struct record_whole, record.name, NAME, "name"),
	MEMBER(struct record_whole, record.incarnation, NUMBER, "incarnation", .min = 1),
	MEMBER(struct record_whole, record.sequence, NUMBER, "sequence"),
	MEMBER(struct record_whole, record.state, WORD, "state", .words = state_words),
	MEMBER(struct record_whole, record.reason, REASON, "reason", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, message, PRINTABLE, "message", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.highest_epoch, NUMBER, "highest_epoch",
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.epoch, NUMBER, "epoch", .min = 1,
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.upgrade, HEX, "upgrade", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.order, HEX, "order", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.wave, NUMBER, "wave", .max = LIMITS_WAVES_MAX - 1,
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.flashed, BOOL, "flashed", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.healthy, BOOL, "healthy", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.source, BOOL, "source", .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.held_bytes, NUMBER, "held_bytes",
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.image_bytes, NUMBER, "image_bytes",
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.release_sequence, NUMBER, "release_sequence",
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.slots, NUMBER, "slots", .max = 2,
		.flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, record.window_s, NUMBER, "window_s",
		.max = LIMITS_CONFIRM_WINDOW_MAX_S, .flags = MEMBER_SPARSE),
	MEMBER(struct record_whole, version, PRINTABLE, "version", .flags = MEMBER_OPTIONAL),
	MEMBER(struct record_whole, record.board, PRINTABLE, "board", .flags = MEMBER_OPTIONAL),
	MEMBER(struct record_whole, record.address, PRINTABLE, "address", .flags = MEMBER_SPARSE),
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };

int record_compare_age(const struct record *a, const struct record *b)
{
	if (a->incarnation != b->incarnation)
		return a->incarnation > b->incarnation ? 1 : -1;
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence ? 1 : -1;
	return 0;
}

void record_add_link(char links[static RECORD_LINKS_SIZE + 1], const char *name, uint32_t kbit)
{
	size_t size = strlen(links);
	struct text text;

	ensure(text_is_name(name));
	/* Over the brace at the end; it comes back if the link does not fit. */
	if (size > 0)
		size--;
	text_init(&text, links + size, RECORD_LINKS_SIZE + 1 - size);
	text_add_format(&text, "%c\"%s\":%" PRIu32 "}", size > 0 ? ',' : '{', name, kbit);
	if (text_cut(&text))
		text_set(links + size, sizeof("}"), size > 0 ? "}" : "");
}

static void read_links(
	struct json_reader *reader, struct json_object *object, struct record_whole *record)
{
	struct json_object *links = NULL;

	if (json_has(object, "links"))
		links = json_get_object(reader, object, "links");
	if (links == NULL)
		return;
	json_object_object_foreach(links, name, value)
	{
		(void)value;
		if (!text_is_name(name))
			json_fail(reader, "links", "names what is no name");
		else
			record_add_link(record->links, name,
				(uint32_t)json_get_u64(reader, links, name, 1, RECORD_KBIT_MAX));
	}
}

bool record_decode(struct record_whole *record, const char *bytes, size_t size, const char *mesh,
	char *problem, size_t problem_capacity)
{
	struct record_whole decoded = { 0 };
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	char text[LIMITS_MESH_SIZE + 1] = "";
	bool ok;

	json_get_u64(&reader, object, "lockstep", RECORD_FORMAT, RECORD_FORMAT);
	json_get_string(&reader, object, "mesh", text, sizeof(text));
	if (strcmp(text, mesh) != 0)
		json_fail(&reader, "mesh", "is another mesh");
	members_read(&reader, object, members, MEMBER_COUNT, &decoded);
	read_links(&reader, object, &decoded);
	if (decoded.record.epoch != 0 && bytes_are_zero(decoded.record.upgrade, ORDER_UPGRADE_SIZE))
		json_fail(&reader, "upgrade", "is missing");

	ok = json_ok(&reader);
	if (ok)
		*record = decoded;
	else
		json_explain(&reader, problem, problem_capacity);
	json_free(object);
	return ok;
}

void record_write_members(const struct record_whole *record, bool whole, struct text *text)
{
	members_write(text, members, MEMBER_COUNT, record, whole);
	if (whole || record->links[0] != '\0') {
		text_add_member(text, "links");
		text_add(text, record->links[0] != '\0' ? record->links : "{}");
	}
}

static size_t write_record(const struct record_whole *record, const char *mesh, char *buffer)
{
	struct text text;

	text_init(&text, buffer, LIMITS_RECORD_SIZE + 1);
	text_begin_object(&text);
	text_add_member_u64(&text, "lockstep", RECORD_FORMAT);
	text_add_member_string(&text, "mesh", mesh);
	record_write_members(record, false, &text);
	text_end_object(&text);
	return text.size;
}

size_t record_encode(const struct record_whole *record, const char *mesh,
	char buffer[static LIMITS_RECORD_SIZE + 1])
{
	size_t size = write_record(record, mesh, buffer);
	struct record_whole shorter;

	if (size > LIMITS_RECORD_SIZE) {
		shorter = *record;
		shorter.links[0] = '\0';
		size = write_record(&shorter, mesh, buffer);
	}
	if (size > LIMITS_RECORD_SIZE) {
		/* The rest always fits, but for text that is all escapes; then the version goes
		 * too. */
		shorter.message[0] = '\0';
		size = write_record(&shorter, mesh, buffer);
	}
	if (size > LIMITS_RECORD_SIZE) {
		shorter.version[0] = '\0';
		shorter.record.board[0] = '\0';
		size = write_record(&shorter, mesh, buffer);
	}
	ensure(size <= LIMITS_RECORD_SIZE);
	return size;
}
