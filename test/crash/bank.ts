/** A bank that keeps a receipt of every transfer, so that one which ran twice, half or not at all shows. */

import { t } from '../../core/module/column.ts';
import { schema } from '../../core/module/schema.ts';
import { table } from '../../core/module/table.ts';

export const accountCount = 50;
export const initialBalance = 1_000;

const account = table({ name: 'account', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });
const receipt = table(
  { name: 'receipt', public: true },
  { id: t.string().primaryKey(), times: t.u32(), from: t.u32(), to: t.u32(), amount: t.i64() },
);
const online = table({ name: 'online', public: true }, { connection: t.connectionId().primaryKey() });

const bank = schema({ account, receipt, online });
export default bank;

export const init = bank.init((ctx) => {
  for (let id = 0; id < accountCount; id++) ctx.db.account.insert({ id, balance: BigInt(initialBalance) });
});

export const came = bank.clientConnected((ctx) => {
  if (ctx.connectionId !== null) ctx.db.online.insert({ connection: ctx.connectionId });
});

export const went = bank.clientDisconnected((ctx) => {
  if (ctx.connectionId !== null) ctx.db.online.connection.delete(ctx.connectionId);
});

export const transfer = bank.reducer(
  { id: t.string(), from: t.u32(), to: t.u32(), amount: t.i64() },
  (ctx, { id, from, to, amount }) => {
    const payer = ctx.db.account.id.find(from);
    if (!payer) throw new Error(`no account ${from}`);
    ctx.db.account.id.update({ ...payer, balance: payer.balance - amount });
    const payee = ctx.db.account.id.find(to);
    if (!payee) throw new Error(`no account ${to}`);
    ctx.db.account.id.update({ ...payee, balance: payee.balance + amount });
    const known = ctx.db.receipt.id.find(id);
    if (known) ctx.db.receipt.id.update({ ...known, times: known.times + 1 });
    else ctx.db.receipt.insert({ id, times: 1, from, to, amount });
  },
);
