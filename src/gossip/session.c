// SPDX-License-Identifier: AGPL-3.0-or-later
#include "gossip/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/ensure.h"

enum {
	PROTOCOL_VERSION = 1,
	WORD_SIZE = 4, /* versions, acknowledgements and lengths */
	DATA_SIZE_MIN = 2,
	BUFFER_SIZE_MIN = 4096,
};

/* What the next bytes from the peer are. */
enum step {
	STEP_VERSION = 0,
	STEP_ECHO, /* server only */
	STEP_ACK,  /* of our message: the server's last step, the client's second */
	STEP_NAME_SIZE,
	STEP_NAME,
	STEP_DATA_SIZE,
	STEP_DATA,
	STEP_OVER,
};

static_assert((int)LIMITS_TYPE_NAME_SIZE >= (int)WORD_SIZE, "the field buffer holds every field");

static uint32_t field_total(const struct session *session)
{
	switch (session->step) {
	case STEP_NAME_SIZE:
		return 1;
	case STEP_NAME:
		return session->name_size;
	default:
		return WORD_SIZE;
	}
}

static void expect(struct session *session, enum step step)
{
	session->step = (uint8_t)step;
	session->wants = SESSION_MORE;
	session->field_size = 0;
}

static void free_data(struct session *session)
{
	free(session->data);
	session->data = NULL;
	session->data_size = 0;
	session->data_capacity = 0;
}

static void finish(struct session *session, enum session_error error)
{
	session->step = STEP_OVER;
	session->wants = SESSION_DONE;
	session->error = error;
	free_data(session);
}

static void fail(struct session *session, enum session_error error)
{
	finish(session, error);
	session->wants = SESSION_FAILED;
}

/* Room for `size` more bytes to send; NULL if there is no memory. */
static char *add_output(struct session *session, size_t size)
{
	char *grown = realloc(session->out, session->out_size + size);

	if (grown == NULL)
		return NULL;
	session->out = grown;
	session->out_size += size;
	return grown + session->out_size - size;
}

/* The same, of what goes out at once; fails the session if there is no memory. */
static char *make_room(struct session *session, size_t size)
{
	char *at = add_output(session, size);

	if (at == NULL)
		fail(session, SESSION_NO_MEMORY);
	else
		session->out_ready = session->out_size;
	return at;
}

static char *put_u32(char *at, uint32_t value)
{
	bytes_put_u32be((uint8_t *)at, value);
	return at + WORD_SIZE;
}

static size_t message_size(size_t name_size, size_t data_size)
{
	return 1 + name_size + WORD_SIZE + data_size;
}

/* Once in the binary, for clients and servers: compilers take it for smaller than it is. */
__attribute__((noinline)) static char *put_message(struct session *session, char *at,
	const char *type, size_t name_size, const char *data, size_t data_size)
{
	*at++ = (char)name_size;
	memcpy(at, type, name_size);
	at = put_u32(at + name_size, (uint32_t)data_size);
	memcpy(at, data, data_size);
	session->sent_message_size = (uint32_t)message_size(name_size, data_size);
	return at + data_size;
}

static uint32_t received_message_size(const struct session *session)
{
	return (uint32_t)message_size(session->name_size, session->data_size);
}

/* For the end of a connection whose peer is gone already: nothing more can come. */
static void expect_last_ack(struct session *session)
{
	if (session->ended)
		finish(session, SESSION_CLOSED);
	else
		expect(session, STEP_ACK);
}

void session_init_server(struct session *session)
{
	*session = (struct session){ .server = true };
	expect(session, STEP_VERSION);
}

bool session_init_client(struct session *session, const char *type)
{
	static const uint16_t one = 1;
	char *at;

	*session = (struct session){ .little_endian_echo = *(const uint8_t *)&one == 1 };
	session->name_size = (uint32_t)strlen(type);
	if (session->name_size == 0 || session->name_size > LIMITS_TYPE_NAME_SIZE)
		return false;
	at = add_output(session, WORD_SIZE);
	if (at == NULL)
		return false;
	memcpy(session->type, type, session->name_size);
	put_u32(at, PROTOCOL_VERSION);
	session->out_ready = WORD_SIZE;
	expect(session, STEP_VERSION);
	return true;
}

