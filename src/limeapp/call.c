// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/clock.h"
#include "limeapp/mesh.h"

enum {
	/* To find the page's address must not take the time of what was asked. */
	PAGE_MS = 1500,
};

const char call_nobody_answers[] =
	"Lockstep does not answer on this node. Please start it: /etc/init.d/lockstep start";

static void answer(struct call *call, const char *code)
{
	text_init(&call->answer, call->bytes, sizeof(call->bytes));
	text_begin_object(&call->answer);
	text_add_member_string(&call->answer, "code", code);
	text_add_member_string(&call->answer, "error", call->words);
	text_end_object(&call->answer);
}

bool call_begin(struct call *call, const struct settings *settings, const char *bytes, size_t size)
{
	char why[LIMITS_MESSAGE_SIZE + 1];

	call->settings = settings;
	call->words[0] = '\0';
	call->begin_ms = clock_now_ms();
	call->end_ms = call->begin_ms + CALL_TIME_MS;
	if (size == 0) {
		bytes = "{}";
		size = 2;
	}
	call->arguments =
		size <= CALL_ARGUMENTS_SIZE ? json_parse(&call->reader, bytes, size) : NULL;
	if (call->arguments != NULL)
		return true;
	if (size > CALL_ARGUMENTS_SIZE)
		text_set(why, sizeof(why), "they are too long");
	else
		json_explain(&call->reader, why, sizeof(why));
	call_fail(call, "BAD_ARGUMENTS", "The arguments must be one JSON object: %s.", why);
	return false;
}

void call_succeed(struct call *call)
{
	call->words[0] = '\0';
	answer(call, "SUCCESS");
}

void call_fail(struct call *call, const char *code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(call->words, sizeof(call->words), format, arguments);
	va_end(arguments);
	answer(call, code);
}

void call_tell_failure(const struct call *call)
{
	if (call->words[0] != '\0')
		(void)note_write(call->settings, NOTE_TELL, call->words);
}

/* Where Lockstep's own page is, for people. */
static void find_page(const struct call *call, char *page, size_t capacity)
{
	struct mesh_node here;

	if (mesh_look(&here, call->settings, clock_now_ms() + PAGE_MS) && here.address[0] != '\0')
		snprintf(page, capacity, "http://%s/", here.address);
	else
		text_set(page, capacity, "port 8430 of this node");
}

void call_explain(const struct call *call, char words[static NOTE_WORDS_SIZE + 1])
{
	const char *problem = call->settings->problem;
	char page[LIMITS_ADDRESS_SIZE + 16];

	find_page(call, page, sizeof(page));
	snprintf(words, NOTE_WORDS_SIZE + 1, "%s%s%s%s Please use Lockstep's own page, %s.",
		call->settings->mode == SETTINGS_OFF ? "LimeApp is switched off on this node."
						     : "LimeApp may only look on here.",
		problem[0] != '\0' ? " Its settings are not good: " : "", problem,
		problem[0] != '\0' ? "." : "", page);
}

bool call_may_act(struct call *call)
{
	char words[NOTE_WORDS_SIZE + 1];

	if (call->settings->mode == SETTINGS_FULL)
		return true;
	call_explain(call, words);
	call_fail(call, "NOT_ALLOWED", "%s", words);
	return false;
}
