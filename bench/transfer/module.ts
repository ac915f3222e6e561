/** The workload that SpacetimeDB publishes figures for: transfers between 100,000 accounts. */

import { SenderError, schema, table, t } from 'forerun';

export const accountCount = 100_000;
export const initialBalance = 1_000_000_000n;

/** Making the accounts may take longer than a call may on a machine that others use too. */
export const initLimits = { callMsMax: 60_000 };

const account = table({ name: 'account', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });

const bank = schema({ account });
export default bank;

export const init = bank.init((ctx) => {
  for (let id = 0; id < accountCount; id++) ctx.db.account.insert({ id, balance: initialBalance });
});

export const transfer = bank.reducer({ from: t.u32(), to: t.u32(), amount: t.i64() }, (ctx, { from, to, amount }) => {
  if (from === to) throw new SenderError('same account');
  if (amount <= 0n) throw new SenderError('amount must be positive');
  const source = ctx.db.account.id.find(from);
  const target = ctx.db.account.id.find(to);
  if (source === null || target === null) throw new SenderError('no such account');
  if (source.balance < amount) throw new SenderError('insufficient funds');
  ctx.db.account.id.update({ ...source, balance: source.balance - amount });
  ctx.db.account.id.update({ ...target, balance: target.balance + amount });
});
