// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"

enum {
	REAP_MS = 5,
};

/* Reads what it prints until it closes its output. False if that was too much or took too long. */
static bool gather(struct program *program, int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	ssize_t got = 1;

	while (got != 0) {
		uint64_t now_ms = clock_now_ms();

		if (now_ms >= program->end_ms || program->size == PROGRAM_OUTPUT_SIZE)
			return false;
		if (poll(&one, 1, (int)(program->end_ms - now_ms)) <= 0)
			continue;
		got = read(
			fd, program->output + program->size, PROGRAM_OUTPUT_SIZE - program->size);
		if (got < 0 && errno != EINTR)
			return false;
		program->size += got > 0 ? (size_t)got : 0;
	}
	return true;
}

/* False if it did not end in time. */
static bool reap(struct program *program, pid_t pid, int *status)
{
	pid_t ended;

	while ((ended = waitpid(pid, status, WNOHANG)) == 0) {
		if (clock_now_ms() >= program->end_ms)
			return false;
		(void)poll(NULL, 0, REAP_MS);
	}
	return ended == pid;
}

/* The child: a group of its own, and nothing of ours but its output. */
static _Noreturn void become(const struct program *program, int output)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)signal(SIGPIPE, SIG_DFL);
	if (setpgid(0, 0) == 0 && nothing >= 0 && dup2(nothing, 0) == 0 && dup2(output, 1) == 1 &&
		dup2(nothing, 2) == 2)
		(void)execv(program->arguments[0], (char *const *)(const void *)program->arguments);
	_exit(PROGRAM_NOT_THERE);
}

bool program_run(struct program *program)
{
	int ends[2], status = 0;
	bool ok = false;
	pid_t pid;

	program->size = 0;
	program->output[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		become(program, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		ok = gather(program, ends[0]) && reap(program, pid, &status);
		if (!ok) {
			(void)kill(-pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
		}
	}
	close(ends[0]);
	program->output[program->size] = '\0';
	program->status = WEXITSTATUS(status);
	return ok && WIFEXITED(status) && strlen(program->output) == program->size;
}
