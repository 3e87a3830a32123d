// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { keyOfBlob, readSecret, readSignature } from '../../src/sign/usign';
import { folder, must, newKey, run, signatureFile, signifyTakes, tools, trouble } from './programs';

const at = folder();
const ana = newKey(at, 'ana');
const COMMENT = 'untrusted comment: x\n';

const secretBytes = (file: string) => Buffer.from(file.split('\n')[1]!, 'base64');
const fileOf = (bytes: Buffer) => `${COMMENT}${bytes.toString('base64')}\n`;

/** The file with one byte of its blob changed. */
function changed(file: string, index: number): string {
  const bytes = secretBytes(file);
  bytes[index]! ^= 1;
  return fileOf(bytes);
}

/** With the checksum that its secret should have. */
function summed(bytes: Buffer): Buffer {
  createHash('sha512').update(bytes.subarray(40)).digest().copy(bytes, 24, 0, 8);
  return bytes;
}

test('a key of lockstep is read, and is the same key', () => {
  const key = readSecret(ana.sec);
  assert.equal(key.fingerprint, ana.fingerprint);
  assert.equal(key.publicBlob, ana.blob);
});

test('the last line may lack its end', () => {
  assert.equal(readSecret(ana.sec.trimEnd()).fingerprint, ana.fingerprint);
});

for (const text of ['', 'x', 'añadir: ñandú 🛰', 'z'.repeat(65536)])
  test(`signify takes the signature of ${text.length} characters, and of nothing else`, () => {
    const blob = readSecret(ana.sec).sign(text);
    assert.ok(signifyTakes(at, join(at, 'ana.pub'), text, blob));
    assert.ok(!signifyTakes(at, join(at, 'ana.pub'), `${text}.`, blob));
  });

test('the page signs as the C code does, byte for byte, which takes it', () => {
  const release = join(at, 'release');
  writeFileSync(join(at, 'image'), 'an image');
  must(tools, ['release', 'create', '--version', 'Ünder 1', '--sequence', '1', '--image', `demo,a=${at}/image`, '--out', release]);
  const manifest = readFileSync(join(release, 'release.json'), 'utf8');
  must(tools, ['release', 'sign', '--key', join(at, 'ana.sec'), release]);
  const path = join(release, 'signatures', `${ana.fingerprint}.sig`);
  const byC = readSignature(readFileSync(path, 'utf8'));
  const byPage = readSecret(ana.sec).sign(manifest);
  assert.deepEqual(byC, { fingerprint: ana.fingerprint, blob: byPage });

  const bea = newKey(at, 'bea');
  const trust = join(at, 'trust');
  mkdirSync(trust);
  writeFileSync(join(trust, 'bea.pub'), bea.pub);
  const verify = () => run(tools, ['release', 'verify', '--trust', trust, release]).status;
  assert.notEqual(verify(), 0);
  writeFileSync(join(release, 'signatures', 'bea.sig'), signatureFile(readSecret(bea.sec).sign(manifest)));
  assert.equal(verify(), 0);
});

test('a key of signify without a password is read and signs', () => {
  must('signify-openbsd', ['-G', '-n', '-p', join(at, 'of.pub'), '-s', join(at, 'of.sec')]);
  const key = readSecret(readFileSync(join(at, 'of.sec'), 'utf8'));
  assert.equal(key.publicBlob, readFileSync(join(at, 'of.pub'), 'utf8').split('\n')[1]);
  assert.ok(signifyTakes(at, join(at, 'of.pub'), 'an order', key.sign('an order')));
});

test('a key of signify with a password is told apart', () => {
  must('signify-openbsd', ['-G', '-p', join(at, 'locked.pub'), '-s', join(at, 'locked.sec')], 'password\npassword\n');
  assert.throws(() => readSecret(readFileSync(join(at, 'locked.sec'), 'utf8')), trouble('encrypted_key'));
});

/** One key's seed behind another's public key, with the right checksum: what it signs would give the seed away. */
const mixed = () => {
  const bytes = secretBytes(ana.sec);
  secretBytes(newKey(at, 'cid').sec).copy(bytes, 72, 72);
  return fileOf(summed(bytes));
};

const seedChanged = () => {
  const bytes = secretBytes(ana.sec);
  bytes[40]! ^= 1;
  return fileOf(summed(bytes));
};

