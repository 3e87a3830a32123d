/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

/*
 * A mesh of real agents in a pretend world: time, clocks, links, disks, boards, operators. The
 * agents are the daemon's own; all that they ask for is answered here, no clock, no chance but the
 * seed's: the same options give the same run to the byte, on one thread or several.
 *
 *   world.c      setting up, a run
 *   time.c       what happens when, and in which order
 *   node.c       a daemon's life: start, steps, actions
 *   board.c      power, boots, slots, the flasher, the disk
 *   net.c        hellos, exchanges, fetches
 *   rate.c       how long these keep the links busy
 *   chaos.c      what breaks, and when
 *   operator.c   what operators do
 *   check.c      what must hold at every moment
 *   promise.c    what a journal binds its node to
 *   peace.c      what must hold once nothing breaks any more
 *   releases.c   firmware and images
 *   trace.c      what a person reads afterwards
 *   bound.c      how long peace may take
 *   plain.c      nodes that run shared-state alone
 *   stranger.c   who writes into shared-state what he likes
 *   meshes.c     meshes of the lab's topology files
 *   shrink.c     a smaller run that breaks the same
 *   crypto.c     signatures, each verified once
 *   codec.c      records, each read once, if so wanted
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/prng.h"
#include "core/order.h"
#include "sim/calendar.h"
#include "sim/graph.h"
#include "sim/lanes.h"
#include "sim/options.h"
#include "sim/queue.h"

struct json_object;

enum {
	WORLD_BOARDS_MAX = 3,
	WORLD_RELEASES_MAX = 16, /* number 0 is none, 1 is what runs at first */
	WORLD_CHUNKS_MAX = 128,
	WORLD_CHUNK_SIZE = 1024,
	WORLD_CHUNK_LACK = 100, /* the last one is shorter */
	WORLD_OPERATORS_MAX = 2,
	WORLD_ORDERS_MAX = 512,
	WORLD_OVERHEARD_MAX = 8,
	WORLD_SLICE_CAPACITY = LIMITS_SLICE_SIZE + 1,
	WORLD_BREACH_SIZE = 512,
	WORLD_NONE = UINT32_MAX,
};

#define WORLD_US UINT64_C(1000)   /* in a millisecond */
#define WORLD_S UINT64_C(1000000) /* in a second, microseconds */

/* ---- releases ---- */

struct world_release {
	bool trusted; /* enough release keys signed it */
	bool foreign; /* its firmware cannot speak to that of others */
	char version[32];
	uint8_t id[BYTES_HASH_SIZE];
	char *manifest;
	size_t manifest_size;
	uint32_t signature_count;
	struct usign_signature signatures[2];
	uint8_t sha256[WORLD_BOARDS_MAX][BYTES_HASH_SIZE];
	uint8_t images[WORLD_BOARDS_MAX][WORLD_CHUNKS_MAX * WORLD_CHUNK_SIZE];
};

/* ---- nodes ---- */

/* What new firmware will do on a board; drawn when it is flashed. */
struct firmware_fate {
	bool boots, meshes, runs_daemon, is_healthy;
};

struct disk {
	bool open;
	uint8_t sha256[BYTES_HASH_SIZE];
	uint32_t release, board; /* whose image that is; release 0: nobody's */
	bool held[WORLD_CHUNKS_MAX];
	bool bad; /* something that was written is not what the release names */
};

struct heard {
	bool now;
	uint64_t at_us;
};

struct peer {
	uint32_t node;
	uint32_t link;
	uint32_t number; /* which peer we are of that node */
	struct heard heard;
};

/* What a node's journal says: it binds the node, also after a loss of power. */
struct promise {
	uint64_t epoch;  /* the highest that it accepted */
	uint64_t floor;  /* the newest release that it kept, by sequence */
	uint64_t joined; /* the epoch of the upgrade that it is in; 0: none */
	enum node_state state;
};

struct node {
	uint32_t number;
	char name[16];
	struct agent_setup setup;
	struct prng prng;             /* of all that it does */
	struct queue queue;           /* what will happen to it */
	uint64_t planned;             /* counts what it brought about */
	struct agent *agent;          /* NULL while no daemon runs */
	bool halted;                  /* the flasher takes it back: its daemon does nothing more */
	uint32_t boot;                /* counts daemons; what belongs to an older one is dropped */
	uint64_t wake_us, planned_us; /* when it wants to be called, and when it will be */

