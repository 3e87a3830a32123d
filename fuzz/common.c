// SPDX-License-Identifier: AGPL-3.0-or-later
#include "common.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "faults.h"
#include "gossip/slice.h"
#include "release/manifest_write.h"

enum { FILLED_SIZE_MAX = 262144, LIMEAPP_SIZE_MAX = 3072 };

/* ---- the input ---- */

void fuzz_begin(struct fuzz *fuzz, const uint8_t *bytes, size_t size)
{
	*fuzz = (struct fuzz){ bytes, bytes + size };
}

size_t fuzz_left(const struct fuzz *fuzz)
{
	return (size_t)(fuzz->end - fuzz->at);
}

uint8_t fuzz_byte(struct fuzz *fuzz)
{
	return fuzz->at < fuzz->end ? *fuzz->at++ : 0;
}

uint32_t fuzz_u32(struct fuzz *fuzz)
{
	uint8_t bytes[4];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = fuzz_byte(fuzz);
	return bytes_get_u32be(bytes);
}

const uint8_t *fuzz_bytes(struct fuzz *fuzz, size_t *size)
{
	const uint8_t *bytes = fuzz->at;

	if (*size > fuzz_left(fuzz))
		*size = fuzz_left(fuzz);
	fuzz->at += *size;
	return bytes;
}

