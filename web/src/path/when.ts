// SPDX-License-Identifier: AGPL-3.0-or-later
/** When to install: at once, after some minutes, or at a time of day by the phone's clock. No DOM. */

export const COUNTDOWN_MIN_MS = 1000;
export const COUNTDOWN_MAX_MS = 86400000;

export interface When {
  how: 'now' | 'in' | 'at';
  /** Of `in`. */
  minutes: number;
  /** Of `at`: HH:MM */
  time: string;
}

/** "22:30" as the next moment that is called so, today or tomorrow; null if it is no time. */
export function nextTime(time: string, now: Date): Date | null {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(time.trim()) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59)
    return null;
  const moment = new Date(now.getFullYear(), now.getMonth(), now.getDate(), Number(hours), Number(minutes));
  if (moment.getTime() - now.getTime() < COUNTDOWN_MIN_MS)
    moment.setDate(moment.getDate() + 1);
  return moment;
}

/** The countdown from now on; null if it is none, or longer than a day. */
export function countdownMs(when: When, now: Date): number | null {
  const moment = when.how === 'at' ? nextTime(when.time, now) : null;
  const minutes = when.how === 'now' ? 1 : when.how === 'in' ? when.minutes : NaN;
  const ms = moment ? moment.getTime() - now.getTime() : Math.round(minutes * 60000);
  return ms >= COUNTDOWN_MIN_MS && ms <= COUNTDOWN_MAX_MS ? ms : null;
}
