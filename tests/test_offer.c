// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "core/offer.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD                                                                                       \
	"{\"lockstep\":1,\"mesh\":\"demo\",\"kind\":\"offer\",\"epoch\":4,\"node\":\"node1\","     \
	"\"issued\":\"2026-05-04T03:02:01Z\","
#define PATH HEAD "\"path\":\"/mnt/sda1/x\"}"
#define URL HEAD "\"url\":\"http://host:8000/dir/\"}"
#define UPLOAD                                                                                     \
	HEAD "\"upload\":{\"release\":\"" HASH "\",\"manifest_size\":1000,\"images\":[\"" HASH     \
	     "\",\"" OTHER "\"]}}"

/* A sound offer with one thing put in another's place, and what is said of it. */
static struct refusal_case {
	const char *name;
	const char *sound;
	const char *find;
	const char *replace;
	const char *problem;
} refusal_cases[] = {
	{ "no JSON", PATH, "{", "", "the document" },
	{ "not UTF-8", PATH, "sda1", "\xff", "the document" },
	{ "more behind it", PATH, "x\"}", "x\"}{}", "the document" },
	{ "no version", PATH, "\"lockstep\":1,", "", "lockstep is missing" },
	{ "version 2", PATH, ":1,\"mesh", ":2,\"mesh", "lockstep" },
	{ "version 0", PATH, ":1,\"mesh", ":0,\"mesh", "lockstep" },
	{ "no mesh", PATH, "\"mesh\":\"demo\",", "", "mesh is missing" },
	{ "mesh with NUL", PATH, "\"demo\"", "\"demo\\u0000\"", "mesh" },
	{ "no kind", PATH, "\"kind\":\"offer\",", "", "kind is missing" },
	{ "an order", PATH, "\"offer\"", "\"start\"", "kind is not known" },
	{ "no epoch", PATH, "\"epoch\":4,", "", "epoch is missing" },
	{ "epoch as text", PATH, ":4,", ":\"4\",", "epoch" },
	{ "epoch below zero", PATH, ":4,", ":-4,", "epoch" },
	{ "epoch too large", PATH, ":4,", ":9007199254740992,", "epoch" },
	{ "no node", PATH, "\"node\":\"node1\",", "", "node is missing" },
	{ "node too long", PATH, "node1",
		"n0123456789012345678901234567890123456789012345678901234567890123", "node" },
	{ "nothing offered", PATH, "\"path\":\"/mnt/sda1/x\"", "\"other\":1", "path or url" },
	{ "an empty path", PATH, "/mnt/sda1/x", "", "path or url" },
	{ "two places", PATH, "\"path\":", "\"url\":\"http://host/\",\"path\":", "path or url" },
	{ "path and upload", UPLOAD, "\"upload\":", "\"path\":\"/x\",\"upload\":", "path or url" },
	{ "URL and upload", UPLOAD,
		"\"upload\":", "\"url\":\"http://h/\",\"upload\":", "path or url" },
	{ "path is a list", PATH, "\"/mnt/sda1/x\"", "[]", "path" },
	{ "path moves the cursor", PATH, "sda1", "\\u001b[2J", "path" },
	{ "URL of another kind", URL, "http:", "https:", "url" },
	{ "URL of a file", URL, "http://host:8000/dir/", "file:///etc/", "url" },
	{ "URL without its slash", URL, "dir/", "dir", "url" },
	{ "URL is null", URL, "\"http://host:8000/dir/\"", "null", "url" },
	{ "upload is text", UPLOAD, "{\"release\"", "\"x\",\"y\":{\"release\"", "upload" },
	{ "upload: no release", UPLOAD, "\"release\"", "\"other\"", "release is missing" },
	{ "upload: release in capitals", UPLOAD, "aabbccddeeff0", "AABBCCDDEEFF0", "release" },
	{ "upload: release too short", UPLOAD, "\"release\":\"00", "\"release\":\"", "release" },
	{ "upload: no size", UPLOAD, "\"manifest_size\"", "\"other\"", "manifest_size" },
	{ "upload: size 0", UPLOAD, "1000", "0", "manifest_size" },
	{ "upload: size too large", UPLOAD, "1000", "1048577", "manifest_size" },
	{ "upload: no images", UPLOAD, "\"images\"", "\"other\"", "images is missing" },
	{ "upload: an image too long", UPLOAD, "[\"00", "[\"0000", "images" },
	{ "upload: an image too short", UPLOAD, "[\"00", "[\"", "images" },
	{ "upload: an image's path", UPLOAD, "\"" OTHER "\"", "\"../../../etc/shadow\"", "images" },
	{ "upload: an image is a number", UPLOAD, "\"" OTHER "\"", "1", "images" },
};