	uint32_t peer_count;
	struct peer *peers;  /* owned */
	struct plain *plain; /* owned; NULL: it runs Lockstep */

	/* The board */
	bool powered;
	bool gone;  /* for ever */
	bool apart; /* in peace: those that are gone cut it off from the rest */
	bool late;  /* it was not there at the start */
	uint32_t board, slots, board_boots;
	uint32_t running, stable, armed; /* release numbers; armed 0: none */
	uint32_t written; /* by the flash under way, whatever lies on the disk since */
	bool trial, fell_back;
	bool deaf; /* on trial, with firmware that has no mesh */
	uint32_t window_s;
	uint64_t window_end_us;
	struct firmware_fate fate; /* of what is armed or on trial */
	bool served_wrong;         /* nobody asks it again for that upgrade's images */
	bool forgets_confirm, serves_wrong_chunks, refuses_images;
	struct disk disk;
	uint32_t fetches;       /* counts how often it gave up all fetches */
	uint64_t full_until_us; /* no disk takes a byte before that */
	uint32_t bricked;       /* the release that ended it; 0 while it can boot */
	bool has_release[WORLD_RELEASES_MAX];
	uint32_t offers; /* the release in the directory that an operator offered last; 0 if none */
	char *journal;
	size_t journal_size;
	bool journal_was_lost; /* what it promised before does not bind it any more */
	bool forgot;           /* the same, at any time in this run */

	/* The clock: it may be wrong, but it never goes back while a daemon runs */
	uint64_t clock_base_ms, clock_since_us;
	int32_t clock_ppm;

	/* What is checked and told */
	struct promise kept, at_boot; /* now, and when its daemon started last */
	uint32_t floor;               /* the release that it kept, while its journal tells of it */
	bool remembers;               /* it had a sound journal then */
	uint64_t flash_epoch;         /* of the flash that it began last */
	const struct world_order *scheduled_for; /* that it was counted for */
	struct world_order *flashed_for;         /* … and is to be counted for; or NULL */
	uint32_t flashes;
	uint64_t flashed_us;
	enum node_state state;
	uint64_t sent_bytes,
		sent_before; /* over its links, where they have a rate; until the order */
	bool has_been_ready;
	char *symbols; /* owned; the trace's line */
	size_t symbol_count, symbol_capacity;
};

/* ---- orders ---- */

struct world_order {
	uint8_t id[BYTES_HASH_SIZE];
	struct order order; /* as it was decoded; owned */
	char *text;         /* owned */
	size_t size;
	char blob[USIGN_SIGNATURE_BLOB_TEXT_SIZE + 1];
	bool trusted;
	uint32_t release;   /* of a start */
	uint64_t posted_us; /* for the first time */

	/* Of a schedule: how many nodes were ever in UPGRADE_SCHEDULED for it, began their flash,
	 * ran new firmware that is healthy, kept it. */
	_Atomic uint32_t scheduled, past, ran, kept;
};

struct operator_state {
	uint32_t number;
	uint32_t node; /* at which he works */
	uint32_t phase;
	uint32_t release, wave;
	uint64_t until_us; /* then he loses his patience */
	uint8_t start_id[BYTES_HASH_SIZE];
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	uint64_t epoch;
	bool has_release; /* that nobody took yet */
	bool will_abort, will_leave;
	uint32_t upgrades; /* that he still wants to do */
};

/* ---- the world ---- */

struct link {
	uint32_t a, b;
	bool up[2];          /* from a to b, from b to a */
	uint64_t free_us[2]; /* what was sent before is through by then */
};

/* Where one thread is. While several are at work, each is at a moment of its own, and what it plans
 * for others waits in its outbox until all have come to the end of the window. */
struct world_lane {
	uint64_t now_us;
	uint64_t events;
	struct node *actor; /* whose doings these are; NULL: the world's */
	bool in_window;
	struct actions *actions;   /* owned */
	char *scratch;             /* owned; a slice is written here */
	struct queue_item *outbox; /* owned */
	size_t outbox_count, outbox_capacity;
	/* What was broken first in this window, when and by whom */
	char breach[WORLD_BREACH_SIZE];
	uint64_t breach_us;
	uint32_t breach_node;
};

