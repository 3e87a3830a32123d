// SPDX-License-Identifier: AGPL-3.0-or-later
/** One frame of the map: links by their quality, routers by their state, and as many names as have room. */
import { SIGNS } from '../model/states';
import { number, t } from '../words';
import { SLOW_KBIT, type MeshLink, type Survey } from './survey';

/** So few routers all have their names, if there is room; and so many from near. */
const NAMED = 60;
const NAMED_NEAR = 160;
const NAME_MAX = 18;
const FONT = '14px system-ui, sans-serif';
const LINE_PX = 18;

export interface Picture {
  survey: Survey;
  /** For each row: is it looked for, where it is on the canvas, how far its ring is filled. */
  shown: Uint8Array;
  x: Float64Array;
  y: Float64Array;
  part: Float64Array;
  /** Rows; -1 for none. */
  picked: number;
  hovered: number;
  width: number;
  height: number;
  /** Pixels of a link's length. */
  scale: number;
}

type Ink = (name: string) => string;

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));

export const radiusAt = (scale: number) => clamp(scale * 0.31, 4.5, 17);

/** Not measured, from one side only, slow; and then by speed: from that many kbit/s, width, colour, dashes. */
const LINES: [from: number, width: number, ink: string, dash?: number[]][] = [
  [-1, 1, 'line-strong', [1, 5]],
  [-1, 1.25, 'line-strong', [6, 4]],
  [0, 3, 'wrong', [0.1, 5.5]],
  [SLOW_KBIT, 1.5, 'line-strong'],
  [5000, 2.5, 'line-strong'],
  [20000, 3.5, 'calm'],
  [100000, 5, 'calm'],
];

function lineOf({ kbit, sides }: MeshLink): number {
  if (kbit === null)
    return 0;
  let line = LINES.length - 1;
  while (kbit < LINES[line]![0])
    line--;
  return sides > 1 || line === 2 ? line : 1;
}

export const speed = (kbit: number) =>
  kbit < 1000 ? `${number(kbit)} kbit/s` : `${number(kbit / 1000, kbit < 100000 ? 1 : 0)} Mbit/s`;