void session_free(struct session *session)
{
	free_data(session);
	free(session->out);
	*session = (struct session){ .step = STEP_OVER, .wants = SESSION_DONE };
}

enum session_wants session_wants(const struct session *session)
{
	return session->wants;
}

enum session_error session_error(const struct session *session)
{
	return session->error;
}

const char *session_error_sentence(enum session_error error)
{
	switch (error) {
	case SESSION_OK:
		return "done";
	case SESSION_BAD_VERSION:
		return "the peer speaks another protocol";
	case SESSION_BAD_NAME_LENGTH:
	case SESSION_BAD_DATA_LENGTH:
		return "the peer announced a length that cannot be";
	case SESSION_BAD_ACK:
		return "the peer acknowledged another number of bytes";
	case SESSION_UNKNOWN_TYPE:
		return "the data type is not known there";
	case SESSION_CLOSED:
		return "the peer closed the connection too early";
	case SESSION_STATE_TOO_LARGE:
		return "our state does not fit into a message";
	case SESSION_NO_MEMORY:
		return "out of memory";
	}
	return "unknown";
}

static void take_version(struct session *session)
{
	char *at;

	if (bytes_get_u32be(session->field) != PROTOCOL_VERSION) {
		fail(session, SESSION_BAD_VERSION);
		return;
	}
	at = make_room(session, WORD_SIZE);
	if (at == NULL)
		return;
	put_u32(at, PROTOCOL_VERSION);
	if (session->little_endian_echo)
		memcpy(at, (const char[]){ PROTOCOL_VERSION, 0, 0, 0 }, WORD_SIZE);
	expect(session, session->server ? STEP_ECHO : STEP_ACK);
	if (!session->server)
		session->wants = SESSION_ANSWER;
}

static void take_ack(struct session *session)
{
	if (bytes_get_u32be(session->field) != session->sent_message_size)
		fail(session, SESSION_BAD_ACK);
	else if (session->server)
		finish(session, SESSION_OK);
	else
		expect(session, STEP_NAME_SIZE);
}

static void take_name_size(struct session *session)
{
	session->name_size = session->field[0];
	if (session->name_size == 0 || session->name_size > LIMITS_TYPE_NAME_SIZE)
		fail(session, SESSION_BAD_NAME_LENGTH);
	else
		expect(session, STEP_NAME);
}

static void take_name(struct session *session)
{
	memcpy(session->type, session->field, session->name_size);
	session->type[session->name_size] = '\0';
	/* A name with a NUL is not the name that its beginning spells, and one with control
	 * characters does not belong into a log. */
	for (uint32_t i = 0; i < session->name_size; i++) {
		if (session->field[i] <= ' ' || session->field[i] >= 0x7f)
			session->type[0] = '\0';
	}
	expect(session, STEP_DATA_SIZE);
}

static void take_data_size(struct session *session)
{
	session->data_total = bytes_get_u32be(session->field);
	if (session->data_total < DATA_SIZE_MIN || session->data_total > LIMITS_SLICE_SIZE)
		fail(session, SESSION_BAD_DATA_LENGTH);
	else
		expect(session, STEP_DATA);
}

static void take_field(struct session *session)
{
	switch ((enum step)session->step) {
	case STEP_VERSION:
		take_version(session);
		break;
	case STEP_ECHO: /* upstream times it and never looks at it */
		expect(session, STEP_NAME_SIZE);
		break;
	case STEP_ACK:
		take_ack(session);
		break;
	case STEP_NAME_SIZE:
		take_name_size(session);
		break;
	case STEP_NAME:
		take_name(session);
		break;
	case STEP_DATA_SIZE:
		take_data_size(session);
		break;
	case STEP_DATA:
	case STEP_OVER:
		break;
	}
}

/* The buffer grows with what came: an announcement costs nothing. */
static bool reserve_data(struct session *session, size_t size)
{
	size_t capacity = session->data_capacity > 0 ? session->data_capacity : BUFFER_SIZE_MIN;
	char *grown;

	if (size <= session->data_capacity)
		return true;
	while (capacity < size)
		capacity *= 2;
	if (capacity > session->data_total)
		capacity = session->data_total;
	grown = realloc(session->data, capacity);
	if (grown == NULL)
		return false;
	session->data = grown;
	session->data_capacity = capacity;
	return true;
}

