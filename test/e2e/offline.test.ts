/** A real page that is reloaded, killed, and without a network, over its IndexedDB. */

import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Book, has, note, rows, settled } from './tabs.testing.ts';

let book: Book;

const people = 3;
/** Of each. One takes most of a second, nearly all of it the page's start and the writing; three people share the waits. */
const reloads = 10;

beforeAll(async () => {
  book = await Book.open();
}, 60_000);

afterAll(() => book.close());

async function mine(tab: Page, prefix: string): Promise<ReadonlyMap<string, number>> {
  const all = await rows(tab);
  return new Map(
    all.flatMap(({ id, times }) => (String(id).startsWith(prefix) ? [[String(id), Number(times)] as const] : [])),
  );
}

async function newPerson(): Promise<BrowserContext> {
  const context = await book.person();
  onTestFinished(() => context.close());
  return context;
}

/** Whether these words are anywhere in what this origin has in IndexedDB. */
const isKept = (tab: Page, words: string): Promise<boolean> =>
  tab.evaluate(async (wanted) => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const db = await done(indexedDB.open('forerun/main'));
    const stores = [...db.objectStoreNames];
    const transaction = db.transaction(stores);
    const contents = await Promise.all(stores.map((name) => done(transaction.objectStore(name).getAll())));
    db.close();
    const decoder = new TextDecoder('latin1');
    return contents.flat().some((value) => value instanceof Uint8Array && decoder.decode(value).includes(wanted));
  }, words);

/** Makes 200 calls, and notes each that is stored. Ends when the one of this number is. */
const burst = (tab: Page, prefix: string, last: number): Promise<void> =>
  tab.evaluate(
    async ([start, awaited]) => {
      const { isStored } = window as unknown as { isStored?: (id: string) => void };
      const kept = Array.from({ length: 200 }, async (_, n) => {
        const id = `${start}${n}`;
        await window.client.reducers.note({ id }).stored;
        if (isStored === undefined) sessionStorage.setItem(id, '');
        else isStored(id);
      });
      for (const each of kept) each.catch(() => {});
      await kept[awaited];
    },
    [prefix, last] as const,
  );

test('[OFF-2] reloads in the middle of a burst lose no stored call and repeat none', async () => {
  const reloaded = async (person: number): Promise<void> => {
    const context = await book.person();
    onTestFinished(() => context.close());
    const tab = await book.tab(context);
    const prefix = `burst${person}-`;
    for (let round = 0; round < reloads; round++) {
      // Until one of them is stored, another one each time; some later ones may be as well.
      await burst(tab, `${prefix}${round}-`, ((person * reloads + round) * 83) % 200);
      await tab.reload({ waitUntil: 'commit' });
      await tab.waitForFunction(() => window.client !== undefined);
    }
    await has(tab, 'live');
    await settled(tab);
    const counted = await mine(tab, prefix);
    expect([...counted.values()].every((times) => times === 1)).toBe(true);
    const stored = await tab.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('burst')));
    expect(stored.length).toBeGreaterThan(reloads);
    for (const id of stored) expect(counted.has(id), id).toBe(true);
  };
  await Promise.all(Array.from({ length: people }, (_, person) => reloaded(person)));
}, 120_000);

test('[OFF-2] the death of the process of page and host loses no stored call and repeats none', async () => {
  const context = await book.person({ leader: true });
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  const stored = new Set<string>();
  await tab.exposeFunction('isStored', (id: string) => void stored.add(id));
  await burst(tab, 'crash', 50);
  const crashed = tab.waitForEvent('crash');
  const devtools = await context.newCDPSession(tab);
  // Nobody is left to answer.
  devtools.send('Page.crash').catch(() => {});
  await crashed;
  const again = await book.tab(context);
  await settled(again);
  const counted = await mine(again, 'crash');
  expect([...counted.values()].every((times) => times === 1)).toBe(true);
  expect(stored.size).toBeGreaterThan(0);
  for (const id of stored) expect(counted.has(id), id).toBe(true);
}, 60_000);

