// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipAsync } from '@gfx/zopfli';
import { defineConfig, type Plugin } from 'vite';

/** All files together, compressed: what a router has to spare for them. */
const BOUND_KIB = 60;

/** More than these bring a few bytes. Zopfli's gzip is read by everybody, and 4 % smaller than zlib's. */
const ZOPFLI_ROUNDS = 30;

/** English first: what another language lacks is shown in it. */
const LANGUAGES = ['en', 'es', 'pt', 'it', 'fr', 'de', 'ca'];

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

type Phrase = string | string[] | { one: string; other: string };

const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap(name => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : /\.tsx?$/.test(name) ? [path] : [];
  });

/** t('key'), t(condition ? 'key' : 'other') */
const CALLED = /(?<=\bt\(\s*(?:[^'`,;]*\?\s*)?(?:'[\w.-]+'\s*:\s*)?)'([\w.-]+)'/g;
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
 * it runs, like those of states and reasons, are kept. They come first.
 */
function words(): Plugin {
  const read = (language: string) =>
    JSON.parse(readFileSync(here(`words/${language}.json`), 'utf8')) as Record<string, Phrase>;
  let keys: string[] = [];
  let kept = 0;
  let serves = false;
  const arrange = () => {
    const texts = sources(here('src')).map(path => readFileSync(path, 'utf8'));
    const called = count(CALLED, texts);
    const quoted = count(QUOTED, texts);
    const begun = [...count(BEGUN, texts).keys()];
    const isCalled = (key: string) =>
      !serves && called.has(key) && called.get(key) === quoted.get(key) && !begun.some(start => key.startsWith(start));
    const all = Object.keys(read('en'));
    keys = [...all.filter(key => !isCalled(key)), ...all.filter(isCalled)];
    kept = keys.findIndex(isCalled);
    if (kept < 0)
      kept = keys.length;
  };
  const line = (phrase: Phrase | undefined) =>
    typeof phrase === 'string' ? phrase : phrase === undefined ? '' : Object.values(phrase).join('\t');
  return {
    name: 'words',
    enforce: 'pre',
    configResolved(config) {
      serves = config.command === 'serve';
    },
    buildStart: arrange,
    transform(code, id) {
      if (!id.startsWith(here('src')))
        return null;
      return code.replace(CALLED, (quoted, key: string) => {
        const at = keys.indexOf(key);
        return at < kept ? quoted : String(at);
      });
    },
    resolveId: id => (id === 'virtual:words' ? '\0words' : null),
    load(id) {
      if (id !== '\0words')
        return null;
      for (const language of LANGUAGES)
        this.addWatchFile(here(`words/${language}.json`));
      const books = LANGUAGES.map(read).map(book => keys.map(key => line(book[key])).join('\n'));
      const names = keys.slice(0, kept).join('\n');
      return `export const languages = ${JSON.stringify(LANGUAGES)};
export const names = ${JSON.stringify(names)};
export const books = ${JSON.stringify(books)};`;
    },
  };
}

/** Leaves only compressed files, for that is how the daemon serves them, and holds them to the bound. */
function compress(): Plugin {
  let folder = '';
  const list = (path: string): string[] =>
    readdirSync(path).flatMap(name => {
      const full = join(path, name);
      return statSync(full).isDirectory() ? list(full) : [full];
    });
  return {
    name: 'compress',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      let total = 0;
      for (const path of list(folder)) {
        const bytes = await gzipAsync(readFileSync(path), { numiterations: ZOPFLI_ROUNDS });
        writeFileSync(`${path}.gz`, bytes);
        rmSync(path);
        total += bytes.length;
        console.log(`${String(bytes.length).padStart(7)}  ${path.slice(folder.length + 1)}.gz`);
      }
      const line = `${total} bytes in all, ${(total / 1024).toFixed(1)} KiB; the bound is ${BOUND_KIB} KiB`;
      if (total > BOUND_KIB * 1024)
        throw new Error(line);
      console.log(line);
    },
  };
}

/** The style is small and the page is nothing without it: it stands in the page itself. */
function inlineStyle(): Plugin {
  return {
    name: 'inline-style',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['index.html'];
      if (page?.type !== 'asset' || typeof page.source !== 'string')
        return;
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type !== 'asset' || !name.endsWith('.css'))
          continue;
        const css = String(file.source);
        page.source = page.source.replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css.trim()}</style>`);
        delete bundle[name];
      }
    },
  };
}

export default defineConfig({
  plugins: [words(), inlineStyle(), compress()],
  build: {
    outDir: process.env.LOCKSTEP_WEB_OUT ?? here('../build/web'),
    emptyOutDir: true,
    target: 'es2020',
    // 4 % smaller, compressed, than what Vite does by itself.
    minify: 'terser',
    terserOptions: {
      ecma: 2020,
      module: true,
      compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false },
      format: { comments: false },
    },
    modulePreload: false,
    reportCompressedSize: false,
    assetsInlineLimit: 0,
  },
  server: {
    // `npm run dev` beside a running node: LOCKSTEP_NODE=http://127.0.0.1:8430
    proxy: { '/v1': process.env.LOCKSTEP_NODE ?? 'http://127.0.0.1:8430' },
  },
});
