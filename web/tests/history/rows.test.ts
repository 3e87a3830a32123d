// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { momentsOf, rowsOf, troubles } from '../../src/history/rows';
import type { PastUpgrade, State } from '../../src/model/types';

const upgrade = (nodes: PastUpgrade['nodes'], more: Partial<PastUpgrade> = {}): PastUpgrade => ({
  id: '0011223344556677', epoch: 3, release: 'ab', version: '2.0', sequence: 2, begun: 1000, ended: 2000,
  phase: 'confirmed', participants: nodes.length, orders: [{ kind: 'start', at: 1000, signed_by: 'aa', wave: 0 }],
  nodes, ...more,
});
const node = (name: string, reason: string, ...states: [State, number][]) => ({ name, reason, states });

test('each state lasts until the next, the last one until the end', () => {
  const [row] = rowsOf(upgrade([node('a', '', ['DOWNLOADING', 1005], ['UPGRADE_READY', 1060])]), 2000);
  assert.deepEqual(row!.spans.map(({ state, tone, from, to }) => [state, tone, from, to]), [
    ['DOWNLOADING', 'busy', 1005, 1060],
    ['UPGRADE_READY', 'ready', 1060, 2000],
  ]);
  assert.equal(row!.bad, false);
});

test('no time runs backwards, whatever the clock did', () => {
  const [row] = rowsOf(upgrade([node('a', '', ['DOWNLOADING', 1500], ['UPGRADE_READY', 40], ['FLASHING', 1600])]), 2000);
  let before = 1000;
  for (const { from, to } of row!.spans) {
    assert.ok(from >= before && to >= from);
    before = to;
  }
});

test('bad ends come first, then names as people count', () => {
  const rows = rowsOf(upgrade([
    node('node10', '', ['UPDATED', 1900]),
    node('node2', '', ['UPDATED', 1900]),
    node('node9', 'unhealthy', ['REVERTED', 1800]),
    node('node1', ''),
  ]), 2000);
  assert.deepEqual(rows.map(({ name }) => name), ['node9', 'node1', 'node2', 'node10']);
  assert.deepEqual(rows.map(({ bad }) => bad), [true, false, false, false]);
});

test('a state that this page does not know is shown as wrong, not dropped', () => {
  const [row] = rowsOf(upgrade([node('a', '', ['DANCING' as State, 1500])]), 2000);
  assert.equal(row!.spans[0]!.tone, 'wrong');
  assert.ok(row!.bad);
});

test('the same end is told once for all that had it, the many first', () => {
  const rows = rowsOf(upgrade([
    node('a', 'no_image_for_board', ['UPGRADE_CHECK_FAILED', 1100]),
    node('b', 'wave_reverted', ['REVERTED', 1800]),
    node('c', 'wave_reverted', ['REVERTED', 1801]),
    node('d', 'unhealthy', ['REVERTED', 1801]),
    node('e', '', ['UPDATED', 1801]),
  ]), 2000);
  assert.deepEqual(troubles(rows).map(({ reason, names }) => `${reason}: ${names}`), [
    'wave_reverted: b,c',
    'no_image_for_board: a',
    'unhealthy: d',
  ]);
});

test('moments: each once, in order, none before the beginning, and the end', () => {
  const past = upgrade([node('a', '', ['DOWNLOADING', 1005], ['UPDATED', 1500]), node('b', '', ['DOWNLOADING', 1005], ['UPDATED', 900])]);
  assert.deepEqual(momentsOf(past, 9999), [1000, 1005, 1500, 2000]);
});

test('moments: an open upgrade ends now, a late straggler after the end', () => {
  const open = upgrade([node('a', '', ['DOWNLOADING', 1005])], { ended: null });
  assert.deepEqual(momentsOf(open, 1700), [1000, 1005, 1700]);
  const late = upgrade([node('a', '', ['UPDATED', 2500])]);
  assert.deepEqual(momentsOf(late, 9999), [1000, 2000, 2500]);
});
