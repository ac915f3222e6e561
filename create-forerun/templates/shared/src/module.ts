/**
 * The module: the tables of this app, and the reducers that change them. It runs on the server, which decides, and ahead
 * of it in every client, so that what someone does is on screen at once.
 */

import { schema, SenderError, t, table } from 'forerun';

const item = table(
  { name: 'item', public: true },
  {
    id: t.u64().primaryKey().autoInc(),
    text: t.string(),
    done: t.bool(),
    by: t.identity(),
    added: t.timestamp(),
  },
);

const list = schema({ item });
export default list;

/** Puts something on the list. `id: 0n` asks for the next free number. */
export const add = list.reducer({ text: t.string() }, (ctx, { text }) => {
  if (text.trim() === '') throw new SenderError('There is nothing to add.');
  ctx.db.item.insert({ id: 0n, text: text.trim(), done: false, by: ctx.sender, added: ctx.timestamp });
});

/** Ticks an item off, or takes that back. */
export const toggle = list.reducer({ id: t.u64() }, (ctx, { id }) => {
  const found = ctx.db.item.id.find(id);
  if (!found) throw new SenderError('Someone has removed it.');
  ctx.db.item.id.update({ ...found, done: !found.done });
});

export const remove = list.reducer({ id: t.u64() }, (ctx, { id }) => {
  ctx.db.item.id.delete(id);
});

/** Runs once, when the database is made. */
export const init = list.init((ctx) => {
  const text = 'Open this page in a second window';
  ctx.db.item.insert({ id: 0n, text, done: false, by: ctx.sender, added: ctx.timestamp });
});
