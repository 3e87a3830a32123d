// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the text of a record that he signs with a key of his own, as any node may.
 * The input is that text; it is really signed here, so that the parser behind the signature is
 * reached. With a first 'F' it comes to a node that knows as many others as it can. What was taken
 * must come out again as it went in.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/roster.h"
#include "base/members.h"
#include "common.h"
#include "core/record.h"
#include "faults.h"

static void check_record(const struct record_whole *record)
{
	char text[LIMITS_RECORD_SIZE + 1], again[LIMITS_RECORD_SIZE + 1];
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct record_whole read;
	size_t size = record_encode(record, FUZZ_MESH, text);
	bool ok;

	assert(size > 0 && size <= LIMITS_RECORD_SIZE);
	ok = record_decode(&read, text, size, FUZZ_MESH, problem, sizeof(problem));
	assert(ok);
	assert(record_encode(&read, FUZZ_MESH, again) == size && memcmp(text, again, size) == 0);
	assert(record_compare_age(&record->record, &read.record) == 0);
}

/* A node whose texts are all escapes still has a record that fits, with less in it. */
static void check_shortened(const struct record_whole *record)
{
	char text[LIMITS_RECORD_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];
	struct record_whole stuffed = *record, read;
	size_t size;
	bool ok;

	memset(stuffed.message, '"', sizeof(stuffed.message) - 1);
	size = record_encode(&stuffed, FUZZ_MESH, text);
	ok = record_decode(&read, text, size, FUZZ_MESH, problem, sizeof(problem));
	assert(ok && strcmp(read.record.name, record->record.name) == 0);
	memset(stuffed.version, '"', sizeof(stuffed.version) - 1);
	memset(stuffed.record.board, '"', sizeof(stuffed.record.board) - 1);
	memset(stuffed.record.address, '"', sizeof(stuffed.record.address) - 1);
	size = record_encode(&stuffed, FUZZ_MESH, text);
	ok = record_decode(&read, text, size, FUZZ_MESH, problem, sizeof(problem));
	assert(ok && strcmp(read.record.name, record->record.name) == 0);
}

static bool keeps_none(const void *context, const char *name)
{
	(void)name;
	return context != NULL;
}

/* The same record again in every way in which it may come, newer and older, and its end. */
static void check_ages(struct roster *roster, struct notice_offer offer)
{
	char text[LIMITS_RECORD_SIZE + 1], problem[LIMITS_MESSAGE_SIZE + 1];
	struct record_whole newer;
	struct notice_offer fresh = offer;
	enum roster_news news;
	char *envelope;

	notice_tell(roster_find(roster, offer.name)->notice, &newer);
	newer.record.sequence++;
	envelope = fuzz_envelope(
		FUZZ_OTHER, text, record_encode(&newer, FUZZ_MESH, text), &fresh.envelope_size);
	fresh.envelope = envelope;
	fresh.ttl_s = INT64_MAX;
	faults_on();
	news = roster_take(
		roster, roster_find(roster, fresh.name), &fresh, problem, sizeof(problem));
	faults_off();
	/* There is none after the last number that a record can hold. */
	assert(news == ROSTER_NEWS || faults_happened() ||
		newer.record.sequence > MEMBERS_NUMBER_MAX);
	offer.ttl_s = INT64_MAX;
	offer.now_ms = 1000;
	(void)roster_take(
		roster, roster_find(roster, offer.name), &offer, problem, sizeof(problem));
	fresh.now_ms = 2000;
	(void)roster_take(
		roster, roster_find(roster, fresh.name), &fresh, problem, sizeof(problem));
	fresh.ttl_s = INT64_MIN;
	(void)roster_take(
		roster, roster_find(roster, fresh.name), &fresh, problem, sizeof(problem));
	fresh.envelope_size = SIZE_MAX / 2;
	news = roster_take(
		roster, roster_find(roster, fresh.name), &fresh, problem, sizeof(problem));
	assert(news == ROSTER_REFUSED);
	free(envelope);
	(void)roster_expire(roster, UINT64_MAX, keeps_none, roster);
	assert(roster_find(roster, offer.name) != NULL);
	(void)roster_expire(roster, 0, keeps_none, NULL);
	(void)roster_expire(roster, UINT64_MAX, keeps_none, NULL);
	assert(roster->count == 0);
}

/* As many nodes as there may be. */
static void fill(struct roster *roster)
{
	struct record_whole record = { .record = { .incarnation = 1 } };

	for (uint32_t i = 0; i < LIMITS_NODES_MAX; i++) {
		bool put;

		snprintf(record.record.name, sizeof(record.record.name), "other%u", i);
		put = roster_put_own(roster, &record, FUZZ_MESH, fuzz_secret(FUZZ_STRANGER), 0);
		assert(put);
	}
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
	char *text, *envelope, *exact;
	size_t exact_size;
	struct notice_offer offer = { .mesh = FUZZ_MESH, .name = "node2", .ttl_s = 10 };
	struct roster roster;
	enum roster_news news;
	bool full;

	faults_plan(&bytes, &size);
	full = size > 0 && *bytes == 'F';
	bytes += full;
	size -= full;
	text = fuzz_string(bytes, size);
	envelope = fuzz_envelope(FUZZ_OTHER, text, size, &offer.envelope_size);
	exact_size = offer.envelope_size;
	exact = fuzz_copy(envelope, exact_size);
	offer.envelope = exact;
	roster_init(&roster);
	if (full)
		fill(&roster);
	faults_on();
	news = roster_take(
		&roster, roster_find(&roster, offer.name), &offer, problem, sizeof(problem));
	faults_off();
	assert(!full || news == ROSTER_REFUSED);
	if (news == ROSTER_NEWS) {
		struct record_whole record = { 0 };

		notice_tell(roster_newest(&roster)->notice, &record);
		check_record(&record);
		check_shortened(&record);
		give_to_agent(exact, exact_size);
		/* Once more is no news, and no other key takes the name. */
		assert(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
			       sizeof(problem)) == ROSTER_SAME);
		free(envelope);
		envelope = fuzz_envelope(FUZZ_STRANGER, text, size, &offer.envelope_size);
		offer.envelope = envelope;
		assert(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
			       sizeof(problem)) == ROSTER_REFUSED);
		offer.envelope = exact;
		offer.envelope_size = exact_size;
		check_ages(&roster, offer);
	}
	roster_free(&roster);
	free(exact);
	free(envelope);
	free(text);
	return 0;
}
