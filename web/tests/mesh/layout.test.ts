// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLayout, measure } from '../../src/mesh/layout';

type Pairs = [number, number][];

const namesOf = (n: number) => Array.from({ length: n }, (_, i) => `node${i + 1}`);

const grid = (columns: number, rows: number): Pairs =>
  Array.from({ length: columns * rows }, (_, i) => i).flatMap(i => [
    ...((i + 1) % columns ? [[i, i + 1] as [number, number]] : []),
    ...(i + columns < columns * rows ? [[i, i + columns] as [number, number]] : []),
  ]);
const chain = (n: number): Pairs => Array.from({ length: n - 1 }, (_, i) => [i, i + 1]);
const tree = (n: number): Pairs => Array.from({ length: n - 1 }, (_, i) => [i >> 1, i + 1]);
const star = (n: number): Pairs => Array.from({ length: n - 1 }, (_, i) => [0, i + 1]);
const clusters = (backbone: number, leaves: number): Pairs => [
  ...chain(backbone),
  ...Array.from({ length: backbone * leaves }, (_, i) => [Math.floor(i / leaves), backbone + i] as [number, number]),
];

function near(n: number, pairs: Pairs): number[][] {
  const lists: number[][] = Array.from({ length: n }, () => []);
  for (const [a, b] of pairs) {
    lists[a]!.push(b);
    lists[b]!.push(a);
  }
  return lists;
}

function settle(n: number, pairs: Pairs, here = 0) {
  const layout = makeLayout();
  layout.set(namesOf(n), pairs, here);
  assert.equal(layout.step(Infinity), false);
  return layout;
}

const between = ({ x, y }: { x: Float64Array; y: Float64Array }, i: number, j: number) =>
  Math.hypot(x[i]! - x[j]!, y[i]! - y[j]!);

function closest(layout: { x: Float64Array; y: Float64Array }): number {
  let least = Infinity;
  for (let i = 0; i < layout.x.length; i++) {
    for (let j = 0; j < i; j++)
      least = Math.min(least, between(layout, i, j));
  }
  return least;
}

/** Mean square of how much the distances differ from the hops, of each pair by its own measure. */
function stress(n: number, pairs: Pairs, layout: { x: Float64Array; y: Float64Array }): number {
  const { hops } = measure(near(n, pairs));
  let [sum, count] = [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const hop = hops[i * n + j]!;
      if (hop) {
        sum += ((between(layout, i, j) - hop) / hop) ** 2;
        count++;
      }
    }
  }
  return sum / count;
}

test('hops and groups are measured', () => {
  const { hops, groups, farthest } = measure(near(6, [[0, 1], [1, 2], [4, 5]]));
  assert.deepEqual([...hops.subarray(0, 6)], [0, 1, 2, 0, 0, 0]);
  assert.deepEqual([...hops.subarray(24, 30)], [0, 0, 0, 0, 0, 1]);
  assert.deepEqual(groups, [[0, 1, 2], [4, 5], [3]]);
  assert.equal(farthest, 2);
});

for (const [what, n, pairs, bound] of [
  ['a chain lies straight', 30, chain(30), 0.002],
  ['a grid is a grid', 12, grid(4, 3), 0.03],
  ['a large grid is not folded', 500, grid(25, 20), 0.02],
  ['a tree spreads', 63, tree(63), 0.08],
  ['clusters hang on their towers', 36, clusters(6, 5), 0.08],
  ['a star has its leaves around it', 30, star(30), 0.2],
] as [string, number, Pairs, number][]) {
  test(what, () => {
    const layout = settle(n, pairs);
    assert.ok(stress(n, pairs, layout) < bound, `stress ${stress(n, pairs, layout)}`);
    assert.ok(closest(layout) > 0.45, `closest ${closest(layout)}`);
  });
}

test('nobody stands on somebody else among 500', () => {
  const layout = settle(500, clusters(50, 9));
  assert.ok(closest(layout) > 0.25, `closest ${closest(layout)}`);
});

test('the same mesh gives the same picture, also in slices of time', () => {
  const whole = settle(200, tree(200));
  const sliced = makeLayout();
  sliced.set(namesOf(200), tree(200), 0);
  let slices = 1;
  while (sliced.step(0))
    slices++;
  assert.ok(slices > 100);
  assert.deepEqual(sliced.x, whole.x);
  assert.deepEqual(sliced.y, whole.y);
});

