// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: how many connections he opens to the gossip port or keeps us waiting on, how
 * the bytes of their exchanges lie in time to each other, and when each ends. What the bytes mean
 * is fuzz_session.c's. The input is a script of commands of one letter; a digit after it names one
 * of ten connections:
 *
 *   cN  connect to us           bN TEXT NUL  send these bytes        eN  end the sending side
 *   oN  we exchange with him    vN VN        send two versions, one  rN  reset the connection
 *   t   let a turn pass         aN           acknowledge our message hN  hear what we said
 *   C   connect, 70 times       mN nN        send a whole message; of a type that we do not speak
 *   O   exchange, 70 times      MN           begin a message of the largest size, and send most
 *   f   our state becomes large p            we exchange where nobody is
 *
 * Whatever he does, the bounds hold, and each exchange of ours ends once.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common.h"
#include "daemon/gossip_net.h"
#include "faults.h"
#include "gossip/store.h"
#include "io/timer.h"

enum {
	LINES = 10,
	COMMANDS_MAX = 400,
	CROWD = LIMITS_GOSSIP_CONNECTIONS_MAX + 6,
	TURNS_MAX = 3,
	LARGE_SIZE = 900000,
};

static const char type[] = "mesh_wide_upgrade", own_data[] = "{\"stateSlice\":[]}";
static int listener = -1; /* where we exchange with him */
static uint16_t port;

struct scene {
	struct event_base *base;
	struct gossip_net *net;
	struct store store;
	uint32_t opened, over; /* exchanges of ours */
	int fds[LINES];
	int crowd[2 * CROWD];
	uint32_t crowd_count;
};

/* ---- us ---- */

static bool on_speaks(void *context, const char *asked)
{
	(void)context;
	return strcmp(asked, type) == 0;
}

static void on_merge(void *context, const char *asked, const char *data, size_t data_size,
	const struct sockaddr *from, uint32_t neighbour, uint32_t rtt_ms)
{
	struct scene *scene = context;
	bool were_on;

	assert(on_speaks(context, asked) && data_size <= LIMITS_SLICE_SIZE && rtt_ms < 100000);
	assert(gossip_net_is_local(from) && (neighbour == UINT32_MAX || neighbour < LINES));
	were_on = faults_pause();
	(void)store_merge(&scene->store, data, data_size, FUZZ_NAME, true);
	faults_resume(were_on);
}

static void on_answer(void *context, uint32_t neighbour, const char *asked, const char *data,
	size_t data_size, struct text *text)
{
	struct scene *scene = context;

	(void)data;
	assert(on_speaks(context, asked) && (neighbour < LINES || data_size > 0));
	if (neighbour < LINES)
		text_add(text, own_data);
	else
		store_write(&scene->store, text);
}

static void on_over(void *context, uint32_t neighbour, const char *asked, bool ok, const char *why)
{
	struct scene *scene = context;

	assert(neighbour < LINES && on_speaks(context, asked) && why[0] != '\0');
	(void)ok;
	scene->over++;
	assert(scene->over <= scene->opened);
}

static const struct gossip_net_callbacks callbacks = { on_speaks, on_merge, on_answer, on_over };

static void turn(struct scene *scene)
{
	faults_wait();
	faults_on();
	(void)event_base_loop(scene->base, EVLOOP_NONBLOCK);
	faults_off();
}

static void exchange(struct scene *scene, uint32_t neighbour)
{
	int error;

	faults_on();
	error = gossip_net_exchange(scene->net, neighbour, "127.0.0.1", port, type);
	faults_off();
	scene->opened += error == 0;
	assert(error == 0 || error == -ENOBUFS || faults_happened());
}

static void exchange_with_nobody(struct scene *scene)
{
	int error;

	faults_on();
	error = gossip_net_exchange(scene->net, 1, "127.0.0.1", 1, type);
	scene->opened += error == 0;
	/* What is no address, and no type. */
	error = gossip_net_exchange(scene->net, 1, "nobody", 1, type);
	assert(error != 0);
	error = gossip_net_exchange(scene->net, 1, "127.0.0.1", 1, "");
	assert(error != 0);
	faults_off();
}

static const char *large_data(void)
{
	static char data[LARGE_SIZE];

	memset(data, 'x', sizeof(data));
	data[0] = data[sizeof(data) - 1] = '"';
	return data;
}

/* ---- the stranger ---- */

