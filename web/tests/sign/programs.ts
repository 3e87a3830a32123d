// SPDX-License-Identifier: AGPL-3.0-or-later
/** The programs that the page must agree with, and folders for them to work in. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { webcrypto } from 'node:crypto';
import { after } from 'node:test';
import { Trouble, type TroubleWord } from '../../src/sign/trouble';

// Node 18 has it under another name.
if (!('crypto' in globalThis))
  Object.defineProperty(globalThis, 'crypto', { value: webcrypto });

const builtIn = (name: string) => join(process.env['LOCKSTEP_BUILD'] ?? 'build', name);

export const tools = builtIn('lockstep-tools');
export const orderAgain = builtIn('tests/order-again');

export interface Ran {
  status: number | null;
  out: Buffer;
  err: string;
}

export function run(program: string, args: string[], input: string | Buffer = ''): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, timeout: 60000 });
  if (error)
    throw error;
  return { status, out: stdout, err: stderr.toString() };
}

/** What it printed; it must succeed. */
export function must(program: string, args: string[], input: string | Buffer = ''): string {
  const { status, out, err } = run(program, args, input);
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${err}`);
  return out.toString();
}

/** A folder that is gone after the tests. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-sign-'));
  after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A key that the C code made. */
export function newKey(at: string, name: string): { sec: string; pub: string; blob: string; fingerprint: string } {
  const { fingerprint } = JSON.parse(must(tools, ['key', 'generate', join(at, name), '--json'])) as {
    fingerprint: string;
  };
  const pub = readFileSync(join(at, `${name}.pub`), 'utf8');
  return { sec: readFileSync(join(at, `${name}.sec`), 'utf8'), pub, blob: pub.split('\n')[1]!, fingerprint };
}

export const signatureFile = (blob: string) => `untrusted comment: by the page\n${blob}\n`;

/** Does signify find that the key of this file signed these bytes? */
export function signifyTakes(at: string, pubPath: string, text: string | Buffer, blob: string): boolean {
  writeFileSync(join(at, 'message'), text);
  writeFileSync(join(at, 'message.sig'), signatureFile(blob));
  return run('signify-openbsd', ['-V', '-q', '-p', pubPath, '-m', join(at, 'message')]).status === 0;
}

/** For assert.throws and assert.rejects. */
export const trouble = (word: TroubleWord, where?: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof Trouble, String(error));
  assert.equal(error.word, word);
  if (where instanceof RegExp)
    assert.match(error.where, where);
  else if (where !== undefined)
    assert.equal(error.where, where);
  return true;
};
