// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/url.h"

#include <stddef.h>
#include <string.h>

static bool is_host_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr(".-_:%", c) != NULL;
}

static bool copy_host(struct url *url, const char *from, size_t size)
{
	if (size == 0 || size > URL_HOST_SIZE)
		return false;
	for (size_t i = 0; i < size; i++)
		if (from[i] == '\0' || !is_host_character(from[i]))
			return false;
	memcpy(url->host, from, size);
	url->host[size] = '\0';
	if (url->is_ipv6) {
		/* RFC 6874 writes the '%' of a zone as "%25". */
		char *zone = strstr(url->host, "%25");

		if (zone != NULL && zone[3] != '\0')
			memmove(zone + 1, zone + 3, strlen(zone + 3) + 1);
	}
	return url->is_ipv6 || (strchr(url->host, ':') == NULL && strchr(url->host, '%') == NULL);
}

static bool take_port(struct url *url, const char **text)
{
	uint32_t port = 0;

	url->port = 80;
	if (**text != ':')
		return true;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
		port = port * 10 + (uint32_t)(**text - '0');
		if (port > UINT16_MAX)
			return false;
	}
	url->port = (uint16_t)port;
	return port > 0;
}

static bool copy_path(struct url *url, const char *text)
{
	size_t size = strlen(text);

	if (size > URL_PATH_SIZE || (size > 0 && *text != '/'))
		return false;
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '#')
			return false;
	memcpy(url->path, size > 0 ? text : "/", size > 0 ? size + 1 : 2);
	return true;
}

bool url_parse(struct url *url, const char *text)
{
	size_t size;

	if (strncmp(text, "http://", 7) != 0)
		return false;
	text += 7;
	url->is_ipv6 = *text == '[';
	text += url->is_ipv6;
	size = strcspn(text, url->is_ipv6 ? "]" : ":/");
	if (!copy_host(url, text, size))
		return false;
	text += size;
	if (url->is_ipv6 && *text++ != ']')
		return false;
	return take_port(url, &text) && copy_path(url, text);
}
