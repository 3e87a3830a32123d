// SPDX-License-Identifier: AGPL-3.0-or-later
/** Reasons (src/base/reason.h, src/sign/trouble.ts) that are one to people: the first of a line has the phrase. */
const SAME = `old_epoch unknown_upgrade lost_to_lower_id already_scheduled already_started wrong_state participants_missing superseded no_upload wrong_offset
bad_signature too_few_signatures
bad_release release_mismatch hash_mismatch damaged_archive wrong_size wrong_content unreadable
flasher_check compat_version failed_before
no_space image_file_failed journal_failed
fetch_failed no_source
not_everyone_scheduled countdown_lost
flasher_failed flash_interrupted confirm_failed revert_failed
boot_failed wrong_version
unhealthy waiting_for_health
silent node_key_unknown
not_a_key public_key_given signature_given encrypted_key damaged_key key_forgotten
passphrase_short passphrase_repeats
no_release several_releases image_missing`;

const first = new Map(
  SAME.split('\n').flatMap(line => {
    const words = line.split(' ');
    return words.map(word => [word, words[0]!] as const);
  }),
);

export const sameReason = (reason: string): string => first.get(reason) ?? reason;
