import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Demos, firstSight, replica, type Rows } from './demos.testing.ts';

const latencyMs = '300';
const flightCount = 5_000;
let demos: Demos;

// Machines that do much else at the time are slow, not wrong.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  demos = await Demos.start({ flights: flightCount });
});

afterAll(() => demos.remove());

/** A window whose client is live, on a slow network. */
async function openSlow(path: string): Promise<Page> {
  const page = await demos.open(path);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByLabel('Latency').fill(latencyMs);
  return page;
}

const offline = (page: Page) => page.getByRole('switch', { name: 'Offline' });

async function settled(...pages: Page[]): Promise<void> {
  for (const page of pages) {
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('[data-count=pending]', { hasText: /^0$/ }).waitFor();
  }
}

/** Left by the last test of each demo for the comparison with what the authority stores. */
const left: { people: Rows; messages: Rows; flights: Rows } = { people: [], messages: [], flights: [] };

const people = 'SELECT hex(identity) AS identity, name FROM user ORDER BY identity';
const messages = 'SELECT hex(sender) AS sender, sent, text FROM message ORDER BY sent, sender, text';
const flights = 'SELECT id, delay, distance, time, hour, note FROM flight ORDER BY id';

describe('the chat', () => {
  let ada: Page;
  let bob: Page;

  const say = async (page: Page, text: string): Promise<void> => {
    await page.getByLabel('Message', { exact: true }).fill(text);
    await page.keyboard.press('Enter');
  };
  const takeName = async (page: Page, name: string): Promise<void> => {
    await page.getByLabel('Your name').fill(name);
    await page.keyboard.press('Enter');
  };

  beforeAll(async () => {
    [ada, bob] = await Promise.all([openSlow('/chat/'), openSlow('/chat/')]);
  });

  test('a message is there at once for who wrote it, as pending, and later for the other', async () => {
    const own = firstSight(ada, '.message', 'Good morning');
    const other = firstSight(bob, '.message', 'Good morning');
    await say(ada, 'Good morning');
    expect((await own).state).toBe('pending');
    expect((await other).state).toBe('confirmed');
    expect((await other).at).toBeGreaterThan((await own).at);
    await ada.locator('.message[data-state=confirmed]', { hasText: 'Good morning' }).waitFor();
  });

  test('messages written offline arrive when the network is back, once and in order', async () => {
    await offline(ada).click();
    for (const text of ['one', 'two', 'three']) await say(ada, text);
    await ada.locator('.message[data-state=pending]', { hasText: 'three' }).waitFor();
    await offline(ada).click();
    await bob.getByText('three', { exact: true }).waitFor();
    const texts = (await replica(bob, 'chat', messages)).map(({ text }) => text);
    expect(texts.slice(-3)).toEqual(['one', 'two', 'three']);
  });

  test('what the authority rejects is taken back, with the reason', async () => {
    await offline(bob).click();
    await takeName(bob, 'Ada');
    await bob.locator('.people li', { hasText: 'Ada (you)' }).waitFor();
    await takeName(ada, 'Ada');
    await settled(ada);
    await offline(bob).click();
    await bob.getByText('Ada is taken.').waitFor();
    await settled(bob);
    expect(await bob.locator('.people li', { hasText: 'Ada' }).allTextContents()).toEqual(['Ada']);
    expect(await bob.getByLabel('Your name').inputValue()).toBe('');
  });

  test('a message that the reducer refuses says why, and can be put aside', async () => {
    await say(ada, ' ');
    await ada.getByText('Not sent: There is nothing to send.').waitFor();
    await settled(ada);
    await ada.getByRole('button', { name: 'Dismiss' }).click();
    expect(await ada.getByText('Not sent').count()).toBe(0);
    expect(await bob.getByText('Not sent').count()).toBe(0);
  });

  test('in the end both replicas hold the same rows', async () => {
    await settled(ada, bob);
    for (const sql of [people, messages])
      expect(await replica(ada, 'chat', sql)).toEqual(await replica(bob, 'chat', sql));
    left.people = await replica(ada, 'chat', people);
    left.messages = await replica(ada, 'chat', messages);
    expect(left.messages).toHaveLength(4);
    expect(left.people).toHaveLength(2);
  });
});

