// SPDX-License-Identifier: AGPL-3.0-or-later
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <json-c/json.h>

#include "io/timer.h"

enum {
	HURRY_MS = 1, /* not at once: a timer that starts itself anew would never let the loop go */
	FAILURES_MAX = 1000,
};

static struct {
	bool on, all, hurry, happened;
	uint32_t nth;   /* 0: none */
	uint32_t calls; /* so far */
} plan;

void faults_plan(const uint8_t **bytes, size_t *size)
{
	const uint8_t *at = *bytes + 1, *end = *bytes + *size;
	uint32_t nth = 0;

	plan.on = plan.all = plan.hurry = plan.happened = false;
	plan.nth = plan.calls = 0;
	if (*size < 2 || **bytes != '!')
		return;
	for (; at < end && *at >= '0' && *at <= '9' && nth < 1000000; at++)
		nth = nth * 10 + (uint32_t)(*at - '0');
	if (at < end && *at == '+') {
		plan.all = true;
		at++;
	}
	if (at < end && *at == 'h') {
		plan.hurry = true;
		at++;
	}
	if (at < end && *at == '!')
		at++;
	plan.nth = nth;
	*size = (size_t)(end - at);
	*bytes = at;
}

void faults_on(void)
{
	plan.on = true;
}

void faults_off(void)
{
	plan.on = false;
}

bool faults_pause(void)
{
	bool were_on = plan.on;

	plan.on = false;
	return were_on;
}

void faults_resume(bool were_on)
{
	plan.on = were_on;
}

void faults_wait(void)
{
	if (plan.hurry)
		(void)usleep(2 * HURRY_MS * 1000);
}

bool faults_happened(void)
{
	return plan.happened;
}

#ifdef FUZZ_FAULTS

static bool fails_now(int error)
{
	if (!plan.on || plan.nth == 0 || ++plan.calls < plan.nth ||
		plan.calls - plan.nth >= (plan.all ? FAILURES_MAX : 1))
		return false;
	plan.happened = true;
	errno = error;
	return true;
}

/* What may fail: its result, name, what it gives then, errno, parameters and their names. */
#define FALLIBLE(type, name, failed, error, parameters, ...)                                       \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return fails_now(error) ? (failed) : __real_##name(__VA_ARGS__);                   \
	}

FALLIBLE(void *, malloc, NULL, ENOMEM, (size_t size), size)
FALLIBLE(void *, calloc, NULL, ENOMEM, (size_t count, size_t size), count, size)
FALLIBLE(void *, realloc, NULL, ENOMEM, (void *old, size_t size), old, size)

FALLIBLE(struct json_tokener *, json_tokener_new_ex, NULL, ENOMEM, (int depth), depth)

FALLIBLE(struct event *, event_new, NULL, ENOMEM,
	(struct event_base * base, evutil_socket_t fd, short what, event_callback_fn done,
		void *context),
	base, fd, what, done, context)
FALLIBLE(int, event_add, -1, ENOMEM, (struct event * event, const struct timeval *after), event,
	after)
FALLIBLE(int, event_base_once, -1, ENOMEM,
	(struct event_base * base, evutil_socket_t fd, short what, event_callback_fn done,
		void *context, const struct timeval *after),
	base, fd, what, done, context, after)
FALLIBLE(struct evbuffer *, evbuffer_new, NULL, ENOMEM, (void), )
FALLIBLE(int, evbuffer_add, -1, ENOMEM, (struct evbuffer * buffer, const void *bytes, size_t size),
	buffer, bytes, size)
FALLIBLE(int, evbuffer_add_reference, -1, ENOMEM,
	(struct evbuffer * buffer, const void *bytes, size_t size, evbuffer_ref_cleanup_cb done,
		void *context),
	buffer, bytes, size, done, context)
