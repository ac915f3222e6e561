/** A module with rows that are there as long as those who made them are. */

import { SenderError } from '../errors.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { ScheduleAt } from '../value/schedule-at.ts';

const cursor = table({ public: true, ephemeral: true }, { id: t.connectionId().primaryKey(), x: t.i32(), y: t.i32() });
const ball = table(
  { public: true, ephemeral: { sendsPerSecondMax: 10 } },
  { id: t.u32().primaryKey(), x: t.i32(), by: t.connectionId() },
);
const mark = table({ public: true }, { id: t.u32().primaryKey(), x: t.i32(), by: t.connectionId() });
const clock = table({}, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });

const rare = table({ public: true, ephemeral: { sendsPerSecondMax: 0.1 } }, { id: t.u32().primaryKey(), x: t.i32() });

const plaza = schema({ cursor, ball, mark, clock, rare });
export default plaza;

export const aim = plaza.reducer({ x: t.i32(), y: t.i32() }, (ctx, { x, y }) => {
  const id = ctx.connectionId;
  if (id === null) throw new SenderError('nobody is there');
  if (x < 0) throw new SenderError('out of the plaza');
  const known = ctx.db.cursor.id.find(id);
  if (known) ctx.db.cursor.id.update({ ...known, x, y });
  else ctx.db.cursor.insert({ id, x, y });
});
export const leave = plaza.reducer((ctx) => {
  if (ctx.connectionId) ctx.db.cursor.id.delete(ctx.connectionId);
});
/** An ordinary row out of an ephemeral one, and a change of both. */
export const stamp = plaza.reducer({ id: t.u32() }, (ctx, { id }) => {
  const by = ctx.connectionId;
  const own = by && ctx.db.cursor.id.find(by);
  if (!by || !own) throw new SenderError('aim first');
  ctx.db.mark.insert({ id, x: own.x, by });
  ctx.db.cursor.id.update({ ...own, x: own.x + 1 });
});
/** Whoever throws first has it; others only move it. */
export const toss = plaza.reducer({ id: t.u32(), x: t.i32() }, (ctx, { id, x }) => {
  const known = ctx.db.ball.id.find(id);
  if (known) ctx.db.ball.id.update({ ...known, x });
  else if (ctx.connectionId) ctx.db.ball.insert({ id, x, by: ctx.connectionId });
});
/** The authority knows better than the client that predicts it. */
export const guess = plaza.reducer({ id: t.u32() }, (ctx, { id }) => {
  if (!ctx.connectionId) throw new SenderError('nobody is there');
  const x = Number([...ctx.db.mark.iter()].length);
  const known = ctx.db.ball.id.find(id);
  if (known) ctx.db.ball.id.update({ ...known, x });
  else ctx.db.ball.insert({ id, x, by: ctx.connectionId });
});
export const post = plaza.reducer({ id: t.u32(), x: t.i32() }, (ctx, row) => {
  const known = ctx.db.rare.id.find(row.id);
  if (known) ctx.db.rare.id.update(row);
  else ctx.db.rare.insert(row);
});
export const plant = plaza.reducer({ id: t.u32(), x: t.i32() }, (ctx, { id, x }) => {
  if (ctx.connectionId) ctx.db.mark.insert({ id, x, by: ctx.connectionId });
});
export const wind = plaza.reducer({ micros: t.i64() }, (ctx, { micros }) => {
  ctx.db.clock.insert({ id: 0n, at: ScheduleAt.interval(micros) });
});
/** A ball of nobody's, moved by the clock. */
export const tick = plaza.reducer({ onSchedule: clock }, { row: clock.rowType }, (ctx) => {
  const known = ctx.db.ball.id.find(99);
  if (known) ctx.db.ball.id.update({ ...known, x: known.x + 1 });
  else ctx.db.ball.insert({ id: 99, x: 0, by: new ConnectionId(0n) });
});
