// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/http_head.h"

#include <string.h>
#include <strings.h>

/* A piece of the message where it lies. */
struct piece {
	const char *at;
	size_t size;
};

/* What both kinds of message have. */
struct common {
	bool close;
	bool keep_alive;
	bool chunked;
	bool size_known;
	uint64_t body_size;
};

static bool is(struct piece piece, const char *word)
{
	return piece.size == strlen(word) && strncasecmp(piece.at, word, piece.size) == 0;
}

/* Cuts the next line, without its CRLF, from `rest`. False if there is none or it holds what no
 * line may. */
static bool take_line(struct piece *rest, struct piece *line)
{
	const char *end = memchr(rest->at, '\r', rest->size);

	if (end == NULL || (size_t)(end - rest->at) + 1 >= rest->size || end[1] != '\n')
		return false;
	*line = (struct piece){ rest->at, (size_t)(end - rest->at) };
	rest->size -= line->size + 2;
	rest->at = end + 2;
	return memchr(line->at, '\0', line->size) == NULL &&
	       memchr(line->at, '\n', line->size) == NULL;
}

/* Cuts what stands before the next `separator` from `rest`; everything if there is none. */
static struct piece take_until(struct piece *rest, char separator)
{
	const char *end = memchr(rest->at, separator, rest->size);
	struct piece taken = { rest->at, end != NULL ? (size_t)(end - rest->at) : rest->size };
	size_t used = end != NULL ? taken.size + 1 : taken.size;

	rest->at += used;
	rest->size -= used;
	return taken;
}

static struct piece trim(struct piece piece)
{
	while (piece.size > 0 && (*piece.at == ' ' || *piece.at == '\t')) {
		piece.at++;
		piece.size--;
	}
	while (piece.size > 0 &&
		(piece.at[piece.size - 1] == ' ' || piece.at[piece.size - 1] == '\t'))
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

/* The name and value of the next header. An empty name: the empty line. */
static bool take_header(struct piece *rest, struct piece *name, struct piece *value)
{
	struct piece line;

	if (!take_line(rest, &line))
		return false;
	*name = (struct piece){ line.at, 0 };
	if (line.size == 0)
		return rest->size == 0;
	if (memchr(line.at, ':', line.size) == NULL)
		return false;
	*name = take_until(&line, ':');
	*value = trim(line);
	/* Blanks before the name or the colon are how one message is made to look like two. */
	return name->size > 0 && memchr(name->at, ' ', name->size) == NULL &&
	       memchr(name->at, '\t', name->size) == NULL;
}

/* False for a header that makes the message ambiguous. */
static bool read_common(struct common *common, struct piece name, struct piece value)
{
	if (is(name, "content-length")) {
		if (common->size_known || common->chunked)
			return false;
		common->size_known = true;
		return read_number(&common->body_size, value);
	}
	if (is(name, "transfer-encoding")) {
		if (common->size_known || common->chunked || !is(value, "chunked"))
			return false;
		common->chunked = true;
	} else if (is(name, "connection")) {
		while (value.size > 0) {
			struct piece option = trim(take_until(&value, ','));

			common->close |= is(option, "close");
			common->keep_alive |= is(option, "keep-alive");
		}
	}
	return true;
}

/* True if the connection stays open after this message. */
static bool stays(const struct common *common, bool http_1_1)
{
	return !common->close && (http_1_1 || common->keep_alive);
}

static bool read_version(bool *http_1_1, struct piece version)
{
	*http_1_1 = version.size == 8 && memcmp(version.at, "HTTP/1.1", 8) == 0;
	return *http_1_1 || (version.size == 8 && memcmp(version.at, "HTTP/1.0", 8) == 0);
}

static bool read_path(char path[static HTTP_PATH_SIZE + 1], struct piece target)
{
	struct piece part = take_until(&target, '?');

	if (part.size == 0 || part.size > HTTP_PATH_SIZE || part.at[0] != '/')
		return false;
	for (size_t i = 0; i < part.size; i++)
		if (part.at[i] <= ' ' || part.at[i] > '~')
			return false;
	memcpy(path, part.at, part.size);
	path[part.size] = '\0';
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
	struct http_request_head read = { 0 };
	struct common common = { 0 };
	struct piece rest = { bytes, size }, line, name, value;
	bool http_1_1;

	if (!take_line(&rest, &line))
		return false;
	read.method = method_of(take_until(&line, ' '));
	if (!read_path(read.path, take_until(&line, ' ')) || !read_version(&http_1_1, line))
		return false;

	for (;;) {
		if (!take_header(&rest, &name, &value))
			return false;
		if (name.size == 0)
			break;
		if (!read_common(&common, name, value))
			return false;
		if (is(name, "expect"))
			read.expect_continue = is(value, "100-continue");
		if (is(name, "range") && !read.has_range) {
			/* One that is too long stays "", which is no range that can be satisfied.
			 */
			read.has_range = true;
			if (value.size <= HTTP_RANGE_SIZE)
				memcpy(read.range, value.at, value.size);
		}
	}
	/* Nobody needs to send us a body of unknown size. */
	if (common.chunked)
		return false;
	read.body_size = common.body_size;
	read.keep_alive = stays(&common, http_1_1);
	*head = read;
	return true;
}

bool http_head_read_reply(struct http_reply_head *head, const char *bytes, size_t size)
{
	struct common common = { 0 };
	struct piece rest = { bytes, size }, line, name, value, status;
	uint64_t number;
	bool http_1_1;

	if (!take_line(&rest, &line) || !read_version(&http_1_1, take_until(&line, ' ')))
		return false;
	status = take_until(&line, ' ');
	if (status.size != 3 || !read_number(&number, status) || number < 100 || number > 599)
		return false;

	for (;;) {
		if (!take_header(&rest, &name, &value))
			return false;
		if (name.size == 0)
			break;
		if (!read_common(&common, name, value))
			return false;
	}
	*head = (struct http_reply_head){
		.status = (uint32_t)number,
		.keep_alive = stays(&common, http_1_1),
		.chunked = common.chunked,
		.size_known = common.size_known,
		.body_size = common.body_size,
	};
	return true;
}
