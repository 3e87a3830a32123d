// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/node.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "base/ensure.h"
#include "base/text.h"
#include "daemon/api.h"
#include "daemon/expected.h"
#include "daemon/health.h"
#include "daemon/measure.h"
#include "io/clock.h"
#include "io/command.h"
#include "io/files.h"
#include "io/memory.h"
#include "io/timer.h"

static_assert((int)FLASHER_PROBE == FLASHER_VERB_PROBE &&
		      (int)FLASHER_REMAINING == FLASHER_VERB_REMAINING,
	"the agent's verbs are the flasher's");

enum {
	RATE_UNIT = 125, /* bytes/s in a kbit/s */
	SIGNALS = 3,
};

/* ---- events that must wait for the present step to end ---- */

struct later {
	struct node *node;
	struct event event;
};

static void on_later(evutil_socket_t fd, short what, void *context)
{
	struct later *later = context;

	(void)fd;
	(void)what;
	node_step(later->node, &later->event);
	free(later);
}

void node_step_later(struct node *node, const struct event *event)
{
	struct later *later = malloc(sizeof(*later));
	const struct timeval now = { 0 };

	if (later == NULL)
		return; /* the agent's own deadlines go on */
	later->node = node;
	later->event = *event;
	(void)event_base_once(node->base, -1, EV_TIMEOUT, on_later, later, &now);
}

/* ---- files that must outlive a flash ---- */

static int log_file(const struct node *node, const char *name, const char *what, int error)
{
	if (error != 0)
		log_write(node->log, LOG_LEVEL_ERROR, name, "%s %s/%s: %s", what,
			node->config->state_directory, name, strerror(-error));
	return error;
}

bool node_write_state(const struct node *node, const char *name, const void *bytes, size_t size)
{
	char path[FILES_PATH_SIZE + 1];
	int error = -ENAMETOOLONG;

	if (files_join(path, node->config->state_directory, name))
		error = files_write(path, bytes, size, 0600);
	return log_file(node, name, "writing", error) == 0;
}

char *node_read_state(const struct node *node, const char *name, size_t size_max, size_t *size)
{
	char path[FILES_PATH_SIZE + 1];
	char *bytes = NULL;
	int error = -ENAMETOOLONG;

	if (files_join(path, node->config->state_directory, name))
		error = files_read(path, size_max, &bytes, size);
	if (error != -ENOENT)
		(void)log_file(node, name, "reading", error);
	return bytes;
}

/* ---- actions ---- */

static bool write_journal(struct node *node, const struct action *action)
{
	return node_write_state(node, "journal", action->journal.bytes, action->journal.size);
}

static void exchange(struct node *node, const struct action *action)
{
	const struct neighbour_address *address =
		neighbours_address(node->neighbours, action->exchange.neighbour);
	struct event over = { .kind = EVENT_EXCHANGE_OVER };
	int error = -ENOTCONN;

	if (address != NULL)
		error = gossip_net_exchange(node->gossip, action->exchange.neighbour, address->host,
			address->gossip_port, action->exchange.type);
	if (error == 0)
		return;
	over.exchange_over.neighbour = action->exchange.neighbour;
	over.exchange_over.type = action->exchange.type;
	node_step_later(node, &over);
}

struct flasher_run {
	struct node *node;
	enum flasher_verb verb;
};

static void on_flasher_line(void *context, const char *line)
{
	const struct flasher_run *run = context;

	log_write(run->node->log, LOG_LEVEL_INFO, "flasher", "%s: %s", flasher_verb_word(run->verb),
		text_is_printable(line, 255) ? line : "(not printable)");
}

static void on_flasher_over(void *context, int status, const char *output, size_t size)
{
	struct flasher_run *run = context;
	struct node *node = run->node;
	struct event event = { .kind = EVENT_FLASHER };
	struct flasher_answer answer;

	flasher_read(&answer, run->verb, status, output, size);
	if (run->verb == FLASHER_VERB_PROBE) {
		node->probe = answer;
		node->probed = true;
	} else {
		event.flasher.verb = (enum agent_flasher_verb)run->verb;
		event.flasher.ok = answer.ok;
		event.flasher.remaining_ms = answer.remaining_ms;
		text_set(event.flasher.message, sizeof(event.flasher.message), answer.message);
		node_step(node, &event);
	}
	free(run);
}