/* From the order until the last node had its image: how long it took, and what all links carried.
 * Where they have a rate only. */
struct world_spread {
	uint64_t us, bytes;
};

struct world {
	struct options options;
	struct prng prng;         /* of chaos, operators, strangers */
	uint64_t planned;         /* counts what these brought about */
	struct queue alone;       /* what happens while no other node does anything */
	struct calendar calendar; /* when each node's queue goes on */
	struct lanes *threads;    /* owned; NULL while there is one */
	uint32_t lane_count;
	struct world_lane *lanes[LANES_MAX]; /* owned */
	uint64_t window_us, window_end_us;   /* how long one may be; when the present one ends */
	uint32_t *due;                       /* owned; nodes that have something to do in it */
	struct graph graph;
	struct link *links; /* owned; graph.link_count of them */
	uint32_t node_count;
	struct node *nodes; /* owned */
	bool chaos;         /* things may break now */
	uint64_t jumped_us; /* when a clock last jumped */
	bool partitioned;
	bool trial_met; /* somebody of the wave that was scheduled last is on trial */
	bool *side;     /* owned; of each node, while partitioned */
	struct {
		uint32_t type;
		char *data; /* owned; NULL if there is none */
		size_t size;
	} overheard[WORLD_OVERHEARD_MAX]; /* what a stranger wrote down */
	struct usign_secret release_keys[2], operator_keys[2], stranger_key;
	uint32_t release_count;
	struct world_release *releases; /* owned; WORLD_RELEASES_MAX of them */
	uint32_t order_count;
	struct world_order *orders; /* owned; WORLD_ORDERS_MAX of them */
	uint32_t operator_count;
	struct operator_state operators[WORLD_OPERATORS_MAX];
	enum reason answer;    /* to the order that was posted last */
	uint64_t scheduled_us; /* when the last wave was */
	FILE *log;             /* NULL: nobody reads along */
	bool json;
	struct world_spread spread;     /* of the first release that was ordered */
	char breach[WORLD_BREACH_SIZE]; /* what was broken first; "" while all is well */
};

/* ---- world.c ---- */

void world_open(struct world *world, const struct options *options);
void world_close(struct world *world);
/* Chaos, then peace, then one more upgrade. True if nothing was broken. */
bool world_run(struct world *world);
/* One upgrade of a mesh in which only what the options say breaks, from the first boot until
 * everybody has kept the new firmware. True if nothing was broken. */
bool world_run_once(struct world *world);
/* From the first flash of the last wave to the last one. */
uint64_t world_flash_spread_us(const struct world *world);

/* True with this chance, in 1/1000, while things may break. */
bool world_strikes(struct world *world, uint32_t chance);

/* ---- time.c ---- */

enum happening_kind {
	/* To one node: others learn of it by messages only */
	HAPPENS_EVENT = 0, /* a step with `event` */
	HAPPENS_WAKE,
	HAPPENS_HELLO,
	HAPPENS_WRITE, /* an exchange's connection stands */
	HAPPENS_PUSH,  /* … and what was written arrives */
	HAPPENS_SERVE, /* the question of a `fetch` arrives */
	HAPPENS_ALONE, /* from here on it may change what others see at once: */
	HAPPENS_BOOT = HAPPENS_ALONE,
	HAPPENS_REBOOT, /* the flasher is done */
	HAPPENS_REVERT, /* … and takes the board back */
	HAPPENS_WINDOW, /* the board's own confirm window is over */
	HAPPENS_CHAOS,
	HAPPENS_OPERATOR,
	HAPPENS_PLAIN,    /* a plain peer's next exchange */
	HAPPENS_DISCOVER, /* which plain peers are there? */
	HAPPENS_DIVIDE,   /* the mesh falls in two at just that moment */
	HAPPENS_CUT,      /* power is lost at just that moment */
};

/* What is asked of a release's source. */
struct fetch {
	enum action_kind kind;
	uint32_t asker, asker_boot, asker_fetches;
	uint32_t source; /* as the asker calls it */
	uint32_t chunk, size;
	uint64_t offset;
	uint64_t back_us, deadline_us;
	uint8_t id[BYTES_HASH_SIZE]; /* of the release, or of the image */
};

