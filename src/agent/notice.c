// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/notice.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/text.h"
#include "base/words.h"

enum {
	/* A record's text escaped, two blobs and the member names. */
	ENVELOPE_SIZE_MAX = LIMITS_RECORD_SIZE * 6 + 512,
	TEXTS = 3, /* behind it */
};

uint64_t notice_hash(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return prng_mix(hash);
}

/* NULL if there is no memory. */
static struct notice *make_notice(const char *envelope, size_t size,
	const struct record_whole *record, const struct usign_public *key)
{
	const char *const texts[] = { record->version, record->message, record->links };
	uint64_t hash = notice_hash(record->record.name);
	size_t whole = sizeof(struct notice) + size;
	struct notice *notice;
	char *to;

	for (int i = 0; i < TEXTS; i++)
		whole += strlen(texts[i]) + 1;
	notice = malloc(whole);
	if (notice == NULL)
		return NULL;
	notice->hash = (uint32_t)hash;
	notice->digest = prng_mix(
		hash ^ prng_mix(record->record.incarnation) ^ prng_mix(~record->record.sequence));
	notice->key = *key;
	notice->record = record->record;
	notice->envelope_size = (uint32_t)size;
	memcpy(notice->envelope, envelope, size);
	to = notice->envelope + size;
	for (int i = 0; i < TEXTS; i++) {
		size = strlen(texts[i]) + 1;
		memcpy(to, texts[i], size);
		to += size;
	}
	return notice;
}

void notice_tell(const struct notice *notice, struct record_whole *record)
{
	const char *texts = notice->envelope + notice->envelope_size;

	record->record = notice->record;
	text_set(record->version, sizeof(record->version), words_at(texts, 0));
	text_set(record->message, sizeof(record->message), words_at(texts, 1));
	text_set(record->links, sizeof(record->links), words_at(texts, 2));
}

size_t notice_size(const struct notice *notice)
{
	const char *texts = notice->envelope + notice->envelope_size;

	return (size_t)(words_at(texts, TEXTS) - (const char *)notice);
}

void notice_free(struct notice *notice)
{
	free(notice);
}

struct notice *notice_open(const struct notice_offer *offer, char *problem, size_t capacity)
{
	struct notice *notice = NULL;
	struct record_whole record;
	struct usign_public key;
	struct json_reader reader;
	struct json_object *envelope;
	char key_blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1];
	char signature_blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_signature signature;
	size_t text_size = 0;
	const char *text;

	if (offer->envelope_size > ENVELOPE_SIZE_MAX) {
		text_set(problem, capacity, "record is too long");
		return NULL;
	}
	envelope = json_parse(&reader, offer->envelope, offer->envelope_size);
	text = json_get_string_view(&reader, envelope, "record", &text_size);
	json_get_string(&reader, envelope, "key", key_blob, sizeof(key_blob));
	json_get_string(&reader, envelope, "signature", signature_blob, sizeof(signature_blob));
	if (json_ok(&reader) && text_size > LIMITS_RECORD_SIZE)
		json_fail(&reader, "record", "is too long");
	if (!json_ok(&reader)) {
		json_explain(&reader, problem, capacity);
	} else if (!usign_public_from_blob(&key, key_blob)) {
		text_set(problem, capacity, "key is not a usign key");
	} else if (offer->pinned != NULL && !bytes_same_32(key.key, offer->pinned)) {
		text_set(problem, capacity, "key is not the one that the start order pins");
	} else if (!usign_signature_from_blob(&signature, signature_blob) ||
		   !usign_verify(&key, &signature, text, text_size)) {
		text_set(problem, capacity, "signature does not fit");
	} else if (record_decode(&record, text, text_size, offer->mesh, problem, capacity)) {
		if (strcmp(record.record.name, offer->name) != 0) {
			text_set(problem, capacity, "name is not the one it was sent under");
		} else {
			notice = make_notice(offer->envelope, offer->envelope_size, &record, &key);
			if (notice == NULL)
				text_set(problem, capacity, "there is no memory for it");
		}
	}
	json_free(envelope);
	return notice;
}

bool notice_is_same(const struct notice *notice, const struct notice_offer *offer)
{
	return notice->envelope_size == offer->envelope_size &&
	       memcmp(notice->envelope, offer->envelope, offer->envelope_size) == 0;
}

struct notice *notice_sign(
	const struct record_whole *record, const char *mesh, const struct usign_secret *secret)
{
	char signed_text[LIMITS_RECORD_SIZE + 1];
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char envelope[LIMITS_RECORD_SIZE * 2 + 512];
	size_t size = record_encode(record, mesh, signed_text);
	struct usign_signature signature;
	struct usign_public key;
	struct text text;

	usign_public_of(&key, secret);
	usign_sign(&signature, secret, signed_text, size);
	text_init(&text, envelope, sizeof(envelope));
	text_begin_object(&text);
	text_add_member_text(&text, "record", signed_text, size);
	usign_public_to_blob(blob, &key);
	text_add_member_string(&text, "key", blob);
	usign_signature_to_blob(blob, &signature);
	text_add_member_string(&text, "signature", blob);
	text_end_object(&text);
	/* Our own text holds printable characters only: quotes and backslashes double, no more. */
	ensure(!text_cut(&text));
	return make_notice(envelope, text.size, record, &key);
}
