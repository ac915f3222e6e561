/** The worlds of the first seeds. `npm run simulate` runs as many more as there is time for. */

import { expect, test } from 'vitest';
import { simulate } from './world.ts';

const seeds = 300;
const perTest = 50;

/** So that a run of worlds in which nothing happened is noticed. */
const happened: Record<string, number> = {};

test.for(Array.from({ length: seeds / perTest }, (_, i) => 1 + i * perTest))(
  '[PRE-1] [EXO-1] [EXO-2] [EXO-7] [EXO-8] [OFF-2] [EVT-2] [COM-1] [AUT-10] the worlds from seed %i on come to rest in agreement',
  { timeout: 180_000 },
  async (from) => {
    for (let seed = from; seed < from + perTest; seed++) {
      const { stats } = await simulate(seed);
      for (const [what, times] of Object.entries(stats)) happened[what] = (happened[what] ?? 0) + Number(times);
    }
  },
);

test('in them everything happens that is to be lived through', () => {
  for (const [what, times] of Object.entries(happened)) expect(times, what).toBeGreaterThan(0);
});

test('a world is the same each time', async () => {
  expect((await simulate(7)).hash).toBe((await simulate(7)).hash);
});
