// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: what a node answers to the commands of an operator, who may ask any with
 * --url; and release.json at a URL. The first letter of the input says which command is called, as
 * the table below has it. The rest is the answers, one for each request, with a NUL between them
 * and the placeholders of fuzz_fill(); the first byte of each says how it comes: '4' refused with
 * this body, 'x' not at all, any other with success. "@m" alone is the release of the corpus, "@q"
 * alone a large mesh of strange names, and "@K" node1's key as a node tells it.
 *
 * A command that cannot go on ends the process, so these files are taken in whole: what they
 * allocate is given back here, and their end leads back to here. No control characters of a
 * stranger may reach the operator's terminal, and what is signed must be an order.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <sodium.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/plan.h"
#include "common.h"
#include "core/order.h"
#include "core/record.h"
#include "core/topology.h"
#include "faults.h"
#include "io/http_client.h"
#include "io/timer.h"
#include "release/passphrase.h"
#include "scratch.h"

enum {
	KEPT_MAX = 4096,
	ARGUMENTS_MAX = 9,
	STRANGE_NODES = 320, /* whose order is just not too large */
	STRANGE_NODE_SIZE = 512,
};

static struct {
	jmp_buf back;
	int result;
	struct fuzz answers;
	uint8_t last_id[BYTES_HASH_SIZE];
	void *kept[KEPT_MAX]; /* memory that is not given back yet */
	uint32_t kept_count;
	struct json_object *objects[KEPT_MAX]; /* the same */
	uint32_t object_count;
} world;

/* ---- in the place of what a process has ---- */

static _Noreturn void leave(int result)
{
	world.result = result;
	longjmp(world.back, 1);
}

static void *keep(void *memory)
{
	assert(world.kept_count < KEPT_MAX);
	if (memory != NULL)
		world.kept[world.kept_count++] = memory;
	return memory;
}

static void give_back(void *memory)
{
	uint32_t i = 0;

	if (memory == NULL)
		return;
	while (world.kept[i] != memory)
		assert(++i < world.kept_count);
	world.kept[i] = world.kept[--world.kept_count];
	free(memory);
}

static struct json_object *keep_object(struct json_object *object)
{
	assert(world.object_count < KEPT_MAX);
	if (object != NULL)
		world.objects[world.object_count++] = object;
	return object;
}

static void give_back_object(struct json_object *object)
{
	uint32_t i = 0;

	if (object == NULL)
		return;
	while (world.objects[i] != object)
		assert(++i < world.object_count);
	world.objects[i] = world.objects[--world.object_count];
	json_free(object);
}

static int read_file(const char *path, size_t size_max, char **bytes, size_t *size)
{
	int error = files_read(path, size_max, bytes, size);

	if (error == 0)
		(void)keep(*bytes);
	return error;
}

/* What is posted must be what nodes take for an order, for the mesh that it names. */
static void check_posted(const struct http_fetch *fetch)
{
	struct json_reader reader;
	struct json_object *object, *text;
	char problem[LIMITS_MESSAGE_SIZE + 1], *copy;

	if (fetch->body == NULL)
		return;
	copy = fuzz_copy(fetch->body, fetch->body_size);
	object = json_parse(&reader, copy, fetch->body_size);
	assert(object != NULL);
	if (json_object_object_get_ex(object, "order", &text)) {
		size_t size = (size_t)json_object_get_string_len(text);
		struct order order;

		assert(size > 0 && size <= LIMITS_ORDER_SIZE);
		/* A strange node can make a strange order of it, which is then refused. */
		if (order_decode(&order, json_object_get_string(text), size, FUZZ_MESH, problem,
			    sizeof(problem)) == REASON_NONE)
			order_free(&order);
	}
	json_free(object);
	free(copy);
}

/* fuzz_fill() after "@K" was. */
static char *fill(const uint8_t *bytes, size_t size, size_t *filled_size)
{
	char blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], *buffer = malloc(size * sizeof(blob) + 1),
						    *filled;
	struct text text;

	assert(buffer != NULL);
	usign_public_to_blob(blob, fuzz_public(FUZZ_NODE));
	text_init(&text, buffer, size * sizeof(blob) + 1);
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '@' && i + 1 < size && bytes[i + 1] == 'K') {
			text_add(&text, blob);
			i++;
		} else {
			text_add_bytes(&text, (const char *)&bytes[i], 1);
		}
	}
	filled = fuzz_fill(buffer, text.size, world.last_id, filled_size);
	free(buffer);
	return filled;
}