static enum reason decode(struct release_offer *offer, const char *text, size_t size, char *problem)
{
	/* Nothing behind it, so that a read beyond its end is seen. */
	char *exact = malloc(size);
	enum reason reason;

	assert_non_null(exact);
	memcpy(exact, text, size);
	problem[0] = '\0';
	reason =
		offer_decode(offer, exact, size, "demo", "node1", problem, LIMITS_MESSAGE_SIZE + 1);
	free(exact);
	return reason;
}

static void change(char text[static 2048], const struct refusal_case *c)
{
	const char *at = strstr(c->sound, c->find);

	assert_non_null(at);
	snprintf(text, 2048, "%.*s%s%s", (int)(at - c->sound), c->sound, c->replace,
		at + strlen(c->find));
}

static void test_refusal(void **state)
{
	const struct refusal_case *c = *state;
	char text[2048], problem[LIMITS_MESSAGE_SIZE + 1];
	struct release_offer offer;

	change(text, c);
	assert_int_equal(decode(&offer, text, strlen(text), problem), REASON_BAD_ORDER);
	assert_non_null(strstr(problem, c->problem));
}

static void test_sound(void **state)
{
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct release_offer offer;

	(void)state;
	assert_int_equal(decode(&offer, PATH, strlen(PATH), problem), REASON_NONE);
	assert_int_equal(offer.kind, OFFER_PATH);
	assert_int_equal(offer.epoch, 4);
	assert_string_equal(offer.path, "/mnt/sda1/x");
	assert_string_equal(offer.url, "");
	assert_int_equal(decode(&offer, URL, strlen(URL), problem), REASON_NONE);
	assert_int_equal(offer.kind, OFFER_URL);
	assert_string_equal(offer.url, "http://host:8000/dir/");
	assert_string_equal(offer.path, "");
	assert_int_equal(decode(&offer, UPLOAD, strlen(UPLOAD), problem), REASON_NONE);
	assert_int_equal(offer.kind, OFFER_UPLOAD);
	assert_int_equal(offer.upload.manifest_size, 1000);
	assert_int_equal(offer.upload.image_count, 2);
	assert_int_equal(offer.upload.release_id[1], 0x11);
	assert_int_equal(offer.upload.images[0][0], 0);
	assert_int_equal(offer.upload.images[1][0], 0xff);
	assert_int_equal(offer.upload.images[1][31], 0xff);
	assert_true(bytes_are_zero(offer.upload.images[2], BYTES_HASH_SIZE));
}

static void test_for_others(void **state)
{
	static const struct refusal_case mesh = { "", PATH, "\"demo\"", "\"demo2\"", "" };
	static const struct refusal_case node = { "", PATH, "\"node1\"", "\"node2\"", "" };
	char text[2048], problem[LIMITS_MESSAGE_SIZE + 1];
	struct release_offer offer;

	(void)state;
	change(text, &mesh);
	assert_int_equal(decode(&offer, text, strlen(text), problem), REASON_WRONG_MESH);
	change(text, &node);
	assert_int_equal(decode(&offer, text, strlen(text), problem), REASON_NOT_NAMED);
}

/* Whoever repeats an upload's offer in other words means the same one. */
static void test_same_upload(void **state)
{
	static const char again[] = "{\"upload\":{\"images\":[\"" HASH "\",\"" OTHER
				    "\"],\"later\":1,\"manifest_size\":1000,\"release\":\"" HASH
				    "\"},\"node\":\"node1\",\"kind\":\"offer\",\"mesh\":\"demo\","
				    "\"epoch\":9,\"lockstep\":1}";
	static const struct refusal_case others[] = {
		{ "", UPLOAD, "1000", "1001", "" },
		{ "", UPLOAD, "\"release\":\"00", "\"release\":\"01", "" },
		{ "", UPLOAD, ",\"" OTHER "\"", "", "" },
		{ "", UPLOAD, "[\"00", "[\"01", "" },
	};
	char text[2048], problem[LIMITS_MESSAGE_SIZE + 1];
	struct release_offer one, other;

	(void)state;
	assert_int_equal(decode(&one, UPLOAD, strlen(UPLOAD), problem), REASON_NONE);
	memset(&other, 0x5a, sizeof(other));
	assert_int_equal(decode(&other, again, strlen(again), problem), REASON_NONE);
	assert_memory_equal(&one.upload, &other.upload, sizeof(one.upload));
	for (size_t i = 0; i < COUNT(others); i++) {
		change(text, &others[i]);
		assert_int_equal(decode(&other, text, strlen(text), problem), REASON_NONE);
		assert_memory_not_equal(&one.upload, &other.upload, sizeof(one.upload));
	}
}

