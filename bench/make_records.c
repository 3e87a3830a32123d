// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * make_records MESH COUNT: signed records of so many nodes that do not exist, as the entries that
 * tests/lab/peer.py sends ({"NAME": ["NAME", TTL, DATA]}). For measurements of a large mesh.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/text.h"
#include "core/record.h"
#include "release/usign.h"

enum { TTL_S = 100000, COUNT_MAX = LIMITS_NODES_MAX };

static void write_entry(uint32_t number, const char *mesh)
{
	char key_blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char signed_text[LIMITS_RECORD_SIZE + 1], escaped[6 * LIMITS_RECORD_SIZE];
	struct record record = { .incarnation = 1,
		.sequence = 1,
		.slots = 2,
		.release_sequence = 1,
		.state = STATE_UPDATED };
	uint8_t seed[USIGN_SEED_SIZE];
	struct usign_secret secret;
	struct usign_public key;
	struct usign_signature signature;
	struct text text;
	size_t size;

	randombytes_buf(seed, sizeof(seed));
	usign_from_seed(&secret, seed);
	usign_public_of(&key, &secret);
	snprintf(record.name, sizeof(record.name), "far%" PRIu32, number);
	text_set(record.version, sizeof(record.version), "OpenWrt 24.10.0 r28427-6df0e3d02a");
	text_set(record.board, sizeof(record.board), "tplink,archer-c7-v2");
	snprintf(record.address, sizeof(record.address), "10.78.%" PRIu32 ".%" PRIu32 ":8430",
		number / 250, number % 250 + 1);
	size = record_encode(&record, mesh, signed_text);
	usign_sign(&signature, &secret, signed_text, size);
	usign_public_to_blob(key_blob, &key);
	usign_signature_to_blob(blob, &signature);
	text_init(&text, escaped, sizeof(escaped));
	text_add_json_string(&text, signed_text);
	printf("%s\"%s\":[\"%s\",%d,{\"record\":%s,\"key\":\"%s\",\"signature\":\"%s\"}]\n",
		number > 0 ? "," : "", record.name, record.name, TTL_S, escaped, key_blob, blob);
}

int main(int argc, char **argv)
{
	uint64_t count;

	if (argc != 3 || !text_parse_u64(&count, argv[2]) || count > COUNT_MAX ||
		sodium_init() < 0) {
		fprintf(stderr, "usage: make_records MESH COUNT (at most %d)\n", COUNT_MAX);
		return 2;
	}
	puts("{");
	for (uint32_t i = 0; i < count; i++)
		write_entry(i, argv[1]);
	puts("}");
	return 0;
}
