/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_URL_H
#define IO_URL_H

/* An http URL in its parts. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

enum {
	URL_HOST_SIZE = LIMITS_ADDRESS_SIZE,
	URL_PATH_SIZE = LIMITS_URL_SIZE + 128, /* a base URL and what we append to it */
};

struct url {
	bool is_ipv6; /* it stood in brackets */
	uint16_t port;
	char host[URL_HOST_SIZE + 1]; /* name or number, no brackets: "fe80::1%wlan0" */
	char path[URL_PATH_SIZE + 1]; /* "/" at least; the query is part of it */
};

/*
 * "http://HOST[:PORT][/PATH]"; IPv6 in brackets, with "%INTERFACE" or "%25INTERFACE" where it is
 * needed. On false `url` holds anything.
 */
__attribute__((warn_unused_result)) bool url_parse(struct url *url, const char *text);

#endif
