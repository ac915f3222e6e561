/** A chat, as SpacetimeDB's first tutorial builds one: users who are online or not, and what they say. */

import { SenderError } from '../errors.ts';
import { t } from './column.ts';
import { schema } from './schema.ts';
import { table } from './table.ts';

const user = table(
  { name: 'user', public: true },
  { identity: t.identity().primaryKey(), name: t.string().optional(), online: t.bool() },
);

const message = table(
  { name: 'message', public: true },
  { sender: t.identity(), sent: t.timestamp(), text: t.string() },
);

const chat = schema({ user, message });
export default chat;

export const set_name = chat.reducer({ name: t.string() }, (ctx, { name }) => {
  if (name === '') throw new SenderError('A name needs a letter.');
  const known = ctx.db.user.identity.find(ctx.sender);
  if (!known) throw new SenderError('Connect first.');
  ctx.db.user.identity.update({ ...known, name });
});

export const send_message = chat.reducer({ text: t.string() }, (ctx, { text }) => {
  if (text === '') throw new SenderError('There is nothing to say.');
  ctx.db.message.insert({ sender: ctx.sender, sent: ctx.timestamp, text });
});

export const init = chat.init((ctx) => {
  ctx.db.message.insert({ sender: ctx.sender, sent: ctx.timestamp, text: 'Welcome.' });
});

export const onConnect = chat.clientConnected((ctx) => {
  const known = ctx.db.user.identity.find(ctx.sender);
  if (known) ctx.db.user.identity.update({ ...known, online: true });
  else ctx.db.user.insert({ identity: ctx.sender, online: true });
});

export const onDisconnect = chat.clientDisconnected((ctx) => {
  const known = ctx.db.user.identity.find(ctx.sender);
  if (known) ctx.db.user.identity.update({ ...known, online: false });
});
