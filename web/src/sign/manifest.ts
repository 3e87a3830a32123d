// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * release.json, as strict as src/release/manifest.c. Who signed it is the node's to verify; the page must only not be
 * led astray by it before.
 */
import { fromBase64, isCount, isHex, isName, isPrintable } from './bytes';
import { Trouble } from './trouble';

export const MANIFEST_SIZE_MAX = 1048576;

const IMAGES_MAX = 64;
const BOARDS_MAX = 16;
const URLS_MAX = 4;
const CHUNKS_MAX = 1024;
const CHUNK_SIZE_MIN = 1024;
const CHUNK_SIZE_MAX = 65536;
const HASH_SIZE = 32;
const COMPAT = /^(0|[1-9]\d*)\.(0|[1-9]\d*)$/;

export interface Image {
  boards: string[];
  /** images/NAME */
  file: string;
  /** Bytes. */
  size: number;
  /** Hex. */
  sha256: string;
  chunk_size: number;
  /** The SHA-256 of all chunks, one after the other. */
  chunks: Uint8Array;
}

export interface Manifest {
  version: string;
  sequence: number;
  created: string;
  info_url: string;
  images: Image[];
}

type Members = Record<string, unknown>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function need(holds: boolean, member: string): asserts holds {
  if (!holds)
    throw new Trouble('bad_release', member);
}

const areTexts = (value: unknown, max: number, count: number): value is string[] =>
  Array.isArray(value) && value.length <= count && value.every(text => isPrintable(text, max));

/** Text that may be missing. */
function optional(value: unknown, max: number, member: string): string {
  need(value === undefined || isPrintable(value, max), member);
  return value ?? '';
}

function imageOf(value: unknown, at: string): Image {
  need(isObject(value), at);
  const { boards, file, kind, size, sha256, chunk_size, chunks, compat_version, urls } = value;
  need(areTexts(boards, 63, BOARDS_MAX) && boards.length > 0 && !boards.includes(''), `${at}.boards`);
  need(typeof file === 'string' && file.slice(0, 7) === 'images/' && isName(file.slice(7)), `${at}.file`);
  need(isName(kind, 31), `${at}.kind`);
  need(isHex(sha256, HASH_SIZE), `${at}.sha256`);
  need(
    isCount(chunk_size, CHUNK_SIZE_MIN, CHUNK_SIZE_MAX) && (chunk_size & (chunk_size - 1)) === 0,
    `${at}.chunk_size`,
  );
  need(isCount(size, 1, CHUNKS_MAX * chunk_size), `${at}.size`);
  need(
    compat_version === undefined || (isPrintable(compat_version, 15) && COMPAT.test(compat_version)),
    `${at}.compat_version`,
  );
  const hashes = typeof chunks === 'string' ? fromBase64(chunks, Math.ceil(size / chunk_size) * HASH_SIZE) : null;
  need(hashes !== null, `${at}.chunks`);
  need(urls === undefined || areTexts(urls, 255, URLS_MAX), `${at}.urls`);
  return { boards, file, size, sha256, chunk_size, chunks: hashes };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new Trouble('bad_release');
  }
}

/** Throws Trouble 'bad_release', where: the member. */
export function readManifest(bytes: Uint8Array): Manifest {
  need(bytes.length <= MANIFEST_SIZE_MAX, '');
  const document = parse(bytes);
  need(isObject(document), '');
  const { lockstep, version, sequence, created, info_url, images } = document;
  need(lockstep === 1, 'lockstep');
  need(isPrintable(version, 127) && version !== '', 'version');
  need(isCount(sequence, 1), 'sequence');
  need(Array.isArray(images) && images.length > 0 && images.length <= IMAGES_MAX, 'images');
  const read = images.map((image, i) => imageOf(image, `images[${i}]`));
  const seen = new Set<string>();
  read.forEach(({ boards }, i) => {
    need(!boards.some(board => seen.has(board)), `images[${i}].boards`);
    boards.forEach(board => seen.add(board));
  });
  return {
    version,
    sequence,
    created: optional(created, 31, 'created'),
    info_url: optional(info_url, 255, 'info_url'),
    images: read,
  };
}
