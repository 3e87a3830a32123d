// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/gossip_net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "gossip/session.h"
#include "io/clock.h"
#include "io/stream.h"

enum {
	LINKS_MAX = LIMITS_GOSSIP_CONNECTIONS_MAX + GOSSIP_NET_OUTGOING_MAX,
	ANSWER_SIZE_MIN = 16384,
};

/* One exchange on its connection. */
struct link {
	struct gossip_net *net;
	struct stream *stream;
	uint64_t version_sent_us;
	uint64_t rtt_us;    /* 0: not measured yet */
	int error;          /* -errno of the connection */
	uint32_t neighbour; /* outgoing only, as is type: what we asked for */
	bool outgoing;
	struct session session;
	struct in6_addr address; /* of the peer, IPv4 mapped: who shares it shares its bounds */
	struct sockaddr_storage peer;
	char type[LIMITS_TYPE_NAME_SIZE + 1];
};

struct gossip_net {
	struct event_base *base;
	const struct gossip_net_callbacks *callbacks;
	void *context;
	struct stream_listener *listener;
	uint32_t deadline_ms;
	uint32_t link_count;
	char *answer; /* scratch for our state, kept as large as it was ever needed */
	size_t answer_capacity;
	struct gossip_net_counts counts;
	struct link *links[LINKS_MAX]; /* oldest first */
};

/* What the peer's links are counted by: IPv4 is mapped, for it shows like that on IPv6 sockets. */
static struct in6_addr address_of(const struct sockaddr *peer)
{
	struct in6_addr address = { 0 };

