// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Time on paper. An upgrade may be ready for hours before somebody goes on with it, and then it all
 * happens within minutes: the long times in which nothing happens are folded. No DOM.
 */

export interface Piece {
  from: number;
  to: number;
  folded: boolean;
}

export interface Laid extends Piece {
  x: number;
  width: number;
}

export interface Tick {
  x: number;
  /** Where its words begin: not further right than there is room for them. */
  left: number;
  /** Since the beginning. */
  seconds: number;
}

/** A shorter wait is never folded. */
const SHORTEST_S = 180;
const FOLD_WIDTH = 52;
/** What happened between two waits is seen, however short it was. */
const LEAST_WIDTH = 20;
const STEPS_S = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400];

/**
 * A wait is folded if it takes more time than all that is shorter than it, taken together: then the
 * picture would show little else. Folded pieces lie between others, which may last no time at all.
 */
export function fold(moments: number[]): Piece[] {
  const gaps = moments.slice(1).map((moment, index) => moment - moments[index]!);
  let sum = 0;
  let limit = Infinity;
  for (const gap of [...gaps].sort((a, b) => a - b)) {
    if (gap > Math.max(SHORTEST_S, sum)) {
      limit = gap;
      break;
    }
    sum += gap;
  }
  const begun = moments[0] ?? 0;
  let piece: Piece = { from: begun, to: begun, folded: false };
  const pieces = [piece];
  gaps.forEach((gap, index) => {
    const from = moments[index]!;
    const to = moments[index + 1]!;
    if (gap < limit) {
      piece.to = to;
      return;
    }
    piece = { from: to, to, folded: false };
    pieces.push({ from, to, folded: true }, piece);
  });
  return pieces;
}

/** Fills the width exactly, so that nobody has to scroll sideways. */
export function lay(pieces: Piece[], width: number): Laid[] {
  const folds = (pieces.length - 1) / 2;
  const foldWidth = Math.min(FOLD_WIDTH, width / 2 / folds);
  const least = Math.min(LEAST_WIDTH, width / 4 / (folds + 1));
  // A second more, for all may last no time at all.
  const weight = ({ from, to, folded }: Piece) => (folded ? 0 : to - from + 1);
  const all = pieces.reduce((sum, piece) => sum + weight(piece), 0);
  const rest = width - (folds && folds * foldWidth) - (folds + 1) * least;
  let x = 0;
  return pieces.map(piece => {
    const laid = { ...piece, x, width: piece.folded ? foldWidth : least + (rest * weight(piece)) / all };
    x += laid.width;
    return laid;
  });
}

/**
 * Where a moment lies; what lies outside is at the edge. In a piece that lasts no time the moment has a
 * left and a right, and what ends then ends at the right.
 */
export function place(pieces: Laid[], moment: number, ends = false): number {
  const inside = pieces.filter(({ from, to }) => from <= moment && moment <= to);
  const piece = inside[ends ? inside.length - 1 : 0];
  if (!piece)
    return moment < pieces[0]!.from ? 0 : place(pieces, pieces[pieces.length - 1]!.to, true);
  const { from, to, x, width } = piece;
  return x + width * (to > from ? (moment - from) / (to - from) : Number(ends));
}

/** Round times, and where it goes on after a wait; `room` is the width of their words. */
export function ticks(pieces: Laid[], room: number): Tick[] {
  const begun = pieces[0]!.from;
  const last = pieces[pieces.length - 1]!;
  const found: Tick[] = [];
  let free = 0;
  for (const piece of pieces) {
    if (piece.folded)
      continue;
    const { from, to, width } = piece;
    const wanted = ((to - from) * room) / width;
    const step = STEPS_S.find(each => each >= wanted) ?? wanted;
    for (let seconds = from - begun; seconds <= to - begun; seconds = (Math.floor(seconds / step) + 1) * step) {
      const x = place([piece], begun + seconds);
      const left = Math.min(x, last.x + last.width - room);
      if (left >= free) {
        found.push({ x, left, seconds });
        free = left + room;
      }
    }
  }
  return found;
}
