/**
 * The module that simulated clients play: a bank whose money is conserved, notes with everything that derives from a call
 * (autoInc, time, chance, uuids), rooms full of range reads and phantoms, and rows by which a client knows its own calls.
 */

import { SenderError } from '../../core/errors.ts';
import { t } from '../../core/module/column.ts';
import type { ReducerCtx } from '../../core/module/context.ts';
import { defineModule } from '../../core/module/module.ts';
import { Range } from '../../core/module/range.ts';
import { type InferSchema, schema } from '../../core/module/schema.ts';
import { table } from '../../core/module/table.ts';

export const accountCount = 6;
export const accountBalance = 100n;
export const memberCount = 8;

const account = table({ name: 'account', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });
const note = table(
  { name: 'note', public: true },
  {
    id: t.u64().primaryKey().autoInc(),
    room: t.u32().index(),
    text: t.string(),
    by: t.identity(),
    at: t.timestamp(),
    lucky: t.u32(),
    mark: t.uuid(),
  },
);
const member = table(
  { name: 'member', public: true, indexes: [{ accessor: 'place', algorithm: 'btree', columns: ['room', 'pos'] }] },
  { id: t.u32().primaryKey(), room: t.u32(), pos: t.i32() },
);
const stat = table({ name: 'stat', public: true }, { name: t.string().primaryKey(), value: t.i64() });
/** One row per client, written by that client alone: how many calls of `count` it has made. */
const counter = table({ name: 'counter', public: true }, { client: t.string().primaryKey(), calls: t.u32() });
const sticker = table({ name: 'sticker', public: true }, { owner: t.u32().index(), label: t.string() });
const presence = table(
  { name: 'presence', public: true },
  { connection: t.connectionId().primaryKey(), who: t.identity() },
);
/** Told and kept nowhere. */
const cheer = table({ name: 'cheer', public: true, event: true }, { cry: t.string(), by: t.identity() });
const ledger = table({ name: 'ledger' }, { id: t.u64().primaryKey().autoInc(), amount: t.i64() });

const town = schema({ account, note, member, stat, counter, sticker, presence, cheer, ledger });
type Ctx = ReducerCtx<InferSchema<typeof town>>;

const init = town.init((ctx) => {
  for (let id = 0; id < accountCount; id++) ctx.db.account.insert({ id, balance: accountBalance });
  for (let id = 0; id < memberCount; id++) ctx.db.member.insert({ id, room: id % 2, pos: id });
});

const arrive = town.clientConnected((ctx) => {
  if (ctx.connectionId !== null) ctx.db.presence.insert({ connection: ctx.connectionId, who: ctx.sender });
});

const leave = town.clientDisconnected((ctx) => {
  if (ctx.connectionId !== null) ctx.db.presence.connection.delete(ctx.connectionId);
});

function setStat(ctx: Ctx, name: string, value: bigint): void {
  if (ctx.db.stat.name.find(name) === null) ctx.db.stat.insert({ name, value });
  else ctx.db.stat.name.update({ name, value });
}

const transfer = town.reducer({ from: t.u32(), to: t.u32(), amount: t.i64() }, (ctx, { from, to, amount }) => {
  const payer = ctx.db.account.id.find(from);
  if (payer === null || payer.balance < amount) throw new SenderError('insufficient funds');
  ctx.db.account.id.update({ ...payer, balance: payer.balance - amount });
  const payee = ctx.db.account.id.find(to);
  if (payee === null) throw new SenderError('no such account');
  ctx.db.account.id.update({ ...payee, balance: payee.balance + amount });
});

/** The bank keeps this in a table that clients don't have. */
const auditedTransfer = town.reducer({ from: t.u32(), to: t.u32(), amount: t.i64() }, (ctx, args) => {
  transfer(ctx, args);
  ctx.db.ledger.insert({ id: 0n, amount: args.amount });
});

const write = town.reducer({ room: t.u32(), text: t.string() }, (ctx, { room, text }) => {
  ctx.db.note.insert({
    id: 0n,
    room,
    text,
    by: ctx.sender,
    at: ctx.timestamp,
    lucky: ctx.random.integerInRange(0, 999),
    mark: ctx.newUuidV7(),
  });
});

/** Writes first and throws afterwards, if the account has less. */
const writeIfRich = town.reducer({ text: t.string(), id: t.u32(), least: t.i64() }, (ctx, { text, id, least }) => {
  write(ctx, { room: 9, text });
  if ((ctx.db.account.id.find(id)?.balance ?? 0n) < least) throw new SenderError('too poor to write');
});

const count = town.reducer({ client: t.string() }, (ctx, { client }) => {
  const known = ctx.db.counter.client.find(client);
  if (known === null) ctx.db.counter.insert({ client, calls: 1 });
  else ctx.db.counter.client.update({ client, calls: known.calls + 1 });
});

const enter = town.reducer({ id: t.u32(), room: t.u32() }, (ctx, { id, room }) => {
  const known = ctx.db.member.id.find(id);
  if (known === null) ctx.db.member.insert({ id, room, pos: 0 });
  else if (known.room === room) ctx.db.member.id.delete(id);
  else ctx.db.member.id.update({ ...known, room });
});

/** Members enter and leave the range while it is walked. */
const shove = town.reducer(
  { room: t.u32(), from: t.i32(), to: t.i32(), by: t.i32() },
  (ctx, { room, from, to, by }) => {
    const range = new Range({ tag: 'included', value: from }, { tag: 'included', value: to });
    for (const each of [...ctx.db.member.place.filter([room, range])])
      ctx.db.member.id.update({ ...each, pos: (each.pos + by) % 12 });
  },
);

/** Writes down who is in a room and where: a function of exactly the rows in a range. */
const survey = town.reducer({ room: t.u32() }, (ctx, { room }) => {
  setStat(ctx, `room ${room}`, surveyOf(ctx.db.member.place.filter(room)));
});

/** Members of one room, by place. */
export function surveyOf(members: Iterable<{ readonly id: number; readonly pos: number }>): bigint {
  let sum = 0n;
  for (const { id, pos } of members) sum = sum * 131n + BigInt(id * 13 + pos);
  return sum % 1_000_003n;
}

const census = town.reducer({}, (ctx) => setStat(ctx, 'members', ctx.db.member.count()));

const stick = town.reducer({ owner: t.u32(), label: t.string() }, (ctx, row) => {
  ctx.db.sticker.insert(row);
});

const unstick = town.reducer({ owner: t.u32() }, (ctx, { owner }) => {
  if (ctx.db.sticker.owner.delete(owner) === 0) throw new SenderError('nothing sticks there');
});

/** It looks at what others change, so that it runs again. */
const shout = town.reducer({ cry: t.string() }, (ctx, { cry }) => {
  if (ctx.db.member.count() === 0n) throw new SenderError('nobody is there to hear it');
  ctx.db.cheer.insert({ cry, by: ctx.sender });
});

const lottery = town.reducer({ predict: false }, { id: t.u32() }, (ctx, { id }) => {
  setStat(ctx, `lottery ${id}`, ctx.random.bigintInRange(0n, 999_999n));
});

export const module = {
  default: town,
  init,
  arrive,
  leave,
  transfer,
  auditedTransfer,
  write,
  writeIfRich,
  count,
  enter,
  shove,
  survey,
  census,
  stick,
  unstick,
  shout,
  lottery,
};
export const definition = defineModule(module);
