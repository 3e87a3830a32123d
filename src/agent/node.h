/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

/*
 * The inside of struct agent, shared by the files of this folder and nobody else:
 *
 *   agent.c     the door: one event in, then everything that time or news made due
 *   accept.c    orders: may this one be taken?
 *   boot.c      what became of a flash: the state at the start of the daemon
 *   life.c      the node's state: signals, the commit rule, the trial, the journal
 *   download.c  the release and the image
 *   sources.c   who may have them
 *   slices.c    gossip: what goes out, what came
 *   spread.c    gossip: what to exchange with whom, and when
 *   links.c     how fast the links to the neighbours are
 *   view.c      what the outside sees
 *   past.c      what it may remember
 */
#include "agent/agent.h"
#include "agent/book.h"
#include "agent/journal.h"
#include "agent/roster.h"
#include "base/prng.h"
#include "core/machine.h"
#include "core/upgrade.h"
#include "gossip/store.h"
#include "swarm/planner.h"

/* OTHERS: those of agent_setup.types, in turn. */
enum agent_type { TYPE_NODES = 0, TYPE_ORDERS, TYPE_PROJECTION, TYPE_OTHERS, TYPE_COUNT };

/* Milliseconds. */
enum {
	AGENT_PUSH_GAP_MS = 30, /* between two exchanges with one neighbour, while active; and … */
	AGENT_PUSH_GAP_NODES = 4, /* … a millisecond for so many nodes: more news in one exchange */
	AGENT_PUSH_GAP_CALM_MS = 300, /* before the schedule, when nothing hangs on a moment */
	AGENT_PUSH_GAP_IDLE_MS = 500,
	AGENT_PUSH_GAP_PROJECTION_MS = 10000, /* each is the whole of it */
	AGENT_PUSH_GAP_HOST_MS = 1000,        /* … but that costs nothing on this machine */
	AGENT_SYNC_ACTIVE_MS = 2000, /* periodic exchange with a neighbour without a digest */
	AGENT_SYNC_IDLE_MS = 30000,
	AGENT_SYNC_COUNTDOWN_MS = 5000, /* refreshes the countdown against drifting clocks */
	AGENT_HELLO_GAP_MS = 15,        /* between two hellos that tell of new chunks */
	AGENT_QUIET_MS = 300,  /* no news for so long and a push gap: now digests should agree */
	AGENT_REFINE_MS = 150, /* a countdown that came with a push is asked for again */
	AGENT_RETRY_MS = 1000, /* after a failed exchange; doubles up to … */
	AGENT_RETRY_MAX_MS = 30000,
	AGENT_HEARTBEAT_ACTIVE_MS = 10000, /* or AGENT_SELDOM times agent_progress_ms() */
	AGENT_HEARTBEAT_IDLE_MS = 300000,
	AGENT_SELDOM = 4,            /* so many times that, records that tell of progress alone */
	AGENT_PROGRESS_MS = 1000,    /* between two records that can wait; at least */
	AGENT_PROGRESS_NODE_MS = 25, /* … so much for each node: 40 such records a second */
	AGENT_ACTIVE_ORDER_MS = 600000, /* after an order: others may need long */
	AGENT_ACTIVE_STATE_MS = 60000,
	AGENT_CONFIRMED_MS = 120000, /* LimeApp shows for so long that all went well */
	AGENT_HEALTH_MS = 3000,
	AGENT_CONFIRM_RETRY_MS = 2000,
	AGENT_WINDOW_MARGIN_MS = 1000, /* we go back so long before the board does, and say why */
	AGENT_FLASH_PATIENCE_MS = 600000, /* silence is "unknown": NOR flash and a slow board */
	AGENT_FLASH_RESUME_MS = 30000,    /* a restarted daemon waits for the flasher it lost */
	AGENT_STALL_MS = 20000,           /* no progress for so long is DOWNLOAD_ERROR */
	AGENT_RELEASE_PAUSE_MS = 300, /* between two rounds of asking for the release; grows to … */
	AGENT_RELEASE_PAUSE_MAX_MS = 10000,
	AGENT_RELEASE_OFFER_MS =
		10, /* somebody tells that he has an image: then he has the release */
	AGENT_RELEASE_DEADLINE_MS = 30000,
	AGENT_MEASURE_FIRST_MS = 10000, /* a new neighbour's link is measured after about so long */
	AGENT_MEASURE_MS = 3600000,     /* … and again: 64 KiB an hour disturb nobody */
	AGENT_MEASURE_RETRY_MS = 60000, /* after a failure, or while an upgrade has the links */
	AGENT_LINKS_MS = 10000,         /* between two records that differ in their links only */
};

