/**
 * `npm run bench -- storing [ROWS] [SECONDS]`: how much of its worker's time a client in Chromium takes to keep its rows in
 * IndexedDB, while others commit 200 times a second, a tenth of it rows that go and rows that come.
 *
 * The worker's thread runs once with a client that keeps its rows and once with one that does not; the difference is what
 * keeping costs, with all that belongs to it. The floor is `idb` alone, putting as many bytes at the same times. Linux says
 * how long a thread has run.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { type Browser, chromium, type Page } from 'playwright';
import { build, defaultClientConditions } from 'vite';
import { nodeEnvironment } from '../server/environment.ts';
import { answerNotFound } from '../server/http.ts';
import { listen } from '../server/listen.ts';
import { OwnCalls } from '../server/own-calls.ts';
import { serve } from '../server/serve.ts';
import { StaticFiles } from '../server/cli/static-files.ts';
import { forerun } from '../server/vite.ts';
import { chromiumArgs, findChromium } from '../test/browser/chromium.ts';
import type { FloorWrite } from './storing/floor.worker.ts';
import * as items from './storing/module.ts';
import { workerThread } from './storing/worker-time.ts';

const commitsPerSecond = 200;
const warmMs = 3_000;
const root = join(import.meta.dirname, '..');

interface Measured {
  readonly ms: number;
  /** Of these, the thread ran for so long. */
  readonly workerMs: number;
  readonly commits: number;
}

export async function run([rows = '10000', seconds = '15']: readonly string[]): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'forerun-storing-'));
  const { url, calls, close } = await served(data, Number(rows));
  const executablePath = findChromium();
  const server = await chromium.launchServer({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
  const browser = await chromium.connect(server.wsEndpoint());
  const measure = async (act: (page: Page) => Promise<void>, hear: (page: Page) => Promise<void> = async () => {}) => {
    const page = await newPage(browser, url);
    await act(page);
    const commits = new Commits(calls, Number(rows));
    await after(warmMs);
    await hear(page);
    const thread = workerThread(server.process().pid ?? 0);
    const [startMs, ranMs, made] = [performance.now(), thread.ms(), commits.made];
    await after(Number(seconds) * 1_000);
    const measured: Measured = {
      ms: performance.now() - startMs,
      workerMs: thread.ms() - ranMs,
      commits: commits.made - made,
    };
    commits.stop();
    return { page, measured };
  };
  try {
    const memory = await measure((page) => page.evaluate(() => window.follow('memory')));
    await memory.page.context().close();
    const device = await measure((page) => page.evaluate(() => window.follow('device')), listenToWrites);
    const writes = (await device.page.workers()[0]?.evaluate(() => Reflect.get(globalThis, 'written'))) as FloorWrite[];
    const status = await device.page.evaluate(() => window.keptIn());
    if (status !== 'device' || writes.length === 0) throw new Error('nothing was kept');
    await device.page.context().close();
    const floor = await measure((page) => page.evaluate((list) => window.putBytes(list), delayed(writes)));
    console.log(JSON.stringify(summary(Number(rows), memory.measured, device.measured, floor.measured, writes)));
  } finally {
    await browser.close();
    await server.close();
    calls.close();
    await close();
    rmSync(data, { recursive: true, force: true });
  }
}

/** Calls of somebody else's, at an even pace. */
class Commits {
  made = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(calls: OwnCalls, rows: number) {
    const startMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startMs) * commitsPerSecond) / 1_000;
      while (this.made < due) {
        const n = this.made++;
        const id = (n * 7_919) % rows;
        void calls.call(n % 10 === 9 ? 'drop' : 'bump', {
          id: n % 10 === 8 ? rows + n : n % 10 === 9 ? rows + n - 1 : id,
        });
      }
    }, 1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function newPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext();
  // So that the host is in a worker whose thread can be told from others.
  await context.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => window.follow !== undefined);
  return page;
}

/** From now on, what the worker puts. */
async function listenToWrites(page: Page): Promise<void> {
  await page.workers()[0]?.evaluate(() => {
    const written: { atMs: number; puts: number[] }[] = [];
    const startMs = performance.now();
    Reflect.set(globalThis, 'written', written);
    const { transaction } = IDBDatabase.prototype;
    const { put } = IDBObjectStore.prototype;
    IDBDatabase.prototype.transaction = function (...args: Parameters<typeof transaction>) {
      written.push({ atMs: performance.now() - startMs, puts: [] });
      return transaction.apply(this, args);
    };
    IDBObjectStore.prototype.put = function (...args: Parameters<typeof put>) {
      const [value] = args;
      if (value instanceof Uint8Array) written.at(-1)?.puts.push(value.length);
      return put.apply(this, args);
    };
  });
}

/** Until measuring begins. */
const delayed = (writes: readonly FloorWrite[]): FloorWrite[] =>
  writes.map(({ atMs, puts }) => ({ atMs: atMs + warmMs, puts }));

function summary(
  rows: number,
  memory: Measured,
  device: Measured,
  floor: Measured,
  writes: readonly FloorWrite[],
): Record<string, unknown> {
  const part = (value: number): number => Number(value.toFixed(4));
  const storingMs = device.workerMs - memory.workerMs;
  const bytes = writes.reduce((sum, { puts }) => sum + puts.reduce((all, each) => all + each, 0), 0);
  return {
    bench: 'storing',
    rows,
    commits_per_second: Math.round((device.commits / device.ms) * 1_000),
    share_of_time: part(storingMs / device.ms),
    floor_share_of_time: part(floor.workerMs / floor.ms),
    worker_busy: part(device.workerMs / device.ms),
    worker_busy_in_memory: part(memory.workerMs / memory.ms),
    writes_per_second: part((writes.length / device.ms) * 1_000),
    bytes_per_second: Math.round((bytes / device.ms) * 1_000),
  };
}

async function served(data: string, rows: number) {
  const page = join(data, 'page');
  await build({
    root: join(import.meta.dirname, 'storing'),
    configFile: false,
    logLevel: 'error',
    cacheDir: join(root, 'node_modules/.vite-storing'),
    plugins: forerun({ module: './module.ts' }).map((plugin) => ({ ...plugin, closeBundle: undefined })),
    resolve: { conditions: ['forerun-source', ...defaultClientConditions] },
    worker: { format: 'es' },
    build: { outDir: page, emptyOutDir: true },
  });
  const server = createServer();
  const database = await serve({ server, name: 'main', module: items, data: join(data, 'data') });
  const files = new StaticFiles(page);
  server.on('request', (request, response) => {
    if (!database.handle(request, response) && !files.handle(request, response)) answerNotFound(request, response);
  });
  await listen(server, 0, 'localhost');
  const calls = new OwnCalls(database.authority, nodeEnvironment());
  for (let from = 0; from < rows; from += 1_000) await calls.call('fill', { from, to: Math.min(rows, from + 1_000) });
  const { port } = server.address() as { readonly port: number };
  return { url: `http://localhost:${port}`, calls, close: () => database.close() };
}
