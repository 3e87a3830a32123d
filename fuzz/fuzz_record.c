// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the text of a record that he signs with a key of his own, as any node may.
 * The input is that text; it is really signed here, so that the parser behind the signature is
 * reached. What was taken must come out again as it went in.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/roster.h"
#include "common.h"
#include "core/record.h"

static void check_record(const struct record *record)
{
	char text[LIMITS_RECORD_SIZE + 1], again[LIMITS_RECORD_SIZE + 1];
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct record read;
	size_t size = record_encode(record, FUZZ_MESH, text);
	bool ok;

	assert(size > 0 && size <= LIMITS_RECORD_SIZE);
	ok = record_decode(&read, text, size, FUZZ_MESH, problem, sizeof(problem));
	assert(ok);
	assert(record_encode(&read, FUZZ_MESH, again) == size && memcmp(text, again, size) == 0);
	assert(record_compare_age(record, &read) == 0);
}

/* The same in a whole agent, which shows it to everybody who asks. */
static void give_to_agent(const char *envelope, size_t size)
{
	struct agent *agent = calloc(1, agent_size());
	struct agent_setup *setup = fuzz_setup();
	struct actions *actions = malloc(sizeof(*actions));
	struct event event = { .kind = EVENT_SLICE };
	char *slice;

	assert(agent != NULL && actions != NULL);
	agent_init(agent, setup, 1000);
	slice = fuzz_slice("node2", envelope, size, &event.slice.data_size);
	event.slice.type = "lockstep_nodes";
	event.slice.data = slice;
	event.slice.neighbour = 1;
	event.slice.remote = true;
	(void)agent_step(agent, 1000, &event, actions);
	fuzz_check_agent(agent, 1000);
	agent_close(agent);
	free(slice);
	free(actions);
	free(agent);
	free(setup);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char problem[LIMITS_MESSAGE_SIZE + 1];
	char *text = fuzz_string(bytes, size), *envelope, *exact;
	struct notice_offer offer = { .mesh = FUZZ_MESH, .name = "node2", .ttl_s = 10 };
	struct roster roster;
	enum roster_news news;

	envelope = fuzz_envelope(FUZZ_OTHER, text, size, &offer.envelope_size);
	exact = fuzz_copy(envelope, offer.envelope_size);
	offer.envelope = exact;
	roster_init(&roster);
	news = roster_take(&roster, roster_find(&roster, offer.name), &offer, problem, sizeof(problem));
	if (news == ROSTER_NEWS) {
		check_record(&roster_newest(&roster)->notice->record);
		give_to_agent(exact, offer.envelope_size);
		/* Once more is no news, and no other key takes the name. */
		assert(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem, sizeof(problem)) == ROSTER_SAME);
		free(envelope);
		envelope = fuzz_envelope(FUZZ_STRANGER, text, size, &offer.envelope_size);
		offer.envelope = envelope;
		assert(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem, sizeof(problem)) == ROSTER_REFUSED);
	}
	roster_free(&roster);
	free(exact);
	free(envelope);
	free(text);
	return 0;
}