/* As many images as a release may have, and no more; and no document of any length. */
static void test_bounds(void **state)
{
	static char bytes[OFFER_SIZE + 1];
	char problem[LIMITS_MESSAGE_SIZE + 1];
	struct release_offer offer;

	(void)state;
	for (int count = LIMITS_IMAGES_MAX; count <= LIMITS_IMAGES_MAX + 1; count++) {
		int size = snprintf(bytes, sizeof(bytes),
			HEAD "\"upload\":{\"release\":\"" HASH
			     "\",\"manifest_size\":1,\"images\":[");

		for (int i = 0; i < count; i++)
			size += snprintf(bytes + size, sizeof(bytes) - (size_t)size, "%s\"%064x\"",
				i > 0 ? "," : "", i);
		size += snprintf(bytes + size, sizeof(bytes) - (size_t)size, "]}}");
		assert_in_range(size, 1, OFFER_SIZE);
		assert_int_equal(decode(&offer, bytes, (size_t)size, problem),
			count <= LIMITS_IMAGES_MAX ? REASON_NONE : REASON_BAD_ORDER);
		if (count > LIMITS_IMAGES_MAX)
			break;
		assert_int_equal(offer.upload.images[63][31], 63);
		memset(bytes + size, ' ', sizeof(bytes) - (size_t)size);
		assert_int_equal(decode(&offer, bytes, OFFER_SIZE, problem), REASON_NONE);
		assert_int_equal(decode(&offer, bytes, OFFER_SIZE + 1, problem), REASON_BAD_ORDER);
		assert_string_equal(problem, "the document is larger than 16 KiB");
	}
	assert_non_null(strstr(problem, "images"));
}

/* No beginning of an offer is one, and whatever a flipped bit makes of it, it is read safely. */
static void test_damage(void **state)
{
	static const char *const texts[] = { PATH, URL, UPLOAD };
	char bytes[2048], problem[LIMITS_MESSAGE_SIZE + 1];
	struct release_offer offer;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t size = strlen(texts[i]);

		for (size_t cut = 0; cut < size; cut++)
			assert_int_not_equal(decode(&offer, texts[i], cut, problem), REASON_NONE);
		for (size_t bit = 0; bit < size * 8; bit++) {
			memcpy(bytes, texts[i], size);
			bytes[bit / 8] ^= (char)(1 << bit % 8);
			(void)decode(&offer, bytes, size, problem);
			assert_true(offer.upload.image_count <= LIMITS_IMAGES_MAX);
			assert_non_null(memchr(offer.path, '\0', sizeof(offer.path)));
			assert_non_null(memchr(offer.url, '\0', sizeof(offer.url)));
		}
	}
}

/* ---- by whom, and for which upgrade ---- */

static struct usign_secret operator, stranger;

static struct agent *make_agent(void)
{
	struct agent *agent = calloc(1, agent_size());
	struct agent_setup *setup = calloc(1, sizeof(*setup));
	const uint8_t seeds[3][USIGN_SEED_SIZE] = { { 1 }, { 2 }, { 3 } };
	struct usign_public public;

	assert_true(agent != NULL && setup != NULL);
	usign_from_seed(&setup->node_key, seeds[0]);
	usign_from_seed(&operator, seeds[1]);
	usign_from_seed(&stranger, seeds[2]);
	usign_public_of(&public, &operator);
	text_set(setup->name, sizeof(setup->name), "node1");
	text_set(setup->mesh, sizeof(setup->mesh), "demo");
	assert_true(keyring_add(&setup->operator_keys, &public));
	setup->release_threshold = 1;
	setup->flasher.slots = 2;
	agent_init(agent, setup, 1000);
	free(setup);
	return agent;
}

