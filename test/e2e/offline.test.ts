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
    await tab.evaluate((start) => {
      const { isStored } = window as unknown as { isStored: (id: string) => void };
      for (let n = 0; n < 200; n++) {
        const id = `burst${start}-${n}`;
        window.client.reducers.note({ id }).stored.then(
          () => isStored(id),
          () => {},
        );
      }
    }, round);
    // Wherever the calls are by now.
    await new Promise((resolve) => setTimeout(resolve, (round * 37) % 90));
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

test('no page had an error that nobody expected', () => {
  expect(book.errors).toEqual([]);
});
