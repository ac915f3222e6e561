/** Rows of two kilobytes, so that a reader who stops is behind soon. */

import { schema, table, t } from 'forerun';

export const rowCount = 1_000;

const cell = table({ public: true }, { id: t.u32().primaryKey(), n: t.u32(), text: t.string() });
const board = schema({ cell });
export default board;

export const set = board.reducer({ id: t.u32(), n: t.u32(), text: t.string() }, (ctx, row) => {
  if (ctx.db.cell.id.find(row.id)) ctx.db.cell.id.update(row);
  else ctx.db.cell.insert(row);
});
