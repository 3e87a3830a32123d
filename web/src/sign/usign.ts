// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Keys and signatures as usign (OpenWrt) and signify (OpenBSD) write them: a comment line and one line of base64, the
 * blob. Its bytes:
 *
 *   public     "Ed" keynum[8] key[32]                                             42
 *   secret     "Ed" "BK" rounds[4]=0 salt[16] checksum[8] keynum[8] secret[64]   104
 *   signature  "Ed" keynum[8] signature[64]                                       74
 *
 * The secret is the seed and the public key; the checksum begins SHA-512 of both. What src/release/usign.h refuses is
 * refused here.
 */
import { getPublicKey, hashes, sign } from '@noble/ed25519';
import { sha256, sha512 } from '@noble/hashes/sha2';
import { fromBase64, toBase64, toHex, utf8 } from './bytes';
import { Trouble, type TroubleWord } from './trouble';

// Without https a browser has no WebCrypto, which the library would ask otherwise.
hashes.sha512 = sha512 as NonNullable<typeof hashes.sha512>;

const FILE_SIZE_MAX = 1280;
const FILE = /^untrusted comment: [^\n]*\n([^\n]*)\n?$/;
const PUBLIC_SIZE = 42;
const SIGNATURE_SIZE = 74;
const SECRET_SIZE = 104;

/** It lies in a closure, so that nothing that prints or stores objects can give it away. */
export interface SecretKey {
  /** The key number in hex: finds a key and proves nothing. */
  readonly fingerprint: string;
  /** The second line of its public key's file. */
  readonly publicBlob: string;
  /** The blob of a signature over the text's UTF-8. Throws 'key_forgotten' after wipe(). */
  sign(text: string): string;
  /** Overwrites it with zeros. */
  wipe(): void;
}

/** A signature, and by whom it says that it is. */
export interface Named {
  readonly fingerprint: string;
  readonly blob: string;
}

const blobOf = (keynum: Uint8Array, value: Uint8Array): string =>
  toBase64(Uint8Array.of(0x45, 0x64, ...keynum, ...value));

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

const keynumOf = (blob: Uint8Array): Uint8Array => blob.subarray(2, 10);

/** Takes copies; the caller wipes what it gave. */
function keep(keynum: Uint8Array, seed: Uint8Array, publicKey: Uint8Array): SecretKey {
  const number = keynum.slice();
  const secret = seed.slice();
  let wiped = false;
  return {
    fingerprint: toHex(number),
    publicBlob: blobOf(number, publicKey),
    sign(text) {
      if (wiped)
        throw new Trouble('key_forgotten');
      return blobOf(number, sign(utf8(text), secret));
    },
    wipe() {
      wiped = true;
      secret.fill(0);
    },
  };
}

/** As a passphrase gives it: the key number is the beginning of the public key's hash. Wipes the seed. */
export function fromSeed(seed: Uint8Array): SecretKey {
  const publicKey = getPublicKey(seed);
  const key = keep(sha256(publicKey).subarray(0, 8), seed, publicKey);
  seed.fill(0);
  return key;
}

/** The blob's bytes; null if the file is not of that form. */
function readFile(file: string): { bytes: Uint8Array | null; text: string } | null {
  const text = file.length <= FILE_SIZE_MAX ? FILE.exec(file)?.[1] : undefined;
  return text === undefined ? null : { bytes: fromBase64(text), text };
}

/** "Ed" of this size. */
const isEd = (bytes: Uint8Array | null, size: number): bytes is Uint8Array =>
  bytes !== null && bytes.length === size && bytes[0] === 0x45 && bytes[1] === 0x64;

function readSecretBytes(bytes: Uint8Array): SecretKey {
  const secret = bytes.subarray(40);
  const seed = secret.subarray(0, 32);
  const publicKey = secret.subarray(32);
  if (bytes[2] !== 0x42 || bytes[3] !== 0x4b)
    throw new Trouble('not_a_key');
  if (!same(bytes.subarray(4, 8), new Uint8Array(4)))
    throw new Trouble('encrypted_key');
  // Who signs with halves that are not of one key gives the secret away, and no node would take it.
  if (!same(sha512(secret).subarray(0, 8), bytes.subarray(24, 32)) || !same(getPublicKey(seed), publicKey))
    throw new Trouble('damaged_key');
  return keep(bytes.subarray(32, 40), seed, publicKey);
}

const WHAT_IT_IS = new Map<number, TroubleWord>([
  [PUBLIC_SIZE, 'public_key_given'],
  [SIGNATURE_SIZE, 'signature_given'],
]);

/** A secret key's file. Throws Trouble. */
export function readSecret(file: string): SecretKey {
  const bytes = readFile(file)?.bytes;
  if (bytes === undefined)
    throw new Trouble('not_a_key');
  if (bytes === null || (bytes.length !== SECRET_SIZE && !WHAT_IT_IS.has(bytes.length)))
    throw new Trouble('damaged_key');
  if (!isEd(bytes, bytes.length))
    throw new Trouble('not_a_key');
  if (bytes.length !== SECRET_SIZE)
    throw new Trouble(WHAT_IT_IS.get(bytes.length)!);
  try {
    return readSecretBytes(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** A signature's file; null if it is none. Nothing is verified: the page has no keys, the node has. */
export function readSignature(file: string): Named | null {
  const read = readFile(file);
  return read !== null && isEd(read.bytes, SIGNATURE_SIZE)
    ? { fingerprint: toHex(keynumOf(read.bytes)), blob: read.text }
    : null;
}

/** The 32 bytes of a public key's blob, such as a node's `key`; null if it is none. */
export function keyOfBlob(blob: string): Uint8Array | null {
  const bytes = fromBase64(blob, PUBLIC_SIZE);
  return isEd(bytes, PUBLIC_SIZE) ? bytes.subarray(10) : null;
}
