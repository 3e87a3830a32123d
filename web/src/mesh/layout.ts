// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where the routers stand in the graph: as far from each other on the plane as they are in hops, as near
 * to that as can be (stress majorization by stochastic gradient descent, Zheng, Pawar and Goodman 2018).
 * Trees, chains, grids and clusters come out as such. The same mesh always gives the same picture, and who
 * comes or goes moves the others little. No DOM; the unit is the length of a link.
 */

const ROUNDS = 42;
/** A mesh that was there already needs no more than the last of them. */
const WARM = 22;
/** From here on nobody may stand on somebody else; and in the end nothing else counts. */
const APART = 20;
const ONLY_APART = 36;
const SEPARATION = 0.72;
const ETA_LAST = 0.04;
/** A picture that grew, and is so much worse than the last one that was made anew, is made anew, too. */
const WORSE = 1.25;
const WORSE_MIN = 0.005;
/** Pairs between two looks at the clock. */
const SLICE = 4096;
const MARGIN = 0.65;

/** A direction that is always the same for a name. */
function directionOf(name: string): number {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  return (hash ^ (hash >>> 15)) % 1024;
}

const coprime = (a: number, b: number): boolean => (b === 0 ? a === 1 : coprime(b, a % b));

/** Hops between all, n by n (0: no way), and who can reach whom: the largest group first, the lonely last. */
export function measure(near: number[][]) {
  const n = near.length;
  const hops = new Uint16Array(n * n);
  const groups: number[][] = [];
  const placed = new Set<number>();
  let farthest = 1;
  for (let from = 0; from < n; from++) {
    const row = hops.subarray(from * n, from * n + n);
    const queue = [from];
    for (const at of queue) {
      for (const next of near[at]!) {
        if (row[next] === 0 && next !== from) {
          row[next] = row[at]! + 1;
          queue.push(next);
        }
      }
    }
    farthest = Math.max(farthest, row[queue[queue.length - 1]!]!);
    if (!placed.has(from)) {
      queue.forEach(i => placed.add(i));
      groups.push(queue.sort((a, b) => a - b));
    }
  }
  groups.sort((a, b) => b.length - a.length || a[0]! - b[0]!);
  return { hops, groups, farthest };
}

export interface Layout {
  names: string[];
  x: Float64Array;
  y: Float64Array;
  /** `pairs` are indices into `names`. True if anything is to be moved. */
  set(names: string[], pairs: [number, number][], here: number): boolean;
  /** Goes on until then (performance.now()); false once all is done. */
  step(until: number): boolean;
}

