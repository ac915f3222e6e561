/** Accounts as in the transfer benchmark, opened by calls of a thousand. */

import { schema, table, t } from 'forerun';

const account = table({ name: 'account', public: true }, { id: t.u32().primaryKey(), balance: t.i64() });

const bank = schema({ account });
export default bank;

export const open = bank.reducer({ first: t.u32(), count: t.u32() }, (ctx, { first, count }) => {
  for (let id = first; id < first + count; id++) ctx.db.account.insert({ id, balance: 1_000_000_000n });
});
