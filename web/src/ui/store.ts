// SPDX-License-Identifier: AGPL-3.0-or-later
/** One value that outlives the views that show it. */
import { useOutside } from './hooks';

export interface Store<T> {
  now(): T;
  set(next: T): void;
  subscribe(tell: () => void): () => void;
}

export function store<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    now: () => value,
    set(next) {
      value = next;
      listeners.forEach(tell => tell());
    },
    subscribe(tell) {
      listeners.add(tell);
      return () => void listeners.delete(tell);
    },
  };
}

export const useStore = <T>(of: Store<T>): T => useOutside(of.subscribe, of.now);
