// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/book.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

void book_init(struct book *book)
{
	memset(book, 0, sizeof(*book));
}

void book_clear(struct book *book)
{
	while (book->start != NULL) {
		struct book_order *slot = book->start;

		book->start = slot->next;
		order_free(&slot->order);
		free(slot);
	}
	book->count = 0;
	book->change++;
}

struct book_order *book_add(struct book *book, const struct order *order,
	const struct usign_signature *signature, uint64_t now_ms)
{
	struct book_order **end = &book->start;
	struct book_order *slot;

	ensure(book->start != NULL || order->kind == ORDER_START);

	slot = book->count < LIMITS_ORDERS_MAX || order->kind == ORDER_START
		       ? calloc(1, sizeof(*slot))
		       : NULL;
	if (slot == NULL)
		return NULL;
	/* It has its place before the old orders are let go. */
	if (order->kind == ORDER_START)
		book_clear(book);
	order_id(slot->id, order->text, order->text_size);
	slot->order = *order;
	slot->signature = *signature;
	slot->came_ms = now_ms;
	slot->ttl_floor_s = BOOK_TTL_S;
	slot->change = ++book->change;
	while (*end != NULL)
		end = &(*end)->next;
	*end = slot;
	book->count++;
	return slot;
}

struct book_order *book_find(const struct book *book, const uint8_t id[static BYTES_HASH_SIZE])
{
	struct book_order *slot = book->start;

	while (slot != NULL && !bytes_same_32(slot->id, id))
		slot = slot->next;
	return slot;
}

struct book_order *book_start(const struct book *book)
{
	return book->start;
}

struct book_order *book_abort(const struct book *book)
{
	struct book_order *slot = book->start;

	while (slot != NULL && slot->order.kind != ORDER_ABORT)
		slot = slot->next;
	return slot;
}

struct book_order *book_schedule(const struct book *book, uint32_t wave)
{
	struct book_order *slot = book->start;

	while (slot != NULL &&
		(slot->order.kind != ORDER_SCHEDULE || slot->order.schedule.wave != wave))
		slot = slot->next;
	return slot;
}

bool book_is_scheduled(const struct book *book)
{
	return book_last_wave(book) != UINT32_MAX;
}

uint32_t book_last_wave(const struct book *book)
{
	uint32_t last = UINT32_MAX;

	for (const struct book_order *slot = book->start; slot != NULL; slot = slot->next) {
		const struct order *order = &slot->order;

		if (order->kind == ORDER_SCHEDULE &&
			(last == UINT32_MAX || order->schedule.wave > last))
			last = order->schedule.wave;
	}
	return last;
}

struct book_order *book_confirm(const struct book *book, uint32_t wave, uint32_t nth)
{
	struct book_order *slot = book->start;

	for (; slot != NULL; slot = slot->next) {
		if (slot->order.kind == ORDER_CONFIRM && slot->order.confirm.wave == wave &&
			nth-- == 0)
			break;
	}
	return slot;
}

void book_write_order(const struct book_order *slot, struct text *text)
{
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];

	text_begin_object(text);
	text_add_member_text(text, "order", slot->order.text, slot->order.text_size);
	usign_signature_to_blob(blob, &slot->signature);
	text_add_member_string(text, "signature", blob);
}

uint64_t book_digest(const struct book *book)
{
	uint64_t digest = 0;

	for (const struct book_order *slot = book->start; slot != NULL; slot = slot->next) {
		uint64_t part = 0;

		for (size_t j = 0; j < sizeof(part); j++)
			part = part << 8 | slot->id[j];
		digest += part;
	}
	return digest;
}
