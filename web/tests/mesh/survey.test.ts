// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countDone, fingerprint, KINDS, mostRun, NO_FILTER, pageOf, pick, sort, survey, type Memory, type Row } from '../../src/mesh/survey';
import type { Mesh, MeshNode, State, Upgrade } from '../../src/model/types';

const NOW = 10_000_000;
const MINUTE = 60000;

function node(name: string, more: Partial<MeshNode> = {}): MeshNode {
  return {
    name, participant: true, here: false, neighbour: false, seen_ms: 0, heard: NOW, wave: 0, state: 'UPDATED', reason: '', message: '',
    version: 'A 1', board: 'demo,alpha', slots: 2, links: {}, upgrade: '', ...more,
  };
}

function upgrade(more: Partial<Upgrade> = {}): Upgrade {
  return {
    id: 'u1', epoch: 2, start: '', release: '', version: 'A 2', sequence: 2, confirm: 'operator', policy: 'atomic', quorum: 100, waves: 1,
    allow_single_slot: false, allow_downgrade: false, phase: 'open', wave: 0, schedule: '', countdown_ms: null, confirm_window_s: 600,
    window_remaining_ms: null, signed_by: '', waiting: null, ...more,
  };
}

function look(nodes: MeshNode[], more: { upgrade?: Upgrade | null; expected?: string[]; now?: number; memory?: Memory } = {}) {
  const mesh: Mesh = { lockstep: '', mesh: 'm', node: '', highest_epoch: 1, upgrade: more.upgrade ?? null, nodes };
  return survey(new Map(nodes.map(each => [each.name, each])), mesh, more.expected ?? [], more.now ?? NOW, more.memory ?? new Map());
}

const only = (rows: Iterable<Row>) => [...rows].map(row => row.name);
const attention = (nodes: MeshNode[], more = {}) => only(look(nodes, more).rows.filter(row => row.attention));

test('a link that both measured is as fast as its slower direction', () => {
  const { links, near } = look([node('a', { links: { b: 9000 } }), node('b', { links: { a: 4000, c: 500 } }), node('c')]);
  assert.deepEqual(links, [
    { a: 0, b: 1, kbit: 4000, sides: 2, slow: false },
    { a: 1, b: 2, kbit: 500, sides: 1, slow: true },
  ]);
  assert.equal(near[2]!.get(1), links[1]);
  assert.equal(look([node('a', { links: { b: 4000 } }), node('b', { links: { a: 9000 } })]).links[0]!.kbit, 4000);
});

test('what a record says of links is not believed blindly', () => {
  const strange = JSON.parse('{"a":5,"nobody":9,"b":-1,"c":"fast","__proto__":7,"constructor":8}') as Record<string, number>;
  assert.deepEqual(look([node('a', { links: strange }), node('b'), node('c')]).links, []);
});

test('neighbours that nobody measured are joined', () => {
  const { links } = look([node('a', { here: true }), node('b', { neighbour: true }), node('c')]);
  assert.deepEqual(links, [{ a: 0, b: 1, kbit: null, sides: 0, slow: false }]);
});

test('links outlive a restart for ten minutes, and an upgrade', () => {
  const memory: Memory = new Map();
  const before = [node('a', { links: { b: 9000 } }), node('b', { links: { a: 9000 } })];
  const after = [node('a'), node('b')];
  look(before, { memory });
  assert.deepEqual(look(after, { memory, now: NOW + 9 * MINUTE }).links, [{ a: 0, b: 1, kbit: 9000, sides: 0, slow: false }]);
  look(after, { memory, now: NOW + 9 * MINUTE, upgrade: upgrade({ phase: 'confirming' }) });
  assert.equal(look(after, { memory, now: NOW + 18 * MINUTE }).links.length, 1);
  assert.equal(look(after, { memory, now: NOW + 20 * MINUTE }).links.length, 0);
});

test('who is expected and unknown is there, once, and in its place', () => {
  const { rows, counts } = look([node('a'), node('c')], { expected: ['b', 'c', 'b'] });
  assert.deepEqual(rows.map(row => [row.name, row.kind, row.attention]), [['a', 'UPDATED', false], ['b', 'gone', true], ['c', 'UPDATED', false]]);
  assert.deepEqual([...counts], [['UPDATED', 2], ['gone', 1]]);
});

