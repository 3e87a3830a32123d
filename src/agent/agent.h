/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

/*
 * One node, pure: events in, actions out. agent_step() never blocks and never fails; what went
 * wrong in the world comes in as an event, what should be done leaves as an action. The same
 * inputs give the same outputs. The daemon runs one agent, the simulator thousands.
 *
 * Actions are performed in their order. ACTION_JOURNAL is a barrier: if the journal cannot be
 * written, the actions after it in the same list are dropped and EVENT_JOURNAL_FAILED is the next
 * event. Every action that asks for something is answered by exactly one event, which may come at
 * once (as the next step, never inside the present one) or late.
 *
 * Pointers in events live for the call; pointers in actions until the next agent_step().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/reason.h"
#include "base/text.h"
#include "core/phase.h"
#include "core/state.h"
#include "release/keyring.h"
#include "release/manifest.h"
#include "release/usign.h"
#include "swarm/chunkmap.h"

/* ---- Who this node is, handed in once ------------------------------------------------------ */

enum agent_flasher_verb {
	FLASHER_PROBE = 0,
	FLASHER_CHECK,
	FLASHER_FLASH,
	FLASHER_CONFIRM,
	FLASHER_REVERT,
	FLASHER_REMAINING,
};

/* What the flasher's `probe` said at the start of the daemon. */
struct agent_flasher_facts {
	uint32_t slots;       /* 2: it can go back; 1: no way back */
	bool trial;           /* unconfirmed firmware runs now */
	bool fell_back;       /* since the last flash the board went back to the old slot */
	int64_t remaining_ms; /* of the confirm window while `trial`; -1 if not known */
};

struct agent_setup {
	char name[LIMITS_NAME_SIZE + 1];
	char mesh[LIMITS_MESH_SIZE + 1];
	char address[LIMITS_ADDRESS_SIZE + 1]; /* HOST:PORT for others; "" if not known */
	char board[LIMITS_BOARD_SIZE + 1];
	char version[LIMITS_VERSION_SIZE + 1]; /* of the running firmware */
	char compat_version[MANIFEST_COMPAT_SIZE + 1];
	char boot_id[LIMITS_NAME_SIZE + 1]; /* another one after every boot of the board */
	struct usign_secret node_key;
	struct keyring release_keys;
	struct keyring operator_keys;
	uint32_t release_threshold; /* distinct release keys, at least 1 */
	struct agent_flasher_facts flasher;
	const char *journal; /* NULL if there is none; for the call */
	size_t journal_size;
	uint64_t seed;   /* of all chance in this agent */
	bool projection; /* publish mesh_wide_upgrade for LimeApp */
	/* Data types that are nothing to us: carried for others, by shared-state's own rules. */
	uint32_t type_count;
	char types[LIMITS_CARRIED_MAX][LIMITS_TYPE_NAME_SIZE + 1];
};

/* ---- Where something can be fetched -------------------------------------------------------- */

enum {
	AGENT_PEER_NONE = UINT32_MAX,
	/* 0..LIMITS_NEIGHBOURS_MAX-1: neighbours, by the number that EVENT_NEIGHBOUR_UP gave them
	 */
	AGENT_PEER_LOCAL = LIMITS_NEIGHBOURS_MAX, /* a release directory on this machine */
	AGENT_PEER_FAR,                           /* … 4 of them: nodes further away */
	AGENT_FAR_MAX = 4,
	AGENT_PEER_URL = AGENT_PEER_FAR + AGENT_FAR_MAX, /* … LIMITS_IMAGE_URLS_MAX of them */
};

struct agent_source {
	uint32_t peer;
	/* FAR: "http://HOST:PORT". URL: of the image file itself, or the base of the release with
	 * "/" last. "" for neighbours and LOCAL. */
	char url[LIMITS_URL_SIZE + 1];
};

/* ---- Events -------------------------------------------------------------------------------- */