/* Every verb is answered by an event, also when it could not even be run. */
static void run_flasher(struct node *node, enum flasher_verb verb, uint32_t window_s)
{
	struct flasher_run *run = malloc(sizeof(*run));
	char window[16];
	struct command_request request = {
		.arguments = { node->config->flasher, flasher_verb_word(verb) },
		.deadline_ms = flasher_deadline_ms(verb),
		.line = on_flasher_line,
		.over = on_flasher_over,
		.context = run,
	};
	struct event failed = { .kind = EVENT_FLASHER };

	snprintf(window, sizeof(window), "%u", (unsigned)window_s);
	if (verb == FLASHER_VERB_CHECK || verb == FLASHER_VERB_FLASH)
		request.arguments[2] = images_path(node->images);
	if (verb == FLASHER_VERB_FLASH)
		request.arguments[3] = window;
	for (uint32_t i = 0; i < node->config->environment_count; i++)
		request.environment[i] = node->config->environment[i];
	if (run != NULL) {
		run->node = node;
		run->verb = verb;
		if (command_run(node->base, &request) != NULL)
			return;
	}
	free(run);
	log_write(node->log, LOG_LEVEL_ERROR, "flasher", "%s could not be run",
		node->config->flasher);
	if (verb == FLASHER_VERB_PROBE) {
		node->probed = true;
		return;
	}
	failed.flasher.verb = (enum agent_flasher_verb)verb;
	failed.flasher.remaining_ms = -1;
	text_set(failed.flasher.message, sizeof(failed.flasher.message),
		"the flasher could not be run");
	node_step_later(node, &failed);
}

