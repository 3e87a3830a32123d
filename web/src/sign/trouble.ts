// SPDX-License-Identifier: AGPL-3.0-or-later
/** What can be wrong with what somebody gives to the page. Sentences for people are made of these words elsewhere. */

export type TroubleWord =
  // of keys
  | 'not_a_key' // no key of usign or signify at all
  | 'public_key_given' // the half that everybody may have: it cannot sign
  | 'signature_given'
  | 'encrypted_key' // with a password of its own, which usign and Lockstep do not have
  | 'damaged_key' // it says that it is a key, and its bytes say otherwise
  | 'key_forgotten' // used after the keyring let go of it
  | 'passphrase_short'
  | 'passphrase_repeats'
  | 'no_memory' // scrypt takes 32 MiB
  // of orders; `where` names the member
  | 'bad_order'
  | 'order_too_large'
  | 'node_key_unknown' // `where` names the node
  // of releases; `where` names the file
  | 'no_release' // no release.json, and no archive that holds one
  | 'several_releases'
  | 'bad_release' // `where` names the member of release.json
  | 'damaged_archive'
  | 'image_missing'
  | 'wrong_size'
  | 'wrong_content' // not the bytes that were signed
  | 'unreadable'; // a stick that was drawn, a file that changed since it was chosen

export class Trouble extends Error {
  constructor(
    readonly word: TroubleWord,
    readonly where = '',
  ) {
    super(where ? `${word}: ${where}` : word);
  }
}
