/** What the crash tests count: each call leaves one row that nobody else leaves, and moves money that never gets more. */

import { SenderError, schema, table, t } from 'forerun';

export const accounts = 10;
export const balance = 1_000n;

const entry = table(
  { name: 'entry', public: true },
  { id: t.u64().primaryKey().autoInc(), client: t.u32(), n: t.u32() },
);
const account = table({ name: 'account', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });

const bank = schema({ entry, account });
export default bank;

export const init = bank.init((ctx) => {
  for (let id = 0; id < accounts; id++) ctx.db.account.insert({ id, balance });
});

export const move = bank.reducer(
  { client: t.u32(), n: t.u32(), from: t.u32(), to: t.u32() },
  (ctx, { client, n, from, to }) => {
    const source = ctx.db.account.id.find(from);
    const target = ctx.db.account.id.find(to);
    if (source === null || target === null || from === to) throw new SenderError('no such accounts');
    ctx.db.entry.insert({ id: 0n, client, n });
    ctx.db.account.id.update({ ...source, balance: source.balance - 1n });
    ctx.db.account.id.update({ ...target, balance: target.balance + 1n });
  },
);
