// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "io/files.h"

enum {
	FILES_MAX = 256, /* looked at: more than a ring holds, so that the log names what is over */
};

#define ENDING ".pub"

struct reading {
	struct keyring *ring;
	struct trust_names *names; /* NULL: nobody asks */
	const char *directory;
	trust_complain *complain;
	void *context;
};

/* Of the key that came into the ring last, if it has none yet. */
static void take_name(struct trust_names *names, const struct keyring *ring, const char *file)
{
	uint32_t number = names->key_count;

	if (number == ring->key_count)
		return;
	names->key_count++;
	memcpy(names->keys[number].keynum, ring->keys[number].keynum, USIGN_KEYNUM_SIZE);
	snprintf(names->keys[number].name, sizeof(names->keys[number].name), "%.*s",
		(int)(strlen(file) - strlen(ENDING)), file);
}

static void take_key(void *context, const char *name)
{
	struct reading *reading = context;
	char path[FILES_PATH_SIZE + 1];
	struct usign_public key;
	enum usign_error wrong;
	const char *problem = NULL;
	char *file;
	size_t size;

	if (!files_join(path, reading->directory, name) ||
		files_read(path, USIGN_FILE_SIZE_MAX, &file, &size) != 0) {
		reading->complain(reading->context, path, "it cannot be read");
		return;
	}
	wrong = usign_read_public(&key, file, size);
	free(file);
	if (wrong != USIGN_OK)
		problem = usign_error_sentence(wrong);
	else if (!keyring_add(reading->ring, &key))
		problem = "there are too many keys already";
	if (problem != NULL)
		reading->complain(reading->context, path, problem);
	else if (reading->names != NULL)
		take_name(reading->names, reading->ring, name);
}

static int read_directory(struct reading *reading)
{
	reading->ring->key_count = 0;
	return files_list(reading->directory, ENDING, FILES_MAX, take_key, reading);
}

int trust_read_directory(
	struct keyring *ring, const char *directory, trust_complain *complain, void *context)
{
	struct reading reading = { ring, NULL, directory, complain, context };

	return read_directory(&reading);
}

static void complain(void *context, const char *path, const char *problem)
{
	log_write(context, LOG_LEVEL_WARNING, "trust", "%s does not count: %s", path, problem);
}

void trust_read(struct keyring *ring, struct trust_names *names, const struct config *config,
	const char *role, struct log *log)
{
	char trust[FILES_PATH_SIZE + 1], directory[FILES_PATH_SIZE + 1];
	struct reading reading = { ring, names, directory, complain, log };

	ring->key_count = 0;
	names->key_count = 0;
	if (!files_join(trust, config->config_directory, "trust") ||
		!files_join(directory, trust, role) || read_directory(&reading) != 0 ||
		ring->key_count == 0)
		log_write(log, LOG_LEVEL_WARNING, "trust",
			"no %s key is trusted; put *.pub files into %s/trust/%s", role,
			config->config_directory, role);
}

void trust_view(
	const struct trust_names *names, const char *role, uint32_t threshold, struct text *text)
{
	text_add_member(text, role);
	text_begin_object(text);
	text_add_member_u64(text, "threshold", threshold);
	text_begin_list(text, "keys");
	for (uint32_t i = 0; i < names->key_count; i++) {
		text_begin_object(text);
		text_add_member_hex(text, "fingerprint", names->keys[i].keynum, USIGN_KEYNUM_SIZE);
		text_add_member_string(text, "name", names->keys[i].name);
		text_end_object(text);
	}
	text_end_list(text);
	text_end_object(text);
}

static int make_key(struct usign_secret *key, const char *path)
{
	uint8_t seed[USIGN_SEED_SIZE];
	char file[USIGN_FILE_SIZE_MAX];
	size_t size;
	int error;

	randombytes_buf(seed, sizeof(seed));
	usign_from_seed(key, seed);
	size = usign_write_secret(file, sizeof(file), "lockstep node key", key);
	error = files_write(path, file, size, 0600);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(file, sizeof(file));
	return error;
}

bool trust_node_key(struct usign_secret *key, const struct config *config, struct log *log)
{
	char path[FILES_PATH_SIZE + 1];
	char *file = NULL;
	size_t size = 0;
	enum usign_error wrong = USIGN_OK;
	int error = -ENAMETOOLONG;

	if (files_join(path, config->state_directory, "node.sec"))
		error = files_read(path, USIGN_FILE_SIZE_MAX, &file, &size);
	if (error == -ENOENT) {
		error = make_key(key, path);
		if (error == 0)
			log_write(log, LOG_LEVEL_INFO, "node_key", "made %s", path);
	} else if (error == 0) {
		wrong = usign_read_secret(key, file, size);
		sodium_memzero(file, size);
	}
	free(file);
	if (error == 0 && wrong == USIGN_OK)
		return true;
	/* A damaged key is not replaced: the mesh knows this node by it, and a person should look.
	 */
	log_write(log, LOG_LEVEL_ERROR, "node_key", "%s: %s", path,
		error != 0 ? strerror(-error) : usign_error_sentence(wrong));
	return false;
}
