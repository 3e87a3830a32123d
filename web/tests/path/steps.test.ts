// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where a person stands on the way, and what was chosen on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshNode, Phase, Release, State, Upgrade } from '../../src/model/types';
import { candidates, groupsOf, neededOf, newDraft, startOf, takesPart, urlsOf, withNames } from '../../src/path/plan';
import { isOver, progressOfAll, sceneOf, stepOf, stepsDone } from '../../src/path/scene';
import { Speed } from '../../src/path/speed';
import { countdownMs, nextTime } from '../../src/path/when';

const upgrade = (more: Partial<Upgrade> = {}): Upgrade => ({
  id: '00112233aabbccdd',
  epoch: 4,
  start: '',
  release: '',
  version: 'Demo 2.0',
  sequence: 2,
  confirm: 'operator',
  policy: 'atomic',
  quorum: 100,
  waves: 1,
  allow_single_slot: false,
  allow_downgrade: false,
  phase: 'open',
  wave: 0,
  schedule: '',
  countdown_ms: null,
  confirm_window_s: 600,
  window_remaining_ms: null,
  signed_by: '',
  waiting: null,
  ...more,
});

const node = (name: string, state: State, more: Partial<MeshNode> = {}): MeshNode => ({
  name,
  participant: true,
  here: false,
  neighbour: false,
  seen_ms: 100,
  wave: 0,
  state,
  upgrade: '00112233aabbccdd',
  epoch: 4,
  ...more,
});

test('steps behind a router', () => {
  const cases: [State, Partial<MeshNode>, number][] = [
    ['DOWNLOADING', {}, 0],
    ['DOWNLOAD_ERROR', {}, 0],
    ['UPGRADE_READY', {}, 1],
    ['UPGRADE_SCHEDULED', {}, 2],
    ['FLASHING', {}, 3],
    ['CONFIRMATION_PENDING', {}, 4],
    ['CONFIRMATION_PENDING', { healthy: true }, 5],
    ['UPDATED', { flashed: true }, 6],
    ['UPDATED', {}, 0],
    ['REVERTED', { flashed: true }, 0],
    ['UPGRADE_READY', { epoch: 3 }, 0],
    ['UPGRADE_READY', { upgrade: 'ffffffffffffffff' }, 0],
  ];
  for (const [state, more, steps] of cases)
    assert.equal(stepsDone(upgrade(), node('a', state, more)), steps, `${state} ${JSON.stringify(more)}`);
});

test('the scene is the present group', () => {
  const nodes = [
    node('a', 'UPGRADE_READY'),
    node('b', 'DOWNLOADING'),
    node('c', 'UPGRADE_READY', { wave: 1 }),
    node('d', 'UPDATED', { participant: false }),
  ];
  const scene = sceneOf(upgrade({ waves: 2 }), nodes);
  assert.deepEqual(scene.group.map(({ name }) => name), ['a', 'b']);
  assert.deepEqual(scene.done(1).map(({ name }) => name), ['a']);
  assert.deepEqual(scene.missing(1).map(({ name }) => name), ['b']);
  assert.equal(scene.needed, 2);
  assert.deepEqual(sceneOf(upgrade({ waves: 2, wave: 1 }), nodes).group.map(({ name }) => name), ['c']);
});

test('phases and what the person does in them', () => {
  const ready = [node('a', 'UPGRADE_READY'), node('b', 'UPGRADE_READY')];
  const slow = [node('a', 'UPGRADE_READY'), node('b', 'DOWNLOADING')];
  const at = (phase: Phase, nodes = ready, { chosen = false, forced = false, dark = false } = {}) => {
    const now = upgrade({ phase });
    return stepOf(now, isOver(now) ? null : sceneOf(now, nodes), chosen, forced, dark);
  };
  assert.equal(stepOf(null, null, false, false, false), 'choose');
  assert.equal(stepOf(null, null, true, false, false), 'check');
  for (const phase of ['confirmed', 'aborted', 'reverted'] as const) {
    assert.equal(at(phase), 'choose');
    assert.equal(at(phase, ready, { chosen: true }), 'check');
  }
  assert.equal(at('open', slow), 'fetch');
  assert.equal(at('open', slow, { forced: true }), 'time');
  assert.equal(at('open', ready), 'time');
  assert.equal(at('open', ready, { chosen: true }), 'time');
  assert.equal(at('scheduled'), 'time');
  assert.equal(at('scheduled', ready, { dark: true }), 'install');
  assert.equal(at('flashing'), 'install');
  assert.equal(at('confirming'), 'keep');
});

test('progress is of those who know what they fetch', () => {
  const nodes = [node('a', 'DOWNLOADING', { held_bytes: 5, image_bytes: 10 }), node('b', 'DOWNLOADING')];
  assert.deepEqual(progressOfAll(nodes), { held: 5, total: 10 });
});

test('who takes part', () => {
  const nodes = [node('a', 'UPDATED'), node('b', 'UPDATED'), node('x', 'UPDATED')];
  const list = ['a', 'b', 'gone'];
  const names = (draft = newDraft(), belong = list) => candidates(nodes, belong).filter(takesPart(draft, belong));
  assert.deepEqual(names(), ['a', 'b', 'gone']);
  assert.deepEqual(names(newDraft(), []), ['a', 'b', 'x']);
  assert.deepEqual(names({ ...newDraft(), base: 'seen' }), ['a', 'b', 'gone', 'x']);
  let draft = withNames(newDraft(), list, ['gone', 'x'], false);
  assert.deepEqual(names(draft), ['a', 'b']);
  draft = withNames(draft, list, ['x', 'a'], true);
  assert.deepEqual(names(draft), ['a', 'b', 'x']);
  draft = withNames(draft, list, ['a', 'b', 'gone', 'x'], false);
  assert.deepEqual(names(draft), []);
  assert.equal(newDraft().flipped.size, 0);
});

