/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_TRUST_H
#define DAEMON_TRUST_H

/* Keys on disk: whom this node trusts, and who it is. */
#include "base/text.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "release/keyring.h"

enum {
	JOURNAL_FILE_SIZE_MAX = 1048576,
};

/* Reads the keys in `directory`/ *.pub, and tells of every file that does not count. 0 or -errno.
 */
typedef void trust_complain(void *context, const char *path, const char *problem);
__attribute__((warn_unused_result)) int trust_read_directory(
	struct keyring *ring, const char *directory, trust_complain *complain, void *context);

/* What people call the keys of a ring: by number of the key, its file's name without .pub. */
struct trust_names {
	uint32_t key_count;
	struct {
		uint8_t keynum[USIGN_KEYNUM_SIZE];
		char name[LIMITS_NAME_SIZE + 1]; /* as far as it fits */
	} keys[LIMITS_KEYS_MAX];
};

/* CONFIG/trust/ROLE/ *.pub. A file that is no key is logged by its name and left out. */
void trust_read(struct keyring *ring, struct trust_names *names, const struct config *config,
	const char *role, struct log *log);

/* A role's part of GET /v1/trust, as a member. */
void trust_view(
	const struct trust_names *names, const char *role, uint32_t threshold, struct text *text);

/* STATE/node.sec, made now if it is not there. False after having logged why. */
__attribute__((warn_unused_result)) bool trust_node_key(
	struct usign_secret *key, const struct config *config, struct log *log);

#endif
