/** The chat: who is there, and what was said. The same code runs on the server and, ahead of it, in every page. */

import { SenderError, schema, t, table } from 'forerun';

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

export const setName = chat.reducer({ name: t.string() }, (ctx, { name: wanted }) => {
  const name = wanted.trim();
  if (name === '') throw new SenderError('A name needs at least one letter.');
  if (name.length > 40) throw new SenderError('A name has at most 40 letters.');
  for (const other of ctx.db.user.iter()) {
    if (other.name === name && !other.identity.isEqual(ctx.sender)) throw new SenderError(`${name} is taken.`);
  }
  const me = ctx.db.user.identity.find(ctx.sender);
  if (!me) throw new SenderError('Connect first.');
  ctx.db.user.identity.update({ ...me, name });
});

export const sendMessage = chat.reducer({ text: t.string() }, (ctx, { text }) => {
  if (text.trim() === '') throw new SenderError('There is nothing to send.');
  if (text.length > 4_000) throw new SenderError('A message has at most 4,000 letters.');
  ctx.db.message.insert({ sender: ctx.sender, sent: ctx.timestamp, text });
});

export const onConnect = chat.clientConnected((ctx) => {
  const me = ctx.db.user.identity.find(ctx.sender);
  if (me) ctx.db.user.identity.update({ ...me, online: true });
  else ctx.db.user.insert({ identity: ctx.sender, online: true });
});

export const onDisconnect = chat.clientDisconnected((ctx) => {
  const me = ctx.db.user.identity.find(ctx.sender);
  if (me) ctx.db.user.identity.update({ ...me, online: false });
});
