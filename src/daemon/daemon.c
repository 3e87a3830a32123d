// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/daemon.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/node.h"
#include "io/files.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,

	/* Give memory back early and take it in small steps: a router has 64 MiB for everything. */
	TRIM_BYTES = 65536,
	MMAP_BYTES = 65536,
};

/* The only two things of the program that live for ever; large, and hardly ever touched in full. */
static struct log daemon_log;
static struct node daemon_node;

static const char usage[] =
	"Usage: lockstep daemon --config FILE [--syslog] [--debug]\n"
	"\n"
	"Runs a node in the foreground. FILE is /etc/lockstep/lockstep.json by default.\n"
	"  --syslog  log to syslog instead of standard error\n"
	"  --debug   log more\n";

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

int daemon_main(int argc, char **argv)
{
	static struct config config;
	const char *path = "/etc/lockstep/lockstep.json";
	bool to_syslog = false, ok;
	enum log_level least = LOG_LEVEL_INFO;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
			path = argv[++i];
		} else if (strcmp(argv[i], "--syslog") == 0) {
			to_syslog = true;
		} else if (strcmp(argv[i], "--debug") == 0) {
			least = LOG_LEVEL_DEBUG;
		} else if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return EXIT_OK;
		} else {
			fprintf(stderr, "lockstep: daemon does not know %s\n%s", argv[i], usage);
			return EXIT_USAGE;
		}
	}
#ifdef __GLIBC__
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
#endif
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sodium_init() < 0 || !read_config(&config, path))
		return EXIT_FAILED;
	log_init(&daemon_log, to_syslog, least);
	ok = node_open(&daemon_node, &config, &daemon_log);
	if (ok)
		node_run(&daemon_node);
	node_close(&daemon_node);
	return ok ? EXIT_OK : EXIT_FAILED;
}