enum event_kind {
	EVENT_TICK = 0,     /* the time that agent_step() asked for has come */
	EVENT_NEIGHBOUR_UP, /* a peer one hop away was found, or said hello again */
	EVENT_NEIGHBOUR_DOWN,
	EVENT_SLICE,          /* the whole message of one exchange, of any peer */
	EVENT_EXCHANGE_OVER,  /* answers ACTION_EXCHANGE */
	EVENT_ORDER,          /* an order was posted; answered by ACTION_ANSWER in the same step */
	EVENT_RELEASE,        /* answers ACTION_FETCH_RELEASE: it came */
	EVENT_RELEASE_FAILED, /* answers ACTION_FETCH_RELEASE: it did not */
	EVENT_IMAGE_OPENED,   /* answers ACTION_IMAGE_OPEN */
	EVENT_CHUNKMAP,       /* answers ACTION_FETCH_CHUNKMAP; size 0: it did not come */
	EVENT_CHUNK,          /* answers ACTION_FETCH_CHUNK */
	EVENT_CHUNK_WRITTEN,  /* answers ACTION_IMAGE_WRITE */
	EVENT_IMAGE_HASHED,   /* answers ACTION_IMAGE_HASH */
	EVENT_FLASHER,        /* answers ACTION_FLASHER */
	EVENT_HEALTH,         /* answers ACTION_HEALTH */
	EVENT_MEASURED,       /* answers ACTION_MEASURE */
	EVENT_JOURNAL_FAILED, /* ACTION_JOURNAL could not be performed */
	EVENT_LOCAL_RELEASE,  /* an operator on this machine offers a release directory */
};

enum event_image_error {
	EVENT_IMAGE_OK = 0,
	EVENT_IMAGE_NO_SPACE,
	EVENT_IMAGE_FAILED,
};

enum event_chunk_outcome {
	EVENT_CHUNK_CAME = 0, /* with all its bytes; not verified */
	EVENT_CHUNK_NOT_HELD, /* the peer said 404 or 416 */
	EVENT_CHUNK_FAILED,   /* anything else */
};

struct event {
	enum event_kind kind;
	union {
		struct {
			uint32_t neighbour; /* 0..LIMITS_NEIGHBOURS_MAX-1, chosen by the daemon */
			/* No neighbour: the shared-state daemon of this machine. We are its guest,
			 * and it speaks for us where no Lockstep is. Told again, it has news. */
			bool host;
			bool has_digest; /* it told its agent_digest() with its hello */
			uint64_t digest;
			const uint8_t *offer; /* its agent_offer(), if it told that */
			size_t offer_size;
			/* what it calls itself, unsigned; "" if unknown */
			char name[LIMITS_NAME_SIZE + 1];
		} neighbour_up;
		struct {
			uint32_t neighbour;
		} neighbour_down;
		struct {
			const char *type;
			const char *data;
			size_t data_size;
			uint32_t neighbour; /* AGENT_PEER_NONE if it is none that we know */
			bool remote;        /* not from this machine */
			bool answer;        /* to an exchange of ours */
			uint32_t rtt_ms;    /* measured on this connection; 0 if not known */
		} slice;
		struct {
			uint32_t neighbour;
			const char *type;
			bool ok;
		} exchange_over;
		struct {
			uint64_t request;  /* comes back in ACTION_ANSWER */
			const char *order; /* the exact bytes that were signed */
			size_t order_size;
			const char *signature; /* blob text of usign's signature, with terminator */
		} order;
		struct {
			uint32_t peer;
			uint8_t release_id[BYTES_HASH_SIZE];
			const char *manifest;
			size_t manifest_size;
			const struct usign_signature *signatures;
			size_t signature_count;
		} release;
		struct {
			uint32_t peer;
			uint8_t release_id[BYTES_HASH_SIZE];
		} release_failed;
		struct {
			enum event_image_error error;
			bool local; /* a release directory on this machine has the whole image */
			const uint8_t *held; /* chunk map in wire form: chunks on disk whose hash is
						right */
			size_t held_size;
			char message[LIMITS_MESSAGE_SIZE + 1];
		} image_opened;
		struct {
			uint32_t peer;
			const uint8_t *wire;
			size_t wire_size;
		} chunkmap;
		struct {
			uint32_t peer;
			uint32_t chunk;
			enum event_chunk_outcome outcome;
			const uint8_t *bytes;
			size_t size;
		} chunk;
		struct {
			uint32_t chunk;
			enum event_image_error error;
		} chunk_written;
		struct {
			enum event_image_error error;
			uint8_t sha256[BYTES_HASH_SIZE]; /* of the whole file */
			bool trailer_ok; /* it has no metadata trailer, or a sound one */
			char message[LIMITS_MESSAGE_SIZE + 1];
		} image_hashed;
		struct {
			enum agent_flasher_verb verb;
			bool ok;                               /* exit status 0 and sound JSON */
			int64_t remaining_ms;                  /* of verb REMAINING; -1 if none */
			char message[LIMITS_MESSAGE_SIZE + 1]; /* what the flasher said */
		} flasher;
		struct {
			bool ok;         /* every executable of health.d said yes */
			bool gateway_ok; /* there is a gateway again, or there was none before */
			char message[LIMITS_MESSAGE_SIZE + 1];
		} health;
		struct {
			uint32_t neighbour;
			uint32_t kbit; /* per second; 0 if it could not be measured */
		} measured;
		struct {
			uint8_t release_id[BYTES_HASH_SIZE];
		} local_release;
	};
};

