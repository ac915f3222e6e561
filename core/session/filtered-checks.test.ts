/** Counting what queries hold of a table, while its rows change between one page and the next. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Home } from '../authority/home.testing.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import type { CheckMessage } from '../protocol/messages.ts';
import { parseQuery } from '../query/parse.ts';
import { TableHash } from '../replica/state-hash.ts';
import { FilteredChecks } from './filtered-checks.ts';
import { SharedQueries } from './shared-query.ts';

const thing = table({ public: true }, { id: t.u32().primaryKey(), room: t.u32().index(), size: t.u32() });
const house = schema({ thing });
const fill = house.reducer({ from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
  for (let id = from; id < to; id++) ctx.db.thing.insert({ id, room: id % 3, size: id % 7 });
});
const put = house.reducer({ id: t.u32(), room: t.u32(), size: t.u32() }, (ctx, row) => {
  if (ctx.db.thing.id.find(row.id) === null) ctx.db.thing.insert(row);
  else ctx.db.thing.id.update(row);
});
const take = house.reducer({ id: t.u32() }, (ctx, { id }) => void ctx.db.thing.id.delete(id));

const rowCount = 1_800;
const step = fc.oneof(
  fc.record({
    reducer: fc.constant('put' as const),
    args: fc.record({
      id: fc.integer({ min: 0, max: rowCount + 200 }),
      room: fc.integer({ min: 0, max: 3 }),
      size: fc.integer({ min: 0, max: 9 }),
    }),
  }),
  fc.record({
    reducer: fc.constant('take' as const),
    args: fc.record({ id: fc.integer({ min: 0, max: rowCount }) }),
  }),
  fc.constantFrom('go on' as const, 'go on' as const, 'make durable' as const),
  fc.constant('go on' as const),
);

/** Each with the rows that it holds. */
const queries: readonly (readonly [string, (row: { room: number; size: number }) => boolean])[] = [
  ['SELECT * FROM thing WHERE room = 1', ({ room }) => room === 1],
  ['SELECT * FROM thing WHERE size > 4', ({ size }) => size > 4],
];

test('[HSH-6] a count that is told is of the rows that the queries hold as of the last durable batch', async () => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
      const home = await Home.open({ default: house, fill, put, take });
      const { authority, time } = home;
      const shared = new SharedQueries(authority.engine);
      const plus = queries.map(([sql]) =>
        shared.take({
          branches: [parseQuery(sql, authority.definition, { isVisible: () => true })],
          isRestricted: false,
        }),
      );
      const checks: CheckMessage[] = [];
      const session = { checkedQueries: () => plus, send: (message: CheckMessage) => void checks.push(message) };
      const later: (() => void)[] = [];
      const after = (_ms: number, task: () => void) => {
        later.push(task);
        return () => {};
      };
      const environment = { ...home.environment, scheduler: { ...home.environment.scheduler, after } };
      const filtered = new FilteredChecks({ authority, environment, sessions: () => [session] });
      authority.listen({
        durable: (batch) => {
          filtered.durable(batch);
          filtered.distributed();
        },
        unavailable: () => filtered.clear(),
      });
      const caller = home.client(1);
      let callId = 0;
      home.call(caller, ++callId, 'fill', { from: 0, to: rowCount });
      await time.settle();
      home.log.isHeld = true;
      filtered.tick();
      for (const each of steps) {
        if (each === 'go on') later.shift()?.();
        else if (each === 'make durable') {
          home.log.letGo();
          await time.settle();
        } else home.call(caller, ++callId, each.reducer, each.args);
        await time.settle();
        while (checks.length > 0) {
          told++;
          expect(checks.shift()).toEqual(naive(home));
        }
        filtered.tick();
      }
      authority.engine.close();
    }),
    { numRuns: 50, seed: 20_261_124 },
  );
  expect(told).toBeGreaterThan(20);
});

/** Rows as the log has them. */
function naive(home: Home): CheckMessage {
  const { authority } = home;
  const rows = new Map<unknown, { room: number; size: number }>();
  for (const { commits } of home.told) {
    for (const { changes } of commits) {
      for (const { key, after } of changes) {
        if (after === undefined) rows.delete(key);
        else rows.set(key, after as { room: number; size: number });
      }
    }
  }
  const hash = new TableHash(authority.engine.shape(0));
  const held = [...rows.values()].filter((row) => queries.some(([, holds]) => holds(row)));
  hash.page(held, undefined, authority.durableSeq);
  hash.reached(authority.durableSeq);
  return {
    type: 'check',
    seq: authority.durableSeq,
    tables: [{ tableId: 0, ...(hash.asOf(authority.durableSeq) ?? { rows: 0, sum: 0n }) }],
  };
}
