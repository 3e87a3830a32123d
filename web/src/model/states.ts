// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the states of nodes look like, and what is worth saying of a node. */
import type { MeshNode, State } from './types';

/** A node that was not heard from for so long is not there: two of a quiet node's heartbeats, and a minute. */
export const SEEN_LATELY_MS = 660000;
/** While an upgrade is open, nodes say something every few seconds. */
export const SEEN_LATELY_ACTIVE_MS = 60000;

/** Colour and sign of a state; `style.css` has a colour for each. */
export type Tone = 'calm' | 'news' | 'busy' | 'ready' | 'wait' | 'flash' | 'trial' | 'back' | 'stop' | 'wrong' | 'gone';

const TONES: Record<State, Tone> = {
  UPDATED: 'calm',
  UPGRADE_AVAILABLE: 'news',
  DOWNLOADING: 'busy',
  UPGRADE_READY: 'ready',
  UPGRADE_SCHEDULED: 'wait',
  FLASHING: 'flash',
  CONFIRMATION_PENDING: 'trial',
  REVERTED: 'back',
  ABORTED: 'stop',
  DOWNLOAD_ERROR: 'wrong',
  UPGRADE_CHECK_FAILED: 'wrong',
  INTERNAL_ERROR: 'wrong',
};

/** Told apart without colours, too. */
export const SIGNS: Record<Tone, string> = {
  calm: '✓',
  news: '★',
  busy: '↓',
  ready: '●',
  wait: '◔',
  flash: '⚡',
  trial: '?',
  back: '↩',
  stop: '■',
  wrong: '!',
  gone: '–',
};

export const TONE_LIST = Object.keys(SIGNS) as Tone[];

export const isGone = (node: MeshNode, active: boolean) =>
  node.seen_ms === null || node.seen_ms > (active ? SEEN_LATELY_ACTIVE_MS : SEEN_LATELY_MS);

export const toneOf = (node: MeshNode): Tone => (node.state ? TONES[node.state] ?? 'wrong' : 'gone');

export const isError = (node: MeshNode) => toneOf(node) === 'wrong';

export const cannotGoBack = (node: MeshNode) => node.slots !== undefined && node.slots < 2;

/** 0 to 1; null if it has no image to fetch. */
export const progressOf = (node: MeshNode) =>
  node.image_bytes ? Math.min(1, (node.held_bytes ?? 0) / node.image_bytes) : null;
