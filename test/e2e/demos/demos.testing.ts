/** The real demos: their dev server in a process of its own, Chromium in front of it, and a wire between them. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { chromiumArgs, findChromium } from '../../browser/chromium.ts';
import { Child } from '../child.testing.ts';
import { Wire } from './wire.testing.ts';

export type Rows = readonly Readonly<Record<string, unknown>>[];

const latencyMs = '300';
const devServer = 'test/e2e/dev-server.ts';
const builtServer = 'test/e2e/built-server.ts';

export interface DemosOptions {
  readonly flights: number;
  readonly built?: boolean;
}

export class Demos {
  /** What went wrong in pages that nobody asked for. */
  readonly pageErrors: string[] = [];
  readonly wire: Wire;
  readonly #browser: Browser;
  /** Two people's browsers: the window in front is awake, and what a demo shares with the one before is at hand. */
  readonly #seats: readonly [BrowserContext, BrowserContext];
  readonly #data: string;
  readonly #flights: number;
  readonly #script: string;
  #server: Child | undefined;
  #isLoaded = false;

  private constructor(
    browser: Browser,
    seats: readonly [BrowserContext, BrowserContext],
    wire: Wire,
    data: string,
    flights: number,
    script: string,
  ) {
    this.#browser = browser;
    this.#seats = seats;
    this.wire = wire;
    this.#data = data;
    this.#flights = flights;
    this.#script = script;
  }

  /** Resolves when all flights are loaded. `built`: as in production, instead of by the dev server. */
  static async start({ flights, built = false }: DemosOptions): Promise<Demos> {
    const executablePath = findChromium();
    const [browser, wire, data] = await Promise.all([
      chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] }),
      Wire.open(),
      mkdtemp(join(tmpdir(), 'forerun-demos-')),
    ]);
    const seats = await Promise.all([seat(browser), seat(browser)]);
    const demos = new Demos(browser, seats, wire, data, flights, built ? builtServer : devServer);
    await demos.serve();
    return demos;
  }

  /** Starts a server on the data of the one before it. */
  async serve(): Promise<void> {
    this.#server = new Child(this.#script, [], {
      FORERUN_DEMO_DATA: this.#data,
      FORERUN_DEMO_FLIGHTS: String(this.#flights),
    });
    const url = new URL(await this.#server.says(/http:\/\/\S+(?=\/)/));
    this.wire.target = Number(url.port);
    if (this.#isLoaded) return;
    await this.#server.says(new RegExp(`Flights: ${this.#flights} of ${this.#flights} rows`));
    this.#isLoaded = true;
  }

  /** Ends the server where it stands. */
  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  /** A window at one of the two seats, in front of the others. `script` runs in it before its own. */
  async open(path: string, user?: string, seat: 0 | 1 = 0, script = ''): Promise<Page> {
    const page = await this.#seats[seat].newPage();
    await page.addInitScript(script);
    // Less than a test may take, so that what was waited for is told.
    page.setDefaultTimeout(45_000);
    page.on('pageerror', (error) => this.pageErrors.push(`${path}: ${error.message}`));
    page.on('console', (message) => {
      // The network goes away in tests; what must come of that, they say.
      if (message.type() === 'error' && !/WebSocket connection to|ERR_CONNECTION/.test(message.text()))
        this.pageErrors.push(`${path}: ${message.text()}`);
    });
    await page.goto(`http://localhost:${this.wire.port}${path}${user === undefined ? '' : `?user=${user}`}`);
    await page.bringToFront();
    return page;
  }

  /** Windows of two users, whose clients are live, on a slow network. */
  async openTwo(path: string, one: string, two: string): Promise<[Page, Page]> {
    return Promise.all([this.#openSlow(path, one, 0), this.#openSlow(path, two, 1)]);
  }

  async #openSlow(path: string, user: string, seat: 0 | 1): Promise<Page> {
    const page = await this.open(path, user, seat);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByLabel('Latency').fill(latencyMs);
    return page;
  }

  /** What the authority answers to anyone who asks, in the language of subscriptions. */
  async asked(database: string, sql: string): Promise<Rows> {
    const answer = await fetch(`http://localhost:${this.wire.port}/v1/database/${database}/sql`, {
      method: 'POST',
      body: sql,
    });
    if (!answer.ok) throw new Error(`${sql}: ${await answer.text()}`);
    const results: { schema: { elements: { name: { some: string } }[] }; rows: unknown[][] }[] = await answer.json();
    return results.flatMap(({ schema, rows }) =>
      rows.map((row) => Object.fromEntries(schema.elements.map(({ name }, at) => [name.some, row[at]]))),
    );
  }

  /** Ends pages and server, and leaves the data. */
  async stop(): Promise<void> {
    await this.#browser.close();
    await this.#server?.end();
    this.wire.close();
  }

  /** What the authority has left on disk. */
  stored(database: string, sql: string): Record<string, SQLOutputValue>[] {
    const file = new DatabaseSync(join(this.#data, database, `${database}.sqlite`), { readOnly: true });
    try {
      return file
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }));
    } finally {
      file.close();
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#data, { recursive: true, force: true });
  }
}

async function seat(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  // Every page has the focus, as far as Chromium without a screen is concerned.
  await context.addInitScript(`if (sessionStorage.getItem('away') !== null) document.hasFocus = () => false;`);
  return context;
}

/** What a page's replica answers. The page has its client in a module, which is the same one when it is imported again. */
export function replica(page: Page, demo: string, sql: string): Promise<Rows> {
  return page.evaluate(
    `import('/${demo}/client.ts').then(({ client }) => {
      const rows = client.live(${JSON.stringify(sql)});
      return rows.ready().finally(() => rows.close());
    })`,
  );
}

/** When a page first shows an element, and how that element looked then. */
export function firstSight(
  page: Page,
  selector: string,
  text: string,
): Promise<{ readonly at: number; readonly state: string | undefined }> {
  return page.evaluate(
    ([wanted, content]) =>
      new Promise((resolve) => {
        const look = (): boolean => {
          const found = [...document.querySelectorAll<HTMLElement>(wanted)].find(
            (element) => element.textContent?.includes(content) || element.querySelector('input')?.value === content,
          );
          if (found !== undefined) resolve({ at: Date.now(), state: found.dataset['state'] });
          return found !== undefined;
        };
        if (look()) return;
        const observer = new MutationObserver(() => look() && observer.disconnect());
        observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
      }),
    [selector, text] as const,
  );
}
