// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Most of what a large mesh does is to read the same records again: everybody's, on every node.
 * Here each is written and read once. The linker sends the agents' calls of the codec through
 * __wrap_…; with codec_share() a slice carries a reference to a record instead of its text, and
 * whoever opens the envelope gets the record that its author made. What a node does with it stays
 * the agent's own code, and a test holds a run against the same run with text.
 *
 * Only where nobody damages or forges a message: references cannot lie.
 */
#include "sim/codec.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/book.h"
#include "agent/notice.h"
#include "agent/roster.h"
#include "base/ensure.h"
#include "base/json.h"
#include "core/order.h"
#include "gossip/slice.h"

enum {
	MARK = '\x02', /* before a reference; no byte of JSON */
	STARTS_MAX = 16,
	HEAD_SIZE = sizeof("{\"stateSlice\":[") - 1,
};

enum reason __real_order_decode(struct order *order, const char *bytes, size_t size,
	const char *mesh, char *problem, size_t problem_capacity);
enum reason __wrap_order_decode(struct order *order, const char *bytes, size_t size,
	const char *mesh, char *problem, size_t problem_capacity);
void __real_order_free(struct order *order);
void __real_order_id(uint8_t id[static BYTES_HASH_SIZE], const char *bytes, size_t size);
void __wrap_order_id(uint8_t id[static BYTES_HASH_SIZE], const char *bytes, size_t size);
void __wrap_order_free(struct order *order);
uint32_t __real_order_find_participant(const struct order_start *list, const char *name);
uint32_t __wrap_order_find_participant(const struct order_start *list, const char *name);
void __real_book_write_order(const struct book_order *slot, struct text *text);
void __wrap_book_write_order(const struct book_order *slot, struct text *text);
const char *__real_json_get_string_view(
	struct json_reader *reader, struct json_object *object, const char *member, size_t *size);
const char *__wrap_json_get_string_view(
	struct json_reader *reader, struct json_object *object, const char *member, size_t *size);

#define START "start " /* before the number of a start order; no order begins so */

struct reference {
	const struct notice *notice;
	int64_t ttl_s;
};

enum {
	REFERENCE_SIZE = 1 + sizeof(struct reference), /* in a slice */
	AHEAD = 16,
	LINE_SIZE = 64,       /* of a cache */
	BLOCK_SIZE = 2097152, /* a large page */
	BLOCKS_MORE = 64,
};

/* Several threads read; who adds something holds the mutex. */
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

static struct {
	bool on;
	uint32_t block_count, block_capacity;
	char **blocks;                /* all notices that were made lie in them; owned */
	size_t block_used;            /* of the last one */
	_Atomic uint32_t start_count; /* what lies below it never changes */
	struct start {
		uint8_t id[BYTES_HASH_SIZE];
		struct order order; /* owned */
		uint16_t *seats; /* by hash: a participant's number, from 1 on; 0 is none; owned */
		uint32_t seat_mask;
	} starts[STARTS_MAX];
} shared;

/* What this thread looks up, and will. */
static _Thread_local struct {
	const struct roster *roster; /* in which something was looked up last */
	const char *end;             /* of the references of the slice that is read */
	const struct notice *now;    /* what was read last */
} ahead;

void codec_share(bool on)
{
	for (uint32_t i = 0; i < shared.block_count; i++)
		free(shared.blocks[i]);
	free(shared.blocks);
	for (uint32_t i = 0; i < shared.start_count; i++) {
		__real_order_free(&shared.starts[i].order);
		free(shared.starts[i].seats);
	}
	memset(&shared, 0, sizeof(shared));
	shared.on = on;
	memset(&ahead, 0, sizeof(ahead));
}

bool codec_is_shared(void)
{
	return shared.on;
}

/* ---- envelopes ---- */

struct notice *__real_notice_open(const struct notice_offer *offer, char *problem, size_t capacity);
struct notice *__wrap_notice_open(const struct notice_offer *offer, char *problem, size_t capacity);
struct notice *__real_notice_sign(
	const struct record_whole *record, const char *mesh, const struct usign_secret *secret);
struct notice *__wrap_notice_sign(
	const struct record_whole *record, const char *mesh, const struct usign_secret *secret);
void __real_notice_free(struct notice *notice);
void __wrap_notice_free(struct notice *notice);
bool __real_notice_is_same(const struct notice *notice, const struct notice_offer *offer);
bool __wrap_notice_is_same(const struct notice *notice, const struct notice_offer *offer);

