// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The timeline, drawn: a row for each router. States differ by colour, height, pattern and sign. Colours
 * are those of style.css by their names; picture.tsx makes them plain.
 */
import type { ComponentChildren } from 'preact';
import { SIGNS, type Tone } from '../model/states';
import type { PastUpgrade, State } from '../model/types';
import { number, time, tOr } from '../words';
import { fold, lay, place, ticks, type Laid } from './fold';
import { BAD, rowsOf, toneOfState, type Row } from './rows';

const BAR = 18;
const TICK_ROOM = 64;
/** What begins at the very end is still to be seen. */
const TAIL = 12;
/** On average; bold ones need more. */
const LETTER = 8.2;
const NAME_LETTERS = 30;
export const AXIS = 60;
const LEGEND_COLUMN = 200;
const LEGEND_ROW = 26;

/** Part of the row's height: to wait is less than to work. */
const HEIGHTS: Partial<Record<Tone, number>> = { calm: 0.2, news: 0.35, ready: 0.5, wait: 0.75 };

export interface Chart {
  upgrade: PastUpgrade;
  rows: Row[];
  /** That occur. */
  states: State[];
  pieces: Laid[];
  /** Where the bars begin; 0: names stand above them. */
  left: number;
  width: number;
  rowHeight: number;
  height: number;
  columns: number;
  legendHeight: number;
  date: (moment: number) => Date;
}

export function chartOf(upgrade: PastUpgrade, moments: number[], date: Chart['date'], width: number): Chart {
  const rows = rowsOf(upgrade, moments[moments.length - 1]!);
  const states = [...new Set(rows.flatMap(({ spans }) => spans.map(({ state }) => state)))];
  const left = width < 560 ? 0 : Math.min(NAME_LETTERS, Math.max(...rows.map(({ name }) => name.length))) * LETTER + 12;
  const columns = Math.max(1, Math.floor(width / LEGEND_COLUMN));
  const rowHeight = BAR + (left ? 6 : 24);
  return {
    upgrade,
    rows,
    states,
    pieces: lay(fold(moments), width - left - TAIL),
    left,
    width,
    rowHeight,
    height: rows.length * rowHeight,
    columns,
    legendHeight: Math.ceil(states.length / columns) * LEGEND_ROW,
    date,
  };
}

/** "5 min", "3:05 h": symbols that are the same in all our languages. */
const since = (seconds: number) =>
  seconds < 3600
    ? `${number(seconds / 60, 1)} min`
    : `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')} h`;

function Piece({ x, y, width, tone }: { x: number; y: number; width: number; tone: Tone }) {
  const height = BAR * (HEIGHTS[tone] ?? 1);
  const box = { x, y: y + BAR - height, width: Math.max(2, width - 1), height, rx: 2 };
  return (
    <>
      <rect {...box} fill={`var(--${tone})`} />
      {BAD.includes(tone) && <rect {...box} fill="url(#hatch)" />}
      {width > 15 && height > 12 && (
        <text x={x + width / 2} y={y + BAR - height / 2 + 5} text-anchor="middle" font-weight="700" fill="var(--on-tone)">
          {SIGNS[tone]}
        </text>
      )}
    </>
  );
}

export function Drawing({ width, height, children, ...rest }: { width: number; height: number; class?: string; children: ComponentChildren }) {
  return (
    <svg xmlns="http://www.w3.org/2000/svg" width={width} height={height} fill="var(--ink)" font-size="14" font-family="system-ui, sans-serif" aria-hidden="true" {...rest}>
      {children}
    </svg>
  );
}

/** Times; how long what is folded takes; and a mark where an order came. */
export const Axis = ({ pieces, left, width, upgrade, date }: Chart) => (
  <Drawing width={width} height={AXIS} class="past-axis">
    <g transform={`translate(${left})`}>
      {ticks(pieces, TICK_ROOM).map(tick => (
        <>
          <text x={tick.left} y="14">{since(tick.seconds)}</text>
          <text x={tick.left} y="32" fill="var(--ink-2)">{time(date(upgrade.begun + tick.seconds))}</text>
          <path d={`M${tick.x} 37v9`} stroke="var(--ink-2)" />
        </>
      ))}
      {pieces.map(({ from, to, x, width, folded }) => folded && width > 45 && (
        <text x={x + width / 2} y="52" text-anchor="middle" fill="var(--ink-2)">{since(to - from)}</text>
      ))}
      {upgrade.orders.map(({ at }) => <path d={`M${Math.max(left ? 0 : 5, place(pieces, at)) - 5} ${AXIS - 10}h10l-5 9z`} />)}
    </g>
  </Drawing>
);

export function Bars({ rows, pieces, left, width, rowHeight, height, upgrade }: Chart) {
  const letters = left ? NAME_LETTERS : width / LETTER;
  const down = (row: number) => `translate(0,${row * rowHeight})`;
  return (
    <Drawing width={width} height={height}>
      <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <path d="M1 0v6" stroke="var(--on-tone)" stroke-width="2" opacity=".4" />
      </pattern>
      <pattern id="fold" width="10" height="12" patternUnits="userSpaceOnUse">
        <path d="M0 -6l10 12L0 18" fill="none" stroke="var(--card)" stroke-width="5" />
      </pattern>
      {rows.map(({ spans }, row) => (
        <g transform={down(row)}>
          {spans.map(({ from, to, tone }, index) => {
            const x = left + place(pieces, from);
            const end = left + place(pieces, to, true) + (spans[index + 1] ? 0 : TAIL);
            return <Piece x={x} y={rowHeight - BAR - 4} width={end - x} tone={tone} />;
          })}
        </g>
      ))}
      {pieces.map(({ x, width, folded }) => folded && (
        <rect width="10" height={height} fill="url(#fold)" transform={`translate(${left + x + width / 2 - 5})`} />
      ))}
      {upgrade.orders.map(({ at }) => (
        <path d={`M${left + place(pieces, at)} 0v${height}`} stroke="var(--ink)" stroke-dasharray="1 5" />
      ))}
      {rows.map(({ name, bad }, row) => (
        <text y="16" transform={down(row)} fill={bad ? 'var(--wrong)' : undefined} font-weight={bad ? 700 : 400}>
          {name.length > letters ? `${name.slice(0, letters - 1)}…` : name}
        </text>
      ))}
    </Drawing>
  );
}

export const Legend = ({ states, width, columns, legendHeight }: Chart) => (
  <Drawing width={width} height={legendHeight}>
    {states.map((state, index) => (
      <g transform={`translate(${((index % columns) * width) / columns},${Math.floor(index / columns) * LEGEND_ROW})`}>
        <Piece x={0} y={0} width={24} tone={toneOfState(state)} />
        <text x="32" y="14">{tOr(`state.${state}`, state)}</text>
      </g>
    ))}
  </Drawing>
);
