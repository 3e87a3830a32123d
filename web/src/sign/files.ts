// SPDX-License-Identifier: AGPL-3.0-or-later
/** Files as somebody chose them, on whatever they lie. */
import { Trouble } from './trouble';

export interface SourceFile {
  /** With or without the folders that it lies in, by "/". */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** May give less than was asked for, or fail: use readBytes(). */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What a file input holds: `path` is webkitRelativePath, or the name. */
export const fileOfBlob = (path: string, blob: Blob): SourceFile => ({
  path,
  size: blob.size,
  read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
});

/** Exactly these bytes. Throws Trouble 'unreadable'. */
export async function readBytes(file: SourceFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await file.read(offset, length).catch(() => null);
  if (bytes?.length !== length)
    throw new Trouble('unreadable', file.path);
  return bytes;
}