/* Nodes whose names grow in an order, and again in what it is posted in. */
static char *strange_mesh(size_t *size)
{
	const size_t capacity = (size_t)STRANGE_NODES * STRANGE_NODE_SIZE;
	char blob[USIGN_PUBLIC_BLOB_TEXT_SIZE + 1], name[LIMITS_NAME_SIZE + 1] = "", *mesh;
	struct text text;

	mesh = malloc(capacity);
	assert(mesh != NULL);
	memset(name, '"', sizeof(name) - 1);
	usign_public_to_blob(blob, fuzz_public(FUZZ_NODE));
	text_init(&text, mesh, capacity);
	text_add(&text, "{\"mesh\":\"" FUZZ_MESH "\",\"nodes\":[");
	for (int i = 0; i < STRANGE_NODES; i++) {
		text_begin_object(&text);
		text_add_member_string(&text, "name", name);
		text_add_member_string(&text, "board", FUZZ_BOARD);
		text_add_member_string(&text, "key", blob);
		text_end_object(&text);
	}
	text_add(&text, "]}");
	assert(!text_cut(&text));
	*size = text.size;
	return mesh;
}

static char *fill_answer(const uint8_t *bytes, size_t size, size_t *filled_size)
{
	if (size == 2 && memcmp(bytes, "@q", 2) == 0)
		return strange_mesh(filled_size);
	if (size != 2 || memcmp(bytes, "@m", 2) != 0)
		return fill(bytes, size, filled_size);
	*filled_size = fuzz_release()->manifest_size;
	return fuzz_copy(fuzz_release()->manifest, *filled_size);
}

static bool answer_at_once(const struct http_fetch *fetch)
{
	struct http_result result = { .outcome = HTTP_CAME, .status = 200 };
	const uint8_t *bytes = world.answers.at, *end;
	size_t size = fuzz_left(&world.answers);
	char how, *filled;

	check_posted(fetch);
	end = size > 0 ? memchr(bytes, '\0', size) : NULL;
	if (end != NULL)
		size = (size_t)(end - bytes);
	world.answers.at += size + (end != NULL);
	how = size > 0 ? (char)bytes[0] : 'x';
	size -= size > 0;
	filled = fill_answer(bytes + 1, size, &size);
	if (size > fetch->size)
		size = fetch->size;
	result.bytes = (const uint8_t *)filled;
	result.size = size;
	if (how == '4') {
		result.outcome = HTTP_REFUSED;
		result.status = 409;
	} else if (how == 'x') {
		result = (struct http_result){ .outcome = HTTP_FAILED, .problem = "no way" };
	}
	fetch->done(fetch->context, fetch->token, &result);
	free(filled);
	return true;
}

#define exit leave
#define calloc(count, size) keep(calloc(count, size))
#define malloc(size) keep(malloc(size))
#define free give_back
#define json_parse(reader, bytes, size) keep_object(json_parse(reader, bytes, size))
#define json_free give_back_object
#define files_read read_file
#define http_client_get(client, fetch) ((void)(client), answer_at_once(fetch))
#define http_client_new(base) ((struct http_client *)(base))
#define http_client_free(client) ((void)(client))
#define http_client_count(client) ((void)(client), 0)
#define timer_new_base() ((struct event_base *)&world)
#define event_base_free(base) ((void)(base))

/* NOLINTBEGIN: see above */
#include "cli/options.c"

#include "cli/client.c"
#include "cli/file.c"
#include "cli/plan.c"
#include "cli/secret.c"
#define run run_status
#define table table_of_status
#include "cli/status.c"
#undef run
#undef table
#define run run_log
#include "cli/log.c"
#undef run
#include "cli/orders.c"
#define run run_start
#define foresee foresee_start
#define find_node find_node_start
#include "cli/start.c"
#undef run
#undef foresee
#undef find_node
#define run run_check
#include "cli/check.c"
#undef run
/* NOLINTEND */

#undef exit
#undef calloc
#undef malloc
#undef free
#undef json_parse
#undef json_free

