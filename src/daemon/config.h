/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

/* lockstep.json (docs/formats.md). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "io/command.h"
#include "io/files.h"
#include "io/neighbours.h"

enum {
	CONFIG_FILE_SIZE_MAX = 65536,
	CONFIG_ENVIRONMENT_SIZE = 319, /* NAME=value */
};

struct config {
	uint16_t http_port;
	uint16_t gossip_port;
	uint32_t threshold;
	uint32_t rate_limit_kbit; /* of the files that go out over HTTP; 0: none */
	bool polite;              /* so that it gives way to other traffic */
	bool limeapp_projection;
	uint32_t interface_count;
	uint32_t neighbour_count;
	uint32_t environment_count;
	uint32_t type_count;
	char mesh[LIMITS_MESH_SIZE + 1];
	char name[LIMITS_NAME_SIZE + 1];       /* "": the hostname */
	char address[LIMITS_ADDRESS_SIZE + 1]; /* HOST:PORT; "": not known */
	char http_listen[64];
	char control[108]; /* what a unix socket's address holds; "": none */
	char gossip_listen[64];
	char attach[FILES_PATH_SIZE + 1];    /* registers our types with a shared-state daemon */
	char host_file[FILES_PATH_SIZE + 1]; /* what such a daemon's start writes anew */
	char discover[FILES_PATH_SIZE + 1];
	char flasher[FILES_PATH_SIZE + 1];
	char board[LIMITS_BOARD_SIZE + 1];     /* "": what the machine says */
	char version[LIMITS_VERSION_SIZE + 1]; /* the same */
	char compat_version[16];
	char config_directory[FILES_PATH_SIZE + 1];
	char state_directory[FILES_PATH_SIZE + 1];
	char work_directory[FILES_PATH_SIZE + 1];
	char expected[FILES_PATH_SIZE + 1];        /* prints who belongs to the mesh; "": none */
	char web_directory[FILES_PATH_SIZE + 1];   /* where the page is installed */
	char media_directory[FILES_PATH_SIZE + 1]; /* below which sticks are mounted */
	char types[LIMITS_CARRIED_MAX][LIMITS_TYPE_NAME_SIZE + 1]; /* carried for others */
	char interfaces[NEIGHBOURS_INTERFACES_MAX][16];
	char neighbours[LIMITS_NEIGHBOURS_MAX][LIMITS_ADDRESS_SIZE + 1];
	char environment[COMMAND_ENVIRONMENT_MAX][CONFIG_ENVIRONMENT_SIZE + 1];
};

/* False with `problem` naming the member; `*config` is untouched then. */
__attribute__((warn_unused_result)) bool config_parse(
	struct config *config, const char *bytes, size_t size, char *problem, size_t capacity);

#endif
