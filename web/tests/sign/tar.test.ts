// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { chunkCount, openRelease, readChunk } from '../../src/sign/chunks';
import { readTar } from '../../src/sign/tar';
import { Trouble } from '../../src/sign/trouble';
import { folder, must, trouble } from './programs';
import { fileOf, makeRelease } from './release';

const at = folder();
const made = makeRelease(at);
const above = dirname(made.path);
const archive = (name: string, args: string[], program = 'tar'): Buffer => {
  const path = join(at, name);
  must(program, [...(program === 'busybox' ? ['tar'] : []), '-cf', path, ...args]);
  return readFileSync(path);
};
const plain = archive('plain.lockstep', ['-C', made.path, 'release.json', 'signatures', 'images']);

async function assertRelease(bytes: Buffer, name = 'x.lockstep'): Promise<void> {
  const release = await openRelease([fileOf(name, bytes)]);
  assert.equal(release.id, made.id);
  assert.equal(release.signatures.length, 2);
  for (const [i, image] of release.images.entries()) {
    const chunks: Uint8Array[] = [];
    for (let chunk = 0; chunk < chunkCount(image); chunk++)
      chunks.push(await readChunk(image, chunk));
    assert.ok(Buffer.concat(chunks).equals(made.images[i]!));
  }
}

const LONG = 'a-folder-of-a-very-long-name-as-people-give-them-to-the-folders-of-their-releases-now-and-then';

function inLongFolder(): string {
  const path = join(at, 'long', LONG);
  mkdirSync(path, { recursive: true });
  cpSync(made.path, path, { recursive: true });
  return join(at, 'long');
}

const archives: [string, () => Buffer][] = [
  ['what is in the folder', () => plain],
  ['the folder', () => archive('folder', ['-C', above, 'release'])],
  ['the folder as .', () => archive('dot', ['-C', made.path, '.'])],
  ['by ustar', () => archive('ustar', ['--format=ustar', '-C', made.path, '.'])],
  ['by pax', () => archive('pax', ['--format=pax', '--pax-option=comment:=x', '-C', made.path, '.'])],
  ['by busybox', () => archive('busybox', ['-C', made.path, 'release.json', 'signatures', 'images'], 'busybox')],
  ['images first', () => archive('images', ['-C', made.path, 'images', 'signatures', 'release.json'])],
  ['without its blank end but for one block', () => {
    let end = plain.length;
    while (plain[end - 1] === 0)
      end--;
    return plain.subarray(0, Math.ceil(end / 512) * 512 + 512);
  }],
  ['a long folder, in two parts of a name', () => archive('ustar-long', ['--format=ustar', '-C', inLongFolder(), LONG])],
  ['with links in it, which are passed over', () => {
    const linked = join(at, 'linked');
    cpSync(made.path, linked, { recursive: true });
    symlinkSync('/etc/passwd', join(linked, 'images', 'zz'));
    return archive('links', ['-C', linked, '.']);
  }],
];

for (const [name, make] of archives)
  test(`an archive is read: ${name}`, () => assertRelease(make()));

test('whatever the phone calls it', () => assertRelease(plain, 'document:1234'));

test('beside other files', async () => {
  const release = await openRelease([fileOf('Download/notes.txt', 'x'), fileOf('Download/y.lockstep', plain)]);
  assert.equal(release.id, made.id);
});

test('files are where they are in the archive', async () => {
  const files = await readTar(fileOf('x', plain));
  const manifest = files.find(file => file.path === 'release.json')!;
  assert.equal(Buffer.from(await manifest.read(0, manifest.size)).toString(), made.manifest);
  // Nothing of the next file, or of the header before, can be read through it.
  assert.equal((await manifest.read(0, manifest.size + 5000)).length, manifest.size);
  assert.equal((await manifest.read(manifest.size, 5000)).length, 0);
  assert.equal((await manifest.read(manifest.size + 512, 5000)).length, 0);
});

/** A header with these bytes in it, and the right sum unless that is wanted wrong. */
function header(changes: [number, string][], summed = true): Buffer {
  const block = Buffer.from(plain.subarray(0, 512));
  for (const [offset, text] of changes)
    block.write(text, offset, 'latin1');
  if (summed) {
    block.fill(' ', 148, 156);
    block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return Buffer.concat([block, plain.subarray(512)]);
}

test('a name in two parts is put together, and only where a prefix stands', async () => {
  const long = await readTar(fileOf('x', archive('ustar-paths', ['--format=ustar', '-C', inLongFolder(), LONG])));
  assert.ok(long.some(file => file.path === `${LONG}/release.json`));
  assert.ok(long.some(file => file.path === `${LONG}/images/00-image0.bin`));
  const withTimes = await readTar(fileOf('x', header([[345, '15105074000\0']])));
  assert.equal(withTimes[0]!.path, 'release.json');
});

const damaged: [string, () => Buffer, Trouble['word']][] = [
  ['nothing', () => Buffer.alloc(0), 'no_release'],
  ['zeros', () => Buffer.alloc(10240), 'no_release'],
  ['less than a block', () => plain.subarray(0, 511), 'no_release'],
  ['a compressed one', () => Buffer.concat([Buffer.of(0x1f, 0x8b), plain]), 'no_release'],
  ['another magic', () => header([[257, 'mustar']]), 'no_release'],
  ['a wrong sum', () => header([[0, 'X']], false), 'no_release'],
  ['a wrong sum later', () => {
    const bytes = Buffer.from(plain);
    bytes[512 + Math.ceil(made.manifest.length / 512) * 512]! ^= 1;
    return bytes;
  }, 'damaged_archive'],
  ['cut off within an image', () => plain.subarray(0, 100000), 'damaged_archive'],
  ['cut off between two files', () => plain.subarray(0, 512 + Math.ceil(made.manifest.length / 512) * 512), 'damaged_archive'],
  ['a size that is no number', () => header([[124, '0000000000x\0']]), 'damaged_archive'],
  ['a size below zero', () => header([[124, '-0000000001\0']]), 'damaged_archive'],
  ['a size larger than the archive', () => header([[124, '77777777777\0']]), 'damaged_archive'],
  ['a size that is written in binary', () => header([[124, '\x80\0\0\0\0\0\0\0\0\0\x01\0']]), 'damaged_archive'],
  ['a size with more behind it', () => header([[135, '9']]), 'damaged_archive'],
  ['no size', () => header([[124, '\0'.repeat(12)]]), 'damaged_archive'],
];

for (const [name, make, word] of damaged)
  test(`refused: ${name}`, () => assert.rejects(openRelease([fileOf('x', make())]), trouble(word, 'x')));

test('refused: more files than a release has', async () => {
  const empty = header([[124, '00000000000\0']]).subarray(0, 512);
  const archiveOf = (count: number) =>
    fileOf('x', Buffer.concat([...Array.from({ length: count }, () => empty), Buffer.alloc(1024)]));
  assert.equal((await readTar(archiveOf(512))).length, 512);
  await assert.rejects(readTar(archiveOf(513)), trouble('damaged_archive'));
});

test('whatever is changed, it is refused in words or read as it was signed', async () => {
  let refused = 0;
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.from(plain);
    bytes[(i * 7919) % 6000]! ^= 1 << (i % 8);
    try {
      await assertRelease(bytes);
    } catch (error) {
      if (error instanceof Trouble)
        refused++;
      else
        // Read as another release, which nobody signed: that is for the node to find.
        assert.equal((error as Error).name, 'AssertionError', String(error));
    }
  }
  assert.ok(refused > 30, `${refused} refused`);
});
