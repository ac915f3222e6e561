/** A real page that is reloaded, killed, and without a network, over its IndexedDB. */

import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Book, has, note, rows, settled } from './tabs.testing.ts';

let book: Book;

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

test('[OFF-2] reloads in the middle of a burst lose no stored call and repeat none', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  const stored = new Set<string>();
  await tab.exposeFunction('isStored', (id: string) => void stored.add(id));
  for (let round = 0; round < 6; round++) {
    // Until one of them is stored, another one each time; some later ones may be as well.
    await tab.evaluate(
      async ([start, last]) => {
        const { isStored } = window as unknown as { isStored: (id: string) => Promise<void> };
        const kept = Array.from({ length: 200 }, async (_, n) => {
          const id = `burst${start}-${n}`;
          await window.client.reducers.note({ id }).stored;
          await isStored(id);
        });
        for (const each of kept) each.catch(() => {});
        await kept[last];
      },
      [round, (round * 83) % 200] as const,
    );
    await tab.reload();
    await tab.waitForFunction(() => window.client !== undefined);
  }
  await has(tab, 'live');
  await settled(tab);
  const counted = await mine(tab, 'burst');
  expect([...counted.values()].every((times) => times === 1)).toBe(true);
  for (const id of stored) expect(counted.has(id), id).toBe(true);
  expect(stored.size).toBeGreaterThan(0);
}, 120_000);

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
