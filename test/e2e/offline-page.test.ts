/** A page whose build keeps its files, with and without its server. */

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Book, has, note, rows, settled } from './tabs.testing.ts';

let book: Book;

beforeAll(async () => {
  book = await Book.open({ offline: true });
}, 60_000);

afterAll(() => book.close());

test.each([{ leader: false }, { leader: true }])(
  '[OFF-1] it opens without a server, shows what it had, and keeps what is done, %o',
  async (kind) => {
    const context = await book.person(kind);
    onTestFinished(() => context.close());
    const tab = await book.tab(context);
    const name = kind.leader ? 'leader' : 'shared';
    await note(tab, `${name} before`, 'stored');
    await settled(tab);
    await tab.evaluate(async () => void (await navigator.serviceWorker.ready));
    await book.killServer();

    await tab.reload();
    await has(tab, 'offline');
    expect(await rows(tab)).toContainEqual({ id: `${name} before`, times: 1 });
    await note(tab, `${name} without a server`, 'stored');

    const other = await context.newPage();
    await other.goto(`${book.url}/index.html`);
    await has(other, 'offline');
    expect(await rows(other)).toContainEqual({ id: `${name} without a server`, times: 1 });
    await other.close();

    await book.startServer();
    await settled(tab);
    expect(await rows(tab)).toContainEqual({ id: `${name} without a server`, times: 1 });
  },
  60_000,
);

test('with a server the page is the newest, not the kept one', async () => {
  const context = await book.person();
  onTestFinished(() => context.close());
  const tab = await book.tab(context);
  await tab.evaluate(async () => void (await navigator.serviceWorker.ready));
  const shown = async (): Promise<string> => {
    await tab.reload();
    return tab.title();
  };
  expect(await shown()).toBe('Book');
  book.retitle('Book, second edition');
  expect(await shown()).toBe('Book, second edition');
  await book.killServer();
  expect(await shown()).toBe('Book');
  await book.startServer();
}, 60_000);
