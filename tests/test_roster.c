// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/roster.h"
#include "base/prng.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEN(word) word word word word word word word word word word

enum {
	NOW_MS = 100000,
	ENVELOPE_SIZE = 4096,
};

static struct usign_secret secret_of(uint8_t node)
{
	const uint8_t seed[USIGN_SEED_SIZE] = { node };
	struct usign_secret secret;

	usign_from_seed(&secret, seed);
	return secret;
}

static struct usign_public key_of(uint8_t node)
{
	struct usign_secret secret = secret_of(node);
	struct usign_public key;

	usign_public_of(&key, &secret);
	return key;
}

/* What the node that holds this key would send under this name. */
static size_t make(char envelope[ENVELOPE_SIZE], const char *name, uint8_t key,
	uint64_t incarnation, uint64_t sequence, const char *mesh)
{
	struct usign_secret secret = secret_of(key);
	struct record_whole record = {
		.record = { .incarnation = incarnation, .sequence = sequence },
	};
	struct roster roster;
	size_t size;

	snprintf(record.record.name, sizeof(record.record.name), "%s", name);
	snprintf(record.version, sizeof(record.version), "Demo \"1.0\"");
	record_add_link(record.links, "beta", 5);
	roster_init(&roster);
	assert_true(roster_put_own(&roster, &record, mesh, &secret, NOW_MS));
	size = roster_newest(&roster)->notice->envelope_size;
	assert_in_range(size, 1, ENVELOPE_SIZE - 1);
	memcpy(envelope, roster_newest(&roster)->notice->envelope, size);
	envelope[size] = '\0';
	roster_free(&roster);
	return size;
}

static struct notice_offer offer_of(const char *name, const char *envelope, size_t size)
{
	return (struct notice_offer){ .mesh = "demo",
		.name = name,
		.envelope = envelope,
		.envelope_size = size,
		.ttl_s = 600,
		.from = 3,
		.now_ms = NOW_MS };
}

/* Offers alpha's record of this age, signed by this key. */
static enum roster_news take(struct roster *roster, uint8_t key, uint64_t incarnation,
	uint64_t sequence, const uint8_t *pinned)
{
	char envelope[ENVELOPE_SIZE], problem[160];
	size_t size = make(envelope, "alpha", key, incarnation, sequence, "demo");
	struct notice_offer offer = offer_of("alpha", envelope, size);

	offer.pinned = pinned;
	return roster_take(
		roster, roster_find(roster, offer.name), &offer, problem, sizeof(problem));
}

static void test_a_record_is_taken_as_it_came(void **state)
{
	char envelope[ENVELOPE_SIZE], problem[160];
	size_t size = make(envelope, "alpha", 1, 2, 5, "demo");
	struct notice_offer offer = offer_of("alpha", envelope, size);
	struct usign_public key = key_of(1);
	struct record_whole told;
	struct roster roster;
	const struct roster_entry *entry;

	(void)state;
	roster_init(&roster);
	assert_null(roster_find(&roster, "alpha"));
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_NEWS);
	entry = roster_find(&roster, "alpha");
	assert_non_null(entry);
	notice_tell(entry->notice, &told);
	assert_string_equal(told.version, "Demo \"1.0\"");
	assert_string_equal(told.message, "");
	assert_string_equal(told.links, "{\"beta\":5}");
	assert_string_equal(told.record.name, "alpha");
	assert_int_equal(entry->notice->envelope_size, size);
	assert_memory_equal(entry->notice->envelope, envelope, size);
	assert_memory_equal(entry->notice->key.key, key.key, USIGN_KEY_SIZE);
	assert_true(
		entry->seen_s == NOW_MS / 1000 && roster_expires_s(entry) == NOW_MS / 1000 + 600);
	assert_int_equal(entry->had, 1 << 3);
	/* A recording of somebody who is gone looks just like this. */
	assert_false(entry->moved);
	roster_free(&roster);
}

/* What is known: incarnation 2, sequence 5, by key 1. What comes, and what is known then. */
static struct news_case {
	const char *name;
	uint8_t key;
	uint64_t incarnation;
	uint64_t sequence;
	uint8_t pinned; /* 0: no key is */
	enum roster_news news;
	bool moved;
} news_cases[] = {
	{ "news: the same again", 1, 2, 5, 0, ROSTER_SAME, false },
	{ "news: the next", 1, 2, 6, 0, ROSTER_NEWS, true },
	{ "news: after a restart", 1, 3, 0, 0, ROSTER_NEWS, true },
	{ "news: the one before", 1, 2, 4, 0, ROSTER_OLDER, false },
	{ "news: of an earlier life", 1, 1, 900, 0, ROSTER_OLDER, false },
	{ "news: newer by another key", 2, 9, 0, 0, ROSTER_REFUSED, false },
	{ "news: older by another key", 2, 1, 0, 0, ROSTER_REFUSED, false },
	{ "news: newer by the pinned key", 1, 2, 6, 1, ROSTER_NEWS, true },
	{ "news: newer, while another key is pinned", 1, 2, 6, 2, ROSTER_REFUSED, false },
	{ "news: pinned key takes the name back", 2, 1, 0, 2, ROSTER_NEWS, false },
};