enum {
	AGENT_REFUSED_MAX = 32, /* ids of orders that are refused for good, not verified again */
	AGENT_EPOCH_JUMP_MAX = 1000000,
	AGENT_PROJECTION_TTL_S = 660, /* two of a quiet node's heartbeats, and a minute */
};

/* Exchanges of one type with one neighbour. */
struct exchange {
	bool under_way;
	bool asks;             /* the one under way wants to know what we have not */
	uint64_t began_ms;     /* the one under way */
	uint64_t deadline_ms;  /* … and when it counts as lost */
	uint64_t next_ms;      /* not before */
	uint64_t periodic_ms;  /* at the latest */
	uint64_t sent_change;  /* the neighbour has everything up to this change of ours */
	uint64_t going_change; /* … once the exchange under way is over */
	uint32_t failures;     /* in a row */
};

struct neighbour {
	bool up;
	bool host; /* the shared-state daemon of this machine */
	bool has_digest;
	uint8_t other; /* whose turn it is of the types that we carry for others */
	uint64_t digest;
	uint64_t differs_since_ms;
	uint64_t mend_ms;      /* when an exchange is to mend that; UINT64_MAX if it need not */
	uint64_t differed_own; /* the two digests at the last exchange that they called for */
	uint64_t differed_theirs;
	struct exchange types[TYPE_COUNT];
	uint64_t measure_ms; /* when its link is measured next */
	bool measuring;
	uint32_t kbit;    /* what came of it; 0 if not known */
	uint32_t flipped; /* the roster's change counter when it came or went last */
	char name[LIMITS_NAME_SIZE + 1];
};

enum download_phase {
	DOWNLOAD_IDLE = 0,
	DOWNLOAD_RELEASE, /* looking for release.json and its signatures */
	DOWNLOAD_OPENING, /* the image file is being made or looked through */
	DOWNLOAD_CHUNKS,
	DOWNLOAD_HASHING,
	DOWNLOAD_CHECKING, /* the flasher looks at it */
	DOWNLOAD_READY,
};

/*
 * Actions that are not answered yet. Answers come in order, so one belongs to the present download
 * if no other of its kind is still to come.
 */
struct outstanding {
	uint32_t open;
	uint32_t hash;
	uint32_t check;
	uint32_t write;
};

struct download {
	bool asking;         /* ACTION_FETCH_RELEASE is under way */
	uint32_t ask_cursor; /* which source next */
	uint64_t ask_next_ms;
	uint64_t ask_deadline_ms;
	uint32_t ask_pause_ms;
	bool ask_again; /* somebody has it now who may have been asked in this round already */
	uint64_t progress_ms;                    /* when something last came */
	uint8_t level;                           /* as neighbours are told */
	uint32_t offered[LIMITS_NEIGHBOURS_MAX]; /* before our release is here: which images */
	enum reason round_verdict; /* what was wrong with the releases of this round */
	uint32_t rounds;
	struct outstanding outstanding;
	struct image image;
	struct planner planner;
	struct manifest manifest;
	char far_names[AGENT_FAR_MAX][LIMITS_NAME_SIZE + 1];
};

/* The upgrade as the roster shows it. Kept up with every record: a mesh of a thousand is not
 * counted a thousand times. */
struct outlook {
	bool known;           /* there is an upgrade, and this node takes part */
	uint32_t confirms;    /* confirm orders that were looked at */
	uint64_t book_change; /* the counters that it was made for */
	uint64_t roster_change;
	uint64_t start_change; /* of the start order that the roster's seats are of */
	struct upgrade_question question;
	struct upgrade_count count;
	const struct book_order *schedule; /* of our wave; NULL if there is none */
	struct machine_facts facts;
};

/* What is used most comes first, what is large last: that makes the shorter instructions. */
struct agent {
	uint64_t now_ms;
	uint64_t wake_ms;        /* gathered during one step */
	struct actions *actions; /* of the step under way */
	struct prng prng;

	/* What is due at the end of the step */
	bool journal_due;
	bool changed;         /* the view */
	bool hello_due;       /* there are new chunks to tell of */
	bool journal_foreign; /* the journal at the start could not be read */

