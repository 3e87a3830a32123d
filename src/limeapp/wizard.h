/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_WIZARD_H
#define LIMEAPP_WIZARD_H

/* The methods of lime-mesh-upgrade, as LimeApp's page calls them one after the other: each fills
 * call->answer. */
#include "limeapp/call.h"

/* This node's entry in mesh_wide_upgrade. While a release is chosen and not yet started, and while
 * there is something to tell, it says that instead. */
void wizard_get_node_status(struct call *call);

/* Looks at the release, and remembers that it was chosen. */
void wizard_become_main_node(struct call *call);
/* Opens the upgrade to it. */
void wizard_start_transaction(struct call *call);

/* The page calls these on every node at once; one order comes of it. */
void wizard_start_safe_upgrade(struct call *call);
void wizard_confirm(struct call *call);
void wizard_abort(struct call *call);

#endif
