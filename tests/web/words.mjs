// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the page says in each language (web/words), so that tests need not know it by heart. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lab.mjs';

const FOLDER = join(ROOT, 'web/words');

/** Phrases by key, by language. */
export const books = Object.fromEntries(readdirSync(FOLDER).map(file =>
  [file.replace('.json', ''), JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))]));

/** A phrase's forms: one, or one for each of singular and plural. */
export const formsOf = phrase => (typeof phrase === 'string' ? [phrase] : Object.values(phrase ?? {}));

/** A pattern for the English phrase of a key, whatever is filled in. */
export function patternOf(key) {
  const forms = formsOf(books.en[key]);
  if (forms.length === 0)
    throw new Error(`there is no phrase ${key}`);
  const patterns = forms.map(form =>
    form.split(/\{\w+\}/).map(text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+'));
  return new RegExp(patterns.join('|'));
}
