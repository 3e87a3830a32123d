// SPDX-License-Identifier: AGPL-3.0-or-later
#include "cli/options.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/files.h"

enum {
	WEEK_S = 7 * 24 * 3600,
	DAY_S = 24 * 3600,
	HELP_SIZE_MAX = 16384,
};

enum kind {
	FLAG = 0,
	TEXT,
	NUMBER,      /* 1 or more */
	DURATION,    /* in milliseconds */
	TIME_OF_DAY, /* as milliseconds from now */
	LIST,
};

/* Without pointers, so that it needs no work at the start of the program. */
static const struct option {
	char name[18];     /* behind "--" */
	uint16_t commands; /* that know it */
	uint16_t offset;   /* of its value in struct options */
	uint16_t kind;
} table[] = {
#define OPTION(name, commands, kind, member)                                                       \
	{                                                                                          \
		name, commands, offsetof(struct options, member), kind                             \
	}
	OPTION("json", OPTIONS_OF_ALL, FLAG, json),
	OPTION("socket", OPTIONS_OF_ALL, TEXT, socket),
	OPTION("url", OPTIONS_OF_ALL, TEXT, url),
	OPTION("watch", OPTIONS_OF_STATUS, FLAG, watch),
	OPTION("key",
		OPTIONS_OF_START | OPTIONS_OF_SCHEDULE | OPTIONS_OF_CONFIRM | OPTIONS_OF_ABORT |
			OPTIONS_OF_RELEASE,
		TEXT, key),
	OPTION("participants", OPTIONS_OF_START, TEXT, participants),
	OPTION("seen", OPTIONS_OF_START, FLAG, seen),
	OPTION("wave", OPTIONS_OF_START, LIST, list),
	OPTION("confirm", OPTIONS_OF_START, TEXT, confirm),
	OPTION("policy", OPTIONS_OF_START, TEXT, policy),
	OPTION("quorum", OPTIONS_OF_START, NUMBER, quorum),
	OPTION("hold", OPTIONS_OF_START, DURATION, hold_ms),
	OPTION("allow-single-slot", OPTIONS_OF_START, FLAG, allow_single_slot),
	OPTION("allow-downgrade", OPTIONS_OF_START, FLAG, allow_downgrade),
	OPTION("no-catch-up", OPTIONS_OF_START, FLAG, no_catch_up),
	OPTION("dry-run", OPTIONS_OF_START, FLAG, dry_run),
	OPTION("in", OPTIONS_OF_SCHEDULE, DURATION, countdown_ms),
	OPTION("at", OPTIONS_OF_SCHEDULE, TIME_OF_DAY, countdown_ms),
	OPTION("wave", OPTIONS_OF_SCHEDULE, NUMBER, wave),
	OPTION("confirm-window", OPTIONS_OF_SCHEDULE, DURATION, confirm_window_ms),
	OPTION("force", OPTIONS_OF_SCHEDULE, FLAG, force),
	OPTION("without", OPTIONS_OF_CONFIRM, TEXT, without),
	OPTION("reason", OPTIONS_OF_ABORT, TEXT, reason),
	OPTION("version", OPTIONS_OF_RELEASE, TEXT, version),
	OPTION("sequence", OPTIONS_OF_RELEASE, NUMBER, sequence),
	OPTION("image", OPTIONS_OF_RELEASE, LIST, list),
	OPTION("out", OPTIONS_OF_RELEASE, TEXT, out),
	OPTION("info-url", OPTIONS_OF_RELEASE, TEXT, info_url),
	OPTION("force-board", OPTIONS_OF_RELEASE, FLAG, force_board),
	OPTION("trust", OPTIONS_OF_RELEASE, TEXT, trust),
	OPTION("threshold", OPTIONS_OF_RELEASE, NUMBER, threshold),
	OPTION("mesh", OPTIONS_OF_KEY, TEXT, mesh),
	OPTION("generate", OPTIONS_OF_KEY, FLAG, generate),
	OPTION("config", OPTIONS_OF_DAEMON, TEXT, config),
	OPTION("syslog", OPTIONS_OF_DAEMON, FLAG, syslog),
	OPTION("debug", OPTIONS_OF_DAEMON, FLAG, debug),
#undef OPTION
};

/* What the process was called with, for its last words. */
static const struct options *called_with;

bool options_duration(const char *text, uint64_t *ms)
{
	char digits[16], *unit;
	uint64_t number, unit_s;

	if (!text_copy(digits, sizeof(digits), text))
		return false;
	unit = digits + strcspn(digits, "smh");
	if (unit[0] != '\0' && unit[1] != '\0')
		return false;
	unit_s = *unit == 'h' ? 3600 : *unit == 'm' ? 60 : 1;
	*unit = '\0';
	if (!text_parse_u64(&number, digits) || number > WEEK_S / unit_s)
		return false;
	*ms = number * unit_s * 1000;
	return true;
}

/* One or two digits, and what ends them, which is passed over. */
static bool read_digits(const char **text, char end, int most, int *value)
{
	const char *begin = *text;

	*value = 0;
	while ('0' <= **text && **text <= '9' && *text < begin + 2)
		*value = *value * 10 + *(*text)++ - '0';
	return *text > begin && *(*text)++ == end && *value <= most;
}