static void test_news(void **state)
{
	const struct news_case *c = *state;
	struct usign_public pinned = key_of(c->pinned);
	struct roster roster;
	const struct roster_entry *entry;
	uint64_t change, digest;
	bool taken = c->news == ROSTER_NEWS;

	roster_init(&roster);
	assert_int_equal(take(&roster, 1, 2, 5, NULL), ROSTER_NEWS);
	change = roster.change;
	digest = roster.digest;
	assert_int_equal(take(&roster, c->key, c->incarnation, c->sequence,
				 c->pinned != 0 ? pinned.key : NULL),
		c->news);
	assert_int_equal(roster.count, 1);
	entry = roster_find(&roster, "alpha");
	assert_true(entry->notice->record.incarnation == (taken ? c->incarnation : 2));
	assert_true(entry->notice->record.sequence == (taken ? c->sequence : 5));
	assert_int_equal(entry->moved, c->moved);
	assert_int_equal(roster.change > change, taken);
	assert_int_equal(roster.digest != digest, taken);
	roster_free(&roster);
}

/* A sound envelope with one thing in another's place; both in the escaped form of the wire. */
static struct refusal_case {
	const char *name;
	const char *find;
	const char *replace;
	const char *problem;
} refusal_cases[] = {
	{ "refused: nothing", NULL, "", "the document" },
	{ "refused: a list", NULL, "[]", "the document" },
	{ "refused: no record", "\"record\"", "\"rekord\"", "record is missing" },
	{ "refused: record is an object", "\"record\":", "\"record\":{},\"x\":", "record" },
	{ "refused: no key", "\"key\"", "\"keys\"", "key is missing" },
	{ "refused: key too long", "\"key\":\"", "\"key\":\"" TEN("RWQAAA"), "key" },
	{ "refused: no usign key", "\"key\":\"RW", "\"key\":\"UV", "key is not a usign key" },
	{ "refused: no signature", "\"signature\"", "\"sig\"", "signature is missing" },
	{ "refused: no usign signature", "\"signature\":\"RW", "\"signature\":\"UV",
		"signature does not fit" },
	{ "refused: another version signed", "Demo", "Dema", "signature does not fit" },
	{ "refused: another state signed", "UPDATED", "ABORTED", "signature does not fit" },
	{ "refused: a blank more than was signed", "{\\\"lockstep", "{ \\\"lockstep",
		"signature does not fit" },
	{ "refused: not UTF-8", "Demo", "D\xffmo", "the document is not UTF-8" },
};

static void test_refusal(void **state)
{
	const struct refusal_case *c = *state;
	char envelope[ENVELOPE_SIZE], changed[ENVELOPE_SIZE], problem[160] = "";
	const char *at = envelope;
	struct roster roster;
	struct notice_offer offer;

	make(envelope, "alpha", 1, 2, 5, "demo");
	at = c->find != NULL ? strstr(envelope, c->find) : envelope;
	assert_non_null(at);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - envelope), envelope, c->replace,
		c->find != NULL ? at + strlen(c->find) : "");
	roster_init(&roster);
	offer = offer_of("alpha", changed, strlen(changed));
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_REFUSED);
	assert_non_null(strstr(problem, c->problem));
	assert_int_equal(roster.count, 0);
	assert_true(roster.change == 0);
	roster_free(&roster);
}

/* Signed well, and still not what it is offered as. */
static void test_a_sound_envelope_in_the_wrong_place(void **state)
{
	char envelope[ENVELOPE_SIZE], problem[160];
	size_t size = make(envelope, "alpha", 1, 2, 5, "demo");
	struct notice_offer offer = offer_of("beta", envelope, size);
	struct roster roster;
	char *long_one = malloc(8192);

	(void)state;
	roster_init(&roster);
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_REFUSED);
	assert_string_equal(problem, "name is not the one it was sent under");
	size = make(envelope, "alpha", 1, 2, 5, "emod");
	offer = offer_of("alpha", envelope, size);
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_REFUSED);
	assert_string_equal(problem, "mesh is another mesh");
	/* Blanks change nothing, but nobody shall make us keep thousands. */
	assert_non_null(long_one);
	memset(long_one, ' ', 8192);
	size = make(envelope, "alpha", 1, 2, 5, "demo");
	memcpy(long_one, envelope, size);
	offer = offer_of("alpha", long_one, 8192);
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_REFUSED);
	assert_string_equal(problem, "record is too long");
	free(long_one);
	assert_int_equal(roster.count, 0);
	roster_free(&roster);
}

