// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/journal.h"

#include "base/members.h"
#include "base/seal.h"

static const char magic[] = "lockstep-journal 1 ";

static const struct member members[] = {
	MEMBER(struct journal, highest_epoch, NUMBER, "epoch"),
	MEMBER(struct journal, incarnation, NUMBER, "incarnation"),
	MEMBER(struct journal, state, WORD, "state", .words = state_words),
	MEMBER(struct journal, reason, REASON, "reason"),
	MEMBER(struct journal, message, STRING, "message"),
	MEMBER(struct journal, boot_id, STRING, "boot_id"),
	MEMBER(struct journal, flashed, BOOL, "flashed", .flags = MEMBER_OPTIONAL),
	MEMBER(struct journal, window_s, NUMBER, "window_s", .max = LIMITS_CONFIRM_WINDOW_MAX_S),
	MEMBER(struct journal, previous_version, STRING, "previous_version"),
	MEMBER(struct journal, release_sequence, NUMBER, "release_sequence"),
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };

struct document {
	const struct journal *journal;
	const struct book *book;
};

static void write_journal(struct text *text, const void *of)
{
	const struct document *document = of;

	text_begin_object(text);
	members_write(text, members, MEMBER_COUNT, document->journal, false);
	text_begin_list(text, "orders");
	for (const struct book_order *slot = document->book->start; slot != NULL;
		slot = slot->next) {
		book_write_order(slot, text);
		text_end_object(text);
	}
	text_add(text, "]}\n");
}

char *journal_encode(const struct journal *journal, const struct book *book, size_t *size)
{
	return seal_encode(magic, write_journal, &(struct document){ journal, book }, size);
}

static void read_order(struct json_reader *reader, struct json_object *item, struct book *book,
	const char *mesh, uint64_t now_ms)
{
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct usign_signature signature;
	struct order order;
	size_t size = 0;
	const char *text = json_get_string_view(reader, item, "order", &size);

	json_get_string(reader, item, "signature", blob, sizeof(blob));
	if (!json_ok(reader))
		return;
	if (!usign_signature_from_blob(&signature, blob) ||
		order_decode(&order, text, size, mesh, problem, sizeof(problem)) != REASON_NONE) {
		json_fail(reader, "orders", "hold what is no order");
		return;
	}
	if ((book->start == NULL) != (order.kind == ORDER_START))
		json_fail(reader, "orders", "must begin with the start, and only it");
	else if (book_add(book, &order, &signature, now_ms) == NULL)
		json_fail(reader, "orders", "are too many");
	if (!json_ok(reader))
		order_free(&order);
}

bool journal_decode(struct journal *journal, struct book *book, const char *mesh, const char *bytes,
	size_t size, uint64_t now_ms)
{
	struct journal decoded = { 0 };
	struct json_reader reader;
	struct json_object *object, *orders;
	bool ok;

	if (size > JOURNAL_SIZE_MAX || (bytes = seal_open(magic, bytes, &size)) == NULL)
		return false;
	object = json_parse(&reader, bytes, size);
	members_read(&reader, object, members, MEMBER_COUNT, &decoded);
	orders = json_get_array(&reader, object, "orders", LIMITS_ORDERS_MAX);
	for (size_t i = 0; json_ok(&reader) && i < json_array_count(orders); i++)
		read_order(&reader, json_array_object(&reader, orders, "orders", i), book, mesh,
			now_ms);
	ok = json_ok(&reader);
	json_free(object);
	if (ok)
		*journal = decoded;
	else
		book_clear(book);
	return ok;
}
