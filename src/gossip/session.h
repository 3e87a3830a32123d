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
 * Client: session_init_client() with the type and our data; feed; when session_wants() says
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
	SESSION_ANSWER,   /* server: the message is complete; answer or refuse */
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
	SESSION_UNKNOWN_TYPE,    /* server: refused after the acknowledgement, as upstream does */
	SESSION_CLOSED,          /* the peer closed too early */
	SESSION_NO_MEMORY,
};

struct session {
	bool server;
	uint8_t step; /* private */
	enum session_wants wants;
	enum session_error error;
	uint8_t header[4 + 4 + 1 + LIMITS_TYPE_NAME_SIZE + 4]; /* private */
	uint32_t header_size;
	char type[LIMITS_TYPE_NAME_SIZE + 1];
	char *data; /* owned; `data_size` bytes have arrived of `data_total` */
	size_t data_size;
	size_t data_capacity;
	size_t data_total;
	char *out; /* owned; out_size bytes, of which out_sent were taken */
	size_t out_size;
	size_t out_sent;
	size_t sent_message_size; /* what the peer must acknowledge */
	bool little_endian_echo;  /* how a client echoes the version: its native byte order */
};

void session_init_server(struct session *session);
/* False if there is no memory. `type` and `data` are copied. */
__attribute__((warn_unused_result)) bool session_init_client(
	struct session *session, const char *type, const char *data, size_t data_size);
void session_free(struct session *session);

enum session_wants session_wants(const struct session *session);
enum session_error session_error(const struct session *session);
const char *session_error_sentence(enum session_error error);

/* Takes bytes from the peer; returns how many it used (fewer when it wants the owner's turn: feed
 * the rest after that). */
size_t session_feed(struct session *session, const void *bytes, size_t size);
/* The peer closed its side. A server takes a half-closed message's missing rest as NUL bytes. */
void session_feed_end(struct session *session);

/* What to send now; size 0 if nothing. session_sent() takes it off. */
const void *session_output(const struct session *session, size_t *size);
void session_sent(struct session *session, size_t size);

const char *session_type(const struct session *session);
const char *session_data(const struct session *session, size_t *size);

void session_answer(struct session *session, const char *data, size_t data_size);
void session_refuse(struct session *session);
void session_taken(struct session *session);

/* Bytes of incoming message held now, for the owner's bound over all sessions. */
size_t session_buffered(const struct session *session);

#endif
