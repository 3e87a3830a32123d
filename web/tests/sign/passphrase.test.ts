// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deriveKey, passphraseWeakness } from '../../src/sign/passphrase';
import { scrypt } from '../../src/sign/scrypt';
import { fromSeed } from '../../src/sign/usign';
import { utf8 } from '../../src/sign/bytes';
import { folder, run, signifyTakes, tools, trouble } from './programs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const at = folder();
const GOOD = 'six plain words make a key';

/** The C code's public key file; null where it finds the passphrase weak. */
function byC(passphrase: string, mesh: string): string | null {
  const { status, out, err } = run(tools, ['key', 'derive', '--mesh', mesh], `${passphrase}\n`);
  if (status !== 0)
    assert.match(err, /weak_passphrase|too short|repeats itself|no passphrase/);
  return status === 0 ? out.toString() : null;
}

test('scrypt is that of RFC 7914', async () => {
  const key = await scrypt(utf8('pleaseletmein'), utf8('SodiumChloride'), 16384, () => undefined);
  assert.equal(Buffer.from(key).toString('hex'), '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2');
});

test('scrypt is that of another implementation, for all lengths of what goes in', async () => {
  for (const [length, n] of [[0, 2], [1, 4], [63, 2], [64, 16], [65, 2], [255, 1024]] as const) {
    const passphrase = Buffer.alloc(length, 'Ae9 ');
    const salt = Buffer.alloc(255 - length, 'xyz');
    const key = await scrypt(passphrase, salt, n, () => undefined);
    assert.deepEqual(Buffer.from(key), scryptSync(passphrase, salt, 32, { N: n, r: 8, p: 1 }));
  }
});

const passphrases: [string, string, string][] = [
  ['plain', GOOD, 'demo'],
  ['of another mesh', GOOD, 'other.mesh-1'],
  ['with letters of other languages', 'ñandú – çedilla – ß – 🛰 satélite', 'demo'],
  ['composed as it was typed', 'a\u0301rbol a\u0301rbol a\u0301rbol', 'demo'],
  ['with blanks around', '  six plain words make a key  ', 'demo'],
  ['longer than a line may be', 'a very long one, '.repeat(20), 'demo'],
  ['cut within a letter', 'x123456'.repeat(36) + 'yz€€', 'demo'],
  ['longer than a block of the hash', 'this passphrase is longer than the 64 bytes that HMAC takes as they are', 'demo'],
  ['with a carriage return', `${GOOD}\rmore`, 'demo'],
];

for (const [name, passphrase, mesh] of passphrases)
  test(`the key is that of the C code: ${name}`, async () => {
    const file = byC(passphrase, mesh);
    assert.ok(file !== null);
    const key = await deriveKey(passphrase, mesh);
    assert.equal(key.publicBlob, file.split('\n')[1]);
    writeFileSync(join(at, 'key.pub'), file);
    assert.ok(signifyTakes(at, join(at, 'key.pub'), 'an order', key.sign('an order')));
  });

test('another passphrase is another key', async () => {
  const keys = [await deriveKey(GOOD, 'demo'), await deriveKey(`${GOOD}s`, 'demo'), await deriveKey(GOOD, 'demo2')];
  assert.equal(new Set(keys.map(key => key.fingerprint)).size, 3);
});

const weak: [string, ReturnType<typeof passphraseWeakness>][] = [
  ['', 'passphrase_short'],
  ['fifteen letters', 'passphrase_short'],
  ['sixteen letters!', null],
  ['a'.repeat(40), 'passphrase_repeats'],
  ['abcdefg'.repeat(9), 'passphrase_repeats'],
  ['abcdefgh'.repeat(2), null],
  // Bytes count, as in C: 8 letters of 2 bytes are 16, of 9 kinds.
  ['áéíóúüñç', null],
  ['áéíóúüñ', 'passphrase_short'],
  ['áááááááááááááááá', 'passphrase_repeats'],
  ['abcdefghijklmno\rp', 'passphrase_short'],
  ['abcdefghijklmno\0p', 'passphrase_short'],
  ['a'.repeat(255) + 'bcdefgh', 'passphrase_repeats'],
];

for (const [passphrase, word] of weak)
  test(`${word ?? 'good'}: ${JSON.stringify(passphrase.slice(0, 20))}`, async () => {
    assert.equal(passphraseWeakness(passphrase), word);
    assert.equal(byC(passphrase, 'demo') === null, word !== null);
    if (word)
      await assert.rejects(deriveKey(passphrase, 'demo'), trouble(word));
  });

test('others get their turn while a key is derived, and progress rises to 1', async () => {
  const parts: number[] = [];
  let turns = 0;
  let done = false;
  const others = (async () => {
    while (!done) {
      await sleep(1);
      turns++;
    }
  })();
  await deriveKey(GOOD, 'demo', part => parts.push(part));
  done = true;
  await others;
  assert.ok(parts.length >= 2, `${parts.length} reports`);
  assert.ok(turns >= parts.length - 1, `${turns} turns`);
  assert.deepEqual(parts, [...parts].sort((a, b) => a - b));
  assert.equal(parts[parts.length - 1], 1);
});

test('where there is not enough memory, it says so', async () => {
  const Whole = Int32Array;
  class Small extends Whole {
    constructor(...given: [number]) {
      if (given[0] > 1000000)
        throw new RangeError('Array buffer allocation failed');
      super(...given);
    }
  }
  globalThis.Int32Array = Small as unknown as typeof Int32Array;
  try {
    await assert.rejects(deriveKey(GOOD, 'demo'), trouble('no_memory'));
  } finally {
    globalThis.Int32Array = Whole;
  }
});

test('a seed is wiped once the key is made of it', () => {
  const seed = new Uint8Array(32).fill(7);
  const key = fromSeed(seed);
  assert.deepEqual(seed, new Uint8Array(32));
  assert.equal(key.publicBlob, fromSeed(new Uint8Array(32).fill(7)).publicBlob);
});
