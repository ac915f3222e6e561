/**
 * `npm run package`: packs the built package as npm would, and checks the tarball: what is in it, and whether its
 * `exports` lead where Node, bundlers and TypeScript look (publint, are-the-types-wrong). Run `npm run build` first.
 * Prints the path of the tarball last, which is kept for whoever wants to install it.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'node_modules/.cache/forerun');
/** Of files which are nobody's business but ours. */
const unwanted =
  /(^|\/)(demo|test|bench|\.ci|\.forerun)\/|^(?!dist\/server\/cli\/templates\/).*\.(test|testing)\.|\.test-d\./;

process.chdir(root);
mkdirSync(folder, { recursive: true });
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as { filename: string; size: number; unpackedSize: number; files: { path: string }[] }[];
if (packed === undefined) throw new Error('npm pack made nothing');
const tarball = join(folder, packed.filename);

const strays = packed.files.map(({ path }) => path).filter((path) => unwanted.test(path));
for (const path of strays) console.log(`${path} does not belong into the package`);
if (strays.length > 0) process.exitCode = 1;

const run = (script: string, ...args: readonly string[]): void => {
  try {
    execFileSync(process.execPath, [join('node_modules', script), ...args], { stdio: 'inherit' });
  } catch {
    process.exitCode = 1;
  }
};
run('publint/src/cli.js', tarball, '--strict');
// Consumers are ES modules: the package has no CommonJS, and nothing below TypeScript's `node16` resolution. The checker
// leaves these out by itself, but for what it finds inside of the package under `node10`, which has no `#` imports.
// To a file: what it writes to a pipe is cut off when it ends.
const findings = join(folder, 'types.json');
const output = openSync(findings, 'w');
spawnSync(
  process.execPath,
  ['node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only', '--format', 'json'],
  { stdio: ['ignore', output, 'inherit'] },
);
closeSync(output);
const { analysis } = JSON.parse(readFileSync(findings, 'utf8')) as {
  readonly analysis: { readonly problems: readonly { resolutionKind?: string; resolutionOption?: string }[] };
};
const ours = analysis.problems.filter(
  ({ resolutionKind, resolutionOption }) => !/node10|node16-cjs/.test(resolutionKind ?? resolutionOption ?? ''),
);
for (const problem of ours) console.log('types of the package are wrong:', problem);
if (ours.length > 0) process.exitCode = 1;

console.log(`${packed.files.length} files, ${(packed.size / 1000).toFixed(0)} kB packed: ${tarball}`);
