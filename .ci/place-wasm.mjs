/**
 * Puts a copy of sql.js's WebAssembly beside the file that loads it, in core/engine (after `npm install`) and in dist
 * (at build). `new URL('./sqlite.wasm', import.meta.url)` is then right in Node, in Vite's dev server, behind its
 * dependency pre-bundling, and in bundles; a path into another package is not. Plain JavaScript, since `prepare` may
 * run under an older Node that cannot run TypeScript.
 */

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: node .ci/place-wasm.mjs FOLDER');
const wasm = join(import.meta.dirname, '../node_modules/sql.js/dist/sql-wasm-browser.wasm');
// `npm install --package-lock-only` prepares without having installed anything.
if (existsSync(wasm)) copyFileSync(wasm, join(folder, 'sqlite.wasm'));
