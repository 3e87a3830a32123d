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
/** Pairs between two looks at the clock. */
const SLICE = 4096;
const MARGIN = 0.7;

/** 0 to 1, always the same for a text. */
function chance(text: string): number {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return ((hash ^ (hash >>> 15)) >>> 0) / 4294967296;
}

const coprime = (a: number, b: number): boolean => (b === 0 ? a === 1 : coprime(b, a % b));

export class Layout {
  names: string[] = [];
  x = new Float64Array(0);
  y = new Float64Array(0);
  private here = 0;
  private shape = '';
  /** Who can reach whom; those who are alone are groups, too. The largest first. */
  private groups: number[][] = [];
  /** n by n; 0: no way. */
  private hops = new Uint16Array(0);
  private farthest = 1;
  private round = ROUNDS;
  private pair = 0;
  private cold = true;

  /** `pairs` are indices into `names`. True if anything is to be moved. */
  set(names: string[], pairs: [number, number][], here: number): boolean {
    const shape = names.join(' ') + '|' + pairs.join(' ');
    if (shape === this.shape)
      return false;
    const settled = new Map(this.names.map((name, i) => [name, i]));
    const alone = new Set(this.groups.filter(group => group.length < 2).map(([i]) => this.names[i!]));
    const before = { x: this.x, y: this.y };
    const n = names.length;
    const near: number[][] = names.map(() => []);
    for (const [a, b] of pairs) {
      near[a]!.push(b);
      near[b]!.push(a);
    }
    this.shape = shape;
    this.names = names;
    this.here = here;
    this.measure(near);
    const linked = near.filter(list => list.length > 0).length;
    const known = (i: number) => settled.has(names[i]!) && !alone.has(names[i]!);
    this.cold = names.filter((_, i) => near[i]!.length > 0 && known(i)).length * 2 < linked || linked === 0;
    this.x = new Float64Array(n);
    this.y = new Float64Array(n);
    for (const group of this.groups)
      this.grow(group, near, i => {
        if (this.cold || !known(i))
          return false;
        const old = settled.get(names[i]!)!;
        this.x[i] = before.x[old]!;
        this.y[i] = before.y[old]!;
        return true;
      });
    this.round = linked === 0 ? ROUNDS : this.cold ? 0 : WARM;
    this.pair = 0;
    this.arrange();
    return true;
  }

  /** Goes on until then (performance.now()); false once all is done. */
  step(until: number): boolean {
    const n = this.names.length;
    const all = n * n;
    const { x, y, hops } = this;
    let stride = Math.floor(all * 0.618);
    while (this.round < ROUNDS) {
      const apart = this.round >= APART;
      const far = this.farthest ** 2;
      const eta = this.round < ONLY_APART ? far * (ETA_LAST / far) ** (this.round / (ONLY_APART - 1)) : 0;
      while (!coprime(n, stride % n))
        stride--;
      for (let end = Math.min(all, this.pair + SLICE); this.pair < end; this.pair++) {
        // Each pair once, in an order in which neighbours in the matrix are far from each other.
        const at = (this.pair * stride) % all;
        const i = Math.floor(at / n);
        const j = at - i * n;
        const hop = hops[at]!;
        if (j <= i || hop === 0)
          continue;
        let dx = x[i]! - x[j]!;
        const dy = y[i]! - y[j]!;
        let length = Math.sqrt(dx * dx + dy * dy);
        if (length < 1e-6) {
          dx = 1e-3;
          length = 1e-3;
        }
        const close = apart && length < SEPARATION;
        if (!close && eta === 0)
          continue;
        const pull = close ? 0.5 : Math.min(1, eta / (hop * hop));
        const move = (pull * (length - (close ? SEPARATION : hop))) / (2 * length);
        x[i]! -= dx * move;
        y[i]! -= dy * move;
        x[j]! += dx * move;
        y[j]! += dy * move;
      }
      if (this.pair >= all) {
        this.pair = 0;
        this.round++;
        this.arrange();
      }
      if (performance.now() >= until)
        break;
    }
    return this.round < ROUNDS;
  }

