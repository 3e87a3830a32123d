// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the states of nodes look like, and what is worth saying of a node. */
import type { MeshNode, State } from './types';

/** A node that was not heard from for so long is not there: two of a quiet node's heartbeats, and a minute. */
export const SEEN_LATELY_MS = 660000;
/** In the midst of an upgrade nodes say something every few seconds; in a large mesh they take turns. */
export const SEEN_LATELY_ACTIVE_MS = 60000;
const SEEN_LATELY_NODE_MS = 200;
/** The others are as quiet as ever, even in an upgrade that waits; and who installs may need minutes. */
const TALK: (State | undefined)[] = ['DOWNLOADING', 'DOWNLOAD_ERROR', 'UPGRADE_SCHEDULED', 'CONFIRMATION_PENDING'];

/** Colour and sign of a state; `style.css` has a colour for each. */
export type Tone = 'calm' | 'news' | 'busy' | 'ready' | 'wait' | 'flash' | 'trial' | 'back' | 'stop' | 'wrong' | 'gone';

/** In the order in which an upgrade goes, and then what goes wrong. */
export const TONES: Record<State, Tone> = {
  UPDATED: 'calm',
  UPGRADE_AVAILABLE: 'news',
  DOWNLOADING: 'busy',
  UPGRADE_READY: 'ready',
  UPGRADE_SCHEDULED: 'wait',
  FLASHING: 'flash',
  CONFIRMATION_PENDING: 'trial',
  ABORTED: 'stop',
  REVERTED: 'back',
  DOWNLOAD_ERROR: 'wrong',
  UPGRADE_CHECK_FAILED: 'wrong',
  INTERNAL_ERROR: 'wrong',
};

/** Told apart without colours, too; never as pictures of the system's. */
export const SIGNS: Record<Tone, string> = {
  calm: '✓',
  news: '★',
  busy: '↓',
  ready: '●',
  wait: '◔',
  flash: '⚡\uFE0E',
  trial: '?',
  back: '↩\uFE0E',
  stop: '■',
  wrong: '!',
  gone: '–',
};

export const TONE_LIST = Object.keys(SIGNS) as Tone[];

/** Of a mesh of `size`; `active`: an upgrade is under way. */
export function isGone(node: MeshNode, active: boolean, now = performance.now(), size = 0): boolean {
  const limit =
    active && TALK.includes(node.state)
      ? Math.max(SEEN_LATELY_ACTIVE_MS, SEEN_LATELY_ACTIVE_MS - 20000 + size * SEEN_LATELY_NODE_MS)
      : SEEN_LATELY_MS;
  return node.seen_ms === null || (node.heard == null ? node.seen_ms : now - node.heard) > limit;
}

export const toneOf = (node: MeshNode): Tone => (node.state ? TONES[node.state] ?? 'wrong' : 'gone');

/** What stands in its way; that it waits for others or for an operator is no more than its state says. */
export const reasonOf = ({ reason = '' }: MeshNode) => (reason.startsWith('waiting_') ? '' : reason);

export const isError = (node: MeshNode) => toneOf(node) === 'wrong';

export const cannotGoBack = (node: MeshNode) => node.slots !== undefined && node.slots < 2;

/** 0 to 1; null if it has no image to fetch. */
export const progressOf = (node: MeshNode) =>
  node.image_bytes ? Math.min(1, (node.held_bytes ?? 0) / node.image_bytes) : null;
