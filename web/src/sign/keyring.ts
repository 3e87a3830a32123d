// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The one key that the page signs with, in memory and nowhere else. It is forgotten when nobody touched the page for ten
 * minutes: the phone may lie on a table by then.
 */
import type { SecretKey } from './usign';

export const IDLE_MS = 600000;

/** Where time comes from. */
export interface Clock {
  now(): number;
  start(afterMs: number, run: () => void): unknown;
  stop(timer: unknown): void;
}

const clockOfPage: Clock = {
  now: () => Date.now(),
  start: (afterMs, run) => setTimeout(run, afterMs),
  stop: timer => clearTimeout(timer as number),
};

export class Keyring {
  private key: SecretKey | null = null;
  private touched = 0;
  private timer: unknown;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly clock: Clock = clockOfPage) {}

  /** Takes the key over: it will be wiped. One that was held before is wiped now. */
  unlock(key: SecretKey): void {
    if (this.key !== key)
      this.key?.wipe();
    this.key = key;
    this.wait();
    this.tell();
  }

  current = (): SecretKey | null => {
    this.look();
    return this.key;
  };

  /** Somebody is there: the ten minutes begin anew. */
  touch = (): void => {
    this.look();
    if (this.key)
      this.wait();
  };

  forget = (): void => {
    if (!this.key)
      return;
    this.clock.stop(this.timer);
    this.key.wipe();
    this.key = null;
    this.tell();
  };

  /** `tell` is called whenever another key, or none, is held. Returns how to stop that. */
  subscribe = (tell: () => void): (() => void) => {
    this.listeners.add(tell);
    return () => {
      this.listeners.delete(tell);
    };
  };

  private wait(): void {
    this.clock.stop(this.timer);
    this.touched = this.clock.now();
    this.timer = this.clock.start(IDLE_MS, this.forget);
  }

  /** Timers stand still while a phone sleeps; and who turned the clock back is not believed. */
  private look(): void {
    if (this.key && Math.abs(this.clock.now() - this.touched) >= IDLE_MS)
      this.forget();
  }

  private tell(): void {
    for (const listener of [...this.listeners])
      listener();
  }
}
