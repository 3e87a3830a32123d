/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_REASON_H
#define BASE_REASON_H

/*
 * Why something was refused or went wrong: one vocabulary for records, the API, the command line
 * and the log. The word is public and never changes its meaning; the sentence is for people.
 */

/* clang-format off */
#define REASONS(X) \
	X(NONE, "", "") \
	/* Orders */ \
	X(BAD_ORDER, "bad_order", "The order is not a valid order document.") \
	X(WRONG_MESH, "wrong_mesh", "The order is for another mesh.") \
	X(UNKNOWN_KIND, "unknown_kind", "This version does not know this kind of order.") \
	X(UNTRUSTED_KEY, "untrusted_key", "The key that signed this is not trusted here.") \
	X(BAD_SIGNATURE, "bad_signature", "The signature does not fit what was signed.") \
	X(OLD_EPOCH, "old_epoch", "The order belongs to an upgrade that is over.") \
	X(EPOCH_GAP, "epoch_gap", "The order's epoch is too far ahead to be true.") \
	X(UNKNOWN_UPGRADE, "unknown_upgrade", "This node knows no such upgrade.") \
	X(LOST_TO_LOWER_ID, "lost_to_lower_id", "Another upgrade that was started at the same time goes first.") \
	X(ALREADY_SCHEDULED, "already_scheduled", "Another upgrade is already scheduled.") \
	X(ALREADY_STARTED, "already_started", "An upgrade is already open; abort it first.") \
	X(ALREADY_KNOWN, "already_known", "This order is already known.") \
	X(WRONG_STATE, "wrong_state", "This is not possible in the node's present state.") \
	X(TOO_LATE, "too_late", "Flashing has begun; it can no longer be aborted.") \
	X(UNKNOWN_WAVE, "unknown_wave", "The upgrade has no such wave.") \
	X(NOT_NAMED, "not_named", "This node is not a participant of the upgrade.") \
	X(PARTICIPANTS_MISSING, "participants_missing", "Not every participant runs the new firmware.") \
	X(NOT_READY, "not_ready", "Not every participant of the wave is ready.") \
	X(TOO_MANY_ORDERS, "too_many_orders", "The upgrade has too many orders.") \
	/* Releases and images */ \
	X(BAD_RELEASE, "bad_release", "The release is not a valid release document.") \
	X(RELEASE_MISMATCH, "release_mismatch", "The release is not the one that the order names.") \
	X(TOO_FEW_SIGNATURES, "too_few_signatures", "Too few trusted keys signed the release.") \
	X(NO_IMAGE_FOR_BOARD, "no_image_for_board", "The release has no image for this board.") \
	X(DOWNGRADE, "downgrade", "The release is older than what runs here.") \
	X(COMPAT_VERSION, "compat_version", "The image is not compatible with this node's configuration.") \
	X(NO_SPACE, "no_space", "There is not enough memory or space for the image.") \
	X(SINGLE_SLOT, "single_slot", "This node has no way back, and the order does not allow that.") \
	X(FLASHER_CHECK, "flasher_check", "The flasher refused the image.") \
	X(HASH_MISMATCH, "hash_mismatch", "The hash is not the one that was signed for this.") \
	X(FAILED_BEFORE, "failed_before", "This release already failed here in this upgrade.") \
	X(NO_SOURCE, "no_source", "Nobody who can be reached has the release or the image.") \
	X(FETCH_FAILED, "fetch_failed", "The download failed.") \
	X(NO_UPLOAD, "no_upload", "No such upload was offered here.") \
	X(WRONG_OFFSET, "wrong_offset", "The upload goes on elsewhere.") \
	/* The flash and after */ \
	X(OPERATOR, "operator", "An operator ended the upgrade.") \
	X(SUPERSEDED, "superseded", "A newer upgrade took its place.") \
	X(NOT_EVERYONE_SCHEDULED, "not_everyone_scheduled", "Not every participant answered the schedule in time.") \
	X(COUNTDOWN_LOST, "countdown_lost", "The node restarted and nobody could tell it the countdown.") \
	X(FLASHER_FAILED, "flasher_failed", "The flasher could not write the image.") \
	X(FLASH_INTERRUPTED, "flash_interrupted", "The flash was interrupted.") \
	X(BOOT_FAILED, "boot_failed", "The new firmware did not boot.") \
	X(WRONG_VERSION, "wrong_version", "Another firmware runs than the one that was flashed.") \
	X(WINDOW_OVER, "window_over", "Nobody confirmed the new firmware in time.") \
	X(UNHEALTHY, "unhealthy", "The node is not healthy on the new firmware.") \
	X(WAVE_REVERTED, "wave_reverted", "Another participant did not make it, so the wave went back.") \
	X(CONFIRM_FAILED, "confirm_failed", "The flasher could not keep the new firmware.") \
	X(REVERT_FAILED, "revert_failed", "The flasher could not go back.") \
	/* Waiting, not yet wrong */ \
	X(WAITING_FOR_PARTICIPANTS, "waiting_for_participants", "Not every participant has been seen yet.") \
	X(WAITING_FOR_HEALTH, "waiting_for_health", "The health checks have not passed yet.") \
	X(WAITING_FOR_OPERATOR, "waiting_for_operator", "An operator must confirm.") \
	/* Our own house */ \
	X(JOURNAL_FAILED, "journal_failed", "The journal could not be written.") \
	X(IMAGE_FILE_FAILED, "image_file_failed", "The image file could not be written or read.") \
	X(INTERNAL, "internal", "Something unexpected happened; the log says more.")
/* clang-format on */

enum reason {
#define REASON_ENUM(name, word, sentence) REASON_##name,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
		REASON_COUNT
};

/* The public word, e.g. "no_image_for_board"; "" for REASON_NONE. */
const char *reason_word(enum reason reason);

/* One sentence in plain English. */
const char *reason_sentence(enum reason reason);

/* The reason with this word; REASON_INTERNAL for a word that this version does not know. */
enum reason reason_from_word(const char *word);

#endif
