// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "sim/world.h"

enum {
	FLASHER_US = 20000,
	DISK_US = 3000,
	SCAN_US = 10000,
	FLASH_MS = 1500,
	BOOT_MS = 2500,
};

static struct event *answer(
	struct world *world, struct node *node, uint64_t after_us, enum event_kind kind)
{
	struct happening *happening = world_plan(world, after_us, HAPPENS_EVENT, node->number);

	happening->event.kind = kind;
	return &happening->event;
}

/* ---- power ---- */

/* What lies in memory is gone; so is, sometimes, what was on its way to the flash. */
static void lose(struct world *world, struct node *node)
{
	memset(&node->disk, 0, sizeof(node->disk));
	memset(node->has_release, 0, sizeof(node->has_release));
	if (world_strikes(world, world->options.journal_lost)) {
		free(node->journal);
		node->journal = NULL;
		node->journal_size = 0;
		node->journal_was_lost = node->forgot = true;
		node->floor = 0;
		trace_say(world, node, "sim", "the journal is lost");
	} else if (node->journal_size > 0 && world_strikes(world, world->options.journal_torn)) {
		node->journal_size = prng_below(world_prng(world), (uint32_t)node->journal_size);
		node->journal_was_lost = node->forgot = true;
		node->floor = 0;
		trace_say(world, node, "sim", "the journal is torn");
	}
}

void board_power_off(struct world *world, struct node *node)
{
	node->powered = false;
	node_stop_daemon(node);
	lose(world, node);
}

void board_reboot(struct world *world, struct node *node, uint64_t after_us)
{
	board_power_off(world, node);
	node->powered = true;
	(void)world_plan(world, after_us, HAPPENS_BOOT, node->number);
}

static void begin_trial(struct world *world, struct node *node)
{
	struct happening *window;

	node->trial = true;
	node->window_end_us = world_now_us(world) + node->window_s * WORLD_S;
	window = world_plan(world, node->window_s * WORLD_S, HAPPENS_WINDOW, node->number);
	window->boot = 0;
	window->peer_boot = node->board_boots;
	chaos_trial(world, node->window_s);
}

/* Nobody can help it. */
static void brick(struct world *world, struct node *node, const char *why)
{
	node->bricked = node->disk.release != 0 ? node->disk.release : node->running;
	board_power_off(world, node);
	node->gone = true;
	trace_symbol(node, '.');
	trace_say(world, node, "sim", "%s", why);
}

void board_boot(struct world *world, struct node *node)
{
	node->board_boots++;
	/* Monotonic clocks begin anew at every boot. */
	node->clock_base_ms = 1000 + prng_below(world_prng(world), 20000);
	node->clock_since_us = world_now_us(world);
	trace_symbol(node, '*');
	if (node->armed != 0 && !node->fate.boots && node->slots == 2) {
		node->armed = 0;
		node->fell_back = true;
		trace_say(
			world, node, "sim", "the new firmware does not boot; the board falls back");
	}
	if (node->armed != 0) {
		node->running = node->armed;
		node->armed = 0;
		if (node->slots == 2)
			begin_trial(world, node);
		else
			node->stable = node->running;
	} else {
		if (node->trial)
			node->fell_back = true;
		node->running = node->stable;
		node->trial = false;
	}
	if (node->slots == 1 && !node->fate.boots) {
		brick(world, node, "it does not boot and has no way back");
		return;
	}
	node->deaf = node->trial && !node->fate.meshes;
	chaos_boot(world, node);
	if (!node->trial || node->fate.runs_daemon)
		node_start_daemon(world, node);
}

void board_window_over(struct world *world, struct node *node, uint32_t board_boots)
{
	if (node->board_boots != board_boots || !node->trial || !node->powered)
		return;
	check_window(world, node);
	board_reboot(world, node, BOOT_MS * WORLD_US);
}

/* ---- the flasher ---- */

static void draw_fate(struct world *world, struct node *node)
{
	const struct options *options = &world->options;

	node->fate.boots = !world_strikes(world, options->never_boots);
	node->fate.meshes = !world_strikes(world, options->no_mesh);
	node->fate.runs_daemon = !world_strikes(world, options->no_daemon);
	node->fate.is_healthy = !world_strikes(world, options->unhealthy);
	node->forgets_confirm = world_strikes(world, options->forgets_confirm);
}

static void begin_flash(struct world *world, struct node *node, uint32_t window_s)
{
	struct event *event;

	if (world_strikes(world, world->options.cut_before_flash)) {
		chaos_cut(world, node);
		return;
	}
	check_flash(world, node, window_s);
	node->fell_back = false;
	node->window_s = window_s;
	node->written = node->disk.release;
	draw_fate(world, node);
	if (world_strikes(world, world->options.flash_fails)) {
		event = answer(world, node, FLASH_MS * WORLD_US / 2, EVENT_FLASHER);
		event->flasher.verb = FLASHER_FLASH;
		event->flasher.remaining_ms = -1;
		text_set(
			event->flasher.message, sizeof(event->flasher.message), "mtd: write error");
		return;
	}
	/* Half a flash: the other slot is no firmware, so the stable one boots; if there is one. */
	if (world_strikes(world, world->options.flash_cut)) {
		trace_symbol(node, '!');
		if (node->slots == 1) {
			brick(world, node, "power is lost in the flash, and it has one slot");
			return;
		}
		trace_say(world, node, "sim", "power is lost in the flash");
		board_reboot(world, node, (FLASH_MS / 2 + BOOT_MS) * WORLD_US);
		return;
	}
	(void)world_plan(world, (FLASH_MS + prng_below(world_prng(world), FLASH_MS)) * WORLD_US,
		HAPPENS_REBOOT, node->number);
}

