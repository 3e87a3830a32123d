// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A release in one file, which a phone can be sent: an uncompressed tar, as every tar writes it, of what docs/formats.md
 * calls a release. It is read where it lies, 512 bytes for each file in it. Whatever it says, nothing outside of the
 * archive is ever read, and each file's bytes are verified by those who use them.
 */
import { readBytes, type SourceFile } from './files';
import { Trouble } from './trouble';

const BLOCK = 512;
/** 64 images, 32 signatures, folders, and what some programs write beside each of them. */
const ENTRIES_MAX = 512;

const text = (block: Uint8Array, from: number, to: number): string =>
  new TextDecoder().decode(block.subarray(from, to)).replace(/\0[^]*$/, '');

/** NaN for what is no octal number, such as the sizes above 8 GiB, which are written otherwise. */
function octal(block: Uint8Array, from: number, to: number): number {
  const digits = text(block, from, to).trim();
  return /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
}

/** Of all bytes, those of the sum itself taken as blanks. */
const sumOf = (block: Uint8Array): number =>
  block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);

const isHeader = (block: Uint8Array): boolean =>
  text(block, 257, 262) === 'ustar' && octal(block, 148, 156) === sumOf(block);

function nameOf(block: Uint8Array): string {
  // GNU's tar has "ustar  " there, and times where the prefix would be.
  const prefix = block[262] === 0 ? text(block, 345, 500) : '';
  return (prefix && `${prefix}/`) + text(block, 0, 100);
}

function part(archive: SourceFile, path: string, from: number, size: number): SourceFile {
  return {
    path,
    size,
    read: (offset, length) => archive.read(from + offset, Math.min(length, size - offset)),
  };
}

/** Plain files; what else an archive can hold is passed over. */
const isFile = (block: Uint8Array): boolean => block[156] === 0x30 || block[156] === 0;

/** The files in it. Throws Trouble: 'no_release' if it is no archive, 'damaged_archive', 'unreadable'. */
export async function readTar(archive: SourceFile): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  let at = 0;
  for (let entries = 0; at + BLOCK <= archive.size; entries++) {
    const block = await readBytes(archive, at, BLOCK);
    if (entries > 0 && block.every(byte => byte === 0))
      return files;
    if (!isHeader(block))
      throw new Trouble(entries === 0 ? 'no_release' : 'damaged_archive', archive.path);
    const size = octal(block, 124, 136);
    if (entries === ENTRIES_MAX)
      throw new Trouble('damaged_archive', archive.path);
    if (isFile(block))
      files.push(part(archive, nameOf(block), at + BLOCK, size));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  // No end was found: it was cut off, or a size is none or leads beyond it.
  throw new Trouble(at === 0 ? 'no_release' : 'damaged_archive', archive.path);
}