	if (peer->sa_family == AF_INET6) {
		memcpy(&address, &((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof(address));
	} else if (peer->sa_family == AF_INET) {
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(address.s6_addr + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
	}
	return address;
}

bool gossip_net_is_local(const struct sockaddr *peer)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	struct in6_addr address = address_of(peer);

	return memcmp(&address, &loopback, sizeof(address)) == 0 ||
	       (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

/* ---- Links and their bounds ---------------------------------------------------------------- */

/* From now on the link counts no more. */
static void forget_link(struct link *link)
{
	struct gossip_net *net = link->net;
	uint32_t i = 0;

	while (net->links[i] != link)
		i++;
	ensure(i < net->link_count);
	net->link_count--;
	memmove(net->links + i, net->links + i + 1, (net->link_count - i) * sizeof(struct link *));
}

static void free_link(struct link *link)
{
	stream_close(link->stream);
	session_free(&link->session);
	free(link);
}

static void drop_link(struct link *link)
{
	forget_link(link);
	free_link(link);
}

/* Ends a link in whatever state it is, and says so if it was ours. */
static void end_link(struct link *link)
{
	struct gossip_net *net = link->net;
	enum session_error error = session_error(&link->session);
	bool ok = session_wants(&link->session) == SESSION_DONE && error == SESSION_OK;
	const char *why =
		ok || error != SESSION_OK ? session_error_sentence(error) : strerror(-link->error);

	forget_link(link);
	if (link->outgoing) {
		net->counts.completed += ok;
		net->callbacks->over(net->context, link->neighbour, link->type, ok, why);
	}
	free_link(link);
}

static size_t bytes_of(const struct link *link)
{
	return session_buffered(&link->session) + stream_unsent(link->stream);
}

static size_t connections_of(const struct link *link)
{
	return !link->outgoing;
}

static size_t sum_of(const struct gossip_net *net, size_t (*weigh)(const struct link *))
{
	size_t sum = 0;

	for (uint32_t i = 0; i < net->link_count; i++)
		sum += weigh(net->links[i]);
	return sum;
}

/* Displaces the oldest link that weighs anything, of the address whose links weigh most. */
static void displace(struct gossip_net *net, size_t (*weigh)(const struct link *))
{
	struct link *heaviest = NULL;
	size_t most = 0;

	for (uint32_t i = 0; i < net->link_count; i++) {
		struct link *link = net->links[i];
		size_t weight = 0;

		if (weigh(link) == 0)
			continue;
		for (uint32_t j = 0; j < net->link_count; j++) {
			if (memcmp(&net->links[j]->address, &link->address,
				    sizeof(link->address)) == 0)
				weight += weigh(net->links[j]);
		}
		if (weight > most) {
			most = weight;
			heaviest = link;
		}
	}
	ensure(heaviest != NULL);
	net->counts.displaced += !heaviest->outgoing;
	heaviest->error = -ENOBUFS;
	end_link(heaviest);
}

/* ---- Moving an exchange on ----------------------------------------------------------------- */

/* Hands on what the peer sent. False for a type that is not spoken here. */
static bool merge(struct link *link)
{
	struct gossip_net *net = link->net;
	const char *type = session_type(&link->session);
	size_t size;
	const char *data = session_data(&link->session, &size);

	if (type[0] == '\0' || !net->callbacks->speaks(net->context, type))
		return false;
	net->callbacks->merge(net->context, type, data, size, (struct sockaddr *)&link->peer,
		link->neighbour, (uint32_t)((link->rtt_us + 999) / 1000));
	return true;
}

/* Our state, or our answer, in the scratch buffer. False without memory. */
static bool write_answer(struct link *link, struct text *text)
{
	struct gossip_net *net = link->net;
	const char *type = session_type(&link->session);
	size_t size;
	const char *data = session_data(&link->session, &size);

	for (;;) {
		text_init(text, net->answer, net->answer_capacity);
		net->callbacks->answer(net->context, link->neighbour, type, data, size, text);
		if (net->answer != NULL && !text_cut(text))
			return true;

		size_t capacity = text->size < ANSWER_SIZE_MIN ? ANSWER_SIZE_MIN : text->size + 1;
		char *grown = realloc(net->answer, capacity);

		if (grown == NULL)
			return false;
		net->answer = grown;
		net->answer_capacity = capacity;
	}
}

/* Does what the session wants of its owner, if it wants anything. */
static void serve(struct link *link)
{
	struct gossip_net *net = link->net;
	struct text text;

	if (session_wants(&link->session) == SESSION_TAKE) {
		/* The peer's word counts for what it sent, not what we asked for. */
		(void)merge(link);
		session_taken(&link->session);
	} else if (session_wants(&link->session) == SESSION_ANSWER) {
		if (!(link->outgoing || merge(link)) || !write_answer(link, &text)) {
			session_refuse(&link->session);
			return;
		}
		session_answer(&link->session, net->answer, text.size);
		net->counts.answered +=
			!link->outgoing && session_error(&link->session) == SESSION_OK;
	}
}

/* Sends what there is to send, and ends what is at its end. */
static void move_on(struct link *link)
{
	size_t size;
	const void *bytes = session_output(&link->session, &size);

	if (size > 0) {
		if (!stream_send(link->stream, bytes, size)) {
			link->error = -ENOMEM;
			end_link(link);
			return;
		}
		session_sent(&link->session, size);
		if (link->version_sent_us == 0)
			link->version_sent_us = clock_now_us();
	}
	if (session_wants(&link->session) == SESSION_FAILED ||
		(session_wants(&link->session) == SESSION_DONE && stream_unsent(link->stream) == 0))
		end_link(link);
}

static void on_received(void *owner, const void *bytes, size_t size)
{
	struct link *link = owner;
	struct gossip_net *net = link->net;
	const char *from = bytes;

	while (size > 0 && session_wants(&link->session) == SESSION_MORE) {
		size_t used = session_feed(&link->session, from, size);

		from += used;
		size -= used;
		if (link->rtt_us == 0 && session_version_answered(&link->session)) {
			link->rtt_us = 1; /* who did not wait for what he answers tells nothing */
			if (link->version_sent_us != 0)
				link->rtt_us += clock_now_us() - link->version_sent_us;
		}
		serve(link);
	}
	move_on(link);
	while (sum_of(net, bytes_of) > LIMITS_GOSSIP_BUFFERED_MAX)
		displace(net, bytes_of);
}

static void on_ended(void *owner, int error)
{
	struct link *link = owner;

	if (error != 0) {
		link->error = error;
		end_link(link);
		return;
	}
	session_feed_end(&link->session);
	serve(link);
	move_on(link);
}

static void on_turn(void *owner)
{
	move_on(owner);
}

static const struct stream_callbacks link_callbacks = {
	.connected = on_turn,
	.received = on_received,
	.flushed = on_turn,
	.ended = on_ended,
};

static struct link *add_link(struct gossip_net *net, bool outgoing)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	link->net = net;
	link->outgoing = outgoing;
	link->neighbour = UINT32_MAX;
	ensure(net->link_count < LINKS_MAX);
	net->links[net->link_count++] = link;
	return link;
}

static void on_accepted(void *context, int fd, const struct sockaddr *from)
{
	struct gossip_net *net = context;
	struct link *link;

	net->counts.accepted++;
	if (sum_of(net, connections_of) == LIMITS_GOSSIP_CONNECTIONS_MAX)
		displace(net, connections_of);
	link = add_link(net, false);
	if (link == NULL) {
		close(fd);
		return;
	}
	memcpy(&link->peer, from,
		from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					    : sizeof(struct sockaddr_in));
	link->address = address_of((struct sockaddr *)&link->peer);
	session_init_server(&link->session);
	link->stream = stream_adopt(net->base, fd, net->deadline_ms, &link_callbacks, link);
	if (link->stream == NULL)
		drop_link(link);
}

/* ---- For the owner ------------------------------------------------------------------------- */

struct gossip_net *gossip_net_new(
	struct event_base *base, const struct gossip_net_callbacks *callbacks, void *context)
{
	struct gossip_net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		return NULL;
	net->base = base;
	net->callbacks = callbacks;
	net->context = context;
	net->deadline_ms = LIMITS_EXCHANGE_DEADLINE_MS;
	return net;
}

void gossip_net_free(struct gossip_net *net)
{
	if (net == NULL)
		return;
	while (net->link_count > 0)
		drop_link(net->links[net->link_count - 1]);
	stream_listener_free(net->listener);
	free(net->answer);
	free(net);
}

int gossip_net_listen(struct gossip_net *net, const char *address, uint16_t port)
{
	struct stream_listener *before = net->listener;
	int error = stream_listen(&net->listener, net->base, address, port, on_accepted, net);

	if (error == 0)
		stream_listener_free(before);
	return error;
}

uint16_t gossip_net_port(const struct gossip_net *net)
{
	return net->listener != NULL ? stream_listener_port(net->listener) : 0;
}

int gossip_net_exchange(struct gossip_net *net, uint32_t neighbour, const char *address,
	uint16_t port, const char *type)
{
	struct link *link;
	int error = -EMSGSIZE;

	if (net->link_count - sum_of(net, connections_of) == GOSSIP_NET_OUTGOING_MAX ||
		sum_of(net, bytes_of) >= LIMITS_GOSSIP_BUFFERED_MAX)
		return -ENOBUFS;
	link = add_link(net, true);
	if (link == NULL)
		return -ENOMEM;
	link->neighbour = neighbour;
	if (text_copy(link->type, sizeof(link->type), type) &&
		session_init_client(&link->session, type))
		error = stream_connect(&link->stream, net->base, address, port, net->deadline_ms,
			&link_callbacks, link, &link->peer);
	if (error != 0) {
		drop_link(link);
		return error;
	}
	link->address = address_of((struct sockaddr *)&link->peer);
	net->counts.opened++;
	return 0;
}

const struct gossip_net_counts *gossip_net_counts(const struct gossip_net *net)
{
	return &net->counts;
}

void gossip_net_set_deadline(struct gossip_net *net, uint32_t deadline_ms)
{
	net->deadline_ms = deadline_ms;
}
