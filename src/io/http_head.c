// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/http_head.h"

#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

/* A piece of the message where it lies. */
struct piece {
	const char *at;
	size_t size;
};

ssize_t http_head_size(struct evbuffer *input)
{
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	size_t size = end.pos >= 0 ? (size_t)end.pos + 4 : evbuffer_get_length(input);

	if (size > LIMITS_HTTP_HEADERS_SIZE)
		return -1;
	return end.pos >= 0 ? (ssize_t)size : 0;
}

/* What the headers say. */
struct headers {
	bool close;
	bool chunked;
	bool size_known;
	bool expect_continue;
	uint64_t body_size;
	struct piece range; /* .at NULL: there is none */
};

static bool is(struct piece piece, const char *word)
{
	size_t i = 0;

	/* In ASCII, the locale has no say. */
	while (i < piece.size && word[i] != '\0' &&
		(piece.at[i] | ('A' <= piece.at[i] && piece.at[i] <= 'Z' ? 32 : 0)) == word[i])
		i++;
	return i == piece.size && word[i] == '\0';
}

/* How much stands before the first of `stops`, or before a NUL; everything if there is none. */
static size_t span(struct piece piece, const char *stops)
{
	size_t size = 0;

	while (size < piece.size && strchr(stops, piece.at[size]) == NULL)
		size++;
	return size;
}

/* Cuts the next line, without its CRLF, from `rest`. False if there is none or it holds what no
 * line may. */
static bool take_line(struct piece *rest, struct piece *line)
{
	/* NULL: there was no memory to make one piece of what came. */
	size_t size = rest->at != NULL ? span(*rest, "\r\n") : rest->size;

	if (rest->size - size < 2 || memcmp(rest->at + size, "\r\n", 2) != 0)
		return false;
	*line = (struct piece){ rest->at, size };
	rest->at += size + 2;
	rest->size -= size + 2;
	return true;
}

/* Cuts what stands before the next `separator` from `rest`; everything if there is none. */
static struct piece take_until(struct piece *rest, const char *separator)
{
	struct piece taken = { rest->at, span(*rest, separator) };
	size_t used = taken.size + (taken.size < rest->size);

	rest->at += used;
	rest->size -= used;
	return taken;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct piece trim(struct piece piece)
{
	for (; piece.size > 0 && is_blank(*piece.at); piece.size--)
		piece.at++;
	while (piece.size > 0 && is_blank(piece.at[piece.size - 1]))
		piece.size--;
	return piece;
}

static bool read_number(uint64_t *value, struct piece digits)
{
	uint64_t number = 0;

	if (digits.size == 0 || digits.size > 18)
		return false;
	for (size_t i = 0; i < digits.size; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(digits.at[i] - '0');
	}
	*value = number;
	return true;
}

/* False for a header that makes the message ambiguous. */
static bool read_header(struct headers *headers, struct piece name, struct piece value)
{
	if (is(name, "content-length")) {
		if (headers->size_known || headers->chunked)
			return false;
		headers->size_known = true;
		return read_number(&headers->body_size, value);
	}
	if (is(name, "transfer-encoding")) {
		if (headers->size_known || headers->chunked || !is(value, "chunked"))
			return false;
		headers->chunked = true;
	} else if (is(name, "connection")) {
		while (value.size > 0) {
			struct piece option = trim(take_until(&value, ","));

			headers->close |= is(option, "close");
		}
	} else if (is(name, "expect")) {
		headers->expect_continue = is(value, "100-continue");
	} else if (is(name, "range") && headers->range.at == NULL) {
		headers->range = value;
	}
	return true;
}

/* All headers, up to and with the empty line, which must be the end. */
static bool read_headers(struct headers *headers, struct piece rest)
{
	struct piece line, name;

	while (take_line(&rest, &line)) {
		if (line.size == 0)
			return rest.size == 0;
		name = take_until(&line, ":");
		/* Blanks before the name or the colon are how one message is made to look like
		 * two. */
		if (name.size == 0 || name.at + name.size == line.at ||
			span(name, " \t") < name.size || !read_header(headers, name, trim(line)))
			return false;
	}
	return false;
}

static bool read_version(bool *http_1_1, struct piece version)
{
	static const char prefix[] = "HTTP/1.";
	char minor;

	if (version.size != sizeof(prefix) || memcmp(version.at, prefix, sizeof(prefix) - 1) != 0)
		return false;
	minor = version.at[sizeof(prefix) - 1];
	*http_1_1 = minor == '1';
	return *http_1_1 || minor == '0';
}

/* What counts of a request's target; false if it is none. */
static bool read_path(struct piece *path, struct piece target)
{
	*path = take_until(&target, "?");
	if (path->size == 0 || path->size > HTTP_PATH_SIZE || path->at[0] != '/')
		return false;
	for (size_t i = 0; i < path->size; i++)
		if (path->at[i] <= ' ' || path->at[i] > '~')
			return false;
	return true;
}

static enum http_method method_of(struct piece word)
{
	static const char words[][5] = { "GET", "HEAD", "POST" };

	for (int i = 0; i < 3; i++)
		if (word.size == strlen(words[i]) && memcmp(word.at, words[i], word.size) == 0)
			return (enum http_method)(HTTP_GET + i);
	return HTTP_OTHER;
}

bool http_head_read_request(struct http_request_head *head, const char *bytes, size_t size)
{
	struct headers headers = { 0 };
	struct piece rest = { bytes, size }, line, method, path;
	bool http_1_1;

	if (!take_line(&rest, &line))
		return false;
	method = take_until(&line, " ");
	/* Nobody needs to send us a body of unknown size. */
	if (!read_path(&path, take_until(&line, " ")) || !read_version(&http_1_1, line) ||
		!read_headers(&headers, rest) || headers.chunked)
		return false;
	*head = (struct http_request_head){
		.method = method_of(method),
		.keep_alive = http_1_1 && !headers.close,
		.expect_continue = headers.expect_continue,
		.has_range = headers.range.at != NULL,
		.body_size = headers.body_size,
	};
	memcpy(head->path, path.at, path.size);
	/* One that is too long stays "", which is no range that can be satisfied. */
	if (head->has_range && headers.range.size <= HTTP_RANGE_SIZE)
		memcpy(head->range, headers.range.at, headers.range.size);
	return true;
}

bool http_head_read_reply(struct http_reply_head *head, const char *bytes, size_t size)
{
	struct headers headers = { 0 };
	struct piece rest = { bytes, size }, line, status;
	uint64_t number;
	bool http_1_1;

	if (!take_line(&rest, &line) || !read_version(&http_1_1, take_until(&line, " ")))
		return false;
	status = take_until(&line, " ");
	if (status.size != 3 || !read_number(&number, status) || number < 100 || number > 599 ||
		!read_headers(&headers, rest))
		return false;
	*head = (struct http_reply_head){
		.status = (uint32_t)number,
		.keep_alive = http_1_1 && !headers.close,
		.chunked = headers.chunked,
		.size_known = headers.size_known,
		.body_size = headers.body_size,
	};
	return true;
}
