// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * Mends what qemu-user gets wrong for a big-endian program: of the scope of an IPv6 address that
 * comes from the kernel it turns around the lower 16 bits alone, so that interface 3 is read as
 * 3 << 16 (seen in 7.2). Linked before libc, these take the place of its functions, for libevent
 * too. Where qemu has learned it, they change nothing.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
	struct sockaddr *from, socklen_t *from_size);

static void mend(struct sockaddr *address, const socklen_t *size)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)address;

	if (address != NULL && *size >= sizeof(*in6) && address->sa_family == AF_INET6 &&
		(in6->sin6_scope_id & 0xffff) == 0)
		in6->sin6_scope_id >>= 16;
}

ssize_t recvfrom(
	int fd, void *bytes, size_t size, int flags, struct sockaddr *from, socklen_t *from_size)
{
	ssize_t got = syscall(SYS_recvfrom, fd, bytes, size, flags, from, from_size);

	if (got >= 0)
		mend(from, from_size);
	return got;
}

ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
	struct sockaddr *from, socklen_t *from_size)
{
	return recvfrom(fd, bytes, size < room ? size : room, flags, from, from_size);
}

int accept4(int fd, struct sockaddr *from, socklen_t *from_size, int flags)
{
	int accepted = (int)syscall(SYS_accept4, fd, from, from_size, flags);

	if (accepted >= 0)
		mend(from, from_size);
	return accepted;
}

int getpeername(int fd, struct sockaddr *peer, socklen_t *peer_size)
{
	int status = (int)syscall(SYS_getpeername, fd, peer, peer_size);

	if (status == 0)
		mend(peer, peer_size);
	return status;
}

int getsockname(int fd, struct sockaddr *own, socklen_t *own_size)
{
	int status = (int)syscall(SYS_getsockname, fd, own, own_size);

	if (status == 0)
		mend(own, own_size);
	return status;
}
