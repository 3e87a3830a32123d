// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/plugin.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "limeapp/call.h"
#include "limeapp/eupgrade.h"
#include "limeapp/wizard.h"

enum {
	/* Nothing takes so long, but for a name server that does not answer. */
	LAST_WORDS_S = 12,
	LEAVE_MS = 50,
};

/* The objects and their methods: words, because a table of addresses takes three times as much. */
enum object { OBJECT_WIZARD = 0, OBJECT_EUPGRADE };

static const char object_words[] = "lime-mesh-upgrade\0eupgrade\0"; /* by enum object */

enum wizard_method {
	WIZARD_BECOME_MAIN_NODE = 0,
	WIZARD_START_TRANSACTION,
	WIZARD_GET_NODE_STATUS,
	WIZARD_START_SAFE_UPGRADE,
	WIZARD_CONFIRM,
	WIZARD_ABORT,
};

static const char wizard_words[] = /* by enum wizard_method */
	"become_main_node\0start_firmware_upgrade_transaction\0get_node_status\0"
	"start_safe_upgrade\0confirm_boot_partition\0abort\0";

enum eupgrade_method { EUPGRADE_IS_NEW = 0, EUPGRADE_START_DOWNLOAD, EUPGRADE_DOWNLOAD_STATUS };

static const char eupgrade_words[] = /* by enum eupgrade_method */
	"is_new_version_available\0start_download\0download_status\0";

static const char *methods_of(enum object object)
{
	return object == OBJECT_WIZARD ? wizard_words : eupgrade_words;
}

/* As rpcd wants to hear of them: a value of each one's type. */
static const char *arguments_of(enum object object, unsigned method)
{
	if (object == OBJECT_WIZARD && method == WIZARD_BECOME_MAIN_NODE)
		return "\"url\":\"\"";
	if (object == OBJECT_WIZARD && method == WIZARD_START_SAFE_UPGRADE)
		return "\"start_delay\":32,\"confirm_timeout\":32";
	return "";
}

static void call_wizard(struct call *call, enum wizard_method method)
{
	switch (method) {
	case WIZARD_BECOME_MAIN_NODE:
		wizard_become_main_node(call);
		break;
	case WIZARD_START_TRANSACTION:
		wizard_start_transaction(call);
		break;
	case WIZARD_GET_NODE_STATUS:
		wizard_get_node_status(call);
		break;
	case WIZARD_START_SAFE_UPGRADE:
		wizard_start_safe_upgrade(call);
		break;
	case WIZARD_CONFIRM:
		wizard_confirm(call);
		break;
	case WIZARD_ABORT:
		wizard_abort(call);
		break;
	}
}

static void call_eupgrade(struct call *call, enum eupgrade_method method)
{
	switch (method) {
	case EUPGRADE_IS_NEW:
		eupgrade_is_new_version_available(call);
		break;
	case EUPGRADE_START_DOWNLOAD:
		eupgrade_start_download(call);
		break;
	case EUPGRADE_DOWNLOAD_STATUS:
		eupgrade_download_status(call);
		break;
	}
}

static void print(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, bytes, size);

		if (done < 0 && errno != EINTR)
			return;
		bytes += done > 0 ? done : 0;
		size -= done > 0 ? (size_t)done : 0;
	}
}

static void list(enum object object)
{
	char buffer[512];
	struct text text;
	const char *word = methods_of(object);

	text_init(&text, buffer, sizeof(buffer));
	for (unsigned i = 0; word[0] != '\0'; i++, word += strlen(word) + 1)
		text_add_format(
			&text, "%s\"%s\":{%s}", i > 0 ? "," : "{", word, arguments_of(object, i));
	text_add(&text, "}\n");
	print(STDOUT_FILENO, buffer, text.size);
}

/* At most a byte more than what arguments may have. */
static size_t read_arguments(char bytes[static CALL_ARGUMENTS_SIZE + 1])
{
	size_t size = 0;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, bytes + size, CALL_ARGUMENTS_SIZE + 1 - size);
		size += got > 0 ? (size_t)got : 0;
	} while ((got > 0 && size <= CALL_ARGUMENTS_SIZE) || (got < 0 && errno == EINTR));
	return size;
}

static void answer(enum object object, const char *name)
{
	static struct settings settings;
	static struct call call;
	static char arguments[CALL_ARGUMENTS_SIZE + 1];
	unsigned method = words_find(methods_of(object), name);
	const char *path = getenv("LOCKSTEP_LIMEAPP_CONFIG");
	size_t size = read_arguments(arguments);

	settings_read(&settings,
		path != NULL && path[0] == '/' ? path : "/var/run/lockstep-limeapp.json");
	if (method == WORDS_NONE)
		call_fail(&call, "NOT_FOUND", "Method not found");
	else if (!call_begin(&call, &settings, arguments, size))
		; /* it has answered */
	else if (object == OBJECT_WIZARD)
		call_wizard(&call, (enum wizard_method)method);
	else
		call_eupgrade(&call, (enum eupgrade_method)method);
	json_free(call.arguments);
	if (text_cut(&call.answer))
		call_fail(&call, "INTERNAL", "The answer is too long.");
	text_add(&call.answer, "\n");
	print(STDOUT_FILENO, call.bytes, call.answer.size);
}

/* An rpcd that sees us end before it has seen the end of what we print closes our pipes twice, and
 * the second time they may be another call's already. */
static void take_leave(void)
{
	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
	(void)poll(NULL, 0, LEAVE_MS);
}

static void say_last_words(int number)
{
	static const char words[] =
		"{\"code\":\"TIMEOUT\",\"error\":\"This took too long. Please look again in a "
		"moment.\",\"status\":\"error\",\"message\":\"This took too long.\"}\n";

	(void)number;
	print(STDOUT_FILENO, words, sizeof(words) - 1);
	take_leave();
	_exit(0);
}

int plugin_main(int argc, char *const *argv)
{
	static const char usage[] = "rpcd runs me, as lime-mesh-upgrade or eupgrade.\n";
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
	unsigned object = words_find(object_words, name);

	if (object == WORDS_NONE || argc < 2 || argc > 3 ||
		strcmp(argv[1], argc == 2 ? "list" : "call") != 0) {
		print(STDERR_FILENO, usage, sizeof(usage) - 1);
		return 1;
	}
	if (argc == 2) {
		list((enum object)object);
		return 0;
	}
	/* Whoever runs us may have ignored that. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGALRM, say_last_words);
	(void)alarm(LAST_WORDS_S);
	answer((enum object)object, argv[2]);
	take_leave();
	return 0;
}
