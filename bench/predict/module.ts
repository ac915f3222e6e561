/** The module of the predict benchmark: 100,000 rows in rooms of 100, and a call that changes one of them. */

import { defineModule, schema, table, t } from 'forerun';

export const rowCount = 100_000;
export const roomRows = 100;

const item = table(
  { name: 'item', public: true },
  { id: t.u32().primaryKey(), room: t.u32().index(), score: t.i64(), text: t.string() },
);
const shop = schema({ item });
export default shop;

/** The database's own, to have rows. */
export const fill = shop.reducer({ from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
  for (let id = from; id < to; id++)
    ctx.db.item.insert({ id, room: Math.floor(id / roomRows), score: 0n, text: `item ${id}` });
});

export const bump = shop.reducer({ id: t.u32() }, (ctx, { id }) => {
  const row = ctx.db.item.id.find(id);
  if (row !== null) ctx.db.item.id.update({ ...row, score: row.score + 1n });
});

export const definition = defineModule({ default: shop, fill, bump });
