// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readManifest } from '../../src/sign/manifest';
import { folder, run, tools, trouble } from './programs';
import { makeRelease } from './release';

type Json = Record<string, unknown>;

const at = folder();
const made = makeRelease(at);
const place = join(at, 'changed');
mkdirSync(place);

/** Does the C code take it as a release.json? */
function cTakes(bytes: Buffer | string): boolean {
  writeFileSync(join(place, 'release.json'), bytes);
  const { status, err } = run(tools, ['release', 'show', place]);
  if (status !== 0)
    assert.match(err, /release/);
  return status === 0;
}

function changed(change: (document: Json, image: Json) => void): string {
  const document = JSON.parse(made.manifest) as Json & { images: Json[] };
  change(document, document.images[0]!);
  return JSON.stringify(document);
}

const set = (members: Json) => changed(document => Object.assign(document, members));
const image = (members: Json) => changed((_, first) => Object.assign(first, members));
const without = (name: string) => changed(document => delete document[name]);
const imageWithout = (name: string) => changed((_, first) => delete first[name]);
const ofBytes = (size: number, chunk_size: number, count: number) =>
  image({ size, chunk_size, chunks: Buffer.alloc(count * 32).toString('base64') });
/** One image each for the boards of `lists`. */
const boards = (...lists: string[][]) =>
  changed((document, first) => (document['images'] = lists.map(list => ({ ...first, boards: list }))));
const names = (count: number, prefix = 'b') => Array.from({ length: count }, (_, i) => prefix + i);

const taken: [string, string | Buffer][] = [
  ['as it was made', made.manifest],
  ['what may be missing', changed((document, first) => {
    delete document['created'];
    delete document['info_url'];
    delete first['compat_version'];
    delete first['urls'];
  })],
  ['unknown members', set({ more: { of: ['it'] } })],
  ['blanks around', ` \n${made.manifest}\n\t `],
  ['the longest version', set({ version: 'ñ'.repeat(63) + '.' })],
  ['the highest sequence', set({ sequence: 2 ** 53 - 1 })],
  ['the longest URL', set({ info_url: 'x'.repeat(255) })],
  ['16 boards', image({ boards: names(16) })],
  ['a long board', image({ boards: ['ñ'.repeat(31) + '.'] })],
  ['64 images', boards(...names(64).map(name => [name]))],
  ['a board twice in one image', image({ boards: ['x', 'x'] })],
  ['the longest file', image({ file: `images/${'f'.repeat(63)}` })],
  ['4 URLs', image({ urls: names(4) })],
  ['compat 10.20', image({ compat_version: '10.20' })],
  ['compat of 15', image({ compat_version: '1234567.1234567' })],
  ['1 byte', ofBytes(1, 65536, 1)],
  ['1024 chunks', ofBytes(1024 * 1024, 1024, 1024)],
  ['64 MiB', ofBytes(64 * 1024 * 1024, 65536, 1024)],
  ['another kind', image({ kind: 'k'.repeat(31) })],
];

