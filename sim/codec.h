/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_CODEC_H
#define SIM_CODEC_H

/* Records by reference instead of by their text, for large meshes in which nobody lies. */
#include <stdbool.h>

/* From now on; what was shared before is given back, so nobody may hold any of it. */
void codec_share(bool on);
bool codec_is_shared(void);

/* If these are the bytes of a start order that is shared, what stands for them; else themselves. */
const void *codec_short_for(const void *bytes, unsigned long long *size);

#endif
