import type { Page } from 'playwright';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Demos, firstSight, replica } from './demos.testing.ts';
import type { Story } from './story.testing.ts';
import { eventually, offline, settled } from './waits.testing.ts';

export const flightCount = 5_000;
const all = 'SELECT id, delay, distance, time, hour, note FROM flight ORDER BY id';

export function flights(demos: () => Demos): Story {
  let one: Page;
  let two: Page;

  const row = (page: Page, id: number) => page.locator(`[data-flight="${id}"]`);
  const setDelay = async (page: Page, id: number, delay: number): Promise<void> => {
    await page.getByLabel(`Delay of flight ${id}`, { exact: true }).fill(String(delay));
    await page.keyboard.press('Enter');
  };
  const delayOf = (page: Page, id: number) => page.getByLabel(`Delay of flight ${id}`, { exact: true }).inputValue();
  const total = (page: Page) => page.locator('[data-figure="All delays together"]').textContent();

  describe('the flights', () => {
    beforeAll(async () => {
      [one, two] = await demos().openTwo('/flights/', 'Ada', 'Bob');
      await Promise.all([one, two].map((page) => row(page, 19).waitFor()));
    });

    test('the figures are those of all rows', async () => {
      expect(await one.locator('[data-figure=Flights]').textContent()).toBe('5,000');
      const [sum] = await replica(one, 'flights', 'SELECT sum(delay) AS delay FROM flight');
      expect(await total(one)).toBe(`${Number(sum?.['delay']).toLocaleString('en')} min`);
    });

    test('an edit is there at once where it is made, as pending and in the figures, and later in the other', async () => {
      const [sum] = await replica(
        one,
        'flights',
        'SELECT 321 - delay + sum(delay) OVER () AS delay FROM flight ORDER BY id = 3 DESC',
      );
      const figure = Number(sum?.['delay']).toLocaleString('en');
      const own = firstSight(one, '[data-figure="All delays together"]', figure);
      const other = firstSight(two, '[data-figure="All delays together"]', figure);
      const pending = firstSight(one, '[data-flight="3"]:is([data-state=pending], [data-state=stored])', '321');
      await setDelay(one, 3, 321);
      await pending;
      expect((await other).at).toBeGreaterThan((await own).at);
      await settled(one);
      expect(await delayOf(two, 3)).toBe('321');
    });

    test('of two who change one flight at once, the second is told and sees what the first has set', async () => {
      await offline(two).click();
      await setDelay(two, 5, 77);
      await row(two, 5).and(two.locator('[data-state=stored]')).waitFor();
      await setDelay(one, 5, 50);
      await settled(one);
      await offline(two).click();
      await two.getByText('Someone else has just set it to 50 minutes.').waitFor();
      await settled(two);
      expect(await delayOf(two, 5)).toBe('50');
      expect(await delayOf(one, 5)).toBe('50');
    });

    test('an edit that the reducer refuses goes back, with the reason', async () => {
      const before = await delayOf(one, 7);
      await setDelay(one, 7, 9999);
      await one.getByText('A delay of 9999 minutes is not plausible.').waitFor();
      await settled(one);
      await row(one, 7).and(one.locator('[data-state=rejected]')).waitFor();
      expect(await delayOf(one, 7)).toBe(before);
    });

    test('without prediction an edit shows when the authority has made it', async () => {
      await one.getByRole('switch', { name: 'Prediction' }).click();
      await one.getByLabel('Note on flight 9', { exact: true }).fill('Diverted');
      await one.keyboard.press('Enter');
      // Nothing is pending before the call is made, either.
      await eventually(() => replica(one, 'flights', 'SELECT note FROM flight WHERE id = 9')).toEqual([
        { note: 'Diverted' },
      ]);
      await eventually(() => two.getByLabel('Note on flight 9', { exact: true }).inputValue()).toBe('Diverted');
    });

    test('a rejected edit stays in sight with its reason, until it is tried again or discarded', async () => {
      await setDelay(one, 6, 2000);
      const entry = one.locator('.queue li', { hasText: 'Flight 6' });
      await entry.getByText('rejected').waitFor();
      await entry.getByRole('button', { name: 'Discard' }).click();
      await entry.waitFor({ state: 'detached' });
    });

    test('edits made offline survive a reload, and arrive once', async () => {
      await offline(two).click();
      await setDelay(two, 8, 88);
      await row(two, 8).and(two.locator('[data-state=stored]')).waitFor();
      await two.reload();
      // The network is there again for the new page; its rows and its queue were there before that.
      await eventually(() => delayOf(two, 8)).toBe('88');
      await settled(two);
      await eventually(() => delayOf(one, 8)).toBe('88');
    });

    test('an edit that the network loses is there at once, and arrives once', async () => {
      demos().wire.lose('flights');
      await setDelay(two, 10, 100);
      await row(two, 10).and(two.locator('[data-state=stored]')).waitFor();
      demos().wire.cut('flights');
      await eventually(() => delayOf(one, 10)).toBe('100');
      await settled(one, two);
    });

    test('the list holds all flights, of which those in sight are on the page', async () => {
      await one.getByText('5,000 flights', { exact: true }).waitFor();
      expect(await one.locator('[data-flight]').count()).toBeLessThan(80);
      await one.locator('.scroller').evaluate((list) => list.scrollTo({ top: list.scrollHeight }));
      await row(one, flightCount - 1).waitFor();
      await one.getByRole('button', { name: /^17 o’clock/ }).click();
      await one.getByLabel('Delay', { exact: true }).selectOption('Over an hour');
      await eventually(async () => {
        const shown = await one.locator('tbody tr[data-flight] td:nth-child(2)').allTextContents();
        return shown.length > 0 && shown.every((time) => time.startsWith('17:') || time === '18:00');
      }).toBe(true);
    });

    test('nobody but the database imports flights', async () => {
      const refusal = await two.evaluate(
        "import('/flights/client.ts').then(({ client }) => client.reducers.importFlights({ rows: [] })).catch(String)",
      );
      expect(refusal).toContain('Only the database itself imports flights.');
    });
  });

  return {
    demo: 'flights',
    pages: () => [one, two],
    whileAway: async () => {
      await setDelay(two, 11, 110);
      await row(two, 11).and(two.locator('[data-state=stored]')).waitFor();
    },
    afterwards: async () => {
      await settled(one, two);
      expect(await delayOf(two, 11)).toBe('110');
      await eventually(() => total(one)).toBe(await total(two));
    },
    rows: [all],
    moving: [],
  };
}
