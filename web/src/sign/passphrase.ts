// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A community's passphrase as an operator key, as src/release/passphrase.h has it: scrypt with the salt "lockstep:" and
 * the mesh's name, to an Ed25519 seed. Takes 32 MiB for a second or some.
 */
import { utf8 } from './bytes';
import { scrypt } from './scrypt';
import { Trouble, type TroubleWord } from './trouble';
import { fromSeed, type SecretKey } from './usign';

const SCRYPT_N = 32768;
/** What `lockstep --key passphrase` reads of a line. */
const BYTES_MAX = 255;
const BYTES_MIN = 16;
const DISTINCT_MIN = 8;

/** The bytes that count: of one line, as they were typed, for no other program would fold them. */
const lineOf = (passphrase: string): Uint8Array =>
  utf8(passphrase.replace(/[\0\r\n][^]*$/, '')).subarray(0, BYTES_MAX);

function weaknessOf(line: Uint8Array): TroubleWord | null {
  if (line.length < BYTES_MIN)
    return 'passphrase_short';
  return new Set(line).size < DISTINCT_MIN ? 'passphrase_repeats' : null;
}

/** What it lacks, or null: no key is made of a weak one, here or elsewhere. */
export const passphraseWeakness = (passphrase: string): TroubleWord | null => weaknessOf(lineOf(passphrase));

/**
 * `progress` is told how much is done, up to 1; the page goes on drawing meanwhile. Throws Trouble: a weakness, or
 * 'no_memory'. (The string itself cannot be wiped: do not keep it.)
 */
export async function deriveKey(
  passphrase: string,
  mesh: string,
  progress: (part: number) => void = () => undefined,
): Promise<SecretKey> {
  const line = lineOf(passphrase);
  const weakness = weaknessOf(line);
  if (weakness)
    throw new Trouble(weakness);
  try {
    return fromSeed(await scrypt(line, utf8(`lockstep:${mesh}`), SCRYPT_N, progress));
  } catch (error) {
    throw error instanceof RangeError ? new Trouble('no_memory') : error;
  } finally {
    line.fill(0);
  }
}
