// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * make_records MESH COUNT [SEQUENCE [EPOCH UPGRADE]]: signed records of so many nodes that do not
 * exist, as the entries that tests/lab/peer.py sends ({"NAME": ["NAME", TTL, DATA]}). For
 * measurements of a large mesh. Those with a higher SEQUENCE (1 by itself) are newer ones of the
 * same nodes; with an upgrade they say all that a node says while it downloads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "core/record.h"
#include "release/usign.h"

enum { TTL_S = 100000, COUNT_MAX = LIMITS_NODES_MAX, LINKS = 4 };

static struct {
	const char *mesh;
	uint64_t count, sequence, epoch;
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
} given = { .sequence = 1 };

/* Of a node that takes part in the upgrade and knows its neighbours. */
static void add_upgrade(struct record_whole *whole, uint32_t number)
{
	struct record *record = &whole->record;

	record->state = STATE_DOWNLOADING;
	record->epoch = record->highest_epoch = given.epoch;
	memcpy(record->upgrade, given.upgrade, sizeof(record->upgrade));
	record->image_bytes = 8126464;
	record->held_bytes = (given.sequence * 65536 + number) % record->image_bytes;
	for (uint32_t i = 1; i <= LINKS; i++) {
		char name[LIMITS_NAME_SIZE + 1];

		snprintf(name, sizeof(name), "far%" PRIu32,
			(uint32_t)((number + i * i) % given.count));
		record_add_link(whole->links, name, 20000 + number);
	}
}

static void write_entry(uint32_t number)
{
	char key_blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char signed_text[LIMITS_RECORD_SIZE + 1], escaped[6 * LIMITS_RECORD_SIZE];
	struct record_whole record = {
		.record.incarnation = 1,
		.record.sequence = given.sequence,
		.record.slots = 2,
		.record.release_sequence = 1,
		.record.state = STATE_UPDATED,
	};
	uint8_t seed[USIGN_SEED_SIZE] = { 0 };
	struct usign_secret secret;
	struct usign_public key;
	struct usign_signature signature;
	struct text text;
	size_t size;

	/* Nobody believes them: that they are the same each time is what counts. */
	memcpy(seed, &number, sizeof(number));
	usign_from_seed(&secret, seed);
	usign_public_of(&key, &secret);
	snprintf(record.record.name, sizeof(record.record.name), "far%" PRIu32, number);
	text_set(record.version, sizeof(record.version), "OpenWrt 24.10.0 r28427-6df0e3d02a");
	text_set(record.record.board, sizeof(record.record.board), "tplink,archer-c7-v2");
	snprintf(record.record.address, sizeof(record.record.address),
		"10.78.%" PRIu32 ".%" PRIu32 ":8430", number / 250, number % 250 + 1);
	if (given.epoch > 0)
		add_upgrade(&record, number);
	size = record_encode(&record, given.mesh, signed_text);
	usign_sign(&signature, &secret, signed_text, size);
	usign_public_to_blob(key_blob, &key);
	usign_signature_to_blob(blob, &signature);
	text_init(&text, escaped, sizeof(escaped));
	text_add_json_string(&text, signed_text);
	printf("%s\"%s\":[\"%s\",%d,{\"record\":%s,\"key\":\"%s\",\"signature\":\"%s\"}]\n",
		number > 0 ? "," : "", record.record.name, record.record.name, TTL_S, escaped,
		key_blob, blob);
}

static bool read_arguments(int argc, char **argv)
{
	if (argc < 3 || argc > 6 || argc == 5)
		return false;
	given.mesh = argv[1];
	return text_parse_u64(&given.count, argv[2]) && given.count <= COUNT_MAX &&
	       (argc < 4 || text_parse_u64(&given.sequence, argv[3])) &&
	       (argc < 5 || (text_parse_u64(&given.epoch, argv[4]) &&
				    bytes_from_hex(given.upgrade, ORDER_UPGRADE_SIZE, argv[5])));
}

int main(int argc, char **argv)
{
	if (sodium_init() < 0 || !read_arguments(argc, argv)) {
		fprintf(stderr,
			"usage: make_records MESH COUNT [SEQUENCE [EPOCH UPGRADE]] (at most %d)\n",
			COUNT_MAX);
		return 2;
	}
	puts("{");
	for (uint32_t i = 0; i < given.count; i++)
		write_entry(i);
	puts("}");
	return 0;
}