  /** Hops between all, and the groups. */
  private measure(near: number[][]) {
    const n = near.length;
    this.hops = new Uint16Array(n * n);
    this.farthest = 1;
    this.groups = [];
    const placed = new Uint8Array(n);
    const queue = new Uint16Array(n);
    for (let from = 0; from < n; from++) {
      const row = this.hops.subarray(from * n, from * n + n);
      let count = 1;
      queue[0] = from;
      for (let head = 0; head < count; head++) {
        const at = queue[head]!;
        for (const next of near[at]!) {
          if (row[next] === 0 && next !== from) {
            row[next] = row[at]! + 1;
            queue[count++] = next;
          }
        }
      }
      this.farthest = Math.max(this.farthest, row[queue[count - 1]!]!);
      if (!placed[from]) {
        const group = [...queue.subarray(0, count)].sort((a, b) => a - b);
        group.forEach(i => (placed[i] = 1));
        this.groups.push(group);
      }
    }
    this.groups.sort((a, b) => b.length - a.length || a[0]! - b[0]!);
  }

  /** A first place for everybody: around the middle, each branch in a sector as wide as it has leaves. */
  private grow(group: number[], near: number[][], keep: (i: number) => boolean) {
    const root = group.includes(this.here) ? this.here : group.reduce((a, b) => (near[b]!.length > near[a]!.length ? b : a));
    const order = [root];
    const children = new Map<number, number[]>([[root, []]]);
    for (const at of order) {
      for (const next of near[at]!) {
        if (!children.has(next)) {
          children.set(next, []);
          children.get(at)!.push(next);
          order.push(next);
        }
      }
    }
    const leaves = new Map<number, number>();
    for (const at of [...order].reverse())
      leaves.set(at, Math.max(1, children.get(at)!.reduce((sum, child) => sum + leaves.get(child)!, 0)));
    const sectors = new Map<number, [number, number]>([[root, [0, 2 * Math.PI]]]);
    keep(root);
    for (const at of order) {
      let [begin, end] = sectors.get(at)!;
      const share = (end - begin) / leaves.get(at)!;
      for (const child of children.get(at)!) {
        end = begin + share * leaves.get(child)!;
        sectors.set(child, [begin, end]);
        if (!keep(child)) {
          const angle = (begin + end) / 2 + (chance(this.names[child]!) - 0.5) * 0.1;
          this.x[child] = this.x[at]! + Math.cos(angle);
          this.y[child] = this.y[at]! + Math.sin(angle);
        }
        begin = end;
      }
    }
  }

  /** Groups beside each other, the largest on top; a new one lies, and begins where the reader is. */
  private arrange() {
    const { x, y } = this;
    const boxes = this.groups.map(group => {
      if (this.cold && group.length > 1)
        this.turn(group);
      const xs = group.map(i => x[i]!);
      const ys = group.map(i => y[i]!);
      const left = Math.min(...xs) - MARGIN;
      const top = Math.min(...ys) - MARGIN;
      return { group, left, top, width: Math.max(...xs) + MARGIN - left, height: Math.max(...ys) + MARGIN - top };
    });
    const room = boxes.reduce((sum, box) => sum + box.width * box.height, 0);
    const width = Math.max(boxes[0]?.width ?? 0, Math.sqrt(room * 1.8));
    let atX = 0;
    let atY = 0;
    let shelf = 0;
    for (const box of boxes) {
      if (atX + box.width > width + 1e-9 && atX > 0) {
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
    }
  }

  /** Along its longer side; `here`, or the first of all, to the left and on top. */
  private turn(group: number[]) {
    const { x, y } = this;
    const mean = (of: Float64Array) => group.reduce((sum, i) => sum + of[i]!, 0) / group.length;
    const mx = mean(x);
    const my = mean(y);
    let xx = 0;
    let xy = 0;
    let yy = 0;
    for (const i of group) {
      xx += (x[i]! - mx) ** 2;
      xy += (x[i]! - mx) * (y[i]! - my);
      yy += (y[i]! - my) ** 2;
    }
    const angle = Math.atan2(2 * xy, xx - yy) / 2;
    const cos = Math.cos(angle);
    const sin = Math.sin(angle);
    const first = group.includes(this.here) ? this.here : group[0]!;
    const along = (i: number) => (x[i]! - mx) * cos + (y[i]! - my) * sin;
    const across = (i: number) => (y[i]! - my) * cos - (x[i]! - mx) * sin;
    const flipX = along(first) > 0 ? -1 : 1;
    const flipY = across(first) > 0 ? -1 : 1;
    for (const i of group) {
      const a = along(i) * flipX;
      y[i] = across(i) * flipY;
      x[i] = a;
    }
  }
}
