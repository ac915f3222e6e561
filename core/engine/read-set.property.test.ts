import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendered } from '../codec/rendered.testing.ts';
import type { RowChange } from '../commit/row-change.ts';
import { Bench, contents, tinyLimits } from './engine.testing.ts';
import type { Execution } from './execute.ts';
import { arbitrarySteps, arbitraryStepTypes, runSteps, type Step, workloadTables } from './workload.testing.ts';

/**
 * Calls that make some rows, a call, and what others do in its place. Values of autoInc columns are left out: they
 * follow from who asks, not from the rows.
 */
const worlds = fc.tuple(arbitraryStepTypes, arbitraryStepTypes).chain(([some, more]) =>
  fc.record({
    before: fc.array(arbitrarySteps(6, [...some, 'insertItem', 'insertUser']), { minLength: 1, maxLength: 3 }),
    steps: arbitrarySteps(4, some),
    others: arbitrarySteps(4, [...some, ...more]),
  }),
);

function run(bench: Bench<typeof workloadTables>, steps: readonly Step[]): { execution: Execution; text: string } {
  let seen: readonly string[] = [];
  const execution = bench.execute(
    (ctx) => {
      seen = runSteps(ctx, steps);
    },
    { callId: 1 },
  );
  const told = execution.type === 'rejected' ? execution.rejection : changesOf(execution);
  return { execution, text: rendered({ told, seen }) };
}

const changesOf = (execution: Execution): readonly RowChange[] =>
  execution.type === 'committed' ? execution.changes : [];

/** Whether the law lets these changes alter what the run did. */
function isTouched(execution: Execution, changes: readonly RowChange[]): boolean {
  const written = new Set(changesOf(execution).map(({ tableId, key }) => `${tableId} ${key}`));
  return changes.some(
    (change) => execution.reads?.sees(change) === true || written.has(`${change.tableId} ${change.key}`),
  );
}

describe('a read set', () => {
  it('[ENG-12] that sees none of some changes belongs to a call that does the same after them as before', async () => {
    let untouched = 0;
    let touched = 0;
    await fc.assert(
      fc.asyncProperty(worlds, async ({ before, steps, others }) => {
        const bench = await Bench.open(workloadTables, { recordReads: true, limits: tinyLimits });
        for (const each of before) run(bench, each);
        const first = run(bench, steps);
        const rows = contents(bench.engine, rendered);
        bench.engine.rollBack(changesOf(first.execution));
        const foreign = changesOf(run(bench, others).execution);
        if (isTouched(first.execution, foreign)) touched++;
        else {
          if (foreign.length > 0) untouched++;
          const second = run(bench, steps);
          expect(second.text).toBe(first.text);
          // And the other way round: without the foreign changes, the rows are those of the first run.
          bench.engine.rollBack(foreign);
          expect(contents(bench.engine, rendered)).toEqual(rows);
        }
        bench.engine.close();
      }),
      { numRuns: 500 },
    );
    expect(untouched).toBeGreaterThan(30);
    expect(touched).toBeGreaterThan(10);
  });

  it('[ENG-12] holds keys that were looked for in vain, and ranges that were empty', async () => {
    const bench = await Bench.open(workloadTables, { recordReads: true });
    const reads = (body: Parameters<typeof bench.execute>[0]) => bench.execute(body).reads;
    const change = bench.run((ctx) => ctx.db.item.insert({ id: 1, group: 2, score: 3 }))[0] as RowChange;
    expect(reads((ctx) => ctx.db.item.id.find(1))?.sees(change)).toBe(true);
    expect(reads((ctx) => ctx.db.item.id.find(2))?.sees(change)).toBe(false);
    expect(reads((ctx) => ctx.db.item.id.delete(1))?.sees(change)).toBe(true);
    bench.run((ctx) => ctx.db.item.clear());
    expect(reads((ctx) => ctx.db.item.id.find(1))?.sees(change)).toBe(true);
    expect(reads((ctx) => ctx.db.item.group.filter(2))?.sees(change)).toBe(true);
    expect(reads((ctx) => ctx.db.item.group.filter(3))?.sees(change)).toBe(false);
    expect(reads((ctx) => ctx.db.item.groupScore.filter(2))?.sees(change)).toBe(true);
    expect(reads((ctx) => ctx.db.item.groupScore.filter([2, 4]))?.sees(change)).toBe(false);
    expect(reads((ctx) => ctx.db.item.count())?.sees(change)).toBe(true);
    expect(reads((ctx) => ctx.db.item.iter())?.sees(change)).toBe(true);
    expect(reads((ctx) => ctx.db.label.iter())?.sees(change)).toBe(false);
    // A count doesn't see a row change into another.
    const moved = { ...change, before: { id: 1, group: 1, score: 3 } };
    expect(reads((ctx) => ctx.db.item.count())?.sees(moved)).toBe(false);
    // A row that leaves a range is seen as one that enters it is.
    expect(reads((ctx) => ctx.db.item.group.filter(1))?.sees(moved)).toBe(true);
    bench.engine.close();
  });

  it('is there for calls that were refused, too, and only when it was asked for', async () => {
    const bench = await Bench.open(workloadTables, { recordReads: true });
    const refused = bench.execute((ctx) => {
      ctx.db.item.id.find(5);
      throw new Error('no');
    });
    expect(refused.reads?.pointKeys).toEqual([5]);
    const without = await Bench.open(workloadTables);
    expect(without.execute((ctx) => ctx.db.item.id.find(5)).reads).toBeUndefined();
    bench.engine.close();
    without.engine.close();
  });
});
