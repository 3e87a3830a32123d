// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the envelope of a record, {"record":…,"key":…,"signature":…}, signature
 * included, which he cannot make fit for any key but his own. See fuzz_record.c for what is behind
 * it.
 */
#include <assert.h>

#include "agent/roster.h"
#include "common.h"
#include "faults.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct notice_offer offer = {
		.mesh = FUZZ_MESH,
		.name = "node2",
		.ttl_s = 2400,
		.from = 1,
		.now_ms = 1000,
	};
	struct roster roster;
	enum roster_news news;

	faults_plan(&bytes, &size);
	offer.envelope = (const char *)bytes;
	offer.envelope_size = size;
	roster_init(&roster);
	problem[0] = '\0';
	faults_on();
	news = roster_take(
		&roster, roster_find(&roster, offer.name), &offer, problem, sizeof(problem));
	faults_off();
	assert(news == ROSTER_NEWS || news == ROSTER_REFUSED);
	assert((news == ROSTER_NEWS) == (roster.count == 1));
	assert(news == ROSTER_NEWS || problem[0] != '\0');
	/* Only the key that is pinned speaks for a name. */
	offer.pinned = fuzz_public(FUZZ_STRANGER)->key;
	news = roster_take(
		&roster, roster_find(&roster, offer.name), &offer, problem, sizeof(problem));
	assert(news != ROSTER_NEWS);
	roster_free(&roster);
	return 0;
}
