// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * scrypt (RFC 7914) with r = 8 and p = 1, which lets the browser draw meanwhile. The library's own gives way to other
 * promises only, between which no browser draws; the page would stand still until it is done.
 */
import { hmac } from '@noble/hashes/hmac';
import { sha256 } from '@noble/hashes/sha2';

/** Of 32 bits: in one step of Salsa20, and in a block of 2 r such steps. */
const STEP = 16;
const BLOCK = 256;
/** How long the page may stand still at a time. */
const SLICE_MS = 40;
const ROUNDS_BETWEEN_LOOKS = 32;

const toDraw = () => new Promise<void>(resolve => setTimeout(resolve));

/** PBKDF2-HMAC-SHA256 with one iteration; `size` is a multiple of 32. */
function stretch(passphrase: Uint8Array, salt: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size / 32; i++)
    bytes.set(hmac.create(sha256, passphrase).update(salt).update(Uint8Array.of(0, 0, 0, i + 1)).digest(), i * 32);
  return bytes;
}

/** Numbers in memory are little-endian here and in every browser. */
const wordsOf = (bytes: Uint8Array): Int32Array => new Int32Array(bytes.buffer);

function quarter(x: Int32Array, a: number, b: number, c: number, d: number): void {
  let sum = x[a]! + x[d]!;
  x[b]! ^= (sum << 7) | (sum >>> 25);
  sum = x[b]! + x[a]!;
  x[c]! ^= (sum << 9) | (sum >>> 23);
  sum = x[c]! + x[b]!;
  x[d]! ^= (sum << 13) | (sum >>> 19);
  sum = x[d]! + x[c]!;
  x[a]! ^= (sum << 18) | (sum >>> 14);
}

/** Salsa20/8 of `x`, in place; `y` is room. */
function salsa(x: Int32Array, y: Int32Array): void {
  y.set(x);
  for (let i = 0; i < 8; i += 2) {
    quarter(y, 0, 4, 8, 12);
    quarter(y, 5, 9, 13, 1);
    quarter(y, 10, 14, 2, 6);
    quarter(y, 15, 3, 7, 11);
    quarter(y, 0, 1, 2, 3);
    quarter(y, 5, 6, 7, 4);
    quarter(y, 10, 11, 8, 9);
    quarter(y, 15, 12, 13, 14);
  }
  for (let i = 0; i < STEP; i++)
    x[i]! += y[i]!;
}

/** BlockMix of RFC 7914, from one block to the other. */
function mix(from: Int32Array, to: Int32Array, x: Int32Array, y: Int32Array): void {
  x.set(from.subarray(BLOCK - STEP));
  for (let step = 0; step < BLOCK / STEP; step++) {
    for (let i = 0; i < STEP; i++)
      x[i]! ^= from[step * STEP + i]!;
    salsa(x, y);
    to.set(x, ((step & 1) * BLOCK) / 2 + (step >> 1) * STEP);
  }
}

/**
 * 32 bytes. `n` is a power of two; 1024 n bytes of memory are needed (RangeError without). `progress` is told how much is
 * done, up to 1.
 */
export async function scrypt(
  passphrase: Uint8Array,
  salt: Uint8Array,
  n: number,
  progress: (part: number) => void,
): Promise<Uint8Array> {
  const memory = new Int32Array(n * BLOCK);
  const bytes = stretch(passphrase, salt, BLOCK * 4);
  const block = wordsOf(bytes);
  const other = new Int32Array(BLOCK);
  const [x, y] = [new Int32Array(STEP), new Int32Array(STEP)];
  let began = Date.now();
  for (let i = 0; i < 2 * n; i++) {
    const at = (i < n ? i : block[BLOCK - STEP]! & (n - 1)) * BLOCK;
    if (i < n)
      memory.set(block, at);
    else
      for (let k = 0; k < BLOCK; k++)
        block[k]! ^= memory[at + k]!;
    mix(block, other, x, y);
    block.set(other);
    if (i % ROUNDS_BETWEEN_LOOKS === 0 && Date.now() - began >= SLICE_MS) {
      progress(i / (2 * n));
      await toDraw();
      began = Date.now();
    }
  }
  progress(1);
  const key = stretch(passphrase, bytes, 32);
  for (const used of [memory, block, other, x, y])
    used.fill(0);
  return key;
}
