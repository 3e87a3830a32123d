// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * What a flasher prints is what the tools of a board print, and those see the image. The first byte
 * of the input is the verb, the second the exit status.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "flash/flasher.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct flasher_answer answer;
	enum flasher_verb verb;
	char *output;

	if (size < 2)
		return 0;
	verb = (enum flasher_verb)(bytes[0] % FLASHER_VERB_COUNT);
	output = fuzz_copy(bytes + 2, size - 2);
	memset(&answer, 0x5a, sizeof(answer));
	flasher_read(&answer, verb, bytes[1] - '0', output, size - 2);
	free(output);
	/* All of it goes into the node's record, sound or not: then it must be "". */
	assert(text_is_printable(answer.message, LIMITS_MESSAGE_SIZE));
	assert(text_is_printable(answer.board, LIMITS_BOARD_SIZE));
	assert(text_is_printable(answer.version, LIMITS_VERSION_SIZE));
	assert(text_is_printable(answer.boot_id, LIMITS_NAME_SIZE));
	assert(!answer.ok || bytes[1] == '0');
	assert(!answer.ok || verb != FLASHER_VERB_PROBE || answer.slots == 1 || answer.slots == 2);
	assert(answer.remaining_ms >= -1);
	return 0;
}
