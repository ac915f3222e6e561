/** The real demos: their dev server in a process of its own, and Chromium in front of it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';
import { chromiumArgs, findChromium } from '../browser/chromium.ts';
import { Child } from './child.testing.ts';

export type Rows = readonly Readonly<Record<string, unknown>>[];

export class Demos {
  /** What went wrong in pages that nobody asked for. */
  readonly pageErrors: string[] = [];
  readonly #browser: Browser;
  readonly #server: Child;
  readonly #url: string;
  readonly #data: string;

  private constructor(browser: Browser, server: Child, url: string, data: string) {
    this.#browser = browser;
    this.#server = server;
    this.#url = url;
    this.#data = data;
  }

  /** Resolves when all flights are loaded. */
  static async start({ flights }: { readonly flights: number }): Promise<Demos> {
    const data = await mkdtemp(join(tmpdir(), 'forerun-demos-'));
    const server = new Child('test/e2e/dev-server.ts', [], {
      FORERUN_DEMO_DATA: data,
      FORERUN_DEMO_FLIGHTS: String(flights),
    });
    const url = await server.says(/http:\/\/\S+(?=\/)/);
    await server.says(new RegExp(`Flights: ${flights} of ${flights} rows`));
    const executablePath = findChromium();
    const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
    return new Demos(browser, server, url, data);
  }

  /** A window of somebody new, in which the client is live. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(90_000);
    page.on('pageerror', (error) => this.pageErrors.push(`${path}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') this.pageErrors.push(`${path}: ${message.text()}`);
    });
    await page.goto(this.#url + path);
    return page;
  }

  /** Ends pages and server, and leaves the data. */
  async stop(): Promise<void> {
    await this.#browser.close();
    await this.#server.end();
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

/** What a page's replica answers. The page has its client in a module, which is the same one when it is imported again. */
export function replica(page: Page, demo: string, sql: string): Promise<Rows> {
  return page.evaluate(
    `import('/${demo}/client.ts').then(({ client }) => client.live(${JSON.stringify(sql)}).ready())`,
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
