/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_OFFER_H
#define LIMEAPP_OFFER_H

/* The release that LimeApp offers: is it one that this node would install, and is it new? */
#include <stdbool.h>
#include <stdint.h>

#include "limeapp/mesh.h"
#include "limeapp/settings.h"
#include "release/manifest.h"

enum offer_verdict {
	OFFER_NEW = 0,
	OFFER_NOTHING_NEW, /* it runs here, or is older than what does */
	OFFER_FAILED,      /* there is none, it cannot be read, or this node would refuse it */
};

struct offer {
	struct manifest manifest;                  /* if it is NEW */
	char problem[2 * LIMITS_MESSAGE_SIZE + 1]; /* if it FAILED; for people */
};

/* Reads the release at `place`, a directory or an http:// URL, and holds it against the trust of
 * the daemon's configuration and what runs `here`. */
enum offer_verdict offer_judge(struct offer *offer, const struct settings *settings,
	const struct mesh_node *here, const char *place, uint64_t end_ms);

/* "" if `place` may be one; else what is wrong with it. */
const char *offer_object_to(const char *place);

#endif
