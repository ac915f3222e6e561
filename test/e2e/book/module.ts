/** A book in which everybody counts what they note. */

import { SenderError, schema, t, table } from 'forerun';

const entry = table({ name: 'entry', public: true }, { id: t.string().primaryKey(), times: t.u32() });
const book = schema({ entry });
export default book;

export const note = book.reducer({ id: t.string() }, (ctx, { id }) => {
  if (id === '') throw new SenderError('nothing to note');
  const known = ctx.db.entry.id.find(id);
  if (known === null) ctx.db.entry.insert({ id, times: 1 });
  else ctx.db.entry.id.update({ id, times: known.times + 1 });
});
