/**
 * `npm run build`: the sources become dist/, one JavaScript file and one declaration file each. Beyond what the
 * compiler does, a worker's file named in `new URL('./x.ts', import.meta.url)` follows its rename to `.js`, and the
 * WebAssembly of SQLite is placed beside the file that loads it.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const workerFile = /(new URL\(\s*['"]\.[^'"]*)\.tsx?(['"],\s*import\.meta\.url\s*\))/g;

function run(script: string, ...args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

process.chdir(join(import.meta.dirname, '..'));
rmSync('dist', { recursive: true, force: true });
run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
run('.ci/place-wasm.mjs', 'dist/core/engine');

// As they are: what `forerun new` makes projects of.
cpSync('create-forerun/templates', 'dist/server/cli/templates', { recursive: true });

for (const path of globSync('dist/**/*.js', { exclude: ['dist/server/cli/templates/**'] }).sort()) {
  const text = readFileSync(path, 'utf8');
  // As long as before, so the source map stays right.
  const renamed = text.replace(workerFile, '$1.js$2');
  if (renamed !== text) writeFileSync(path, renamed);
  for (const [, file = ''] of renamed.matchAll(/new URL\(\s*['"](\.[^'"]*)['"],\s*import\.meta\.url\s*\)/g)) {
    if (!existsSync(join(dirname(path), file))) throw new Error(`${path} names ${file}, which the build did not make`);
  }
}
