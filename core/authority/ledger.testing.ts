/** A module whose rows tell what ran, as whom, when, and how often. */

import { SenderError } from '../errors.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';

const tables = {
  entry: table(
    { public: true },
    { id: t.u64().primaryKey().autoInc(), by: t.identity(), text: t.string(), at: t.timestamp() },
  ),
  total: table({ public: true }, { name: t.string().primaryKey(), value: t.i64() }),
  online: table({ public: true }, { connection: t.connectionId().primaryKey(), who: t.identity() }),
  ended: table({ public: true }, { connection: t.connectionId().primaryKey(), times: t.u32() }),
  hidden: table({}, { id: t.u8().primaryKey().autoInc(), text: t.string() }),
  narrow: table({ public: true }, { id: t.u8().primaryKey().autoInc() }),
  flash: table({ public: true, event: true }, { text: t.string() }),
} as const;

const ledger = schema(tables);
export default ledger;

/** A sender whom `clientConnected` turns away. */
export const unwanted = 66n;

export const write = ledger.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.entry.insert({ id: 0n, by: ctx.sender, text, at: ctx.timestamp });
});

export const add = ledger.reducer({ name: t.string(), value: t.i64() }, (ctx, { name, value }) => {
  const row = ctx.db.total.name.find(name);
  if (row) ctx.db.total.name.update({ name, value: row.value + value });
  else ctx.db.total.insert({ name, value });
});

export const drop = ledger.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.total.name.delete(name);
});

export const refuse = ledger.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.entry.insert({ id: 0n, by: ctx.sender, text, at: ctx.timestamp });
  throw new SenderError(text);
});

export const crash = ledger.reducer(() => {
  throw new TypeError('a bug');
});

export const nothing = ledger.reducer(() => {});

export const hide = ledger.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.hidden.insert({ id: 0, text });
});

export const squeeze = ledger.reducer((ctx) => {
  ctx.db.narrow.insert({ id: 0 });
});

export const shine = ledger.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.flash.insert({ text });
});

export const roll = ledger.reducer({ predict: false }, { name: t.string() }, (ctx, { name }) => {
  ctx.db.total.insert({ name, value: BigInt(ctx.random.uint32()) });
});

/** Something of everyone's business, and something of nobody's. */
export const mix = ledger.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.hidden.insert({ id: 0, text: `hidden ${text}` });
  ctx.db.entry.insert({ id: 0n, by: ctx.sender, text, at: ctx.timestamp });
  ctx.db.hidden.insert({ id: 0, text: `hidden ${text}` });
  ctx.db.total.insert({ name: text, value: 1n });
});

/** Many rows of one value. */
export const fill = ledger.reducer({ from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
  for (let i = from; i < to; i++) ctx.db.total.insert({ name: `k${i}`, value: 0n });
});

export const start = ledger.init((ctx) => {
  ctx.db.total.insert({ name: 'started', value: 1n });
});

export const connect = ledger.clientConnected((ctx) => {
  if (ctx.sender.__identity__ === unwanted) throw new SenderError('Not you.');
  if (ctx.connectionId) ctx.db.online.insert({ connection: ctx.connectionId, who: ctx.sender });
});

export const disconnect = ledger.clientDisconnected((ctx) => {
  const connection = ctx.connectionId;
  if (!connection) return;
  ctx.db.online.connection.delete(connection);
  const row = ctx.db.ended.connection.find(connection);
  if (row) ctx.db.ended.connection.update({ connection, times: row.times + 1 });
  else ctx.db.ended.insert({ connection, times: 1 });
});
