// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a past upgrade has to show: a row for each router, and what went wrong. No DOM. */
import { toneOf, type Tone } from '../model/states';
import type { MeshNode, PastUpgrade, State } from '../model/types';

/** From one moment to another, in seconds of the clock of the router that tells. */
export interface Span {
  state: State;
  tone: Tone;
  from: number;
  to: number;
}

export interface Row {
  name: string;
  reason: string;
  /** None: it was never heard from. */
  spans: Span[];
  bad: boolean;
}

/** The same end of several routers. */
export interface Trouble {
  state: State | undefined;
  reason: string;
  names: string[];
}

/** Ends that somebody should look at. */
export const BAD: Tone[] = ['wrong', 'back', 'stop'];

export const toneOfState = (state: State) => toneOf({ state } as MeshNode);

/** Every moment at which something happened, in order, each once; the last is now if it has not ended. */
export function momentsOf({ begun, ended, orders, nodes }: PastUpgrade, now: number): number[] {
  const told = [...orders.map(({ at }) => at), ...nodes.flatMap(({ states }) => states.map(([, at]) => at))];
  return [...new Set([begun, ended ?? now, ...told])].filter(moment => moment >= begun).sort((a, b) => a - b);
}

/** Those that ended badly first, then by name, with node2 before node10. No time runs backwards. */
export function rowsOf(upgrade: PastUpgrade, end: number): Row[] {
  const order = new Intl.Collator('en', { numeric: true }).compare;
  const rows = upgrade.nodes.map(({ name, reason, states }) => {
    const spans: Span[] = [];
    let from = upgrade.begun;
    states.forEach(([state, at], index) => {
      from = Math.max(from, at);
      const to = Math.max(from, states[index + 1]?.[1] ?? end);
      spans.push({ state, tone: toneOfState(state), from, to });
    });
    const last = spans[spans.length - 1];
    return { name, reason, spans, bad: last !== undefined && BAD.includes(last.tone) };
  });
  return rows.sort((a, b) => Number(b.bad) - Number(a.bad) || order(a.name, b.name));
}

/** The many first. */
export function troubles(rows: Row[]): Trouble[] {
  const found = new Map<string, Trouble>();
  for (const { name, reason, spans, bad } of rows) {
    if (!bad)
      continue;
    const state = spans[spans.length - 1]?.state;
    const key = `${state} ${reason}`;
    const same = found.get(key);
    if (same)
      same.names.push(name);
    else
      found.set(key, { state, reason, names: [name] });
  }
  return [...found.values()].sort((a, b) => b.names.length - a.names.length);
}
