// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * Who knows the password that LimeApp has for everybody controls the arguments of each method; who
 * has a web server, what a release at its URL is; owners mistype settings; and what the daemon and
 * the command lockstep say may hold words of strange nodes. The first byte says what the rest is: a
 * digit is a method, then its arguments, and behind each NUL the next reply of whoever is asked,
 * the daemon or the web server; letters are below. "@m" and "@g" alone are the release of the
 * corpus and its signature, "@z" more than anybody wants; nothing between two NULs is no answer at
 * all.
 */
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common.h"
#include "faults.h"
#include "io/clock.h"
#include "limeapp/call.h"
#include "limeapp/eupgrade.h"
#include "limeapp/fetch.h"
#include "limeapp/mesh.h"
#include "limeapp/offer.h"
#include "limeapp/operator.h"
#include "limeapp/wizard.h"
#include "scratch.h"

/* ---- whoever is asked ---- */

static struct {
	pthread_mutex_t lock;
	const uint8_t *at, *end; /* replies that are left */
	uint8_t none[1];
	uint16_t port;
	int listeners[2]; /* the daemon, a web server */
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void set_replies(const uint8_t *at, const uint8_t *end)
{
	pthread_mutex_lock(&server.lock);
	server.at = at;
	server.end = end;
	pthread_mutex_unlock(&server.lock);
}

static void reply_with(int fd, const void *bytes, size_t size)
{
	/* Not send(), which fails when that is planned. */
	(void)sendto(fd, bytes, size, MSG_NOSIGNAL, NULL, 0);
}

static void reply(int fd)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n", other[] = "HTTP/1.1 200 OK\r\n\r\n{}";
	const struct fuzz_release *release = fuzz_release();
	static const char much[32768];
	const uint8_t *at = server.at, *end = memchr(at, '\0', (size_t)(server.end - at));
	bool over = at == server.end;
	char file[USIGN_FILE_SIZE_MAX];

	end = end != NULL ? end : server.end;
	server.at = end < server.end ? end + 1 : end;
	if (over) {
		reply_with(fd, other, sizeof(other) - 1);
	} else if (end - at == 2 && memcmp(at, "@z", 2) == 0) {
		reply_with(fd, head, sizeof(head) - 1);
		reply_with(fd, much, sizeof(much));
	} else if (end - at == 2 && memcmp(at, "@m", 2) == 0) {
		reply_with(fd, head, sizeof(head) - 1);
		reply_with(fd, release->manifest, release->manifest_size);
	} else if (end - at == 2 && memcmp(at, "@g", 2) == 0) {
		reply_with(fd, head, sizeof(head) - 1);
		reply_with(fd, file,
			usign_write_signature(file, sizeof(file), "fuzz", &release->signature));
	} else {
		reply_with(fd, at, (size_t)(end - at));
	}
}

static void *serve(void *context)
{
	int listener = *(int *)context;
	char request[4096];

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		(void)recv(fd, request, sizeof(request), 0);
		pthread_mutex_lock(&server.lock);
		reply(fd);
		pthread_mutex_unlock(&server.lock);
		close(fd);
	}
	return NULL;
}

static int listen_at(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, address, size) == 0 && listen(fd, 64) == 0;

	assert(ok);
	return fd;
}

static void begin_to_serve(const char *path)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in network = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t size = sizeof(network);
	pthread_t thread;

	if (server.port != 0)
		return;
	text_set(local.sun_path, sizeof(local.sun_path), path);
	server.listeners[0] = listen_at((struct sockaddr *)&local, sizeof(local));
	server.listeners[1] = listen_at((struct sockaddr *)&network, sizeof(network));
	(void)getsockname(server.listeners[1], (struct sockaddr *)&network, &size);
	server.port = ntohs(network.sin_port);
	for (int i = 0; i < 2; i++) {
		int error = pthread_create(&thread, NULL, serve, &server.listeners[i]);

		assert(error == 0);
	}
}

/* ---- a node ---- */

