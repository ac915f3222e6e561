/** The accounts of the transfer benchmark, and two clocks that tick sixty times a second: one that skips what it has missed and one that catches up. */

import { ScheduleAt, SenderError, schema, table, t } from 'forerun';
import { accountCount, initialBalance } from '../transfer/module.ts';

export const ticksPerSecond = 60;
/** Whole microseconds, as intervals are. */
export const intervalMicros: number = Math.round(1_000_000 / ticksPerSecond);

const account = table({ name: 'account', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });
const skipping = table({}, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
const catchingUp = table({}, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
const world = table({ public: true }, { id: t.u32().primaryKey(), step: t.u64() });

const game = schema({ account, skipping, catchingUp, world });
export default game;

/** Rows of `world`, one for each clock. */
export const clocks = { skip: 1, catchUp: 2 } as const;

export const init = game.init((ctx) => {
  for (let id = 0; id < accountCount; id++) ctx.db.account.insert({ id, balance: initialBalance });
  for (const id of Object.values(clocks)) ctx.db.world.insert({ id, step: 0n });
  const at = ScheduleAt.interval(BigInt(intervalMicros));
  ctx.db.skipping.insert({ id: 0n, at });
  ctx.db.catchingUp.insert({ id: 0n, at });
});

export const skip = game.reducer({ onSchedule: skipping }, { row: skipping.rowType }, (ctx) => {
  const row = ctx.db.world.id.find(clocks.skip);
  if (row !== null) ctx.db.world.id.update({ ...row, step: row.step + 1n });
});
export const catchUp = game.reducer(
  { onSchedule: catchingUp, whenLate: 'catchUp' },
  { row: catchingUp.rowType },
  (ctx) => {
    const row = ctx.db.world.id.find(clocks.catchUp);
    if (row !== null) ctx.db.world.id.update({ ...row, step: row.step + 1n });
  },
);

export const transfer = game.reducer({ from: t.u32(), to: t.u32(), amount: t.i64() }, (ctx, { from, to, amount }) => {
  const source = ctx.db.account.id.find(from);
  const target = ctx.db.account.id.find(to);
  if (source === null || target === null) throw new SenderError('no such account');
  if (from === to || source.balance < amount) throw new SenderError('no such transfer');
  ctx.db.account.id.update({ ...source, balance: source.balance - amount });
  ctx.db.account.id.update({ ...target, balance: target.balance + amount });
});
