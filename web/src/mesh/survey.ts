// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the mesh view shows of each router and of each link, and how many there are of each kind. No DOM. */
import { cannotGoBack, isError, isGone, progressOf, toneOf, TONES, type Tone } from '../model/states';
import type { Mesh, MeshNode, Phase, State, Upgrade } from '../model/types';

/** Below it an image of 8 MiB takes more than a minute; as `lockstep check` has it. */
export const SLOW_KBIT = 1000;

/** A router that restarts has to measure its links anew: the map shall not fall apart meanwhile. */
const REMEMBER_MS = 600000;

/** What the list is filtered by: the state, or that nobody hears of it. */
export type Kind = State | 'gone';

export const KINDS = [...Object.keys(TONES), 'gone'] as Kind[];

export interface Row {
  name: string;
  node: MeshNode;
  kind: Kind;
  tone: Tone;
  /** 0 to 1 while it fetches; null if there is nothing to fetch, or all is there. */
  part: number | null;
  oneWay: boolean;
  slow: boolean;
  attention: boolean;
  /** Two rows with the same one look the same. */
  face: string;
}

/** Between two rows, by their index. */
export interface MeshLink {
  a: number;
  b: number;
  /** Of the slower direction; null: neighbours, and nobody measured it yet. */
  kbit: number | null;
  /** So many of them are measured now; what was measured before a restart is remembered for a while. */
  sides: number;
  slow: boolean;
}

/** By router and neighbour: how fast (0: not measured), and when that was told last. */
export type Memory = Map<string, Map<string, { kbit: number; ms: number }>>;

export interface Survey {
  /** By name. */
  rows: Row[];
  links: MeshLink[];
  /** By row: its neighbours and their links. */
  near: Map<number, MeshLink>[];
  here: number;
  counts: Map<Kind, number>;
}

const UNDER_WAY: Phase[] = ['open', 'scheduled', 'flashing', 'confirming'];
export const underWay = (upgrade: Upgrade | null): upgrade is Upgrade =>
  upgrade !== null && UNDER_WAY.includes(upgrade.phase);

/** Someone of whom there is nothing but the name. */
const nobody = (name: string): MeshNode =>
  ({ name, participant: false, here: false, neighbour: false, seen_ms: null, wave: 0 });

function findLinks(nodes: MeshNode[], near: Map<number, MeshLink>[], memory: Memory, now: number, active: boolean): MeshLink[] {
  const index = new Map(nodes.map((node, i) => [node.name, i]));
  const links: MeshLink[] = [];
  nodes.forEach(({ name, here, links: told = {} }, a) => {
    const own = memory.get(name) ?? new Map<string, { kbit: number; ms: number }>();
    memory.set(name, own);
    if (here)
      nodes.forEach(node => node.neighbour && !told[node.name] && own.set(node.name, { kbit: own.get(node.name)?.kbit ?? 0, ms: now }));
    for (const [peer, kbit] of Object.entries(told)) {
      if (kbit > 0)
        own.set(peer, { kbit, ms: now });
    }
    own.forEach((entry, peer) => {
      const b = index.get(peer);
      if (active && b !== undefined)
        entry.ms = now;
      if (now - entry.ms > REMEMBER_MS)
        own.delete(peer);
      else if (b !== undefined && b !== a) {
        let link = near[a]!.get(b);
        if (!link) {
          link = { a, b, kbit: null, sides: 0, slow: false };
          near[a]!.set(b, link);
          near[b]!.set(a, link);
          links.push(link);
        }
        if (entry.kbit) {
          link.sides += told[peer]! > 0 ? 1 : 0;
          link.kbit = Math.min(entry.kbit, link.kbit ?? Infinity);
          link.slow = link.kbit < SLOW_KBIT;
        }
      }
    });
  });
  return links;
}

/**
 * `expected`: who belongs to the mesh by its reference state. `now`: performance.now() as long as we hear of
 * the mesh, else when that was last so. `memory` is the caller's, for the next time.
 */
