/** What a page is told, counted where an app hears it: each change once, none for what has not changed, and no frame in between. */

import { expect, onTestFinished, test } from 'vitest';
import type { CallId, Seq } from '../../core/commit/call.ts';
import { Statement } from '../../core/engine/database.ts';
import { Engine } from '../../core/engine/engine.ts';
import { defineModule } from '../../core/module/module.ts';
import { Identity } from '../../core/value/identity.ts';
import { clientIdOf } from '../../core/authority/home.testing.ts';
import { Desk, deskModule, type Seat } from '../desk.testing.ts';
import { ClientIds } from './client-ids.ts';
import { Predictor } from './predictor.ts';

/** Two clients with a row, the first of them far away. */
async function pair(): Promise<{ desk: Desk; far: Seat; near: Seat }> {
  const desk = await Desk.open();
  const [far, near] = [await desk.seat(), await desk.seat()];
  near.client.reducers.put({ id: 1, text: 'one' });
  await desk.time.advance(50);
  far.client.simulate({ latencyMs: 400 });
  return { desk, far, near };
}

/** Every result that live queries of both kinds have shown. */
function frames({ client }: Seat): { readonly built: unknown[]; readonly sql: unknown[] } {
  const built: unknown[] = [];
  const sql: unknown[] = [];
  const items = client.live(client.tables.item);
  const counts = client.live('SELECT id, text, count FROM item ORDER BY id');
  items.subscribe(() => built.push(items.rows));
  counts.subscribe(() => sql.push(counts.rows));
  return { built, sql };
}

test('[PRE-3] [LIV-2] a call is shown once, with its prediction, and not again when it is confirmed', async () => {
  const { desk, far } = await pair();
  const shown = frames(far);
  await desk.time.advance(20);
  const before = shown.built.length;
  far.client.reducers.bump({ id: 1 });
  const [inserted] = [far.client.reducers.write({ text: 'note' })];
  await desk.time.advance(2_000);
  expect(inserted?.state).toBe('confirmed');
  const rows = [{ id: 1, text: 'one', count: 1 }];
  expect(shown.built.slice(before)).toEqual([rows]);
  expect(shown.sql.slice(before)).toEqual([rows]);
});

test('[PRE-8] a row that is rolled back and comes back equal is told to no live query', async () => {
  const { desk, far, near } = await pair();
  far.client.reducers.put({ id: 1, text: 'mine' });
  await desk.time.advance(20);
  const shown = frames(far);
  await desk.time.advance(20);
  const before = shown.built.length;
  let changes = 0;
  far.client.tables.item.onUpdate(() => changes++);
  // It touches the call, which runs again and writes the same.
  near.client.reducers.bump({ id: 1 });
  await desk.time.advance(300);
  expect(far.client.counters).toMatchObject({ rolledBack: 1, replayed: 1 });
  expect([shown.built.length - before, shown.sql.length - before, changes]).toEqual([0, 0, 0]);
});

test('[PRE-9] [LIV-1] what pending calls and the commits of others make together is shown without a frame in between', async () => {
  const { desk, far, near } = await pair();
  const shown = frames(far);
  await desk.time.advance(20);
  for (let i = 0; i < 5; i++) far.client.reducers.bump({ id: 1 });
  for (let i = 0; i < 5; i++) {
    near.client.reducers.bump({ id: 1 });
    await desk.time.advance(30);
  }
  await desk.time.advance(3_000);
  const counts = shown.built.map((rows) => (rows as readonly { readonly count: number }[])[0]?.count);
  // From what there was up to all ten, one at a time, and never back.
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(shown.sql).toEqual(shown.built);
});

test('[PRE-3] a call that was predicted right is confirmed without a statement of SQL', async () => {
  const definition = defineModule(deskModule);
  const ids = new ClientIds();
  const engine = await Engine.open({ definition, ids, recordReads: true });
  onTestFinished(() => engine.close());
  const predictor = new Predictor(engine, ids);
  const predicted = ['put', 'bump', 'tally'].map((accessor, i) => {
    const call = {
      clientId: clientIdOf(1),
      callId: (i + 1) as CallId,
      reducerId: definition.reducers.findIndex((reducer) => reducer.accessor === accessor),
      args: { id: accessor === 'tally' ? 2 : 1, text: 'one' },
      timestampMicros: i,
      proposedMicros: i,
      sender: Identity.zero(),
      connectionId: null,
      idHints: [],
    };
    return predictor.predict(call, undefined);
  });
  let statements = 0;
  for (const method of ['run', 'get', 'all', 'rows'] as const) {
    const original: (...args: never) => unknown = Statement.prototype[method];
    Object.assign(Statement.prototype, {
      [method]: function (this: Statement, ...args: never) {
        statements++;
        return original.apply(this, args);
      },
    });
    onTestFinished(() => void Object.assign(Statement.prototype, { [method]: original }));
  }
  for (const [i, { pending, changes }] of predicted.entries()) {
    const seq = (i + 1) as Seq;
    const { callId } = pending.call;
    // As they come over the wire: other objects.
    const commit = {
      seq,
      timestampMicros: 0,
      ownCallId: callId,
      changes: changes.map((each) => ({ ...each, after: each.after && { ...each.after } })),
    };
    const { settled, changes: told } = predictor.reconcile(seq, [commit], [{ type: 'committed', callId, seq }]);
    expect(settled).toMatchObject([{ asPredicted: true }]);
    expect(told).toEqual([]);
  }
  expect(statements).toBe(0);
  engine.select('SELECT * FROM item');
  expect(statements).toBeGreaterThan(0);
});