const refused: [string, string, string | Buffer][] = [
  ['nothing', '', ''],
  ['no JSON', '', '{'],
  ['a list', '', '[]'],
  ['null', '', 'null'],
  ['something behind', '', `${made.manifest}x`],
  ['no UTF-8', '', Buffer.concat([Buffer.from(made.manifest).subarray(0, 40), Buffer.of(0xff), Buffer.from(made.manifest).subarray(40)])],
  ['a byte order mark', '', `\ufeff${made.manifest}`],
  ['too large', '', made.manifest + ' '.repeat(1048577 - Buffer.byteLength(made.manifest))],
  ['format 2', 'lockstep', set({ lockstep: 2 })],
  ['format "1"', 'lockstep', set({ lockstep: '1' })],
  ['no format', 'lockstep', without('lockstep')],
  ['no version', 'version', without('version')],
  ['an empty version', 'version', set({ version: '' })],
  ['a version that steers', 'version', set({ version: 'a\u001b[2J' })],
  ['a version that steers in C1', 'version', set({ version: 'a\u0085b' })],
  ['a long version', 'version', set({ version: 'ñ'.repeat(64) })],
  ['a version that is a number', 'version', set({ version: 2 })],
  ['sequence 0', 'sequence', set({ sequence: 0 })],
  ['sequence 1.5', 'sequence', set({ sequence: 1.5 })],
  ['too high a sequence', 'sequence', set({ sequence: 2 ** 53 })],
  ['a sequence below zero', 'sequence', set({ sequence: -1 })],
  ['created null', 'created', set({ created: null })],
  ['a long created', 'created', set({ created: 'x'.repeat(32) })],
  ['a long info_url', 'info_url', set({ info_url: 'x'.repeat(256) })],
  ['no images', 'images', without('images')],
  ['images none', 'images', set({ images: [] })],
  ['images an object', 'images', set({ images: {} })],
  ['an image that is none', 'images[0]', set({ images: [1] })],
  ['an image that is null', 'images[0]', set({ images: [null] })],
  ['65 images', 'images', boards(...names(65).map(name => [name]))],
  ['a board in two images', 'images[1].boards', boards(['a', 'b'], ['c', 'b'])],
  ['no boards', 'images[0].boards', image({ boards: [] })],
  ['boards a text', 'images[0].boards', image({ boards: 'demo,a' })],
  ['an empty board', 'images[0].boards', image({ boards: ['a', ''] })],
  ['17 boards', 'images[0].boards', image({ boards: names(17) })],
  ['a long board', 'images[0].boards', image({ boards: ['x'.repeat(64)] })],
  ['a board that is a number', 'images[0].boards', image({ boards: [1] })],
  ['a file elsewhere', 'images[0].file', image({ file: 'signatures/x' })],
  ['a file above', 'images[0].file', image({ file: 'images/../release.json' })],
  ['a hidden file', 'images[0].file', image({ file: 'images/.x' })],
  ['a file below', 'images[0].file', image({ file: 'images/a/b' })],
  ['a file like an option', 'images[0].file', image({ file: 'images/-x' })],
  ['no file', 'images[0].file', imageWithout('file')],
  ['an empty file', 'images[0].file', image({ file: 'images/' })],
  ['a long file', 'images[0].file', image({ file: `images/${'f'.repeat(64)}` })],
  ['no kind', 'images[0].kind', imageWithout('kind')],
  ['a kind of two words', 'images[0].kind', image({ kind: 'a b' })],
  ['a long kind', 'images[0].kind', image({ kind: 'k'.repeat(32) })],
  ['a short hash', 'images[0].sha256', image({ sha256: 'a'.repeat(63) })],
  ['a hash in capitals', 'images[0].sha256', image({ sha256: 'A'.repeat(64) })],
  ['a hash with a blank before', 'images[0].sha256', image({ sha256: ` ${'a'.repeat(63)}` })],
  ['no size', 'images[0].size', imageWithout('size')],
  ['size 0', 'images[0].size', ofBytes(0, 65536, 0)],
  ['too many chunks', 'images[0].size', ofBytes(1024 * 1024 + 1, 1024, 1025)],
  ['more than 64 MiB', 'images[0].size', ofBytes(64 * 1024 * 1024 + 1, 65536, 1025)],
  ['small chunks', 'images[0].chunk_size', ofBytes(512, 512, 1)],
  ['large chunks', 'images[0].chunk_size', ofBytes(512, 131072, 1)],
  ['odd chunks', 'images[0].chunk_size', ofBytes(512, 1025, 1)],
  ['a hash too few', 'images[0].chunks', ofBytes(65537, 65536, 1)],
  ['a hash too many', 'images[0].chunks', ofBytes(65536, 65536, 2)],
  ['a byte too many', 'images[0].chunks', image({ size: 1, chunks: Buffer.alloc(33).toString('base64') })],
  ['a byte too few', 'images[0].chunks', image({ size: 1, chunks: Buffer.alloc(31).toString('base64') })],
  ['no chunks', 'images[0].chunks', imageWithout('chunks')],
  ['chunks with a blank', 'images[0].chunks', image({ size: 1, chunks: `${Buffer.alloc(32).toString('base64').slice(0, 42)} =` })],
  ['chunks for URLs', 'images[0].chunks', image({ size: 1, chunks: Buffer.alloc(32, 255).toString('base64url') + '=' })],
  ['chunks with loose bits', 'images[0].chunks', image({ size: 1, chunks: `${'A'.repeat(42)}B=` })],
  ['compat 1', 'images[0].compat_version', image({ compat_version: '1' })],
  ['compat 01.0', 'images[0].compat_version', image({ compat_version: '01.0' })],
  ['compat 1.0.0', 'images[0].compat_version', image({ compat_version: '1.0.0' })],
  ['compat of nothing', 'images[0].compat_version', image({ compat_version: '' })],
  ['compat of 16', 'images[0].compat_version', image({ compat_version: '12345678.1234567' })],
  ['5 URLs', 'images[0].urls', image({ urls: names(5) })],
  ['a long image URL', 'images[0].urls', image({ urls: ['x'.repeat(256)] })],
];

for (const [name, text] of taken)
  test(`taken, as by the C code: ${name}`, () => {
    assert.ok(cTakes(text));
    readManifest(Buffer.from(text));
  });

for (const [name, member, text] of refused)
  test(`refused, as by the C code: ${name}`, () => {
    assert.ok(!cTakes(text));
    assert.throws(() => readManifest(Buffer.from(text)), trouble('bad_release', member));
  });

test('what it says is what stands in it', () => {
  const manifest = readManifest(Buffer.from(made.manifest));
  const said = JSON.parse(made.manifest) as Json & { images: Json[] };
  for (const member of ['version', 'sequence', 'created', 'info_url'] as const)
    assert.equal(manifest[member], said[member]);
  for (const [i, one] of manifest.images.entries())
    for (const member of ['boards', 'file', 'size', 'sha256', 'chunk_size'] as const)
      assert.deepEqual(one[member], said.images[i]![member]);
});

test('a document that is nested very deeply is refused and no more', () => {
  assert.throws(() => readManifest(Buffer.from('['.repeat(1000000))), trouble('bad_release', ''));
});
