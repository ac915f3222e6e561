/** A module whose reducers run by the clock. */

import { SenderError } from '../errors.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { ScheduleAt } from '../value/schedule-at.ts';

const beat = table({ public: true }, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt(), what: t.string() });
const chase = table({}, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt(), left: t.u32() });
const run = table(
  { public: true },
  {
    id: t.u64().primaryKey().autoInc(),
    what: t.string(),
    at: t.timestamp(),
    by: t.identity(),
    internal: t.bool(),
    dice: t.u32(),
  },
);

const clockwork = schema({ beat, chase, run });
export default clockwork;

/** What a row of `beat` has to say decides what becomes of it. */
export const tick = clockwork.reducer({ onSchedule: beat }, { row: beat.rowType }, (ctx, { row }) => {
  if (row.what === 'idle') return;
  if (row.what === 'flood') {
    const what = 'x'.repeat(1_000_000);
    for (let n = 0; n < 40; n++)
      ctx.db.run.insert({ id: 0n, what, at: ctx.timestamp, by: ctx.sender, internal: true, dice: n });
    return;
  }
  if (row.what === 'throw') {
    ctx.db.run.insert({ id: 0n, what: 'thrown', at: ctx.timestamp, by: ctx.sender, internal: true, dice: 0 });
    throw new SenderError('as told');
  }
  ctx.db.run.insert({
    id: 0n,
    what: row.what,
    at: ctx.timestamp,
    by: ctx.sender,
    internal: ctx.connectionId === null && ctx.senderAuth.isInternal,
    dice: ctx.random.uint32(),
  });
  if (row.what === 'leave') ctx.db.beat.id.delete(row.id);
  if (row.what === 'again')
    ctx.db.beat.id.update({
      ...row,
      what: 'last',
      at: ScheduleAt.time(ctx.timestamp.microsSinceUnixEpoch + 1_000_000n),
    });
  if (row.what === 'rename') ctx.db.beat.id.update({ ...row, what: 'renamed' });
});
export const pursue = clockwork.reducer(
  { onSchedule: chase, whenLate: 'catchUp' },
  { row: chase.rowType },
  (ctx, { row }) => {
    if (row.left > 0) ctx.db.chase.id.update({ ...row, left: row.left - 1 });
  },
);

export const every = clockwork.reducer({ micros: t.i64(), what: t.string() }, (ctx, { micros, what }) => {
  ctx.db.beat.insert({ id: 0n, at: ScheduleAt.interval(micros), what });
});
export const once = clockwork.reducer({ micros: t.i64(), what: t.string() }, (ctx, { micros, what }) => {
  ctx.db.beat.insert({ id: 0n, at: ScheduleAt.time(ctx.timestamp.microsSinceUnixEpoch + micros), what });
});
export const follow = clockwork.reducer({ micros: t.i64(), left: t.u32() }, (ctx, { micros, left }) => {
  ctx.db.chase.insert({ id: 0n, at: ScheduleAt.interval(micros), left });
});
export const cancel = clockwork.reducer({ id: t.u64() }, (ctx, { id }) => {
  ctx.db.beat.id.delete(id);
});
export const move = clockwork.reducer({ id: t.u64(), micros: t.i64() }, (ctx, { id, micros }) => {
  const row = ctx.db.beat.id.find(id);
  if (row) ctx.db.beat.id.update({ ...row, at: ScheduleAt.interval(micros) });
});
export const rename = clockwork.reducer({ id: t.u64(), what: t.string() }, (ctx, { id, what }) => {
  const row = ctx.db.beat.id.find(id);
  if (row) ctx.db.beat.id.update({ ...row, what });
});
