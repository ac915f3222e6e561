/**
 * `npm run bench -- predict [TURNS]`: in Chromium, with 100,000 rows in the replica, from a call on the main thread to the
 * changed row in a live query on the main thread; beside comlink's bare round trip, in the same page and in turns with it.
 * Once with a worker of the page's own, and once with the shared one that pages have by default, whose messages take several times as
 * long in Chromium, bare or not.
 * The page is cross-origin isolated, which gives it the finer clock.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { createServer, defaultClientConditions, defaultServerConditions } from 'vite';
import { forerun } from '../server/vite.ts';
import { chromiumArgs, findChromium } from '../test/browser/chromium.ts';
import { rowCount } from './predict/module.ts';
import type * as shop from './predict/module.ts';
import type { Kind, Latencies } from './predict/page.ts';

const condition = 'forerun-source';
const root = join(import.meta.dirname, '..');
const rowsPerCall = 5_000;

export async function run([turns = '2000']: readonly string[]): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'forerun-predict-'));
  const { url, close } = await served(data);
  const executablePath = findChromium();
  const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
  try {
    const measured = async (kind: Kind): Promise<Latencies> => {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(error));
      await page.goto(url);
      await page.waitForFunction(() => window.predict !== undefined);
      const latencies = await page.evaluate(([count, which]) => window.predict(count, which), [
        Number(turns),
        kind,
      ] as const);
      await page.close();
      return latencies;
    };
    console.log(JSON.stringify(summary(await measured('own'), await measured('shared'))));
  } finally {
    await browser.close();
    await close();
    rmSync(data, { recursive: true, force: true });
  }
}

async function served(data: string): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const filled = Promise.withResolvers<void>();
  const server = await createServer({
    root: join(import.meta.dirname, 'predict'),
    configFile: false,
    logLevel: 'error',
    cacheDir: join(root, 'node_modules/.vite-predict'),
    plugins: [
      forerun({
        module: './module.ts',
        data,
        ready: async (database) => {
          const { fill } = database.reducers<typeof shop>();
          try {
            for (let from = 0; from < rowCount; from += rowsPerCall) await fill({ from, to: from + rowsPerCall });
            filled.resolve();
          } catch (error) {
            filled.reject(error);
          }
        },
      }),
    ],
    resolve: { conditions: [condition, ...defaultClientConditions] },
    ssr: { resolve: { conditions: [condition, ...defaultServerConditions], externalConditions: [condition] } },
    optimizeDeps: { include: ['@noble/hashes/blake3.js', '@noble/hashes/utils.js', 'comlink', 'idb', 'sql.js'] },
    server: {
      port: 0,
      watch: null,
      hmr: false,
      fs: { allow: [root] },
      headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    },
  });
  await server.listen();
  await filled.promise;
  return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
}

function summary(own: Latencies, shared: Latencies): Record<string, unknown> {
  for (const { rows, isIsolated } of [own, shared]) {
    if (rows !== rowCount) throw new Error(`the replica has ${rows} rows`);
    if (!isIsolated) throw new Error('the page is not cross-origin isolated');
  }
  const ratio = ({ predictMs, comlinkMs }: Latencies): number =>
    Number((quantile(predictMs, 0.5) / quantile(comlinkMs, 0.5)).toFixed(2));
  return {
    bench: 'predict',
    p50_ms: quantile(own.predictMs, 0.5),
    p99_ms: quantile(own.predictMs, 0.99),
    comlink_p50_ms: quantile(own.comlinkMs, 0.5),
    comlink_p99_ms: quantile(own.comlinkMs, 0.99),
    to_comlink: ratio(own),
    shared_p50_ms: quantile(shared.predictMs, 0.5),
    shared_p99_ms: quantile(shared.predictMs, 0.99),
    shared_comlink_p50_ms: quantile(shared.comlinkMs, 0.5),
    shared_comlink_p99_ms: quantile(shared.comlinkMs, 0.99),
    shared_to_comlink: ratio(shared),
    turns: own.predictMs.length,
    confirmed: own.confirmed + shared.confirmed,
    storage: [own.storage, shared.storage].join(),
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(3));
}
