// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The map in its canvas: what moves glides to where it belongs, hands pan, zoom and pick. A frame is
 * drawn only when something has changed.
 */
import { paint, radiusAt, type Picture } from './draw';
import { makeLayout } from './layout';
import type { Survey } from './survey';

declare global {
  interface Window {
    /** Frames drawn so far, for measurements. */
    lockstepFrames?: number;
  }
}

/** Of a frame, for the layout. */
const LAYOUT_MS = 6;
/** So many routers have their places before the first frame. */
const AT_ONCE = 150;
const GLIDE_MS = 90;
const SCALE_MAX = 110;
const STRETCH_MAX = 1.4;
const TAP_PX = 8;
const REACH_PX = 24;
const TWICE_MS = 350;
const PIXELS_MAX = 2;

export interface MeshMap {
  /** `shown`: 1 for each row that is looked for. */
  show(survey: Survey, shown: Uint8Array, picked: string | null): void;
  /** About the middle, unless told where. */
  zoom(factor: number, x?: number, y?: number): void;
  pan(dx: number, dy: number): void;
  fit(): void;
  close(): void;
}

/** It stays when the map is left and opened again. */
const layout = makeLayout();

type Point = [x: number, y: number];
type Eye = [x: number, y: number, scale: number];

const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** `onFitting`: whether all of it is seen; it is until somebody zooms or pans. */
export function makeMap(canvas: HTMLCanvasElement, onPick: (name: string | null) => void, onFitting: (fitting: boolean) => void): MeshMap {
  const ctx = canvas.getContext('2d')!;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const inks = new Map<string, string>();
  const fingers = new Map<number, Point>();
  const picture = { scale: 0, width: 0, height: 0, picked: -1, hovered: -1 } as Picture;
  /** Where everybody is now on the layout's plane, stretched; what is in the middle of the canvas, and the scale. */
  let x = new Float64Array(0);
  let y = x;
  let names: string[] = [];
  const eye: Eye = [0, 0, 0];
  let stretch: Point = [1, 1];
  let fitting = true;
  let queued = 0;
  let drawnMs = 0;
  let pressed: Point = [0, 0];
  let dragged = false;
  /** The mouse was pressed here: now the wheel is ours. */
  let entered = false;
  let tappedMs = 0;

  function ink(name: string): string {
    if (!inks.has(name))
      inks.set(name, getComputedStyle(canvas).getPropertyValue(`--${name}`).trim());
    return inks.get(name)!;
  }

  /** From where all of it is seen, with room for names; a little stretched if that helps. */
  function whole(): Eye {
    const side = layout.x.length > AT_ONCE ? 32 : 84;
    const scales: Point = [picture.width - side, picture.height - side];
    const middle = [layout.x, layout.y].map((of, axis) => {
      const [least, most] = [Math.min(...of), Math.max(...of)];
      scales[axis] = Math.max(2, Math.min(scales[axis]! / (most - least), SCALE_MAX));
      return (least + most) / 2;
    });
    const scale = Math.min(...scales);
    stretch = scales.map(own => Math.min(own / scale, STRETCH_MAX)) as Point;
    return [middle[0]! * stretch[0], middle[1]! * stretch[1], scale];
  }

  /** A step nearer; true while something is under way. */
  function glide(share: number): boolean {
    const { part, survey, width, height } = picture;
    let far = 0;
    const nearer = (of: { [i: number]: number }, i: number, to: number, pixels: number) => {
      const gap = to - of[i]!;
      far = Math.max(far, Math.abs(gap) * pixels);
      of[i]! += gap * share;
    };
    if (fitting)
      whole().forEach((to, i) => nearer(eye, i, to, i < 2 ? eye[2] : 5));
    const [left, top, scale] = eye;
    survey.rows.forEach((row, i) => {
      nearer(x, i, layout.x[i]! * stretch[0], scale);
      nearer(y, i, layout.y[i]! * stretch[1], scale);
      nearer(part, i, row.part ?? 1, 40);
      picture.x[i] = (x[i]! - left) * scale + width / 2;
      picture.y[i] = (y[i]! - top) * scale + height / 2;
    });
    picture.scale = scale;
    return share < 1 && far > 0.3;
  }

  function frame(now: number) {
    queued = 0;
    if (!picture.survey || !picture.width || !names.length)
      return;
    const moving = layout.step(performance.now() + LAYOUT_MS);
    const gliding = glide(still.matches || !drawnMs ? 1 : 1 - Math.exp((drawnMs - now) / GLIDE_MS));
    drawnMs = now;
    if (!moving || !still.matches) {
      const ratio = Math.min(PIXELS_MAX, window.devicePixelRatio || 1);
      const size = [Math.round(picture.width * ratio), Math.round(picture.height * ratio)] as const;
      if (canvas.width !== size[0] || canvas.height !== size[1])
        [canvas.width, canvas.height] = size;
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      paint(ctx, picture, ink);
      window.lockstepFrames = (window.lockstepFrames ?? 0) + 1;
    }
    if (moving || gliding)
      queue();
  }

  function queue() {
    if (queued)
      return;
    // After a rest the first step is a small one.
    drawnMs = drawnMs && Math.max(drawnMs, performance.now() - 16);
    queued = requestAnimationFrame(frame);
  }

  function setFitting(next: boolean) {
    if (next !== fitting)
      onFitting(next);
    fitting = next;
    // While all of it is seen, a finger means the page.
    canvas.style.touchAction = fitting ? 'pan-y' : 'none';
    queue();
  }

  const map: MeshMap = {
    show(survey, shown, picked) {
      const before = new Map(names.map((name, i) => [name, [x[i]!, y[i]!, picture.part[i]!] as const]));
      const changed = layout.set(survey.rows.map(row => row.name), survey.links.map(link => [link.a, link.b]), survey.here);
      if (changed || !picture.survey) {
        names = layout.names;
        if (names.length <= AT_ONCE)
          layout.step(Infinity);
        x = layout.x.slice();
        y = layout.y.slice();
        picture.x = x.slice();
        picture.y = x.slice();
        picture.part = x.map((_, i) => survey.rows[i]!.part ?? 1);
        picture.hovered = -1;
        names.forEach((name, i) => before.has(name) && ([x[i], y[i], picture.part[i]] = before.get(name)!));
      }
      picture.survey = survey;
      picture.shown = shown;
      picture.picked = names.indexOf(picked ?? '');
      queue();
    },

    zoom(factor, atX = picture.width / 2, atY = picture.height / 2) {
      const least = whole()[2];
      const scale = Math.max(least * 0.8, Math.min(eye[2] * factor, Math.max(SCALE_MAX, least * 3)));
      const gain = 1 / eye[2] - 1 / scale;
      eye[0] += (atX - picture.width / 2) * gain;
      eye[1] += (atY - picture.height / 2) * gain;
      eye[2] = scale;
      setFitting(false);
    },

    pan(dx, dy) {
      eye[0] -= dx / eye[2];
      eye[1] -= dy / eye[2];
      setFitting(false);
    },

    fit: () => setFitting(true),

    close() {
      cancelAnimationFrame(queued);
      sizes.disconnect();
      dark.removeEventListener?.('change', recolour);
    },
  };

  function recolour() {
    inks.clear();
    queue();
  }

  const sizes = new ResizeObserver(() => {
    picture.width = canvas.clientWidth;
    picture.height = canvas.clientHeight;
    drawnMs = 0;
    queue();
  });
  sizes.observe(canvas);
  dark.addEventListener?.('change', recolour);

  const at = (event: MouseEvent): Point => [event.offsetX, event.offsetY];

  function nearest(point: Point, reach: number): number {
    let best = -1;
    names.forEach((_, i) => {
      const far = distance([picture.x[i]!, picture.y[i]!], point);
      if (far < reach) {
        reach = far;
        best = i;
      }
    });
    return best;
  }

  function hover(index: number) {
    if (index === picture.hovered)
      return;
    picture.hovered = index;
    canvas.style.cursor = index < 0 ? '' : 'pointer';
    queue();
  }

  canvas.onpointerdown = event => {
    dragged = fingers.size > 0;
    pressed = at(event);
    entered = true;
    fingers.set(event.pointerId, pressed);
    canvas.setPointerCapture(event.pointerId);
  };

  canvas.onpointermove = event => {
    const now = at(event);
    const was = fingers.get(event.pointerId);
    const mouse = event.pointerType === 'mouse';
    if (!was) {
      if (mouse)
        hover(nearest(now, radiusAt(picture.scale) + 6));
      return;
    }
    dragged = dragged || distance(now, pressed) > TAP_PX;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    if (other) {
      map.zoom(Math.max(20, distance(now, other)) / Math.max(20, distance(was, other)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      map.pan((now[0] - was[0]) / 2, (now[1] - was[1]) / 2);
    } else if (dragged && (mouse || !fitting)) {
      map.pan(now[0] - was[0], now[1] - was[1]);
    }
  };

  canvas.onpointerup = event => {
    fingers.delete(event.pointerId);
    if (dragged || event.button > 0)
      return;
    const found = nearest(at(event), REACH_PX);
    if (found < 0 && event.timeStamp - tappedMs < TWICE_MS)
      map.fit();
    tappedMs = event.timeStamp;
    onPick(names[found] ?? null);
  };

  canvas.onpointercancel = event => fingers.delete(event.pointerId);
  canvas.onpointerleave = () => {
    entered = false;
    hover(-1);
  };

  const wheel = (event: WheelEvent) => {
    // A trackpad's pinch comes with ctrlKey.
    if (!entered && !event.ctrlKey && !event.metaKey)
      return;
    event.preventDefault();
    map.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.002)), event.offsetX, event.offsetY);
  };
  canvas.addEventListener('wheel', wheel, { passive: false });
  // One finger scrolls the page past the whole map; two are ours.
  const touch = (event: TouchEvent) => event.touches.length > 1 && event.preventDefault();
  canvas.addEventListener('touchstart', touch, { passive: false });
  canvas.addEventListener('touchmove', touch, { passive: false });
  return map;
}