/* ---- the commands ---- */

static char release[FILES_PATH_SIZE + 1], key[FILES_PATH_SIZE + 1];

static const struct call {
	char letter;
	const struct command *command;
	const char *arguments[ARGUMENTS_MAX];
} calls[] = {
	{ 's', &command_status, { "status", "--url", "http://x/" } },
	{ 'S', &command_status, { "status", "--json" } },
	{ 'l', &command_log, { "log" } },
	{ 'h', &command_check, { "check" } },
	{ 'H', &command_check, { "check", release, "--json" } },
	{ 'g', &command_check, { "check", release } },
	{ 't', &command_start, { "start", release, "--dry-run" } },
	{ 'T', &command_start, { "start", release, "--key", key, "--allow-single-slot" } },
	{ 'u', &command_start,
		{ "start", "http://x/r", "--key", key, "--url", "http://x", "--json" } },
	{ 'w', &command_start,
		{ "start", release, "--dry-run", "--participants", "node1,node2", "--wave",
			"node2" } },
	{ 'c', &command_schedule, { "schedule", "--key", key, "--in", "10s" } },
	{ 'C', &command_schedule,
		{ "schedule", "--key", key, "--in", "9", "--wave", "2", "--force" } },
	{ 'k', &command_confirm, { "confirm", "--key", key } },
	{ 'K', &command_confirm, { "confirm", "--key", key, "--without", "node2", "--json" } },
	{ 'a', &command_abort, { "abort", "--key", key, "--reason", "why not" } },
};

static void lay_out_once(void)
{
	static bool done;
	char file[USIGN_FILE_SIZE_MAX];

	if (done)
		return;
	done = true;
	scratch_write(
		"release/release.json", fuzz_release()->manifest, fuzz_release()->manifest_size);
	scratch_write("operator.sec", file,
		usign_write_secret(file, sizeof(file), "fuzz", fuzz_secret(FUZZ_OPERATOR)));
	scratch_path(release, "release");
	scratch_path(key, "operator.sec");
}

/* What an operator sees has lines and characters, and nothing that moves the cursor. */
static void check_shown(const char *shown, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t c = (uint8_t)shown[i];

		assert(c >= ' ' || c == '\n');
		assert(c != 0x7f);
		assert(c != 0xc2 || i + 1 == size || (uint8_t)shown[i + 1] >= 0xa0);
	}
}

/* Runs until the command ends, in whatever way. */
static void run_to_end(const struct command *command, int count, char *const *arguments)
{
	static struct options options;

	world.result = CLI_DONE;
	if (setjmp(world.back) != 0)
		return;
	options_read(&options, command, count, arguments);
	world.result = command->run(&options);
}

static void call(const struct call *what, FILE *out)
{
	char *arguments[ARGUMENTS_MAX + 1];
	FILE *true_out = stdout, *true_err = stderr;
	int count = 0;

	while (count < ARGUMENTS_MAX && what->arguments[count] != NULL) {
		arguments[count] = (char *)(uintptr_t)what->arguments[count];
		count++;
	}
	arguments[count] = NULL;
	stdout = out;
	stderr = out;
	run_to_end(what->command, count, arguments);
	stdout = true_out;
	stderr = true_err;
	assert(world.result == CLI_DONE || world.result == CLI_FAILED ||
		world.result == CLI_NO_DAEMON);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct call *what = NULL;
	char *shown = NULL;
	size_t shown_size = 0;
	FILE *out;

	faults_plan(&bytes, &size);
	for (size_t i = 0; size > 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].letter == (char)bytes[0])
			what = &calls[i];
	}
	if (what == NULL)
		return 0;
	lay_out_once();
	fuzz_begin(&world.answers, bytes + 1, size - 1);
	world.kept_count = world.object_count = 0;
	out = open_memstream(&shown, &shown_size);
	assert(out != NULL);
	call(what, out);
	(void)fclose(out);
	/* JSON is for programs. */
	if (what->letter != 'S')
		check_shown(shown, shown_size);
	free(shown);
	while (world.object_count > 0)
		json_free(world.objects[--world.object_count]);
	while (world.kept_count > 0)
		free(world.kept[--world.kept_count]);
	return 0;
}
