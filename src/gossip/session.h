/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GOSSIP_SESSION_H
#define GOSSIP_SESSION_H

/*
 * One exchange of one data type over one connection, as a pure machine: bytes in, bytes out
 * (docs/gossip.md has the byte sequence). The owner moves the bytes, keeps the deadline, and
 * answers when the session asks.
 *
 * Server: session_init_server(); feed; when session_wants() says SESSION_ANSWER, the type is
 * session_type() and the data session_data(): merge, then session_answer() with the state after the
 * merge, or session_refuse() for an unknown type.
 * Client: session_init_client() with the type; feed; when session_wants() says SESSION_ANSWER, the
 * peer is there: session_answer() with our state, which is no older than its way then. When it says
 * SESSION_TAKE, session_type() and session_data() are the server's state: merge, then
 * session_taken().
 *
 * Owns a buffer for the incoming message, which grows with what arrived (not with what was
 * announced) and for what is to be sent. session_free() gives both back.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum session_wants {
	SESSION_MORE = 0, /* bytes from the peer */
	SESSION_ANSWER,   /* server: the message is complete; answer or refuse. Client: say ours */
	SESSION_TAKE,     /* client: the answer is complete; merge it */
	SESSION_DONE,     /* flush what is left to send, then close */
	SESSION_FAILED,   /* close at once; session_error() says why */
};

enum session_error {
	SESSION_OK = 0,
	SESSION_BAD_VERSION,     /* not 1: another protocol */
	SESSION_BAD_NAME_LENGTH, /* 0 or above 128 */
	SESSION_BAD_DATA_LENGTH, /* below 2 or above 1 MiB */
	SESSION_BAD_ACK,         /* the peer acknowledged another number of bytes */
	SESSION_UNKNOWN_TYPE,    /* the server acknowledged the message and closed */
	SESSION_CLOSED,          /* the peer closed too early */
	SESSION_STATE_TOO_LARGE, /* ours does not fit into a message */
	SESSION_NO_MEMORY,
};

struct session {
	bool server;
	bool ended;              /* the peer closed its side */
	bool little_endian_echo; /* how a client echoes the version: its native byte order */
	uint8_t step;            /* private */
	enum session_wants wants;
	enum session_error error;
	uint32_t field_size;
	uint32_t name_size; /* as announced */
	char *data;         /* owned; `data_size` bytes have arrived of `data_total` */
	size_t data_size;
	size_t data_capacity;
	size_t data_total;
	char *out; /* owned; out_ready bytes may be sent, of which out_sent were taken */
	size_t out_size;
	size_t out_ready;
	size_t out_sent;
	uint32_t sent_message_size;           /* what the peer must acknowledge */
	uint8_t field[LIMITS_TYPE_NAME_SIZE]; /* private: the field that is being received */
	char type[LIMITS_TYPE_NAME_SIZE + 1];
};

void session_init_server(struct session *session);
/* False if there is no memory, or the type does not fit into a message. It is copied. */
__attribute__((warn_unused_result)) bool session_init_client(
	struct session *session, const char *type);
void session_free(struct session *session);

enum session_wants session_wants(const struct session *session);
enum session_error session_error(const struct session *session);
const char *session_error_sentence(enum session_error error);

/* Takes bytes from the peer; returns how many it used (fewer when it wants the owner's turn: feed
 * the rest after that). */
size_t session_feed(struct session *session, const void *bytes, size_t size);
/* The peer closed its side. What is missing of a message's data counts as NUL bytes, as upstream
 * has it: what did arrive is then the message, and acknowledged with its own number of bytes. */
void session_feed_end(struct session *session);

/* What to send now; size 0 if nothing. session_sent() takes it off. */
const void *session_output(const struct session *session, size_t *size);
void session_sent(struct session *session, size_t size);

/* The type named by the peer's message; "" if the name has bytes that no data type's name has. */
const char *session_type(const struct session *session);
const char *session_data(const struct session *session, size_t *size);

/* Copies `data`; it must be at least 2 bytes. */
void session_answer(struct session *session, const char *data, size_t data_size);
/* Server: the type is not known. Client: there is no memory for our state. */
void session_refuse(struct session *session);
void session_taken(struct session *session);

/* Bytes of messages held now, in and out, for the owner's bound over all sessions. */
size_t session_buffered(const struct session *session);

/* True once the peer's answer to our version has come, which is the first thing of a connection
 * that can be timed: a client's versions crossed, or a server's version was echoed. */
bool session_version_answered(const struct session *session);

#endif
