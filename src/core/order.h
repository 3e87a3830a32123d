/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

/*
 * An order: what an operator signs. Carried as the exact bytes that were signed; this reads them
 * after the signature was verified, and writes them for those who sign. The format is in
 * docs/formats.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/reason.h"
#include "base/text.h"

enum {
	ORDER_FORMAT = 1,
	ORDER_UPGRADE_SIZE = 8, /* bytes of an upgrade id; 16 hex digits */
	ORDER_UPGRADE_TEXT_SIZE = 16,
	ORDER_ISSUED_SIZE = 31,
	ORDER_KEY_SIZE = 32, /* a node's public key */
	ORDER_QUORUM_MAX = 100,
};

enum order_kind { ORDER_START = 0, ORDER_SCHEDULE, ORDER_CONFIRM, ORDER_ABORT, ORDER_KIND_COUNT };

enum order_confirm {
	ORDER_CONFIRM_OPERATOR = 0, /* an operator's order keeps the new firmware */
	ORDER_CONFIRM_AUTO,         /* a healthy wave keeps it */
};

enum order_policy {
	ORDER_ATOMIC = 0, /* the wave ends in one release */
	ORDER_BEST_EFFORT,
};

struct order_participant {
	char name[LIMITS_NAME_SIZE + 1];
	uint8_t key[ORDER_KEY_SIZE];
	uint32_t wave;
};

/* Of `start`. Participants are sorted by name, each name and each key once. */
struct order_start {
	uint8_t release_id[BYTES_HASH_SIZE];
	uint64_t sequence;
	struct order_participant *participants; /* memory of the order's owner */
	uint32_t participant_count;
	uint32_t wave_count;
	enum order_confirm confirm;
	enum order_policy policy;
	uint32_t quorum_percent; /* 1..100 of a wave */
	uint32_t hold_ms; /* how long a node waits for the others at the end of the countdown */
	bool allow_single_slot;
	bool allow_downgrade;
	bool catch_up; /* nodes that were away install it when they come back */
	uint32_t url_count;
	char version[LIMITS_VERSION_SIZE + 1]; /* what the release calls itself */
	char urls[LIMITS_IMAGE_URLS_MAX]
		 [LIMITS_URL_SIZE + 1]; /* where release.json lies, "/" last */
};

/* Of `schedule`. */
struct order_schedule {
	uint8_t start_id[BYTES_HASH_SIZE]; /* the start order's id: binds wave, policy and release
					    */
	uint32_t wave;
	uint32_t countdown_ms;
	uint32_t confirm_window_s;
};

/* Of `confirm`. Names are sorted. */
struct order_confirmation {
	uint32_t wave;
	uint32_t without_count;
	char (*without)[LIMITS_NAME_SIZE + 1]; /* memory of the order's owner */
};

/* Of `abort`. */
struct order_abort {
	char reason[LIMITS_MESSAGE_SIZE + 1];
};

struct order {
	enum order_kind kind;
	uint64_t epoch;
	uint8_t upgrade[ORDER_UPGRADE_SIZE];
	union {
		struct order_start start;
		struct order_schedule schedule;
		struct order_confirmation confirm;
		struct order_abort abort;
	};
	char mesh[LIMITS_MESH_SIZE + 1];
	char issued[ORDER_ISSUED_SIZE + 1]; /* for people; never compared */
	char *text;       /* what was read: the exact bytes that were signed; … */
	size_t text_size; /* … memory of the order's owner */
};

const char *order_kind_word(enum order_kind kind);

/* Which upgrade it begins, as members of an open object: id, epoch, release, version, sequence. */
void order_write_start(struct text *text, const struct order *order);

/* The order's id: SHA-256 of its bytes. Signature bytes are never an identity. */
void order_id(uint8_t id[static BYTES_HASH_SIZE], const char *bytes, size_t size);

/*
 * REASON_NONE, BAD_ORDER, UNKNOWN_KIND (also for another format version) or WRONG_MESH (checked
 * before anything of the kind is read). On failure `*order` holds nothing to free and `problem`
 * says which member. On success order_free() gives its memory back.
 */
__attribute__((warn_unused_result)) enum reason order_decode(struct order *order, const char *bytes,
	size_t size, const char *mesh, char *problem, size_t problem_capacity);
void order_free(struct order *order);

/* The participant of this name; UINT32_MAX if there is none. */
uint32_t order_find_participant(const struct order_start *start, const char *name);
bool order_is_without(const struct order_confirmation *confirm, const char *name);

/* The document to sign; returns its size, or 0 if it does not fit. */
size_t order_encode(const struct order *order, char *buffer, size_t capacity);

#endif
