/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_SETTINGS_H
#define LIMEAPP_SETTINGS_H

/* What LimeApp may do on this node, and where things lie (docs/limeapp.md). */
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "io/files.h"

enum settings_mode {
	SETTINGS_OFF = 0,
	SETTINGS_READ_ONLY,
	SETTINGS_FULL,
};

struct settings {
	enum settings_mode mode;
	const char *path;                      /* where they were read; the caller's */
	char key[FILES_PATH_SIZE + 1];         /* an operator's secret key; "" for none */
	char release[FILES_PATH_SIZE + 1];     /* directory or URL; "" for none */
	char expected[FILES_PATH_SIZE + 1];    /* program; "" for none */
	char lockstep[FILES_PATH_SIZE + 1];    /* program */
	char config[FILES_PATH_SIZE + 1];      /* of the daemon */
	char control[FILES_PATH_SIZE + 1];     /* control socket of the daemon */
	char problem[LIMITS_MESSAGE_SIZE + 1]; /* "" or why the mode is OFF */
};

/* Reads the file at `path`, which must live on. Without a file LimeApp may look on; with one that
 * cannot be understood it is switched off. */
void settings_read(struct settings *settings, const char *path);
/* The same from memory. */
void settings_parse(struct settings *settings, const char *bytes, size_t size);

/* Of the daemon's configuration (docs/formats.md) what matters here. */
struct settings_daemon {
	uint32_t threshold;
	char trust[FILES_PATH_SIZE + 1]; /* the directory of the release keys */
	char compat_version[16];
	char control[FILES_PATH_SIZE + 1];
};

/* False if it cannot be read; then `*daemon` has the defaults. */
bool settings_read_daemon(struct settings_daemon *daemon, const struct settings *settings);

#endif
