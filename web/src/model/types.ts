// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a node says (docs/api.md). Members that older nodes may not send are optional. */

export type State =
  | 'UPDATED'
  | 'UPGRADE_AVAILABLE'
  | 'DOWNLOADING'
  | 'UPGRADE_READY'
  | 'UPGRADE_SCHEDULED'
  | 'FLASHING'
  | 'CONFIRMATION_PENDING'
  | 'REVERTED'
  | 'ABORTED'
  | 'DOWNLOAD_ERROR'
  | 'UPGRADE_CHECK_FAILED'
  | 'INTERNAL_ERROR';

export type Phase = 'open' | 'scheduled' | 'flashing' | 'confirming' | 'confirmed' | 'aborted' | 'reverted';

export interface MeshNode {
  name: string;
  participant: boolean;
  here: boolean;
  neighbour: boolean;
  /** How long ago its newest record came; null: never seen. */
  seen_ms: number | null;
  /** The same as a moment of performance.now(), for it goes on growing when nothing is told; by model/live. */
  heard?: number | null;
  wave: number;
  /** Missing, like all that follows, for a participant that was never seen. */
  state?: State;
  reason?: string;
  message?: string;
  epoch?: number;
  upgrade?: string;
  order?: string;
  flashed?: boolean;
  healthy?: boolean;
  source?: boolean;
  held_bytes?: number;
  image_bytes?: number;
  version?: string;
  release_sequence?: number;
  board?: string;
  /** 1: it cannot go back. */
  slots?: number;
  window_s?: number;
  address?: string;
  /** kbit/s by neighbour. */
  links?: Record<string, number>;
  highest_epoch?: number;
  /** Blob of its public key. */
  key?: string;
}

export interface Upgrade {
  id: string;
  epoch: number;
  start: string;
  release: string;
  version: string;
  sequence: number;
  confirm: 'operator' | 'auto';
  policy: 'atomic' | 'best-effort';
  quorum: number;
  waves: number;
  allow_single_slot: boolean;
  allow_downgrade: boolean;
  phase: Phase;
  wave: number;
  schedule: string;
  countdown_ms: number | null;
  confirm_window_s: number;
  window_remaining_ms: number | null;
  signed_by: string;
  waiting: { reason: string; names: string[] } | null;
}

export interface Mesh {
  lockstep: string;
  mesh: string;
  node: string;
  highest_epoch: number;
  upgrade: Upgrade | null;
  nodes: MeshNode[];
}

export interface ReleaseImage {
  sha256: string;
  size: number;
  boards: string[];
  held: number;
}

export interface Release {
  /** "" while a URL was not fetched. */
  id: string;
  version: string;
  sequence: number;
  created: string;
  info_url: string;
  trusted: boolean;
  signed_by: string[];
  source: 'directory' | 'media' | 'url' | 'upload';
  place: string;
  state: 'ready' | 'fetching' | 'incomplete' | 'failed';
  reason: string;
  message: string;
  size: number;
  held: number;
  images: ReleaseImage[];
}

export interface TrustedKey {
  fingerprint: string;
  name: string;
}

export interface Trust {
  release: { threshold: number; keys: TrustedKey[] };
  operator: { threshold: number; keys: TrustedKey[] };
}

export interface PastUpgrade {
  id: string;
  epoch: number;
  release: string;
  version: string;
  sequence: number;
  begun: number;
  ended: number | null;
  phase: Phase;
  participants: number;
  orders: { kind: 'start' | 'schedule' | 'confirm' | 'abort'; at: number; signed_by: string; wave: number }[];
  nodes: { name: string; reason: string; states: [State, number][] }[];
}

export interface History {
  now: number;
  upgrades: PastUpgrade[];
}

export interface LogEntry {
  ms: number;
  time: string;
  level: 'debug' | 'info' | 'warning' | 'error';
  code: string;
  text: string;
}