export function paint(ctx: CanvasRenderingContext2D, picture: Picture, ink: Ink) {
  const { survey, shown, x, y, part, picked, hovered, width, height, scale } = picture;
  const { rows, near, here } = survey;
  const radius = radiusAt(scale);
  const focus = hovered < 0 ? picked : hovered;

  const stroke = (colour: string, lineWidth: number) => {
    ctx.strokeStyle = ink(colour);
    ctx.lineWidth = lineWidth;
    ctx.stroke();
  };

  const circle = (i: number, size: number, filled = 1) => {
    ctx.beginPath();
    ctx.arc(x[i]!, y[i]!, size, -Math.PI / 2, (filled * 2 - 0.5) * Math.PI);
  };

  const join = (links: Iterable<MeshLink>) => {
    ctx.beginPath();
    for (const { a, b } of links) {
      ctx.moveTo(x[a]!, y[a]!);
      ctx.lineTo(x[b]!, y[b]!);
    }
  };

  function links() {
    const kinds: MeshLink[][] = Array.from({ length: LINES.length * 2 }, () => []);
    for (const link of survey.links)
      kinds[lineOf(link) + (shown[link.a] && shown[link.b] ? LINES.length : 0)]!.push(link);
    ctx.lineCap = 'round';
    kinds.forEach((of, i) => {
      const [, wide, colour, dash = []] = LINES[i % LINES.length]!;
      if (of.length === 0)
        return;
      ctx.globalAlpha = i < LINES.length ? 0.15 : 0.75;
      ctx.setLineDash(dash);
      join(of);
      stroke(colour, wide * clamp(scale / 40, 0.5, 1));
    });
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
    if (focus >= 0) {
      join(near[focus]!.values());
      stroke('focus', 2.5);
    }
  }

  function router(i: number) {
    const { tone, oneWay, part: fetched, node } = rows[i]!;
    const hollow = tone === 'gone';
    const ring = fetched !== null && !hollow;
    ctx.globalAlpha = shown[i] || i === hovered ? 1 : 0.2;
    if (node.here || i === focus) {
      circle(i, radius + 4.5);
      stroke(i === focus ? 'focus' : 'accent', 3);
    }
    circle(i, radius);
    ctx.fillStyle = ink(hollow || ring ? 'card' : tone);
    ctx.fill();
    if (hollow) {
      circle(i, radius - 1);
      ctx.setLineDash([3, 3]);
      stroke(tone, 1.75);
      ctx.setLineDash([]);
    }
    if (ring) {
      circle(i, radius * 0.68);
      ctx.fillStyle = ink(tone);
      ctx.fill();
      circle(i, radius * 0.92);
      stroke('line', radius * 0.24);
      circle(i, radius * 0.92, part[i]!);
      stroke(tone, radius * 0.24);
    }
    if (radius > 6) {
      ctx.fillStyle = ink(hollow ? tone : 'on-tone');
      ctx.font = `700 ${radius * (ring ? 0.9 : 1.15)}px system-ui, sans-serif`;
      ctx.fillText(SIGNS[tone], x[i]!, y[i]! + radius * 0.06);
    }
    if (oneWay) {
      const size = clamp(radius * 0.5, 3.5, 7);
      const [left, top] = [x[i]! + radius * 0.8, y[i]! - radius * 0.8];
      ctx.beginPath();
      ctx.moveTo(left, top - size);
      ctx.lineTo(left + size, top + size * 0.8);
      ctx.lineTo(left - size, top + size * 0.8);
      ctx.closePath();
      stroke('card', 3);
      ctx.fillStyle = ink('wait');
      ctx.fill();
    }
  }

  const write = (text: string, left: number, top: number, colour: string) => {
    ctx.strokeStyle = ink('card');
    ctx.lineWidth = 4;
    ctx.strokeText(text, left, top);
    ctx.fillStyle = ink(colour);
    ctx.fillText(text, left, top);
  };

  const inside = (i: number, margin: number) =>
    x[i]! > -margin && x[i]! < width + margin && y[i]! > -margin && y[i]! < height + margin;

  function names() {
    const visible = rows.map((_, i) => i).filter(i => shown[i] && inside(i, 0));
    const few = visible.length <= NAMED || (scale > 38 && visible.length <= NAMED_NEAR);
    const taken: number[][] = [];
    ctx.font = `600 ${FONT}`;
    for (const i of new Set([hovered, picked, here, ...(near[focus]?.keys() ?? []), ...(few ? visible : [])])) {
      if (i < 0)
        continue;
      const always = i === focus || i === here;
      const { name } = rows[i]!;
      const lines = [i === focus || name.length <= NAME_MAX ? name : `${name.slice(0, NAME_MAX - 1)}…`];
      if (i === here)
        lines.push(t('mesh.here'));
      const half = Math.max(...lines.map(line => ctx.measureText(line).width)) / 2;
      const high = (lines.length * LINE_PX) / 2;
      const gap = radius + (always ? 6 : 2);
      // Below, above, to the right, to the left: where nothing is yet.
      for (const [h, v] of [[0, 1], [0, -1], [1, 0], [-1, 0]] as const) {
        const left = clamp(x[i]! + h * (gap + 2 + half), half + 2, Math.max(half, width - half - 2));
        const top = y[i]! + v * (gap + high);
        const hits = (cx: number, cy: number, w: number, hi: number) => Math.abs(cx - left) < half + w && Math.abs(cy - top) < high + hi;
        if (top - high < -4 || top + high > height + 4 || taken.some(([cx, cy, w, hi]) => hits(cx!, cy!, w!, hi!)) ||
          (rows.length <= NAMED_NEAR && visible.some(j => j !== i && hits(x[j]!, y[j]!, radius - 5, radius - 6)))) {
          if (!always || h >= 0)
            continue;
        }
        taken.push([left, top, half, high]);
        lines.forEach((line, k) => write(line, left, top + LINE_PX * (k + 0.5) - high, k ? 'accent' : rows[i]!.tone === 'gone' ? 'ink-2' : 'ink'));
        break;
      }
    }
    near[focus]?.forEach(({ kbit }, other) => {
      const [dx, dy] = [x[other]! - x[focus]!, y[other]! - y[focus]!];
      if (kbit !== null && Math.hypot(dx, dy) > 80)
        write(speed(kbit), x[focus]! + dx / 2, y[focus]! + dy / 2, 'ink-2');
    });
  }

  ctx.clearRect(0, 0, width, height);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.lineJoin = 'round';
  links();
  rows.forEach((_, i) => inside(i, 30) && router(i));
  ctx.globalAlpha = 1;
  names();
}
