// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is about to be ordered: who takes part, how, and what routers would refuse. As src/cli/start.c. No DOM. */
import type { Mesh, MeshNode, Release } from '../model/types';
import { defaultPolicy, newUpgrade, nextEpoch, type Policy, type Start } from '../sign/orders';
import type { Finding } from './findings';

export const PARTICIPANTS_MAX = 768;
export const GROUPS_MAX = 16;

export interface Draft {
  release: Release | null;
  /** Who takes part at first: those who belong to the mesh, or everyone who was seen. */
  base: 'expected' | 'seen';
  /** Who is left out of those, or takes part all the same. */
  flipped: ReadonlySet<string>;
  /** How many groups install one after the other, and in which of them a router is that is not in the last. */
  groups: number;
  group: ReadonlyMap<string, number>;
  policy: Policy;
  /** Who is allowed to install without a way back, by name: each of them was shown. */
  single: ReadonlySet<string>;
}

export const newDraft = (): Draft => ({
  release: null,
  base: 'expected',
  flipped: new Set(),
  groups: 1,
  group: new Map(),
  policy: { ...defaultPolicy },
  single: new Set(),
});

/** Everybody who could take part: those who were seen, and those who belong to the mesh. By name. */
export const candidates = (nodes: readonly MeshNode[], expected: readonly string[]): string[] =>
  [...new Set([...nodes.map(({ name }) => name), ...expected])].sort();

/** A mesh without a reference state is what was seen of it. */
export function takesPart(draft: Draft, expected: readonly string[]): (name: string) => boolean {
  const all = draft.base === 'seen' || expected.length === 0;
  const belongs = new Set(expected);
  return name => (all || belongs.has(name)) !== draft.flipped.has(name);
}

/** With these names in, or out. */
export function withNames(draft: Draft, expected: readonly string[], names: readonly string[], inside: boolean): Draft {
  const now = takesPart(draft, expected);
  const flipped = new Set(draft.flipped);
  for (const name of names)
    if (now(name) !== inside)
      flipped.has(name) ? flipped.delete(name) : flipped.add(name);
  return { ...draft, flipped };
}

/** Would a router, or the network, refuse a start with this in it? */
export function blocks(draft: Draft, finding: Finding, node: MeshNode | undefined): boolean {
  switch (finding.kind) {
    case 'missing':
    case 'no_image_for_board':
      return true;
    case 'unreachable':
      return !node?.key;
    case 'no_way_back':
      return !draft.single.has(finding.node);
    case 'downgrade':
      return !draft.policy.allow_downgrade;
    default:
      return false;
  }
}

/** The group of each that takes part, from 0 on; a group that nobody is in is none. */
export function groupsOf(draft: Draft, names: readonly string[]): string[][] {
  const groups = Array.from({ length: draft.groups }, () => [] as string[]);
  for (const name of names)
    groups[Math.min(draft.group.get(name) ?? Infinity, draft.groups - 1)]!.push(name);
  return groups.filter(group => group.length > 0);
}

/** So many of a group must be ready and in sight; always more than half. As src/core/upgrade.c. */
export const neededOf = (count: number, quorum: number): number =>
  Math.max(Math.ceil((count * quorum) / 100), Math.floor(count / 2) + 1);

/** Where routers find it that no neighbour can give it to: at its own address, or at this router. */
export function urlsOf(release: Release, nodes: readonly MeshNode[]): string[] {
  const address = nodes.find(({ here }) => here)?.address;
  if (release.source === 'url')
    return [release.place.replace(/\/?$/, '/')];
  return address ? [`http://${address}/v1/releases/${release.id}/`] : [];
}

export function startOf(draft: Draft, mesh: Mesh, nodes: readonly MeshNode[], names: readonly string[]): Start {
  const { id, version, sequence } = draft.release!;
  const byName = new Map(nodes.map(node => [node.name, node]));
  const participants = groupsOf(draft, names).flatMap((group, wave) =>
    group.map(name => ({ name, key: byName.get(name)?.key ?? '', wave })),
  );
  return {
    mesh: mesh.mesh,
    upgrade: newUpgrade(),
    epoch: nextEpoch({ highest_epoch: mesh.highest_epoch, nodes }),
    release: { id, version, sequence, urls: urlsOf(draft.release!, nodes) },
    policy: { ...draft.policy, allow_single_slot: names.some(name => draft.single.has(name)) },
    participants,
  };
}
