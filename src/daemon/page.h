/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_PAGE_H
#define DAEMON_PAGE_H

/* GET /: the mesh as a table that keeps itself up to date. It shows; it signs nothing. */
extern const char page_html[];

#endif
