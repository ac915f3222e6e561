/** Real tabs that share what they have, with a shared worker and without. */

import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Book, note, rows, settled } from './tabs.testing.ts';

let book: Book;

beforeAll(async () => {
  book = await Book.open();
}, 60_000);

afterAll(() => book.close());

let count = 0;
/** Entries of one test. */
const name = (): string => `t${++count}-`;

async function mine(tab: Page, prefix: string): Promise<readonly unknown[]> {
  return (await rows(tab)).filter(({ id }) => String(id).startsWith(prefix));
}

/** Makes a call every ten milliseconds, forty in all. Gives the longest time without an answer, in milliseconds. */
const noteOften = (tab: Page, prefix: string): Promise<number> =>
  tab.evaluate(async (start) => {
    const calls: Promise<unknown>[] = [];
    let [lastMs, longestMs] = [performance.now(), 0];
    const answered = (): void => {
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    };
    for (let n = 0; n < 40; n++) {
      calls.push(window.client.reducers.note({ id: `${start}${n}` }).confirmed.then(answered));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await Promise.all(calls);
    return longestMs;
  }, prefix);

describe.each([{ leader: false }, { leader: true }])('tabs (leader: $leader)', ({ leader }) => {
  const person = async (): Promise<BrowserContext> => {
    const context = await book.person({ leader });
    onTestFinished(() => context.close());
    return context;
  };

  test('[TAB-1] [TAB-2] that start at the same instant are one client: each makes calls and sees all', async () => {
    const context = await person();
    const [a, b] = await Promise.all([book.tab(context), book.tab(context)]);
    const prefix = name();
    await Promise.all([note(a, `${prefix}a`), note(b, `${prefix}b`), note(a, `${prefix}x`), note(b, `${prefix}x`)]);
    await settled(a, b);
    const expected = [
      { id: `${prefix}a`, times: 1 },
      { id: `${prefix}b`, times: 1 },
      { id: `${prefix}x`, times: 2 },
    ];
    await expect.poll(() => mine(a, prefix)).toEqual(expected);
    await expect.poll(() => mine(b, prefix)).toEqual(expected);
    const statuses = await Promise.all([a, b].map((tab) => tab.evaluate(() => window.client.status)));
    expect(statuses[0]?.identity).toBe(statuses[1]?.identity);
    expect(statuses.map(({ storage }) => storage.type)).toEqual(['device', 'device']);
    await expect(note(b, '')).rejects.toThrow('nothing to note');
  }, 60_000);

  test('[TAB-3] [TAB-6] the first one’s sudden end costs the others no call and repeats none', async () => {
    const context = await person();
    const first = await book.tab(context);
    const others: Page[] = [];
    const tabs = leader ? 4 : 1;
    await Promise.all(Array.from({ length: tabs }, async () => others.push(await book.tab(context))));
    // The next in line has its worker, and is as far as one that has been open for a while.
    const prepared = (): number => others.reduce((sum, tab) => sum + tab.workers().length, 0);
    if (leader) await expect.poll(prepared, { timeout: 20_000 }).toBe(1);
    const prefix = name();
    // Calls all the time, while the first tab goes without a word.
    const calls = others.map((tab, i) => noteOften(tab, `${prefix}${i}-`));
    await others[0]?.waitForFunction(() => window.client.counters.confirmed > 5);
    await first.close({ runBeforeUnload: false });
    const silences = await Promise.all(calls);
    console.info(`longest silences in ms (leader: ${leader}): ${silences.map(Math.round).join(' ')}`);
    const all = await mine(others[0] as Page, prefix);
    expect(all).toHaveLength(40 * tabs);
    expect(all.every((row) => (row as { readonly times: number }).times === 1)).toBe(true);
  }, 60_000);

  test('[TAB-4] forget reaches every tab, and leaves nothing', async () => {
    const context = await person();
    const [a, b] = [await book.tab(context), await book.tab(context)];
    const identity = await a.evaluate(() => window.client.status.identity);
    await a.evaluate(() => window.client.forget());
    await b.waitForFunction(() => window.client.status.type === 'stopped');
    await a.reload();
    await a.waitForFunction(() => window.client?.status.type === 'live');
    expect(await a.evaluate(() => window.client.status.identity)).not.toBe(identity);
  }, 60_000);
});

test('[TAB-3] the shared worker’s sudden end is healed, with every call made once', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const [a, b] = [await book.tab(context), await book.tab(context)];
  const prefix = name();
  await Promise.all([note(a, `${prefix}a`), note(b, `${prefix}b`)]);
  const devtools = await book.browser.newBrowserCDPSession();
  const { targetInfos } = await devtools.send('Target.getTargets');
  const workers = targetInfos.filter(({ type }) => type === 'shared_worker');
  expect(workers.length).toBeGreaterThan(0);
  const calls = [a, b].map((tab) => noteOften(tab, `${prefix}${tab === a ? 'a' : 'b'}-`));
  for (const { targetId } of workers) await devtools.send('Target.closeTarget', { targetId });
  expect(await Promise.all(calls)).toEqual([expect.any(Number), expect.any(Number)]);
  await settled(a, b);
  const all = await mine(b, prefix);
  expect(all).toHaveLength(2 + 2 * 40);
  expect(all.every((row) => (row as { readonly times: number }).times === 1)).toBe(true);
}, 60_000);

