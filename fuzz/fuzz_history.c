// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * STATE/history is written by the node alone, but power cuts, bad flash and other versions make of
 * it what they like, and no history may keep a node from starting. With a first 'r' the input is
 * the whole file, else the document behind a seal that fits. Up to a tilde it says what happens
 * afterwards, four letters for each event; what is told of that must be sound JSON if there was no
 * file.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/json.h"
#include "common.h"
#include "core/chronicle.h"
#include "faults.h"

static const char magic[] = "lockstep-history 1 ";

static void write_document(struct text *text, const void *document)
{
	text_add(text, document);
}

/* A start order of `count` participants whose names have `size` letters beside their number. */
static void begin(struct chronicle *chronicle, uint8_t epoch, uint32_t count, unsigned size)
{
	struct order order = { .kind = ORDER_START, .epoch = epoch, .upgrade = { epoch } };
	struct order_participant *participants;
	char letters[LIMITS_NAME_SIZE + 1] = "";

	if (count < 1)
		count = 1;
	if (count > LIMITS_PARTICIPANTS_MAX)
		count = LIMITS_PARTICIPANTS_MAX;
	participants = calloc(count, sizeof(*participants));
	assert(participants != NULL);
	memset(letters, 'n', size % (LIMITS_NAME_SIZE - 4));
	for (uint32_t i = 0; i < count; i++) {
		struct text text;

		text_init(&text, participants[i].name, sizeof(participants[i].name));
		text_add_format(&text, "%s%u", letters, (unsigned)i);
	}
	memset(order.start.version, epoch, sizeof(order.start.version) - 1);
	order.start.participants = participants;
	order.start.participant_count = count;
	chronicle_begin(chronicle, &order);
	free(participants);
}

static void take(struct chronicle *chronicle, const uint8_t event[4])
{
	static const uint8_t signer[CHRONICLE_SIGNER_SIZE] = { 0xff };
	struct order order = { .kind = (enum order_kind)(event[2] % ORDER_KIND_COUNT) };

	switch (event[0]) {
	case 's':
		begin(chronicle, event[1], event[2] * 4u, event[3]);
		break;
	case 'o':
		if (order.kind == ORDER_SCHEDULE)
			order.schedule.wave = event[3] % LIMITS_WAVES_MAX;
		if (chronicle->text[0] != '\0')
			chronicle_take_order(
				chronicle, event[1] % LIMITS_ORDERS_MAX, &order, signer);
		break;
	case 't': /* of many at once */
		for (uint32_t seat = 0; seat < event[1]; seat++)
			chronicle_take_state(chronicle, seat * (event[1] % 8u),
				(enum node_state)(event[2] % STATE_COUNT),
				(enum reason)(event[3] % REASON_COUNT));
		break;
	case 'p':
		(void)chronicle_take_phase(
			chronicle, (enum upgrade_phase)(event[1] % (PHASE_REVERTED + 1)));
		break;
	default:
		chronicle->now_s = (uint32_t)event[1] << 24 | event[2] << 8 | event[3];
	}
}

/* Times within one upgrade do not run backwards, and no upgrade is told that cannot be. */
static void check_answer(struct json_object *object)
{
	struct json_object *upgrades = json_object_object_get(object, "upgrades");
	size_t count = json_object_array_length(upgrades);

	assert(count <= CHRONICLE_UPGRADES_MAX);
	for (size_t i = 0; i < count; i++) {
		struct json_object *upgrade = json_object_array_get_idx(upgrades, i);
		struct json_object *nodes = json_object_object_get(upgrade, "nodes");
		int64_t begun = json_object_get_int64(json_object_object_get(upgrade, "begun"));

		assert(i < 2 || json_object_array_length(nodes) == 0);
		for (size_t j = 0; j < json_object_array_length(nodes); j++) {
			struct json_object *states = json_object_object_get(
				json_object_array_get_idx(nodes, j), "states");
			int64_t last = begun;

			for (size_t k = 0; k < json_object_array_length(states); k++) {
				struct json_object *pair = json_object_array_get_idx(states, k);
				int64_t at =
					json_object_get_int64(json_object_array_get_idx(pair, 1));

				assert(at >= last);
				last = at;
			}
		}
	}
}

static void check_view(const struct chronicle *chronicle, bool sound)
{
	struct json_reader reader;
	struct json_object *object;
	struct text text;
	size_t size;
	char *answer;

	text_init(&text, NULL, 0);
	chronicle_write(chronicle, 1, &text);
	size = text.size;
	answer = malloc(size + 1);
	assert(answer != NULL);
	text_init(&text, answer, size + 1);
	chronicle_write(chronicle, 1, &text);
	assert(text.size == size && !text_cut(&text));
	if (sound) {
		object = json_parse(&reader, answer, size);
		assert(object != NULL);
		check_answer(object);
		json_free(object);
	}
	free(answer);
}

static void check_file(const struct chronicle *chronicle)
{
	struct chronicle *again = calloc(1, sizeof(*again));
	size_t size, again_size;
	char *bytes, *other;
	bool ok;

	assert(again != NULL);
	faults_on();
	bytes = chronicle_encode(chronicle, &size);
	faults_off();
	assert(bytes != NULL || faults_happened());
	if (bytes != NULL) {
		assert(size <= CHRONICLE_FILE_MAX);
		ok = chronicle_decode(again, bytes, size);
		assert(ok);
		other = chronicle_encode(again, &again_size);
		assert(other != NULL && again_size == size && memcmp(other, bytes, size) == 0);
		free(other);
	}
	free(bytes);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct chronicle *chronicle = calloc(1, sizeof(*chronicle));
	const uint8_t *at, *tilde;
	char *rest, *file;
	size_t file_size;
	bool empty;

	assert(chronicle != NULL);
	faults_plan(&bytes, &size);
	tilde = size > 0 ? memchr(bytes, '~', size) : NULL;
	at = tilde != NULL ? tilde + 1 : bytes;
	file_size = (size_t)(bytes + size - at);
	rest = fuzz_string(at, file_size);
	file = rest;
	if (file_size == 0 || rest[0] != 'r')
		file = seal_encode(magic, write_document, rest, &file_size);
	else
		memmove(file, rest + 1, file_size--);
	assert(file != NULL);
	empty = !chronicle_decode(chronicle, file, file_size);
	if (empty)
		assert(chronicle->text[0] == '\0' && chronicle->upgrades[0].last_s == 0);
	if (file != rest)
		free(file);
	free(rest);
	check_view(chronicle, empty);
	for (at = bytes; tilde != NULL && tilde - at >= 4; at += 4)
		take(chronicle, at);
	check_view(chronicle, empty);
	check_file(chronicle);
	free(chronicle);
	return 0;
}
