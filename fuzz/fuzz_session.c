// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: every byte of one gossip exchange, in which pieces they come, and when he
 * closes, as client or as server. The first byte of the input says which role we have and how large
 * the pieces are; what follows is what the stranger sends. Of the type "large" our state is too
 * large for a message.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"
#include "gossip/session.h"
#include "gossip/store.h"

static const char type[] = "mesh_wide_upgrade";
static const char too_large[] = "large";

/* What daemon/gossip_net.c does with what the session wants. */
static void serve(struct session *session, struct store *store)
{
	size_t size;
	const char *data = session_data(session, &size);
	enum session_wants wants = session_wants(session);
	struct text text;
	char *answer;

	if (wants != SESSION_ANSWER && wants != SESSION_TAKE)
		return;
	assert(size <= LIMITS_SLICE_SIZE);
	if (strcmp(session_type(session), type) == 0)
		(void)store_merge(store, data, size, FUZZ_NAME, true);
	if (wants == SESSION_TAKE) {
		session_taken(session);
		return;
	}
	if (strcmp(session_type(session), type) != 0 &&
		strcmp(session_type(session), too_large) != 0) {
		session_refuse(session);
		return;
	}
	answer = calloc(1, LIMITS_SLICE_SIZE + 1);
	assert(answer != NULL);
	text_init(&text, answer, LIMITS_SLICE_SIZE + 1);
	store_write(store, &text);
	if (strcmp(session_type(session), too_large) == 0)
		text.size = LIMITS_SLICE_SIZE + 1;
	faults_on();
	session_answer(session, answer, text.size);
	faults_off();
	free(answer);
}

static void send_all(struct session *session, size_t piece)
{
	size_t size;
	const char *bytes;

	while (bytes = session_output(session, &size), size > 0) {
		char *copy = fuzz_copy(bytes, size);

		free(copy);
		session_sent(session, size < piece ? size : piece);
	}
	assert(session_error_sentence(session_error(session)) != NULL);
	(void)session_version_answered(session);
}

static void feed(struct session *session, struct store *store, struct fuzz *fuzz, size_t piece)
{
	while (fuzz_left(fuzz) > 0 && session_wants(session) == SESSION_MORE) {
		size_t size = piece, used = 0;
		const uint8_t *bytes = fuzz_bytes(fuzz, &size);
		uint8_t *copy = fuzz_copy(bytes, size);

		while (used < size && session_wants(session) == SESSION_MORE) {
			size_t now;

			faults_on();
			now = session_feed(session, copy + used, size - used);
			faults_off();
			assert(now <= size - used);
			used += now;
			/* An announced size costs no memory: what is held grew with what came. */
			assert(session_buffered(session) <= 4 * LIMITS_SLICE_SIZE);
			serve(session, store);
		}
		free(copy);
		send_all(session, piece);
	}
	session_feed_end(session);
	serve(session, store);
	send_all(session, piece);
}

/* What is not even begun: our own mistakes, which must not become a peer's trouble. */
static void check_refusals(void)
{
	struct session session;
	bool begun = session_init_client(&session, "");

	assert(!begun);
	assert(session_error_sentence((enum session_error)UINT8_MAX) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct session session;
	struct store store;
	struct fuzz fuzz;
	uint8_t how;
	bool begun;

	faults_plan(&bytes, &size);
	check_refusals();
	fuzz_begin(&fuzz, bytes, size);
	how = fuzz_byte(&fuzz);
	store_init(&store);
	if (how & 1) {
		faults_on();
		begun = session_init_client(&session, type);
		faults_off();
		assert(begun || faults_happened());
		if (!begun)
			return 0;
	} else {
		session_init_server(&session);
	}
	send_all(&session, 1 + how / 2);
	feed(&session, &store, &fuzz, how == 255 ? 65536 : 1 + how / 2);
	session_free(&session);
	store_free(&store);
	return 0;
}
