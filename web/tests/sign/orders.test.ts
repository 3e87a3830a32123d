// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  abortText,
  confirmText,
  defaultPolicy,
  newUpgrade,
  nextEpoch,
  offerText,
  scheduleText,
  startText,
  type Offered,
  type Participant,
  type Policy,
  type Start,
} from '../../src/sign/orders';
import { fromSeed, readSecret } from '../../src/sign/usign';
import { folder, newKey, orderAgain, run, signifyTakes, trouble } from './programs';

const at = folder();
const ana = newKey(at, 'ana');
const key = readSecret(ana.sec);
const pub = join(at, 'ana.pub');
const NOW = new Date('2026-11-23T10:00:00.789Z');
const HASH = 'a5'.repeat(32);
const of = { mesh: 'demo', upgrade: '00112233aabbccdd', epoch: 4 };

/** What a node of mesh `demo` that trusts ana makes of the text. */
const asNode = (text: string, blob = key.sign(text), mesh = 'demo') => run(orderAgain, [mesh, pub, blob], text);

/** The C code takes it, and would have written the same bytes. */
function assertSame(text: string): void {
  const { status, out, err } = asNode(text);
  assert.equal(status, 0, `${err} ${text.slice(0, 300)}`);
  assert.equal(out.toString(), text);
}

/** A node's public key, another for each number. */
const nodeKey = (number: number): string =>
  fromSeed(createHash('sha256').update(String(number)).digest()).publicBlob;

const participant = (name: string, number: number, wave = 0): Participant => ({ name, key: nodeKey(number), wave });

const start = (more: Partial<Start> = {}): Start => ({
  ...of,
  release: { id: HASH, version: 'Demo 2.0', sequence: 2, urls: [] },
  policy: defaultPolicy,
  participants: [participant('node2', 2), participant('node1', 1)],
  ...more,
});

const policy = (more: Partial<Policy>) => start({ policy: { ...defaultPolicy, ...more } });
const release = (more: Partial<Start['release']>) => start({ release: { ...start().release, ...more } });

const orders: [string, string][] = [
  ['start', startText(start(), NOW)],
  ['start with URLs', startText(release({ urls: ['http://10.0.0.1:8430/v1/releases/x/', 'http://[fe80::1]/'] }), NOW)],
  ['start that is not the default in anything', startText(policy({
    confirm: 'auto', kind: 'best-effort', quorum: 1, hold_ms: 600000, allow_single_slot: true, allow_downgrade: true, catch_up: false,
  }), NOW)],
  ['start with names whose bytes must be sorted', startText(start({
    participants: ['b', 'B', 'a.b', 'a-b', 'a_b', 'ab', 'a', '0', '_', 'Z9', 'z'].map((name, i) => participant(name, i)),
  }), NOW)],
  ['start in waves', startText(start({
    participants: Array.from({ length: 40 }, (_, i) => participant(`node${i}`, i, (i * 7) % 16)),
  }), NOW)],
  ['start of the largest numbers', startText({ ...release({ sequence: Number.MAX_SAFE_INTEGER }), epoch: Number.MAX_SAFE_INTEGER }, NOW)],
  ['start of a version that must be escaped', startText(release({ version: 'a "b" \\ c / ñ 🛰 \u2028 <&>' }), NOW)],
  ['start of the longest version', startText(release({ version: 'ñ'.repeat(63) + '.' }), NOW)],
  ['start of an empty version', startText(release({ version: '', sequence: 0 }), NOW)],
  ['schedule', scheduleText({ ...of, start: HASH, wave: 0, countdown_ms: 60000, confirm_window_s: 600 }, NOW)],
  ['schedule of the longest', scheduleText({ ...of, start: HASH, wave: 15, countdown_ms: 86400000, confirm_window_s: 86400 }, NOW)],
  ['schedule of the shortest', scheduleText({ ...of, start: HASH, wave: 1, countdown_ms: 1000, confirm_window_s: 5 }, NOW)],
  ['confirm', confirmText({ ...of, wave: 0, without: [] }, NOW)],
  ['confirm without some', confirmText({ ...of, wave: 3, without: ['node9', 'Node1', 'node10'] }, NOW)],
  ['abort', abortText({ ...of, reason: '' }, NOW)],
  ['abort with a reason', abortText({ ...of, reason: 'el nodo "torre" no está \\ – volvemos' }, NOW)],
  ['abort of the longest reason', abortText({ ...of, reason: 'x'.repeat(159) }, NOW)],
  ['order of an upgrade that is almost none', abortText({ ...of, upgrade: '0000000000000001', reason: 'x' }, NOW)],
];

for (const [name, text] of orders)
  test(`same bytes as the C code: ${name}`, () => assertSame(text));

test('as many nodes as an order can name', () => {
  const participants = Array.from({ length: 768 }, (_, i) => participant(`node-${(i * 37) % 768}`, i, i % 16));
  assertSame(startText(start({ participants }), NOW));
});

