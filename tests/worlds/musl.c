// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * What Debian's libraries want of glibc and musl does not have. Debian has no libsodium, json-c,
 * libevent and cmocka for musl; but what those for glibc call, musl has as well, under the same
 * names and with structures of the same layout on x86-64, but for the checked variants of
 * _FORTIFY_SOURCE and two sources of chance. The library of this file has the name of glibc's
 * loader, which they want loaded as well; in the place of libc.so.6 musl takes itself.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/select.h>
#include <syslog.h>

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the callers' formats */

int __printf_chk(int flag, const char *format, ...);
int __fprintf_chk(FILE *file, int flag, const char *format, ...);
int __vfprintf_chk(FILE *file, int flag, const char *format, va_list list);
int __snprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, ...);
int __vsnprintf_chk(
	char *text, size_t size, int flag, size_t room, const char *format, va_list list);
int __vasprintf_chk(char **text, int flag, const char *format, va_list list);
void __vsyslog_chk(int priority, int flag, const char *format, va_list list);
char *__strcat_chk(char *text, const char *more, size_t room);
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
void __explicit_bzero_chk(void *bytes, size_t size, size_t room);
long __fdelt_chk(long fd);
void __longjmp_chk(jmp_buf back, int value);
void arc4random_buf(void *bytes, size_t size);
uint32_t arc4random(void);

static void check(bool fits)
{
	if (!fits)
		abort();
}

int __printf_chk(int flag, const char *format, ...)
{
	va_list list;
	int count;

	(void)flag;
	va_start(list, format);
	count = vprintf(format, list);
	va_end(list);
	return count;
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
	va_list list;
	int count;

	(void)flag;
	va_start(list, format);
	count = vfprintf(file, format, list);
	va_end(list);
	return count;
}

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list list)
{
	(void)flag;
	return vfprintf(file, format, list);
}

int __snprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list list;
	int count;

	(void)flag;
	check(size <= room);
	va_start(list, format);
	count = vsnprintf(text, size, format, list);
	va_end(list);
	return count;
}

int __vsnprintf_chk(
	char *text, size_t size, int flag, size_t room, const char *format, va_list list)
{
	(void)flag;
	check(size <= room);
	return vsnprintf(text, size, format, list);
}

int __vasprintf_chk(char **text, int flag, const char *format, va_list list)
{
	(void)flag;
	return vasprintf(text, format, list);
}

void __vsyslog_chk(int priority, int flag, const char *format, va_list list)
{
	(void)flag;
	vsyslog(priority, format, list);
}

char *__strcat_chk(char *text, const char *more, size_t room)
{
	check(strlen(text) + strlen(more) < room);
	return strcat(text, more);
}

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
	check(size <= room);
	return memcpy(to, from, size);
}

void __explicit_bzero_chk(void *bytes, size_t size, size_t room)
{
	check(size <= room);
	explicit_bzero(bytes, size);
}

long __fdelt_chk(long fd)
{
	check(fd >= 0 && fd < FD_SETSIZE);
	return fd / (long)(8 * sizeof(long));
}

void __longjmp_chk(jmp_buf back, int value)
{
	longjmp(back, value);
}

void arc4random_buf(void *bytes, size_t size)
{
	for (uint8_t *at = bytes; size > 0;) {
		ssize_t got = getrandom(at, size, 0);

		check(got > 0);
		at += got;
		size -= (size_t)got;
	}
}

uint32_t arc4random(void)
{
	uint32_t number;

	arc4random_buf(&number, sizeof(number));
	return number;
}
