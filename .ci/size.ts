/**
 * `npm run size`: what the built package costs a page, minified and gzipped, printed and held under its bound, beside what
 * we want it to be (docs/decisions/0072-what-a-page-loads.md says what stands in the way). Run `npm run build` first.
 *
 * Measured is Vite's production build of a file that uses what most apps use, and of it what is loaded at the start: the
 * file, and what it imports statically. What is loaded when it is needed is printed beside it, and has a bound of its own.
 * The worker is counted without sql.js, whose size is not ours, and as a build of the Vite plugin has it, which has resolved
 * the module. Both come without the app's module, and so without most of
 * `forerun`, which an app's module imports. `--details` adds each source's part.
 */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';

interface Measured {
  readonly name: string;
  readonly code: string;
  readonly external: readonly string[];
  readonly isWorker: boolean;
  readonly gzipBytesMax: number;
  readonly gzipBytesWanted: number;
  /** Of all that is loaded later, if at all. */
  readonly laterGzipBytesMax: number;
}

const measured: readonly Measured[] = [
  {
    name: 'client, main thread',
    // `attachWorker` is what the Vite plugin adds to a module.
    code: "import { attachWorker, connect } from '/dist/worker/index.js'; use(attachWorker, connect);",
    external: [],
    isWorker: false,
    gzipBytesMax: 16_000,
    gzipBytesWanted: 12_000,
    laterGzipBytesMax: 112_000,
  },
  {
    name: 'worker without sql.js',
    code: "import { host } from '/dist/worker/worker.js'; use(host);",
    external: ['sql.js'],
    isWorker: true,
    gzipBytesMax: 75_000,
    gzipBytesWanted: 45_000,
    laterGzipBytesMax: 26_000,
  },
];

const root = join(import.meta.dirname, '..');
const details = process.argv.includes('--details');

async function bundled({ code, external, isWorker }: Measured): Promise<readonly Rolldown.OutputChunk[]> {
  const entry = '\0measured';
  const result = await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'measured',
        resolveId: (id) => (id === 'measured' ? entry : undefined),
        enforce: 'pre',
        load: (id) => {
          if (id === entry) return code.replace("'/", `'${root}/`);
          // Vite adds its loader to pages alone: a worker has no document to preload into.
          return isWorker && id.includes('vite/preload-helper')
            ? 'export const __vitePreload = (load) => load();'
            : undefined;
        },
      },
    ],
    build: {
      write: false,
      minify: true,
      modulePreload: false,
      rolldownOptions: { input: 'measured', external: [...external] },
    },
  });
  return [result].flat().flatMap((each) => ('output' in each ? each.output.filter((out) => out.type === 'chunk') : []));
}

/** The entry and all that it imports statically. */
function loadedAtStart(chunks: readonly Rolldown.OutputChunk[]): ReadonlySet<Rolldown.OutputChunk> {
  const loaded = new Set(chunks.filter(({ isEntry }) => isEntry));
  for (const { imports } of loaded) for (const chunk of chunks) if (imports.includes(chunk.fileName)) loaded.add(chunk);
  return loaded;
}

function gzippedBytes(code: string): number {
  return gzipSync(code, { level: 9 }).length;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

for (const each of measured) {
  const chunks = await bundled(each);
  const start = loadedAtStart(chunks);
  const code = [...start].map((chunk) => chunk.code).join('');
  const later = chunks.filter((chunk) => !start.has(chunk)).map((chunk) => chunk.code);
  const bytes = gzippedBytes(code);
  const laterBytes = later.reduce((sum, chunk) => sum + gzippedBytes(chunk), 0);
  const isOver = bytes > each.gzipBytesMax || laterBytes > each.laterGzipBytesMax;
  if (isOver) process.exitCode = 1;
  console.log(
    `${each.name}: ${kilobytes(bytes)} gzipped, bound ${kilobytes(each.gzipBytesMax)}, wanted ${kilobytes(each.gzipBytesWanted)}` +
      ` (${kilobytes(code.length)} minified); ${kilobytes(laterBytes)} when needed, bound ${kilobytes(each.laterGzipBytesMax)}` +
      `${isOver ? ' — OVER' : ''}`,
  );
  if (details) printParts([...start]);
}

/** By what is left of each source before it is minified. */
function printParts(chunks: readonly Rolldown.OutputChunk[]): void {
  const parts = chunks.flatMap(({ modules }) =>
    Object.entries(modules).map(([id, { renderedLength }]) => ({ id: id.replace(`${root}/`, ''), renderedLength })),
  );
  for (const { id, renderedLength } of parts.toSorted((a, b) => b.renderedLength - a.renderedLength))
    if (renderedLength > 0) console.log(`  ${String(renderedLength).padStart(6)} ${id}`);
}