test('the time is now, in whole seconds', () => {
  const before = Math.floor(Date.now() / 1000) * 1000;
  const { issued } = JSON.parse(abortText({ ...of, reason: '' })) as { issued: string };
  assert.match(issued, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Date.parse(issued) >= before && Date.parse(issued) <= Date.now());
  assert.ok(orders[0]![1].includes('"issued":"2026-11-23T10:00:00Z"'));
});

test('a node takes only what is signed, by whom it trusts, and for its mesh', () => {
  const text = orders[0]![1];
  const stranger = fromSeed(new Uint8Array(32).fill(9));
  assert.match(asNode(text, stranger.sign(text)).err, /signature/);
  assert.match(asNode(text, key.sign(`${text} `)).err, /signature/);
  assert.match(asNode(text, key.sign(text), 'other').err, /another mesh/);
  assert.match(asNode('{}').err, /missing/);
});

const wrongStarts: [string, string, Partial<Start>][] = [
  ['no participants', 'participants', { participants: [] }],
  ['a name twice', 'participants', { participants: [participant('a', 1), participant('a', 2)] }],
  ['a key twice', 'participants', { participants: [participant('a', 1), participant('b', 1)] }],
  ['no name', 'participants', { participants: [participant('', 1)] }],
  ['a bad name', 'participants', { participants: [participant('-a', 1)] }],
  ['a long name', 'participants', { participants: [participant('a'.repeat(64), 1)] }],
  ['an empty wave', 'participants', { participants: [participant('a', 1), participant('b', 2, 2)] }],
  ['no first wave', 'participants', { participants: [participant('a', 1, 1)] }],
  ['too many waves', 'participants', { participants: Array.from({ length: 17 }, (_, i) => participant(`n${i}`, i, i)) }],
  ['half a wave', 'participants', { participants: [participant('a', 1, 0.5)] }],
  ['no epoch', 'epoch', { epoch: 0 }],
  ['too large an epoch', 'epoch', { epoch: 2 ** 53 }],
  ['no mesh', 'mesh', { mesh: '' }],
  ['a mesh of no name', 'mesh', { mesh: 'a mesh' }],
  ['no upgrade', 'upgrade', { upgrade: '0000000000000000' }],
  ['a short upgrade', 'upgrade', { upgrade: '001122' }],
  ['an upgrade in capitals', 'upgrade', { upgrade: '00112233AABBCCDD' }],
  ['quorum 0', 'quorum', policy({ quorum: 0 })],
  ['quorum 101', 'quorum', policy({ quorum: 101 })],
  ['half a percent', 'quorum', policy({ quorum: 50.5 })],
  ['a short hold', 'hold_ms', policy({ hold_ms: 999 })],
  ['a long hold', 'hold_ms', policy({ hold_ms: 600001 })],
  ['a short id', 'id', release({ id: 'a5' })],
  ['an id in capitals', 'id', release({ id: HASH.toUpperCase() })],
  ['a version that steers', 'version', release({ version: 'a\u001b[2J' })],
  ['a version that steers in C1', 'version', release({ version: 'a\u009b2J' })],
  ['half a character', 'version', release({ version: '\ud83d' })],
  ['a long version', 'version', release({ version: 'ñ'.repeat(64) })],
  ['a sequence below zero', 'sequence', release({ sequence: -1 })],
  ['five URLs', 'urls', release({ urls: Array.from({ length: 5 }, () => 'http://a/') })],
  ['a long URL', 'urls', release({ urls: [`http://${'a'.repeat(249)}`] })],
];

for (const [name, member, wrong] of wrongStarts)
  test(`no order: ${name}`, () => {
    const wanted = { ...start(), ...wrong };
    assert.throws(() => startText(wanted, NOW), trouble('bad_order', member));
  });

const schedule = { ...of, start: HASH, wave: 0, countdown_ms: 60000, confirm_window_s: 600 };
const wrongOrders: [string, string, () => string][] = [
  ['schedule of nothing', 'start', () => scheduleText({ ...schedule, start: '' })],
  ['schedule of wave 16', 'wave', () => scheduleText({ ...schedule, wave: 16 })],
  ['schedule too soon', 'countdown_ms', () => scheduleText({ ...schedule, countdown_ms: 999 })],
  ['schedule in more than a day', 'countdown_ms', () => scheduleText({ ...schedule, countdown_ms: 86400001 })],
  ['schedule in NaN', 'countdown_ms', () => scheduleText({ ...schedule, countdown_ms: NaN })],
  ['window of 4 s', 'confirm_window_s', () => scheduleText({ ...schedule, confirm_window_s: 4 })],
  ['window of more than a day', 'confirm_window_s', () => scheduleText({ ...schedule, confirm_window_s: 86401 })],
  ['confirm of wave -1', 'wave', () => confirmText({ ...of, wave: -1, without: [] })],
  ['confirm without a bad name', 'without', () => confirmText({ ...of, wave: 0, without: ['a b'] })],
  ['confirm without one twice', 'without', () => confirmText({ ...of, wave: 0, without: ['a', 'b', 'a'] })],
  ['abort with two lines', 'reason', () => abortText({ ...of, reason: 'a\nb' })],
  ['abort with a long reason', 'reason', () => abortText({ ...of, reason: 'ñ'.repeat(80) })],
];

