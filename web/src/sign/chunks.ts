// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A release from files that somebody chose on a phone: a folder, some loose files, or one archive. What is read of it
 * for the upload is compared with what was signed, chunk by chunk, so that a bad stick is found here and by name.
 */
import { sha256 } from '@noble/hashes/sha2';
import { toHex } from './bytes';
import { readBytes, type SourceFile } from './files';
import { MANIFEST_SIZE_MAX, readManifest, type Image, type Manifest } from './manifest';
import { readTar } from './tar';
import { Trouble } from './trouble';
import { readSignature, type Named } from './usign';

const MANIFEST = 'release.json';
const SIGNATURES_MAX = 32;
const SIGNATURE_FILE_SIZE_MAX = 1280;
/** In signatures/, as src/source/directory.c. */
const SIGNATURE_FILES_MAX = 256;

export interface ChosenImage extends Image {
  /** Null where it was not chosen: not every mesh has all boards of a release. */
  source: SourceFile | null;
}

export interface ChosenRelease extends Omit<Manifest, 'images'> {
  /** SHA-256 of release.json, hex. */
  id: string;
  /** The bytes of release.json. */
  manifest: Uint8Array;
  /** Not verified: the page has no keys, the node has. */
  signatures: Named[];
  images: ChosenImage[];
}

/** How paths begin that lie where this manifest lies: "" or "folder/". */
const folderOf = (manifest: SourceFile): string => manifest.path.slice(0, -MANIFEST.length);

const manifestsOf = (files: readonly SourceFile[]): SourceFile[] =>
  files.filter(({ path }) => /(^|\/)release\.json$/.test(path));

/** The files of the release, out of an archive if they are in one. */
async function unpack(files: readonly SourceFile[]): Promise<readonly SourceFile[]> {
  if (manifestsOf(files).length > 0)
    return files;
  const [archive, another] = files.length === 1 ? files : files.filter(({ path }) => /\.lockstep$/.test(path));
  if (archive === undefined)
    throw new Trouble('no_release');
  if (another !== undefined)
    throw new Trouble('several_releases', another.path);
  return readTar(archive);
}

/** The file of this path in the release's folder; or loose beside the manifest, as phones give them. */
function find(files: readonly SourceFile[], folder: string, path: string): SourceFile | null {
  const loose = folder + path.replace(/^.*\//, '');
  return files.find(file => file.path === folder + path) ?? files.find(file => file.path === loose) ?? null;
}

function imageIn(files: readonly SourceFile[], folder: string, image: Image): ChosenImage {
  const source = find(files, folder, image.file);
  if (source !== null && source.size !== image.size)
    throw new Trouble('wrong_size', source.path);
  return { ...image, source };
}

/** As src/source/directory.c: what is no signature does not count. */
async function signaturesIn(files: readonly SourceFile[], folder: string): Promise<Named[]> {
  const signatures: Named[] = [];
  const isOne = ({ path, size }: SourceFile) =>
    size <= SIGNATURE_FILE_SIZE_MAX &&
    path.slice(0, folder.length) === folder &&
    /^(signatures\/)?[^/]+\.sig$/.test(path.slice(folder.length));
  for (const file of files.filter(isOne).slice(0, SIGNATURE_FILES_MAX)) {
    const signature = readSignature(new TextDecoder().decode(await readBytes(file, 0, file.size)));
    if (signature !== null && signatures.length < SIGNATURES_MAX)
      signatures.push(signature);
  }
  return signatures;
}

/** Throws Trouble. Images are not read yet, but for their size. */
export async function openRelease(chosen: readonly SourceFile[]): Promise<ChosenRelease> {
  const files = await unpack(chosen);
  const [file, another] = manifestsOf(files);
  if (file === undefined)
    throw new Trouble('no_release');
  if (another !== undefined)
    throw new Trouble('several_releases', another.path);
  if (file.size > MANIFEST_SIZE_MAX)
    throw new Trouble('bad_release');
  const folder = folderOf(file);
  const bytes = await readBytes(file, 0, file.size);
  const manifest = readManifest(bytes);
  return {
    ...manifest,
    id: toHex(sha256(bytes)),
    manifest: bytes,
    signatures: await signaturesIn(files, folder),
    images: manifest.images.map(image => imageIn(files, folder, image)),
  };
}

/** What POST /v1/uploads/RELEASE/signatures takes. */
export const signaturesBody = (release: ChosenRelease): string =>
  JSON.stringify({ signatures: release.signatures.map(({ blob }) => blob) });

export const chunkCount = (image: Image): number => image.chunks.length / 32;

/** Chunk `index`, whose bytes are those that were signed. Throws Trouble: 'image_missing', 'unreadable', 'wrong_content'. */
export async function readChunk(image: ChosenImage, index: number): Promise<Uint8Array> {
  if (image.source === null)
    throw new Trouble('image_missing', image.file);
  const offset = index * image.chunk_size;
  const bytes = await readBytes(image.source, offset, Math.min(image.chunk_size, image.size - offset));
  const hash = sha256(bytes);
  if (!hash.every((byte, i) => byte === image.chunks[index * 32 + i]))
    throw new Trouble('wrong_content', image.source.path);
  return bytes;
}
