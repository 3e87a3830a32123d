/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_EUPGRADE_H
#define LIMEAPP_EUPGRADE_H

/* The methods of eupgrade: each fills call->answer. What fails has the status "error" there. */
#include "limeapp/call.h"

void eupgrade_is_new_version_available(struct call *call);
void eupgrade_start_download(struct call *call);
void eupgrade_download_status(struct call *call);

#endif
