// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold, lay, place, ticks } from '../../src/history/fold';

const HOUR = 3600;
const told = (moments: number[]) => fold(moments).map(({ from, to, folded }) => `${folded ? '~' : ''}${from}-${to}`);
const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

const cases: [string, number[], string[]][] = [
  ['one moment', [5], ['5-5']],
  ['steady', [0, 600, 1200, 1800], ['0-0', '~0-600', '600-600', '~600-1200', '1200-1200', '~1200-1800', '1800-1800']],
  ['minutes only', [0, 60, 170, 250], ['0-250']],
  ['ready for hours', [0, 60, 170, 3 * HOUR, 3 * HOUR + 90], ['0-170', '~170-10800', '10800-10890']],
  ['a wait no longer than the rest', [0, 100, 250, 480, 700], ['0-700']],
  ['still waiting', [0, 60, 9000], ['0-60', '~60-9000', '9000-9000']],
  ['two waits', [0, 50, 7250, 7300, 9300, 9390], ['0-50', '~50-7250', '7250-7300', '~7300-9300', '9300-9390']],
  ['a wait just short enough', [0, 10, 190], ['0-190']],
  ['a wait just long enough', [0, 10, 191], ['0-10', '~10-191', '191-191']],
];
for (const [name, moments, expected] of cases)
  test(`fold: ${name}`, () => assert.deepEqual(told(moments), expected));

test('pieces follow each other without a hole, and fill the width', () => {
  for (const moments of [[7], [0, 9], [0, 60, 9000], [0, 600, 1200], Array.from({ length: 60 }, (_, n) => n * HOUR)])
    for (const width of [180, 800]) {
      const pieces = lay(fold(moments), width);
      let x = 0;
      let time = moments[0]!;
      for (const piece of pieces) {
        near(piece.x, x);
        assert.equal(piece.from, time);
        assert.ok(piece.width > 0);
        x += piece.width;
        time = piece.to;
      }
      near(x, width);
      assert.equal(time, moments[moments.length - 1]);
      assert.equal(pieces.length % 2, 1, 'a folded piece lies between others');
    }
});

test('what happened keeps most of the width beside a wait of hours', () => {
  const pieces = lay(fold([0, 60, 170, 3 * HOUR, 3 * HOUR + 90]), 600);
  assert.ok(pieces[1]!.folded && pieces[1]!.width < 60);
  assert.ok(pieces[0]!.width > pieces[2]!.width, 'the longer piece is the wider');
});

test('a moment between two pieces has a left and a right', () => {
  const pieces = lay(fold([0, 60, 9000]), 300);
  near(place(pieces, 0), 0);
  near(place(pieces, 9000), pieces[2]!.x);
  near(place(pieces, 9000, true), 300);
  near(place(pieces, 60), place(pieces, 60, true));
  near(place(pieces, 30), pieces[0]!.width / 2);
});

test('what lies outside is at the edge', () => {
  const pieces = lay(fold([10, 20]), 100);
  near(place(pieces, 0), 0);
  near(place(pieces, 99), 100);
});

test('ticks are round, have room and do not leave the picture', () => {
  for (const moments of [[0, 20], [1000, 1150], [0, 60, 170, 3 * HOUR, 3 * HOUR + 400], [0, 40 * 86400]])
    for (const width of [200, 700]) {
      const pieces = lay(fold(moments), width);
      const found = ticks(pieces, 60);
      assert.ok(found.length > 0);
      assert.equal(found[0]!.seconds, 0);
      found.forEach(({ x, left, seconds }, index) => {
        near(x, place(pieces, moments[0]! + seconds));
        assert.ok(left <= x && left >= 0 && left + 60 <= width + 1e-6);
        if (index > 0)
          assert.ok(left >= found[index - 1]!.left + 60);
        const begins = pieces.some(({ from }) => from - moments[0]! === seconds);
        assert.ok(begins || seconds % 10 === 0);
      });
    }
});

test('ticks: the shortest round step that there is room for', () => {
  const steps = (width: number) => ticks(lay(fold([0, 90, 300, 480, 600]), width), 64).map(({ seconds }) => seconds);
  assert.deepEqual(steps(600), [0, 120, 240, 360, 480]);
  assert.deepEqual(steps(800), [0, 60, 120, 180, 240, 300, 360, 420, 480, 540]);
  assert.deepEqual(steps(200), [0, 300]);
});
