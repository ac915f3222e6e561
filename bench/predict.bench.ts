/**
 * `npm run bench -- predict [TURNS]`: in Chromium, with 100,000 rows in the replica, from a call on the main thread to the
 * changed row in a live query on the main thread; beside comlink's bare round trip, in the same page and in turns with it.
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
import type { Latencies } from './predict/page.ts';

const condition = 'forerun-source';
const root = join(import.meta.dirname, '..');
const rowsPerCall = 5_000;

export async function run([turns = '2000']: readonly string[]): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'forerun-predict-'));
  const { url, close } = await served(data);
  const executablePath = findChromium();
  const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error));
    await page.goto(url);
    await page.waitForFunction(() => window.predict !== undefined);
    console.log(JSON.stringify(summary(await page.evaluate((count) => window.predict(count), Number(turns)))));
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

function summary({ predictMs, comlinkMs, rows, isIsolated, storage, confirmed }: Latencies): Record<string, unknown> {
  if (rows !== rowCount) throw new Error(`the replica has ${rows} rows`);
  if (!isIsolated) throw new Error('the page is not cross-origin isolated');
  return {
    bench: 'predict',
    p50_ms: quantile(predictMs, 0.5),
    p99_ms: quantile(predictMs, 0.99),
    comlink_p50_ms: quantile(comlinkMs, 0.5),
    comlink_p99_ms: quantile(comlinkMs, 0.99),
    to_comlink: Number((quantile(predictMs, 0.5) / quantile(comlinkMs, 0.5)).toFixed(2)),
    turns: predictMs.length,
    confirmed,
    storage,
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(3));
}
