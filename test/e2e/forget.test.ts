/** Signing out in real tabs, after whatever has happened to their host. */

import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Book, has, note, rows, settled } from './tabs.testing.ts';

let book: Book;

beforeAll(async () => {
  book = await Book.open();
}, 60_000);

afterAll(() => book.close());

async function person(options: { readonly leader?: boolean } = {}): Promise<BrowserContext> {
  const context = await book.person(options);
  onTestFinished(() => context.close());
  return context;
}

const identity = (tab: Page): Promise<string | undefined> => tab.evaluate(() => window.client.status.identity);
const forget = (tab: Page): Promise<void> => tab.evaluate(() => window.client.forget());

/** Whoever opens the tab anew is somebody else. */
async function isForgotten(tab: Page, before: string | undefined): Promise<void> {
  expect(before).toBeDefined();
  await tab.reload();
  await has(tab, 'live');
  expect(await identity(tab)).not.toBe(before);
}

test('[TAB-4] [OFF-9] forget wipes when the tab that led is gone, and another one leads', async () => {
  const context = await person({ leader: true });
  const [a, b] = [await book.tab(context), await book.tab(context)];
  await note(b, 'led-before');
  await a.close({ runBeforeUnload: false });
  await note(b, 'led-after');
  await settled(b);
  const before = await identity(b);
  await forget(b);
  await isForgotten(b, before);
}, 60_000);

test('[TAB-4] [OFF-9] forget wipes when the shared worker has died, and there is another one', async () => {
  const tab = await book.tab(await person());
  await note(tab, 'shared-before');
  const before = await identity(tab);
  const devtools = await book.browser.newBrowserCDPSession();
  const { targetInfos } = await devtools.send('Target.getTargets');
  for (const { targetId, type } of targetInfos)
    if (type === 'shared_worker') await devtools.send('Target.closeTarget', { targetId });
  await note(tab, 'shared-after');
  await forget(tab);
  await isForgotten(tab, before);
}, 60_000);

test('[TAB-4] no tab goes on with calls that waited when another one forgot', async () => {
  const context = await person({ leader: true });
  const [a, b] = [await book.tab(context), await book.tab(context)];
  await note(b, 'waiting-before');
  await a.evaluate(() => window.client.simulate({ offline: true }));
  await has(b, 'offline');
  const rejected = b.evaluate(() =>
    window.client.reducers.note({ id: 'waiting-call' }).confirmed.then(
      () => 'confirmed',
      (error: { readonly code: string }) => error.code,
    ),
  );
  await b.waitForFunction(() => window.client.status.pending === 1);
  await forget(a);
  expect(await rejected).toBe('client-closed');
  await has(b, 'stopped');
  await a.close();
  // It has let go of the lock, so that a new tab leads at once, and nobody makes the call there.
  const c = await book.tab(context);
  await note(c, 'waiting-after');
  await settled(c);
  const mine = async (): Promise<unknown[]> =>
    (await rows(c)).map(({ id }) => id).filter((id) => String(id).startsWith('waiting'));
  await expect.poll(mine).toEqual(['waiting-after', 'waiting-before']);
  expect(await b.evaluate(() => window.client.status.type)).toBe('stopped');
}, 60_000);

test('[TAB-4] [OFF-9] forget of a tab that could not share the device wipes it, and ends the others', async () => {
  const context = await person({ leader: true });
  const a = await book.tab(context);
  await note(a, 'apart');
  const before = await identity(a);
  const b = await context.newPage();
  await b.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
  await b.goto(book.url);
  await has(b, 'live');
  expect(await b.evaluate(() => window.client.status.storage.type)).toBe('memory');
  await forget(b);
  await has(a, 'stopped');
  await isForgotten(a, before);
}, 60_000);