void *fuzz_copy(const void *bytes, size_t size)
{
	bool were_on = faults_pause();
	void *copy = malloc(size);

	faults_resume(were_on);
	assert(copy != NULL || size == 0);
	if (size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

char *fuzz_string(const void *bytes, size_t size)
{
	char *copy = malloc(size + 1);

	assert(copy != NULL);
	if (size > 0)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}

/* ---- keys ---- */

static struct {
	bool made;
	struct usign_secret secret;
	struct usign_public public;
} keys[FUZZ_KEY_COUNT];

static void make_key(enum fuzz_key key)
{
	uint8_t seed[USIGN_SEED_SIZE] = { 'f', 'u', 'z', 'z', (uint8_t)key };

	if (keys[key].made)
		return;
	usign_from_seed(&keys[key].secret, seed);
	usign_public_of(&keys[key].public, &keys[key].secret);
	keys[key].made = true;
}

const struct usign_secret *fuzz_secret(enum fuzz_key key)
{
	make_key(key);
	return &keys[key].secret;
}

const struct usign_public *fuzz_public(enum fuzz_key key)
{
	make_key(key);
	return &keys[key].public;
}

void fuzz_sign(char blob[static USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1], enum fuzz_key key,
	const void *bytes, size_t size)
{
	struct usign_signature signature;

	usign_sign(&signature, fuzz_secret(key), bytes, size);
	usign_signature_to_blob(blob, &signature);
}

/* ---- documents ---- */

static void describe_image(
	struct image *image, const char *board, const char *file, const uint8_t *bytes)
{
	image->board_count = 1;
	text_set(image->boards[0], sizeof(image->boards[0]), board);
	text_set(image->file, sizeof(image->file), file);
	text_set(image->kind, sizeof(image->kind), "sysupgrade");
	text_set(image->compat_version, sizeof(image->compat_version), "1.0");
	image->chunk_size = FUZZ_CHUNK_SIZE;
	image->size = FUZZ_IMAGE_SIZE;
	image->chunk_count = FUZZ_CHUNKS;
	bytes_sha256(image->sha256, bytes, FUZZ_IMAGE_SIZE);
	for (uint32_t i = 0; i < FUZZ_CHUNKS; i++)
		bytes_sha256(image->chunk_sha256[i], bytes + (size_t)i * FUZZ_CHUNK_SIZE,
			image_chunk_bytes(image, i));
}

const struct fuzz_release *fuzz_release(void)
{
	static struct fuzz_release release;
	struct manifest manifest = { .version = "Fuzz 2.0", .sequence = 2, .image_count = 2 };
	struct image *image;
	struct text text;

	if (release.manifest_size > 0)
		return &release;
	image = calloc(1, sizeof(*image));
	assert(image != NULL);
	for (size_t i = 0; i < FUZZ_IMAGE_SIZE; i++)
		release.image[i] = (uint8_t)(i * 7 + i / 251);
	text_init(&text, release.manifest, sizeof(release.manifest));
	manifest_write_begin(&text, &manifest);
	describe_image(image, FUZZ_BOARD, "images/alpha.bin", release.image);
	memcpy(release.sha256, image->sha256, BYTES_HASH_SIZE);
	manifest_write_image(&text, image);
	describe_image(image, "demo,beta", "images/beta.bin", release.image);
	manifest_write_image(&text, image);
	manifest_write_end(&text);
	free(image);
	assert(!text_cut(&text));
	release.manifest_size = text.size;
	bytes_sha256(release.id, release.manifest, text.size);
	usign_sign(&release.signature, fuzz_secret(FUZZ_RELEASE), release.manifest, text.size);
	return &release;
}

static void add_hex(struct text *text, const uint8_t hash[static BYTES_HASH_SIZE])
{
	char hex[BYTES_HASH_TEXT_SIZE + 1];

	bytes_to_hex(hex, hash, BYTES_HASH_SIZE);
	text_add(text, hex);
}

static void add_base64(struct text *text, const uint8_t *bytes, size_t size)
{
	char encoded[2 * FUZZ_CHUNKS * BYTES_HASH_SIZE];

	bytes_to_base64(encoded, bytes, size);
	text_add(text, encoded);
}

static void add_chunks(struct text *text)
{
	const struct fuzz_release *release = fuzz_release();
	struct image *image = calloc(1, sizeof(*image));

	assert(image != NULL);
	describe_image(image, FUZZ_BOARD, "images/alpha.bin", release->image);
	add_base64(text, image->chunk_sha256[0], FUZZ_CHUNKS * BYTES_HASH_SIZE);
	free(image);
}

static bool fill_one(struct text *text, char what, const uint8_t start_id[static BYTES_HASH_SIZE])
{
	switch (what) {
	case '1':
		add_base64(text, fuzz_public(FUZZ_NODE)->key, USIGN_KEY_SIZE);
		return true;
	case '2':
		add_base64(text, fuzz_public(FUZZ_OTHER)->key, USIGN_KEY_SIZE);
		return true;
	case 'R':
		add_hex(text, fuzz_release()->id);
		return true;
	case 'H':
		add_hex(text, fuzz_release()->sha256);
		return true;
	case 'C':
		add_chunks(text);
		return true;
	case 'S':
		add_hex(text, start_id);
		return true;
	default:
		return false;
	}
}

char *fuzz_fill(const void *bytes, size_t size, const uint8_t start_id[static BYTES_HASH_SIZE],
	size_t *filled_size)
{
	const char *from = bytes;
	char *buffer = malloc(FILLED_SIZE_MAX), *filled;
	struct text text;

	assert(buffer != NULL);
	text_init(&text, buffer, FILLED_SIZE_MAX);
	for (size_t i = 0; i < size; i++) {
		if (from[i] == '@' && i + 1 < size && fill_one(&text, from[i + 1], start_id))
			i++;
		else
			text_add_bytes(&text, &from[i], 1);
	}
	*filled_size = text_cut(&text) ? FILLED_SIZE_MAX - 1 : text.size;
	filled = fuzz_string(buffer, *filled_size);
	free(buffer);
	return filled;
}

char *fuzz_envelope(enum fuzz_key key, const char *record, size_t size, size_t *envelope_size)
{
	size_t capacity = size * 6 + 512;
	char *buffer = malloc(capacity);
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	struct text text;

	assert(buffer != NULL);
	text_init(&text, buffer, capacity);
	text_begin_object(&text);
	text_add_member_text(&text, "record", record, size);
	usign_public_to_blob(blob, fuzz_public(key));
	text_add_member_string(&text, "key", blob);
	fuzz_sign(blob, key, record, size);
	text_add_member_string(&text, "signature", blob);
	text_end_object(&text);
	assert(!text_cut(&text));
	*envelope_size = text.size;
	return buffer;
}

char *fuzz_slice(const char *key, const char *data, size_t size, size_t *slice_size)
{
	size_t capacity = size + strlen(key) * 6 + 512;
	char *buffer = malloc(capacity);
	struct text text;

	assert(buffer != NULL);
	text_init(&text, buffer, capacity);
	slice_write_begin(&text);
	slice_write_entry(&text, key, "node2", 2400, data, size);
	slice_write_end(&text);
	assert(!text_cut(&text));
	*slice_size = text.size;
	return buffer;
}

char *fuzz_order_slice(enum fuzz_key key, const char *order, size_t size, uint32_t remaining_ms,
	size_t *slice_size)
{
	size_t capacity = size * 6 + 512;
	char *value = malloc(capacity), *slice;
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1], id[BYTES_HASH_TEXT_SIZE + 1];
	uint8_t hash[BYTES_HASH_SIZE];
	struct text text;

	assert(value != NULL);
	fuzz_sign(blob, key, order, size);
	text_init(&text, value, capacity);
	text_begin_object(&text);
	text_add_member_text(&text, "order", order, size);
	text_add_member_string(&text, "signature", blob);
	text_add_member_u64(&text, "hops", remaining_ms % 3);
	text_add_member_u64(&text, "remaining_ms", remaining_ms);
	text_end_object(&text);
	assert(!text_cut(&text));
	bytes_sha256(hash, order, size);
	bytes_to_hex(id, hash, sizeof(hash));
	slice = fuzz_slice(id, value, text.size, slice_size);
	free(value);
	return slice;
}

/* ---- an agent ---- */

struct agent_setup *fuzz_setup(void)
{
	struct agent_setup *setup = calloc(1, sizeof(*setup));
	bool added;

	assert(setup != NULL);
	text_set(setup->name, sizeof(setup->name), FUZZ_NAME);
	text_set(setup->mesh, sizeof(setup->mesh), FUZZ_MESH);
	text_set(setup->address, sizeof(setup->address), "10.77.0.1:8430");
	text_set(setup->board, sizeof(setup->board), FUZZ_BOARD);
	text_set(setup->version, sizeof(setup->version), FUZZ_VERSION);
	text_set(setup->boot_id, sizeof(setup->boot_id), "boot-1");
	setup->node_key = *fuzz_secret(FUZZ_NODE);
	added = keyring_add(&setup->release_keys, fuzz_public(FUZZ_RELEASE)) &&
		keyring_add(&setup->operator_keys, fuzz_public(FUZZ_OPERATOR));
	assert(added);
	setup->release_threshold = 1;
	setup->flasher.slots = 2;
	setup->flasher.remaining_ms = -1;
	setup->projection = true;
	return setup;
}

static void check_object(const char *bytes, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);

	assert(object != NULL);
	json_free(object);
}

