// SPDX-License-Identifier: AGPL-3.0-or-later
#include "agent/notice.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/text.h"

enum {
	/* A record's text escaped, two blobs and the member names. */
	ENVELOPE_SIZE_MAX = LIMITS_RECORD_SIZE * 6 + 512,
};

uint64_t notice_hash(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return prng_mix(hash);
}

/* With room for the envelope; NULL if there is no memory. */
static struct notice *make_notice(const char *envelope, size_t size)
{
	struct notice *notice = malloc(sizeof(*notice) + size);

	if (notice == NULL)
		return NULL;
	notice->envelope_size = (uint32_t)size;
	memcpy(notice->envelope, envelope, size);
	return notice;
}

static void finish_notice(struct notice *notice)
{
	const struct record *record = &notice->record;
	uint64_t hash = notice_hash(record->name);

	notice->hash = (uint32_t)hash;
	notice->digest =
		prng_mix(hash ^ prng_mix(record->incarnation) ^ prng_mix(~record->sequence));
}

void notice_free(struct notice *notice)
{
	free(notice);
}

struct notice *notice_open(const struct notice_offer *offer, char *problem, size_t capacity)
{
	struct notice *notice;
	struct json_reader reader;
	struct json_object *envelope;
	char key_blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1];
	char signature_blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct usign_signature signature;
	size_t text_size = 0;
	const char *text;
	bool ok = false;

	if (offer->envelope_size > ENVELOPE_SIZE_MAX) {
		text_set(problem, capacity, "record is too long");
		return NULL;
	}
	notice = make_notice(offer->envelope, offer->envelope_size);
	if (notice == NULL) {
		text_set(problem, capacity, "there is no memory for it");
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
	} else if (!usign_public_from_blob(&notice->key, key_blob)) {
		text_set(problem, capacity, "key is not a usign key");
	} else if (offer->pinned != NULL && !bytes_same_32(notice->key.key, offer->pinned)) {
		text_set(problem, capacity, "key is not the one that the start order pins");
	} else if (!usign_signature_from_blob(&signature, signature_blob) ||
		   !usign_verify(&notice->key, &signature, text, text_size)) {
		text_set(problem, capacity, "signature does not fit");
	} else if (record_decode(
			   &notice->record, text, text_size, offer->mesh, problem, capacity)) {
		ok = strcmp(notice->record.name, offer->name) == 0;
		if (!ok)
			text_set(problem, capacity, "name is not the one it was sent under");
	}
	json_free(envelope);
	if (!ok) {
		notice_free(notice);
		return NULL;
	}
	finish_notice(notice);
	return notice;
}

bool notice_is_same(const struct notice *notice, const struct notice_offer *offer)
{
	return notice->envelope_size == offer->envelope_size &&
	       memcmp(notice->envelope, offer->envelope, offer->envelope_size) == 0;
}

struct notice *notice_sign(
	const struct record *record, const char *mesh, const struct usign_secret *secret)
{
	char signed_text[LIMITS_RECORD_SIZE + 1];
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	char envelope[LIMITS_RECORD_SIZE * 2 + 512];
	size_t size = record_encode(record, mesh, signed_text);
	struct usign_signature signature;
	struct usign_public key;
	struct notice *notice;
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
	notice = make_notice(envelope, text.size);
	if (notice == NULL)
		return NULL;
	notice->record = *record;
	notice->key = key;
	finish_notice(notice);
	return notice;
}
