/** A table of a hundred rows that everybody watches. */

import { schema, table, t } from 'forerun';

const cell = table(
  { name: 'cell', public: true },
  { id: t.u32().primaryKey(), x: t.f64(), y: t.f64(), label: t.string() },
);

const board = schema({ cell });
export default board;

/** So long that a commit is about a hundred bytes on the wire. */
const label = 'a label of about forty-eight bytes, as rows have them';

export const init = board.init((ctx) => {
  for (let id = 0; id < 100; id++) ctx.db.cell.insert({ id, x: 0, y: 0, label });
});

export const move = board.reducer({ id: t.u32(), x: t.f64(), y: t.f64() }, (ctx, { id, x, y }) => {
  ctx.db.cell.id.update({ id, x, y, label });
});
