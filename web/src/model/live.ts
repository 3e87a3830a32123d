// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The mesh as this node sees it now: one stream of server-sent events, opened again for as long as the
 * page is open, for the node itself restarts in an upgrade.
 */
import { get } from './api';
import type { Mesh, MeshNode } from './types';

export type Link = 'connecting' | 'live' | 'lost';

export interface Live {
  mesh: Mesh | null;
  /** By name, in the order of their names. */
  nodes: Map<string, MeshNode>;
  /** Grows with every event. */
  version: number;
  /** performance.now() when the last event came; countdowns go on from there. */
  receivedMs: number;
  link: Link;
  /** performance.now() since when it is lost. */
  lostMs: number;
}

const RETRY_MS = [500, 1000, 2000, 4000];
/** So long without an event, and the node is asked whether it is still there. */
const QUIET_MS = 8000;
const ANSWER_MS = 5000;

const subscribers = new Set<() => void>();
let live: Live = { mesh: null, nodes: new Map(), version: 0, receivedMs: 0, link: 'connecting', lostMs: 0 };
let source: EventSource | null = null;
let failures = 0;
let retry = 0;
/** performance.now() when the node was last known to be there, with or without news. */
let answeredMs = 0;

export const currentLive = () => live;

export function onLive(tell: () => void) {
  subscribers.add(tell);
  return () => void subscribers.delete(tell);
}

function change(next: Partial<Live>) {
  live = { ...live, ...next };
  subscribers.forEach(tell => tell());
}

function take(mesh: Mesh, whole: boolean) {
  const now = performance.now();
  let nodes = live.nodes;
  for (const node of mesh.nodes)
    node.heard = node.seen_ms === null ? null : now - node.seen_ms;
  if (whole) {
    nodes = new Map(mesh.nodes.map(node => [node.name, node]));
  } else if (mesh.nodes.length > 0) {
    const grows = mesh.nodes.some(node => !nodes.has(node.name));
    nodes = new Map(nodes);
    for (const node of mesh.nodes)
      nodes.set(node.name, node);
    if (grows)
      nodes = new Map([...nodes].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  failures = 0;
  answeredMs = now;
  change({ mesh, nodes, version: live.version + 1, receivedMs: now, link: 'live' });
}

function lose() {
  source?.close();
  source = null;
  if (live.link !== 'lost')
    change({ link: 'lost', lostMs: performance.now() });
  clearTimeout(retry);
  retry = window.setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
}

function connect() {
  clearTimeout(retry);
  source?.close();
  const events = new EventSource('/v1/events');
  const hear = (whole: boolean) => (event: Event) => {
    if (source !== events)
      return;
    try {
      take(JSON.parse((event as MessageEvent<string>).data) as Mesh, whole);
    } catch {
      lose();
    }
  };
  source = events;
  events.addEventListener('mesh', hear(true));
  events.addEventListener('change', hear(false));
  events.onerror = () => {
    if (source === events)
      lose();
  };
}

/** A phone that left the Wi-Fi hears nothing at all: neither events nor an end. */
async function watch() {
  if (source !== null && performance.now() - answeredMs > QUIET_MS) {
    const asked = source;
    try {
      await get('/v1/status', ANSWER_MS);
      answeredMs = performance.now();
    } catch {
      if (source === asked)
        lose();
    }
  }
  setTimeout(watch, 3000);
}

export function begin() {
  connect();
  setTimeout(watch, 3000);
  // A phone that wakes up should not wait for the next try.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && live.link === 'lost')
      connect();
  });
}
