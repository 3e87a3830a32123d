// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "io/timer.h"

enum {
	STATUS_NOT_RUN = 255,
	LAST_READS = 128, /* a full pipe */
	REAP_MS = 20,     /* between two looks whether a process that closed its output has ended */
};

struct command {
	struct event_base *base;
	struct event *out_event, *line_event, *deadline, *reap;
	int out_fd, line_fd;
	pid_t pid;
	bool killed;
	size_t size;
	size_t line_size;
	struct command_request request;
	char output[COMMAND_OUTPUT_SIZE + 1];
	char line[COMMAND_LINE_SIZE + 1];
};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void free_command(struct command *command)
{
	timer_free(command->out_event);
	timer_free(command->line_event);
	timer_free(command->deadline);
	timer_free(command->reap);
	close_fd(command->out_fd);
	close_fd(command->line_fd);
	free(command);
}

static void end_group(struct command *command)
{
	if (command->killed)
		return;
	command->killed = true;
	(void)kill(-command->pid, SIGKILL);
}

/* The child, between fork and exec: only what is safe there in a process of one thread. */
static void become(const struct command_request *request, int out_fd, int line_fd)
{
	int null_fd = open("/dev/null", O_RDONLY);
	const sigset_t none = { 0 }; /* on Linux a set is bits */

	(void)setpgid(0, 0);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null_fd >= 0)
		(void)dup2(null_fd, STDIN_FILENO);
	if (dup2(out_fd, STDOUT_FILENO) < 0 || dup2(line_fd, STDERR_FILENO) < 0)
		_exit(STATUS_NOT_RUN);
	/* Everything of ours is close-on-exec; what we inherited may not be. */
	for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
		close(fd);
	/* In place of ours of that name: of one that is there twice some shells take the first. */
	for (size_t i = 0; request->environment[i] != NULL; i++)
		(void)putenv((char *)(uintptr_t)request->environment[i]);
	execv(request->arguments[0], (char **)(uintptr_t)request->arguments);
	_exit(STATUS_NOT_RUN);
}

static void end_line(struct command *command)
{
	command->line[command->line_size] = '\0';
	if (command->line_size > 0 && command->request.line != NULL)
		command->request.line(command->request.context, command->line);
	command->line_size = 0;
}

/* False if there is nothing more, for now or for ever. */
static bool read_lines(struct command *command)
{
	char bytes[512];
	ssize_t got = read(command->line_fd, bytes, sizeof(bytes));

	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		end_line(command);
		event_del(command->line_event);
		return false;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (bytes[i] == '\n')
			end_line(command);
		else if (command->line_size < COMMAND_LINE_SIZE)
			command->line[command->line_size++] = bytes[i];
	}
	return true;
}

static void on_line(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)read_lines(context);
}

static void finish(struct command *command)
{
	int status = 0, result = STATUS_NOT_RUN;
	pid_t ended = waitpid(command->pid, &status, WNOHANG);

	if (ended == 0) {
		timer_start(command->reap, REAP_MS);
		return;
	}
	if (ended == command->pid && !command->killed)
		result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	/* What it left behind in its group has no business any more. */
	(void)kill(-command->pid, SIGKILL);
	/* Its last words often say why it failed. */
	for (int i = 0; i < LAST_READS && read_lines(command); i++)
		continue;
	end_line(command);
	command->output[command->size] = '\0';
	command->request.over(command->request.context, result, command->output, command->size);
	free_command(command);
}

static void on_reap(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	finish(context);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct command *command = context;

	(void)fd;
	(void)what;
	end_group(command);
	event_del(command->out_event);
	finish(command);
}

static void on_output(evutil_socket_t fd, short what, void *context)
{
	struct command *command = context;
	char rest[1024];
	bool full = command->size == COMMAND_OUTPUT_SIZE;
	ssize_t got = read(fd, full ? rest : command->output + command->size,
		full ? sizeof(rest) : COMMAND_OUTPUT_SIZE - command->size);

	(void)what;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got > 0) {
		/* What is over the bound is read and dropped, so that the writer does not hang. */
		command->size += full ? 0 : (size_t)got;
		return;
	}
	event_del(command->out_event);
	finish(command);
}

static bool watch(struct command *command)
{
	command->out_event =
		event_new(command->base, command->out_fd, EV_READ | EV_PERSIST, on_output, command);
	command->line_event =
		event_new(command->base, command->line_fd, EV_READ | EV_PERSIST, on_line, command);
	command->deadline = evtimer_new(command->base, on_deadline, command);
	command->reap = evtimer_new(command->base, on_reap, command);
	return command->out_event != NULL && command->line_event != NULL &&
	       command->deadline != NULL && command->reap != NULL &&
	       event_add(command->out_event, NULL) == 0 &&
	       event_add(command->line_event, NULL) == 0 &&
	       timer_start(command->deadline, command->request.deadline_ms);
}

static bool open_pipe(int *our_fd, int *its_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*our_fd = fds[0];
	*its_fd = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0;
}

struct command *command_run(struct event_base *base, const struct command_request *request)
{
	struct command *command = calloc(1, sizeof(*command));
	int out_fd = -1, line_fd = -1;

	if (command == NULL)
		return NULL;
	command->request = *request;
	command->base = base;
	command->out_fd = command->line_fd = command->pid = -1;
	if (open_pipe(&command->out_fd, &out_fd) && open_pipe(&command->line_fd, &line_fd) &&
		watch(command))
		command->pid = fork();
	if (command->pid == 0)
		become(request, out_fd, line_fd);
	close_fd(out_fd);
	close_fd(line_fd);
	if (command->pid < 0) {
		free_command(command);
		return NULL;
	}
	(void)setpgid(command->pid, command->pid);
	return command;
}

void command_cancel(struct command *command)
{
	end_group(command);
	(void)waitpid(command->pid, NULL, 0);
	free_command(command);
}
