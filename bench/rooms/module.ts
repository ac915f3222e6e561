/** The module of the rooms benchmark: messages in rooms. */

import { schema, t, table } from 'forerun';

const message = table(
  { name: 'message', public: true },
  { id: t.u64().primaryKey().autoInc(), room: t.u32().index(), text: t.string() },
);
const rooms = schema({ message });
export default rooms;

export const say = rooms.reducer({ room: t.u32(), text: t.string() }, (ctx, { room, text }) => {
  ctx.db.message.insert({ id: 0n, room, text });
});
/** For a snapshot of many rows. */
export const fill = rooms.reducer({ from: t.u32(), count: t.u32() }, (ctx, { from, count }) => {
  for (let i = 0; i < count; i++) ctx.db.message.insert({ id: BigInt(from + i + 1), room: 0, text: `message ${i}` });
});
