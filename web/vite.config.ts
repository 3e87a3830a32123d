// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipAsync } from '@gfx/zopfli';
import { defineConfig, type Plugin } from 'vite';
import { words } from './vite.words';

/** All files together, compressed: what a router has to spare for them. */
const BOUND_KIB = 60;

/** More than these bring a few bytes. Zopfli's gzip is read by everybody, and 4 % smaller than zlib's. */
const ZOPFLI_ROUNDS = 30;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

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
    async writeBundle() {
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
  plugins: [words(here('.')), inlineStyle(), compress()],
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
