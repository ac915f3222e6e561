import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendered } from '../codec/rendered.testing.ts';
import type { CallId, Rejection, Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import { Bench, contents, testClientId } from '../engine/engine.testing.ts';
import { arbitrarySteps, runSteps, type Step, workloadTables } from '../engine/workload.testing.ts';
import { Identity } from '../value/identity.ts';
import { newBatchWriters, OpenBatch } from './batch.ts';
import { ClientRecord } from './clients.ts';

const calls = fc.array(arbitrarySteps(6), { minLength: 1, maxLength: 8 });
const rejection: Rejection = { code: 'call-rejected', message: 'no' };

type World = Bench<typeof workloadTables>;

/** Runs each call and puts what came of it into the batch; gives the changes of those that made any. */
function fill(bench: World, batch: OpenBatch, client: ClientRecord, list: readonly (readonly Step[])[]): RowChange[][] {
  const committed: RowChange[][] = [];
  for (const steps of list) {
    const callId = (client.lastCallId + 1) as CallId;
    const execution = bench.execute((ctx) => void runSteps(ctx, steps));
    if (execution.type !== 'committed') batch.reject(client, callId, rejection);
    else if (execution.changes.length === 0) batch.unchanged(client, callId);
    else {
      batch.commit(bench.engine, client, callId, 1_000 + callId, execution.changes);
      committed.push([...execution.changes]);
    }
  }
  return committed;
}

describe('a batch', () => {
  it('has the changes of its calls, with the rows before and after them', async () => {
    await fc.assert(
      fc.asyncProperty(calls, calls, async (earlier, list) => {
        const bench = await Bench.open(workloadTables);
        const client = new ClientRecord(1, testClientId, new Identity(1n));
        const writers = newBatchWriters();
        fill(bench, new OpenBatch(1 as Seq, 0, writers), client, earlier);
        const batch = new OpenBatch(50 as Seq, 500, writers);
        const committed = fill(bench, batch, client, list);
        const { log, durable } = batch.seal(7, bench.engine);
        expect(durable.commits).toBe(durable.commits);
        durable.announced();
        // The writers serve later batches.
        fill(bench, new OpenBatch(90 as Seq, 0, writers), client, earlier);
        expect(log).toMatchObject({ number: 7, firstSeq: 50, commitCount: committed.length });
        expect(durable.lastSeq).toBe(49 + committed.length);
        expect(rendered(durable.commits.map(({ changes }) => changes))).toBe(rendered(committed));
        expect(durable.commits.map(({ seq }) => seq)).toEqual(committed.map((_, i) => 50 + i));
        expect(durable.calls.outcomesOf(client).map(({ callId }) => callId)).toEqual(
          list.map((_, i) => earlier.length + i + 1),
        );
        bench.engine.close();
      }),
      { numRuns: 40 },
    );
  });

  it('[AUT-4] that is lost takes back exactly what its calls did', async () => {
    await fc.assert(
      fc.asyncProperty(calls, calls, async (earlier, list) => {
        const bench = await Bench.open(workloadTables);
        const client = new ClientRecord(1, testClientId, new Identity(1n));
        fill(bench, new OpenBatch(1 as Seq, 0, newBatchWriters()), client, earlier);
        const before = [contents(bench.engine, rendered), client.snapshot()];
        const batch = new OpenBatch(50 as Seq, 500, newBatchWriters());
        fill(bench, batch, client, list);
        batch.undo(bench.engine);
        expect([contents(bench.engine, rendered), client.snapshot()]).toEqual(before);
        bench.engine.close();
      }),
      { numRuns: 40 },
    );
  });
});
