// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/daemon.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/node.h"
#include "io/files.h"

enum {
	/* Give memory back early and take it in small steps: a router has 64 MiB for everything. */
	TRIM_BYTES = 65536,
	MMAP_BYTES = 65536,
};

/* The only two things of the program that live for ever; large, and hardly ever touched in full. */
static struct log daemon_log;
static struct node daemon_node;

static bool read_config(struct config *config, const char *path)
{
	char problem[256] = "";
	char *bytes;
	size_t size;
	int error = files_read(path, CONFIG_FILE_SIZE_MAX, &bytes, &size);
	bool ok;

	if (error != 0) {
		fprintf(stderr, "lockstep: %s: %s\n", path, strerror(-error));
		return false;
	}
	ok = config_parse(config, bytes, size, problem, sizeof(problem));
	free(bytes);
	if (!ok)
		fprintf(stderr, "lockstep: %s: %s\n", path, problem);
	return ok;
}

bool daemon_run(const char *config_path, bool to_syslog, bool debug)
{
	static struct config config;

#ifdef __GLIBC__
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
#endif
	/* SIGUSR1: a hook may be quicker than we are. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGUSR1, SIG_IGN) == SIG_ERR ||
		!read_config(&config, config_path))
		return false;
	log_init(&daemon_log, to_syslog, debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (!node_open(&daemon_node, &config, &daemon_log))
		return false;
	node_run(&daemon_node);
	node_close(&daemon_node);
	return true;
}