export function survey(nodes: Map<string, MeshNode>, mesh: Mesh, expected: string[], now: number, memory: Memory): Survey {
  const known = [...nodes.values()];
  const absent = expected.filter(name => !nodes.has(name));
  const all = absent.length
    ? known.concat([...new Set(absent)].map(nobody)).sort((a, b) => (a.name < b.name ? -1 : 1))
    : known;
  const near = all.map(() => new Map<number, MeshLink>());
  const here = all.findIndex(node => node.here);
  const active = underWay(mesh.upgrade);
  const links = findLinks(all, near, memory, now, active);
  const counts = new Map<Kind, number>();
  const back = mesh.upgrade?.phase === 'reverted';
  const rows = all.map((node, i): Row => {
    const gone = !node.state || (!node.here && isGone(node, active, now, known.length));
    const kind = gone ? 'gone' : KINDS.includes(node.state!) ? node.state! : 'INTERNAL_ERROR';
    const progress = progressOf(node);
    const part = progress !== null && progress < 1 ? progress : null;
    const oneWay = cannotGoBack(node);
    const slow = [...near[i]!.values()].some(link => link.slow);
    const { name, state, reason, message, held_bytes, image_bytes, version, board } = node;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return {
      name,
      node,
      kind,
      tone: gone ? 'gone' : toneOf(node),
      part,
      oneWay,
      slow,
      attention: gone || oneWay || slow || isError(node) || (state === 'REVERTED' && !back),
      face: [kind, oneWay, slow, held_bytes, image_bytes, reason, message, version, board, node.here].join('\n'),
    };
  });
  return { rows, links, near, here, counts };
}

/** How far the upgrade is: how many of those who are to do the present step have done it. */
export function countDone(rows: Row[], upgrade: Upgrade): { k: number; n: number } {
  const steps: State[] = ['UPGRADE_READY', 'UPGRADE_SCHEDULED', 'FLASHING', 'CONFIRMATION_PENDING'];
  const need = upgrade.phase === 'open' ? 0 : upgrade.phase === 'scheduled' ? 1 : 3;
  let [k, n] = [0, 0];
  for (const { node } of rows) {
    if (!node.participant || (upgrade.waves > 1 && need > 0 && node.wave !== upgrade.wave))
      continue;
    n++;
    const rank = node.state === 'UPDATED' && node.version === upgrade.version ? 4 : steps.indexOf(node.state!);
    if (rank >= need && (rank === 4 || node.upgrade === upgrade.id))
      k++;
  }
  return { k, n };
}

/** The firmware that most of them run, and of how many it is known. */
export function mostRun(rows: Row[]): { version: string; k: number; n: number } {
  const versions = new Map<string, number>();
  let [version, k, n] = ['', 0, 0];
  for (const { node } of rows) {
    if (!node.version)
      continue;
    n++;
    const count = (versions.get(node.version) ?? 0) + 1;
    versions.set(node.version, count);
    if (count > k)
      [version, k] = [node.version, count];
  }
  return { version, k, n };
}

export interface Filter {
  text: string;
  kinds: Kind[];
  attention: boolean;
}

export const NO_FILTER: Filter = { text: '', kinds: [], attention: false };

/** The rows that fit, in the order of the rows. All words must be found. */
export function pick(rows: Row[], { text, kinds, attention }: Filter): Set<Row> {
  const words = text.toLowerCase().split(/\s+/);
  const fits = ({ name, node, kind, attention: needs }: Row) =>
    (!kinds.length || kinds.includes(kind)) &&
    (!attention || needs) &&
    words.every(word => [name, node.board, node.version].join(' ').toLowerCase().includes(word));
  return new Set(rows.filter(fits));
}

export const SORTS = ['name', 'state', 'progress'] as const;
export type Sort = (typeof SORTS)[number];

/** node2 before node10. */
const { compare } = new Intl.Collator(undefined, { numeric: true });

/** By state: what needs somebody first. By progress: the slowest first. */
export function sort(found: Iterable<Row>, by: Sort): Row[] {
  const weight = ({ kind, part }: Row) =>
    by === 'state' ? -KINDS.indexOf(kind) : by === 'progress' ? part ?? (kind === 'gone' ? 0 : 2) : 0;
  return [...found].sort((a, b) => weight(a) - weight(b) || compare(a.name, b.name));
}

/** Where that router's own page is; "" if what it says is no HOST:PORT. */
export function pageOf(address = ''): string {
  return /^([a-z0-9]([a-z0-9.-]{0,252})?|\[[0-9a-f:.]{2,45}\]):[1-9]\d{0,4}$/i.test(address) ? `http://${address}/` : '';
}

/** Of a key's blob: the 8 bytes of its number. */
export function fingerprint(blob = ''): string {
  try {
    return [...atob(blob).slice(2, 10)].map(byte => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  } catch {
    return '';
  }
}

