/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FLASH_FLASHER_H
#define FLASH_FLASHER_H

/*
 * A flasher's verbs and its answers (docs/flashers.md). Builds the arguments and reads the JSON;
 * the daemon runs the executable.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum flasher_verb {
	FLASHER_VERB_PROBE = 0,
	FLASHER_VERB_CHECK,
	FLASHER_VERB_FLASH,
	FLASHER_VERB_CONFIRM,
	FLASHER_VERB_REVERT,
	FLASHER_VERB_REMAINING,
	FLASHER_VERB_COUNT
};

/* Milliseconds after which a flasher that does not answer is ended. A flash that works never
 * answers: the board reboots under it. */
uint32_t flasher_deadline_ms(enum flasher_verb verb);

const char *flasher_verb_word(enum flasher_verb verb);

struct flasher_answer {
	bool ok; /* exit status 0 and a sound answer */
	char message[LIMITS_MESSAGE_SIZE + 1];

	/* Of `probe`; "" where it says nothing */
	char board[LIMITS_BOARD_SIZE + 1];
	char version[LIMITS_VERSION_SIZE + 1];
	char boot_id[LIMITS_NAME_SIZE + 1];
	uint32_t slots;
	bool trial;
	bool fell_back;

	/* Of `remaining`, and of `probe` where it says so; -1 if no window runs */
	int64_t remaining_ms;
};

/* Reads what the executable said. Never fails: what is not sound is an answer that is not ok. */
void flasher_read(struct flasher_answer *answer, enum flasher_verb verb, int status,
	const char *output, size_t size);

#endif