/* ---- Actions ------------------------------------------------------------------------------- */

enum action_kind {
	ACTION_JOURNAL = 0, /* make these bytes the journal, durably */
	ACTION_HELLO,       /* say hello to all neighbours now: there is news in agent_offer() */
	ACTION_EXCHANGE, /* one gossip exchange with a neighbour, with agent_slice_for() as data */
	ACTION_ANSWER,   /* answer a posted order */
	ACTION_FETCH_RELEASE, /* release.json and its signatures */
	ACTION_IMAGE_OPEN,    /* the image file: make it in its full size, or find what is there */
	ACTION_FETCH_CHUNKMAP,
	ACTION_FETCH_CHUNK,
	ACTION_FETCH_STOP,  /* give up all chunk and map requests under way; no events for them */
	ACTION_IMAGE_WRITE, /* one verified chunk; then offer it to others */
	ACTION_IMAGE_HASH,  /* SHA-256 of the whole file, and a look at its trailer */
	ACTION_IMAGE_DROP,  /* delete the image file */
	ACTION_FLASHER,
	ACTION_HEALTH,  /* run the health hooks, look for the gateway */
	ACTION_MEASURE, /* how fast do bytes come from a neighbour? */
	ACTION_CHANGED, /* the view changed: tell those who watch */
	ACTION_LOG,
};

enum action_log_level {
	LOG_DEBUG = 0,
	LOG_INFO,
	LOG_WARNING,
	LOG_ERROR,
};

struct action {
	enum action_kind kind;
	union {
		struct {
			const char *bytes;
			size_t size;
		} journal;
		struct {
			uint32_t neighbour;
			const char *type; /* as long as the agent */
		} exchange;
		struct {
			uint64_t request;
			enum reason reason; /* NONE: accepted (202); ALREADY_KNOWN is not an error
					       either */
			uint8_t id[BYTES_HASH_SIZE]; /* of the order */
			char message[LIMITS_MESSAGE_SIZE + 1];
		} answer;
		struct {
			uint8_t release_id[BYTES_HASH_SIZE];
			struct agent_source source;
		} fetch_release;
		struct {
			const struct image *image; /* lives until the next ACTION_IMAGE_OPEN */
			uint8_t release_id[BYTES_HASH_SIZE];
		} image_open;
		struct {
			uint8_t sha256[BYTES_HASH_SIZE]; /* of the image */
			size_t wire_size;                /* exactly this many bytes are right */
			struct agent_source source;
		} fetch_chunkmap;
		struct {
			uint8_t sha256[BYTES_HASH_SIZE]; /* of the image */
			uint32_t chunk;
			uint64_t offset; /* bytes */
			uint32_t size;   /* bytes */
			struct agent_source source;
		} fetch_chunk;
		struct {
			uint32_t chunk;
			uint64_t offset;
			const uint8_t *bytes; /* the event's: write at once */
			size_t size;
		} image_write;
		struct {
			enum agent_flasher_verb verb;
			uint32_t window_s; /* of verb FLASH */
		} flasher;
		struct {
			uint32_t neighbour;
		} measure;
		struct {
			enum action_log_level level;
			const char *code; /* static; stable word: "state", "order_accepted", … */
			char text[LIMITS_MESSAGE_SIZE * 2 + 1];
		} log;
	};
};