export function makeLayout(): Layout {
  let x = new Float64Array(0);
  let y = x;
  let shape = '';
  let here = 0;
  let { hops, groups, farthest } = measure([]);
  let round = ROUNDS;
  let pair = 0;
  let cold = true;
  let best = 0;

  /** From a ring everybody finds his place; who comes later begins beside somebody who is there. */
  function scatter(placeOf: (i: number) => [number, number] | undefined, near: number[][] = []) {
    const radius = cold ? farthest / 2 : 1;
    layout.names.forEach((name, i) => {
      const place = placeOf(i);
      const beside = near[i]?.map(placeOf).find(Boolean) ?? [0, 0];
      const angle = directionOf(name);
      x[i] = place ? place[0] : beside[0] + radius * Math.cos(angle);
      y[i] = place ? place[1] : beside[1] + radius * Math.sin(angle);
    });
  }

  /** How much the distances differ from the hops: the mean of the squares, of each pair by its own measure. */
  function stress(): number {
    const n = x.length;
    let [sum, count] = [0, 1];
    for (let at = 0; at < n * n; at++) {
      const i = Math.floor(at / n);
      const hop = hops[at]!;
      if (hop) {
        sum += (Math.hypot(x[i]! - x[at - i * n]!, y[i]! - y[at - i * n]!) / hop - 1) ** 2;
        count++;
      }
    }
    return sum / count;
  }

  /** Along its longer side; `here`, or the first of all, to the left and on top. */
  function turn(group: number[]) {
    const mean = (of: Float64Array) => group.reduce((sum, i) => sum + of[i]!, 0) / group.length;
    const [mx, my] = [mean(x), mean(y)];
    let [xx, xy, yy] = [0, 0, 0];
    for (const i of group) {
      xx += (x[i]! - mx) ** 2;
      xy += (x[i]! - mx) * (y[i]! - my);
      yy += (y[i]! - my) ** 2;
    }
    const angle = Math.atan2(2 * xy, xx - yy) / 2;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    for (const i of group) {
      const [dx, dy] = [x[i]! - mx, y[i]! - my];
      x[i] = dx * cos + dy * sin;
      y[i] = dy * cos - dx * sin;
    }
    const first = group.includes(here) ? here : group[0]!;
    for (const of of [x, y]) {
      if (of[first]! > 0)
        group.forEach(i => (of[i] = -of[i]!));
    }
  }

  /** Groups beside each other, the largest on top, the lonely at the bottom. */
  function arrange() {
    let room = 0;
    const boxes = groups.map(group => {
      if (cold && group.length > 1)
        turn(group);
      const xs = group.map(i => x[i]!);
      const ys = group.map(i => y[i]!);
      const [left, top] = [Math.min(...xs) - MARGIN, Math.min(...ys) - MARGIN];
      const [width, height] = [Math.max(...xs) + MARGIN - left, Math.max(...ys) + MARGIN - top];
      room += width * height;
      return { group, left, top, width, height };
    });
    const width = Math.max(boxes[0]?.width ?? 0, Math.sqrt(room * 1.8));
    let [atX, atY, shelf, size] = [0, 0, 0, 0];
    for (const box of boxes) {
      if (atX > 0 && (atX + box.width > width + 1e-9 || (box.group.length === 1 && size > 1))) {
        atX = 0;
        atY += shelf;
        shelf = 0;
      }
      for (const i of box.group) {
        x[i]! += atX - box.left;
        y[i]! += atY - box.top;
      }
      atX += box.width;
      shelf = Math.max(shelf, box.height);
      size = box.group.length;
    }
  }

  const layout: Layout = {
    names: [],
    x,
    y,

    set(names, pairs, reader) {
      const next = `${names.join(' ')}|${pairs.join(' ')}|${reader}`;
      if (next === shape)
        return false;
      const near: number[][] = names.map(() => []);
      for (const [a, b] of pairs) {
        near[a]!.push(b);
        near[b]!.push(a);
      }
      const old = new Map<string, [number, number]>();
      for (const group of groups) {
        if (group.length > 1)
          group.forEach(i => old.set(layout.names[i]!, [x[i]!, y[i]!]));
      }
      shape = next;
      here = reader;
      ({ hops, groups, farthest } = measure(near));
      const linked = names.filter((_, i) => near[i]!.length > 0);
      cold = linked.filter(name => old.has(name)).length * 2 <= linked.length;
      layout.names = names;
      layout.x = x = new Float64Array(names.length);
      layout.y = y = new Float64Array(names.length);
      scatter(i => (cold ? undefined : old.get(names[i]!)), near);
      round = linked.length === 0 ? ROUNDS : cold ? 0 : WARM;
      pair = 0;
      arrange();
      return true;
    },

    step(until) {
      const n = layout.names.length;
      const all = n * n;
      // Each pair once, in an order in which those beside each other in the matrix are far apart.
      let stride = Math.floor(all * 0.618);
      while (n > 1 && !coprime(n, stride % n))
        stride--;
      while (round < ROUNDS) {
        const far = farthest ** 2;
        const eta = round < ONLY_APART ? far * (ETA_LAST / far) ** (round / (ONLY_APART - 1)) : 0;
        for (const end = Math.min(all, pair + SLICE); pair < end; pair++) {
          const at = (pair * stride) % all;
          const i = Math.floor(at / n);
          const j = at - i * n;
          const hop = hops[at]!;
          if (j <= i || hop === 0)
            continue;
          const dx = x[i]! - x[j]! || 1e-3;
          const dy = y[i]! - y[j]!;
          const length = Math.sqrt(dx * dx + dy * dy);
          const close = round >= APART && length < SEPARATION;
          const move = close
            ? (length - SEPARATION) / (3 * length)
            : (Math.min(1, eta / (hop * hop)) * (length - hop)) / (2 * length);
          x[i]! -= dx * move;
          y[i]! -= dy * move;
          x[j]! += dx * move;
          y[j]! += dy * move;
        }
        if (pair >= all) {
          pair = 0;
          round++;
          arrange();
          if (round === ROUNDS) {
            const now = stress();
            if (!cold && now > best * WORSE + WORSE_MIN) {
              cold = true;
              round = 0;
              scatter(() => undefined);
            } else if (cold) {
              best = now;
            }
          }
        }
        if (performance.now() >= until)
          break;
      }
      return round < ROUNDS;
    },
  };
  return layout;
}
