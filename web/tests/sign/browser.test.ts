// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the page signs with, as it is bundled for a browser. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { buildSync, type Format } from 'esbuild';
import { deriveKey } from '../../src/sign/passphrase';
import { readSecret } from '../../src/sign/usign';
import { folder, newKey } from './programs';

const SIZE_MAX = 14 * 1024;
const sources = join(process.env['LOCKSTEP_WEB'] ?? '.', 'src/sign');

function bundle(format: Format): string {
  const { outputFiles } = buildSync({
    stdin: {
      contents: readdirSync(sources).map(file => `export * from './${file}';`).join('\n'),
      resolveDir: sources,
    },
    bundle: true,
    minify: true,
    write: false,
    format,
    globalName: 'page',
    target: 'es2019',
    legalComments: 'none',
    logOverride: { bigint: 'silent' },
  });
  return outputFiles[0]!.text;
}

test(`all of it has less than ${SIZE_MAX} bytes, compressed`, () => {
  const size = gzipSync(bundle('esm'), { level: 9 }).length;
  console.log(`${size} bytes, compressed`);
  assert.ok(size < SIZE_MAX, `${size} bytes`);
  assert.ok(size > 5000, 'the libraries are in it');
});

/** What came into browsers since 2020. */
const LATER = `
  for (const name of ['at', 'findLast', 'findLastIndex', 'toReversed', 'toSorted', 'toSpliced', 'with'])
    for (const type of [Array, String, Object.getPrototypeOf(Uint8Array)])
      delete type.prototype[name];
  for (const name of ['replaceAll', 'isWellFormed', 'toWellFormed'])
    delete String.prototype[name];
  for (const name of ['toHex', 'toBase64', 'setFromHex', 'setFromBase64'])
    delete Uint8Array.prototype[name];
  delete Uint8Array.fromHex;
  delete Uint8Array.fromBase64;
  delete Object.hasOwn;
  delete Object.groupBy;
  delete Map.groupBy;
  delete Promise.any;
  delete Promise.withResolvers;
  delete Promise.try;
  delete Array.fromAsync;
  for (const name of ['AggregateError', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Iterator'])
    delete globalThis[name];
`;

test('it runs where there is neither WebCrypto nor anything newer than 2020', async () => {
  const ana = newKey(folder(), 'ana');
  const asked: string[] = [];
  const given: Record<string, unknown> = { TextEncoder, TextDecoder, atob, btoa, setTimeout, clearTimeout };
  given['crypto'] = new Proxy(
    { getRandomValues: (array: Uint8Array) => crypto.getRandomValues(array) },
    { get: (of, name) => (asked.push(String(name)), Reflect.get(of, name) as unknown) },
  );
  const context = createContext(given);
  runInContext(LATER, context);
  assert.equal(runInContext('typeof Object.hasOwn', context), 'undefined');
  runInContext(`${bundle('iife')};globalThis.page = page;`, context);
  type Page = typeof import('../../src/sign/usign') &
    typeof import('../../src/sign/passphrase') &
    typeof import('../../src/sign/orders');
  const page = context['page'] as Page;

  assert.equal(page.readSecret(ana.sec).sign('añ'), readSecret(ana.sec).sign('añ'));
  const passphrase = 'six plain words make a key';
  assert.equal((await page.deriveKey(passphrase, 'demo')).sign('x'), (await deriveKey(passphrase, 'demo')).sign('x'));
  assert.match(page.newUpgrade(), /^[0-9a-f]{16}$/);
  assert.deepEqual([...new Set(asked)], ['getRandomValues']);
});

test('it keeps nothing and tells nobody', () => {
  for (const file of readdirSync(sources))
    assert.doesNotMatch(
      readFileSync(join(sources, file), 'utf8'),
      /\b(localStorage|sessionStorage|indexedDB|cookie|console|fetch|document|window|navigator|XMLHttpRequest)\s*[.(]/,
      file,
    );
});
