// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/lookup.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "io/socket.h"
#include "io/timer.h"

struct lookup {
	void (*over)(void *context, const struct sockaddr *address, socklen_t size);
	void *context;
	struct event *readable;
	pid_t pid;
	int fd;
};

enum { FILES_MAX = 1024 }; /* no process of ours has more open */

/* The child. It may outlive us by as long as a resolver waits, and must not keep our ports then. */
static void look_up(const char *host, uint16_t port, int fd)
{
	const struct addrinfo hints = { .ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;

	for (int other = STDERR_FILENO + 1; other < FILES_MAX; other++) {
		if (other != fd)
			close(other);
	}
	if (getaddrinfo(host, NULL, &hints, &found) == 0) {
		socket_set_port(found, port);
		(void)!write(fd, found->ai_addr, found->ai_addrlen);
	}
	_exit(0);
}

void lookup_cancel(struct lookup *lookup)
{
	if (lookup->pid > 0) {
		(void)kill(lookup->pid, SIGKILL);
		(void)waitpid(lookup->pid, NULL, 0);
	}
	timer_free(lookup->readable);
	close(lookup->fd);
	free(lookup);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct lookup *lookup = context;
	void (*over)(void *, const struct sockaddr *, socklen_t) = lookup->over;
	void *owner = lookup->context;
	struct sockaddr_storage address;
	ssize_t size = read(fd, &address, sizeof(address));

	(void)what;
	lookup_cancel(lookup);
	over(owner, size > 0 ? (struct sockaddr *)&address : NULL, size > 0 ? (socklen_t)size : 0);
}

struct lookup *lookup_start(struct event_base *base, const char *host, uint16_t port,
	void (*over)(void *context, const struct sockaddr *address, socklen_t size), void *context)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	int fds[2];

	if (lookup == NULL || pipe2(fds, O_CLOEXEC) != 0) {
		free(lookup);
		return NULL;
	}
	lookup->over = over;
	lookup->context = context;
	lookup->fd = fds[0];
	lookup->pid = -1;
	lookup->readable = event_new(base, fds[0], EV_READ, on_readable, lookup);
	if (lookup->readable != NULL && event_add(lookup->readable, NULL) == 0)
		lookup->pid = fork();
	if (lookup->pid == 0)
		look_up(host, port, fds[1]);
	close(fds[1]);
	if (lookup->pid > 0)
		return lookup;
	lookup_cancel(lookup);
	return NULL;
}
