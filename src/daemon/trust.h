/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_TRUST_H
#define DAEMON_TRUST_H

/* Keys on disk: whom this node trusts, and who it is. */
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

/* CONFIG/trust/ROLE/ *.pub. A file that is no key is logged by its name and left out. */
void trust_read(
	struct keyring *ring, const struct config *config, const char *role, struct log *log);

/* STATE/node.sec, made now if it is not there. False after having logged why. */
__attribute__((warn_unused_result)) bool trust_node_key(
	struct usign_secret *key, const struct config *config, struct log *log);

#endif