/* Everybody looks at every notice: they lie side by side, in large pages. */
static void *take_room(size_t size)
{
	size = (size + LINE_SIZE - 1) / LINE_SIZE * LINE_SIZE;
	if (shared.block_count == 0 || shared.block_used + size > BLOCK_SIZE) {
		if (shared.block_count == shared.block_capacity) {
			shared.block_capacity += BLOCKS_MORE;
			shared.blocks = realloc(
				shared.blocks, shared.block_capacity * sizeof(shared.blocks[0]));
			ensure(shared.blocks != NULL);
		}
		shared.blocks[shared.block_count] = aligned_alloc(BLOCK_SIZE, BLOCK_SIZE);
		ensure(shared.blocks[shared.block_count] != NULL);
		(void)madvise(shared.blocks[shared.block_count], BLOCK_SIZE, MADV_HUGEPAGE);
		shared.block_count++;
		shared.block_used = 0;
	}
	shared.block_used += size;
	return shared.blocks[shared.block_count - 1] + shared.block_used - size;
}

struct notice *__wrap_notice_sign(
	const struct record_whole *record, const char *mesh, const struct usign_secret *secret)
{
	struct notice *notice = __real_notice_sign(record, mesh, secret), *kept;

	if (!shared.on)
		return notice;
	ensure(notice != NULL);
	(void)pthread_mutex_lock(&adding);
	kept = take_room(notice_size(notice));
	memcpy(kept, notice, notice_size(notice));
	(void)pthread_mutex_unlock(&adding);
	__real_notice_free(notice);
	return kept;
}

struct notice *__wrap_notice_open(const struct notice_offer *offer, char *problem, size_t capacity)
{
	struct notice *notice;

	if (!shared.on)
		return __real_notice_open(offer, problem, capacity);
	notice = (struct notice *)((uintptr_t)offer->envelope - offsetof(struct notice, envelope));
	if (offer->pinned != NULL && !bytes_same_32(notice->key.key, offer->pinned)) {
		text_set(problem, capacity, "key is not the one that the start order pins");
		return NULL;
	}
	return notice;
}

bool __wrap_notice_is_same(const struct notice *notice, const struct notice_offer *offer)
{
	return shared.on ? notice->envelope == offer->envelope
			 : __real_notice_is_same(notice, offer);
}

void __wrap_notice_free(struct notice *notice)
{
	if (!shared.on)
		__real_notice_free(notice);
}

/* ---- orders ---- */

/* Is it the text of one of them, and not only the same? */
static const struct start *find_text(const char *text)
{
	for (uint32_t i = 0; i < shared.start_count; i++) {
		if (shared.starts[i].order.text == text)
			return &shared.starts[i];
	}
	return NULL;
}

/* NULL if it is not known. */
static const struct start *find_start(const char *text, size_t size)
{
	const struct start *start = find_text(text);

	for (uint32_t i = 0; start == NULL && i < shared.start_count; i++) {
		const struct order *order = &shared.starts[i].order;

		if (order->text_size == size && memcmp(order->text, text, size) == 0)
			start = &shared.starts[i];
	}
	return start;
}

/* NULL if the list is of none of them. */
static const struct start *find_list(const struct order_start *list)
{
	for (uint32_t i = 0; i < shared.start_count; i++) {
		if (shared.starts[i].order.start.participants == list->participants)
			return &shared.starts[i];
	}
	return NULL;
}

void __wrap_order_id(uint8_t id[static BYTES_HASH_SIZE], const char *bytes, size_t size)
{
	const struct start *start = find_text(bytes);

	if (start != NULL)
		memcpy(id, start->id, BYTES_HASH_SIZE);
	else
		__real_order_id(id, bytes, size);
}

const void *codec_short_for(const void *bytes, unsigned long long *size)
{
	const struct start *start = find_text(bytes);

	if (start == NULL)
		return bytes;
	*size = sizeof(start->id);
	return start->id;
}

static void index_seats(struct start *start)
{
	uint32_t count = start->order.start.participant_count;

	for (start->seat_mask = 1; start->seat_mask < count * 2;
		start->seat_mask = start->seat_mask * 2 + 1)
		;
	start->seats = calloc(start->seat_mask + 1, sizeof(start->seats[0]));
	ensure(start->seats != NULL);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)notice_hash(start->order.start.participants[i].name);

		while (start->seats[at & start->seat_mask] != 0)
			at++;
		start->seats[at & start->seat_mask] = (uint16_t)(i + 1);
	}
}

static void add_start(const struct order *order)
{
	struct start *start = &shared.starts[shared.start_count];

	if (shared.start_count == STARTS_MAX)
		return;
	start->order = *order;
	__real_order_id(start->id, order->text, order->text_size);
	index_seats(start);
	shared.start_count++;
}

