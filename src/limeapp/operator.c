// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/operator.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/ensure.h"
#include "base/json.h"
#include "base/text.h"
#include "io/clock.h"
#include "limeapp/program.h"

enum {
	LOCK_PAUSE_MS = 50,
	COMMON_ARGUMENTS = 6, /* the program, --json, --socket S, --key K */
};

int operator_lock(const struct settings *settings, uint64_t end_ms)
{
	char path[FILES_PATH_SIZE + 1];
	int fd = -1;

	if (snprintf(path, sizeof(path), "%s.lock", settings->path) <= FILES_PATH_SIZE)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (clock_now_ms() >= end_ms) {
			close(fd);
			fd = -1;
		} else {
			(void)poll(NULL, 0, LOCK_PAUSE_MS);
		}
	}
	return fd;
}

/* {"error":{"reason":…,"message":…}}, which may hold words of a node. */
void operator_read_refusal(
	struct operator_result *result, const char *bytes, size_t size, int status)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	struct json_object *error = json_get_object(&reader, object, "error");

	json_get_string(&reader, error, "reason", result->reason, sizeof(result->reason));
	json_get_string(&reader, error, "message", result->message, sizeof(result->message));
	if (!json_ok(&reader) || !text_is_printable(result->message, OPERATOR_MESSAGE_SIZE)) {
		result->reason[0] = '\0';
		snprintf(result->message, sizeof(result->message), "lockstep ended with status %d",
			status);
	}
	json_free(object);
}

bool operator_order(struct operator_result *result, const struct settings *settings,
	const char *const *arguments, uint64_t end_ms)
{
	struct program *program = malloc(sizeof(*program));
	const char *all[COMMON_ARGUMENTS + OPERATOR_ARGUMENTS_MAX + 1] = { settings->lockstep };
	size_t count = 1;
	bool ok = false;

	memset(result, 0, sizeof(*result));
	for (; arguments[count - 1] != NULL; count++) {
		ensure(count <= OPERATOR_ARGUMENTS_MAX);
		all[count] = arguments[count - 1];
	}
	all[count++] = "--json";
	all[count++] = "--socket";
	all[count++] = settings->control;
	all[count++] = "--key";
	all[count++] = settings->key;
	if (program == NULL) {
		text_set(result->message, sizeof(result->message), "There is not enough memory");
		return false;
	}
	program->arguments = all;
	program->end_ms = end_ms;
	if (!program_run(program) || program->status == PROGRAM_NOT_THERE)
		snprintf(result->message, sizeof(result->message),
			"%s could not be run, or took too long", settings->lockstep);
	else if (program->status == 0)
		ok = true;
	else
		operator_read_refusal(result, program->output, program->size, program->status);
	free(program);
	return ok;
}
