/**
 * `npm run bench -- startup [ROUNDS]`: 200,000 flights in Chromium, over a real socket. From a loaded page to the first
 * result over all rows: cold (a browser that has nothing), warm (the same browser again), and the floor of the first.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { build, defaultClientConditions } from 'vite';
import { fillFlights } from '../demo/flights/load.ts';
import * as flights from '../demo/flights/module.ts';
import { StaticFiles } from '../server/cli/static-files.ts';
import { answerNotFound } from '../server/http.ts';
import { nodeEnvironment } from '../server/environment.ts';
import { listen } from '../server/listen.ts';
import { OwnCalls } from '../server/own-calls.ts';
import { serve } from '../server/serve.ts';
import { forerun } from '../server/vite.ts';
import { chromiumArgs, findChromium } from '../test/browser/chromium.ts';
import type { Floor } from './startup/floor.worker.ts';
import type { Startup } from './startup/page.ts';

const flightCount = 200_000;
const condition = 'forerun-source';
const root = join(import.meta.dirname, '..');

interface Round {
  readonly cold: Startup;
  readonly warm: Startup;
  readonly floor: Floor;
}

export async function run([rounds = '3']: readonly string[]): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'forerun-startup-'));
  const { url, close } = await served(data);
  const executablePath = findChromium();
  const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
  try {
    // Once beforehand, for what the browser compiles once.
    await roundOf(browser, url);
    const all: Round[] = [];
    for (let i = 0; i < Number(rounds); i++) all.push(await roundOf(browser, url));
    console.log(JSON.stringify(summary(all)));
  } finally {
    await browser.close();
    await close();
    rmSync(data, { recursive: true, force: true });
  }
}

/** The page as built for production: what a development server takes for its many files is nobody's start. */
async function served(data: string): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const page = join(data, 'page');
  await build({
    root: join(import.meta.dirname, 'startup'),
    configFile: false,
    logLevel: 'error',
    cacheDir: join(root, 'node_modules/.vite-startup'),
    plugins: forerun({ module: '../../demo/flights/module.ts' }).map((plugin) => ({
      ...plugin,
      closeBundle: undefined,
    })),
    resolve: { conditions: [condition, ...defaultClientConditions] },
    worker: { format: 'es' },
    build: { outDir: page, emptyOutDir: true },
  });
  const server = createServer();
  const database = await serve({ server, name: 'main', module: flights, data: join(data, 'data') });
  const files = new StaticFiles(page);
  server.on('request', (request, response) => {
    if (!database.handle(request, response) && !files.handle(request, response)) answerNotFound(request, response);
  });
  await listen(server, 0, 'localhost');
  const calls = new OwnCalls(database.authority, nodeEnvironment());
  await fillFlights(
    {
      importFlights: (args) => calls.call('importFlights', args),
      query: (sql, ...params) => database.authority.engine.select(sql, params).rows,
    },
    flightCount,
  );
  calls.close();
  const { port } = server.address() as { readonly port: number };
  return { url: `http://localhost:${port}`, close: () => database.close() };
}

async function roundOf(browser: Browser, url: string): Promise<Round> {
  const context = await browser.newContext();
  try {
    const floor = await inPage(context, url, (page) => page.evaluate(() => window.floor()));
    const cold = await inPage(context, url, async (page) => {
      const started = await page.evaluate(() => window.startup());
      await kept(page);
      return started;
    });
    const warm = await inPage(context, url, (page) => page.evaluate(() => window.startup()));
    for (const { rows } of [floor, cold, warm]) if (rows !== flightCount) throw new Error(`there are ${rows} flights`);
    return { cold, warm, floor };
  } finally {
    await context.close();
  }
}

/** Until the rows are on the device. A predicate that is async would count as true at once. */
async function kept(page: Page): Promise<void> {
  while (!(await hasImage(page))) await new Promise((resolve) => setTimeout(resolve, 50));
}

function hasImage(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const opened = indexedDB.open('forerun/main');
    const db = await new Promise<IDBDatabase>((resolve) =>
      opened.addEventListener('success', () => resolve(opened.result)),
    );
    const counted = db.transaction('image').objectStore('image').count();
    const count = await new Promise<number>((resolve) =>
      counted.addEventListener('success', () => resolve(counted.result)),
    );
    db.close();
    return count > 0;
  });
}

async function inPage<T>(context: BrowserContext, url: string, act: (page: Page) => Promise<T>): Promise<T> {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => window.startup !== undefined);
  const result = await act(page);
  await page.close();
  return result;
}

/** Medians; ratios are made within a round, since the machine may be busier in one than in another. */
function summary(all: readonly Round[]): Record<string, unknown> {
  const median = (of: (round: Round) => number): number => all.map(of).sort((a, b) => a - b)[all.length >> 1] ?? 0;
  const floorOf = ({ floor }: Round): number => floor.fetchMs + floor.insertMs;
  const rounded = (value: number): number => Math.round(value);
  return {
    bench: 'startup',
    flights: flightCount,
    cold_ms: rounded(median(({ cold }) => cold.ms)),
    floor_ms: rounded(median(floorOf)),
    warm_ms: rounded(median(({ warm }) => warm.ms)),
    cold_to_floor: Number(median((round) => round.cold.ms / floorOf(round)).toFixed(2)),
    warm_to_cold: Number(median(({ warm, cold }) => warm.ms / cold.ms).toFixed(2)),
    floor_fetch_ms: rounded(median(({ floor }) => floor.fetchMs)),
    floor_insert_ms: rounded(median(({ floor }) => floor.insertMs)),
    bytes: all[0]?.floor.bytes,
    storage: all[0]?.warm.storage,
    rounds: all.length,
  };
}