static void post_start(struct agent *agent, int epoch)
{
	struct actions *actions = calloc(1, sizeof(*actions));
	char text[1024], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct event event = { .kind = EVENT_ORDER };
	struct usign_signature signature;

	assert_non_null(actions);
	event.order.order_size = (size_t)snprintf(text, sizeof(text),
		"{\"lockstep\":1,\"mesh\":\"demo\",\"kind\":\"start\",\"upgrade\":"
		"\"000000000000000%d\",\"epoch\":%d,\"issued\":\"\",\"release\":{\"id\":\"" HASH
		"\",\"version\":\"2\",\"sequence\":2},\"policy\":{\"confirm\":\"auto\",\"kind\":"
		"\"atomic\"},\"participants\":[{\"name\":\"other\",\"key\":"
		"\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}]}",
		epoch, epoch);
	usign_sign(&signature, &operator, text, event.order.order_size);
	usign_signature_to_blob(blob, &signature);
	event.order.order = text;
	event.order.signature = blob;
	(void)agent_step(agent, 2000, &event, actions);
	for (uint32_t i = 0; i < actions->count; i++) {
		if (actions->list[i].kind == ACTION_ANSWER)
			assert_int_equal(actions->list[i].answer.reason, REASON_NONE);
	}
	free(actions);
}

static enum reason judge(
	const struct agent *agent, const struct usign_secret *key, int epoch, char *message)
{
	char text[512], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_signature signature;
	struct release_offer offer;
	int size = snprintf(text, sizeof(text),
		"{\"lockstep\":1,\"mesh\":\"demo\",\"kind\":\"offer\",\"epoch\":%d,"
		"\"node\":\"node1\",\"path\":\"/x\"}",
		epoch);

	usign_sign(&signature, key, text, (size_t)size);
	usign_signature_to_blob(blob, &signature);
	message[0] = '\0';
	return agent_judge_offer(
		agent, text, (size_t)size, blob, &offer, message, LIMITS_MESSAGE_SIZE + 1);
}

static void test_judge(void **state)
{
	struct agent *agent = make_agent();
	char message[LIMITS_MESSAGE_SIZE + 1], blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_signature signature;
	struct release_offer offer;

	(void)state;
	assert_int_equal(judge(agent, &operator, 1, message), REASON_NONE);
	assert_int_equal(judge(agent, &operator, 1, message), REASON_NONE);
	assert_int_equal(judge(agent, &operator, 0, message), REASON_OLD_EPOCH);
	assert_int_equal(judge(agent, &operator, 2, message), REASON_EPOCH_GAP);
	assert_int_equal(judge(agent, &stranger, 1, message), REASON_UNTRUSTED_KEY);
	post_start(agent, 1);
	assert_int_equal(judge(agent, &operator, 1, message), REASON_OLD_EPOCH);
	assert_int_equal(judge(agent, &operator, 2, message), REASON_NONE);
	post_start(agent, 3);
	assert_int_equal(judge(agent, &operator, 2, message), REASON_OLD_EPOCH);
	assert_int_equal(judge(agent, &operator, 4, message), REASON_NONE);

	/* What is not signed is not even read. */
	usign_sign(&signature, &operator, "{]", 2);
	usign_signature_to_blob(blob, &signature);
	assert_int_equal(agent_judge_offer(agent, "{]", 2, blob, &offer, message, sizeof(message)),
		REASON_BAD_ORDER);
	assert_non_null(strstr(message, "JSON"));
	message[0] = '\0';
	assert_int_equal(agent_judge_offer(agent, "{[", 2, blob, &offer, message, sizeof(message)),
		REASON_BAD_SIGNATURE);
	assert_int_equal(agent_judge_offer(agent, "{[", 2, "", &offer, message, sizeof(message)),
		REASON_BAD_SIGNATURE);
	assert_string_equal(message, "");
	agent_close(agent);
	free(agent);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(refusal_cases) + 6];
	size_t count = 0;

	for (; count < COUNT(refusal_cases); count++)
		tests[count] = (struct CMUnitTest){ refusal_cases[count].name, test_refusal, NULL,
			NULL, &refusal_cases[count] };
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_sound);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_for_others);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_same_upload);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_bounds);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_damage);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_judge);
	return _cmocka_run_group_tests("offer", tests, count, NULL, NULL);
}
