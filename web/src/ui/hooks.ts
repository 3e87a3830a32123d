// SPDX-License-Identifier: AGPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { currentLive, onLive, type Live } from '../model/live';
import { onLanguage } from '../words';

/** Draws anew whenever what `now` gives may have become something else. */
export function useOutside<T>(subscribe: (tell: () => void) => () => void, now: () => T): T {
  const [, redraw] = useState(0);
  useEffect(() => subscribe(() => redraw(count => count + 1)), [subscribe]);
  return now();
}

export const useLive = (): Live => useOutside(onLive, currentLive);

export const useLanguage = () => useOutside(onLanguage, () => undefined);

/** Draws anew every so often while `active`; gives performance.now(). */
export function useTick(everyMs: number, active = true): number {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!active)
      return;
    const timer = setInterval(() => redraw(count => count + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, active]);
  return performance.now();
}

const WIDE = window.matchMedia('(min-width: 64rem)');

/** Is there room for the mesh and the upgrade beside each other? */
export const useWide = () =>
  useOutside(onWide, () => WIDE.matches);

function onWide(tell: () => void) {
  // addListener: Safari before 14.
  if (WIDE.addEventListener)
    WIDE.addEventListener('change', tell);
  else
    WIDE.addListener(tell);
  return () => (WIDE.removeEventListener ? WIDE.removeEventListener('change', tell) : WIDE.removeListener(tell));
}