describe('the flights', () => {
  let one: Page;
  let two: Page;

  const row = (page: Page, id: number) => page.locator(`[data-flight="${id}"]`);
  const setDelay = async (page: Page, id: number, delay: number): Promise<void> => {
    await page.getByLabel(`Delay of flight ${id}`, { exact: true }).fill(String(delay));
    await page.keyboard.press('Enter');
  };
  const delayOf = (page: Page, id: number) => page.getByLabel(`Delay of flight ${id}`, { exact: true }).inputValue();
  const total = (page: Page) => page.locator('[data-figure="All delays together"]').textContent();

  beforeAll(async () => {
    [one, two] = await Promise.all([openSlow('/flights/'), openSlow('/flights/')]);
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
    await settled(one);
    expect(await replica(one, 'flights', 'SELECT note FROM flight WHERE id = 9')).toEqual([{ note: 'Diverted' }]);
    await expect.poll(() => two.getByLabel('Note on flight 9', { exact: true }).inputValue()).toBe('Diverted');
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
    await expect.poll(() => delayOf(two, 8)).toBe('88');
    await settled(two);
    await expect.poll(() => delayOf(one, 8)).toBe('88');
  });

  test('the list holds all flights, of which those in sight are on the page', async () => {
    await one.getByText('5,000 flights', { exact: true }).waitFor();
    expect(await one.locator('[data-flight]').count()).toBeLessThan(80);
    await one.locator('.scroller').evaluate((list) => list.scrollTo({ top: list.scrollHeight }));
    await row(one, flightCount - 1).waitFor();
    await one.getByRole('button', { name: /^17 o’clock/ }).click();
    await one.getByLabel('Delay', { exact: true }).selectOption('Over an hour');
    await expect
      .poll(async () => {
        const shown = await one.locator('tbody tr[data-flight] td:nth-child(2)').allTextContents();
        return shown.length > 0 && shown.every((time) => time.startsWith('17:') || time === '18:00');
      })
      .toBe(true);
  });

  test('nobody but the database imports flights', async () => {
    const refusal = await two.evaluate(
      "import('/flights/client.ts').then(({ client }) => client.reducers.importFlights({ rows: [] })).catch(String)",
    );
    expect(refusal).toContain('Only the database itself imports flights.');
  });

  test('in the end both replicas hold the same rows', async () => {
    await settled(one, two);
    left.flights = await replica(one, 'flights', flights);
    expect(left.flights).toHaveLength(flightCount);
    expect(await replica(two, 'flights', flights)).toEqual(left.flights);
  });
});

describe.each(['light', 'dark'] as const)('assistive technology, in the %s scheme,', (colorScheme) => {
  test.each(['/', '/arena/', '/pad/', '/flights/', '/chat/'])(
    'finds nothing serious to stumble over on %s',
    async (path) => {
      const page = await demos.open(path, { colorScheme });
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (path !== '/') await page.getByText('Live', { exact: true }).waitFor();
      await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') });
      const found: { violations: { id: string; impact: string; nodes: { html: string }[] }[] } =
        await page.evaluate('axe.run()');
      const grave = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      expect(grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      await page.context().close();
    },
  );
});

test('nothing went wrong in any page', () => {
  expect(demos.pageErrors).toEqual([]);
});

test('what the authority has stored is what the replicas held, row for row', async () => {
  await demos.stop();
  expect(demos.stored('flights', flights)).toEqual(left.flights);
  expect(demos.stored('chat', messages)).toEqual(left.messages);
  const everyone = demos.stored('chat', people);
  // Those who looked in after the last comparison are there as well.
  expect(everyone).toEqual(expect.arrayContaining([...left.people]));
  expect(demos.stored('chat', 'SELECT count(*) AS online FROM user WHERE online')).toEqual([{ online: 0 }]);
});
