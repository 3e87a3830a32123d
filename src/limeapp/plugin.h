/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_PLUGIN_H
#define LIMEAPP_PLUGIN_H

/*
 * An exec plug-in of rpcd: `NAME list` prints the methods of the ubus object NAME, `NAME call
 * METHOD` reads its arguments from standard input and prints the answer. Both are JSON.
 */

/* The exit status. */
int plugin_main(int argc, char *const *argv);

#endif