/* Its list is looked through for each name that a node hears first. */
uint32_t __wrap_order_find_participant(const struct order_start *list, const char *name)
{
	const struct start *start = find_list(list);

	if (start == NULL)
		return __real_order_find_participant(list, name);
	for (uint32_t at = (uint32_t)notice_hash(name);; at++) {
		uint32_t number = start->seats[at & start->seat_mask];

		if (number == 0)
			return UINT32_MAX;
		if (strcmp(list->participants[number - 1].name, name) == 0)
			return number - 1;
	}
}

/* A start that names a thousand nodes is read once; all nodes hold the same list. */
enum reason __wrap_order_decode(struct order *order, const char *bytes, size_t size,
	const char *mesh, char *problem, size_t problem_capacity)
{
	const struct start *start = find_start(bytes, size);
	enum reason reason = REASON_NONE;

	if (start == NULL && shared.on) {
		(void)pthread_mutex_lock(&adding);
		start = find_start(bytes, size);
		if (start == NULL) {
			reason = __real_order_decode(
				order, bytes, size, mesh, problem, problem_capacity);
			if (reason == REASON_NONE && order->kind == ORDER_START)
				add_start(order);
		}
		(void)pthread_mutex_unlock(&adding);
	} else if (start == NULL) {
		return __real_order_decode(order, bytes, size, mesh, problem, problem_capacity);
	}
	if (start != NULL)
		*order = start->order;
	return reason;
}

void __wrap_order_free(struct order *order)
{
	if (order->kind != ORDER_START || find_list(&order->start) == NULL)
		__real_order_free(order);
}

/* Where it is written, its number is enough. */
void __wrap_book_write_order(const struct book_order *slot, struct text *text)
{
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	const struct start *start = find_text(slot->order.text);

	if (start == NULL) {
		__real_book_write_order(slot, text);
		return;
	}
	text_begin_object(text);
	text_add_member(text, "order");
	text_add_format(text, "\"" START "%u\"", (unsigned)(start - shared.starts));
	usign_signature_to_blob(blob, &slot->signature);
	text_add_member_string(text, "signature", blob);
}

const char *__wrap_json_get_string_view(
	struct json_reader *reader, struct json_object *object, const char *member, size_t *size)
{
	const char *text = __real_json_get_string_view(reader, object, member, size);
	const struct start *start;

	if (!shared.on || text == NULL || strncmp(text, START, sizeof(START) - 1) != 0)
		return text;
	start = &shared.starts[strtoul(text + sizeof(START) - 1, NULL, 10)];
	*size = start->order.text_size;
	return start->order.text;
}

/* ---- slices ---- */

void __real_slice_write_entry(struct text *text, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size);
void __wrap_slice_write_entry(struct text *text, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size);
void __real_slice_reader_init(struct slice_reader *reader, const char *bytes, size_t size);
void __wrap_slice_reader_init(struct slice_reader *reader, const char *bytes, size_t size);
bool __real_slice_reader_next(struct slice_reader *reader, struct slice_entry *entry);
bool __wrap_slice_reader_next(struct slice_reader *reader, struct slice_entry *entry);

/*
 * In a large mesh hardly anything that a node looks up is in a cache, one after the other. What the
 * next references will need is asked for ahead: where the name is found, the record there, and the
 * two that are compared.
 */
struct roster_entry *__real_roster_find(const struct roster *roster, const char *name);
struct roster_entry *__wrap_roster_find(const struct roster *roster, const char *name);

static const struct notice *notice_ahead(const char *at, size_t count)
{
	struct reference reference;

	if ((size_t)(ahead.end - at) < (count + 1) * REFERENCE_SIZE)
		return NULL;
	memcpy(&reference, at + count * REFERENCE_SIZE + 1, sizeof(reference));
	return reference.notice;
}

static uint64_t cell_count(const struct roster *roster)
{
	return roster->room / 4 * 5;
}

/* As the roster looks for them (agent/roster.c), at first; where it is another, nothing is lost. */
static const uint32_t *cell_of(const struct roster *roster, uint32_t hash)
{
	return &roster->cells[hash * cell_count(roster) >> 32];
}

static const struct roster_entry *entry_of(const struct roster *roster, uint32_t hash)
{
	uint32_t number = *cell_of(roster, hash) & UINT16_MAX;

	return &roster->entries[number > 0 ? number - 1 : 0];
}

