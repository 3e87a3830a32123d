// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the page says, in seven languages (web/words/*.json). `{name}` in a phrase is filled in; of a
 * phrase with two forms the one is taken that fits `n`. Dates, numbers and durations are the browser's
 * own, for the same language.
 */
import { books, languages, names } from 'virtual:words';
import type en from '../words/en.json';

export type Word = keyof typeof en;
export type Fill = Record<string, string | number>;

export { languages };

const STORED = 'lockstep-language';
const lines = new Map(names.split('\n').map((name, line) => [name, line]));
const phrasesOf = (tag: string) => books[languages.indexOf(tag)]!.split('\n');
const english = phrasesOf('en');
const subscribers = new Set<() => void>();

let language = choose();
let phrases = phrasesOf(language);
let plural = new Intl.PluralRules(language);
let locale = localeOf(language);

function choose(): string {
  let wanted: readonly string[] = navigator.languages ?? [navigator.language];
  try {
    const stored = localStorage.getItem(STORED);
    if (stored)
      wanted = [stored, ...wanted];
  } catch {
    // No storage: the browser's languages will do.
  }
  for (const tag of wanted) {
    const short = tag.slice(0, 2).toLowerCase();
    if (languages.includes(short))
      return short;
  }
  return 'en';
}

/** Dates and numbers as this browser's owner writes them, where the language is the same: en-GB, es-AR. */
function localeOf(wanted: string): string {
  return (navigator.languages ?? []).find(tag => tag.slice(0, 2).toLowerCase() === wanted) ?? wanted;
}

export const currentLanguage = () => language;

export function setLanguage(next: string) {
  language = next;
  locale = localeOf(next);
  phrases = phrasesOf(next);
  plural = new Intl.PluralRules(next);
  document.documentElement.lang = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // It holds until the page is closed.
  }
  subscribers.forEach(tell => tell());
}

export function onLanguage(tell: () => void) {
  subscribers.add(tell);
  return () => void subscribers.delete(tell);
}

/** What a language calls itself. */
export function languageName(tag: string): string {
  const name = new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;
  return name[0]!.toLocaleUpperCase(tag) + name.slice(1);
}

export function t(key: Word, fill: Fill = {}): string {
  // The build puts the number of its line in the place of a key that stands here as it is.
  const line = lines.get(key) ?? Number(key);
  const forms = (phrases[line] || english[line] || key).split('\t');
  let text = forms[plural.select(Number(fill.n)) === 'one' ? 0 : forms.length - 1]!;
  for (const [name, value] of Object.entries(fill))
    text = text.split(`{${name}}`).join(typeof value === 'number' ? number(value) : value);
  return text;
}

/** A phrase whose key is made of something that came from a node; `otherwise` if there is none. */
export function tOr(key: string, otherwise: string, fill: Fill = {}): string {
  return lines.has(key) ? t(key as Word, fill) : otherwise;
}

export const number = (value: number, digits = 0) =>
  value.toLocaleString(locale, { maximumFractionDigits: digits });

export const percent = (part: number) =>
  part.toLocaleString(locale, { style: 'percent', maximumFractionDigits: 0 });

export const list = (names: string[]) => {
  // Browsers of 2020 may lack it.
  const Format = (Intl as unknown as { ListFormat?: new (l: string) => { format(n: string[]): string } }).ListFormat;
  return Format ? new Format(language).format(names) : names.join(', ');
};

export function bytes(value: number): string {
  return value < 1048576
    ? unit(Math.ceil(value / 1024), 'kilobyte', 'short')
    : unit(value / 1048576, 'megabyte', 'short', value < 104857600 ? 1 : 0);
}

function unit(value: number, name: string, display: 'long' | 'short' | 'narrow', digits = 0): string {
  const options = { style: 'unit', unit: name, unitDisplay: display, maximumFractionDigits: digits };
  return value.toLocaleString(locale, options as Intl.NumberFormatOptions);
}

/** "2 hours 5 minutes", "1 minute 20 seconds", "8 seconds": the two units that matter. */
export function duration(seconds: number, display: 'long' | 'short' | 'narrow' = 'long'): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), 'day'],
    [Math.floor(whole / 3600) % 24, 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0)
    return unit(0, 'second', display);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, name]) => unit(value, name, display))
    .join(' ');
}

/** "4:05", "1:02:09": a countdown, the same in all our languages. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

export const time = (date: Date) => date.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });

export const dateTime = (date: Date) => date.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
