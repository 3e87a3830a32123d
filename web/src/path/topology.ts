// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The mesh as a graph of routers and measured links: whose loss would cut others off, and how long images take to reach
 * everybody. As src/core/topology.h, whose numbers these are.
 */

export interface Link {
  /** Places in the list of routers, a < b. */
  a: number;
  b: number;
  kbit: number;
}

interface Measured {
  name: string;
  links?: Record<string, number>;
}

/** A link that both ends measured counts once, with what the slower of them saw. */
export function linksOf(nodes: readonly Measured[]): Link[] {
  const places = new Map(nodes.map(({ name }, place) => [name, place]));
  const links = new Map<number, Link>();
  nodes.forEach((node, place) => {
    for (const [peer, kbit] of Object.entries(node.links ?? {})) {
      const other = places.get(peer);
      if (other === undefined || other === place || !(kbit > 0))
        continue;
      const [a, b] = place < other ? [place, other] : [other, place];
      const id = a * nodes.length + b;
      links.set(id, { a, b, kbit: Math.min(kbit, links.get(id)?.kbit ?? kbit) });
    }
  });
  return [...links.values()];
}

function neighboursOf(count: number, links: readonly Link[]): { to: number; link: Link }[][] {
  const around = Array.from({ length: count }, () => [] as { to: number; link: Link }[]);
  for (const link of links) {
    around[link.a]!.push({ to: link.b, link });
    around[link.b]!.push({ to: link.a, link });
  }
  return around;
}

/** Of each router, how many others `from` would not reach any more without it; 0 for `from` itself. */
export function countCutOff(count: number, links: readonly Link[], from: number): number[] {
  const around = neighboursOf(count, links);
  const lost = new Array<number>(count).fill(0);
  const found = new Array<number>(count).fill(0);
  let clock = 0;
  /** How far up those below it reach without it (Tarjan), and how many they are with it. */
  const visit = (node: number, parent: number): { low: number; size: number } => {
    const mine = (found[node] = ++clock);
    let low = mine;
    let size = 1;
    for (const { to } of around[node]!) {
      if (to === parent)
        continue;
      if (found[to]! > 0) {
        low = Math.min(low, found[to]!);
        continue;
      }
      const below = visit(to, node);
      size += below.size;
      low = Math.min(low, below.low);
      if (below.low >= mine && node !== from)
        lost[node]! += below.size;
    }
    return { low, size };
  };
  if (from >= 0 && from < count)
    visit(from, -1);
  return lost;
}

export interface Load {
  bytes: number;
  wants(node: number): boolean;
}

/** The tree of the fastest links (Kruskal) has the fastest way to each router. */
function fastest(count: number, links: readonly Link[]): Link[] {
  const group = Array.from({ length: count }, (_, place) => place);
  const groupOf = (node: number): number => {
    while (group[node] !== node)
      node = group[node] = group[group[node]!]!;
    return node;
  };
  return [...links]
    .sort((one, other) => other.kbit - one.kbit)
    .filter(({ a, b }) => {
      const from = groupOf(a);
      const to = groupOf(b);
      group[from] = to;
      return from !== to;
    });
}

/**
 * How long images take from `source` to all that want them, each image once over each link: what the busiest link
 * needs. `unreached` of them no measured link leads to.
 */
export function spread(count: number, links: readonly Link[], source: number, loads: readonly Load[]) {
  const around = neighboursOf(count, fastest(count, links));
  const up = new Map<number, { to: number; link: Link }>();
  const queue = [source];
  for (const node of queue)
    for (const { to, link } of around[node] ?? [])
      if (to !== source && !up.has(to)) {
        up.set(to, { to: node, link });
        queue.push(to);
      }
  const bytes = new Map<Link, number>();
  let unreached = 0;
  for (const load of loads) {
    const has = new Set([source]);
    for (let node = 0; node < count; node++) {
      if (!load.wants(node))
        continue;
      let at = node;
      for (let way = up.get(at); way !== undefined && !has.has(at); way = up.get(at)) {
        bytes.set(way.link, (bytes.get(way.link) ?? 0) + load.bytes);
        has.add(at);
        at = way.to;
      }
      unreached += has.has(at) ? 0 : 1;
    }
  }
  let ms = 0;
  bytes.forEach((sum, { kbit }) => (ms = Math.max(ms, Math.floor((sum * 8) / kbit))));
  return { ms, unreached };
}