struct happening {
	enum happening_kind kind;
	uint32_t node;
	uint32_t boot; /* of the node when this was made; 0: any */
	uint32_t peer, peer_boot;
	uint32_t rtt_ms;
	uint64_t way_us;  /* of what is written then */
	uint32_t fetches; /* of what answers one: the asker's count when he asked */
	const char *type;
	char *data; /* owned */
	size_t data_size;
	union {
		struct event event;
		struct fetch fetch;
	};
};

/* Something that will happen after so long. It belongs to the node's present daemon. */
struct happening *world_plan(
	struct world *world, uint64_t after_us, enum happening_kind kind, uint32_t node);

void time_open(struct world *world);
void time_close(struct world *world);
/* So many threads from now on, if there are so many and the run allows it. It stays the same run.
 */
void time_share(struct world *world, uint32_t lanes);
/* Lets so much time pass, or less if something breaks. */
void world_pass(struct world *world, uint64_t us);

struct world_lane *world_lane(const struct world *world); /* this thread's */
uint64_t world_now_us(const struct world *world);
struct prng *world_prng(struct world *world); /* of whoever acts now */
/* Who does what follows; NULL: the world. Returns who did before. */
struct node *world_act(struct world *world, struct node *actor);
uint64_t world_events(const struct world *world);

/* ---- node.c ---- */

uint64_t node_clock_ms(const struct world *world, const struct node *node);
void node_start_daemon(struct world *world, struct node *node);
void node_stop_daemon(struct node *node);
/* Does anything run on it that can be connected to? */
bool node_runs(const struct node *node);
void node_step(struct world *world, struct node *node, const struct event *event);
void node_wake(struct world *world, struct node *node);
/* A member of the node's status, as text or number. */
bool node_status(
	struct world *world, struct node *node, const char *member, char *text, size_t size);
uint64_t node_status_number(struct world *world, struct node *node, const char *member);
/* The view of the mesh of a node whose daemon runs; the caller gives it back. */
char *node_view_text(struct world *world, struct node *node);
/* Its view of the mesh as JSON; the caller gives it back. NULL if it does not answer. */
struct json_object *node_view(struct world *world, struct node *node);
bool node_status_true(struct world *world, struct node *node, const char *member);

/* ---- board.c ---- */

void board_power_off(struct world *world, struct node *node);
void board_reboot(struct world *world, struct node *node, uint64_t after_us);
void board_boot(struct world *world, struct node *node);
void board_flashed(struct world *world, struct node *node);
void board_reverted(struct world *world, struct node *node);
/* The shortest time in which a step can bring about what happens alone. */
uint64_t board_soonest_us(void);
void board_window_over(struct world *world, struct node *node, uint32_t board_boots);
void board_perform_flasher(struct world *world, struct node *node, const struct action *action);
/* False if what follows in the list must not be done. */
bool board_write_journal(struct world *world, struct node *node, const struct action *action);
void board_open_image(struct world *world, struct node *node, const struct action *action);
void board_write_chunk(struct world *world, struct node *node, const struct action *action);
void board_hash_image(struct world *world, struct node *node);

/* ---- net.c ---- */

bool net_can_talk(const struct world *world, const struct node *from, const struct peer *to);
/* Both directions, and somebody listens. */
bool net_can_connect(const struct world *world, const struct node *node, const struct peer *peer);
/* How long so many packets take one after the other; false if TCP gives up. */
bool net_transfer_us(struct world *world, uint32_t packets, uint64_t *us);
void net_hello(struct world *world, struct node *node);
void net_say_hello(struct world *world, struct node *node);
void net_exchange(struct world *world, struct node *node, const struct action *action);
void net_write(struct world *world, struct node *node, const struct happening *write);
void net_pushed(struct world *world, const struct happening *push);
void net_fetch_release(struct world *world, struct node *node, const struct action *action);
void net_fetch_chunkmap(struct world *world, struct node *node, const struct action *action);
void net_fetch_chunk(struct world *world, struct node *node, const struct action *action);
void net_stop_fetches(struct node *node);
void net_served(struct world *world, const struct happening *question);
/* What came from others arrives; false if the node does not want it any more. */
bool net_arrived(struct world *world, struct node *node, const struct happening *happening);
/* The shortest time in which one node can learn anything of another. */
uint64_t net_soonest_us(const struct world *world);

