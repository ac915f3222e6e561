/**
 * The demos as people use them, in Chromium. Each has its story of two windows (`demos/`); here is what befalls all of them
 * together: the server is killed, the front page shows them, and in the end all replicas hold what the authority stores.
 */

import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { arena } from './demos/arena.testing.ts';
import { chat } from './demos/chat.testing.ts';
import { Demos, replica, type Rows } from './demos/demos.testing.ts';
import { flightCount, flights } from './demos/flights.testing.ts';
import { pad } from './demos/pad.testing.ts';
import { eventually, settled } from './demos/waits.testing.ts';

let demos: Demos;

// Machines that do much else at the time are slow, not wrong.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  demos = await Demos.start({ flights: flightCount });
});

afterAll(() => demos.remove());

const stories = [chat, flights, pad, arena].map((story) => story(() => demos));

test('a server that is killed costs nobody anything: what was done meanwhile is there at once, and for the others afterwards', async () => {
  await demos.kill();
  for (const { pages } of stories)
    for (const page of pages()) await page.locator('.state[data-state=offline]').waitFor();
  for (const { pages, whileAway } of stories) {
    await bringToFront(pages());
    await whileAway();
  }
  await demos.serve();
  for (const { pages, afterwards } of stories) {
    await bringToFront(pages());
    await afterwards();
  }
});

/** As the authority stored them, by database and query, for the comparison with its file. */
const agreed: { readonly demo: string; readonly sql: string; readonly rows: Rows }[] = [];

describe.each(stories)('in the end, the $demo’s', ({ demo, pages, rows: queries, moving }) => {
  test('two replicas hold the rows of their authority', async () => {
    const [one, two] = pages();
    await bringToFront([one, two]);
    await settled(one, two);
    for (const sql of queries) {
      let rows: Rows = [];
      await eventually(async () => {
        rows = await replica(one, demo, sql);
        return rows.length > 0 && isDeepStrictEqual(rows, await replica(two, demo, sql));
      }).toBe(true);
      // Held against the file, when the server has ended.
      agreed.push({ demo, sql, rows });
    }
    for (const { table, columns } of moving) {
      // While rows move, three answers are never of one moment: each row is one that they have once agreed on.
      const found = new Set<unknown>();
      await eventually(async () => {
        const [asked, ...held] = await Promise.all([
          demos.asked(demo, `SELECT * FROM ${table}`),
          ...[one, two].map((page) => replica(page, demo, `SELECT ${columns.join()} FROM ${table}`)),
        ]);
        const texts = held.map((rows) => new Set(rows.map((row) => JSON.stringify(columns.map((name) => row[name])))));
        const wanted = asked.map((row) => columns.map((name) => row[name]));
        for (const row of wanted) if (texts.every((each) => each.has(JSON.stringify(row)))) found.add(row[0]);
        return (
          wanted.length > 0 &&
          wanted.every(([key]) => found.has(key)) &&
          texts.every(({ size }) => size === wanted.length)
        );
      }).toBe(true);
    }
  });

  test.each(['light', 'dark'] as const)(
    'pages have nothing serious to stumble over, in the %s scheme',
    async (scheme) => {
      for (const page of pages()) expect(await gravelyWrong(page, scheme)).toEqual([]);
    },
  );
});

test('the front page shows a demo as two users, and what becomes of their calls', async () => {
  for (const { pages } of stories) for (const page of pages()) await page.close();
  const page = await demos.open('/');
  const shown = page.getByRole('region', { name: 'Arena' });
  const [ada, bob] = [shown.frameLocator('iframe').nth(0), shown.frameLocator('iframe').nth(1)];
  await bob.locator('.leaders', { hasText: 'Ada' }).waitFor();
  await ada.getByText(/^Health \d/).waitFor();
  await ada.locator('canvas').focus();
  await page.keyboard.down('ArrowUp');
  const calls = shown.getByLabel('Ada’s calls');
  await calls.locator('[data-step=confirmed]', { hasText: 'steer' }).first().waitFor();
  await shown.getByRole('switch', { name: 'Offline' }).first().click();
  await bob.locator('.leaders li', { hasText: 'Ada' }).waitFor({ state: 'detached' });
  await ada.locator('canvas').focus();
  await page.keyboard.down('ArrowLeft');
  await calls.locator('[data-step=stored]', { hasText: 'steer' }).first().waitFor();
  for (const scheme of ['light', 'dark'] as const) expect(await gravelyWrong(page, scheme)).toEqual([]);
});

test('nothing went wrong in any page', () => {
  expect(demos.pageErrors).toEqual([]);
});

test('what the authority has stored is what the replicas held, row for row', async () => {
  await demos.stop();
  expect(agreed.length).toBeGreaterThanOrEqual(3);
  for (const { demo, sql, rows } of agreed) expect(demos.stored(demo, sql)).toEqual(rows);
  expect(demos.stored('chat', 'SELECT count(*) AS online FROM user WHERE online')).toEqual([{ online: 0 }]);
  expect(demos.stored('arena', 'SELECT count(*) AS pilots FROM pilot WHERE gone_at_ms = 0')).toEqual([{ pilots: 0 }]);
});

/** A window behind others sleeps. */
async function bringToFront(pages: readonly Page[]): Promise<void> {
  for (const page of pages) await page.bringToFront();
}

/** What a person who can't see, or not well, would stumble over. */
async function gravelyWrong(page: Page, colorScheme: 'light' | 'dark'): Promise<string[]> {
  // Colours that fade into others are neither.
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  if (await page.evaluate("typeof axe === 'undefined'"))
    await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') });
  // In the dark nothing is different but the colours.
  const rules = colorScheme === 'dark' ? { runOnly: ['color-contrast'] } : {};
  const found: { violations: { id: string; impact: string; nodes: { html: string }[] }[] } = await page.evaluate(
    `axe.run(${JSON.stringify({ ...rules, resultTypes: ['violations'] })})`,
  );
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