test('[TAB-5] a leader that holds the lock and does not answer is deposed once, and follows when it is back', async () => {
  const context = await book.person({ leader: true });
  onTestFinished(() => context.close());
  const wedged = await book.tab(context);
  const other = await book.tab(context);
  const prefix = name();
  await note(other, `${prefix}before`);
  await other.evaluate(() => {
    const leaders: unknown[] = [];
    new BroadcastChannel('forerun/main').addEventListener('message', ({ data }) => {
      if (data.type === 'leader') leaders.push(data.stolen);
    });
    Object.assign(window, { leaders });
  });
  const [worker] = wedged.workers();
  // It ends with the worker.
  worker
    ?.evaluate(() => {
      for (;;);
    })
    .catch(() => {});
  await Promise.all([note(other, `${prefix}other`), note(wedged, `${prefix}wedged`)]);
  await settled(other, wedged);
  await expect
    .poll(() => mine(wedged, prefix))
    .toEqual(['before', 'other', 'wedged'].map((id) => ({ id: prefix + id, times: 1 })));
  // The one that leads now may have said so before anyone listened; nobody has after it.
  expect(await other.evaluate(() => (window as unknown as { leaders: unknown[] }).leaders.length)).toBeLessThanOrEqual(
    1,
  );
}, 60_000);

test.each([{ answers: false }, { answers: true }])(
  '[TAB-7] another worker that has the storage (answers: $answers) keeps it only if it is alive',
  async ({ answers }) => {
    const context = await book.person();
    onTestFinished(() => context.close());
    const holder = await context.newPage();
    await holder.goto(`${book.url}/favicon.ico`);
    await holder.evaluate((isAlive) => {
      const channel = new BroadcastChannel('forerun/main/holder');
      channel.onmessage = ({ data }) => void (isAlive && data === 'ping' && channel.postMessage('pong'));
      return new Promise<void>((resolve) => {
        void navigator.locks
          .request('forerun host main', () => {
            resolve();
            return new Promise(() => {});
          })
          .catch(() => {});
      });
    }, answers);
    const tab = await book.tab(context);
    const { storage } = await tab.evaluate(() => window.client.status);
    if (answers) expect(storage).toEqual({ type: 'memory', reason: expect.stringContaining('another version') });
    else expect(storage).toEqual({ type: 'device' });
  },
  60_000,
);

test('no page had an error that nobody expected', () => {
  expect(book.errors).toEqual([]);
});