	/* The upgrade, as the book has it */
	bool participant;
	uint32_t wave; /* our own */

	/* The trial */
	bool hooks_ok;
	bool healthy;
	bool health_under_way;
	bool confirm_decided;
	bool confirm_under_way;
	bool window_known;

	bool published_ever;
	bool local_release; /* a directory on this machine, with local_release_id */

	enum download_phase download_phase;

	struct roster roster;
	struct book book;
	struct outlook outlook;

	/* The node, as the journal keeps it */
	struct journal journal;

	/* Timers, as values */
	uint64_t window_end_ms;
	uint64_t active_until_ms; /* the mesh is busy with an upgrade, also where we are not */
	uint64_t state_since_ms;
	uint64_t flash_deadline_ms;
	uint64_t health_next_ms;
	uint64_t confirm_next_ms;
	uint64_t waiting_next_ms; /* whom we wait for is not told before */
	uint64_t published_ms;
	uint64_t news_ms; /* when a record was last news */
	uint64_t heartbeat_ms;
	uint64_t expire_ms;
	uint64_t stores_aged_ms;
	uint64_t projection_due_ms; /* it says something else then; UINT64_MAX: never by itself */
	uint64_t links_next_ms;
	uint64_t host_next_ms; /* while idle, not before */
	uint32_t host_turn;
	uint64_t hello_next_ms; /* not before */

	bool measuring;   /* one neighbour at a time */
	bool links_stale; /* not what the neighbours have by now */
	bool attached;    /* one of the neighbours is the host */

	uint64_t projection_change;
	struct store stores[1 + LIMITS_CARRIED_MAX]; /* the projection, and setup.types */
	struct record_whole published;               /* what our newest record says */
	char links[RECORD_LINKS_SIZE + 1];           /* of the next record */
	char *journal_bytes;                         /* of the last ACTION_JOURNAL */
	uint8_t local_release_id[BYTES_HASH_SIZE];
	struct outstanding outstanding_before; /* this step: what a failed journal takes back */
	struct download download;
	struct agent_setup setup; /* but its journal */
	uint32_t refused_next;
	uint8_t refused[AGENT_REFUSED_MAX][BYTES_HASH_SIZE];
	uint32_t neighbours_end; /* no higher number was ever up */
	uint32_t renamed;        /* how often a neighbour took the number of another one */
	struct neighbour neighbours[LIMITS_NEIGHBOURS_MAX];
};

/* ---- agent.c: helpers for all ---- */

/* A new action of this kind, or NULL if the list is full: then try again in the next step, which is
 * asked for at once. */
struct action *agent_act(struct agent *agent, enum action_kind kind);
bool agent_has_room(struct agent *agent);
/* How often a node may tell what can wait. Everybody carries everybody's records, so that in a
 * large mesh each node says less. */
uint32_t agent_progress_ms(const struct agent *agent);
void agent_wake_at(struct agent *agent, uint64_t ms);
/* Has the time come? If not, this node wakes up then. */
bool agent_is_due(struct agent *agent, uint64_t ms);
/* Asks the flasher; false if that must wait for the next step. */
bool agent_ask_flasher(struct agent *agent, enum agent_flasher_verb verb, uint32_t window_s);
__attribute__((format(printf, 4, 5))) void agent_log(struct agent *agent,
	enum action_log_level level, const char *code, const char *format, ...);

/* ---- accept.c ---- */

struct order_offer {
	const char *text;
	size_t text_size;
	const char *signature;    /* blob */
	bool posted;              /* by an operator, here; else gossip */
	bool scheduled_elsewhere; /* START: a schedule for it came along */
	uint32_t from;            /* neighbour; AGENT_PEER_NONE if none */
};

/* NONE: taken. ALREADY_KNOWN: it was before; `*known` is it then. Else refused, with more in
 * `message`, or "". */
enum reason accept_order(struct agent *agent, const struct order_offer *offer,
	struct book_order **taken, char *message, size_t capacity);

/* Reads an order without taking it: for looking ahead in a slice. */
bool accept_peek(const struct agent *agent, const struct order_offer *offer, struct order *order);

/* Are we the participant of our name? A namesake with another key is somebody else. */
bool accept_names_us(struct agent *agent, const struct order_start *start, uint32_t *wave);

/* ---- boot.c ---- */

/* The state at the start, from the journal and what the flasher says. */
void boot_begin(struct agent *agent);

/* ---- life.c ---- */

