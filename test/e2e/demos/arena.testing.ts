import type { Page } from 'playwright';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Demos, replica } from './demos.testing.ts';
import type { Story } from './story.testing.ts';
import { eventually, offline, settled } from './waits.testing.ts';

const courseOfRacer = "SELECT (vx > 1) - (vx < -1) AS x, (vy > 1) - (vy < -1) AS y FROM ship WHERE name = 'Racer'";
const aimOfRacer =
  "SELECT (aim.x > 0) - (aim.x < 0) AS x FROM aim JOIN ship ON ship.id = aim.ship WHERE name = 'Racer'";

export function arena(demos: () => Demos): Story {
  let racer: Page;
  let rival: Page;

  const figure = async (page: Page, name: string): Promise<number> =>
    Number(await page.locator(`[data-figure="${name}"]`).textContent());
  const onBoard = (page: Page, name: string) => page.locator('.leaders li', { hasText: name });
  const flies = async (page: Page): Promise<void> => {
    await page.getByText(/^Health \d/).waitFor();
    await page.locator('canvas').focus();
  };

  describe('the arena', () => {
    beforeAll(async () => {
      [racer, rival] = await demos().openTwo('/arena/', 'Racer', 'Rival');
      await Promise.all([flies(racer), flies(rival)]);
    });

    test.each(['100', '250'])(
      'at %s ms latency a ship obeys at once, and is not put right where nobody touches it',
      async (latency) => {
        await racer.getByLabel('Latency').fill(latency);
        await racer.locator('canvas').focus();
        await eventually(() => replica(racer, 'arena', courseOfRacer)).toEqual([{ x: 0, y: 0 }]);
        const before = await figure(racer, 'own corrections');
        const obeyed = await watchFirstMove(racer);
        await racer.keyboard.down('KeyD');
        // Long before an answer can be there.
        expect(await obeyed()).toBe('predicted');
        for (const key of ['KeyS', 'KeyA', 'KeyW']) {
          await racer.keyboard.down(key);
          await frames(racer, 24);
          await racer.keyboard.up(key);
        }
        await racer.keyboard.up('KeyD');
        await settled(racer);
        // Eight turns: on a busy machine each may be seen a few frames late and count as one. More come from the server.
        expect((await figure(racer, 'own corrections')) - before).toBeLessThanOrEqual(12);
        // Of the slowest of twenty frames, what the game itself took: a calm bound, since tests share the machine.
        expect(await figure(racer, 'work')).toBeLessThan(50);
        expect(await figure(racer, 'frames')).toBeGreaterThan(5);
      },
    );

    test('where one aims is to be seen by the other', async () => {
      await racer.locator('canvas').hover({ position: { x: 1_200, y: 300 } });
      await eventually(() => replica(rival, 'arena', aimOfRacer)).toEqual([{ x: 1 }]);
      await racer.locator('canvas').hover({ position: { x: 40, y: 300 } });
      await eventually(() => replica(rival, 'arena', aimOfRacer)).toEqual([{ x: -1 }]);
    });

    test('a course that the network loses is taken at once, and seen by the other when it is back', async () => {
      demos().wire.lose('arena');
      const obeyed = await watchFirstMove(racer);
      await racer.keyboard.down('ArrowLeft');
      expect(await obeyed()).toBe('predicted');
      demos().wire.cut('arena');
      await eventually(() => replica(rival, 'arena', courseOfRacer)).toEqual([{ x: -1, y: 0 }]);
      await racer.keyboard.up('ArrowLeft');
      await settled(racer, rival);
    });

    test('whoever goes offline leaves the arena, flies on alone, and is back with the network', async () => {
      await offline(rival).click();
      await onBoard(racer, 'Rival').waitFor({ state: 'detached' });
      await rival.getByText(/^Health \d/).waitFor();
      await offline(rival).click();
      await onBoard(racer, 'Rival').waitFor();
      await flies(rival);
      await settled(rival);
    });

    test('whoever reloads is there once', async () => {
      await rival.reload();
      await flies(rival);
      await onBoard(racer, 'Rival').waitFor();
      await settled(rival);
      expect(await onBoard(racer, 'Rival').count()).toBe(1);
      expect(await onBoard(racer, 'Racer').count()).toBe(1);
    });
  });

  return {
    demo: 'arena',
    pages: () => [racer, rival],
    whileAway: async () => {
      const obeyed = await watchFirstMove(racer);
      await racer.keyboard.down('ArrowDown');
      expect(await obeyed()).toBe('predicted');
      await racer.keyboard.up('ArrowDown');
    },
    afterwards: async () => {
      await Promise.all([flies(racer), flies(rival)]);
      for (const page of [racer, rival]) for (const name of ['Racer', 'Rival']) await onBoard(page, name).waitFor();
      await settled(racer, rival);
    },
    rows: [],
    moving: [
      { table: 'gem', columns: ['id', 'x', 'y'] },
      { table: 'pilot', columns: ['ship', 'name', 'score'] },
      { table: 'ship', columns: ['id', 'name', 'x', 'y', 'vx', 'vy', 'at_ms', 'health'] },
    ],
  };
}

/** How the first call that steers stands when it is in the rows. Resolves when it watches. */
async function watchFirstMove(page: Page): Promise<() => Promise<unknown>> {
  const watch = await page.evaluateHandle(`import('/arena/client.ts').then(({ client }) => ({
    moved: new Promise((resolve) => {
      const stop = client.onCall((call) => {
        if (call.reducer !== 'steer') return;
        stop();
        call.predicted.then(({ type }) => resolve(call.state === 'confirmed' ? 'late' : type));
      });
    }),
  }))`);
  return () => watch.evaluate((watched) => (watched as { readonly moved: Promise<unknown> }).moved);
}

/** So many of the page's frames. */
function frames(page: Page, count: number): Promise<void> {
  return page.evaluate(
    (wanted) =>
      new Promise<void>((resolve) => {
        let left = wanted;
        const next = (): void => {
          if (left-- === 0) resolve();
          else requestAnimationFrame(next);
        };
        next();
      }),
    count,
  );
}