static const char *neighbour_url(void *context, uint32_t neighbour)
{
	struct node *node = context;
	const struct neighbour_address *address = neighbours_address(node->neighbours, neighbour);

	if (address == NULL)
		return NULL;
	snprintf(node->url, sizeof(node->url),
		strchr(address->host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u",
		address->host, address->http_port);
	return node->url;
}

/* What must be on flash before the flash. */
static void before_flash(struct node *node)
{
	health_remember_gateway(node);
	history_save(node);
}

/* False if what comes after it in the list must not be done. */
static bool perform(struct node *node, const struct action *action)
{
	switch (action->kind) {
	case ACTION_JOURNAL:
		return write_journal(node, action);
	case ACTION_HELLO:
		neighbours_say_hello(node->neighbours);
		break;
	case ACTION_EXCHANGE:
		exchange(node, action);
		break;
	case ACTION_ANSWER:
		api_answer(node, action);
		break;
	case ACTION_FETCH_RELEASE:
		releases_fetch(node->releases, action);
		break;
	case ACTION_IMAGE_OPEN:
		images_open(node->images, action);
		break;
	case ACTION_FETCH_CHUNKMAP:
		images_fetch_chunkmap(node->images, action);
		break;
	case ACTION_FETCH_CHUNK:
		images_fetch_chunk(node->images, action);
		break;
	case ACTION_FETCH_STOP:
		images_fetch_stop(node->images);
		break;
	case ACTION_IMAGE_WRITE:
		images_write(node->images, action);
		break;
	case ACTION_IMAGE_HASH:
		images_hash(node->images);
		break;
	case ACTION_IMAGE_DROP:
		images_drop(node->images);
		break;
	case ACTION_FLASHER:
		if (action->flasher.verb == FLASHER_FLASH)
			before_flash(node);
		run_flasher(
			node, (enum flasher_verb)action->flasher.verb, action->flasher.window_s);
		break;
	case ACTION_HEALTH:
		health_run(node);
		break;
	case ACTION_MEASURE:
		measure_run(node, action, neighbour_url(node, action->measure.neighbour));
		break;
	case ACTION_CHANGED:
		node->changed = true;
		break;
	case ACTION_LOG:
		log_write(node->log, (enum log_level)action->log.level, action->log.code, "%s",
			action->log.text);
		break;
	}
	return true;
}

static void arm(struct event *timer, uint64_t delay_ms)
{
	struct timeval delay;

	/* A day is as good as for ever, and fits in every struct timeval. */
	if (delay_ms > 86400000)
		delay_ms = 86400000;
	delay.tv_sec = (time_t)(delay_ms / 1000);
	delay.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	(void)event_add(timer, &delay);
}

/* The agent's step and all its actions. False if the journal could not be written. */
static bool step_once(struct node *node, const struct event *event, uint64_t *wake_ms)
{
	*wake_ms = agent_step(node->agent, clock_now_ms(), event, &node->actions);
	for (uint32_t i = 0; i < node->actions.count; i++) {
		if (!perform(node, &node->actions.list[i]))
			return false;
	}
	return true;
}

void node_step(struct node *node, const struct event *event)
{
	static const struct event journal_failed = { .kind = EVENT_JOURNAL_FAILED };
	uint64_t wake_ms, now_ms;

	/* Everything that answers an action does so from the loop. */
	ensure(!node->stepping);

	node->stepping = true;
	/* Once: that step may want to write too, and fail again; the agent tries later. */
	if (!step_once(node, event, &wake_ms))
		(void)step_once(node, &journal_failed, &wake_ms);
	node->stepping = false;
	now_ms = clock_now_ms();
	history_follow(node, now_ms);
	arm(node->timer, wake_ms > now_ms ? wake_ms - now_ms : 0);
	if (node->neighbours != NULL)
		neighbours_set_active(node->neighbours, agent_active(node->agent));
	if (now_ms >= node->trimmed_ms + NODE_TRIM_MS) {
		node->trimmed_ms = now_ms;
		memory_give_back();
	}
	if (node->changed) {
		http_server_tell(node->server);
		node->history_due = true;
	}
	node->changed = false;
	/* What comes too soon after the last look is seen with a later step. */
	if (node->history_due && now_ms >= node->history_looked_ms + NODE_HISTORY_MS) {
		history_look(node);
		node->history_due = false;
		node->history_looked_ms = now_ms;
	}
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	static const struct event tick = { .kind = EVENT_TICK };

	(void)fd;
	(void)what;
	node_step(context, &tick);
}

/* ---- neighbours ---- */

static void on_neighbour_up(void *context, uint32_t number, const struct neighbours_hello *hello)
{
	struct event event = { .kind = EVENT_NEIGHBOUR_UP };

	event.neighbour_up.neighbour = number;
	if (hello != NULL) {
		text_set(event.neighbour_up.name, sizeof(event.neighbour_up.name), hello->name);
		event.neighbour_up.has_digest = true;
		event.neighbour_up.digest = hello->digest;
		event.neighbour_up.offer = hello->offer;
		event.neighbour_up.offer_size = hello->offer_size;
	}
	node_step(context, &event);
}

static void on_neighbour_down(void *context, uint32_t number)
{
	struct event event = { .kind = EVENT_NEIGHBOUR_DOWN };

	event.neighbour_down.neighbour = number;
	node_step(context, &event);
}

static_assert((int)NEIGHBOURS_OFFER_MAX == (int)AGENT_OFFER_MAX, "a hello carries any offer");

static size_t on_tell(void *context, uint64_t *digest, uint8_t offer[NEIGHBOURS_OFFER_MAX])
{
	const struct node *node = context;

	*digest = agent_digest(node->agent);
	return agent_offer(node->agent, offer);
}

/* ---- gossip ---- */

static bool on_speaks(void *context, const char *type)
{
	return agent_speaks(((struct node *)context)->agent, type);
}

static uint32_t neighbour_at(const struct node *node, const struct sockaddr *from)
{
	char host[LIMITS_ADDRESS_SIZE + 1];
	socklen_t size = from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						     : sizeof(struct sockaddr_in);
	const char *plain = host;

	if (getnameinfo(from, size, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		return UINT32_MAX;
	if (strncmp(host, "::ffff:", 7) == 0)
		plain = host + 7;
	return neighbours_find(node->neighbours, plain);
}

static void on_merge(void *context, const char *type, const char *data, size_t data_size,
	const struct sockaddr *from, uint32_t neighbour, uint32_t rtt_ms)
{
	struct node *node = context;
	struct event event = { .kind = EVENT_SLICE };

	event.slice.type = type;
	event.slice.data = data;
	event.slice.data_size = data_size;
	event.slice.answer = neighbour != UINT32_MAX;
	event.slice.neighbour = neighbour != UINT32_MAX ? neighbour : neighbour_at(node, from);
	/* A host is no more to be believed than anybody else; its programs' insert is. */
	event.slice.remote = neighbour != UINT32_MAX || !gossip_net_is_local(from);
	event.slice.rtt_ms = rtt_ms;
	node_step(node, &event);
}

static void on_answer(void *context, uint32_t neighbour, const char *type, const char *data,
	size_t data_size, struct text *text)
{
	struct node *node = context;
	uint64_t now_ms = clock_now_ms();

	if (neighbour != UINT32_MAX)
		agent_slice_for(node->agent, now_ms, neighbour, type, text);
	else
		agent_answer(node->agent, now_ms, type, data, data_size, text);
}

static void on_over(void *context, uint32_t neighbour, const char *type, bool ok, const char *why)
{
	struct node *node = context;
	struct event event = { .kind = EVENT_EXCHANGE_OVER };

	if (ok) {
		node->exchanges_ok++;
	} else {
		node->exchanges_failed++;
		log_write(node->log, LOG_LEVEL_DEBUG, "exchange", "%s with neighbour %u: %s", type,
			(unsigned)neighbour, why);
	}
	event.exchange_over.neighbour = neighbour;
	event.exchange_over.type = type;
	event.exchange_over.ok = ok;
	node_step(node, &event);
	attach_exchanged(node, neighbour, ok);
}

static const struct gossip_net_callbacks gossip_callbacks = {
	.speaks = on_speaks,
	.merge = on_merge,
	.answer = on_answer,
	.over = on_over,
};

/* ---- release directories ---- */

static void on_event(void *context, const struct event *event)
{
	node_step(context, event);
}

static void on_release(void *context, const struct event *event)
{
	if (event->release.peer == OFFERS_PEER)
		offers_looked(context, event);
	else
		node_step(context, event);
}

static void tell_of(struct node *node, const struct directory *directory)
{
	struct event event = { .kind = EVENT_LOCAL_RELEASE };

	node->offers.list_ms = 0;
	memcpy(event.local_release.release_id, directory->release_id, BYTES_HASH_SIZE);
	node_step(node, &event);
}

static const struct directory *attach(
	struct node *node, const char *path, char *problem, size_t capacity)
{
	const struct directory *directory =
		images_add_directory(node->images, path, problem, capacity);

	if (directory != NULL)
		tell_of(node, directory);
	return directory;
}

void node_take_directory(struct node *node, struct directory *directory)
{
	tell_of(node, images_take_directory(node->images, directory));
}

/* After the flash nobody else has the images any more: we must still know where they lie. */
static const char directory_file[] = "directory";

const struct directory *node_add_directory(
	struct node *node, const char *path, char *problem, size_t capacity)
{
	const struct directory *directory = attach(node, path, problem, capacity);

	if (directory != NULL)
		(void)node_write_state(node, directory_file, path, strlen(path));
	return directory;
}

static void attach_again(struct node *node)
{
	char problem[LIMITS_MESSAGE_SIZE + 1];
	size_t size;
	char *path = node_read_state(node, directory_file, FILES_PATH_SIZE, &size);

	if (path != NULL && attach(node, path, problem, sizeof(problem)) == NULL)
		log_write(node->log, LOG_LEVEL_WARNING, directory_file, "%s: %s", path, problem);
	free(path);
}

/* ---- setting up ---- */

static bool fail(struct node *node, const char *what, int error)
{
	log_write(node->log, LOG_LEVEL_ERROR, "start", "%s: %s", what, strerror(-error));
	return false;
}

static bool make_directories(struct node *node)
{
	const char *const paths[] = { node->config->state_directory, node->config->work_directory };

	for (size_t i = 0; i < 2; i++) {
		int error = files_make_directory(paths[i]);

		if (error != 0)
			return fail(node, paths[i], error);
	}
	return true;
}

/* The agent needs to know what runs before it is made: the loop turns until the flasher has said.
 */
static void probe(struct node *node)
{
	run_flasher(node, FLASHER_VERB_PROBE, 0);
	while (!node->probed && event_base_loop(node->base, EVLOOP_ONCE) == 0)
		;
	if (!node->probe.ok) {
		log_write(node->log, LOG_LEVEL_ERROR, "flasher",
			"%s; this node cannot flash and counts as one without a way back",
			node->probe.message[0] != '\0' ? node->probe.message : "no answer");
		node->probe.slots = 1;
		node->probe.remaining_ms = -1;
	}
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	return a[0] != '\0' ? a : b[0] != '\0' ? b : c;
}

static bool make_agent(struct node *node)
{
	const struct config *config = node->config;
	struct agent_setup *setup = calloc(1, sizeof(*setup));
	char *journal = NULL;
	bool ok = false;

	node->agent = calloc(1, agent_size());
	if (setup == NULL || node->agent == NULL) {
		(void)fail(node, "agent", -ENOMEM);
		goto done;
	}
	text_set(setup->name, sizeof(setup->name), node->name);
	text_set(setup->mesh, sizeof(setup->mesh), config->mesh);
	text_set(setup->address, sizeof(setup->address), config->address);
	text_set(setup->board, sizeof(setup->board),
		first_of(config->board, node->probe.board, node->board.name));
	text_set(setup->version, sizeof(setup->version),
		first_of(config->version, node->probe.version, node->board.version));
	text_set(setup->compat_version, sizeof(setup->compat_version), config->compat_version);
	text_set(setup->boot_id, sizeof(setup->boot_id),
		first_of(node->probe.boot_id, node->board.boot_id, "unknown"));
	setup->release_keys = node->release_keys;
	setup->release_threshold = config->threshold;
	setup->flasher.slots = node->probe.slots;
	setup->flasher.trial = node->probe.trial;
	setup->flasher.fell_back = node->probe.fell_back;
	setup->flasher.remaining_ms = node->probe.remaining_ms;
	setup->projection = config->limeapp_projection;
	setup->type_count = config->type_count;
	memcpy(setup->types, config->types, sizeof(setup->types));
	randombytes_buf(&setup->seed, sizeof(setup->seed));
	trust_read(&setup->operator_keys, &node->operator_names, config, "operator", node->log);
	if (!trust_node_key(&setup->node_key, config, node->log))
		goto done;
	journal = node_read_state(node, "journal", JOURNAL_FILE_SIZE_MAX, &setup->journal_size);
	setup->journal = journal;
	agent_init(node->agent, setup, clock_now_ms());
	ok = true;

done:
	free(journal);
	if (setup != NULL)
		sodium_memzero(setup, sizeof(*setup));
	free(setup);
	return ok;
}

static bool make_neighbours(struct node *node)
{
	const struct config *config = node->config;
	const struct neighbours_callbacks callbacks = {
		.up = on_neighbour_up,
		.down = on_neighbour_down,
		.tell = on_tell,
		.context = node,
	};
	struct neighbours_setup *setup = calloc(1, sizeof(*setup));

	if (setup == NULL)
		return false;
	setup->name = node->name;
	setup->mesh = config->mesh;
	setup->http_port = http_server_port(node->server);
	setup->gossip_port = config->gossip_port;
	setup->discover = config->discover;
	setup->interface_count = config->interface_count;
	memcpy(setup->interfaces, config->interfaces, sizeof(setup->interfaces));
	setup->address_count = config->neighbour_count;
	memcpy(setup->addresses, config->neighbours, sizeof(setup->addresses));
	node->neighbours = neighbours_new(node->base, setup, &callbacks);
	free(setup);
	return node->neighbours != NULL;
}

static bool listen_all(struct node *node)
{
	const struct config *config = node->config;
	int error = http_server_listen(node->server, config->http_listen, config->http_port);

	if (error != 0)
		return fail(node, "listening for HTTP", error);
	if (!make_neighbours(node))
		return false;
	error = attach_open(node);
	if (error != 0)
		return fail(node, "listening for gossip", error);
	/* Last, for it is the one that leaves something behind where no node comes of it. */
	if (config->control[0] == '\0')
		return true;
	error = http_server_listen_control(node->server, config->control);
	return error == 0 || fail(node, config->control, error);
}

static bool make_parts(struct node *node)
{
	const struct images_callbacks images_callbacks = { on_event, neighbour_url, node };
	struct releases_setup releases = {
		.base = node->base,
		.work_directory = node->config->work_directory,
		.trusted = &node->release_keys,
		.event = on_release,
		.neighbour_url = neighbour_url,
		.context = node,
	};

	node->timer = evtimer_new(node->base, on_timer, node);
	node->server = http_server_new(node->base, api_routes, node);
	node->client = http_client_new(node->base);
	node->gossip = gossip_net_new(node->base, &gossip_callbacks, node);
	if (node->timer == NULL || node->server == NULL || node->client == NULL ||
		node->gossip == NULL)
		return fail(node, "event loop", -ENOMEM);
	http_server_limit_rate(
		node->server, node->config->rate_limit_kbit * RATE_UNIT, node->config->polite);
	node->images = images_new(
		node->base, node->config->work_directory, node->client, &images_callbacks);
	releases.client = node->client;
	releases.images = node->images;
	if (node->images != NULL)
		node->releases = releases_new(&releases);
	upload_clear(node);
	return node->releases != NULL || fail(node, node->config->work_directory, -ENOMEM);
}

bool node_open(struct node *node, const struct config *config, struct log *log)
{
	static const struct event tick = { .kind = EVENT_TICK };

	memset(node, 0, sizeof(*node));
	node->config = config;
	node->log = log;
	node->started_ms = clock_now_ms();
	board_read(&node->board, "");
	node->name = first_of(config->name, node->board.hostname, "node");
	node->base = timer_new_base();
	if (node->base == NULL)
		return fail(node, "event loop", -ENOMEM);
	if (!make_directories(node))
		return false;
	trust_read(&node->release_keys, &node->release_names, config, "release", log);
	probe(node);
	if (!make_agent(node) || !make_parts(node) || !listen_all(node) || !expected_begin(node))
		return false;
	history_open(node);
	log_write(log, LOG_LEVEL_INFO, "start", "lockstep %s, mesh %s", LOCKSTEP_VERSION,
		config->mesh);
	node_step(node, &tick);
	attach_news(node);
	attach_again(node);
	return true;
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct node *node = context;

	(void)what;
	if (number == SIGUSR1) {
		attach_news(node);
		return;
	}
	log_write(node->log, LOG_LEVEL_INFO, "end", "asked to end");
	node->ending = true;
}

void node_run(struct node *node)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGUSR1 };
	struct event *signals[SIGNALS];

	for (size_t i = 0; i < SIGNALS; i++) {
		signals[i] = evsignal_new(node->base, numbers[i], on_signal, node);
		if (signals[i] == NULL || event_add(signals[i], NULL) != 0)
			node->ending = true;
	}
	while (!node->ending && event_base_loop(node->base, EVLOOP_ONCE) == 0)
		;
	for (size_t i = 0; i < SIGNALS; i++) {
		if (signals[i] != NULL)
			event_free(signals[i]);
	}
}

/* A flasher that runs is left alone: it may be writing. */
void node_close(struct node *node)
{
	neighbours_free(node->neighbours);
	node->neighbours = NULL;
	gossip_net_free(node->gossip);
	releases_free(node->releases);
	offers_close(node);
	upload_close(node);
	images_free(node->images);
	http_client_free(node->client);
	http_server_free(node->server);
	event_free(node->timer);
	timer_free(node->attach.timer);
	timer_free(node->expected_timer);
	free(node->expected);
	agent_close(node->agent);
	free(node->agent);
	event_base_free(node->base);
}