test('who is silent is gone, each by what is usual for its state', () => {
  const kind = (state: State, ago: number, open: boolean, n = 1) =>
    look([node('a', { state, heard: NOW - ago }), ...Array.from({ length: n - 1 }, (_, i) => node(`b${i}`))], {
      upgrade: open ? upgrade() : null,
    }).rows[0]!.kind;
  assert.equal(kind('UPDATED', 10 * MINUTE, false), 'UPDATED');
  assert.equal(kind('UPDATED', 12 * MINUTE, false), 'gone');
  assert.equal(kind('DOWNLOADING', 1.1 * MINUTE, true), 'gone');
  assert.equal(kind('DOWNLOADING', 1.1 * MINUTE, false), 'DOWNLOADING');
  assert.equal(kind('UPGRADE_READY', 10 * MINUTE, true), 'UPGRADE_READY', 'an upgrade may wait for somebody over night');
  assert.equal(kind('FLASHING', 5 * MINUTE, true), 'FLASHING', 'it restarts');
  assert.equal(kind('DOWNLOADING', 2 * MINUTE, true, 500), 'DOWNLOADING', 'in a large mesh they take turns');
  assert.equal(kind('DOWNLOADING', 3 * MINUTE, true, 500), 'gone');
});

test('time goes on for who is not told of', () => {
  const silent = [node('a', { seen_ms: 1000, heard: NOW - 1000 })];
  assert.equal(look(silent).rows[0]!.kind, 'UPDATED');
  assert.equal(look(silent, { now: NOW + 12 * MINUTE }).rows[0]!.kind, 'gone');
});

test('the router that is read from is never gone', () => {
  assert.equal(look([node('a', { here: true, heard: NOW - 60 * MINUTE })]).rows[0]!.kind, 'UPDATED');
});

test('attention: errors, the silent, slow links, no way back, who went back alone', () => {
  assert.deepEqual(
    attention([
      node('broken', { state: 'DOWNLOAD_ERROR' }),
      node('fine'),
      node('one-way', { slots: 1 }),
      node('reverted', { state: 'REVERTED' }),
      node('silent', { heard: 0 }),
      node('slow', { links: { slow2: 900 } }),
      node('slow2'),
    ]),
    ['broken', 'one-way', 'reverted', 'silent', 'slow', 'slow2'],
  );
  assert.deepEqual(attention([node('a', { state: 'REVERTED' })], { upgrade: upgrade({ phase: 'reverted' }) }), []);
});

test('an unknown state is an error, not a crash', () => {
  const [row] = look([node('a', { state: 'DANCING' as State })]).rows;
  assert.equal(row!.kind, 'INTERNAL_ERROR');
  assert.equal(row!.tone, 'wrong');
});

test('progress is there while something is to be fetched', () => {
  const part = (held_bytes: number, image_bytes: number) => look([node('a', { held_bytes, image_bytes })]).rows[0]!.part;
  assert.equal(part(50, 200), 0.25);
  assert.equal(part(200, 200), null);
  assert.equal(part(0, 0), null);
});

test('a face changes with what is seen, and with nothing else', () => {
  const face = (more: Partial<MeshNode>) => look([node('a', more)]).rows[0]!.face;
  assert.equal(face({ seen_ms: 5, heard: NOW - 5, highest_epoch: 9 }), face({}));
  for (const more of [{ state: 'FLASHING' as State }, { held_bytes: 1 }, { version: 'B' }, { slots: 1 }, { reason: 'no_source' }])
    assert.notEqual(face(more), face({}), JSON.stringify(more));
});

