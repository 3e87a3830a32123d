// SPDX-License-Identifier: AGPL-3.0-or-later
/** Bytes as text, and the two kinds of text that documents hold. As strict as src/base/bytes.h and src/base/text.h. */

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => (byte + 256).toString(16).slice(1)).join('');

/** Of short things: keys and signatures. */
export const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** Exactly `size` bytes, in the one way that base64 writes them; else null. Without `size`, any number. */
export function fromBase64(text: string, size?: number): Uint8Array | null {
  if (text.length % 4 !== 0 || !BASE64.test(text))
    return null;
  const binary = atob(text);
  if ((size !== undefined && binary.length !== size) || btoa(binary) !== text)
    return null;
  return Uint8Array.from(binary, character => character.charCodeAt(0));
}

export const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);

/** What may be a host name, a key or a part of a path. */
export const isName = (value: unknown, max = 63): value is string =>
  typeof value === 'string' && value.length <= max && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(value);

/** At most `max` bytes of text without anything that would steer a terminal. */
export const isPrintable = (value: unknown, max: number): value is string =>
  typeof value === 'string' &&
  value.length <= max &&
  !/[\0-\x1f\x7f-\x9f\ud800-\udfff]/u.test(value) &&
  utf8(value).length <= max;

/** Whole, from `min` to `max`, and kept exactly by every reader of JSON. */
export const isCount = (value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