static bool is_same_author(const struct notice *a, const struct notice *b)
{
	return a->hash == b->hash && bytes_same_32(a->key.key, b->key.key);
}

/* Whose record was just read is known without a look at names: no key signs for two. */
struct roster_entry *__wrap_roster_find(const struct roster *roster, const char *name)
{
	const struct notice *now = ahead.now;
	const uint32_t *cell, *end = roster->cells + cell_count(roster);

	ahead.roster = roster;
	if (roster->count == 0 || now == NULL || strcmp(name, now->record.name) != 0)
		return __real_roster_find(roster, name);
	for (cell = cell_of(roster, now->hash); *cell != 0;
		cell = cell + 1 < end ? cell + 1 : roster->cells) {
		struct roster_entry *entry = &roster->entries[(*cell & UINT16_MAX) - 1];

		if (*cell >> 16 != (now->hash & UINT16_MAX))
			continue;
		return is_same_author(entry->notice, now) ? entry
							  : __real_roster_find(roster, name);
	}
	return NULL;
}

/* All that one look at a notice needs. */
__attribute__((always_inline)) static inline void fetch_notice(const struct notice *notice)
{
	__builtin_prefetch(&notice->record.incarnation);
	__builtin_prefetch(&notice->record.sequence);
}

__attribute__((always_inline)) static inline void fetch_ahead(const char *at)
{
	const struct roster *roster = ahead.roster;
	const struct notice *notice = notice_ahead(at, AHEAD);

	if (notice != NULL)
		__builtin_prefetch(notice);
	if (roster == NULL || roster->count == 0)
		return;
	notice = notice_ahead(at, AHEAD * 3 / 4);
	if (notice != NULL) {
		__builtin_prefetch(cell_of(roster, notice->hash));
		fetch_notice(notice);
	}
	notice = notice_ahead(at, AHEAD / 2);
	if (notice != NULL)
		__builtin_prefetch(entry_of(roster, notice->hash));
	notice = notice_ahead(at, AHEAD / 4);
	if (notice != NULL)
		__builtin_prefetch(entry_of(roster, notice->hash)->notice);
	notice = notice_ahead(at, AHEAD / 8);
	if (notice != NULL)
		fetch_notice(entry_of(roster, notice->hash)->notice);
}

void __wrap_slice_write_entry(struct text *text, const char *key, const char *author, int64_t ttl_s,
	const char *data, size_t data_size)
{
	struct reference reference = { .ttl_s = ttl_s };
	char bytes[1 + sizeof(reference)] = { MARK };

	if (!shared.on) {
		__real_slice_write_entry(text, key, author, ttl_s, data, data_size);
		return;
	}
	reference.notice =
		(const struct notice *)((uintptr_t)data - offsetof(struct notice, envelope));
	memcpy(bytes + 1, &reference, sizeof(reference));
	text_add_bytes(text, bytes, sizeof(bytes));
}

void __wrap_slice_reader_init(struct slice_reader *reader, const char *bytes, size_t size)
{
	static const char member[] = "\"lockstep\":\"";
	const char *at = bytes + HEAD_SIZE;
	size_t length;

	if (!shared.on || size <= HEAD_SIZE || *at != MARK) {
		__real_slice_reader_init(reader, bytes, size);
		return;
	}
	memset(reader, 0, offsetof(struct slice_reader, digest) + 1);
	reader->scan.at = at; /* … and no end: so the reader is known */
	while (*at == MARK)
		at += REFERENCE_SIZE;
	ahead.end = at;
	at = memmem(at, (size_t)(bytes + size - at), member, sizeof(member) - 1);
	if (at == NULL)
		return;
	at += sizeof(member) - 1;
	length = strcspn(at, "\"");
	ensure(length <= SLICE_DIGEST_SIZE);
	memcpy(reader->digest, at, length);
	reader->digest[length] = '\0';
	reader->has_digest = true;
}

bool __wrap_slice_reader_next(struct slice_reader *reader, struct slice_entry *entry)
{
	struct reference reference;

	if (!shared.on || reader->scan.end != NULL)
		return __real_slice_reader_next(reader, entry);
	if (*reader->scan.at != MARK)
		return false;
	fetch_ahead(reader->scan.at);
	memcpy(&reference, reader->scan.at + 1, sizeof(reference));
	reader->scan.at += REFERENCE_SIZE;
	ahead.now = reference.notice;
	strcpy(entry->key, reference.notice->record.name);
	entry->author[0] = '\0';
	entry->ttl_s = reference.ttl_s;
	entry->data = reference.notice->envelope;
	entry->data_size = reference.notice->envelope_size;
	return true;
}
