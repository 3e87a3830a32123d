// SPDX-License-Identifier: AGPL-3.0-or-later
/** The key that signs, who asks for it, and what this router thinks of keys. */
import { get } from '../model/api';
import type { Trust } from '../model/types';
import { store } from '../ui/store';
import { Keyring } from '../sign/keyring';
import type { SecretKey } from '../sign/usign';

export const ring = new Keyring();

for (const event of ['pointerdown', 'keydown'])
  document.addEventListener(event, ring.touch, { passive: true });

/** Somebody waits for a key; `what` he would sign, in words. */
export const asked = store<{ what: string; answer(key: SecretKey | null): void } | null>(null);

/** The key, if need be asked for; null if the person would not give one. */
export function needKey(what = ''): Promise<SecretKey | null> {
  const key = ring.current();
  if (key)
    return Promise.resolve(key);
  return new Promise(resolve =>
    asked.set({
      what,
      answer(given) {
        asked.set(null);
        resolve(given);
      },
    }),
  );
}

export const trust = store<Trust | null>(null);

/** Asked again for every key: keys may have been added meanwhile. */
export async function loadTrust(): Promise<Trust> {
  const loaded = await get<Trust>('/v1/trust');
  trust.set(loaded);
  return loaded;
}

export const nameOf = (role: keyof Trust, fingerprint: string): string =>
  trust.now()?.[role].keys.find(key => key.fingerprint === fingerprint)?.name ?? fingerprint;
