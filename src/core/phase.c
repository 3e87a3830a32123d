// SPDX-License-Identifier: AGPL-3.0-or-later
#include "core/phase.h"

const char phase_words[] = "open\0scheduled\0flashing\0confirming\0confirmed\0aborted\0reverted\0";