bool options_time_of_day(const char *text, uint64_t *ms)
{
	int hours, minutes, seconds;
	time_t now = clock_unix_s();
	struct tm then;

	if (!read_digits(&text, ':', 23, &hours) || !read_digits(&text, '\0', 59, &minutes) ||
		localtime_r(&now, &then) == NULL)
		return false;
	seconds = (hours - then.tm_hour) * 3600 + (minutes - then.tm_min) * 60 - then.tm_sec;
	if (seconds <= 0)
		seconds += DAY_S;
	*ms = (uint64_t)seconds * 1000;
	return true;
}

static bool add_to_list(struct options_list *list, const char *value)
{
	if (list->count == OPTIONS_LIST_MAX)
		return false;
	list->values[list->count++] = value;
	return true;
}

static bool read_value(struct options *options, const struct option *option, const char *value)
{
	void *to = (char *)options + option->offset;

	switch ((enum kind)option->kind) {
	case FLAG:
		*(bool *)to = true;
		break;
	case TEXT:
		*(const char **)to = value;
		break;
	case NUMBER:
		return text_parse_u64(to, value) && *(const uint64_t *)to > 0;
	case DURATION:
		return options_duration(value, to);
	case TIME_OF_DAY:
		return options_time_of_day(value, to);
	case LIST:
		return add_to_list(to, value);
	}
	return true;
}

static const struct option *find_option(const struct command *command, const char *name)
{
	if (strncmp(name, "--", 2) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((table[i].commands & command->known) != 0 &&
			strcmp(table[i].name, name + 2) == 0)
			return &table[i];
	}
	return NULL;
}

void options_read(
	struct options *options, const struct command *command, int argc, char *const *argv)
{
	const char *socket = getenv("LOCKSTEP_SOCKET");

	called_with = options;
	*options = (struct options){
		.command = command,
		.socket = socket != NULL && socket[0] != '\0' ? socket : "/var/run/lockstep.sock",
		.config = "/etc/lockstep/lockstep.json",
		.threshold = 1,
		.quorum = 100,
		.hold_ms = 30000,
		.confirm_window_ms = 600000,
	};
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value = "";
		const struct option *option = find_option(command, name);

		if (strcmp(name, "--help") == 0) {
			options_help(command);
			exit(CLI_DONE);
		}
		if (option == NULL) {
			if (name[0] == '-' || name[0] == '\0' ||
				options->word_count == command->word_count)
				options_fail(NULL, "does not know %s", name);
			options->words[options->word_count++] = name;
			continue;
		}
		if (option->kind != FLAG) {
			if (++i == argc)
				options_fail(NULL, "needs a value: %s", name);
			value = argv[i];
		}
		if (!read_value(options, option, value))
			options_fail(NULL, "%s cannot be %s", name, value);
	}
}

void options_help(const struct command *command)
{
	static const char *const places[] = { "../share/lockstep/help", "../help" };
	char program[PATH_MAX], path[PATH_MAX + 64];
	char *details = NULL;
	size_t size;

	printf("Usage: lockstep %s", command->usage);
	if (realpath("/proc/self/exe", program) == NULL)
		return;
	*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s.txt", program, places[i], command->word);
		if (details == NULL && files_read(path, HELP_SIZE_MAX, &details, &size) == 0)
			printf("\n%s", details);
	}
	free(details);
}

static void print_safe(FILE *to, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		bool control = *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);

		fprintf(to, "%c", control ? '?' : *c);
	}
}

void options_fail(const char *reason, const char *format, ...)
{
	char message[1024], document[4096];
	struct text text;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (reason != NULL && called_with->json) {
		text_init(&text, document, sizeof(document));
		text_add(&text, "{\"error\":{");
		text_add_member_string(&text, "reason", reason);
		text_add_member_string(&text, "message", message);
		text_add(&text, "}}");
		options_print_safe(document);
		fputs("\n", stdout);
	} else {
		fprintf(stderr, "lockstep %s: ", called_with->command->word);
		/* It may have words of a node in it. */
		print_safe(stderr, message);
		fputs("\n", stderr);
	}
	if (reason == NULL) {
		fprintf(stderr, "\nUsage: lockstep %s\nlockstep help %s tells more.\n",
			called_with->command->usage, called_with->command->word);
		exit(CLI_USAGE);
	}
	exit(strcmp(reason, "no_daemon") == 0 ? CLI_NO_DAEMON : CLI_FAILED);
}

void *options_allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		options_fail("internal", "out of memory");
	return memory;
}

void options_print_safe(const char *text)
{
	print_safe(stdout, text);
}

const char *options_name(const char *list, char name[static LIMITS_NAME_SIZE + 1], bool *ok)
{
	size_t size = strcspn(list, ",");

	if (list[0] == '\0')
		return NULL;
	*ok = size <= LIMITS_NAME_SIZE;
	if (*ok) {
		memcpy(name, list, size);
		name[size] = '\0';
		*ok = text_is_name(name);
	}
	return list + size + (list[size] == ',');
}

const char *options_next_name(const char *list, char name[static LIMITS_NAME_SIZE + 1])
{
	bool ok = true;
	const char *rest = options_name(list, name, &ok);

	if (!ok)
		options_fail("bad_name", "%s has what is no node's name", list);
	return rest;
}