static void set_reset(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static int connect_to_us(const struct scene *scene)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(gossip_net_port(scene->net)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	/* So that a large answer does not go out at once. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	/* No state of the connection stays behind: there are thousands of them. */
	set_reset(fd);
	return fd;
}

static int accept_ours(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		set_reset(fd);
	return fd;
}

static void hang_up(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void say(struct scene *scene, int fd, const void *bytes, size_t size)
{
	if (fd >= 0)
		(void)send(fd, bytes, size, MSG_NOSIGNAL);
	turn(scene);
}

static void say_message(struct scene *scene, int fd, char what)
{
	bool large = what == 'M';
	static char message[1 + sizeof(type) - 1 + 4 + LIMITS_SLICE_SIZE];
	static const char data[] = "{\"stateSlice\":[{\"key\":\"a\",\"value\":{\"mAuthor\":\"b\","
				   "\"mTtl\":{\"xint64\":99,\"xstr64\":\"99\"},\"mData\":1}}]}";
	size_t head = sizeof(type), size = large ? LIMITS_SLICE_SIZE : sizeof(data) - 1;

	message[0] = (char)(sizeof(type) - 1);
	memcpy(message + 1, type, sizeof(type) - 1);
	if (what == 'n')
		message[1]++;
	bytes_put_u32be((uint8_t *)message + head, (uint32_t)size);
	memcpy(message + head + 4, data, sizeof(data) - 1);
	if (!large) {
		say(scene, fd, message, head + 4 + size);
		return;
	}
	/* As much as goes in. */
	for (size_t sent = 0, rest = sizeof(message) - 1; fd >= 0 && rest > 0;) {
		ssize_t now = send(fd, message + sent, rest, MSG_NOSIGNAL);

		turn(scene);
		if (now <= 0)
			break;
		sent += (size_t)now;
		rest -= (size_t)now;
	}
}

static void hear(struct scene *scene, int fd)
{
	char heard[65536];

	turn(scene);
	while (fd >= 0 && recv(fd, heard, sizeof(heard), 0) > 0)
		turn(scene);
}

static void crowd(struct scene *scene, bool ours)
{
	for (uint32_t i = 0; i < CROWD && scene->crowd_count < 2 * CROWD; i++) {
		int fd = -1;

		if (ours) {
			exchange(scene, i % LINES);
			fd = accept_ours();
		} else {
			fd = connect_to_us(scene);
		}
		turn(scene);
		if (fd >= 0)
			scene->crowd[scene->crowd_count++] = fd;
	}
}

static void command_at(struct scene *scene, struct fuzz *fuzz, char what, uint32_t at)
{
	static const uint8_t version[8] = { 0, 0, 0, 1, 0, 0, 0, 1 };
	static const uint8_t acknowledgement[4] = { 0, 0, 0,
		1 + sizeof(type) - 1 + 4 + sizeof(own_data) - 1 };
	static const struct linger plain = { .l_onoff = 0 };
	int *fd = &scene->fds[at];
	const uint8_t *bytes = fuzz->at, *end;
	size_t size = fuzz_left(fuzz);

	switch (what) {
	case 'c':
		hang_up(fd);
		*fd = connect_to_us(scene);
		break;
	case 'o':
		hang_up(fd);
		exchange(scene, at);
		*fd = accept_ours();
		break;
	case 'b':
		end = size > 0 ? memchr(bytes, '\0', size) : NULL;
		if (end != NULL)
			size = (size_t)(end - bytes);
		fuzz->at += size + (end != NULL);
		say(scene, *fd, bytes, size);
		break;
	case 'v':
		say(scene, *fd, version, sizeof(version));
		break;
	case 'V':
		say(scene, *fd, version, sizeof(version) / 2);
		break;
	case 'a':
		say(scene, *fd, acknowledgement, sizeof(acknowledgement));
		break;
	case 'm':
	case 'n':
	case 'M':
		say_message(scene, *fd, what);
		break;
	case 'e':
		if (*fd >= 0)
			(void)shutdown(*fd, SHUT_WR);
		break;
	case 'h':
		hear(scene, *fd);
		break;
	case 'x':
		/* Not with a reset. */
		if (*fd >= 0)
			(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &plain, sizeof(plain));
		hang_up(fd);
		break;
	case 'r':
		hang_up(fd);
		break;
	default:
		break;
	}
}

static void play(struct scene *scene, struct fuzz *fuzz)
{
	for (int i = 0; i < COMMANDS_MAX && fuzz_left(fuzz) > 0; i++) {
		char what = (char)fuzz_byte(fuzz);

		if (what == 't')
			turn(scene);
		else if (what == 'f')
			(void)store_put(&scene->store, FUZZ_NAME, FUZZ_NAME, 2400, large_data(),
				LARGE_SIZE);
		else if (what == 'p')
			exchange_with_nobody(scene);
		else if ((what == 'C' || what == 'O') && scene->crowd_count < CROWD)
			crowd(scene, what == 'O');
		else if (strchr("cobvVamnMehrx", what) != NULL && what != '\0')
			command_at(scene, fuzz, what, fuzz_byte(fuzz) % LINES);
	}
}

static void listen_once(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t size = sizeof(address);
	bool ok;

	if (listener >= 0)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ok = listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0 &&
	     listen(listener, 128) == 0 &&
	     getsockname(listener, (struct sockaddr *)&address, &size) == 0;
	assert(ok);
	port = ntohs(address.sin_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct scene scene = { .base = timer_new_base() };
	struct fuzz fuzz;
	int fd, error;

	faults_plan(&bytes, &size);
	listen_once();
	fuzz_begin(&fuzz, bytes, size);
	memset(scene.fds, -1, sizeof(scene.fds));
	store_init(&scene.store);
	scene.net = gossip_net_new(scene.base, &callbacks, &scene);
	assert(scene.base != NULL && scene.net != NULL);
	gossip_net_set_deadline(scene.net, LIMITS_EXCHANGE_DEADLINE_MS);
	faults_on();
	error = gossip_net_listen(scene.net, "127.0.0.1", 0);
	faults_off();
	assert(error == 0 || faults_happened());
	if (error == 0)
		play(&scene, &fuzz);
	for (int i = 0; i < TURNS_MAX; i++)
		turn(&scene);
	/* Everybody is gone: nothing is left to wait for. */
	for (uint32_t i = 0; i < LINES; i++)
		hang_up(&scene.fds[i]);
	for (uint32_t i = 0; i < scene.crowd_count; i++)
		hang_up(&scene.crowd[i]);
	while ((fd = accept_ours()) >= 0)
		close(fd);
	for (int i = 0; i < TURNS_MAX; i++)
		turn(&scene);
	assert(scene.over == scene.opened || faults_happened());
	gossip_net_free(scene.net);
	store_free(&scene.store);
	event_base_free(scene.base);
	return 0;
}
