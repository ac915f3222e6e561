/** The module of SpacetimeDB's keynote benchmark: accounts, and transfers between them. */

import { SenderError } from '../errors.ts';
import { t } from './column.ts';
import { schema } from './schema.ts';
import { table } from './table.ts';

const accounts = table({ name: 'accounts', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });

const bank = schema({ accounts });
export default bank;

export const seed = bank.reducer({ count: t.u32(), balance: t.i64() }, (ctx, { count, balance }) => {
  ctx.db.accounts.clear();
  for (let id = 0; id < count; id++) ctx.db.accounts.insert({ id, balance });
});

export const transfer = bank.reducer({ from: t.u32(), to: t.u32(), amount: t.i64() }, (ctx, { from, to, amount }) => {
  if (from === to) return;
  const payer = ctx.db.accounts.id.find(from);
  const payee = ctx.db.accounts.id.find(to);
  if (!payer || !payee) throw new SenderError('There is no such account.');
  if (payer.balance < amount) throw new SenderError('Not enough funds.');
  ctx.db.accounts.id.update({ id: from, balance: payer.balance - amount });
  ctx.db.accounts.id.update({ id: to, balance: payee.balance + amount });
});