const refused: [string, () => string, Parameters<typeof trouble>[0]][] = [
  ['nothing', () => '', 'not_a_key'],
  ['a photograph', () => '\u{ff}\u{d8}\u{ff}'.repeat(400), 'not_a_key'],
  ['a blob alone', () => ana.sec.split('\n')[1]!, 'not_a_key'],
  ['another comment', () => ana.sec.replace('untrusted', 'trusted'), 'not_a_key'],
  ['a public key', () => ana.pub, 'public_key_given'],
  ['a signature', () => signatureFile(readSecret(ana.sec).sign('x')), 'signature_given'],
  ['half of the second line', () => ana.sec.slice(0, -70), 'damaged_key'],
  ['a letter too few', () => ana.sec.replace(/..=\n/, '=\n'), 'damaged_key'],
  ['five letters', () => `${COMMENT}RWRCS`, 'damaged_key'],
  ['only a comment', () => COMMENT, 'damaged_key'],
  ['a third line', () => `${ana.sec}\n`, 'not_a_key'],
  ['carriage returns', () => ana.sec.replace(/\n/g, '\r\n'), 'damaged_key'],
  ['a blank before', () => ` ${ana.sec}`, 'not_a_key'],
  ['a blank in the blob', () => ana.sec.replace('RWRC', 'RWR C'), 'damaged_key'],
  ['no padding', () => ana.sec.replace(/=+\n/, '\n'), 'damaged_key'],
  ['loose bits before the padding', () => ana.sec.replace(/.=\n$/, 'B=\n'), 'damaged_key'],
  ['another algorithm', () => changed(ana.sec, 1), 'not_a_key'],
  ['another way to lock', () => changed(ana.sec, 3), 'not_a_key'],
  ['rounds', () => changed(ana.sec, 7), 'encrypted_key'],
  ['another checksum', () => changed(ana.sec, 24), 'damaged_key'],
  ['another seed', () => changed(ana.sec, 40), 'damaged_key'],
  ['another public key', () => changed(ana.sec, 103), 'damaged_key'],
  ['another public key, summed', mixed, 'damaged_key'],
  ['another seed, summed', seedChanged, 'damaged_key'],
  ['a long comment', () => ana.sec.replace('comment: ', `comment: ${'x'.repeat(1280)}`), 'not_a_key'],
];

for (const [name, file, word] of refused)
  test(`refused: ${name}`, () => {
    const given = file();
    assert.notEqual(given, ana.sec);
    assert.throws(() => readSecret(given), trouble(word));
  });

test('what is changed anywhere is read or refused as the C code reads or refuses it', () => {
  const path = join(at, 'changed');
  const letters = 'AaZz09+/=\n \r\0é';
  let taken = 0;
  for (let i = 0; i < ana.sec.length; i++) {
    const file = ana.sec.slice(0, i) + letters[i % letters.length] + ana.sec.slice(i + 1);
    writeFileSync(path, file);
    const shown = run(tools, ['key', 'show', path, '--json']);
    let read: string | null = null;
    try {
      read = readSecret(file).fingerprint;
    } catch (error) {
      assert.equal((error as Error).constructor.name, 'Trouble', String(error));
    }
    const byC = shown.status === 0 ? (JSON.parse(shown.out.toString()) as { fingerprint: string }).fingerprint : null;
    assert.equal(read, byC, `character ${i}`);
    taken += read === null ? 0 : 1;
  }
  // Comment, salt and key number may say anything.
  assert.ok(taken > 20 && taken < 100, `${taken} were taken`);
});

test('a wiped key signs no more, and its seed is overwritten', () => {
  const key = readSecret(ana.sec);
  const seed = secretBytes(ana.sec).subarray(40, 72);
  const fill = Uint8Array.prototype.fill;
  const overwritten: { before: Buffer; now: Uint8Array }[] = [];
  Uint8Array.prototype.fill = function (this: Uint8Array, ...given: [number]) {
    overwritten.push({ before: Buffer.from(this), now: this });
    return fill.apply(this, given);
  };
  try {
    key.wipe();
  } finally {
    Uint8Array.prototype.fill = fill;
  }
  assert.ok(overwritten.some(({ before, now }) => before.equals(seed) && now.every(byte => byte === 0)));
  assert.throws(() => key.sign('x'), trouble('key_forgotten'));
});

test('a key does not show its secret', () => {
  const key = readSecret(ana.sec);
  const seed = secretBytes(ana.sec).subarray(40, 72);
  const shown = JSON.stringify(key) + inspect(key, { showHidden: true, depth: 9 });
  assert.ok(shown.includes(ana.fingerprint));
  for (const secret of [seed.toString('hex'), seed.toString('base64').slice(0, 20), [...seed].join(', ')])
    assert.ok(!shown.includes(secret));
});

test('what is no signature file is none', () => {
  const good = signatureFile(readSecret(ana.sec).sign('x'));
  assert.equal(readSignature(good)?.fingerprint, ana.fingerprint);
  for (const file of ['', ana.pub, ana.sec, good.slice(1), `${good}\n`, good.replace('\nRW', '\nRX')])
    assert.equal(readSignature(file), null);
});

test('the key of a public blob', () => {
  assert.deepEqual(Buffer.from(keyOfBlob(ana.blob)!), Buffer.from(ana.blob, 'base64').subarray(10));
  for (const blob of ['', 'R', 'RW', 'RWRWR', 'RW==', '====', 'R===', ana.blob.slice(4), `${ana.blob}AAAA`, `${ana.blob}\n`, ana.blob.replace('RW', 'RX')])
    assert.equal(keyOfBlob(blob), null);
});
