// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * crowd MESH COUNT NEIGHBOUR: signed records of so many nodes that do not exist, linked with each
 * other and the first of them with NEIGHBOUR, which does. For each line that it reads it writes
 * one, with the records that are new, as tests/lab/crowd.py sends them ({"NAME": ["NAME", TTL,
 * DATA], …}):
 *
 *   whole                  all of them
 *   change COUNT           so many of them have something new to say
 *   upgrade EPOCH UPGRADE  from now on they take part in it; what changes, comes further
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/prng.h"
#include "base/text.h"
#include "core/record.h"
#include "release/usign.h"

enum {
	TTL_S = 100000,
	COUNT_MAX = LIMITS_NODES_MAX - 1,
	LINE_SIZE = 128,
	IMAGE_BYTES = 8 << 20,
	PART_BYTES = IMAGE_BYTES / 4,
	KBIT_LEAST = 2000,
	KBIT_SPAN = 60000,
};

struct member {
	struct record_whole whole;
	struct usign_secret secret;
};

struct crowd {
	const char *mesh, *neighbour;
	uint32_t count, width, turn;
	struct prng prng;
	uint64_t epoch;
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	struct member members[COUNT_MAX];
};

static void name_of(char *name, uint32_t number)
{
	snprintf(name, LIMITS_NAME_SIZE + 1, "far%03" PRIu32, number + 1);
}

/* A street of rows that is walked to and fro, and every third house has a window to the next row.
 */
static bool are_linked(const struct crowd *crowd, uint32_t a, uint32_t b)
{
	uint32_t low = a < b ? a : b, high = a < b ? b : a;

	if (high == low + 1)
		return high % crowd->width != 0;
	return high == low + crowd->width && low % 3 == 0;
}

static void link_to(struct crowd *crowd, struct record_whole *whole, uint32_t from, int64_t to)
{
	char name[LIMITS_NAME_SIZE + 1];

	if (to < 0 || to >= crowd->count || !are_linked(crowd, from, (uint32_t)to))
		return;
	name_of(name, (uint32_t)to);
	record_add_link(whole->links, name, KBIT_LEAST + prng_below(&crowd->prng, KBIT_SPAN));
}

static void measure(struct crowd *crowd, uint32_t number)
{
	struct record_whole *whole = &crowd->members[number].whole;

	whole->links[0] = '\0';
	link_to(crowd, whole, number, (int64_t)number - 1);
	link_to(crowd, whole, number, (int64_t)number + 1);
	link_to(crowd, whole, number, (int64_t)number - crowd->width);
	link_to(crowd, whole, number, (int64_t)number + crowd->width);
	if (number == 0)
		record_add_link(whole->links, crowd->neighbour, KBIT_LEAST);
}

static void begin(struct crowd *crowd)
{
	uint8_t seed[USIGN_SEED_SIZE];
	struct record_whole *whole;

	while (crowd->width * crowd->width < crowd->count)
		crowd->width++;
	prng_init(&crowd->prng, 1);
	for (uint32_t i = 0; i < crowd->count; i++) {
		randombytes_buf(seed, sizeof(seed));
		usign_from_seed(&crowd->members[i].secret, seed);
		whole = &crowd->members[i].whole;
		*whole = (struct record_whole){ .record.incarnation = 1,
			.record.sequence = 1,
			.record.slots = i % 5 == 0 ? 1 : 2,
			.record.release_sequence = 1,
			.record.state = STATE_UPDATED };
		name_of(whole->record.name, i);
		text_set(whole->version, sizeof(whole->version), "Demo 1.0");
		text_set(whole->record.board, sizeof(whole->record.board),
			i % 2 ? "demo,beta" : "demo,alpha");
		snprintf(whole->record.address, sizeof(whole->record.address),
			"10.78.%" PRIu32 ".%" PRIu32 ":8430", i / 250, i % 250 + 1);
		measure(crowd, i);
	}
}

