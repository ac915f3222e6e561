/** A client with an older version of the module, at an authority whose module has everything of it in other places. */

import { schema, t, table } from 'forerun';
import { expect, test } from 'vitest';
import type { ModuleExports } from '../../core/module/module.ts';
import { Desk, type Seat } from '../desk.testing.ts';
import { memoryStore } from './store.ts';

/** `isNewer`: tables and reducers come before, between and after those that both have. */
function version(isNewer: boolean): ModuleExports {
  const item = table({ name: 'item', public: true }, { id: t.u32().primaryKey(), text: t.string() });
  const note = table({ name: 'note', public: true }, { id: t.u64().primaryKey().autoInc(), text: t.string() });
  const cursor = table(
    { name: 'cursor', public: true, ephemeral: true },
    { who: t.identity().primaryKey(), x: t.u32() },
  );
  const ping = table({ name: 'ping', public: true, event: true }, { text: t.string() });
  const first = table({ name: 'first', public: true }, { id: t.u64().primaryKey().autoInc() });
  const secret = table({ name: 'secret' }, { id: t.u32().primaryKey() });
  const both = { item, note, cursor, ping };
  // What comes besides is none of the reducers' business.
  const app = schema(isNewer ? ({ first, cursor, ping, secret, note, item } as typeof both) : both);
  const common = {
    put: app.reducer({ id: t.u32(), text: t.string() }, (ctx, row) => void ctx.db.item.insert(row)),
    write: app.reducer({ text: t.string() }, (ctx, { text }) => void ctx.db.note.insert({ id: 0n, text })),
    point: app.reducer({ x: t.u32() }, (ctx, { x }) => {
      ctx.db.cursor.who.delete(ctx.sender);
      ctx.db.cursor.insert({ who: ctx.sender, x });
    }),
    shout: app.reducer({ text: t.string() }, (ctx, { text }) => void ctx.db.ping.insert({ text })),
  };
  if (!isNewer) return { default: app, ...common };
  return {
    default: app,
    ...common,
    aFirst: app.reducer(() => {}),
    remove: app.reducer(() => {}),
    zeta: app.reducer(() => {}),
  };
}

const rows = (seat: Seat, sql: string): readonly unknown[] => {
  const live = seat.client.live(sql);
  const { rows: found } = live;
  live.close();
  return found;
};
const call = (seat: Seat, reducer: string, args: object) =>
  (seat.client.reducers as unknown as Record<string, (args: object) => ReturnType<Seat['client']['reducers']['put']>>)[
    reducer
  ]?.(args);

test('[MCH-5] goes on: rows, calls, leases, events and checks are each of the table that they are of', async () => {
  const desk = await Desk.open(version(true));
  const store = memoryStore();
  const older = await desk.seat({ module: version(false), store });
  const newer = await desk.seat({ module: version(true) });
  await desk.time.advance(1_000);
  expect(older.client.status).toMatchObject({
    type: 'live',
    ready: true,
    otherModule: expect.stringMatching(/'first' is new.*'a_first' is new.*'remove' is new.*'zeta' is new/),
  });
  expect(newer.client.status).toMatchObject({ type: 'live', otherModule: undefined });

  const shouts: unknown[] = [];
  (older.client.tables as unknown as Record<string, { onInsert: (listener: (row: unknown) => void) => void }>)[
    'ping'
  ]?.onInsert((row) => shouts.push(row));
  const calls = [
    call(older, 'put', { id: 1, text: 'older' }),
    call(older, 'write', { text: 'older' }),
    call(older, 'point', { x: 1 }),
    call(newer, 'put', { id: 2, text: 'newer' }),
    call(newer, 'write', { text: 'newer' }),
    call(newer, 'point', { x: 2 }),
    call(newer, 'shout', { text: 'newer' }),
  ];
  await desk.time.advance(1_000);
  for (const each of calls) expect(await each).toMatchObject({ asPredicted: true });
  expect(shouts).toEqual([{ text: 'newer' }]);
  for (const sql of [
    'SELECT * FROM item ORDER BY id',
    'SELECT text FROM note ORDER BY id',
    'SELECT x FROM cursor ORDER BY x',
  ]) {
    expect(rows(older, sql)).toHaveLength(2);
    expect(rows(older, sql)).toEqual(rows(newer, sql));
  }
  // Time for the authority to have the rows compared with its own.
  await desk.time.advance(60_000);

  // It comes back with its position, and makes up for what it missed.
  older.isReachable = false;
  older.cut();
  await desk.time.advance(1);
  call(newer, 'put', { id: 3, text: 'meanwhile' });
  call(older, 'put', { id: 4, text: 'offline' });
  await desk.time.advance(100);
  older.isReachable = true;
  older.host.wake();
  await desk.time.advance(1_000);
  const items = 'SELECT id FROM item ORDER BY id';
  expect(rows(older, items)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }]);
  expect(rows(newer, items)).toEqual(rows(older, items));

  expect(older.client.counters.checked).toBeGreaterThan(0);
  expect(older.client.counters.differences).toBe(0);

  // So does the next start, from what was kept.
  await older.client.close();
  const again = await desk.seat({ module: version(false), store, isReachable: false });
  call(again, 'put', { id: 5, text: 'kept' });
  expect(rows(again, items)).toHaveLength(5);
  again.isReachable = true;
  await desk.time.advance(20_000);
  expect(again.client.status).toMatchObject({ type: 'live', pending: 0 });
  expect(rows(newer, items)).toEqual(rows(again, items));
});