struct actions {
	uint32_t count;
	struct action list[LIMITS_ACTIONS_MAX];
};

/* ---- The node ------------------------------------------------------------------------------ */

struct agent;
struct book_order;

/* Bytes of an agent; the root allocates them, zeroed. */
size_t agent_size(void);

/* A torn or foreign journal does not count, and the first step logs it. The first event should be
 * EVENT_TICK. */
void agent_init(struct agent *agent, const struct agent_setup *setup, uint64_t now_ms);

/* Gives back what the agent holds beside its own bytes. */
void agent_close(struct agent *agent);

/* `now_ms` is monotonic. `actions` is filled anew. Returns when EVENT_TICK is due at the latest
 * (now_ms: at once). */
uint64_t agent_step(
	struct agent *agent, uint64_t now_ms, const struct event *event, struct actions *actions);

/* ---- What the outside sees ----------------------------------------------------------------- */

/* True for the data types that this node speaks. */
bool agent_speaks(const struct agent *agent, const char *type);

/* The data of the message that answers ACTION_EXCHANGE: what the neighbour has not had from us.
 * text->size tells how much it needs. What is written last is what counts as sent, if the exchange
 * succeeds. */
void agent_slice_for(struct agent *agent, uint64_t now_ms, uint32_t neighbour, const char *type,
	struct text *text);

/* The answer to a peer's message, once it was merged: our whole state, or what the message says
 * that its sender may not have (docs/gossip.md). */
void agent_answer(const struct agent *agent, uint64_t now_ms, const char *type, const char *data,
	size_t data_size, struct text *text);

/* Two nodes with the same records and orders have the same digest: nothing to exchange. Goes out
 * with every hello. */
uint64_t agent_digest(const struct agent *agent);

/* Which chunks of its image are here, for its neighbours: the first eight bytes of the image's
 * hash, the level (swarm/planner.h) in one, and a chunk map. Returns its size: 0 while there is no
 * image. */
enum { AGENT_OFFER_MAX = 8 + 1 + CHUNKMAP_BYTES_MAX };
size_t agent_offer(const struct agent *agent, uint8_t offer[static AGENT_OFFER_MAX]);

/* GET /v1/status and GET /v1/mesh (docs/api.md). */
void agent_view_status(const struct agent *agent, uint64_t now_ms, struct text *text);
void agent_view_mesh(const struct agent *agent, uint64_t now_ms, struct text *text);

/* GET /v1/limeapp, and this node's entry in mesh_wide_upgrade (docs/limeapp.md). */
void agent_view_limeapp(const struct agent *agent, uint64_t now_ms, struct text *text);

/* What history is made of: the orders of the present upgrade, as they came (agent/book.h), NULL if
 * there is none; … */
const struct book_order *agent_orders(const struct agent *agent);
/* … who of its participants, by its number in the start order, has said since `change` in which
 * state it is, or again (0: ever; returns what to ask with the next time); … */
typedef void agent_heard(void *context, uint32_t seat, enum node_state state, enum reason reason);
uint32_t agent_hear(const struct agent *agent, uint32_t change, agent_heard *heard, void *context);
/* … and what all that amounts to; false if there is no upgrade. */
bool agent_phase(const struct agent *agent, enum upgrade_phase *phase);

enum node_state agent_state(const struct agent *agent);

/* True while the daemon should look more often: an upgrade is open. */
bool agent_active(const struct agent *agent);

#endif
