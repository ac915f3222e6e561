/** Tabs that the browser freezes, as it does with those in the background, and what it means for the others. */

import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Book, note, rows, settled } from './tabs.testing.ts';

let book: Book;

beforeAll(async () => {
  book = await Book.open();
}, 60_000);

afterAll(() => book.close());

interface Freezer {
  readonly freeze: () => Promise<void>;
  readonly thaw: () => Promise<void>;
}

/**
 * Stops threads of a tab as freezing does: no timer, message or promise goes on. Chromium freezes hidden pages only, and a
 * page that Playwright drives counts as seen (`Page.setWebLifecycleState` does nothing to it); a debugger stops any thread.
 */
async function freezer(context: BrowserContext, tab: Page, workersToo: boolean): Promise<Freezer> {
  const devtools = await context.newCDPSession(tab);
  const workers: string[] = [];
  let id = 0;
  const send = async (method: 'Debugger.enable' | 'Debugger.pause' | 'Debugger.resume'): Promise<void> => {
    for (const sessionId of workers)
      await devtools.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id: ++id, method }) });
    await devtools.send(method);
  };
  devtools.on('Target.attachedToTarget', ({ sessionId }) => workers.push(sessionId));
  if (workersToo) {
    // Workers have no session in common with their page here.
    await devtools.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    await expect.poll(() => workers.length).toBe(tab.workers().length);
  }
  await send('Debugger.enable');
  return { freeze: () => send('Debugger.pause'), thaw: () => send('Debugger.resume') };
}

async function person(leader: boolean): Promise<BrowserContext> {
  const context = await book.person({ leader });
  onTestFinished(() => context.close());
  return context;
}

const storage = (tab: Page): Promise<string> => tab.evaluate(() => window.client.status.storage.type);

async function times(tab: Page, prefix: string): Promise<ReadonlyMap<unknown, unknown>> {
  const all = await rows(tab);
  return new Map(all.flatMap(({ id, times: made }) => (String(id).startsWith(prefix) ? [[id, made]] : [])));
}

/** What the tabs of this one's replica say to each other from now on. */
async function overhear(tab: Page): Promise<(type: string) => Promise<number>> {
  await tab.evaluate(() => {
    const said: string[] = [];
    new BroadcastChannel('forerun/main').addEventListener('message', ({ data }) => said.push(data.type));
    Object.assign(window, { said });
  });
  return (type) =>
    tab.evaluate(
      (wanted) => (window as unknown as { readonly said: string[] }).said.filter((each) => each === wanted).length,
      type,
    );
}

test('[TAB-5] a frozen leader is deposed once, the others go on undisturbed, and thawed it follows', async () => {
  const context = await person(true);
  const frozen = await book.tab(context);
  const others = [await book.tab(context), await book.tab(context)] as const;
  await note(frozen, 'leader-before');
  const heard = await overhear(others[1]);
  const { freeze, thaw } = await freezer(context, frozen, true);
  await freeze();
  await Promise.all(others.map((tab, i) => note(tab, `leader-frozen${i}`)));
  // Each pong answers a tab's ping of every half second: as many as it would take to depose the next one twice over.
  await expect.poll(() => heard('pong'), { timeout: 30_000 }).toBeGreaterThan(12);
  expect(await heard('leader')).toBe(1);
  await thaw();
  await note(frozen, 'leader-thawed');
  await settled(frozen, ...others);
  const expected = new Map(['before', 'frozen0', 'frozen1', 'thawed'].map((name) => [`leader-${name}`, 1]));
  for (const tab of [frozen, ...others]) {
    expect(await times(tab, 'leader-')).toEqual(expected);
    expect(await storage(tab)).toBe('device');
  }
  expect(await heard('leader')).toBe(1);
}, 90_000);

test('[TAB-5] [OFF-14] a leader that is frozen in the middle of a write holds up nobody’s start, and loses no call', async () => {
  const context = await person(true);
  const frozen = await book.tab(context);
  const other = await book.tab(context);
  await note(frozen, 'write-before');
  const { freeze, thaw } = await freezer(context, frozen, false);
  // The worker stops for good the moment it has begun a transaction; nothing that comes of it reaches it any more.
  await frozen.workers()[0]?.evaluate(() => {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...args: Parameters<typeof transaction>) {
      queueMicrotask(() => {
        for (;;);
      });
      return transaction.apply(this, args);
    };
  });
  await frozen.evaluate(() => void window.client.reducers.note({ id: 'write-frozen' }));
  // Nor can the page end it.
  await freeze();
  await note(other, 'write-other');
  expect(await storage(other)).toBe('device');
  await thaw();
  await settled(frozen, other);
  expect(await times(other, 'write-')).toEqual(
    new Map(['write-before', 'write-frozen', 'write-other'].map((name) => [name, 1])),
  );
  expect(await storage(frozen)).toBe('device');
}, 90_000);

test('[TAB-1] with a shared worker a frozen tab is no hindrance, and sees all when it is thawed', async () => {
  const context = await person(false);
  const frozen = await book.tab(context);
  const other = await book.tab(context);
  await note(frozen, 'shared-before');
  const { freeze, thaw } = await freezer(context, frozen, false);
  await freeze();
  for (let n = 0; n < 5; n++) await note(other, `shared-${n}`);
  await thaw();
  await note(frozen, 'shared-thawed');
  expect((await times(frozen, 'shared-')).size).toBe(7);
}, 60_000);

test('no page had an error that nobody expected', () => {
  expect(book.errors).toEqual([]);
});