/* ---- rate.c ---- */

/* So many bytes leave for a peer, after all that was sent there before: how long it is until they
 * are through. 0 where links have no rate. */
uint64_t rate_send_us(
	struct world *world, struct node *node, const struct peer *peer, uint64_t bytes);
/* The same over all links to a node further away. */
uint64_t rate_send_far_us(struct world *world, struct node *node, uint32_t to, uint64_t bytes);
/* The first order is about to be posted; a node has its image. */
void rate_begin(struct world *world);
void rate_note_ready(struct world *world, struct node *node);

/* ---- chaos.c ---- */

void chaos_second(struct world *world);
void chaos_end(struct world *world);
void chaos_divide(struct world *world);
void chaos_cut(struct world *world, struct node *node);
/* A schedule was posted, a trial began: faults that wait for just that. */
void chaos_scheduled(struct world *world, const struct order_schedule *schedule);
void chaos_trial(struct world *world, uint32_t window_s);
void chaos_boot(struct world *world, struct node *node);
void chaos_find_apart(struct world *world);

/* ---- stranger.c ---- */

void stranger_meddle(struct world *world);
void stranger_forget(struct world *world);

/* ---- bound.c ---- */

/* Until news from one end of the mesh is at the other, in peace. */
uint32_t bound_news_s(const struct world *world);
/* How much delays that nobody can measure may take off a countdown. */
uint32_t bound_early_ms(const struct world *world);
/* Until all that was begun has ended, in peace and without orders. */
uint32_t bound_settled_s(const struct world *world);

/* ---- operator.c ---- */

void operator_begin(struct world *world, uint32_t number, uint32_t node, uint32_t upgrades);
void operator_look(struct world *world, uint32_t number);
bool operator_is_done(const struct operator_state *state);
void operator_stop(struct operator_state *state);
enum reason operator_post(struct world *world, struct node *node, const struct world_order *order);
/* A forged or replayed order for somebody. */
void operator_forge(struct world *world);

/* ---- releases.c ---- */

uint32_t releases_make(struct world *world, bool trusted);
uint32_t releases_find(const struct world *world, const uint8_t id[static BYTES_HASH_SIZE]);
bool releases_find_image(const struct world *world, const uint8_t sha256[static BYTES_HASH_SIZE],
	uint32_t *release, uint32_t *board);

/* ---- check.c ---- */

void check_flash(struct world *world, struct node *node, uint32_t window_s);
void check_revert(struct world *world, struct node *node);
void check_confirm(struct world *world, struct node *node);
/* The board's own window is over. */
void check_window(struct world *world, struct node *node);
/* The node's state is another one; what follows from it is not done yet, and then it is. */
void check_state(struct world *world, struct node *node);
void check_state_done(struct world *world, struct node *node);
__attribute__((format(printf, 3, 4))) void check_breach(
	struct world *world, const char *invariant, const char *format, ...);

const struct world_order *check_find_start(
	const struct world *world, uint64_t epoch, const uint8_t *upgrade);
/* Is the order in the node's book? */
bool check_knows(struct world *world, struct node *node, const struct world_order *order);

/* ---- promise.c ---- */

void promise_written(struct world *world, struct node *node, const struct action *action);
void promise_before_boot(struct node *node);
void promise_check_boot(struct world *world, struct node *node);
/* An operator was told that his order is taken. */
void promise_check_taken(struct world *world, struct node *node, const struct world_order *order);

/* ---- peace.c ---- */

/* After peace: everybody in one release, or named with a reason. */
void peace_check(struct world *world);
/* Once a second in the upgrade after that, which began then: is it on its way in time? */
void peace_check_pace(struct world *world, uint64_t since_us);
/* After it: everybody took part and runs the new release. */
void peace_check_next(struct world *world, uint32_t release);

/* ---- trace.c ---- */

void trace_symbol(struct node *node, char symbol);
__attribute__((format(printf, 4, 5))) void trace_say(
	struct world *world, const struct node *node, const char *code, const char *format, ...);
void trace_print(const struct world *world, FILE *file);

#endif
