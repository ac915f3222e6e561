/**
 * The contract of prediction, held against itself taken literally (`schedule.testing.ts`).
 *
 * A long campaign: FORERUN_RECONCILE_RUNS=100000 npx vitest run worker/predict/reconcile.property.test.ts
 * A failure prints its seed and path; FORERUN_RECONCILE_SEED and FORERUN_RECONCILE_PATH run it again.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeStage, openStage, Run, type Stage, type Tally, schedule } from './schedule.testing.ts';

const numRuns = Number(process.env['FORERUN_RECONCILE_RUNS'] ?? 3_000);
const seed = Number(process.env['FORERUN_RECONCILE_SEED'] ?? 20_261_124);
const path = process.env['FORERUN_RECONCILE_PATH'];

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => closeStage(stage));

test('[PRE-1] [PRE-2] [PRE-8] [PRE-9] [PRE-16] [PRE-17] [LIV-1] selective replay, replay of everything and a fresh replica hold, tell and show in live queries the same', () => {
  const tally: Tally = {
    replayed: 0,
    kept: 0,
    rolledBack: 0,
    diverged: 0,
    confirmed: 0,
    outcomeChanges: 0,
    unpredicted: 0,
    snapshots: 0,
    emissions: 0,
  };
  fc.assert(
    fc.property(schedule, (each) => new Run(stage, tally).play(each)),
    { numRuns, seed, ...(path === undefined ? {} : { path, endOnFailure: true }) },
  );
  if (process.env['FORERUN_RECONCILE_RUNS'] !== undefined) console.log(tally);
  for (const [what, times] of Object.entries(tally)) expect(times, what).toBeGreaterThan(numRuns / 100);
}, 3_600_000);