static void complete_message(struct session *session)
{
	session->step = STEP_OVER;
	session->wants = session->server ? SESSION_ANSWER : SESSION_TAKE;
}

static size_t feed_data(struct session *session, const uint8_t *bytes, size_t size)
{
	size_t missing = session->data_total - session->data_size;

	if (size > missing)
		size = missing;
	if (!reserve_data(session, session->data_size + size)) {
		fail(session, SESSION_NO_MEMORY);
		return 0;
	}
	memcpy(session->data + session->data_size, bytes, size);
	session->data_size += size;
	if (session->data_size == session->data_total)
		complete_message(session);
	return size;
}

size_t session_feed(struct session *session, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	size_t used = 0;

	while (used < size && session->wants == SESSION_MORE) {
		if (session->step == STEP_DATA) {
			used += feed_data(session, from + used, size - used);
			continue;
		}
		session->field[session->field_size++] = from[used++];
		if (session->field_size == field_total(session))
			take_field(session);
	}
	return used;
}

void session_feed_end(struct session *session)
{
	session->ended = true;
	if (session->wants != SESSION_MORE)
		return;
	if (session->step == STEP_DATA)
		complete_message(session);
	else if (session->server && session->step == STEP_ACK)
		finish(session, SESSION_CLOSED);
	else if (session->step == STEP_NAME_SIZE && !session->server)
		/* Acknowledged and then closed: how a peer says that it does not know the type. */
		fail(session, SESSION_UNKNOWN_TYPE);
	else
		fail(session, SESSION_CLOSED);
}

const void *session_output(const struct session *session, size_t *size)
{
	*size = session->out_ready - session->out_sent;
	return *size > 0 ? session->out + session->out_sent : NULL;
}

void session_sent(struct session *session, size_t size)
{
	ensure(size <= session->out_ready - session->out_sent);

	session->out_sent += size;
	if (session->out_sent < session->out_size)
		return;
	free(session->out);
	session->out = NULL;
	session->out_size = session->out_ready = session->out_sent = 0;
}

const char *session_type(const struct session *session)
{
	return session->type;
}

const char *session_data(const struct session *session, size_t *size)
{
	*size = session->data_size;
	return session->data != NULL ? session->data : "";
}

/* The acknowledgement of the message that came, with room for `more` bytes after it. */
static char *put_ack(struct session *session, size_t more)
{
	char *at = make_room(session, WORD_SIZE + more);

	return at != NULL ? put_u32(at, received_message_size(session)) : NULL;
}

/* Ends with nothing but the acknowledgement of the message that came. */
static void acknowledge(struct session *session, enum session_error error)
{
	if (put_ack(session, 0) != NULL)
		finish(session, error);
}

void session_answer(struct session *session, const char *data, size_t data_size)
{
	size_t size;
	char *at;

	ensure(session->wants == SESSION_ANSWER);
	ensure(session->type[0] != '\0');
	ensure(data_size >= DATA_SIZE_MIN);

	if (data_size > LIMITS_SLICE_SIZE) {
		if (session->server)
			acknowledge(session, SESSION_STATE_TOO_LARGE);
		else
			fail(session, SESSION_STATE_TOO_LARGE);
		return;
	}
	size = message_size(session->name_size, data_size);
	at = session->server ? put_ack(session, size) : make_room(session, size);
	if (at == NULL)
		return;
	put_message(session, at, session->type, session->name_size, data, data_size);
	free_data(session);
	expect_last_ack(session);
}

void session_refuse(struct session *session)
{
	ensure(session->wants == SESSION_ANSWER);

	if (session->server)
		acknowledge(session, SESSION_UNKNOWN_TYPE);
	else
		fail(session, SESSION_NO_MEMORY);
}

void session_taken(struct session *session)
{
	ensure(session->wants == SESSION_TAKE);

	acknowledge(session, SESSION_OK);
}

size_t session_buffered(const struct session *session)
{
	return session->data_capacity + session->out_size;
}

bool session_version_answered(const struct session *session)
{
	return session->step > (session->server ? STEP_ECHO : STEP_VERSION);
}
