// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where an open upgrade stands: who of the present group has come how far, as src/core/upgrade.c counts. No DOM. */
import type { MeshNode, Upgrade } from '../model/types';
import { neededOf } from './plan';

export const STEPS = ['choose', 'check', 'fetch', 'time', 'install', 'keep'] as const;
export type Step = (typeof STEPS)[number];

/** Its record speaks of this upgrade. */
export const isOf = (upgrade: Upgrade, node: MeshNode) =>
  node.upgrade === upgrade.id && node.epoch === upgrade.epoch;

/** How many steps are behind it: 1 ready, 2 scheduled, 3 past the flash, 4 runs, 5 is healthy, 6 has kept it. */
export function stepsDone(upgrade: Upgrade, node: MeshNode): number {
  if (!isOf(upgrade, node))
    return 0;
  switch (node.state) {
    case 'UPGRADE_READY':
      return 1;
    case 'UPGRADE_SCHEDULED':
      return 2;
    case 'FLASHING':
      return 3;
    case 'CONFIRMATION_PENDING':
      return node.healthy ? 5 : 4;
    case 'UPDATED':
      return node.flashed ? 6 : 0;
    default:
      return 0;
  }
}

export interface Scene {
  /** Of the present group, by how many steps they have done. */
  group: MeshNode[];
  done(steps: number): MeshNode[];
  missing(steps: number): MeshNode[];
  /** So many must be ready at the moment of the installation. */
  needed: number;
}

export function sceneOf(upgrade: Upgrade, nodes: readonly MeshNode[]): Scene {
  const group = nodes.filter(({ participant, wave }) => participant && wave === upgrade.wave);
  const steps = new Map(group.map(node => [node, stepsDone(upgrade, node)]));
  return {
    group,
    done: count => group.filter(node => steps.get(node)! >= count),
    missing: count => group.filter(node => steps.get(node)! < count),
    needed: neededOf(group.length, upgrade.quorum),
  };
}

export const isOver = (upgrade: Upgrade | null): boolean =>
  upgrade === null || ['confirmed', 'aborted', 'reverted'].includes(upgrade.phase);

export interface Progress {
  held: number;
  total: number;
}

/** Of those who know what they are to fetch. */
export const progressOfAll = (nodes: readonly MeshNode[]): Progress =>
  nodes.reduce(
    (sum, { held_bytes = 0, image_bytes = 0 }) => ({ held: sum.held + held_bytes, total: sum.total + image_bytes }),
    { held: 0, total: 0 },
  );

/**
 * Where the person stands. `scene` is null if no upgrade is open; `forced`: he would not wait for who is not ready;
 * `dark`: the countdown is over and this router is silent, as it is while it restarts.
 */
export function stepOf(upgrade: Upgrade | null, scene: Scene | null, hasChosen: boolean, forced: boolean, dark: boolean): Step {
  if (upgrade === null || scene === null)
    return hasChosen ? 'check' : 'choose';
  switch (upgrade.phase) {
    case 'open':
      return scene.missing(1).length > 0 && !forced ? 'fetch' : 'time';
    case 'scheduled':
      return dark ? 'install' : 'time';
    case 'flashing':
      return 'install';
    default:
      return 'keep';
  }
}
