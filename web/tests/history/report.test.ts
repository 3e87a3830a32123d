// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileName, gather, wrap } from '../../src/history/report';

test('file names hold nothing that a file system would mind', () => {
  assert.equal(fileName('demo', '2024.1', '2026-11-23'), 'lockstep-demo-2024.1-2026-11-23');
  assert.equal(fileName('Red ñandú/../..', 'v1 "x"', '2026-11-23'), 'lockstep-Red-ñandú-..-..-v1-x-2026-11-23');
  assert.equal(fileName('a'.repeat(300)).length, 100);
  assert.doesNotMatch(fileName('\u0000\n:*?<>|\\', '…'), /[^\w.-]/);
});

test('an answer that does not come is told, and costs no other', async () => {
  const ask = async (path: string) => {
    if (path === '/v1/log')
      throw new Error('gone');
    return { path };
  };
  assert.deepEqual(await gather(ask, ['status', 'log', 'mesh']), {
    status: { path: '/v1/status' },
    log: { error: 'Error: gone' },
    mesh: { path: '/v1/mesh' },
  });
});

test('lines are no longer than asked for, unless one word is', () => {
  assert.deepEqual(wrap('one two three four', 9), ['one two', 'three', 'four']);
  assert.deepEqual(wrap('averyveryverylongname and', 9), ['averyveryverylongname', 'and']);
  assert.deepEqual(wrap('', 9), []);
  const text = 'a bb ccc dddd eeeee '.repeat(20).trim();
  assert.equal(wrap(text, 30).join(' '), text);
  assert.ok(wrap(text, 30).every(line => line.length <= 30));
});