test('how far the present step is', () => {
  const mine = (name: string, state: State, more: Partial<MeshNode> = {}) => node(name, { state, upgrade: 'u1', ...more });
  const count = (nodes: MeshNode[], more: Partial<Upgrade>) => countDone(look(nodes).rows, upgrade(more));
  const nodes = [
    mine('a', 'UPGRADE_READY'),
    mine('b', 'DOWNLOADING'),
    mine('c', 'UPGRADE_SCHEDULED'),
    mine('d', 'CONFIRMATION_PENDING'),
    mine('e', 'UPGRADE_READY', { upgrade: 'older' }),
    mine('f', 'UPGRADE_READY', { participant: false }),
    node('g', { version: 'A 2' }),
    node('h', { version: 'A 1' }),
  ];
  assert.deepEqual(count(nodes, { phase: 'open' }), { k: 4, n: 7 });
  assert.deepEqual(count(nodes, { phase: 'scheduled' }), { k: 3, n: 7 });
  assert.deepEqual(count(nodes, { phase: 'confirming' }), { k: 2, n: 7 });
  const groups = [mine('a', 'UPDATED', { version: 'A 2' }), mine('b', 'UPGRADE_SCHEDULED', { wave: 1 }), mine('c', 'UPGRADE_READY', { wave: 1 })];
  assert.deepEqual(count(groups, { phase: 'scheduled', waves: 2, wave: 1 }), { k: 1, n: 2 });
  assert.deepEqual(count(groups, { phase: 'open', waves: 2, wave: 1 }), { k: 3, n: 3 });
});

test('the firmware that most run', () => {
  const rows = look([node('a'), node('b', { version: 'B' }), node('c', { version: 'B' })], { expected: ['d'] }).rows;
  assert.deepEqual(mostRun(rows), { version: 'B', k: 2, n: 3 });
  assert.deepEqual(mostRun([]), { version: '', k: 0, n: 0 });
});

test('filters', () => {
  const { rows } = look([
    node('tower-east', { board: 'ubnt,unifiac-mesh' }),
    node('tower-west', { state: 'FLASHING', version: 'A 2' }),
    node('school', { slots: 1 }),
  ]);
  const found = (more: object) => only(pick(rows, { ...NO_FILTER, ...more }));
  assert.deepEqual(found({}), ['tower-east', 'tower-west', 'school']);
  assert.deepEqual(found({ text: ' TOWER  unifi ' }), ['tower-east']);
  assert.deepEqual(found({ text: 'a 2' }), ['tower-west']);
  assert.deepEqual(found({ text: 'nothing' }), []);
  assert.deepEqual(found({ kinds: ['FLASHING', 'gone'] }), ['tower-west']);
  assert.deepEqual(found({ attention: true }), ['school']);
  assert.deepEqual(found({ attention: true, kinds: ['FLASHING'] }), []);
});

test('a router without board or firmware is not found by the word that stands for it', () => {
  assert.deepEqual(only(pick(look([], { expected: ['x'] }).rows, { ...NO_FILTER, text: 'undefined' })), []);
});

test('sorting', () => {
  const { rows } = look([
    node('node10', { held_bytes: 5, image_bytes: 10, state: 'DOWNLOADING' }),
    node('node2', { state: 'INTERNAL_ERROR' }),
    node('node1', { held_bytes: 9, image_bytes: 10, state: 'DOWNLOADING' }),
    node('node3', { heard: 0 }),
  ]);
  assert.deepEqual(only(sort(rows, 'name')), ['node1', 'node2', 'node3', 'node10']);
  assert.deepEqual(only(sort(rows, 'state')), ['node3', 'node2', 'node1', 'node10']);
  assert.deepEqual(only(sort(rows, 'progress')), ['node3', 'node10', 'node1', 'node2']);
  assert.equal(rows[0]!.name, 'node10', 'the rows stay as they are');
});

test('every state has its place', () => {
  assert.equal(KINDS.length, 13);
  assert.equal(KINDS[0], 'UPDATED');
  assert.equal(KINDS[12], 'gone');
});

test('a page is linked only where an address is sound', () => {
  for (const sound of ['10.0.0.1:8430', 'node-1.mesh.lan:80', '[fd00::1]:8430'])
    assert.equal(pageOf(sound), `http://${sound}/`);
  for (const bad of ['', undefined, '10.0.0.1', '10.0.0.1:0', 'a b:80', 'evil.com/x:80', 'u@evil.com:80', 'javascript:1', '[fd00::1]', 'a:80/', 'a:80\n', '?:80', `${'a'.repeat(300)}:80`])
    assert.equal(pageOf(bad), bad === 'javascript:1' ? 'http://javascript:1/' : '', String(bad));
});

test('fingerprints are those of usign', () => {
  const blob = Buffer.concat([Buffer.from('Ed'), Buffer.from('0102030405060708', 'hex'), Buffer.alloc(32, 9)]).toString('base64');
  assert.equal(fingerprint(blob), '0102030405060708');
  assert.equal(fingerprint('!'), '');
  assert.equal(fingerprint(undefined), '');
});