for (const [name, member, make] of wrongOrders)
  test(`no order: ${name}`, () => {
    assert.throws(make, trouble('bad_order', member));
  });

test('a participant whose key is not known is named', () => {
  const participants = [participant('a', 1), { name: 'torre', key: '', wave: 0 }];
  assert.throws(() => startText(start({ participants })), trouble('node_key_unknown', 'torre'));
});

test('too many participants, or with too long names', () => {
  const many = (count: number, long: string) => () =>
    startText(start({ participants: Array.from({ length: count }, (_, i) => participant(`${long}${i}`, i)) }));
  assert.throws(many(769, 'n'), trouble('order_too_large'));
  assert.throws(many(700, 'n'.repeat(60)), trouble('order_too_large'));
});

test('what is given is not changed', () => {
  const given = start();
  const copy = JSON.stringify(given);
  startText(given);
  assert.equal(JSON.stringify(given), copy);
});

const upload = { release: HASH, manifest_size: 900, images: ['b6'.repeat(32), 'a5'.repeat(32)] };
const head = '{"lockstep":1,"mesh":"demo","kind":"offer","epoch":5,"node":"node1","issued":"2026-11-23T10:00:00Z",';
const offer = (what: Offered) => offerText({ mesh: 'demo', epoch: 5, node: 'node1', what }, NOW);

test('offers', () => {
  assert.equal(offer({ path: '/mnt/sda1/x' }), `${head}"path":"/mnt/sda1/x"}`);
  assert.equal(offer({ url: 'http://10.0.0.1:8000/dir/' }), `${head}"url":"http://10.0.0.1:8000/dir/"}`);
  const text = offer({ upload });
  assert.equal(
    text,
    `${head}"upload":{"release":"${HASH}","manifest_size":900,"images":["${'b6'.repeat(32)}","${'a5'.repeat(32)}"]}}`,
  );
  assert.ok(signifyTakes(at, pub, text, key.sign(text)));
});

const wrongOffers: [string, string, () => string][] = [
  ['of no node', 'node', () => offerText({ mesh: 'demo', epoch: 5, node: '', what: { path: '/x' } })],
  ['of no epoch', 'epoch', () => offerText({ mesh: 'demo', epoch: 0, node: 'a', what: { path: '/x' } })],
  ['of a path from nowhere', 'path', () => offer({ path: 'x' })],
  ['of no path', 'path', () => offer({ path: '' })],
  ['of a path of two lines', 'path', () => offer({ path: '/x\ny' })],
  ['of https', 'url', () => offer({ url: 'https://a/' })],
  ['of a URL without its end', 'url', () => offer({ url: 'http://a/b' })],
  ['of a long URL', 'url', () => offer({ url: `http://${'a'.repeat(248)}/` })],
  ['of no release', 'upload', () => offer({ upload: { ...upload, release: '' } })],
  ['of no manifest', 'upload', () => offer({ upload: { ...upload, manifest_size: 0 } })],
  ['of a large manifest', 'upload', () => offer({ upload: { ...upload, manifest_size: 1048577 } })],
  ['of no image', 'upload', () => offer({ upload: { ...upload, images: [] } })],
  ['of an image twice', 'upload', () => offer({ upload: { ...upload, images: [HASH, HASH] } })],
  ['of an image that is none', 'upload', () => offer({ upload: { ...upload, images: ['x'] } })],
];

for (const [name, member, make] of wrongOffers)
  test(`no offer ${name}`, () => {
    assert.throws(make, trouble('bad_order', member));
  });

test('a new upgrade has an id of its own, and never that of none', () => {
  const ids = Array.from({ length: 50 }, newUpgrade);
  assert.equal(new Set(ids).size, 50);
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{16}$/);
  const real = crypto.getRandomValues;
  let zeros = 3;
  crypto.getRandomValues = (array => (zeros-- > 0 ? array : real.call(crypto, array as unknown as Uint8Array))) as typeof real;
  try {
    assert.match(newUpgrade(), /[^0]/);
    assert.equal(zeros, -1);
  } finally {
    crypto.getRandomValues = real;
  }
});

test('a new epoch is above all that any node knows', () => {
  assert.equal(nextEpoch({ highest_epoch: 0, nodes: [] }), 1);
  assert.equal(nextEpoch({ highest_epoch: 3, nodes: [{ highest_epoch: 1 }, {}] }), 4);
  assert.equal(nextEpoch({ highest_epoch: 3, nodes: [{ highest_epoch: 7 }, { highest_epoch: 5 }] }), 8);
});
