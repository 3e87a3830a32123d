/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_PACKAGES_H
#define IO_PACKAGES_H

/*
 * What is installed on this machine, read from the package managers' own files:
 * opkg's /usr/lib/opkg/status (OpenWrt to 24.10) or apk's /lib/apk/db/installed (from 25.12 on).
 * Neither manager is run. Names come without the ABI's version, as feeds and build servers call
 * packages (libubox20240329 is libubox).
 */
#include <stdint.h>

enum {
	PACKAGES_MAX = 2048,
	PACKAGES_WORD_SIZE =
		127, /* of a name or a version; a package with longer ones is left out */
};

/* Calls `each` for every installed package, in the file's order. `root` goes before the paths; ""
 * on a real machine. "opkg", "apk", or "" if neither file is there. */
const char *packages_read(const char *root,
	void (*each)(void *context, const char *name, const char *version), void *context);

#endif
