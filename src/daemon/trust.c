// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "io/files.h"

enum {
	FILES_MAX = 256, /* looked at: more than a ring holds, so that the log names what is over */
};

struct reading {
	struct keyring *ring;
	struct log *log;
	char directory[FILES_PATH_SIZE + 1];
};

static void take_key(void *context, const char *name)
{
	struct reading *reading = context;
	char path[FILES_PATH_SIZE + 1];
	struct usign_public key;
	char *file = NULL;
	size_t size = 0;
	const char *problem = NULL;

	if (!files_join(path, reading->directory, name) ||
		files_read(path, USIGN_FILE_SIZE_MAX, &file, &size) != 0) {
		problem = "it cannot be read";
	} else {
		enum usign_error error = usign_read_public(&key, file, size);

		if (error != USIGN_OK)
			problem = usign_error_sentence(error);
		else if (!keyring_add(reading->ring, &key))
			problem = "there are too many keys already";
	}
	free(file);
	if (problem != NULL)
		log_write(reading->log, LOG_LEVEL_WARNING, "trust", "%s/%s does not count: %s",
			reading->directory, name, problem);
}

void trust_read(
	struct keyring *ring, const struct config *config, const char *role, struct log *log)
{
	struct reading reading = { .ring = ring, .log = log };
	char trust[FILES_PATH_SIZE + 1];
	int error = -ENAMETOOLONG;

	memset(ring, 0, sizeof(*ring));
	if (files_join(trust, config->config_directory, "trust") &&
		files_join(reading.directory, trust, role))
		error = files_list(reading.directory, ".pub", FILES_MAX, take_key, &reading);
	if (error != 0 || ring->key_count == 0)
		log_write(log, LOG_LEVEL_WARNING, "trust",
			"no %s key is trusted; put *.pub files into %s", role, reading.directory);
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
