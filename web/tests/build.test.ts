// SPDX-License-Identifier: AGPL-3.0-or-later
/** vite.words.ts: a number in the page is that phrase's line, in every language. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { words } from '../vite.words';

const web = process.env.LOCKSTEP_WEB ?? process.cwd();
const english = JSON.parse(readFileSync(join(web, 'words/en.json'), 'utf8')) as Record<string, string | { one: string; other: string }>;

function plugin(command: 'build' | 'serve') {
  const made = words(web) as unknown as {
    configResolved(config: { command: string }): void;
    buildStart(): void;
    transform(code: string, id: string): string;
    load(this: { addWatchFile(path: string): void }, id: string): string;
  };
  made.configResolved({ command });
  made.buildStart();
  const module = made.load.call({ addWatchFile: () => undefined }, '\0words');
  const part = (name: string) => JSON.parse(new RegExp(`^export const ${name} = (.*);$`, 'm').exec(module)![1]!) as unknown;
  const languages = part('languages') as string[];
  return {
    names: (part('names') as string).split('\n'),
    book: (part('books') as string[])[languages.indexOf('en')]!.split('\n'),
    lengths: (part('books') as string[]).map(book => book.split('\n').length),
    turn: (code: string) => made.transform(code, join(web, 'src/any.tsx')),
  };
}

const said = (key: string) => {
  const phrase = english[key]!;
  return typeof phrase === 'string' ? phrase : `${phrase.one}\t${phrase.other}`;
};

test('every phrase is there, with its name or with its number', () => {
  const { names, book, lengths, turn } = plugin('build');
  let numbered = 0;
  for (const key of Object.keys(english)) {
    const turned = turn(`t('${key}')`);
    const line = /^t\((\d+)\)$/.exec(turned);
    assert.equal(book[line ? Number(line[1]) : names.indexOf(key)], said(key), turned);
    numbered += line ? 1 : 0;
  }
  assert.ok(numbered > 20);
  assert.deepEqual([...new Set(lengths)], [Object.keys(english).length]);
});

test('what is made while the page runs, or is a word of its own elsewhere, keeps its name', () => {
  const { names, turn } = plugin('build');
  // class="close" stands in ui/parts.tsx.
  for (const key of ['state.UPDATED', 'state.unseen', 'place.mesh', 'close']) {
    assert.ok(names.includes(key));
    assert.equal(turn(`t('${key}')`), `t('${key}')`);
  }
});

test('only phrases are turned, and wherever they are asked for', () => {
  const { turn } = plugin('build');
  const seen = /\d+/.exec(turn("t('seen.from')"))![0];
  const lost = /\d+/.exec(turn("t('link.lost')"))![0];
  assert.equal(turn("t(a(b) ? 'seen.from' : 'link.lost', { n })"), `t(a(b) ? ${seen} : ${lost}, { n })`);
  assert.equal(turn("const WORDS = ['seen.from', 'link.lost'];"), `const WORDS = ['${seen}', '${lost}'];`);
  assert.equal(turn("import './view.css'; at('seen'); x === 'skip'"), "import './view.css'; at('seen'); x === 'skip'");
});

test('while developing all keep their names', () => {
  const { names, turn } = plugin('serve');
  assert.equal(names.length, Object.keys(english).length);
  assert.equal(turn("t('seen.from')"), "t('seen.from')");
});
