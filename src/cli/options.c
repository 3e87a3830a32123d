// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/text.h"
#include "cli/commands.h"

static const char default_socket[] = "/var/run/lockstep.sock";

enum {
	WEEK_S = 7 * 24 * 3600,
	DAY_S = 24 * 3600,
};

void options_init(struct options *options, const char *usage, int argc, char **argv)
{
	const char *socket = getenv("LOCKSTEP_SOCKET");

	memset(options, 0, sizeof(*options));
	options->word = argv[0];
	options->usage = usage;
	options->socket = socket != NULL && socket[0] != '\0' ? socket : default_socket;
	options->argc = argc;
	options->argv = argv;
	options->next = 1;
	/* Errors before it are asked for in its form too. */
	for (int i = 1; i < argc; i++)
		options->json = options->json || strcmp(argv[i], "--json") == 0;
}

const char *options_value(struct options *options, const char *option, int *status)
{
	if (options->next < options->argc)
		return options->argv[options->next++];
	*status = options_wrong(options, "needs a value:", option);
	return NULL;
}

bool options_next(struct options *options, const char **option, int *status)
{
	*status = -1;
	while (options->next < options->argc) {
		*option = options->argv[options->next++];
		if (strcmp(*option, "--json") == 0)
			continue;
		if (strcmp(*option, "--help") == 0) {
			fputs(options->usage, stdout);
			*status = CLI_DONE;
			return false;
		}
		if (strcmp(*option, "--socket") == 0) {
			options->socket = options_value(options, *option, status);
			if (options->socket == NULL)
				return false;
			continue;
		}
		if (strcmp(*option, "--url") == 0) {
			options->url = options_value(options, *option, status);
			if (options->url == NULL)
				return false;
			continue;
		}
		return true;
	}
	return false;
}

int options_wrong(const struct options *options, const char *what, const char *argument)
{
	fprintf(stderr, "lockstep %s: %s %s\n\n%s", options->word, what, argument, options->usage);
	return CLI_USAGE;
}

int options_fail(const struct options *options, const char *reason, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (options->json) {
		char document[4096];
		struct text text;

		text_init(&text, document, sizeof(document));
		text_add(&text, "{\"error\":{");
		text_add_member_string(&text, "reason", reason);
		text_add_member_string(&text, "message", message);
		text_add(&text, "}}");
		puts(document);
	} else {
		fprintf(stderr, "lockstep %s: %s\n", options->word, message);
	}
	return CLI_FAILED;
}

bool options_duration(const char *text, uint64_t *ms)
{
	char digits[16];
	size_t size = strspn(text, "0123456789");
	uint64_t number, unit_s;

	if (size == 0 || size >= sizeof(digits))
		return false;
	memcpy(digits, text, size);
	digits[size] = '\0';
	if (strcmp(text + size, "") == 0 || strcmp(text + size, "s") == 0)
		unit_s = 1;
	else if (strcmp(text + size, "m") == 0)
		unit_s = 60;
	else if (strcmp(text + size, "h") == 0)
		unit_s = 3600;
	else
		return false;
	if (!text_parse_u64(&number, digits) || number > WEEK_S / unit_s)
		return false;
	*ms = number * unit_s * 1000;
	return true;
}

bool options_time_of_day(const char *text, uint64_t *ms)
{
	unsigned hours, minutes;
	char rest;
	time_t now = time(NULL);
	struct tm then;
	long seconds;

	/* sscanf() would let blanks and signs through. */
	if (text[strspn(text, "0123456789:")] != '\0' ||
		sscanf(text, "%2u:%2u%c", &hours, &minutes, &rest) != 2 || hours > 23 ||
		minutes > 59 || localtime_r(&now, &then) == NULL)
		return false;
	seconds = (long)(hours * 3600 + minutes * 60) -
		  (then.tm_hour * 3600L + then.tm_min * 60L + then.tm_sec);
	if (seconds <= 0)
		seconds += DAY_S;
	*ms = (uint64_t)seconds * 1000;
	return true;
}

void options_print_safe(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		bool control = *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);

		putchar(control ? '?' : *c);
	}
}

const char *options_name(const char *list, char *name, size_t capacity, bool *ok)
{
	size_t size = strcspn(list, ",");

	if (list[0] == '\0')
		return NULL;
	*ok = size < capacity;
	if (*ok) {
		memcpy(name, list, size);
		name[size] = '\0';
		*ok = text_is_name(name);
	}
	return list + size + (list[size] == ',');
}