static void make_node(struct settings *settings)
{
	static char path[FILES_PATH_SIZE + 1];
	char file[USIGN_FILE_SIZE_MAX], config[FILES_PATH_SIZE * 3 + 1];
	size_t size = usign_write_public(file, sizeof(file), "fuzz", fuzz_public(FUZZ_RELEASE));

	memset(settings, 0, sizeof(*settings));
	scratch_path(path, "limeapp.json");
	scratch_path(settings->config, "lockstep.json");
	scratch_path(settings->control, "control");
	settings->path = path;
	begin_to_serve(settings->control);
	snprintf(settings->release, sizeof(settings->release), "http://127.0.0.1:%u", server.port);
	scratch_write("config/trust/release/a.pub", file, size);
	scratch_write("config/trust/release/none.pub", "x", 1);
	snprintf(config, sizeof(config),
		"{\"mesh\":\"fuzz\",\"threshold\":1,\"directories\":{\"config\":\"%s/config\"}}",
		scratch_directory());
	scratch_write("lockstep.json", config, strlen(config));
}

/* ---- methods ---- */

static void (*const methods[])(struct call *call) = {
	wizard_get_node_status, wizard_become_main_node, eupgrade_is_new_version_available,
	eupgrade_download_status, eupgrade_start_download,
	wizard_start_safe_upgrade, /* of which only the arguments are looked at … */
	wizard_get_node_status,    /* … when LimeApp is switched off … */
	eupgrade_is_new_version_available,
	wizard_become_main_node, /* … and when no place for releases is set */
};

enum { BECOME = 1, OFF = 6, OFF_TOO = 7, BECOME_NOWHERE = 8 };

/* Whatever comes, the answer is one object. */
static void call_method(int method, const uint8_t *bytes, size_t size)
{
	static struct call call;
	static struct settings settings;
	const uint8_t *end = memchr(bytes, '\0', size);
	size_t arguments = end != NULL ? (size_t)(end - bytes) : size;
	char *given = fuzz_string(bytes, arguments);
	struct json_reader reader;
	struct json_object *answer;

	make_node(&settings);
	settings.mode = method == BECOME || method == BECOME_NOWHERE ? SETTINGS_FULL
			: method == OFF || method == OFF_TOO         ? SETTINGS_OFF
								     : SETTINGS_READ_ONLY;
	if (method == BECOME_NOWHERE)
		settings.release[0] = '\0';
	/* What an earlier call may have left. */
	(void)note_write(&settings,
		strstr(given, "starting") != NULL ? NOTE_STARTING
		: strstr(given, "tell") != NULL   ? NOTE_TELL
						  : NOTE_NONE,
		"words");
	set_replies(bytes + arguments + (end != NULL), bytes + size);
	faults_on();
	if (call_begin(&call, &settings, given, arguments)) {
		if (strstr(given, "late") != NULL)
			call.end_ms = 0;
		methods[method](&call);
	}
	json_free(call.arguments);
	faults_off();
	/* Whom we did not wait for may still be answered, but not from this input. */
	set_replies(server.none, server.none);
	assert(!text_cut(&call.answer));
	answer = json_parse(&reader, call.bytes, call.answer.size);
	assert(answer != NULL || faults_happened());
	json_free(answer);
	free(given);
}

/* ---- documents ---- */

static void read_mesh(const char *bytes, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	struct text text;
	struct mesh mesh;
	char names[512];

	if (object == NULL)
		return;
	if (!mesh_take(&mesh, object)) {
		json_free(object);
		return;
	}
	assert(memchr(mesh.name, '\0', sizeof(mesh.name)) != NULL);
	for (unsigned state = 0; state < STATE_COUNT; state++)
		assert(mesh_rank(&mesh, (enum node_state)state) <= LIMITS_NODES_MAX * 2);
	(void)mesh_is_anybody_busy(&mesh);
	text_init(&text, names, sizeof(names));
	mesh_missing(&mesh, &text);
	text_init(&text, names, sizeof(names));
	mesh_list_seen(&mesh, &text);
	mesh_free(&mesh);
}

static void read_settings(const char *bytes, size_t size)
{
	struct settings settings = { .mode = SETTINGS_READ_ONLY };

	settings_parse(&settings, bytes, size);
	assert((settings.mode == SETTINGS_FULL) <= (settings.key[0] == '/'));
	assert((settings.problem[0] != '\0') <= (settings.mode == SETTINGS_OFF));
}

