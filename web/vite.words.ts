// SPDX-License-Identifier: AGPL-3.0-or-later
/** How words/*.json come into the page. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** Those that are alike beside each other, which compresses better. What another lacks is shown in English. */
const LANGUAGES = ['de', 'en', 'fr', 'ca', 'es', 'pt', 'it'];

type Phrase = string | string[] | { one: string; other: string };

const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap(name => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : /\.tsx?$/.test(name) ? [path] : [];
  });

/** t('key'), t(condition ? 'key' : 'other') */
const CALLED = /(?<=\bt\(\s*(?:[^'`,;]*\?\s*)?(?:'[\w.-]+'\s*:\s*)?)'([\w.-]+)'/g;
/** With a dot it is nothing else than a key, wherever it stands. */
const NAMED = /'(\w+(?:\.[\w-]+)+)'/g;
const QUOTED = /['"`]([\w.-]+)['"`]/g;
/** `beginning.${…}` */
const BEGUN = /`([\w-]+\.(?:[\w-]+\.)*)\$\{/g;

function count(pattern: RegExp, texts: string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const text of texts)
    for (const [, key] of text.matchAll(pattern))
      found.set(key!, (found.get(key!) ?? 0) + 1);
  return found;
}

/**
 * The phrases of each language as one text, a line for each, which compresses best. Where the page asks
 * for a phrase by its whole name it gets its line's number instead; only the names that are made while
 * it runs, like those of states and reasons, are kept. They come first. `folder` is web/.
 */
export function words(folder: string): Plugin {
  const read = (language: string) =>
    JSON.parse(readFileSync(join(folder, `words/${language}.json`), 'utf8')) as Record<string, Phrase>;
  const line = (phrase: Phrase | undefined) =>
    typeof phrase === 'string' ? phrase : phrase === undefined ? '' : Object.values(phrase).join('\t');
  let keys: string[] = [];
  let kept = 0;
  let serves = false;
  const arrange = () => {
    const texts = sources(join(folder, 'src')).map(path => readFileSync(path, 'utf8'));
    const called = count(CALLED, texts);
    const quoted = count(QUOTED, texts);
    const begun = [...count(BEGUN, texts).keys()];
    const named = count(NAMED, texts);
    const isCalled = (key: string) =>
      !serves && [called.get(key), named.get(key)].includes(quoted.get(key)) && !begun.some(start => key.startsWith(start));
    const english = read('en');
    // What begins alike lies beside each other, which compresses better.
    const all = Object.keys(english).sort((a, b) => (line(english[a]) < line(english[b]) ? -1 : 1));
    keys = [...all.filter(key => !isCalled(key)), ...all.filter(isCalled)];
    kept = keys.findIndex(isCalled);
    if (kept < 0)
      kept = keys.length;
  };
  return {
    name: 'words',
    enforce: 'pre',
    configResolved(config) {
      serves = config.command === 'serve';
    },
    buildStart: arrange,
    transform(code, id) {
      if (!id.startsWith(join(folder, 'src')))
        return null;
      const at = (key: string) => keys.indexOf(key, kept);
      return code
        .replace(CALLED, (quoted, key: string) => (at(key) < 0 ? quoted : String(at(key))))
        .replace(NAMED, (quoted, key: string) => (at(key) < 0 ? quoted : `'${at(key)}'`));
    },
    resolveId: id => (id === 'virtual:words' ? '\0words' : null),
    load(id) {
      if (id !== '\0words')
        return null;
      for (const language of LANGUAGES)
        this.addWatchFile(join(folder, `words/${language}.json`));
      const books = LANGUAGES.map(read).map(book => keys.map(key => line(book[key])).join('\n'));
      const names = keys.slice(0, kept).join('\n');
      return `export const languages = ${JSON.stringify(LANGUAGES)};
export const names = ${JSON.stringify(names)};
export const books = ${JSON.stringify(books)};`;
    },
  };
}