static void check_slice(const char *bytes, size_t size)
{
	struct slice_reader reader;
	struct slice_entry entry;

	slice_reader_init(&reader, bytes, size);
	while (slice_reader_next(&reader, &entry))
		;
	assert(!reader.bad);
}

void fuzz_check_agent(const struct agent *agent, uint64_t now_ms)
{
	static const char *const types[] = { "lockstep_nodes", "lockstep_orders",
		"mesh_wide_upgrade" };
	size_t capacity = LIMITS_SLICE_SIZE + 1;
	char *buffer = malloc(capacity);
	struct text text;

	assert(buffer != NULL);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		text_init(&text, buffer, capacity);
		agent_answer(agent, now_ms, types[i], "", 0, &text);
		assert(!text_cut(&text));
		check_slice(buffer, text.size);
	}
	text_init(&text, buffer, capacity);
	agent_view_status(agent, now_ms, &text);
	assert(!text_cut(&text));
	check_object(buffer, text.size);
	text_init(&text, buffer, capacity);
	agent_view_mesh(agent, now_ms, &text);
	assert(!text_cut(&text));
	check_object(buffer, text.size);
	/* What is larger than this is not published. */
	text_init(&text, buffer, LIMEAPP_SIZE_MAX);
	agent_view_limeapp(agent, now_ms, &text);
	assert(!text_cut(&text));
	check_object(buffer, text.size);
	free(buffer);
}
