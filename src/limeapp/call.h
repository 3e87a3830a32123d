/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef LIMEAPP_CALL_H
#define LIMEAPP_CALL_H

/*
 * One call of a method: what it was called with, and the answer, which is always one JSON object.
 * LimeApp takes any text in `error` for a failure, and shows it to people.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/text.h"
#include "limeapp/note.h"
#include "limeapp/settings.h"

enum {
	CALL_ARGUMENTS_SIZE = 65536,
	CALL_ANSWER_SIZE = 8192,
	/* uhttpd gives up after 15 s */
	CALL_TIME_MS = 9500,
};

struct call {
	const struct settings *settings;
	struct json_object *arguments;
	struct json_reader reader; /* of the arguments */
	struct text answer;
	uint64_t begin_ms;               /* clock_now_ms() */
	uint64_t end_ms;                 /* the answer must be on its way */
	char words[NOTE_WORDS_SIZE + 1]; /* of a failure; "" if there was none */
	char bytes[CALL_ANSWER_SIZE];
};

extern const char call_nobody_answers[]; /* for people: the daemon is not there */

/* Begins a call; false, with the answer, if the arguments are none. Nothing at all is no argument.
 * The caller gives call->arguments to json_free(). */
bool call_begin(struct call *call, const struct settings *settings, const char *bytes, size_t size);

/* Answers. The last one counts. */
void call_succeed(struct call *call);
__attribute__((format(printf, 3, 4))) void call_fail(
	struct call *call, const char *code, const char *format, ...);
/* Lets the page show what failed, if anything did: it does not by itself for some calls. */
void call_tell_failure(const struct call *call);

/* False, with the answer, if LimeApp may only look on, or not even that. */
bool call_may_act(struct call *call);
/* Why it may not, and where to act instead. */
void call_explain(const struct call *call, char words[static NOTE_WORDS_SIZE + 1]);

#endif