test('[OFF-2] [EXO-6] a server that is killed under load and starts again makes each call once', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  const calls = tab.evaluate(async () => {
    const made: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n++) {
      made.push(window.client.reducers.note({ id: `load-${n}` }).confirmed);
      if (n === 50) await made[0];
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(made);
  });
  await tab.waitForFunction(() => window.client.counters.confirmed > 50);
  await book.killServer();
  await book.startServer();
  await calls;
  const counted = await mine(tab, 'load-');
  expect(counted.size).toBe(300);
  expect([...counted.values()].every((times) => times === 1)).toBe(true);
}, 60_000);

test('[OFF-11] a server restored from an older backup is noticed: its rows are shown, and what waits is sent', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  await note(tab, 'restored-before');
  const goBack = book.backUp();
  await note(tab, 'restored-lost');
  await book.stopServer();
  await has(tab, 'offline');
  await note(tab, 'restored-waiting', 'stored');
  goBack();
  await book.startServer();
  await settled(tab);
  const expected = new Map([
    ['restored-before', 1],
    ['restored-waiting', 1],
  ]);
  expect(await mine(tab, 'restored-')).toEqual(expected);
  // Nor is it only on the screen.
  await tab.reload();
  await settled(tab);
  expect(await mine(tab, 'restored-')).toEqual(expected);
  const newcomer = await book.tab(await newPerson());
  await settled(newcomer);
  expect(await mine(newcomer, 'restored-')).toEqual(expected);
}, 60_000);

test('[OFF-13] [VIS-3] a row that is hidden from its reader leaves the bytes of the browser’s storage', async () => {
  const tab = await book.tab(await newPerson());
  await tab.evaluate(async () => {
    await window.client.reducers.confide({ id: 'hsifarbez' });
    await window.client.reducers.confide({ id: 'arabypac' });
  });
  const there = await tab.evaluate(() => window.client.live('SELECT text FROM secret ORDER BY text').ready());
  expect(there).toEqual([{ text: 'capybara' }, { text: 'zebrafish' }]);
  await expect.poll(() => isKept(tab, 'zebrafish')).toBe(true);
  await tab.evaluate(async () => void (await window.client.reducers.withdraw({ id: 'hsifarbez' })));
  const left = await tab.evaluate(() => window.client.live('SELECT text FROM secret').ready());
  expect(left).toEqual([{ text: 'capybara' }]);
  await expect.poll(() => isKept(tab, 'zebrafish'), { timeout: 30_000 }).toBe(false);
  expect(await isKept(tab, 'capybara')).toBe(true);
}, 60_000);

test('[OFF-7] what is deleted underneath leaves the client in memory, which says so', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  await note(tab, 'deleted-before');
  await tab.evaluate(() => void indexedDB.deleteDatabase('forerun/main'));
  await tab.waitForFunction(() => window.client.status.storage.type === 'memory');
  const { storage } = await tab.evaluate(() => window.client.status);
  expect(storage).toEqual({ type: 'memory', reason: expect.stringContaining('deleted') });
  await note(tab, 'deleted-after');
  expect((await mine(tab, 'deleted-')).size).toBe(2);
}, 60_000);

test('[CLI-1] [CLI-13] without a network it waits, and is back with it', async () => {
  const context = await book.person({ leader: true });
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  await context.setOffline(true);
  await has(tab, 'offline');
  await note(tab, 'unplugged', 'stored');
  await context.setOffline(false);
  await settled(tab);
  expect(await mine(tab, 'unplugged')).toEqual(new Map([['unplugged', 1]]));
}, 60_000);

test('[OFF-1] [OFF-2] calls made without a network survive the end of the page, and are made once', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  await note(tab, 'net-before');
  await book.stopServer();
  await has(tab, 'offline');
  await note(tab, 'net-offline', 'stored');
  await tab.close();
  await book.startServer();
  const again = await book.tab(context);
  await settled(again);
  expect(await mine(again, 'net-')).toEqual(
    new Map([
      ['net-before', 1],
      ['net-offline', 1],
    ]),
  );
}, 120_000);

test('[OFF-5] a call that is stored in the first moments of the first page survives its end', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await context.newPage();
  await tab.goto(book.url);
  await tab.waitForFunction(() => window.client !== undefined);
  await note(tab, 'first-call', 'stored');
  await tab.close();
  const again = await book.tab(context);
  await settled(again);
  expect(await mine(again, 'first-')).toEqual(new Map([['first-call', 1]]));
}, 60_000);

test('no page had an error that nobody expected', () => {
  expect(book.errors).toEqual([]);
});
