// SPDX-License-Identifier: AGPL-3.0-or-later
/** A release that the C code made and signed, and its files as a phone would give them. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileOfBlob, type SourceFile } from '../../src/sign/files';
import { must, newKey, tools } from './programs';

export const SIZES = [200000, 65536, 10];

export interface Made {
  path: string;
  id: string;
  manifest: string;
  fingerprints: string[];
  images: Buffer[];
}

/** Images of SIZES for the boards demo,0 … demo,2, signed by two keys. */
export function makeRelease(at: string): Made {
  const path = join(at, 'release');
  const images = SIZES.map(size => randomBytes(size));
  images.forEach((bytes, i) => writeFileSync(join(at, `image${i}.bin`), bytes));
  const named = images.flatMap((_, i) => ['--image', `demo,${i}=${join(at, `image${i}.bin`)}`]);
  const { release } = JSON.parse(
    must(tools, ['release', 'create', '--version', 'Demo ñ 2', '--sequence', '7', ...named, '--info-url', 'http://info.example/', '--out', path, '--json']),
  ) as { release: string };
  const fingerprints = ['ana', 'bea'].map(name => newKey(at, name).fingerprint);
  for (const name of ['ana', 'bea'])
    must(tools, ['release', 'sign', '--key', join(at, `${name}.sec`), path]);
  return { path, id: release, manifest: readFileSync(join(path, 'release.json'), 'utf8'), fingerprints, images };
}

export const fileOf = (path: string, bytes: Uint8Array | string): SourceFile =>
  fileOfBlob(path, new Blob([bytes as Uint8Array<ArrayBuffer>]));

/** All files below the folder, with their paths behind `prefix`. */
export function filesBelow(folder: string, prefix = ''): SourceFile[] {
  return readdirSync(folder)
    .sort()
    .flatMap(name => {
      const path = join(folder, name);
      return statSync(path).isDirectory()
        ? filesBelow(path, `${prefix}${name}/`)
        : [fileOf(prefix + name, readFileSync(path))];
    });
}
