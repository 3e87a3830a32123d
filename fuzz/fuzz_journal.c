// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * The journal is written by the node alone, but power cuts, full disks and other versions make of
 * it what they like, and no journal may keep a node from starting. With a first 'r' the input is
 * the whole file, else the JSON behind a head that fits, with the placeholders of fuzz_fill(). The
 * second byte tells what the flasher says at the start.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/journal.h"
#include "common.h"
#include "faults.h"

static const char magic[] = "lockstep-journal 1 ";

static char *with_head(const char *json, size_t json_size, size_t *size)
{
	uint8_t hash[BYTES_HASH_SIZE];
	char hex[BYTES_HASH_TEXT_SIZE + 1], *file = malloc(sizeof(magic) + sizeof(hex) + json_size);
	struct text text;

	assert(file != NULL);
	bytes_sha256(hash, json, json_size);
	bytes_to_hex(hex, hash, sizeof(hash));
	text_init(&text, file, sizeof(magic) + sizeof(hex) + json_size);
	text_add(&text, magic);
	text_add(&text, hex);
	text_add(&text, "\n");
	text_add_bytes(&text, json, json_size);
	assert(!text_cut(&text));
	*size = text.size;
	return file;
}

static void check_decode(const char *file, size_t size)
{
	struct journal journal = { 0 }, again = { 0 };
	struct book book, other;
	char *encoded, *encoded_again;
	size_t encoded_size, again_size;
	bool ok;

	book_init(&book);
	book_init(&other);
	faults_on();
	ok = journal_decode(&journal, &book, FUZZ_MESH, file, size, 1000);
	faults_off();
	if (!ok) {
		assert(book.start == NULL && journal.incarnation == 0);
		return;
	}
	faults_on();
	encoded = journal_encode(&journal, &book, &encoded_size);
	faults_off();
	assert(encoded != NULL || faults_happened());
	if (encoded == NULL) {
		book_clear(&book);
		return;
	}
	ok = journal_decode(&again, &other, FUZZ_MESH, encoded, encoded_size, 1000);
	assert(ok || encoded_size > JOURNAL_SIZE_MAX);
	if (ok) {
		encoded_again = journal_encode(&again, &other, &again_size);
		assert(encoded_again != NULL && again_size == encoded_size);
		assert(memcmp(encoded, encoded_again, encoded_size) == 0);
		free(encoded_again);
	}
	free(encoded);
	book_clear(&book);
	book_clear(&other);
}

static void start_with(const char *file, size_t size, uint8_t how)
{
	struct agent_setup *setup = fuzz_setup();
	struct agent *agent = calloc(1, agent_size());
	struct actions *actions = malloc(sizeof(*actions));
	struct event tick = { .kind = EVENT_TICK };
	uint64_t now_ms = 1000;

	assert(agent != NULL && actions != NULL);
	setup->journal = file;
	setup->journal_size = size;
	setup->flasher.slots = how & 1 ? 1 : 2;
	setup->flasher.trial = (how & 2) != 0;
	setup->flasher.fell_back = (how & 4) != 0;
	setup->flasher.remaining_ms = how & 8 ? 20000 : -1;
	if (how & 16)
		text_set(setup->version, sizeof(setup->version), "Fuzz 2.0");
	if (how & 32)
		text_set(setup->boot_id, sizeof(setup->boot_id), "boot-2");
	faults_on();
	agent_init(agent, setup, now_ms);
	faults_off();
	free(setup);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t next_ms;

		faults_on();
		next_ms = agent_step(agent, now_ms, &tick, actions);
		faults_off();

		/* What was scheduled before is not flashed after a restart without a download. */
		for (uint32_t j = 0; j < actions->count; j++)
			assert(actions->list[j].kind != ACTION_FLASHER ||
				actions->list[j].flasher.verb != FLASHER_FLASH);
		if (next_ms != UINT64_MAX && next_ms > now_ms)
			now_ms = next_ms;
	}
	fuzz_check_agent(agent, now_ms);
	agent_close(agent);
	free(actions);
	free(agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t none[BYTES_HASH_SIZE];
	size_t file_size, filled_size;
	char *file, *exact;

	faults_plan(&bytes, &size);
	if (size < 2)
		return 0;
	if (bytes[0] == 'r') {
		file_size = size - 2;
		file = fuzz_string(bytes + 2, file_size);
	} else {
		char *filled = fuzz_fill(bytes + 2, size - 2, none, &filled_size);

		file = with_head(filled, filled_size, &file_size);
		free(filled);
	}
	exact = fuzz_copy(file, file_size);
	check_decode(exact, file_size);
	start_with(exact, file_size, bytes[1]);
	free(exact);
	free(file);
	return 0;
}
