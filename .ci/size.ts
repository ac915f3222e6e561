/**
 * `npm run size`: what the built package costs a page, minified and gzipped, printed and held under its bound. Run
 * `npm run build` first.
 *
 * The client is what `connect` brings to the main thread; the host that runs without a worker is loaded only where it is
 * used, and counts apart. The worker is counted without sql.js, whose size is not ours.
 */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

interface Measured {
  readonly name: string;
  readonly entry: string;
  /** Loaded by others, or later. */
  readonly apart: readonly (string | RegExp)[];
  readonly gzipBytesMax: number;
}

const measured: readonly Measured[] = [
  {
    name: 'client, main thread',
    entry: 'dist/worker/index.js',
    apart: [/in-process/],
    gzipBytesMax: 12_000,
  },
  {
    name: 'worker without sql.js',
    entry: 'dist/worker/worker.js',
    apart: ['sql.js'],
    gzipBytesMax: 45_000,
  },
];

const root = join(import.meta.dirname, '..');

async function bundled({ entry, apart }: Measured): Promise<string> {
  const result = await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      modulePreload: false,
      rolldownOptions: {
        input: join(root, entry),
        external: [...apart],
        preserveEntrySignatures: 'strict',
      },
    },
  });
  const outputs = [result].flat().flatMap((each) => ('output' in each ? each.output : []));
  return outputs.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('');
}

const details = process.argv.includes('--details');

for (const each of measured) {
  const code = await bundled(each);
  const bytes = gzipSync(code, { level: 9 }).length;
  const isOver = bytes > each.gzipBytesMax;
  if (isOver) process.exitCode = 1;
  const text = `${each.name}: ${kilobytes(bytes)} of ${kilobytes(each.gzipBytesMax)} gzipped`;
  console.log(`${text}${isOver ? ' — OVER' : ''}${details ? `, ${kilobytes(code.length)} minified` : ''}`);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
