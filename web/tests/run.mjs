// SPDX-License-Identifier: AGPL-3.0-or-later
// Runs tests/**/*.test.ts, or those whose path holds one of the arguments: bundles each and gives it to `node --test`.
// LOCKSTEP_BUILD is where the programs were built that the page is compared with (build/).
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
// Below node_modules, so that what is not bundled is found.
const out = join(here, '../node_modules/.tests');
const list = folder =>
  readdirSync(folder).flatMap(name => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? list(path) : [path];
  });
const wanted = process.argv.slice(2);
const tests = list(here).filter(
  path => path.endsWith('.test.ts') && (wanted.length === 0 || wanted.some(part => path.includes(part))),
);
if (tests.length === 0) {
  console.error('no such test');
  process.exit(1);
}

rmSync(out, { recursive: true, force: true });
buildSync({
  entryPoints: tests,
  outdir: out,
  outbase: here,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  external: ['esbuild'],
  // Browsers have it, and Node since 20.
  banner: { js: "import { webcrypto as nodeCrypto } from 'node:crypto'; globalThis.crypto ??= nodeCrypto;" },
  sourcemap: 'inline',
  logLevel: 'warning',
});
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', ...list(out).filter(path => path.endsWith('.test.mjs'))],
  {
    stdio: 'inherit',
    env: {
      LOCKSTEP_BUILD: join(here, '../../build'),
      LOCKSTEP_WEB: join(here, '..'),
      ...process.env,
    },
  },
);
process.exit(status ?? 1);
