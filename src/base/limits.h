/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/*
 * Every maximum of the program, each with its reason. A text limit (_SIZE) counts bytes without the
 * terminator; a buffer for it has one more.
 */
/* Meshes so many times larger than those of routers, and images so many times smaller: the
 * simulator asks what would become of them. */
#ifndef LIMITS_MESH_SCALE
#define LIMITS_MESH_SCALE 1
#endif

enum {
	/* Names */
	LIMITS_NAME_SIZE = 63,     /* a hostname label (RFC 1123) */
	LIMITS_MESH_SIZE = 63,     /* the mesh's name; part of the scrypt salt */
	LIMITS_BOARD_SIZE = 63,    /* the longest board_name in OpenWrt today has 44 */
	LIMITS_VERSION_SIZE = 127, /* DISTRIB_DESCRIPTION with revision */
	LIMITS_REASON_SIZE = 31,   /* machine-readable reason */
	LIMITS_MESSAGE_SIZE = 159, /* one sentence for people */
	LIMITS_ADDRESS_SIZE = 111, /* numeric IPv6, '%', interface, port */
	LIMITS_URL_SIZE = 255,     /* of a release or an image */

	/* Signed documents */
	LIMITS_ORDER_SIZE = 65536 * LIMITS_MESH_SCALE, /* interface: an order has at most 64 KiB */
	LIMITS_RECORD_SIZE = 1023,                     /* signed text of one record */
	LIMITS_MANIFEST_SIZE = 1048576,                /* 64 images of 1024 chunks need 0.9 MiB */
	LIMITS_JSON_DEPTH = 16,                        /* our own documents need 5 */

	/* A mesh */
	LIMITS_NODES_MAX = 1024 * LIMITS_MESH_SCALE,       /* records kept */
	LIMITS_PARTICIPANTS_MAX = 768 * LIMITS_MESH_SCALE, /* what an order of 64 KiB can name */
	LIMITS_WAVES_MAX = 16,
	LIMITS_NEIGHBOURS_MAX = 32, /* one radio hop; 64 are not useful on one channel */
	LIMITS_ORDERS_MAX =
		40, /* of one upgrade: start, 16 waves × (schedule, confirm), abort, spare */

	/* Trust */
	LIMITS_KEYS_MAX = 32,       /* keys in one trust directory */
	LIMITS_SIGNATURES_MAX = 32, /* signatures beside one release */

	/* Images */
	LIMITS_CHUNK_SIZE = 65536,
	LIMITS_CHUNKS_MAX = 1024 / LIMITS_MESH_SCALE, /* 64 MiB, larger than any router image */
	LIMITS_IMAGES_MAX = 64,                       /* boards of one mesh */
	LIMITS_IMAGE_BOARDS_MAX = 16,                 /* boards that share one image */
	LIMITS_IMAGE_URLS_MAX = 4,

	/* Gossip (shared-state-async's own bounds, and ours behind them) */
	LIMITS_TYPE_NAME_SIZE = 128, /* wire: 1..128 */
	LIMITS_CARRIED_MAX = 8,      /* data types carried for others, each up to a slice */
	LIMITS_SLICE_SIZE = 1048576 * LIMITS_MESH_SCALE, /* wire: 2..1048576 */
	LIMITS_SLICE_DEPTH = 64, /* upstream recurses without bound and dies at ~500000 */
	LIMITS_SLICE_ENTRIES_MAX = 2048 * LIMITS_MESH_SCALE,
	LIMITS_GOSSIP_CONNECTIONS_MAX = 64, /* accepted at once */
	LIMITS_GOSSIP_BUFFERED_MAX =
		4194304, /* bytes of unfinished messages, all connections together */

	/* HTTP */
	LIMITS_HTTP_HEADERS_SIZE = 8192,
	LIMITS_HTTP_BODY_SIZE =
		98304, /* an order of 64 KiB as a JSON string, escaped, with its envelope */
	LIMITS_HTTP_CONNECTIONS_MAX = 64,

	/* What the core may ask for in one step */
	LIMITS_ACTIONS_MAX = 64,
};

/* Milliseconds. */
enum {
	LIMITS_EXCHANGE_DEADLINE_MS = 5000, /* one gossip exchange, whatever its size */
	LIMITS_COUNTDOWN_MIN_MS = 1000,
	LIMITS_COUNTDOWN_MAX_MS = 86400000, /* "tonight" */
	LIMITS_CONFIRM_WINDOW_MIN_S = 5,    /* boards set higher ones; safe-upgrade needs 60 */
	LIMITS_CONFIRM_WINDOW_MAX_S = 86400,
	LIMITS_HOLD_MIN_MS = 1000,
	LIMITS_HOLD_MAX_MS = 600000,
};

#endif
