/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

/* Non-blocking sockets and numeric addresses. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addrinfo;

/* The address of this numeric host, with %scope if need be: nobody is asked for a name, so nothing
 * waits. 0 or -EINVAL; the caller gives it to evutil_freeaddrinfo(). */
__attribute__((warn_unused_result)) int socket_find_address(
	struct addrinfo **found, const char *host, uint16_t port);

void socket_set_port(struct addrinfo *address, uint16_t port);

/* False if the path of a unix socket is too long. */
__attribute__((warn_unused_result)) bool socket_set_path(
	struct sockaddr_un *address, const char *path);

/* SOCK_STREAM or SOCK_DGRAM. The socket or -errno. */
__attribute__((warn_unused_result)) int socket_open(int family, int type);

/* The same, bound to the address. IPv6 takes IPv4 in unless `only_v6`. */
__attribute__((warn_unused_result)) int socket_bind(
	const struct sockaddr *address, socklen_t size, int type, bool only_v6);

/* An option that the kernel does not take costs speed, never correctness. */
void socket_set(int fd, int level, int option, int value);

#endif