test('groups: who is in none is in the last, and none is empty', () => {
  const draft = { ...newDraft(), groups: 3, group: new Map([['b', 0], ['c', 9]]) };
  assert.deepEqual(groupsOf(draft, ['a', 'b', 'c']), [['b'], ['a', 'c']]);
  assert.deepEqual(groupsOf({ ...draft, groups: 1 }, ['a', 'b', 'c']), [['a', 'b', 'c']]);
});

test('how many are needed: the percentage, and more than half', () => {
  const cases: [number, number, number][] = [
    [12, 100, 12],
    [12, 90, 11],
    [12, 1, 7],
    [1, 1, 1],
    [3, 50, 2],
    [4, 50, 3],
  ];
  for (const [count, quorum, needed] of cases)
    assert.equal(neededOf(count, quorum), needed, `${count} ${quorum}`);
});

test('a start: groups become waves, only who was shown may have no way back', () => {
  const nodes = ['a', 'b', 'c'].map((name, i) => node(name, 'UPDATED', { key: `key-${name}`, highest_epoch: i + 5, here: i === 0, address: '10.0.0.1:8430' }));
  const mesh = { lockstep: '', mesh: 'm', node: 'a', highest_epoch: 2, upgrade: null, nodes };
  const release = { id: 'ab', version: 'V', sequence: 3, source: 'upload', place: '' } as Release;
  const draft = { ...newDraft(), release, groups: 2, group: new Map([['b', 0]]), single: new Set(['c']) };
  const start = startOf(draft, mesh, nodes, ['a', 'b']);
  assert.deepEqual(start.participants, [
    { name: 'b', key: 'key-b', wave: 0 },
    { name: 'a', key: 'key-a', wave: 1 },
  ]);
  assert.equal(start.epoch, 8);
  assert.equal(start.policy.allow_single_slot, false);
  assert.equal(startOf(draft, mesh, nodes, ['a', 'c']).policy.allow_single_slot, true);
  assert.deepEqual(start.release, { id: 'ab', version: 'V', sequence: 3, urls: ['http://10.0.0.1:8430/v1/releases/ab/'] });
});

test('where routers find it', () => {
  const here = [node('a', 'UPDATED', { here: true, address: '[fd00::1]:8430' })];
  const release = (more: Partial<Release>) => ({ id: 'ab', source: 'media', place: '/mnt/x', ...more }) as Release;
  assert.deepEqual(urlsOf(release({}), here), ['http://[fd00::1]:8430/v1/releases/ab/']);
  assert.deepEqual(urlsOf(release({}), [node('a', 'UPDATED', { here: true, address: '' })]), []);
  assert.deepEqual(urlsOf(release({ source: 'url', place: 'http://x/y' }), here), ['http://x/y/']);
  assert.deepEqual(urlsOf(release({ source: 'url', place: 'http://x/y/' }), here), ['http://x/y/']);
});

test('times of day are the next ones', () => {
  const now = new Date(2026, 10, 27, 22, 15, 30);
  assert.deepEqual(nextTime('22:16', now), new Date(2026, 10, 27, 22, 16));
  assert.deepEqual(nextTime('22:15', now), new Date(2026, 10, 28, 22, 15));
  assert.deepEqual(nextTime('22:16', new Date(2026, 10, 27, 22, 15, 59, 500)), new Date(2026, 10, 28, 22, 16));
  assert.deepEqual(nextTime('3:05', now), new Date(2026, 10, 28, 3, 5));
  assert.deepEqual(nextTime('0:00', new Date(2026, 11, 31, 12)), new Date(2027, 0, 1));
  for (const text of ['', '24:00', '7:60', '730', '-1:00', 'x'])
    assert.equal(nextTime(text, now), null, text);
});

test('countdowns last from a second to a day', () => {
  const now = new Date(2026, 10, 27, 22, 15, 30);
  const ms = (how: 'now' | 'in' | 'at', minutes = 30, time = '23:00') => countdownMs({ how, minutes, time }, now);
  assert.equal(ms('now'), 60000);
  assert.equal(ms('in', 90), 5400000);
  assert.equal(ms('in', 1440), 86400000);
  assert.equal(ms('in', 1441), null);
  assert.equal(ms('in', 0), null);
  assert.equal(ms('in', NaN), null);
  assert.equal(ms('at'), 44.5 * 60000);
  assert.equal(ms('at', 30, ''), null);
});

test('what is left, by what was seen lately', () => {
  const speed = new Speed();
  assert.equal(speed.left(100), null);
  for (let second = 0; second <= 45; second++)
    speed.add(second * 1000, second < 20 ? second * 1000 : 20000 + (second - 20) * 100);
  // 100 bytes a second by now; what was before does not count.
  assert.equal(Math.round(speed.left(1000)!), 10);
  speed.add(46000, 0);
  assert.equal(speed.left(1000), null, 'it began anew');
  for (let second = 47; second < 60; second++)
    speed.add(second * 1000, 0);
  assert.equal(speed.left(1000), null, 'nothing moves');
});