void board_flashed(struct world *world, struct node *node)
{
	node->armed = node->written;
	board_reboot(world, node, (BOOT_MS + prng_below(world_prng(world), BOOT_MS)) * WORLD_US);
}

void board_reverted(struct world *world, struct node *node)
{
	board_reboot(world, node, BOOT_MS * WORLD_US);
}

uint64_t board_soonest_us(void)
{
	return FLASHER_US;
}

void board_perform_flasher(struct world *world, struct node *node, const struct action *action)
{
	struct event *event;
	bool ok = true;

	switch (action->flasher.verb) {
	case FLASHER_FLASH:
		begin_flash(world, node, action->flasher.window_s);
		return;
	case FLASHER_REVERT:
		check_revert(world, node);
		node->halted = true;
		(void)world_plan(world, FLASHER_US, HAPPENS_REVERT, node->number);
		return;
	case FLASHER_CONFIRM:
		check_confirm(world, node);
		if (!node->forgets_confirm) {
			node->trial = false;
			node->stable = node->running;
			if (node->deaf)
				node->deaf = false;
		}
		break;
	case FLASHER_CHECK:
		ok = !node->refuses_images;
		break;
	default:
		break;
	}
	event = answer(world, node, FLASHER_US, EVENT_FLASHER);
	event->flasher.verb = action->flasher.verb;
	event->flasher.ok = ok;
	event->flasher.remaining_ms = -1;
	if (node->trial && node->window_end_us > world_now_us(world))
		event->flasher.remaining_ms =
			(int64_t)((node->window_end_us - world_now_us(world)) / WORLD_US);
	else if (node->trial)
		event->flasher.remaining_ms = 0;
}

/* ---- the disk ---- */

static bool is_full(const struct world *world, const struct node *node)
{
	return node->full_until_us > world_now_us(world);
}

bool board_write_journal(struct world *world, struct node *node, const struct action *action)
{
	bool cut = world_strikes(world, world->options.journal_cut / 10);
	bool before = cut && prng_below(world_prng(world), 2) == 0;

	if (is_full(world, node) || world_strikes(world, world->options.disk_fails)) {
		(void)answer(world, node, 0, EVENT_JOURNAL_FAILED);
		return false;
	}
	if (!before) {
		char *bytes = malloc(action->journal.size);

		ensure(bytes != NULL);
		memcpy(bytes, action->journal.bytes, action->journal.size);
		free(node->journal);
		node->journal = bytes;
		node->journal_size = action->journal.size;
		promise_written(world, node, action);
	}
	if (!cut)
		return true;
	trace_symbol(node, '!');
	trace_say(world, node, "sim", "power is lost %s the journal is written",
		before ? "before" : "after");
	board_reboot(world, node, (1 + prng_below(world_prng(world), 10)) * WORLD_S);
	return false;
}

void board_open_image(struct world *world, struct node *node, const struct action *action)
{
	const struct image *image = action->image_open.image;
	struct happening *happening = world_plan(world, SCAN_US, HAPPENS_EVENT, node->number);
	struct disk *disk = &node->disk;
	uint8_t wire[(WORLD_CHUNKS_MAX + 7) / 8] = { 0 };

	if (is_full(world, node)) {
		happening->event.kind = EVENT_IMAGE_OPENED;
		happening->event.image_opened.error = EVENT_IMAGE_NO_SPACE;
		return;
	}
	if (!disk->open || memcmp(disk->sha256, image->sha256, BYTES_HASH_SIZE) != 0) {
		memset(disk, 0, sizeof(*disk));
		disk->open = true;
		memcpy(disk->sha256, image->sha256, BYTES_HASH_SIZE);
		(void)releases_find_image(world, disk->sha256, &disk->release, &disk->board);
	}
	for (uint32_t i = 0; i < world->options.chunks; i++)
		wire[i / 8] |= (uint8_t)(disk->held[i] << (i % 8));
	happening->data = malloc(sizeof(wire));
	ensure(happening->data != NULL);
	memcpy(happening->data, wire, sizeof(wire));
	happening->event.kind = EVENT_IMAGE_OPENED;
	happening->event.image_opened.local = disk->release != 0 && node->offers == disk->release;
	happening->event.image_opened.held = (const uint8_t *)happening->data;
	happening->event.image_opened.held_size = (world->options.chunks + 7) / 8;
}

void board_write_chunk(struct world *world, struct node *node, const struct action *action)
{
	struct disk *disk = &node->disk;
	uint32_t chunk = action->image_write.chunk;
	struct event *event;

	ensure(chunk < world->options.chunks);
	event = answer(world, node, DISK_US, EVENT_CHUNK_WRITTEN);
	event->chunk_written.chunk = chunk;
	if (is_full(world, node)) {
		event->chunk_written.error = EVENT_IMAGE_NO_SPACE;
		return;
	}
	if (disk->release == 0 || memcmp(world->releases[disk->release].images[disk->board] +
						  action->image_write.offset,
					  action->image_write.bytes, action->image_write.size) != 0)
		disk->bad = true;
	disk->held[chunk] = true;
}

void board_hash_image(struct world *world, struct node *node)
{
	const struct disk *disk = &node->disk;
	struct event *event = answer(world, node, SCAN_US, EVENT_IMAGE_HASHED);
	bool whole = disk->open && disk->release != 0 && !disk->bad;

	for (uint32_t i = 0; i < world->options.chunks; i++)
		whole = whole && disk->held[i];
	if (whole)
		memcpy(event->image_hashed.sha256, disk->sha256, BYTES_HASH_SIZE);
	event->image_hashed.trailer_ok = true;
}