static void read_daemon(const char *bytes, size_t size)
{
	struct settings settings;
	struct settings_daemon daemon;

	scratch_write("other.json", bytes, size);
	scratch_path(settings.config, "other.json");
	(void)settings_read_daemon(&daemon, &settings);
	assert(daemon.threshold >= 1 && daemon.threshold <= LIMITS_KEYS_MAX);
	/* As a file of settings. */
	scratch_path(settings.key, "other.json");
	{
		char path[FILES_PATH_SIZE + 1];

		text_set(path, sizeof(path), settings.key);
		settings_read(&settings, path);
	}
}

static void read_note(const char *bytes, size_t size)
{
	struct settings settings;
	struct note note;

	make_node(&settings);
	note_parse(&note, bytes, size, 1000);
	scratch_write("limeapp.json.note", bytes, size);
	note_read(&note, &settings);
	assert(memchr(note.words, '\0', sizeof(note.words)) != NULL);
	scratch_remove("limeapp.json.note");
}

/* A directory that has this for its release, and the signature of the corpus. */
static void read_release(const char *bytes, size_t size)
{
	const struct fuzz_release *release = fuzz_release();
	struct mesh_node here = { .board = FUZZ_BOARD, .version = FUZZ_VERSION };
	struct offer *offer = malloc(sizeof(*offer));
	char place[FILES_PATH_SIZE + 1], file[USIGN_FILE_SIZE_MAX];
	struct settings settings;
	enum offer_verdict verdict;
	bool ours = size == 2 && memcmp(bytes, "@m", 2) == 0;

	assert(offer != NULL);
	make_node(&settings);
	scratch_path(place, "release");
	scratch_write("release/release.json", ours ? release->manifest : bytes,
		ours ? release->manifest_size : size);
	scratch_write("release/signatures/none.sig", "x", 1);
	scratch_write("release/signatures/ours.sig", file,
		usign_write_signature(file, sizeof(file), "fuzz", &release->signature));
	faults_on();
	verdict = offer_judge(offer, &settings, &here, place, clock_now_ms() + 1000);
	faults_off();
	assert(verdict != OFFER_NEW || ours);
	assert(!ours || verdict == OFFER_NEW || faults_happened());
	scratch_remove("release");
	free(offer);
}

/* Any place; behind a '-' on a node that has no configuration, behind a '+' on one without trust.
 */
static void judge_place(const char *bytes, size_t size)
{
	char *place = fuzz_string(bytes, size);
	struct mesh_node here = { .board = FUZZ_BOARD, .version = FUZZ_VERSION };
	struct offer *offer = malloc(sizeof(*offer));
	struct settings settings;
	char kind = place[0];
	enum offer_verdict verdict;

	assert(offer != NULL);
	make_node(&settings);
	if (kind == '-')
		scratch_remove("lockstep.json");
	if (kind == '+')
		scratch_remove("config");
	/* Not to where the input likes. */
	if (strlen(place) <= LIMITS_URL_SIZE && strstr(place, "..") == NULL &&
		(strstr(place, "://") == NULL || strstr(place, "://127.0.0.1:1/") != NULL ||
			offer_object_to(place)[0] != '\0')) {
		faults_on();
		verdict = offer_judge(offer, &settings, &here,
			kind == '-' || kind == '+' ? place + 1 : place, clock_now_ms() + 1000);
		faults_off();
		assert(verdict == OFFER_FAILED);
	}
	free(offer);
	free(place);
}

static void read_document(char kind, const char *bytes, size_t size)
{
	struct operator_result result;

	switch (kind) {
	case 'm':
		read_mesh(bytes, size);
		break;
	case 's':
		read_settings(bytes, size);
		break;
	case 'd':
		read_daemon(bytes, size);
		break;
	case 'n':
		read_note(bytes, size);
		break;
	case 'r':
		read_release(bytes, size);
		break;
	case 'p':
		judge_place(bytes, size);
		break;
	case 'o':
		operator_read_refusal(&result, bytes, size, 1);
		assert(text_is_printable(result.message, OPERATOR_MESSAGE_SIZE));
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *copy;

	faults_plan(&bytes, &size);
	if (size == 0)
		return 0;
	if (bytes[0] >= '0' && bytes[0] < '0' + (int)(sizeof(methods) / sizeof(methods[0]))) {
		call_method(bytes[0] - '0', bytes + 1, size - 1);
		return 0;
	}
	copy = fuzz_copy(bytes + 1, size - 1);
	read_document((char)bytes[0], copy, size - 1);
	free(copy);
	return 0;
}
