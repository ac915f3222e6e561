/** The book as it is served with its authority, and Chromium's tabs on it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { backupDatabase, restoreDatabase } from '../../server/log/backup.ts';
import { chromiumArgs, findChromium } from '../browser/chromium.ts';
// The page's own declaration of what tests reach.
import type {} from './book/client.ts';
import { Child } from './child.testing.ts';

export class Book {
  readonly browser: Browser;
  readonly errors: string[] = [];
  readonly #folder: string;
  readonly #isOffline: boolean;
  #server: Child | undefined;
  #url = '';

  private constructor(browser: Browser, folder: string, isOffline: boolean) {
    this.browser = browser;
    this.#folder = folder;
    this.#isOffline = isOffline;
  }

  /** `offline`: its page opens without a network. */
  static async open({ offline = false }: { readonly offline?: boolean } = {}): Promise<Book> {
    const folder = await mkdtemp(join(tmpdir(), 'forerun-book-'));
    const executablePath = findChromium();
    const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
    const book = new Book(browser, folder, offline);
    await book.startServer();
    return book;
  }

  get url(): string {
    return this.#url;
  }

  /** On the same port each time. */
  async startServer(): Promise<void> {
    const port = this.#url === '' ? '0' : new URL(this.#url).port;
    this.#server = new Child('test/e2e/book-server.ts', [this.#folder, port], {
      BOOK_OFFLINE: this.#isOffline ? '1' : '0',
    });
    this.#url = await this.#server.says(/http:\/\/localhost:\d+/);
  }

  /** In the file that is served, as another build would. */
  retitle(title: string): void {
    const file = join(this.#folder, 'page/index.html');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/<title>.*<\/title>/, `<title>${title}</title>`));
  }

  async stopServer(): Promise<void> {
    await this.#server?.end();
  }

  async killServer(): Promise<void> {
    await this.#server?.kill();
  }

  /** The server's data as of now, put in place of what it has then by `goBack`, as an administrator would while it is down. */
  backUp(): () => void {
    const data = join(this.#folder, 'data');
    const to = join(this.#folder, `backup-${performance.now()}`);
    backupDatabase({ data, to });
    return () => void restoreDatabase({ data, from: to });
  }

  /** Somebody new, without anything kept. `leader`: in a browser without shared workers. */
  async person({ leader = false }: { readonly leader?: boolean } = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext();
    if (leader) await context.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
    return context;
  }

  /** A tab whose client is there. */
  async tab(context: BrowserContext, status = 'live'): Promise<Page> {
    const tab = await context.newPage();
    tab.on('pageerror', (error) => this.errors.push(error.message));
    await tab.goto(this.#url);
    await has(tab, status);
    return tab;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.stopServer();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Until the client's status is this. */
export async function has(tab: Page, status: string): Promise<void> {
  await tab.waitForFunction((wanted) => window.client?.status.type === wanted, status);
}

export const rows = (tab: Page): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  tab.evaluate(() => window.client.live('SELECT id, times FROM entry ORDER BY id').ready());

/** Makes a call, and waits until it is kept on the device, or answered. */
export const note = (tab: Page, id: string, until: 'stored' | 'confirmed' = 'confirmed'): Promise<void> =>
  tab.evaluate(async ([text, step]) => void (await window.client.reducers.note({ id: text })[step]), [
    id,
    until,
  ] as const);

/** Until the rows are here and nothing waits for its answer. */
export async function settled(...tabs: Page[]): Promise<void> {
  for (const tab of tabs)
    await tab.waitForFunction(() => {
      const { type, ready, pending } = window.client.status;
      return type === 'live' && ready && pending === 0;
    });
}
