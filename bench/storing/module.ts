/** Rows that others change while a client keeps them. */

import { schema, t, table } from 'forerun';

const item = table({ name: 'item', public: true }, { id: t.u32().primaryKey(), count: t.u32(), text: t.string() });
const items = schema({ item });
export default items;

export const fill = items.reducer({ predict: false }, { from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
  for (let id = from; id < to; id++) ctx.db.item.insert({ id, count: 0, text: `what there is to say of number ${id}` });
});
export const bump = items.reducer({ predict: false }, { id: t.u32() }, (ctx, { id }) => {
  const row = ctx.db.item.id.find(id);
  if (row === null) ctx.db.item.insert({ id, count: 0, text: `what there is to say of number ${id}` });
  else ctx.db.item.id.update({ ...row, count: row.count + 1 });
});
export const drop = items.reducer({ predict: false }, { id: t.u32() }, (ctx, { id }) => {
  ctx.db.item.id.delete(id);
});
