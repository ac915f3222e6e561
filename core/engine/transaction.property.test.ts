import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendered } from '../codec/rendered.testing.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { StoreLimits } from './table-store.ts';
import { Bench, contents, tinyLimits } from './engine.testing.ts';
import type { Execution } from './execute.ts';
import { arbitrarySteps, runSteps, type Step, workloadTables } from './workload.testing.ts';

const calls = fc.array(arbitrarySteps(8), { minLength: 1, maxLength: 8 });
const bounds = fc.constantFrom<StoreLimits | undefined>(undefined, tinyLimits, { cachedRowsMax: 0, dirtyRowsMax: 1 });

type World = Bench<typeof workloadTables>;

const open = (limits: StoreLimits | undefined): Promise<World> =>
  Bench.open(workloadTables, limits === undefined ? {} : { limits });
const rows = (bench: World) => contents(bench.engine, rendered);
const counts = (bench: World) => bench.engine.stores.map((store) => store.count);

/** All that a call did and saw, but the cause of a refusal. */
function run(bench: World, steps: readonly Step[]): { execution: Execution; text: string } {
  let seen: readonly string[] = [];
  const execution = bench.execute((ctx) => {
    seen = runSteps(ctx, steps);
  });
  return {
    execution,
    text: rendered({ told: execution.type === 'rejected' ? execution.rejection : changesOf(execution), seen }),
  };
}

const changesOf = (execution: Execution): readonly RowChange[] =>
  execution.type === 'committed' ? execution.changes : [];

describe('a call', () => {
  it('[ENG-1] that throws leaves every table exactly as it was, whatever it had done', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, calls, arbitrarySteps(12), async (limits, before, steps) => {
        const bench = await open(limits);
        for (const each of before) run(bench, each);
        const [rowsBefore, countsBefore] = [rows(bench), counts(bench)];
        const execution = bench.execute((ctx) => {
          runSteps(ctx, steps);
          throw new Error('after all that');
        });
        expect(execution).toMatchObject({ type: 'rejected' });
        expect(counts(bench)).toEqual(countsBefore);
        expect(rows(bench)).toEqual(rowsBefore);
        bench.engine.close();
      }),
    );
  });

  it('[ENG-8] has one change per key, from its first before to its last after, and none for a row that came back', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, calls, async (limits, list) => {
        const bench = await open(limits);
        for (const steps of list) {
          const before = bench.engine.stores.map(
            (store) =>
              new Map(bench.engine.rows(store.shape.table.tableId).map((row) => [store.shape.keyOf(row), row])),
          );
          const kept = changesOf(run(bench, steps).execution).filter(
            ({ tableId }) => !bench.engine.shape(tableId).table.event,
          );
          expect(new Set(kept.map(({ tableId, key }) => `${tableId} ${typeof key} ${key}`)).size).toBe(kept.length);
          for (const change of kept) {
            expect(rendered(change.before)).toBe(rendered(before[change.tableId]?.get(change.key)));
            expect(rendered(change.after)).toBe(rendered(bench.engine.row(change.tableId, change.key)));
            expect(rendered(change.after)).not.toBe(rendered(change.before));
            const table = before[change.tableId];
            if (change.after === undefined) table?.delete(change.key);
            else table?.set(change.key, change.after);
          }
          // What is in no change has not changed.
          for (const [tableId, table] of before.entries()) {
            expect(bench.engine.rows(tableId).map(rendered).sort()).toEqual([...table.values()].map(rendered).sort());
          }
        }
        bench.engine.close();
      }),
    );
  });

  it('[ENG-9] is taken back by its write set, the newest call first', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, calls, async (limits, list) => {
        const bench = await open(limits);
        const states = [rows(bench)];
        const writeSets: (readonly RowChange[])[] = [];
        for (const steps of list) {
          writeSets.push(changesOf(run(bench, steps).execution));
          states.push(rows(bench));
        }
        while (writeSets.length > 0) {
          expect(rows(bench)).toEqual(states.pop());
          bench.engine.rollBack(writeSets.pop() ?? []);
        }
        expect(rows(bench)).toEqual(states.pop());
        expect(counts(bench)).toEqual([0, 0, 0, 0, 0]);
        bench.engine.close();
      }),
    );
  });

  it('[DET-1] [ENG-11] [COM-6] does and sees the same on every engine, however little it caches, and its changes say all of it', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, bounds, calls, async (some, others, list) => {
        const [one, other, replica] = [await open(some), await open(others), await open(some)];
        for (const steps of list) {
          const { execution, text } = run(one, steps);
          expect(run(other, steps).text).toBe(text);
          replica.engine.apply(changesOf(execution));
          // Once more: rows that contain the changes already are not changed by them.
          replica.engine.apply(changesOf(execution));
        }
        expect(rows(other)).toEqual(rows(one));
        expect(rows(replica)).toEqual(rows(one));
        expect(counts(replica)).toEqual(counts(one));
        for (const bench of [one, other, replica]) bench.engine.close();
      }),
    );
  });
});