/* No TTL that a peer says makes an entry immortal, or dead at once. */
static struct ttl_case {
	const char *name;
	int64_t ttl_s;
	uint64_t believed_ms;
} ttl_cases[] = {
	{ "TTL: usual", 2400, 2400000 },
	{ "TTL: one second", 1, 1000 },
	{ "TTL: zero", 0, 1000 },
	{ "TTL: negative", -5, 1000 },
	{ "TTL: lowest", INT64_MIN, 1000 },
	{ "TTL: the most we believe", ROSTER_TTL_MAX_S, 7200000 },
	{ "TTL: more", ROSTER_TTL_MAX_S + 1, 7200000 },
	{ "TTL: highest", INT64_MAX, 7200000 },
};

static void test_ttl(void **state)
{
	const struct ttl_case *c = *state;
	char envelope[ENVELOPE_SIZE], problem[160];
	size_t size = make(envelope, "alpha", 1, 2, 5, "demo");
	struct notice_offer offer = offer_of("alpha", envelope, size);
	struct roster roster;

	roster_init(&roster);
	offer.ttl_s = c->ttl_s;
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_NEWS);
	assert_true(roster_expires_s(roster_find(&roster, "alpha")) ==
		    (NOW_MS + c->believed_ms) / 1000);
	/* Heard again later it lives longer, and never shorter. */
	offer.now_ms += 5000;
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_SAME);
	assert_true(roster_expires_s(roster_find(&roster, "alpha")) ==
		    (NOW_MS + c->believed_ms) / 1000 + 5);
	offer.now_ms -= 4000;
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_SAME);
	assert_true(roster_expires_s(roster_find(&roster, "alpha")) ==
		    (NOW_MS + c->believed_ms) / 1000 + 5);
	roster_free(&roster);
}

/* A plain peer keeps what has the larger TTL, so ours must be above that of an older copy. */
static void test_an_older_copy_is_outlived(void **state)
{
	char envelope[ENVELOPE_SIZE], problem[160];
	struct notice_offer offer;
	struct roster roster;

	(void)state;
	roster_init(&roster);
	assert_int_equal(take(&roster, 1, 2, 5, NULL), ROSTER_NEWS);
	offer = offer_of("alpha", envelope, make(envelope, "alpha", 1, 2, 4, "demo"));
	offer.ttl_s = 2000;
	assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer, problem,
				 sizeof(problem)),
		ROSTER_OLDER);
	assert_true(roster_expires_s(roster_find(&roster, "alpha")) > NOW_MS / 1000 + 2000);
	roster_free(&roster);
}

/* So must it be above that of what a stranger put into its place, whatever that is. */
static void test_what_is_refused_is_outlived(void **state)
{
	static const char junk[] = "{\"record\":1}";
	char envelope[ENVELOPE_SIZE], problem[160];
	size_t size = make(envelope, "alpha", 2, 9, 0, "demo");
	struct notice_offer offers[] = {
		offer_of("alpha", junk, strlen(junk)), /* nothing that could be a record */
		offer_of("alpha", envelope, size),     /* another key's */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(offers); i++) {
		struct roster roster;

		roster_init(&roster);
		assert_int_equal(roster_take(&roster, roster_find(&roster, "alpha"), &offers[i],
					 problem, sizeof(problem)),
			i == 0 ? ROSTER_REFUSED : ROSTER_NEWS);
		roster_free(&roster);
		roster_init(&roster);
		assert_int_equal(take(&roster, 1, 2, 5, NULL), ROSTER_NEWS);
		offers[i].ttl_s = 2000;
		assert_int_equal(roster_take(&roster, roster_find(&roster, "alpha"), &offers[i],
					 problem, sizeof(problem)),
			ROSTER_REFUSED);
		assert_true(roster_expires_s(roster_find(&roster, "alpha")) > NOW_MS / 1000 + 2000);
		assert_true(roster_find(&roster, "alpha")->notice->record.incarnation == 2);
		roster_free(&roster);
	}
}