/* One step of the way that a node goes in an upgrade, and then again. */
static void advance(struct crowd *crowd, struct record *record)
{
	if (crowd->epoch == 0)
		return;
	record->epoch = record->highest_epoch = crowd->epoch;
	memcpy(record->upgrade, crowd->upgrade, sizeof(record->upgrade));
	record->image_bytes = IMAGE_BYTES;
	record->held_bytes += PART_BYTES;
	record->state = STATE_DOWNLOADING;
	record->reason = REASON_NONE;
	if (record->held_bytes == IMAGE_BYTES)
		record->state = STATE_UPGRADE_READY;
	if (record->held_bytes <= IMAGE_BYTES)
		return;
	record->held_bytes = 0;
	if (prng_below(&crowd->prng, 8) == 0) {
		record->state = STATE_DOWNLOAD_ERROR;
		record->reason = REASON_NO_SPACE;
	}
}

static void write_entry(const struct crowd *crowd, const struct member *member, bool first)
{
	char key_blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char signed_text[LIMITS_RECORD_SIZE + 1], escaped[6 * LIMITS_RECORD_SIZE];
	struct usign_signature signature;
	struct usign_public key;
	struct text text;
	size_t size = record_encode(&member->whole, crowd->mesh, signed_text);

	usign_public_of(&key, &member->secret);
	usign_sign(&signature, &member->secret, signed_text, size);
	usign_public_to_blob(key_blob, &key);
	usign_signature_to_blob(blob, &signature);
	text_init(&text, escaped, sizeof(escaped));
	text_add_json_string(&text, signed_text);
	printf("%s\"%s\":[\"%s\",%d,{\"record\":%s,\"key\":\"%s\",\"signature\":\"%s\"}]",
		first ? "" : ",", member->whole.record.name, member->whole.record.name, TTL_S,
		escaped, key_blob, blob);
}

static void write_whole(const struct crowd *crowd)
{
	for (uint32_t i = 0; i < crowd->count; i++)
		write_entry(crowd, &crowd->members[i], i == 0);
}

static void write_changes(struct crowd *crowd, uint32_t count)
{
	struct member *member;
	uint32_t number;

	for (uint32_t i = 0; i < count && i < crowd->count; i++, crowd->turn++) {
		/* 7919 is prime: everybody's turn comes, and neighbours' not at once. */
		number = (uint32_t)((uint64_t)crowd->turn * 7919 % crowd->count);
		member = &crowd->members[number];
		member->whole.record.sequence++;
		measure(crowd, number);
		advance(crowd, &member->whole.record);
		write_entry(crowd, member, i == 0);
	}
}

static bool obey(struct crowd *crowd, char *line)
{
	char upgrade[ORDER_UPGRADE_TEXT_SIZE + 1];
	uint32_t count;

	putchar('{');
	if (strcmp(line, "whole\n") == 0)
		write_whole(crowd);
	else if (sscanf(line, "change %" SCNu32, &count) == 1)
		write_changes(crowd, count);
	else if (sscanf(line, "upgrade %" SCNu64 " %16s", &crowd->epoch, upgrade) != 2 ||
		 !bytes_from_hex(crowd->upgrade, sizeof(crowd->upgrade), upgrade))
		return false;
	puts("}");
	return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
	static struct crowd crowd;
	char line[LINE_SIZE];
	uint64_t count;

	if (argc != 4 || !text_parse_u64(&count, argv[2]) || count < 1 || count > COUNT_MAX ||
		!text_is_name(argv[3]) || sodium_init() < 0) {
		fprintf(stderr, "usage: crowd MESH COUNT NEIGHBOUR (at most %d)\n", COUNT_MAX);
		return 2;
	}
	crowd.mesh = argv[1];
	crowd.neighbour = argv[3];
	crowd.count = (uint32_t)count;
	begin(&crowd);
	while (fgets(line, sizeof(line), stdin) != NULL)
		if (!obey(&crowd, line)) {
			fprintf(stderr, "crowd: cannot understand: %s", line);
			return 2;
		}
	return 0;
}
