/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

extern const struct command command_status;
extern const struct command command_check;
extern const struct command command_start;
extern const struct command command_schedule;
extern const struct command command_confirm;
extern const struct command command_abort;
extern const struct command command_log;
extern const struct command command_release;
extern const struct command command_key;
extern const struct command command_daemon;

#endif