/* Asks the table; on success the state is changed, journalled if it must be, and logged. The first
 * is for signals without a guard that objects. */
enum reason life_signal(
	struct agent *agent, enum signal signal, enum reason reason, const char *message);
enum reason life_ask(struct agent *agent, enum signal signal, const struct machine_facts *facts,
	enum reason reason, const char *message);

/* The new firmware stays: the flasher, or the boot, has shown it. */
void life_keep_firmware(struct agent *agent);

/* Counts anew if the book has changed. */
void life_look(struct agent *agent);
/* Which participant of the start order has this name; ROSTER_NO_SEAT if none. */
uint16_t life_find_seat(const struct agent *agent, const char *name);
/* roster_newest() is news; who that is. */
void life_record_news(struct agent *agent, uint16_t seat);
/* The only key that speaks for a participant; NULL if the seat is none. */
const uint8_t *life_seat_key(const struct agent *agent, uint16_t seat);

/* Everything that time or news made due. */
void life_think(struct agent *agent);

void life_flasher_over(struct agent *agent, const struct event *event);
void life_health_over(struct agent *agent, const struct event *event);

/* The question about the upgrade for `wave` (core/upgrade.h); false if there is no upgrade. */
bool life_question(const struct agent *agent, uint32_t wave, struct upgrade_question *question);

/* The participants' records in the start order's order; at most LIMITS_PARTICIPANTS_MAX. */
void life_records(const struct agent *agent, const struct record **records);

/* The old firmware runs though the new one was flashed. */
bool life_runs_wrong_version(const struct agent *agent, const struct order_start *start);

/* True from a start until this node can do no more in it. */
bool life_is_busy(const struct agent *agent);

/* ---- download.c ---- */

void download_start(struct agent *agent);
void download_stop(struct agent *agent, bool drop_image);
void download_think(struct agent *agent);
void download_event(struct agent *agent, const struct event *event);
void download_flasher_checked(struct agent *agent, const struct event *event);
void download_neighbour_up(struct agent *agent, uint32_t neighbour);
void download_neighbour_down(struct agent *agent, uint32_t neighbour);
void download_offer(struct agent *agent, const struct event *event);
/* roster_newest() is news: so may be its chunks. */
void download_record_news(struct agent *agent);
uint64_t download_held_bytes(const struct agent *agent);

/* ---- sources.c ---- */

/* The start order's body; there is one while anything is downloaded. */
const struct order_start *sources_start(const struct agent *agent);
uint32_t sources_neighbour_named(const struct agent *agent, const char *name);
bool sources_neighbour_may_help(const struct agent *agent, uint32_t neighbour);
bool sources_has_whole_image(const struct agent *agent, const struct record *record);
/* Names of nodes further away that have the whole image, and "" for the rest. */
void sources_choose_far(struct agent *agent, char names[AGENT_FAR_MAX][LIMITS_NAME_SIZE + 1]);
/* Source number `cursor` to ask for the release, nearest first; false if there is none there. */
bool sources_release(struct agent *agent, uint32_t cursor, struct agent_source *source);
/* URL number `index` of the image; false if there is none. */
bool sources_url(const struct agent *agent, uint32_t index, struct agent_source *source);
/* What a planner's peer is; false if it is gone. */
bool sources_peer(const struct agent *agent, uint32_t peer, struct agent_source *source);
/* For people. */
void sources_describe(const struct agent *agent, uint32_t peer, char *text, size_t capacity);

/* ---- slices.c ---- */

/* TYPE_COUNT if it is none of them. */
enum agent_type slices_find_type(const struct agent *agent, const char *name);
/* What is exchanged with this neighbour next; of TYPE_OTHERS the one whose turn it is. */
const char *slices_type_name(
	const struct agent *agent, enum agent_type type, const struct neighbour *neighbour);
/* Grows with all news of the type. */
uint64_t slices_change(const struct agent *agent, enum agent_type type);
void slices_take(struct agent *agent, enum agent_type type, const struct event *event);

/* ---- spread.c ---- */

void spread_event(struct agent *agent, const struct event *event);
/* Publishes our record if it says something new or is due again. */
void spread_publish(struct agent *agent);
void spread_think(struct agent *agent);

/* ---- links.c ---- */

void links_think(struct agent *agent);
void links_measured(struct agent *agent, const struct event *event);
void links_neighbour_up(struct agent *agent, uint32_t neighbour);

#endif