test('a slice ends soon after its time', () => {
  const layout = makeLayout();
  layout.set(namesOf(500), tree(500), 0);
  const begin = performance.now();
  assert.equal(layout.step(begin + 5), true);
  assert.ok(performance.now() - begin < 50);
});

test('what did not change is not laid out anew', () => {
  const layout = settle(12, grid(4, 3));
  const before = layout.x;
  assert.equal(layout.set(namesOf(12), grid(4, 3), 0), false);
  assert.equal(layout.x, before);
  assert.equal(layout.set(namesOf(12), chain(12), 0), true);
});

test('who comes does not move the others far, and begins beside a neighbour', () => {
  const layout = settle(48, grid(8, 6));
  const before = { x: layout.x.slice(), y: layout.y.slice() };
  layout.set([...namesOf(48), 'zebra'], [...grid(8, 6), [47, 48]], 0);
  assert.ok(between(layout, 47, 48) < 1.01);
  layout.step(Infinity);
  const moved = namesOf(48).map((_, i) => Math.hypot(layout.x[i]! - before.x[i]!, layout.y[i]! - before.y[i]!));
  assert.ok(Math.max(...moved) < 1.2, `moved ${Math.max(...moved)}`);
});

test('who goes leaves the others in their places', () => {
  const layout = settle(48, grid(8, 6));
  const before = { x: layout.x.slice(), y: layout.y.slice() };
  layout.set(namesOf(47), grid(8, 6).filter(([, b]) => b < 47), 0);
  layout.step(Infinity);
  const moved = namesOf(47).map((_, i) => Math.hypot(layout.x[i]! - before.x[i]!, layout.y[i]! - before.y[i]!));
  assert.ok(Math.max(...moved) < 1.2, `moved ${Math.max(...moved)}`);
});

test('a mesh whose routers tell their links one after the other is not folded', () => {
  for (const [n, pairs] of [[12, grid(4, 3)], [30, grid(6, 5)]] as [number, Pairs][]) {
    const anew = stress(n, pairs, settle(n, pairs));
    for (const stride of [1, 7, 11, 13, 17]) {
      const layout = makeLayout();
      const told = new Set<number>();
      for (let i = 0; i <= n; i++) {
        layout.set(namesOf(n), pairs.filter(([a, b]) => told.has(a) || told.has(b)), 0);
        layout.step(Infinity);
        told.add((i * stride) % n);
      }
      const grown = stress(n, pairs, layout);
      assert.ok(grown < anew * 1.3 + 0.006, `${n} by ${stride}: ${grown} where ${anew} is possible`);
    }
  }
});

test('groups do not overlap, the lonely are at the bottom', () => {
  const pairs: Pairs = [...chain(10), ...chain(6).map(([a, b]) => [a + 10, b + 10] as [number, number])];
  const { x, y } = settle(20, pairs);
  const box = (from: number, to: number) => ({
    left: Math.min(...x.slice(from, to)),
    right: Math.max(...x.slice(from, to)),
    top: Math.min(...y.slice(from, to)),
    bottom: Math.max(...y.slice(from, to)),
  });
  const [first, second, lonely] = [box(0, 10), box(10, 16), box(16, 20)];
  assert.ok(first.right < second.left || first.bottom < second.top);
  assert.ok(lonely.top > second.bottom);
});

test('a mesh lies along its longer side, and begins where the reader is', () => {
  for (const here of [0, 19]) {
    const { x, y } = settle(20, chain(20), here);
    assert.ok(Math.max(...x) - Math.min(...x) > 15);
    assert.ok(Math.max(...y) - Math.min(...y) < 3);
    assert.equal(Math.min(...x), x[here]);
  }
});

test('nobody, one, and routers without links have their places', () => {
  assert.equal(settle(0, []).x.length, 0);
  assert.equal(settle(1, []).x.length, 1);
  const alone = settle(12, []);
  assert.ok(closest(alone) > 1);
  assert.ok(new Set(alone.y).size > 1, 'not all in one row');
});

test('two that stand in the same place find apart', () => {
  const layout = makeLayout();
  layout.set(['a', 'b'], [[0, 1]], 0);
  layout.x.fill(0);
  layout.y.fill(0);
  layout.step(Infinity);
  assert.ok(Math.abs(between(layout, 0, 1) - 1) < 0.05);
});
