// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: every byte of the replies to our requests, for any node of the mesh can be
 * asked for an image. The client really asks over a unix socket on which this target listens. The
 * first byte of the input says what is asked for and in which pieces the reply comes; the rest is
 * the reply, and a NUL in it closes the connection, so that the next one gets what follows.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "common.h"
#include "io/http_client.h"
#include "io/timer.h"

enum { SIZE_MAX_ASKED = 2000, TURNS_MAX = 2000 };

static char directory[] = "/tmp/lockstep-fuzz-XXXXXX";
static char path[sizeof(directory) + 16];
static int listener = -1;
static uint32_t done_count;

static void clean_up(void)
{
	(void)unlink(path);
	(void)rmdir(directory);
}

static void listen_once(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool ok;

	if (listener >= 0)
		return;
	/* As the daemon does. */
	(void)signal(SIGPIPE, SIG_IGN);
	ok = mkdtemp(directory) != NULL;
	assert(ok);
	snprintf(path, sizeof(path), "%s/socket", directory);
	text_set(address.sun_path, sizeof(address.sun_path), path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ok = listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	     listen(listener, 16) == 0;
	assert(ok);
	(void)atexit(clean_up);
}

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	const struct http_fetch *fetch = context;

	assert(token == 7);
	done_count++;
	/* A body never grows beyond what was allowed for it. */
	if (result->outcome == HTTP_CAME) {
		assert(result->status >= 200 && result->status <= 299);
		assert(fetch->ranged ? result->size == fetch->size : result->size <= fetch->size);
	}
	if (result->size > 0) {
		void *copy = fuzz_copy(result->bytes, result->size);

		free(copy);
	}
}

static void turn(struct event_base *base)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Sends the next reply to whoever asks; closes at its end. */
static void serve(struct event_base *base, struct fuzz *fuzz, size_t piece)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	char heard[4096];

	if (fd < 0)
		return;
	turn(base);
	(void)recv(fd, heard, sizeof(heard), 0);
	while (fuzz_left(fuzz) > 0) {
		size_t size = piece;
		const uint8_t *bytes = fuzz_bytes(fuzz, &size);
		const uint8_t *end = memchr(bytes, '\0', size);

		if (end != NULL) {
			fuzz->at = end + 1;
			size = (size_t)(end - bytes);
		}
		if (size > 0 && send(fd, bytes, size, MSG_NOSIGNAL) < 0)
			break;
		turn(base);
		(void)recv(fd, heard, sizeof(heard), 0);
		if (end != NULL)
			break;
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct event_base *base = timer_new_base();
	struct http_client *client = http_client_new(base);
	struct http_fetch fetch = { .url = "http://node2/v1/images/x", .deadline_ms = 5000 };
	struct fuzz fuzz;
	uint8_t how;
	bool ok;

	assert(base != NULL && client != NULL);
	listen_once();
	fuzz_begin(&fuzz, bytes, size);
	how = fuzz_byte(&fuzz);
	fetch.control = path;
	fetch.ranged = (how & 1) != 0;
	fetch.size = fetch.ranged ? 10 : SIZE_MAX_ASKED;
	fetch.offset = fetch.ranged ? 5 : 0;
	fetch.body = how & 2 ? "{}" : NULL;
	fetch.body_size = how & 2 ? 2 : 0;
	fetch.done = on_done;
	fetch.context = &fetch;
	fetch.token = 7;
	done_count = 0;
	ok = http_client_get(client, &fetch);
	/* A second one may come over the same connection. */
	ok = ok && (!(how & 4) || http_client_get(client, &fetch));
	assert(ok);
	for (int i = 0; i < TURNS_MAX && http_client_count(client) > 0; i++) {
		turn(base);
		serve(base, &fuzz, how / 8 == 31 ? 4096 : 1 + how / 8 * 7);
	}
	/* Everybody closed: nothing is left to wait for. */
	assert(http_client_count(client) == 0 && done_count == (how & 4 ? 2u : 1u));
	http_client_free(client);
	turn(base);
	event_base_free(base);
	return 0;
}
