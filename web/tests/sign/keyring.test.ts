// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IDLE_MS, Keyring, type Clock } from '../../src/sign/keyring';
import { fromSeed, type SecretKey } from '../../src/sign/usign';
import { trouble } from './programs';

/** Time that passes when it is told to. Asleep, it passes and no timer runs. */
class Hand implements Clock {
  private ms = 1000000;
  private readonly timers = new Map<number, { at: number; run: () => void }>();
  private last = 0;

  now = () => this.ms;

  start = (afterMs: number, run: () => void) => {
    this.timers.set(++this.last, { at: this.ms + afterMs, run });
    return this.last;
  };

  stop = (timer: unknown) => {
    this.timers.delete(timer as number);
  };

  get running() {
    return this.timers.size;
  }

  sleep(ms: number) {
    this.ms += ms;
  }

  pass(ms: number) {
    this.ms += ms;
    for (const [id, timer] of [...this.timers])
      if (timer.at <= this.ms) {
        this.timers.delete(id);
        timer.run();
      }
  }
}

function setUp() {
  const hand = new Hand();
  const ring = new Keyring(hand);
  const key = newKey();
  let told = 0;
  const stop = ring.subscribe(() => told++);
  ring.unlock(key);
  return { hand, ring, key, stop, told: () => told };
}

const newKey = (): SecretKey => fromSeed(crypto.getRandomValues(new Uint8Array(32)));

function assertWiped(key: SecretKey) {
  assert.throws(() => key.sign('x'), trouble('key_forgotten'));
}

test('ten minutes', () => assert.equal(IDLE_MS, 10 * 60 * 1000));

test('it holds what was unlocked, and says so', () => {
  const { ring, key, told } = setUp();
  assert.equal(ring.current(), key);
  assert.equal(told(), 1);
  assert.ok(key.sign('x').length === 100);
});

test('it holds nothing at first', () => assert.equal(new Keyring(new Hand()).current(), null));

test('after ten idle minutes it forgets by itself, and says so', () => {
  const { hand, ring, key, told } = setUp();
  hand.pass(IDLE_MS - 1);
  key.sign('x');
  assert.equal(told(), 1);
  hand.pass(1);
  assertWiped(key);
  assert.equal(told(), 2);
  assert.equal(ring.current(), null);
  assert.equal(told(), 2);
  assert.equal(hand.running, 0);
});

test('whoever touches begins the ten minutes anew', () => {
  const { hand, ring, key } = setUp();
  for (let i = 0; i < 5; i++) {
    hand.pass(IDLE_MS - 1);
    ring.touch();
  }
  assert.equal(hand.running, 1);
  hand.pass(IDLE_MS - 1);
  assert.equal(ring.current(), key);
  hand.pass(1);
  assertWiped(key);
});

test('looking is not touching', () => {
  const { hand, ring, key } = setUp();
  hand.pass(IDLE_MS - 1);
  assert.equal(ring.current(), key);
  hand.pass(1);
  assertWiped(key);
});

for (const [name, wake] of [
  ['looks', (ring: Keyring) => ring.current()],
  ['touches', (ring: Keyring) => ring.touch()],
] as const)
  test(`a phone that slept for longer has forgotten when somebody ${name}`, () => {
    const { hand, ring, key, told } = setUp();
    hand.sleep(IDLE_MS);
    key.sign('x'); // no timer ran
    wake(ring);
    assertWiped(key);
    assert.equal(ring.current(), null);
    assert.equal(told(), 2);
  });

test('a clock that was turned back gives no more time', () => {
  const { hand, ring, key } = setUp();
  hand.sleep(-IDLE_MS);
  ring.touch();
  assertWiped(key);
});

test('a clock that is set right by a second changes nothing', () => {
  const { hand, ring, key } = setUp();
  hand.sleep(-1000);
  ring.touch();
  assert.equal(ring.current(), key);
});

test('it forgets when it is told to', () => {
  const { hand, ring, key, told } = setUp();
  ring.forget();
  ring.forget();
  assertWiped(key);
  assert.equal(ring.current(), null);
  assert.equal(told(), 2);
  assert.equal(hand.running, 0);
});

test('another key takes the place of the first, which is wiped', () => {
  const { hand, ring, key, told } = setUp();
  const other = newKey();
  hand.pass(IDLE_MS / 2);
  ring.unlock(other);
  assertWiped(key);
  assert.equal(ring.current(), other);
  assert.equal(told(), 2);
  hand.pass(IDLE_MS - 1);
  assert.equal(ring.current(), other);
  hand.pass(1);
  assertWiped(other);
});

test('the same key again is kept', () => {
  const { ring, key } = setUp();
  ring.unlock(key);
  key.sign('x');
});

test('touching an empty ring starts nothing', () => {
  const hand = new Hand();
  const ring = new Keyring(hand);
  ring.touch();
  assert.equal(hand.running, 0);
});

test('who does not listen any more is not told', () => {
  const { ring, stop, told } = setUp();
  stop();
  ring.forget();
  assert.equal(told(), 1);
});

test('the key is gone before anybody is told', () => {
  const { ring, key } = setUp();
  ring.subscribe(() => {
    assertWiped(key);
    assert.equal(ring.current(), null);
  });
  ring.forget();
});

test('the clock of the page runs', () => {
  const ring = new Keyring();
  const key = newKey();
  ring.unlock(key);
  assert.equal(ring.current(), key);
  ring.forget(); // or its timer would keep this test from ending
});
