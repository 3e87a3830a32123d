// SPDX-License-Identifier: AGPL-3.0-or-later
/** web/words/*.json against each other, and against what src/ asks for. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

type Phrase = string | { one: string; other: string };
type Book = Record<string, Phrase>;

const web = process.env.LOCKSTEP_WEB ?? process.cwd();
const LANGUAGES = ['es', 'pt', 'it', 'fr', 'de', 'ca'];

/** What is the same word in another language, too. */
const SAME = new Set(['Router', 'Routers', 'Firmware', 'Name', 'Model', 'Error', 'Zoom', '{n} router', '{n} routers']);

const read = (language: string) => JSON.parse(readFileSync(join(web, 'words', `${language}.json`), 'utf8')) as Book;
const english = read('en');
const forms = (phrase: Phrase) => (typeof phrase === 'string' ? [phrase] : [phrase.one, phrase.other]);
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap(name => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : /\.tsx?$/.test(name) ? [readFileSync(path, 'utf8')] : [];
  });
const source = sources(join(web, 'src')).join('\n');

/** Keys whose phrase has something that is wrong. */
const wrong = (book: Book, isWrong: (phrase: Phrase, key: string) => boolean) =>
  Object.keys(book).filter(key => isWrong(book[key]!, key));

test('en: no phrase is empty or has space around it, and a number decides between two different forms', () => {
  assert.deepEqual(wrong(english, phrase => forms(phrase).some(text => text === '' || text.trim() !== text)), []);
  assert.deepEqual(wrong(english, phrase => typeof phrase !== 'string' && (!phrase.other.includes('{n}') || phrase.one === phrase.other)), []);
});

for (const language of LANGUAGES) {
  const book = read(language);

  test(`${language}: the same phrases as English, in the same order`, () => {
    assert.deepEqual(Object.keys(book), Object.keys(english));
  });

  test(`${language}: two forms where English has two`, () => {
    assert.deepEqual(wrong(book, (phrase, key) => typeof phrase !== typeof english[key]), []);
  });

  test(`${language}: the same to fill in`, () => {
    const all = (phrase: Phrase | undefined) => forms(phrase ?? '').map(text => holes(text).join());
    assert.deepEqual(wrong(book, (phrase, key) => all(phrase).join(';') !== all(english[key]).join(';')), []);
  });

  test(`${language}: nothing is empty, or has space around it`, () => {
    assert.deepEqual(wrong(book, phrase => forms(phrase).some(text => text === '' || text.trim() !== text)), []);
  });

  test(`${language}: nothing was left in English`, () => {
    const left = (phrase: Phrase, key: string) =>
      forms(phrase).some((text, form) => text === forms(english[key] ?? '')[form] && !SAME.has(text) && /[a-z]{3}/i.test(text.replace(/\{\w+\}/g, '')));
    assert.deepEqual(wrong(book, left), []);
  });
}

test('fr: a space that does not break stands before ? ! : ; and within « »', () => {
  assert.deepEqual(wrong(read('fr'), phrase => forms(phrase).some(text => / [?!:;»]|« |\S[?!;]/.test(text))), []);
});

test('what src/ asks for by name exists', () => {
  const asked = [...source.matchAll(/\bt\(\s*'([^']+)'/g)].map(([, key]) => key!);
  assert.ok(asked.length > 10);
  assert.deepEqual(asked.filter(key => !(key in english)), []);
});

test('every phrase is used in src/, by its name or by the beginning of it', () => {
  const named = new Set([...source.matchAll(/['"`]([\w.-]+)['"`]/g)].map(([, key]) => key));
  const begun = [...source.matchAll(/`([\w-]+\.(?:[\w-]+\.)*)\$\{/g)].map(([, start]) => start!);
  assert.ok(begun.includes('state.'));
  assert.deepEqual(Object.keys(english).filter(key => !named.has(key) && !begun.some(start => key.startsWith(start))), []);
});
