/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>

/* Runs a node until a signal ends it. False after having said why it cannot start. libsodium must
 * be ready. */
bool daemon_run(const char *config_path, bool to_syslog, bool debug);

#endif