static void test_what_is_outbid_for_ever_ends(void **state)
{
	struct roster_entry entry = { .seen_s = 1000, .lasts_s = 600 };

	(void)state;
	roster_extend(&entry, 1500);
	assert_int_equal(roster_expires_s(&entry), 1600);
	roster_extend(&entry, 1700);
	assert_int_equal(roster_expires_s(&entry), 1700);
	roster_extend(&entry, 1000 + UINT16_MAX);
	roster_extend(&entry, UINT32_MAX);
	assert_int_equal(roster_expires_s(&entry), 1000 + UINT16_MAX);
}

static bool keeps(const void *context, const char *name)
{
	return context != NULL && strcmp(context, name) == 0;
}

/* A node that lost its key says its name with a new one, every five minutes. The old record ends
 * all the same, as nobody renews it. */
static void test_a_lost_key_gives_its_name_back(void **state)
{
	char envelope[ENVELOPE_SIZE], problem[160];
	enum roster_news news = ROSTER_REFUSED;
	struct notice_offer offer;
	struct roster roster;

	(void)state;
	roster_init(&roster);
	assert_int_equal(take(&roster, 1, 2, 5, NULL), ROSTER_NEWS);
	offer = offer_of("alpha", envelope, make(envelope, "alpha", 2, 1, 0, "demo"));
	offer.ttl_s = ROSTER_TTL_S;
	for (uint32_t i = 0; news == ROSTER_REFUSED && i < 3 * ROSTER_TTL_S / 300; i++) {
		news = roster_take(
			&roster, roster_find(&roster, "alpha"), &offer, problem, sizeof(problem));
		offer.now_ms += 300000;
		(void)roster_expire(&roster, offer.now_ms, keeps, NULL);
	}
	assert_int_equal(news, ROSTER_NEWS);
	assert_true(offer.now_ms > NOW_MS + (uint64_t)ROSTER_TTL_S * 1000);
	roster_free(&roster);
}

static void test_expiry(void **state)
{
	static const char *const names[] = { "delta", "alpha", "charlie", "bravo" };
	char envelope[ENVELOPE_SIZE], problem[160];
	struct roster roster;

	(void)state;
	roster_init(&roster);
	for (uint8_t i = 0; i < COUNT(names); i++) {
		size_t size = make(envelope, names[i], i, 1, 1, "demo");
		struct notice_offer offer = offer_of(names[i], envelope, size);

		offer.ttl_s = 10 + i;
		assert_int_equal(roster_take(&roster, roster_find(&roster, offer.name), &offer,
					 problem, sizeof(problem)),
			ROSTER_NEWS);
	}
	assert_true(roster_expire(&roster, NOW_MS + 9999, keeps, NULL) == NOW_MS + 10000);
	assert_int_equal(roster.count, 4);
	assert_true(roster_expire(&roster, NOW_MS + 10000, keeps, NULL) == NOW_MS + 11000);
	assert_null(roster_find(&roster, "delta"));
	assert_true(roster_expire(&roster, NOW_MS + 12000, keeps, "alpha") == NOW_MS + 13000);
	assert_null(roster_find(&roster, "charlie"));
	assert_non_null(roster_find(&roster, "alpha"));
	assert_non_null(roster_find(&roster, "bravo"));
	assert_true(roster_expire(&roster, UINT64_MAX, keeps, NULL) == UINT64_MAX);
	assert_int_equal(roster.count, 0);
	/* A name that expired is anybody's again. */
	assert_int_equal(take(&roster, 9, 1, 1, NULL), ROSTER_NEWS);
	roster_free(&roster);
}

enum { MANY = 60 };

/* What a plain list would say of the same records. */
struct model {
	uint64_t sequence[MANY]; /* 0: not known */
	uint32_t change[MANY];
};

static bool keeps_number(const void *context, const char *name)
{
	return strcmp(name + strlen("node-"), context) == 0;
}

static void compare(const struct roster *roster, const struct model *model, uint32_t after)
{
	const struct roster_entry *entry = NULL;
	uint32_t count = 0, parts[ROSTER_PARTS] = { 0 }, told[MANY] = { 0 }, last = 0;
	uint64_t digest = 0;
	char name[16];

	for (uint32_t i = 0; i < MANY; i++) {
		const struct roster_entry *found;

		snprintf(name, sizeof(name), "node-%u", i);
		found = roster_find(roster, name);
		assert_int_equal(found != NULL, model->sequence[i] != 0);
		if (found == NULL)
			continue;
		count++;
		digest += found->notice->digest;
		parts[roster_part(found->notice)] += (uint32_t)found->notice->digest;
		assert_true(found->notice->record.sequence == model->sequence[i]);
		assert_int_equal(found->change, (uint16_t)model->change[i]);
	}
	assert_int_equal(roster->count, count);
	assert_true(roster->digest == digest);
	assert_memory_equal(roster->parts, parts, sizeof(parts));

	/* Each that changed since then once; in their order, as long as the log remembers. */
	while ((entry = roster_next(roster, entry, after)) != NULL) {
		uint32_t number = (uint32_t)strtoul(entry->notice->record.name + 5, NULL, 10);

		told[number]++;
		assert_true(model->change[number] > after);
		if (roster->change - after <= roster->room)
			assert_true(model->change[number] > last);
		last = model->change[number];
	}
	for (uint32_t i = 0; i < MANY; i++) {
		assert_true(told[i] <= 1);
		assert_true(told[i] == 1 || model->sequence[i] == 0 || model->change[i] <= after);
	}
}

