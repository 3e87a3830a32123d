/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef DAEMON_IMAGES_H
#define DAEMON_IMAGES_H

/*
 * The image that this node collects, and all images that it offers: performs the agent's actions
 * that have to do with images and turns what comes of them into events, and answers the HTTP
 * requests for images. Events come from the event loop, never from within one of these functions.
 *
 * OPEN and HASH read one chunk a turn of the loop. Every OPEN, WRITE and HASH gets its event, also
 * when a later OPEN or a DROP made an end of it (EVENT_IMAGE_FAILED).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "source/directory.h"

enum {
	IMAGES_FETCH_GROUP = 1, /* of the HTTP client's groups */
	IMAGES_DIRECTORIES_MAX = 4,
	IMAGES_MEMORY_SPARE = 4194304, /* bytes that must stay free beside an image in memory */
};

struct images;

struct images_callbacks {
	void (*event)(void *context, const struct event *event);
	/* "http://HOST:PORT" of a neighbour; NULL if it is gone. For the call. */
	const char *(*neighbour_url)(void *context, uint32_t neighbour);
	void *context;
};

/* `callbacks` is copied; base, work directory's name and client live as long as this. NULL without
 * memory. */
struct images *images_new(struct event_base *base, const char *work_directory,
	struct http_client *client, const struct images_callbacks *callbacks);
void images_free(struct images *images); /* the image file stays */

/* Each performs the action of its name. */
void images_open(struct images *images, const struct action *action);
void images_write(struct images *images, const struct action *action);
void images_hash(struct images *images);
void images_drop(struct images *images);
void images_fetch_chunkmap(struct images *images, const struct action *action);
void images_fetch_chunk(struct images *images, const struct action *action);
void images_fetch_stop(struct images *images);

/* Path of the image file; "" if none is open. */
const char *images_path(const struct images *images);

/*
 * A release directory to serve from and to fetch from as AGENT_PEER_LOCAL; read anew if it was
 * there before. With more than IMAGES_DIRECTORIES_MAX the oldest goes. NULL, and `problem` says
 * why, if it holds no sound release. The result lives until the next call.
 */
const struct directory *images_add_directory(
	struct images *images, const char *path, char *problem, size_t problem_capacity);
/* The same for one that was opened, which it takes. One of ours does not go for others. */
const struct directory *images_take_directory(struct images *images, struct directory *directory);
void images_forget_directory(struct images *images, const char *path);
bool images_is_offered(const struct images *images, const char *path);
/* The one with this number, from 0 on; NULL if there are no more. */
const struct directory *images_directory(const struct images *images, uint32_t index);
/* The directory with this release; NULL if there is none. */
const struct directory *images_find_release(
	const struct images *images, const uint8_t release_id[static BYTES_HASH_SIZE]);

/* GET /v1/images/SHA256 and /v1/images/SHA256/chunks, with the hash as the first parameter. */
void images_serve(struct images *images, struct http_request *request);
void images_serve_chunks(struct images *images, struct http_request *request);

#endif
