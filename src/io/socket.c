// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

void socket_set_port(struct addrinfo *address, uint16_t port)
{
	/* It lies at the same place in both families. */
	((struct sockaddr_in *)address->ai_addr)->sin_port = htons(port);
}

int socket_find_address(struct addrinfo **found, const char *host, uint16_t port)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };

	if (getaddrinfo(host, NULL, &hints, found) != 0)
		return -EINVAL;
	socket_set_port(*found, port);
	return 0;
}

bool socket_set_path(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	return text_copy(address->sun_path, sizeof(address->sun_path), path);
}

int socket_open(int family, int type)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

int socket_bind(const struct sockaddr *address, socklen_t size, int type, bool only_v6)
{
	int error, fd = socket_open(address->sa_family, type);

	if (fd < 0)
		return fd;
	socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, only_v6);
	if (bind(fd, address, size) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void socket_set(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}