FALLIBLE(int, evbuffer_add_file, -1, ENOMEM,
	(struct evbuffer * buffer, int fd, ev_off_t offset, ev_off_t size), buffer, fd, offset,
	size)
FALLIBLE(struct bufferevent *, bufferevent_socket_new, NULL, ENOMEM,
	(struct event_base * base, evutil_socket_t fd, int options), base, fd, options)
FALLIBLE(int, bufferevent_socket_connect, -1, ENETUNREACH,
	(struct bufferevent * stream, const struct sockaddr *address, int size), stream, address,
	size)

FALLIBLE(int, pipe2, -1, EMFILE, (int fds[2], int flags), fds, flags)
FALLIBLE(pid_t, fork, -1, EAGAIN, (void), )

FALLIBLE(int, socket, -1, EMFILE, (int family, int type, int protocol), family, type, protocol)
FALLIBLE(int, connect, -1, ENETUNREACH, (int fd, const struct sockaddr *address, socklen_t size),
	fd, address, size)
FALLIBLE(int, accept4, -1, EMFILE, (int fd, struct sockaddr *from, socklen_t *size, int flags), fd,
	from, size, flags)
FALLIBLE(ssize_t, send, -1, EPIPE, (int fd, const void *bytes, size_t size, int flags), fd, bytes,
	size, flags)
FALLIBLE(int, getsockopt, -1, EBADF, (int fd, int level, int option, void *value, socklen_t *size),
	fd, level, option, value, size)
FALLIBLE(ssize_t, read, -1, EIO, (int fd, void *bytes, size_t size), fd, bytes, size)
FALLIBLE(ssize_t, pread, -1, EIO, (int fd, void *bytes, size_t size, off_t offset), fd, bytes, size,
	offset)
FALLIBLE(ssize_t, write, -1, ENOSPC, (int fd, const void *bytes, size_t size), fd, bytes, size)
FALLIBLE(ssize_t, pwrite, -1, ENOSPC, (int fd, const void *bytes, size_t size, off_t offset), fd,
	bytes, size, offset)
FALLIBLE(int, fstat, -1, EIO, (int fd, struct stat *status), fd, status)
FALLIBLE(int, fsync, -1, EIO, (int fd), fd)
FALLIBLE(int, rename, -1, EIO, (const char *from, const char *to), from, to)
FALLIBLE(void *, mmap, MAP_FAILED, ENOMEM,
	(void *at, size_t size, int protection, int flags, int fd, off_t offset), at, size,
	protection, flags, fd, offset)

unsigned char *__real_evbuffer_pullup(struct evbuffer *buffer, ev_ssize_t size);
unsigned char *__wrap_evbuffer_pullup(struct evbuffer *buffer, ev_ssize_t size);

unsigned char *__wrap_evbuffer_pullup(struct evbuffer *buffer, ev_ssize_t size)
{
	size_t needed = size < 0 ? evbuffer_get_length(buffer) : (size_t)size;

	/* What is one piece already needs no memory. */
	if (evbuffer_get_contiguous_space(buffer) < needed && fails_now(ENOMEM))
		return NULL;
	return __real_evbuffer_pullup(buffer, size);
}

/* The same with what follows the last named parameter: there is one, or it is not looked at. */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode = 0;

	va_start(rest, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(rest, mode_t);
	va_end(rest);
	return fails_now(EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);

int __wrap_fcntl(int fd, int what, ...)
{
	va_list rest;
	int value;

	va_start(rest, what);
	value = va_arg(rest, int);
	va_end(rest);
	return fails_now(EMFILE) ? -1 : __real_fcntl(fd, what, value);
}

bool __real_timer_start(struct event *timer, uint32_t ms);
bool __wrap_timer_start(struct event *timer, uint32_t ms);

bool __wrap_timer_start(struct event *timer, uint32_t ms)
{
	return !fails_now(ENOMEM) && __real_timer_start(timer, plan.hurry ? HURRY_MS : ms);
}

#endif
