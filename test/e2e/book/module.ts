/** A book in which everybody counts what they note, and confides what may be hidden from them again. */

import { SenderError, schema, t, table } from 'forerun';

const entry = table({ name: 'entry', public: true }, { id: t.string().primaryKey(), times: t.u32() });
const secret = table({ name: 'secret', public: true }, { id: t.string().primaryKey(), text: t.string() });
const reader = table({ name: 'reader' }, { secret: t.string().primaryKey(), who: t.identity() });
const book = schema({ entry, secret, reader });
export default book;

export const note = book.reducer({ id: t.string() }, (ctx, { id }) => {
  if (id === '') throw new SenderError('nothing to note');
  const known = ctx.db.entry.id.find(id);
  if (known === null) ctx.db.entry.insert({ id, times: 1 });
  else ctx.db.entry.id.update({ id, times: known.times + 1 });
});

export const seesOwn = book.clientVisibilityFilter.sql(
  'SELECT secret.* FROM secret JOIN reader ON reader.secret = secret.id WHERE reader.who = :sender',
);
/** What it tells is none of the caller's words, so that these are not to be found among the calls either. */
export const confide = book.reducer({ predict: false }, { id: t.string() }, (ctx, { id }) => {
  ctx.db.secret.insert({ id, text: [...id].reverse().join('') });
  ctx.db.reader.insert({ secret: id, who: ctx.sender });
});
/** The row stays as it is, and somebody else's. */
export const withdraw = book.reducer({ predict: false }, { id: t.string() }, (ctx, { id }) => {
  ctx.db.reader.secret.delete(id);
});