/* Records come, grow older and go, in any order: nothing is lost, doubled or forgotten; nor where
 * the end of the change counter begins anew. */
static void test_table_and_log_agree_with_a_list(void **state)
{
	const uint32_t begin = UINT16_MAX - 1500;
	struct usign_secret secret = secret_of(1);
	struct roster roster;
	struct model model = { 0 };
	struct prng prng;

	(void)state;
	prng_init(&prng, 5);
	roster_init(&roster);
	roster.change = begin;
	for (uint32_t step = 1; step < 3000; step++) {
		uint32_t number = prng_below(&prng, MANY);
		struct record_whole record = { .record = { .incarnation = 1, .sequence = step } };
		char kept[16];

		snprintf(record.record.name, sizeof(record.record.name), "node-%u", number);
		if (step % 200 > 20) {
			assert_true(roster_put_own(&roster, &record, "demo", &secret, NOW_MS));
			assert_string_equal(
				roster_newest(&roster)->notice->record.name, record.record.name);
			model.sequence[number] = step;
			model.change[number] = roster.change;
		} else if (roster_find(&roster, record.record.name) != NULL) {
			/* This one goes; all others stay for longer. */
			roster_find(&roster, record.record.name)->lasts_s = 0;
			snprintf(kept, sizeof(kept), "%u", number + 1);
			(void)roster_expire(&roster, NOW_MS, keeps_number, kept);
			model.sequence[number] = 0;
		}
		compare(&roster, &model, begin + prng_below(&prng, roster.change - begin + 1));
	}
	roster_free(&roster);
}

static void test_the_roster_is_bounded(void **state)
{
	struct usign_secret secret = secret_of(1);
	struct record_whole record = { .record = { .incarnation = 1 } };
	struct roster roster;

	(void)state;
	roster_init(&roster);
	for (uint32_t i = 0; i < LIMITS_NODES_MAX; i++) {
		snprintf(record.record.name, sizeof(record.record.name), "node-%04u",
			i * 7 % LIMITS_NODES_MAX);
		assert_true(roster_put_own(&roster, &record, "demo", &secret, NOW_MS));
	}
	assert_int_equal(roster.count, LIMITS_NODES_MAX);
	assert_int_equal(take(&roster, 2, 1, 1, NULL), ROSTER_REFUSED);
	assert_null(roster_find(&roster, "alpha"));
	/* Those who are known still have news. */
	record.record.sequence = 1;
	assert_true(roster_put_own(&roster, &record, "demo", &secret, NOW_MS));
	assert_true(roster_find(&roster, record.record.name)->notice->record.sequence == 1);
	roster_free(&roster);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_a_record_is_taken_as_it_came),
		cmocka_unit_test(test_a_sound_envelope_in_the_wrong_place),
		cmocka_unit_test(test_an_older_copy_is_outlived),
		cmocka_unit_test(test_what_is_refused_is_outlived),
		cmocka_unit_test(test_what_is_outbid_for_ever_ends),
		cmocka_unit_test(test_a_lost_key_gives_its_name_back),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_table_and_log_agree_with_a_list),
		cmocka_unit_test(test_the_roster_is_bounded),
	};
	static struct CMUnitTest
		tests[COUNT(news_cases) + COUNT(refusal_cases) + COUNT(ttl_cases) + COUNT(others)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(news_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = news_cases[i].name,
			.test_func = test_news,
			.initial_state = &news_cases[i] };
	for (size_t i = 0; i < COUNT(refusal_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = refusal_cases[i].name,
			.test_func = test_refusal,
			.initial_state = &refusal_cases[i] };
	for (size_t i = 0; i < COUNT(ttl_cases); i++)
		tests[count++] = (struct CMUnitTest){ .name = ttl_cases[i].name,
			.test_func = test_ttl,
			.initial_state = &ttl_cases[i] };
	memcpy(tests + count, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
