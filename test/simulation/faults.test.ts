/** The simulator against deliberate mistakes (`faults.ts`): it finds each, and finds nothing when there is none. */

import { describe, expect, test } from 'vitest';
import { faults } from './faults.ts';
import { simulate } from './world.ts';

const seedsMax = 300;

/** What the first world that notices says. */
async function firstFailure(): Promise<string | undefined> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      await simulate(seed);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return undefined;
}

describe('the simulator finds that', () => {
  test.for(faults)('$name', { timeout: 120_000 }, async ({ make }) => {
    const putRight = make();
    try {
      expect(await firstFailure()).toMatch(/^seed \d+: /);
    } finally {
      putRight();
    }
  });
});
