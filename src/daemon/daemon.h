/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

/* `lockstep daemon --config FILE [--syslog] [--debug]`; argv[0] is "daemon". Returns the exit
 * status. */
int daemon_main(int argc, char **argv);

#endif
