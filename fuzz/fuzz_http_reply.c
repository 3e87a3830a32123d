// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: every byte of the replies to our requests, for any node of the mesh can be
 * asked for an image. The client really asks, over sockets on which this target listens. The first
 * byte of the input says what is asked for and in which pieces the replies come. If an 'U' follows,
 * a line of letters does, too, each of which is one thing that the client is asked to do:
 *
 *   u  fetch over the unix socket            c  give up all fetches
 *   i  the same under many other names       t  let some turns of the loop pass
 *   l  from localhost, a name to look up     m  more fetches than there may be
 *   n  from 127.0.0.1, which is none         b  from what is no URL, or no way leads to
 *   p  as u, some at once, pipelined         s  what is asked for from now on may not stall
 *
 * Without it there are one or two fetches over the unix socket. The rest is replies (peer.h).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "common.h"
#include "faults.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "io/timer.h"
#include "peer.h"

enum {
	SIZE_MAX_ASKED = 2000,
	TURNS_MAX = 5000,
	NAMES_MS = 30000,
	PATIENCE = 20, /* turns */
	SOME_TURNS = 5,
	BUSY_TURNS = 200, /* who is not done by then waits for something */
	GROUP = 3,
	PIPELINED = 3,
};

/* What one input is about. */
struct scene {
	struct event_base *base;
	struct http_client *client;
	struct http_fetch fetch;
	struct peer peer;
	uint32_t asked, done;
};

static void on_done(void *context, uint64_t token, const struct http_result *result)
{
	struct scene *scene = context;

	assert(token == 7);
	scene->done++;
	/* A body never grows beyond what was allowed for it. */
	if (result->outcome == HTTP_CAME) {
		assert(result->status >= 200 && result->status <= 299);
		assert(scene->fetch.ranged ? result->size == scene->fetch.size
					   : result->size <= scene->fetch.size);
	}
	if (result->size > 0) {
		void *copy = fuzz_copy(result->bytes, result->size);

		free(copy);
	}
}

static void turn(void *context)
{
	const struct scene *scene = context;

	faults_wait();
	faults_on();
	(void)event_base_loop(scene->base, EVLOOP_NONBLOCK);
	faults_off();
}

static void ask(struct scene *scene, const char *url, const char *control)
{
	bool taken;

	scene->fetch.url = url;
	scene->fetch.control = control;
	faults_on();
	taken = http_client_get(scene->client, &scene->fetch);
	faults_off();
	scene->asked += taken;
}

static void do_one(struct scene *scene, char what)
{
	char url[LIMITS_URL_SIZE + 1];
	char too_long[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	switch (what) {
	case 's':
		scene->fetch.stall_ms = 1;
		break;
	case 'p':
		scene->fetch.pipelined = true;
		for (int i = 0; i < PIPELINED; i++)
			ask(scene, "http://node2/v1/images/x", peer_path(-1));
		scene->fetch.pipelined = false;
		break;
	case 'u':
		ask(scene, "http://node2/v1/images/x", peer_path(-1));
		break;
	case 'l':
	case 'n':
		snprintf(url, sizeof(url), "http://%s:%u/x",
			what == 'l' ? "localhost" : "127.0.0.1", (unsigned)peer_port());
		ask(scene, url, NULL);
		break;
	case 'c':
		faults_on();
		http_client_cancel(scene->client, GROUP);
		faults_off();
		scene->asked = scene->done;
		break;
	case 't':
		for (int i = 0; i < SOME_TURNS; i++)
			turn(scene);
		break;
	case 'm':
		for (int i = 0; i <= HTTP_CLIENT_FETCHES_MAX; i++)
			ask(scene, "http://node2/v1/images/x", peer_path(-1));
		break;
	case 'b':
		memset(too_long, '/', sizeof(too_long) - 1);
		too_long[sizeof(too_long) - 1] = '\0';
		ask(scene, "https://node2/", peer_path(-1));
		ask(scene, "http://[fe80::1%none]/", NULL);
		ask(scene, "http://node2/", too_long);
		break;
	case 'i':
		for (int i = 0; i < PEER_NAMES; i++) {
			ask(scene, "http://node2/v1/images/x", peer_path(i));
			for (int j = 0; j < SOME_TURNS; j++) {
				turn(scene);
				peer_serve(&scene->peer);
			}
		}
		break;
	default:
		break;
	}
}

static void begin(struct scene *scene, struct fuzz *fuzz, uint8_t how)
{
	if (fuzz_left(fuzz) > 0 && *fuzz->at == 'U') {
		for (uint8_t what = fuzz_byte(fuzz); what != '\n' && fuzz_left(fuzz) > 0;
			what = fuzz_byte(fuzz)) {
			do_one(scene, (char)what);
			peer_serve(&scene->peer);
		}
		return;
	}
	do_one(scene, 'u');
	/* A second one may come over the same connection. */
	if (how & 4)
		do_one(scene, 'u');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct scene scene = { .base = timer_new_base() };
	struct fuzz fuzz;
	uint64_t begun_ms;
	uint8_t how;
	bool early;

	faults_plan(&bytes, &size);
	peer_listen();
	scene.client = http_client_new(scene.base);
	assert(scene.base != NULL && scene.client != NULL);
	fuzz_begin(&fuzz, bytes, size);
	how = fuzz_byte(&fuzz);
	scene.peer = (struct peer){
		.replies = &fuzz,
		.piece = how / 8 == 31 ? 4096 : 1 + how / 8 * 7,
		.turn = turn,
		.context = &scene,
	};
	scene.fetch = (struct http_fetch){
		.ranged = (how & 1) != 0,
		.size = how & 1 ? 10 : SIZE_MAX_ASKED,
		.offset = how & 1 ? 5 : 0,
		.body = how & 2 ? "{}" : NULL,
		.body_size = how & 2 ? 2 : 0,
		.deadline_ms = 5000,
		.group = GROUP,
		.done = on_done,
		.context = &scene,
		.token = 7,
	};
	begin(&scene, &fuzz, how);
	/* The owner may end in the middle of everything. */
	early = size > 0 && bytes[size - 1] == 'E';
	/* Turns enough where all is quick; and time enough for many names on a busy machine. */
	begun_ms = clock_now_ms();
	for (int i = 0; http_client_count(scene.client) > 0 &&
			(i < (early ? SOME_TURNS : TURNS_MAX) ||
				(!early && clock_now_ms() < begun_ms + NAMES_MS));
		i++) {
		turn(&scene);
		peer_serve(&scene.peer);
		/* Who waits for more on what was left open waits for its end. */
		if (i % PATIENCE == PATIENCE - 1) {
			peer_close(&scene.peer);
			/* A name is looked up in another process, and a reader rests: both take
			 * time. */
			(void)usleep(i > BUSY_TURNS ? 1000 : 0);
		}
	}
	/* Everybody closed: nothing is left to wait for. */
	assert(early || faults_happened() ||
		(http_client_count(scene.client) == 0 && scene.done == scene.asked));
	http_client_free(scene.client);
	turn(&scene);
	event_base_free(scene.base);
	peer_close(&scene.peer);
	return 0;
}
