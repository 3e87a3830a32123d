// SPDX-License-Identifier: AGPL-3.0-or-later
/** The page finds what `lockstep check` finds, and starts what `lockstep start` starts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Release } from '../../src/model/types';
import { durationOf, findingsOf } from '../../src/path/findings';
import { blocks, candidates, groupsOf, newDraft, startOf, takesPart, type Draft } from '../../src/path/plan';
import { ask, dice, makeWorld, type World } from './lockstep';

const WORLDS = 60;

interface Checked {
  nodes: number;
  download_s: number;
  unmeasured: number;
  findings: { kind: string; node: string; problem: boolean; message: string }[];
}

type Started = { participants: number; waves: number; epoch: number; error?: { reason: string; message: string } };

const plain = (list: { kind: string; node: string; problem: boolean }[]) =>
  list.map(({ kind, node, problem }) => `${kind} ${node} ${problem}`).sort();

test('findings and durations are those of the program', async () => {
  const kinds = new Map<string, number>();
  for (let seed = 1; seed <= WORLDS; seed++) {
    const { nodes, expected, release } = makeWorld(seed);
    const theirs = await ask<Checked>('check', { nodes, expected, release });
    // That it runs already the program does not mind.
    const ours = findingsOf(nodes, expected, release).filter(({ kind }) => kind !== 'again');
    assert.deepEqual(plain(ours), plain(theirs.findings), `world ${seed}`);
    for (const { kind, node, value } of ours) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (value !== undefined)
        assert.ok(
          theirs.findings.some(one => one.kind === kind && one.node === node && one.message.includes(`${value}`)),
          `world ${seed}: ${kind} ${node} ${value}`,
        );
    }
    const { seconds, unmeasured } = durationOf(nodes, release);
    assert.deepEqual([seconds, unmeasured], [theirs.download_s, theirs.unmeasured], `world ${seed}`);
  }
  // All of them came up.
  assert.equal(kinds.size, 9, [...kinds.keys()].join());
});

/** A person's choices, and the same as options. */
function choose(world: World, seed: number): { draft: Draft; options: string[] } {
  const random = dice(seed * 7919);
  const draft = newDraft();
  const options = ['--dry-run'];
  const all = candidates(world.nodes, world.expected);
  const release = { ...world.release, id: 'ab'.repeat(32), source: 'url', place: 'http://x/', state: 'ready' } as Release;
  draft.release = release;
  if (random.chance(0.4)) {
    draft.base = 'seen';
    options.push('--seen');
  }
  if (random.chance(0.5)) {
    const now = takesPart(draft, world.expected);
    const names = all.filter(() => random.chance(0.5));
    draft.flipped = new Set(all.filter(name => now(name) !== names.includes(name)));
    // The program takes no empty list.
    if (names.length > 0)
      options.push('--participants', names.join());
    else
      draft.flipped = new Set();
  }
  if (random.chance(0.6)) {
    draft.single = new Set(all);
    options.push('--allow-single-slot');
  }
  if (random.chance(0.6)) {
    draft.policy.allow_downgrade = true;
    options.push('--allow-downgrade');
  }
  const names = all.filter(takesPart(draft, world.expected));
  const first = names.filter(() => random.chance(0.3));
  if (first.length > 0) {
    draft.groups = 2;
    draft.group = new Map(first.map(name => [name, 0]));
    options.push('--wave', first.join());
  }
  return { draft, options };
}

test('what the program refuses to start, the page refuses, and the other way round', async () => {
  const outcomes = { refused: 0, started: 0 };
  for (let seed = 1; seed <= 2 * WORLDS; seed++) {
    const world = makeWorld(seed);
    const { nodes, expected, release } = world;
    const { draft, options } = choose(world, seed);
    const names = candidates(nodes, expected).filter(takesPart(draft, expected));
    const stops = findingsOf(nodes, expected, release).filter(
      finding =>
        finding.kind !== 'extra' &&
        names.includes(finding.node) &&
        blocks(draft, finding, nodes.find(({ name }) => name === finding.node)),
    );
    const refused = stops.length > 0 || names.length === 0;
    const theirs = await ask<Started>('start', world, options);
    const told = `world ${seed}: ${options.join(' ')}: ${JSON.stringify(theirs)} ${JSON.stringify(stops)}`;
    assert.equal(refused, theirs.error !== undefined, told);
    outcomes[refused ? 'refused' : 'started']++;
    if (refused)
      continue;
    assert.equal(names.length, theirs.participants, told);
    assert.equal(groupsOf(draft, names).length, theirs.waves, told);
    const mesh = { lockstep: '', mesh: 'test', node: 'node0', highest_epoch: 3, upgrade: null, nodes };
    assert.equal(startOf(draft, mesh, nodes, names).epoch, theirs.epoch, told);
  }
  assert.ok(outcomes.refused > 20 && outcomes.started > 20, JSON.stringify(outcomes));
});
