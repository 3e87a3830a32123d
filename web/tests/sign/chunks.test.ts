// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chunkCount, openRelease, readChunk, signaturesBody, type ChosenRelease } from '../../src/sign/chunks';
import type { SourceFile } from '../../src/sign/files';
import { folder, trouble } from './programs';
import { fileOf, filesBelow, makeRelease, SIZES } from './release';

const at = folder();
const made = makeRelease(at);
const files = (prefix = '') => filesBelow(made.path, prefix);
const loose = () => files().map(file => ({ ...file, path: file.path.replace(/^.*\//, '') }));
const IMAGE = 'images/00-image0.bin';

/** The files, the one of this path as `change` makes it, or without it. */
const but = (path: string, change: (file: SourceFile) => SourceFile | null, of = files()) =>
  of.flatMap(file => (file.path === path ? [change(file)].filter(one => one !== null) : [file]));

async function bytesOf(release: ChosenRelease, index: number): Promise<Buffer> {
  const image = release.images[index]!;
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < chunkCount(image); i++)
    chunks.push(await readChunk(image, i));
  return Buffer.concat(chunks);
}

async function assertWhole(release: ChosenRelease): Promise<void> {
  assert.equal(release.id, made.id);
  assert.equal(Buffer.from(release.manifest).toString(), made.manifest);
  assert.equal(release.version, 'Demo ñ 2');
  assert.equal(release.sequence, 7);
  assert.equal(release.info_url, 'http://info.example/');
  assert.deepEqual(release.signatures.map(one => one.fingerprint).sort(), [...made.fingerprints].sort());
  assert.deepEqual(release.images.map(image => image.size), SIZES);
  assert.deepEqual(release.images.map(image => image.boards), [['demo,0'], ['demo,1'], ['demo,2']]);
  assert.deepEqual(release.images.map(chunkCount), [4, 1, 1]);
  for (const [i, bytes] of made.images.entries())
    assert.ok((await bytesOf(release, i)).equals(bytes));
}

const choices: [string, () => readonly SourceFile[]][] = [
  ['the folder', () => files('release/')],
  ['the folder that it lies in', () => [fileOf('stick/notes.txt', 'x'), ...files('stick/new/release/')]],
  ['what is in the folder', () => files()],
  ['with ./ before', () => files('./')],
  ['loose files', loose],
  ['loose files of a folder', () => loose().map(file => ({ ...file, path: `Download/${file.path}` }))],
  ['backwards', () => files('release/').reverse()],
  ['beside what some computers leave', () => [fileOf('release/._release.json', 'x'), fileOf('release/signatures/._a.sig', 'x'), ...files('release/')]],
];

for (const [name, choose] of choices)
  test(`a release is read: ${name}`, async () => assertWhole(await openRelease(choose())));

test('the signatures go to the node as it gives them itself', async () => {
  const release = await openRelease(files());
  const { signatures } = JSON.parse(signaturesBody(release)) as { signatures: string[] };
  const written = made.fingerprints.map(
    name => readFileSync(join(made.path, 'signatures', `${name}.sig`), 'utf8').split('\n')[1],
  );
  assert.deepEqual([...signatures].sort(), written.sort());
});

test('a signature that is none does not count', async () => {
  const path = `signatures/${made.fingerprints[0]}.sig`;
  const release = await openRelease(but(path, () => fileOf(path, 'rubbish')));
  assert.deepEqual(release.signatures.map(one => one.fingerprint), [made.fingerprints[1]]);
});

test('signatures of another folder do not count', async () => {
  const others = ['releasE/', 'another/', 'release/deeper/', ''].flatMap(prefix =>
    files(prefix).filter(file => file.path.endsWith('.sig')),
  );
  const release = await openRelease([...others, ...files('release/').filter(file => !file.path.endsWith('.sig'))]);
  assert.deepEqual(release.signatures, []);
});

test('what is too large for a signature, and what are too many files for it, are not even read', async () => {
  let reads = 0;
  const counted = (i: number): SourceFile => ({
    path: `signatures/${i}.sig`,
    size: 5,
    read: () => Promise.resolve(Buffer.alloc(5, ++reads)),
  });
  const large: SourceFile = { path: 'signatures/large.sig', size: 1281, read: () => assert.fail('was read') };
  const release = await openRelease([large, ...files(), ...Array.from({ length: 300 }, (_, i) => counted(i))]);
  assert.equal(reads, 256 - 2);
  assert.equal(release.signatures.length, 2);
});

test('no more signatures than a node reads', async () => {
  const path = `signatures/${made.fingerprints[0]}.sig`;
  const one = files().find(file => file.path === path)!;
  const many = Array.from({ length: 40 }, (_, i) => ({ ...one, path: `signatures/${i}.sig` }));
  assert.equal((await openRelease([...files(), ...many])).signatures.length, 32);
});

test('an image that was not chosen is missed when it is asked for', async () => {
  const release = await openRelease(but(IMAGE, () => null));
  assert.equal(release.images[0]!.source, null);
  await assert.rejects(readChunk(release.images[0]!, 0), trouble('image_missing', IMAGE));
  assert.ok((await bytesOf(release, 1)).equals(made.images[1]!));
});

test('an image of another size is refused at once, by its name', async () => {
  for (const bytes of [made.images[0]!.subarray(1), Buffer.concat([made.images[0]!, Buffer.of(0)])])
    await assert.rejects(
      openRelease(but(`stick/${IMAGE}`, file => fileOf(file.path, bytes), files('stick/'))),
      trouble('wrong_size', `stick/${IMAGE}`),
    );
});

test('every wrong byte is found in its chunk', async () => {
  for (const byte of [0, 65535, 65536, 199999]) {
    const bytes = Buffer.from(made.images[0]!);
    bytes[byte]! ^= 1;
    const release = await openRelease(but(IMAGE, () => fileOf(IMAGE, bytes)));
    for (let i = 0; i < 4; i++)
      if (i === Math.floor(byte / 65536))
        await assert.rejects(readChunk(release.images[0]!, i), trouble('wrong_content', IMAGE));
      else
        assert.ok(Buffer.from(await readChunk(release.images[0]!, i)).equals(bytes.subarray(i * 65536, (i + 1) * 65536)));
  }
});

test('a stick that is drawn while it is read', async () => {
  let drawn = false;
  const broken = (file: SourceFile): SourceFile => ({
    ...file,
    read: (offset, length) => (drawn ? Promise.reject(new Error('gone')) : file.read(offset, length)),
  });
  const release = await openRelease(files().map(broken));
  await readChunk(release.images[0]!, 0);
  drawn = true;
  await assert.rejects(readChunk(release.images[0]!, 1), trouble('unreadable', IMAGE));
  await assert.rejects(openRelease(files().map(broken)), trouble('unreadable', 'release.json'));
});

test('a file that gives less than it said', async () => {
  const short = (file: SourceFile): SourceFile => ({ ...file, read: (offset, length) => file.read(offset, length - 1) });
  const release = await openRelease(but(IMAGE, short));
  await assert.rejects(readChunk(release.images[0]!, 0), trouble('unreadable', IMAGE));
});

test('nothing, and what is no release', async () => {
  await assert.rejects(openRelease([]), trouble('no_release'));
  await assert.rejects(openRelease([fileOf('a.txt', 'x'), fileOf('b.txt', 'x')]), trouble('no_release'));
  await assert.rejects(openRelease([fileOf('photo.jpg', Buffer.alloc(5000, 'x'))]), trouble('no_release', 'photo.jpg'));
  await assert.rejects(openRelease(files().filter(file => file.path !== 'release.json')), trouble('no_release'));
});

test('several at once', async () => {
  await assert.rejects(openRelease([...files('a/'), ...files('b/')]), trouble('several_releases', 'b/release.json'));
  await assert.rejects(
    openRelease([fileOf('a.lockstep', 'x'), fileOf('b.lockstep', 'x'), fileOf('c', 'x')]),
    trouble('several_releases', 'b.lockstep'),
  );
});

test('a manifest that is too large is not even read', async () => {
  const large: SourceFile = { path: 'release.json', size: 1048577, read: () => assert.fail('was read') };
  await assert.rejects(openRelease([large]), trouble('bad_release'));
});
